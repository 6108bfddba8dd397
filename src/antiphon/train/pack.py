"""Micro-batches of few shapes: rows in buckets of length, whole batches of a bucket, documents packed into one row.

A new shape costs a CPU more than a step (see `antiphon.train`), so lengths are multiples of 32 and the number of rows
follows from the length: as many as fill `micro_size`, and powers of two for what is left over.

    sizes 30 31 60 31 | micro_size 64 | ->  [30 31] (2 x 32)   [31] (1 x 32)   [60] (1 x 64)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from antiphon.errors import InputError
from antiphon.train.stage import Item

WIDTH = 32
I = TypeVar("I", bound=Item)  # noqa: E741


def bucket(size: int) -> int:
    """The length that a row of this size is padded to."""
    return -(-size // WIDTH) * WIDTH


def num_rows(size: int, micro_size: int) -> int:
    """How many rows of this size's bucket make a whole micro-batch."""
    return max(1, micro_size // bucket(size))


@dataclass(frozen=True, kw_only=True)
class Micro:
    """One micro-batch of one rank. A rank that has fewer than others computes some again, with no weight."""

    items: tuple[Item, ...]
    counted: bool = True


def micro_batches(items: Sequence[Item], micro_size: int) -> list[tuple[Item, ...]]:
    """Items in groups of one bucket each, the costliest first; a function of their order and sizes alone."""
    by_length: dict[int, list[Item]] = {}
    for item in items:
        by_length.setdefault(bucket(item.size), []).append(item)
    made = []
    for length, held in by_length.items():
        whole, at = num_rows(length, micro_size), 0
        while at < len(held):
            left = len(held) - at
            count = whole if left >= whole else 1 << (left.bit_length() - 1)
            made.append((length * count, tuple(held[at : at + count])))
            at += count
    return [group for _, group in sorted(made, key=lambda m: -m[0])]


def share(groups: Sequence[tuple[Item, ...]], rank: int, num_ranks: int) -> list[Micro]:
    """One rank's micro-batches: as many as every other rank's, of about the same cost."""
    mine = [Micro(items=group) for group in groups[rank::num_ranks]]
    rounds = -(-len(groups) // num_ranks)
    return mine + [Micro(items=groups[-1], counted=False)] * (rounds - len(mine))


def first_fit(items: Sequence[I], capacity: int) -> list[list[I]]:
    """Documents put into rows of `capacity`, each into the first that has room. Raises InputError for one too long."""
    rows, room = list[list[I]](), list[int]()
    for item in items:
        if item.size > capacity:
            raise InputError(f"example {item.id} has {item.size} positions, a row {capacity}; drop it or widen rows.")
        at = next((i for i, free in enumerate(room) if free >= item.size), len(rows))
        if at == len(rows):
            rows.append([])
            room.append(capacity)
        rows[at].append(item)
        room[at] -= item.size
    return rows


def documents(lengths: Sequence[int], capacity: int) -> Int[Tensor, " t"]:
    """Which document of a packed row each position belongs to: 0, 1, ... and -1 behind the last."""
    numbers = torch.full((capacity,), -1)
    numbers[: sum(lengths)] = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return numbers
