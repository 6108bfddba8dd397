"""Intervals against published values and against coverage by simulation."""

import numpy as np
import pytest

from antiphon.errors import InputError
from antiphon.metrics.interval import bootstrap_mean, bootstrap_ratio, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_equals_published_values(successes: int, trials: int, low: float, high: float) -> None:
    """The examples of R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    found = wilson(successes, trials)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_wilson_stays_a_share_and_is_symmetric() -> None:
    none, every = wilson(0, 7), wilson(7, 7)
    assert none.low == 0.0 and every.high == 1.0
    assert every.low == pytest.approx(1 - none.high)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for seed in range(200):
        errors = rng.binomial(8, 0.25, size=60)
        found = bootstrap_ratio(errors.tolist(), [8] * 60, samples=300, seed=seed)
        covered += found.low <= 0.25 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_bootstrap_draws_whole_sentences() -> None:
    """Errors that come together, all in one sentence or none, make a wider interval than the same errors spread out."""
    together = bootstrap_ratio([10] * 5 + [0] * 45, [10] * 50)
    spread = bootstrap_ratio([1] * 50, [10] * 50)
    assert together.value == spread.value == pytest.approx(0.1)
    assert together.high - together.low > 0.1 and spread.high == pytest.approx(spread.low)


def test_bootstrap_depends_on_its_arguments_alone() -> None:
    assert bootstrap_mean([1, 2, 5], seed=3) == bootstrap_mean([1, 2, 5], seed=3)
    assert bootstrap_mean([0.1, 0.77, 1.3, 2.9], seed=3) != bootstrap_mean([0.1, 0.77, 1.3, 2.9], seed=4)


@pytest.mark.parametrize("successes, trials", [(1, 0), (-1, 3), (4, 3)])
def test_wilson_refuses_what_is_no_share(successes: int, trials: int) -> None:
    with pytest.raises(InputError):
        wilson(successes, trials)


def test_bootstrap_refuses_nonsense() -> None:
    with pytest.raises(InputError, match="as many of each"):
        bootstrap_ratio([1], [1, 2])
    with pytest.raises(InputError, match="sum to nothing"):
        bootstrap_ratio([1], [0])
    with pytest.raises(InputError, match="confidence"):
        bootstrap_mean([1.0], confidence=95.0)
