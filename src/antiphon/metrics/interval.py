"""Intervals: how far a measured rate can be trusted, given how few sentences were measured.

Two cases. A *count of successes* (5 of 8 tool calls right) has a closed form, Wilson's score interval, which stays
inside [0, 1] and is honest at 0 of n. A *ratio of sums* (errors over words, summed over sentences) has none, because
words of one sentence fail together: sentences are drawn anew with replacement, and the middle of the results is taken
(percentile bootstrap).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from antiphon.errors import InputError

__all__ = ["Interval", "bootstrap_mean", "bootstrap_ratio", "wilson"]


@dataclass(frozen=True)
class Interval:
    """A value and the ends of its confidence interval, all in the unit of the value."""

    value: float
    low: float
    high: float
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share (E. B. Wilson, 1927). Raises InputError where the counts are no share."""
    _check_confidence(confidence)
    if trials < 1 or not 0 <= successes <= trials:
        raise InputError(
            f"found {successes} successes in {trials} trials; expected 1 trial at least, and no more successes"
        )
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / trials
    middle = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes == 0 else (middle - spread) / scale
    high = 1.0 if successes == trials else (middle + spread) / scale
    return Interval(share, low, high, confidence)


def bootstrap_ratio(
    numerators: Sequence[float | int],
    denominators: Sequence[float | int],
    *,
    samples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Interval of ``sum(numerators) / sum(denominators)`` when whole sentences are drawn anew.

    A draw whose denominators sum to nothing says nothing and is left out. The result depends on the arguments alone.
    """
    _check_confidence(confidence)
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if above.shape != below.shape or above.ndim != 1 or above.size == 0:
        raise InputError(
            f"found {above.size} numerators, {below.size} denominators; expected as many of each, one at least"
        )
    if samples < 1:
        raise InputError(f"found {samples} bootstrap samples; ask for 1 at least")
    if below.sum() <= 0:
        raise InputError("found denominators that sum to nothing; expected at least one reference word")
    value = float(above.sum() / below.sum())
    drawn = np.random.default_rng(seed).integers(0, above.size, size=(samples, above.size))
    sums_above, sums_below = above[drawn].sum(axis=1), below[drawn].sum(axis=1)
    ratios = sums_above[sums_below > 0] / sums_below[sums_below > 0]
    if ratios.size == 0:
        return Interval(value, value, value, confidence)
    low, high = np.quantile(ratios, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return Interval(value, float(low), float(high), confidence)


def bootstrap_mean(
    values: Sequence[float | int], *, samples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """Interval of a mean, by the same drawing."""
    return bootstrap_ratio(values, [1.0] * len(values), samples=samples, seed=seed, confidence=confidence)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise InputError(f"found confidence {confidence}; expected a share between 0 and 1, such as 0.95")
