"""Which rows of sound spell each word: the best path of CTC.

    rows       ·  will ·  it it  ·  rain ·        (0 is the blank)
    tokens     will -> 1     it -> 3, 4     rain -> 6

So sound that is heard can guide a head as a path of tokens does: what was written there is where the word was said.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def fits(length: int, ids: Sequence[int]) -> bool:
    """Whether so many rows can spell these ids: a row each, and a blank between equal neighbours."""
    return length >= len(ids) + sum(a == b for a, b in zip(ids, ids[1:], strict=False))


def align(scores: npt.NDArray[np.float32], ids: Sequence[int]) -> list[tuple[int, ...]]:
    """The rows that spell each id on the likeliest path; at least one each. `scores` [t, v] are log probabilities.

    Ids are classes, of which 0 is the blank. The rows must be enough (`fits`).
    """
    states = np.zeros(2 * len(ids) + 1, dtype=np.int64)  # blank, id, blank, id, ..., blank
    states[1::2] = ids
    skips = np.zeros(len(states), dtype=bool)  # whether the blank before an id may be left out
    skips[3::2] = states[3::2] != states[1:-2:2]
    logs = scores[:, states]
    best = np.where(np.arange(len(states)) < 2, logs[0], -np.inf)
    came = np.zeros(logs.shape, dtype=np.int64)  # from how many states back
    for t in range(1, len(logs)):
        one = np.concatenate([[-np.inf], best[:-1]])
        two = np.where(skips, np.concatenate([[-np.inf, -np.inf], best[:-2]]), -np.inf)
        ways = np.stack([best, one, two])
        came[t] = ways.argmax(0)
        best = ways.max(0) + logs[t]
    state = len(states) - (1 if best[-1] > best[-2] else 2)
    rows = [list[int]() for _ in ids]
    for t in range(len(logs) - 1, -1, -1):
        if state % 2:
            rows[state // 2].append(t)
        state -= int(came[t, state])
    return [tuple(reversed(found)) for found in rows]
