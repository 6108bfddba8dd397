"""One step of many streams: a fixed number of places, each for one position of one stream, or empty.

    place     0      1      2      3      4      5      6      7
    holds   a 91   b 17   c 40   c 41   c 42   c 43     .      .        a and b say a token, c's prompt is read

The decoder sees a batch of `m` rows of one position. Every product then has the same shape in every step, and a row of
it has the same value wherever it stands and whatever the others hold; attention is asked for each place apart, over
exactly the positions that it may look at. So the numbers of a position depend on what its own stream holds before it
and on nothing else, to the bit: not on company, not on the cut of a prompt into steps, not on what was cached.

That the value of a row is independent of its place is a property of the library's products, not a law. It holds for two
rows and more (a product of one row takes another way), and `tests/nn/test_places.py` proves it for the machine at hand.
Some steps may have fewer rows than others and give the same values: `sizes_alike` finds out which.

A stream by itself is the same with a pool of one slot and steps of its own size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from antiphon.nn.attention import attend


@dataclass(frozen=True)
class Pool:
    """Keys and values of every layer in slots; a slot belongs to one stream at a time. Written in place."""

    keys: Float[Tensor, "layers slots h capacity d"]
    values: Float[Tensor, "layers slots h capacity d"]

    @property
    def capacity(self) -> int:
        """Positions that one slot can hold."""
        return self.keys.shape[3]

    def copy(self, source: int, target: int, length: int) -> None:
        """The first `length` positions of one slot into another."""
        for pool in (self.keys, self.values):
            pool[:, target, :, :length] = pool[:, source, :, :length]

    def grown(self, needed: int, limit: int) -> "Pool":
        """The same slots with room for `needed` positions: the capacity doubles until it is enough, up to `limit`."""
        capacity = self.capacity
        while capacity < needed:
            capacity *= 2
        more = min(capacity, limit) - self.capacity
        return self if more <= 0 else Pool(*(F.pad(pool, (0, 0, 0, more)) for pool in (self.keys, self.values)))


@dataclass(frozen=True, eq=False)
class Places:
    """Which position of which slot each row of a step is; takes the place of a `KVState` in the decoder.

    `taken` has (slot, position) for the first rows; the others are empty. A position is taken once, and those before it
    must have been written in earlier steps or be taken in this one.
    """

    pool: Pool
    taken: Sequence[tuple[int, int]]
    num_rows: int
    runs: bool = False  # ask for the positions of a stream that follow one another at once: faster, other rounding

    def check(self, num_new: int, count: Int[Tensor, " b"] | None = None) -> None:
        """Our own bookkeeping is right: every place is in the pool."""
        assert num_new == 1 and count is None and len(self.taken) <= self.num_rows
        assert all(position < self.pool.capacity for _, position in self.taken)

    def positions(self, num_new: int) -> Int[Tensor, "b 1"]:
        """Where each row stands in its stream; 0 for empty ones."""
        places = [position for _, position in self.taken] + [0] * (self.num_rows - len(self.taken))
        return torch.tensor(places, device=self.pool.keys.device)[:, None]

    def mask(self, num_new: int) -> Bool[Tensor, "..."] | None:
        """None: a place is asked about exactly what it may look at."""
        return None

    def attend(
        self,
        layer: int,
        q: Float[Tensor, "b h 1 d"],
        k: Float[Tensor, "b hk 1 d"],
        v: Float[Tensor, "b hk 1 d"],
        mask: Bool[Tensor, "..."] | None = None,
        count: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b h 1 d"]:
        """Write the new positions, then look back from each; empty rows find zeros."""
        keys, values = self.pool.keys[layer], self.pool.values[layer]
        slots, positions = self._index
        num = len(self.taken)
        keys[slots, :, positions] = k[:num, :, 0]
        values[slots, :, positions] = v[:num, :, 0]
        found: list[Tensor] = []
        for row, slot, start, end in self._asked:
            past, future = keys[slot : slot + 1, :, :end], values[slot : slot + 1, :, :end]
            if end - start == 1:
                found.append(attend(q[row : row + 1], past, future))
            else:
                asked = q[row : row + end - start].transpose(0, 2)  # t h 1 d -> 1 h t d
                seen = torch.ones(end - start, end, dtype=torch.bool, device=q.device).tril(start)
                found.append(attend(asked, past, future, seen).transpose(0, 2))
        if num < self.num_rows:
            found.append(torch.zeros_like(q[num:]))
        return torch.cat(found) if len(found) > 1 else found[0]

    def advance(self, num_new: int, count: Int[Tensor, " b"] | None = None) -> "Places":
        """Nothing: who owns the slots counts their lengths."""
        return self

    @cached_property
    def _index(self) -> tuple[Tensor, Tensor]:
        device = self.pool.keys.device
        slots, positions = zip(*self.taken, strict=True)
        return torch.tensor(slots, device=device), torch.tensor(positions, device=device)

    @cached_property
    def _asked(self) -> list[tuple[int, int, int, int]]:
        """What attention is asked for together: first row, slot, first position, position after the last."""
        asked: list[tuple[int, int, int, int]] = []
        for row, (slot, position) in enumerate(self.taken):
            if self.runs and asked and asked[-1][1] == slot and asked[-1][3] == position:
                asked[-1] = (*asked[-1][:3], position + 1)
            else:
                asked.append((row, slot, position, position + 1))
        return asked


def init_pool(num_layers: int, num_heads: int, head_dim: int, *, slots: int, capacity: int, like: Tensor) -> Pool:
    """Empty slots, in the dtype and on the device of `like`; memory is taken up as positions are written."""
    shape = (num_layers, slots, num_heads, capacity, head_dim)
    keys, values = (torch.zeros(shape, dtype=like.dtype, device=like.device) for _ in range(2))
    return Pool(keys, values)


def sizes_alike(
    step: Callable[[Float[Tensor, "m ..."]], Tensor], x: Float[Tensor, "n ..."], wanted: Float[Tensor, "n ..."]
) -> list[int]:
    """Numbers of rows, two to `n`, with which `step` gives every row of `x` the `wanted` value, to the bit."""
    return [
        m
        for m in range(2, len(x) + 1)
        if torch.equal(step(x[:m]), wanted[:m]) and torch.equal(step(x[-m:]), wanted[-m:])
    ]
