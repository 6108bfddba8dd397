"""Attention and the cache it reads: one `attend`, one append-only `KVState`.

The cache of a batch lives in a *pool* of slots. A state names its slots and how much of them it has written; appending
writes in place, after the state's own length, so an older state stays good until somebody writes over what it had:

    pool slot 3:  [a b c d e . . .]        old: slot 3, length 3 (a b c)      new: slot 3, length 5 (a b c d e)

Going back is using `old` again. That overwrites d, so `new` is stale from then on; every write leaves a stamp at its
positions and wipes the stamps after them, and a state whose last stamp is gone raises `StaleState`.
Stacking states of one pool concatenates slot numbers and copies no key and no value.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from antiphon.errors import CapacityError, InputError, StaleState
from antiphon.nn.state import state, static

MATMUL_BELOW = 300  # positions; under this, on a CPU, plain products beat the fused kernel (its backward is slow)


def attend(
    q: Float[Tensor, "b h t d"],
    k: Float[Tensor, "b hk s d"],
    v: Float[Tensor, "b hk s d"],
    mask: Bool[Tensor, "..."] | None = None,
    scale: float | None = None,
) -> Float[Tensor, "b h t d"]:
    """Softmax attention; `mask` is true where a query may look. Fewer key heads than query heads are shared in groups."""
    if k.shape[1] != q.shape[1]:
        groups = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    if q.device.type == "cpu" and k.shape[2] < MATMUL_BELOW:
        scores = (q * scale) @ k.mT
        if mask is not None:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        return torch.softmax(scores.float(), dim=-1).to(v.dtype) @ v
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)


def causal_mask(num_queries: int, num_keys: int, device: torch.device) -> Bool[Tensor, "t s"]:
    """True where a key is not later than the query, the last query standing at the last key."""
    past = num_keys - num_queries
    return torch.ones(num_queries, num_keys, dtype=torch.bool, device=device).tril(past)


@state
class KVState:
    """Keys and values of every layer for `b` streams, in slots of a pool."""

    keys: Float[Tensor, "layers slots h capacity d"]
    values: Float[Tensor, "layers slots h capacity d"]
    stamps: Int[Tensor, "slots capacity"]  # which write each position holds; 0 for none
    clock: Int[Tensor, " one"]  # the last stamp given out by this pool
    slot: Int[Tensor, " b"]
    length: Int[Tensor, " b"]  # positions written by this stream
    stamp: Int[Tensor, " b"]  # the stamp at its last position; 0 while it is empty
    dense: bool = static(True)  # slots are 0, 1, ... b-1 of a pool of b: no gather is needed

    @property
    def capacity(self) -> int:
        """Positions that one slot can hold."""
        return self.keys.shape[3]

    def check(self, num_new: int) -> None:
        """Refuse a stale row and an overflow before anything is written (one synchronisation)."""
        held = self.stamps[self.slot, (self.length - 1).clamp(min=0)]
        stale = ((held != self.stamp) & (self.length > 0)).any()
        longest, is_stale = torch.stack([self.length.max(), stale.long()]).tolist()
        if is_stale:
            raise StaleState("this state's positions were overwritten by another use of its slot; fork it to keep both.")
        if longest + num_new > self.capacity:
            raise CapacityError(
                f"{longest + num_new} positions were asked of a cache of {self.capacity}; shorten the input or start with more."
            )

    def positions(self, num_new: int) -> Int[Tensor, "b t"]:
        """Where the next `num_new` positions of each stream stand."""
        return self.length[:, None] + torch.arange(num_new, device=self.length.device)

    def append(
        self, layer: int, k: Float[Tensor, "b h t d"], v: Float[Tensor, "b h t d"]
    ) -> tuple[Float[Tensor, "b h capacity d"], Float[Tensor, "b h capacity d"]]:
        """Write the new positions of one layer in place and give the whole rows back, unwritten tail included."""
        at = self.positions(k.shape[2])[:, None, :]  # b 1 t
        heads = torch.arange(k.shape[1], device=k.device)[None, :, None]  # 1 h 1
        index = (self.slot[:, None, None], heads, at)
        self.keys[layer].index_put_(index, k.to(self.keys.dtype))
        self.values[layer].index_put_(index, v.to(self.values.dtype))
        if self.dense:
            return self.keys[layer], self.values[layer]
        return self.keys[layer][self.slot], self.values[layer][self.slot]

    def mask(self, num_new: int) -> Bool[Tensor, "b 1 t capacity"]:
        """True where a new position may look: everything of its own stream that is not later than itself."""
        places = torch.arange(self.capacity, device=self.length.device)
        return places[None, None, None, :] <= self.positions(num_new)[:, None, :, None]

    def advance(self, num_new: int, count: Int[Tensor, " b"] | None = None) -> "KVState":
        """The state after `num_new` positions were appended, of which `count` (all by default) are real in each row."""
        count = torch.full_like(self.length, num_new) if count is None else count
        length, stamp = self.length + count, self.clock + 1
        places = torch.arange(self.capacity, device=length.device)[None]
        kept = torch.where(places < self.length[:, None], self.stamps[self.slot], torch.zeros_like(places))
        fresh = (places >= self.length[:, None]) & (places < length[:, None])
        touched = (count > 0)[:, None]
        now = torch.where(touched, torch.where(fresh, stamp, kept), self.stamps[self.slot])
        self.stamps.index_put_((self.slot,), now)
        self.clock.copy_(stamp)
        return replace(self, length=length, stamp=torch.where(count > 0, stamp, self.stamp))

    def _stack(*states: "KVState") -> "KVState":  # type: ignore[misc]
        first = states[0]
        if any(s.keys.data_ptr() != first.keys.data_ptr() for s in states):
            return _gather(states)
        joined = {n: torch.cat([getattr(s, n) for s in states]) for n in ("slot", "length", "stamp")}
        return replace(first, **joined, dense=False)

    def _row(self, index: int) -> "KVState":
        part = {n: getattr(self, n)[index : index + 1] for n in ("slot", "length", "stamp")}
        return replace(self, **part, dense=self.dense and self.keys.shape[1] == 1)

    def _select(self, old: "KVState", mask: Tensor) -> "KVState":
        if self.keys.data_ptr() != old.keys.data_ptr():
            raise InputError("the two states to choose between live in different pools; choose within one stream's past.")
        chosen = {n: torch.where(mask, getattr(self, n), getattr(old, n)) for n in ("length", "stamp")}
        return replace(self, **chosen)

    def _fork(self) -> "KVState":
        return _gather([self])


def _gather(states: "tuple[KVState, ...] | list[KVState]") -> KVState:
    """Copy the rows of several states into one new dense pool."""
    keys = torch.cat([s.keys[:, s.slot] for s in states], dim=1)
    values = torch.cat([s.values[:, s.slot] for s in states], dim=1)
    length, stamp = (torch.cat([getattr(s, n) for s in states]) for n in ("length", "stamp"))
    stamps = torch.cat([s.stamps[s.slot] for s in states])
    clock = torch.cat([s.clock for s in states]).amax(dim=0, keepdim=True)
    slot = torch.arange(len(length), device=length.device)
    return KVState(keys=keys, values=values, stamps=stamps, clock=clock, slot=slot, length=length, stamp=stamp)


def init_kv(
    num_layers: int, num_heads: int, head_dim: int, *, batch: int, capacity: int, like: Tensor
) -> KVState:
    """Empty caches for `batch` streams, in the dtype and on the device of `like`."""
    shape = (num_layers, batch, num_heads, capacity, head_dim)
    counter = torch.zeros(batch, dtype=torch.int64, device=like.device)
    return KVState(
        keys=like.new_zeros(shape),
        values=like.new_zeros(shape),
        stamps=torch.zeros(batch, capacity, dtype=torch.int64, device=like.device),
        clock=torch.zeros(1, dtype=torch.int64, device=like.device),
        slot=torch.arange(batch, device=like.device),
        length=counter,
        stamp=counter.clone(),
    )
