"""The best path of CTC: every token has its rows, in order, and no other path is likelier."""

from itertools import product

import numpy as np
import pytest

from antiphon.train.align import align, fits


def spelled(path: tuple[int, ...]) -> list[int]:
    """What a path of classes says: repetitions and blanks taken out."""
    return [c for n, c in enumerate(path) if c and (n == 0 or path[n - 1] != c)]


@pytest.mark.parametrize("ids", [[1], [1, 2], [2, 2], [1, 2, 1]])
def test_no_path_is_likelier(ids: list[int]) -> None:
    for seed in range(4):
        raw = np.random.default_rng([seed, *ids]).normal(0, 2, (5, 3)).astype(np.float32)
        scores = raw - np.log(np.exp(raw).sum(-1, keepdims=True))
        rows = align(scores, ids)
        path = [0] * len(scores)
        for token, some in zip(ids, rows, strict=True):
            assert some and list(some) == list(range(some[0], some[-1] + 1))
            for row in some:
                path[row] = token
        assert spelled(tuple(path)) == ids

        def likely(of: tuple[int, ...], scores: np.ndarray = scores) -> float:
            return float(sum(scores[t, c] for t, c in enumerate(of)))

        best = max(likely(p) for p in product(range(3), repeat=5) if spelled(p) == ids)
        assert likely(tuple(path)) == pytest.approx(best, abs=1e-4)


def test_as_many_rows_as_are_needed() -> None:
    assert fits(2, [1, 2]) and not fits(2, [1, 1]) and fits(3, [1, 1]) and not fits(1, [1, 2]) and fits(1, [1])
    tight = np.zeros((3, 3), dtype=np.float32)
    assert align(tight, [1, 1]) == [(0,), (2,)]
