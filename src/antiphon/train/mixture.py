"""The mixture of a training: which records come in which step, as a function of (seed, step) alone.

    parts      asr ████████  tts ████  text ████        tokens (the report counts in billions) or shares, as they are
    block n    256 draws, of each part its exact share, each part's records in a new order every epoch
    steps      the examples of a block, sorted by length and dealt into batches of one length each

Nothing is counted up while training: block n takes the records from round(share * 256 * n) on, so a run that goes on
after any end, on any number of ranks, sees what it would have seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Generic, Protocol, TypeVar

from antiphon.errors import ConfigError
from antiphon.train.options import Part
from antiphon.train.pack import bucket, num_rows
from antiphon.train.records import Record, bad
from antiphon.train.sampler import permute
from antiphon.train.stage import Item


class Dealt(Item, Protocol):
    """An item that can be told the length of its batch, so that it counts as that long."""

    row: int


T = TypeVar("T", bound=Dealt)

PROBES = 32  # records measured to know how long a part's examples are


@dataclass(frozen=True)
class Draw:
    """One example to be: which part, which of its records, and the seed of its chance."""

    part: int
    record: int
    seed: str


class Mixture(Generic[T]):
    """The order of everything that a training sees."""

    def __init__(
        self,
        parts: Sequence[Part],
        records: Sequence[Sequence[Record]],
        build: Callable[[Record, str, bool], T],
        *,
        seed: int,
        batch: int,
        longest: int,
        block: int = 256,
        by_tokens: bool = True,
    ) -> None:
        """`batch` positions make a step, padding included.

        Examples beyond `longest` are handed on with a batch of their block: the loop drops and counts them.
        """
        if not parts:
            raise ConfigError("the mixture has no part; name at least one task with its records.")
        self.parts, self.records, self.build = parts, records, build
        self.seed, self.batch_size, self.longest, self.draws = seed, batch, longest, block
        sizes = [self._mean_size(n) for n in range(len(parts))]
        amounts = [part.tokens / (s if by_tokens else 1) for part, s in zip(parts, sizes, strict=True)]
        self.shares = [amount / sum(amounts) for amount in amounts]
        padded = sum(share * s for share, s in zip(self.shares, sizes, strict=True)) + bucket(1) / 2
        self.steps = max(1, int(block * padded / batch))  # that a block lasts; what is left over is not seen
        self._batches = lru_cache(2)(self._block)

    def items(self, step: int) -> list[T]:
        """The examples of a step."""
        batches = self._batches(step // self.steps)
        return batches[step % self.steps % len(batches)]

    def drawn(self, block: int) -> list[Draw]:
        """What a block draws, in a mixed order."""
        found = []
        for part, share in enumerate(self.shares):
            for k in range(round(share * self.draws * block), round(share * self.draws * (block + 1))):
                epoch, place = divmod(k, len(self.records[part]))
                record = permute(place, len(self.records[part]), f"{self.seed} {part} {epoch}")
                found.append(Draw(part, record, f"{self.seed} {part} {k}"))
        Random(f"{self.seed} block {block}").shuffle(found)
        return found

    def _block(self, number: int) -> list[list[T]]:
        examples = [self._example(draw) for draw in self.drawn(number)]
        fit = sorted((e for e in examples if e.size <= self.longest), key=lambda e: e.size, reverse=True)
        batches = []
        while fit:
            count = num_rows(fit[0].size, self.batch_size)
            for example in fit[:count]:
                example.row = fit[0].size
            batches.append(fit[:count])
            fit = fit[count:]
        if len(batches) > self.steps and len(batches[-1]) < len(batches[-2]):  # the shortest few make no whole batch
            batches.pop()
        Random(f"{self.seed} batches {number}").shuffle(batches)
        batches = batches or [[]]
        batches[0] += [e for e in examples if e.size > self.longest]
        return batches

    def _example(self, draw: Draw) -> T:
        part, record = self.parts[draw.part], self.records[draw.part][draw.record]
        if record.task != part.task:
            raise bad(record, f"the record is of the task {record.task}; {part.task} was expected.")
        record = record if part.slots else replace(record, slots=())
        return self.build(record, draw.seed, Random(f"{draw.seed} pseudo").random() < part.pseudo)

    def _mean_size(self, part: int) -> float:
        held = self.records[part]
        some = [held[i] for i in range(0, len(held), max(1, len(held) // PROBES))][:PROBES]
        pseudo = self.parts[part].pseudo > 0.5
        return sum(self.build(record, "length", pseudo).size for record in some) / len(some)

