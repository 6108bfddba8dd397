"""Speaker similarity: geometry, ranking, and what is refused."""

import numpy as np
import pytest

from antiphon.errors import InputError
from antiphon.metrics.speaker import cosine, rank, rank_speakers


def test_cosine_is_an_angle() -> None:
    a, b = np.array([1.0, 0.0]), np.array([3.0, 3.0])
    assert cosine(a, 7 * a) == pytest.approx(1.0)
    assert cosine(a, -a) == pytest.approx(-1.0)
    assert cosine(a, b) == pytest.approx(np.sqrt(0.5))


def test_rank_puts_the_nearest_first_and_keeps_ties_in_order() -> None:
    candidates = np.array([[0.0, 1.0], [1.0, 0.1], [0.0, 2.0], [1.0, 0.0]])
    assert rank(np.array([1.0, 0.0]), candidates).tolist() == [3, 1, 0, 2]


def test_ranking_of_speakers() -> None:
    rng = np.random.default_rng(0)
    centres = {"ann": np.array([1.0, 0, 0]), "bob": np.array([0, 1.0, 0]), "cid": np.array([0, 0, 1.0])}
    names = list(centres) * 10
    table = np.stack([centres[name] + 0.1 * rng.standard_normal(3) for name in names])
    good = rank_speakers(table[:15], names[:15], table[15:], names[15:])
    assert good.first.value == 1.0 and good.mean_rank == 1.0 and good.queries == 15
    assert good.same > 0.9 > 0.4 > good.other
    swapped = ["bob" if name == "ann" else "ann" if name == "bob" else name for name in names]
    bad = rank_speakers(table[:15], swapped[:15], table[15:], names[15:])
    assert bad.first.value == pytest.approx(1 / 3)  # only cid is still found
    assert bad.mean_rank > 2


def test_refusals() -> None:
    flat = np.zeros(4)
    with pytest.raises(InputError, match="zero or not finite"):
        cosine(flat, np.ones(4))
    with pytest.raises(InputError, match="no candidate of speaker 'ann'"):
        rank_speakers(np.ones((1, 2)), ["ann"], np.ones((1, 2)), ["bob"])
