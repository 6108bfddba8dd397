"""How sure is a figure, and is one system better than another on the same items?

Percentile bootstrap: items are drawn anew, whole clusters where items belong together (a speaker, a dialogue), and the
middle 95 % of the results is taken. Two systems are compared on the same draws. Yes-or-no answers also have an exact
test (McNemar), and a table of tests is corrected by Holm. Every draw is a function of the seed and the number of items.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from antiphon.errors import InputError
from antiphon.metrics.interval import Interval

__all__ = ["Paired", "holm", "mcnemar", "paired_ratio", "ratio"]

_AT_ONCE = 4_000_000  # draws held in memory together

Numbers = Sequence[float | int]


@dataclass(frozen=True)
class Paired:
    """Difference of two systems, first minus second, on common items."""

    difference: Interval
    p: float  # two-sided, by the share of draws on the other side of nothing
    items: int

    @property
    def is_tie(self) -> bool:
        """Whether the 95 % interval of the difference holds 0."""
        return self.difference.low <= 0.0 <= self.difference.high


def ratio(
    above: Numbers, below: Numbers, *, clusters: Sequence[str] | None = None, samples: int = 2000, seed: int = 0
) -> Interval:
    """`sum(above) / sum(below)` and its interval. Raises InputError where there is nothing to divide by."""
    table = _columns([above, below], clusters)
    value = _divided(table.sum(axis=0))
    drawn = _draw(table, samples, seed)
    ratios = drawn[:, 0][drawn[:, 1] > 0] / drawn[:, 1][drawn[:, 1] > 0]
    low, high = np.quantile(ratios, [0.025, 0.975])
    return Interval(value, float(min(low, value)), float(max(high, value)))


def paired_ratio(
    first: Numbers,
    second: Numbers,
    below: Numbers,
    below_second: Numbers | None = None,
    *,
    clusters: Sequence[str] | None = None,
    samples: int = 2000,
    seed: int = 0,
) -> Paired:
    """Difference of two ratios of sums on the same draws of common items."""
    table = _columns([first, second, below, below if below_second is None else below_second], clusters)
    total = table.sum(axis=0)
    value = _divided(total[[0, 2]]) - _divided(total[[1, 3]])
    drawn = _draw(table, samples, seed)
    drawn = drawn[(drawn[:, 2] > 0) & (drawn[:, 3] > 0)]
    differences = drawn[:, 0] / drawn[:, 2] - drawn[:, 1] / drawn[:, 3]
    low, high = np.quantile(differences, [0.025, 0.975])
    beyond = min((differences <= 0).sum(), (differences >= 0).sum())
    return Paired(Interval(value, float(low), float(high)), min(1.0, 2 * (beyond + 1) / (len(differences) + 1)),
                  len(first))  # fmt: skip


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Exact two-sided p that two systems are right equally often, from the items where one alone is."""
    if len(first) != len(second):
        raise InputError(f"found {len(first)} and {len(second)} verdicts; expected one of each system for every item")
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    n, k = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(n, i) for i in range(k + 1))
    return float(min(1.0, 2 * tail / 2**n))


def holm(values: Sequence[float]) -> list[float]:
    """p-values of a table, corrected for their number by Holm's step-down rule; in the order given."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    corrected, largest = [0.0] * len(values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - place) * values[index]))
        corrected[index] = largest
    return corrected


def _columns(columns: Sequence[Numbers], clusters: Sequence[str] | None) -> Float[np.ndarray, "n c"]:
    """One row for each item, or for each cluster, whose items are summed."""
    if len({len(column) for column in columns}) != 1 or not columns[0]:
        raise InputError("found columns of several lengths, or empty ones; expected the same items, one at least")
    table = np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)
    if clusters is None:
        return table
    names: dict[str, int] = {}
    place = np.asarray([names.setdefault(name, len(names)) for name in clusters])
    if len(place) != len(table):
        raise InputError(f"found {len(place)} clusters for {len(table)} items; expected one for each")
    summed = np.zeros((len(names), table.shape[1]))
    np.add.at(summed, place, table)
    return summed


def _draw(table: Float[np.ndarray, "n c"], samples: int, seed: int) -> Float[np.ndarray, "s c"]:
    """Sums of each column over rows drawn anew."""
    rng, count = np.random.default_rng([seed, len(table)]), len(table)
    step = max(1, _AT_ONCE // count)
    sums = [
        table[rng.integers(0, count, size=(min(step, samples - done), count))].sum(axis=1)
        for done in range(0, samples, step)
    ]
    return np.concatenate(sums)


def _divided(pair: Float[np.ndarray, "two"]) -> float:
    if pair[1] <= 0:
        raise InputError("found nothing to divide by; expected at least one reference unit or one item")
    return float(pair[0] / pair[1])
