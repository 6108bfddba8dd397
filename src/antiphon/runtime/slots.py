"""Which stream has which slot of the cache, and what stands in the others: a table, without tensors.

A slot that a stream has left keeps what was read, until it is wanted for something else. A prompt begins in the slot
that holds most of its beginning, among those of its own conversation:

    slot 2 holds   s s s u u u r r r r      free: taken as it is, cut back to what is common
    wanted         s s s u u u r r x y y    in use, or worth keeping: the common part is copied into another slot
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field


def common(have: Sequence[Hashable], wanted: Sequence[Hashable]) -> int:
    """How many of the `wanted` positions are there already; at least one is left to be read."""
    count = 0
    for one, other in zip(have, wanted[:-1], strict=False):
        if one != other:
            break
        count += 1
    return count


@dataclass
class Slot:
    """One row of the table."""

    owner: str = ""  # the conversation; "" has no past
    places: list[Hashable] = field(default_factory=list)  # what stands at each position that has been read
    in_use: bool = False
    used: int = 0  # when it was last taken


@dataclass(frozen=True)
class Taken:
    """The slot that a stream gets, how many positions of it hold, and the slot to copy them from, if not its own."""

    slot: int
    held: int
    source: int | None = None


class Slots:
    """The table. There must be at least as many slots as streams."""

    def __init__(self, num: int) -> None:
        self.rows = [Slot() for _ in range(num)]
        self._clock = 0

    def take(self, owner: str, wanted: Sequence[Hashable]) -> Taken:
        """A slot for a prompt; what it does not hold is to be read. One slot at least must be free."""
        held, best = max(((common(row.places, wanted), -i) for i, row in self._of(owner)), default=(0, 0))
        best = -best
        if held and not self.rows[best].in_use and 2 * held >= len(self.rows[best].places):
            return self._taken(owner, best, held, wanted)
        free = [i for i, row in enumerate(self.rows) if not row.in_use]
        assert free, "more streams than slots"
        slot = min(free, key=self._cost)
        return self._taken(owner, slot, held, wanted, best if held and best != slot else None)

    def _cost(self, slot: int) -> tuple[bool, int, int]:
        """Of the empty slots the first is taken, whose memory has been touched; else what was used longest ago."""
        row = self.rows[slot]
        return (True, row.used, slot) if row.places else (False, 0, slot)

    def leave(self, slot: int) -> None:
        """Its stream has ended; what was read may be used again by the same conversation."""
        row = self.rows[slot]
        row.in_use = False
        if not row.owner:
            row.places = []

    def forget(self, owner: str) -> None:
        """Of a conversation nothing is kept; what is in use is left without an owner."""
        for row in self.rows:
            if row.owner == owner:
                row.owner, row.places = "", row.places if row.in_use else []

    @property
    def num_places(self) -> int:
        """Positions that are written, of all slots."""
        return sum(len(row.places) for row in self.rows)

    def _of(self, owner: str) -> list[tuple[int, Slot]]:
        return [(i, row) for i, row in enumerate(self.rows) if owner and row.owner == owner]

    def _taken(
        self, owner: str, slot: int, held: int, wanted: Sequence[Hashable], source: int | None = None
    ) -> Taken:
        self._clock += 1
        row = self.rows[slot]
        row.owner, row.places, row.in_use, row.used = owner, list(wanted[:held]), True, self._clock
        return Taken(slot, held, source)
