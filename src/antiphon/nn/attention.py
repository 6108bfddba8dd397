"""Attention and the cache it reads: one `attend`, one append-only `KVState`.

The cache of a batch lives in a *pool* of slots. A state names its slots and how much of them it has written; appending
writes in place, after the state's own length, so an older state stays good until somebody writes over what it had:

    pool slot 3:  [a b c d e . . .]        old: slot 3, length 3 (a b c)      new: slot 3, length 5 (a b c d e)

Going back is using `old` again. That overwrites d, so `new` is stale from then on; every write leaves a stamp at its
positions and wipes the stamps after them, and a state whose last stamp is gone raises `StaleState`.
Stacking states of one pool concatenates slot numbers and copies no key and no value. Where a batch is not its whole
pool in order, each step reads copies of its rows: an engine steps the whole pool and gives idle rows a `count` of 0.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from antiphon.errors import CapacityError, InputError, StaleState
from antiphon.nn.state import state, static

PLAIN_BELOW = 300  # keys; under this the backward of a CPU's fused kernel costs more than plain products


def attend(
    q: Float[Tensor, "b h t d"],
    k: Float[Tensor, "b hk s d"],
    v: Float[Tensor, "b hk s d"],
    mask: Bool[Tensor, "..."] | None = None,
    scale: float | None = None,
) -> Float[Tensor, "b h t d"]:
    """Softmax attention; `mask` is true where a query may look, and every query must be allowed to look somewhere.

    Fewer key heads than query heads are shared in groups, without repeating keys in memory where it can be helped: the
    heads of a single new position become a group of queries to their key head.
    """
    groups = q.shape[1] // k.shape[1]
    if q.requires_grad and q.device.type == "cpu" and k.shape[2] < PLAIN_BELOW:
        return _plain(q, k, v, mask, q.shape[-1] ** -0.5 if scale is None else scale)
    if groups > 1 and q.shape[2] == 1:
        asked = q.reshape(q.shape[0], k.shape[1], groups, q.shape[3])  # b h 1 d -> b hk h/hk d
        found = F.scaled_dot_product_attention(asked, k, v, attn_mask=mask, scale=scale)
        return found.reshape(*q.shape[:3], v.shape[3])  # b hk h/hk d -> b h 1 d
    if groups > 1 and q.device.type != "cpu":  # the masked kernels of a GPU know no groups
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale, enable_gqa=k.shape[1] != q.shape[1])


def _plain(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """The same by plain products, for training short sequences on a CPU."""
    groups = q.shape[1] // k.shape[1]
    if groups > 1:
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    scores = (q * scale) @ k.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1) @ v


def causal_mask(num_queries: int, num_keys: int, device: torch.device) -> Bool[Tensor, "t s"]:
    """True where a key is not later than the query, the last query standing at the last key."""
    past = num_keys - num_queries
    return torch.ones(num_queries, num_keys, dtype=torch.bool, device=device).tril(past)


def document_mask(document: Int[Tensor, "b t"]) -> tuple[Int[Tensor, "b 1 t"], Bool[Tensor, "b 1 t t"]]:
    """Positions and mask of documents packed into rows: each counts from 0 and looks at its own past only.

    `document` numbers the one that each position belongs to; neighbours of one number are one document.
    """
    t = document.shape[1]
    places = torch.arange(t, device=document.device).expand_as(document)
    begins = torch.ones_like(document, dtype=torch.bool)
    begins[:, 1:] = document[:, 1:] != document[:, :-1]
    first = torch.where(begins, places, 0).cummax(dim=-1).values  # where each position's document begins
    same = first[:, None, :, None] == first[:, None, None, :]
    return (places - first)[:, None], same & causal_mask(t, t, document.device)


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

    def check(self, num_new: int, count: Int[Tensor, " b"] | None = None) -> None:
        """Refuse a stale row and an overflow before anything is written (one synchronisation); idle rows pass."""
        held = self.stamps[self.slot, (self.length - 1).clamp(min=0)]
        active = torch.ones_like(self.length, dtype=torch.bool) if count is None else count > 0
        stale = ((held != self.stamp) & (self.length > 0) & active).any()
        longest, is_stale = torch.stack([(self.length * active).max(), stale.long()]).tolist()
        if is_stale:
            raise StaleState("a state's positions were overwritten by another use of its slot; fork it to keep both.")
        if longest + num_new > self.capacity:
            raise CapacityError(
                f"the cache holds {longest} of {self.capacity} positions and {num_new} more were asked; "
                "shorten the conversation or start with a larger cache."
            )

    def positions(self, num_new: int) -> Int[Tensor, "b t"]:
        """Where the next `num_new` positions of each stream stand."""
        return self.length[:, None] + torch.arange(num_new, device=self.length.device)

    def append(
        self,
        layer: int,
        k: Float[Tensor, "b h t d"],
        v: Float[Tensor, "b h t d"],
        count: Int[Tensor, " b"] | None = None,
    ) -> tuple[Float[Tensor, "b h capacity d"], Float[Tensor, "b h capacity d"]]:
        """Write the new positions of one layer in place and give the whole rows back, unwritten tail included.

        Rows with a `count` of 0 write nothing. Raises InputError where gradients are asked for: a cache carries none.
        """
        if torch.is_grad_enabled() and k.requires_grad:
            raise InputError("a cache carries no gradients; run without a state, or under torch.no_grad().")
        places = self.positions(k.shape[2])
        if count is not None:
            places = places.clamp(max=self.capacity - 1)  # an idle row may be full
        heads = torch.arange(k.shape[1], device=k.device)[None, :, None]  # 1 h 1
        index = (self.slot[:, None, None], heads, places[:, None, :])
        for pool, new in ((self.keys[layer], k), (self.values[layer], v)):
            new = new.to(pool.dtype)
            if count is not None:
                new = torch.where((count > 0)[:, None, None, None], new, pool[index])
            pool.index_put_(index, new)
        if self.dense:
            return self.keys[layer], self.values[layer]
        return self.keys[layer][self.slot], self.values[layer][self.slot]

    def attend(
        self,
        layer: int,
        q: Float[Tensor, "b h t d"],
        k: Float[Tensor, "b hk t d"],
        v: Float[Tensor, "b hk t d"],
        mask: Bool[Tensor, "..."] | None = None,
        count: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b h t d"]:
        """`append` the new positions of one layer, then look back from each over its whole row, where `mask` allows."""
        return attend(q, *self.append(layer, k, v, count), mask)

    def mask(self, num_new: int) -> Bool[Tensor, "b 1 t capacity"]:
        """True where a new position may look: everything of its own stream that is not later than itself."""
        places = torch.arange(self.capacity, device=self.length.device)
        return places[None, None, None, :] <= self.positions(num_new)[:, None, :, None]

    def advance(self, num_new: int, count: Int[Tensor, " b"] | None = None) -> "KVState":
        """The state after `num_new` positions were appended, of which `count` (all by default) are real in each row.

        What was written after a row's old length is this state's now: newer states of that slot become stale.
        """
        count = torch.full_like(self.length, num_new) if count is None else count
        length, stamp = self.length + count, self.clock + 1
        places = torch.arange(self.capacity, device=length.device)[None]
        held = self.stamps[self.slot]
        wiped = torch.where(places < length[:, None], stamp, torch.zeros_like(stamp))
        written = (places >= self.length[:, None]) & (count > 0)[:, None]
        self.stamps.index_put_((self.slot,), torch.where(written, wiped, held))
        self.clock.copy_(stamp)
        return replace(self, length=length, stamp=torch.where(count > 0, stamp, self.stamp))

    @staticmethod
    def _stack(*states: "KVState") -> "KVState":
        first = states[0]
        if any(s.keys.data_ptr() != first.keys.data_ptr() for s in states):
            return _gather(states)
        slot, length, stamp = _join(states)
        if len(torch.unique(slot)) < len(slot):
            raise InputError("two of the streams to stack share one slot of a cache; fork one of them first.")
        dense = torch.equal(slot, torch.arange(first.keys.shape[1], device=slot.device))
        return replace(first, slot=slot, length=length, stamp=stamp, dense=dense)

    def _row(self, index: int) -> "KVState":
        slot, length, stamp = (t[index][None] for t in (self.slot, self.length, self.stamp))
        return replace(self, slot=slot, length=length, stamp=stamp, dense=self.dense and self.keys.shape[1] == 1)

    def _select(self, old: "KVState", mask: Bool[Tensor, " b"]) -> "KVState":
        if self.keys.data_ptr() != old.keys.data_ptr():
            raise InputError("the states to choose between live in different pools; choose within one stream's past.")
        slot = torch.where(mask, self.slot, old.slot)
        length, stamp = torch.where(mask, self.length, old.length), torch.where(mask, self.stamp, old.stamp)
        return replace(self, slot=slot, length=length, stamp=stamp, dense=self.dense and old.dense)

    def _fork(self) -> "KVState":
        return _gather((self,))


def _join(states: tuple[KVState, ...]) -> tuple[Tensor, Tensor, Tensor]:
    slots, lengths, stamps = zip(*((s.slot, s.length, s.stamp) for s in states), strict=True)
    return torch.cat(slots), torch.cat(lengths), torch.cat(stamps)


def _gather(states: tuple[KVState, ...]) -> KVState:
    """Copy the rows of several states into one new dense pool, as long as the longest of theirs."""
    capacity = max(s.capacity for s in states)

    def own(pool: Tensor, s: KVState, slots: int, places: int) -> Tensor:
        rows = pool.index_select(slots, s.slot)
        return F.pad(rows, [0, 0] * (pool.dim() - 1 - places) + [0, capacity - s.capacity])

    keys = torch.cat([own(s.keys, s, 1, 3) for s in states], dim=1)
    values = torch.cat([own(s.values, s, 1, 3) for s in states], dim=1)
    stamps = torch.cat([own(s.stamps, s, 0, 1) for s in states])
    slot, length, stamp = _join(states)
    clock = torch.cat([s.clock for s in states]).amax(dim=0, keepdim=True)
    return KVState(
        keys=keys,
        values=values,
        stamps=stamps,
        clock=clock,
        slot=torch.arange(len(length), device=length.device),
        length=length,
        stamp=stamp,
        dense=True,
    )


def init_kv(num_layers: int, num_heads: int, head_dim: int, *, batch: int, capacity: int, like: Tensor) -> KVState:
    """Empty caches for `batch` streams, in the dtype and on the device of `like` (which may be sharded)."""

    def zeros(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
        return torch.zeros(shape, dtype=dtype, device=like.device)

    return KVState(
        keys=zeros(num_layers, batch, num_heads, capacity, head_dim, dtype=like.dtype),
        values=zeros(num_layers, batch, num_heads, capacity, head_dim, dtype=like.dtype),
        stamps=zeros(batch, capacity),
        clock=zeros(1),
        slot=torch.arange(batch, device=like.device),
        length=zeros(batch),
        stamp=zeros(batch),
        dense=True,
    )
