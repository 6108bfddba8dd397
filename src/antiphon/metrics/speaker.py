"""Speaker similarity: cosine of embeddings, and whether the right voice ranks first.

Embeddings are plain arrays: whose network made them is the caller's business, and two networks' values do not compare.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from antiphon.errors import InputError
from antiphon.metrics.interval import Interval, wilson

__all__ = ["SpeakerRanking", "cosine", "rank", "rank_speakers", "similarities"]


@dataclass(frozen=True)
class SpeakerRanking:
    """How often a clip finds its own speaker among the candidates."""

    first: Interval  # share of queries whose most similar candidate is of the same speaker, Wilson 95 %
    mean_rank: float  # 1 is best: place of the best candidate of the right speaker
    same: float  # mean cosine to candidates of the same speaker
    other: float  # mean cosine to all others; 0 when there are none
    queries: int


def cosine(a: Float[np.ndarray, "d"], b: Float[np.ndarray, "d"]) -> float:
    """Cosine of two embeddings, -1 to 1. A zero or non-finite vector has no direction and raises InputError."""
    return float(similarities(a[None], b[None])[0, 0])


def similarities(a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "m n"]:
    """Cosine of every row of ``a`` with every row of ``b``."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise InputError(f"found embeddings of shapes {a.shape} and {b.shape}; expected two tables of one width")
    return np.asarray(np.clip(_unit_rows(a) @ _unit_rows(b).T, -1.0, 1.0))


def rank(query: Float[np.ndarray, "d"], candidates: Float[np.ndarray, "n d"]) -> Int[np.ndarray, "n"]:
    """Indices of the candidates, the most similar first; equals keep their order."""
    return np.argsort(-similarities(query[None], candidates)[0], kind="stable")


def rank_speakers(
    queries: Float[np.ndarray, "m d"],
    speakers: Sequence[str],
    candidates: Float[np.ndarray, "n d"],
    candidate_speakers: Sequence[str],
) -> SpeakerRanking:
    """Rank all candidates for every query and see where the query's own speaker stands.

    Queries and candidates must be different recordings, or every clip finds itself; every query's speaker needs a
    candidate, or InputError is raised.
    """
    if len(speakers) != len(queries) or len(candidate_speakers) != len(candidates) or not len(queries):
        raise InputError("found another number of speaker names than of embeddings; expected one name for each row")
    missing = sorted(set(speakers) - set(candidate_speakers))
    if missing:
        raise InputError(f"found no candidate of speaker {missing[0]!r}; add one or leave its queries out")
    table = similarities(queries, candidates)
    is_same = np.asarray(list(speakers), dtype=object)[:, None] == np.asarray(list(candidate_speakers), dtype=object)
    order = np.argsort(-table, axis=1, kind="stable")
    places = 1 + np.argmax(np.take_along_axis(is_same, order, axis=1), axis=1)
    return SpeakerRanking(
        first=wilson(int((places == 1).sum()), len(queries)),
        mean_rank=float(places.mean()),
        same=float(table[is_same].mean()),
        other=float(table[~is_same].mean()) if (~is_same).any() else 0.0,
        queries=len(queries),
    )


def _unit_rows(table: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    rows = table.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise InputError("found an embedding that is zero or not finite; expected a vector with a direction")
    return np.asarray(rows / lengths)
