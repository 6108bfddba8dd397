"""Which examples a step trains on: a pure function of (seed, step), so that the state of the data is one integer.

Every source of a mixture is parted into buckets of length. A wheel has slots for each (source, bucket), as many as its
share; one lap of the wheel turns up every slot once, in an order of its own. Each slot is one whole micro-batch, and
the examples of a bucket come in a new order every epoch:

    step ── draw step·n ... ──> (lap, place) ──permute──> slot ──> bucket, batch ──> (epoch, place) ──permute──> example

All permutations are Feistel networks, so any step is reached at once. Ranks take shares of a step's batch: how many
there are changes nothing here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from antiphon.errors import ConfigError
from antiphon.train.pack import bucket, num_rows

ROUNDS = 4
MASK = (1 << 64) - 1
SLOTS = 1024  # of a wheel, or more where a bucket is rare


@lru_cache(4096)
def _keys(name: str) -> tuple[int, ...]:
    rng = Random(name)
    return tuple(rng.getrandbits(64) for _ in range(ROUNDS))


def _mix(value: int, key: int) -> int:
    """64 well-mixed bits (the finaliser of SplitMix64)."""
    value = (value + key) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def permute(position: int, count: int, name: str) -> int:
    """Where `position` goes in the permutation of `count` things that `name` stands for."""
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    low = (1 << half) - 1
    while True:  # walk along the cycle until inside: less than four steps on average
        left, right = position >> half, position & low
        for key in _keys(name):
            left, right = right, left ^ (_mix(right, key) & low)
        position = left << half | right
        if position < count:
            return position


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One example of a batch: the source, and its number there."""

    source: str
    index: int


@dataclass(frozen=True, kw_only=True)
class _Stream:
    """The examples of one bucket of one source, and its slots on the wheel."""

    source: str
    length: int
    indices: tuple[int, ...]
    rows: int
    first: int = 0
    slots: int = 0

    def batch(self, number: int, seed: int) -> list[Draw]:
        """The whole micro-batch of this number, over as many epochs as it takes."""
        out = []
        for position in range(number * self.rows, (number + 1) * self.rows):
            epoch, place = divmod(position, len(self.indices))
            at = permute(place, len(self.indices), f"{seed} {self.source} {self.length} {epoch}")
            out.append(Draw(source=self.source, index=self.indices[at]))
        return out


class Sampler:
    """Batches of a mixture. `shares` are parts of what is trained on, in the unit of size (positions, say)."""

    def __init__(
        self,
        sizes: Mapping[str, Sequence[int]],
        shares: Mapping[str, float],
        *,
        seed: int,
        micro_size: int,
        per_step: int,
        longest: int | None = None,
    ) -> None:
        """`sizes` of every example of each source; a step is `per_step` micro-batches. Raises ConfigError."""
        if set(sizes) != set(shares) or any(share <= 0 for share in shares.values()):
            raise ConfigError(f"the sources are {sorted(sizes)} and the shares {shares}; give each a positive share.")
        self.seed, self.per_step = seed, per_step
        self.dropped = {name: sum(longest is not None and s > longest for s in held) for name, held in sizes.items()}
        total = sum(shares.values())
        weighed = list[tuple[_Stream, float]]()
        for name, held in sizes.items():
            streams = _streams(name, held, micro_size, longest)
            if not streams:
                raise ConfigError(f"source {name!r} has no example of at most {longest} positions; leave it out.")
            cost = {s.length: s.length * len(s.indices) for s in streams}
            weighed += [(s, shares[name] / total * cost[s.length] / sum(cost.values())) for s in streams]
        self._streams, self._wheel = _wheel(weighed)

    def at(self, step: int) -> list[Draw]:
        """The batch of a step, micro-batch after micro-batch."""
        numbers = range(step * self.per_step, (step + 1) * self.per_step)
        return [draw for number in numbers for draw in self._micro_batch(number)]

    def _micro_batch(self, number: int) -> list[Draw]:
        lap, place = divmod(number, len(self._wheel))
        slot = permute(place, len(self._wheel), f"{self.seed} wheel {lap}")
        stream = self._streams[self._wheel[slot]]
        return stream.batch(lap * stream.slots + slot - stream.first, self.seed)


def _streams(name: str, sizes: Sequence[int], micro_size: int, longest: int | None) -> list[_Stream]:
    by_length: dict[int, list[int]] = {}
    for index, size in enumerate(sizes):
        if longest is None or size <= longest:
            by_length.setdefault(bucket(size), []).append(index)
    return [
        _Stream(source=name, length=length, indices=tuple(held), rows=num_rows(length, micro_size))
        for length, held in sorted(by_length.items())
    ]


def _wheel(weighed: Sequence[tuple[_Stream, float]]) -> tuple[list[_Stream], list[int]]:
    """Slots by share, at least one each: which stream owns each slot, and the streams with their slots."""
    costs = [weight / (s.length * s.rows) for s, weight in weighed]  # a micro-batch of long rows counts for more
    scale = max(SLOTS, min(1 << 16, round(4 * sum(costs) / min(costs)))) / sum(costs)
    streams, wheel = list[_Stream](), list[int]()
    for number, ((s, _), cost) in enumerate(zip(weighed, costs, strict=True)):
        slots = max(1, round(cost * scale))
        streams.append(
            _Stream(
                source=s.source, length=s.length, indices=s.indices, rows=s.rows, first=len(wheel), slots=slots
            )
        )
        wheel += [number] * slots
    return streams, wheel
