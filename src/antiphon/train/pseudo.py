"""Pseudo-sound: the path of tokens that sound takes through a reader, so that a language model can learn to read it.

    text      the  capital   of            blanks (-1), repeats, one token in ten misread, one in fifty lost
    path   -1 -1 the -1 -1 capital capital -1 of -1 -1

A language model that has learned to write down such paths reads real sound as soon as the adaptor makes sound look like
them; without this, trained from scratch, it learns to guess the slots and never listens (measured, ../spec/nano.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

BLANK = -1
LOST, MISREAD = 0.02, 0.08


@dataclass(frozen=True)
class Path:
    """Token ids with blanks, and for each token of the text the positions at which it stands."""

    ids: tuple[int, ...]
    places: tuple[tuple[int, ...], ...]


def draw_path(tokens: Sequence[int], rng: Random, misread: Sequence[int]) -> Path:
    """The path of a text; wrong tokens come from `misread`. Silence (no tokens) is a stretch of blanks."""
    if not tokens:
        return Path((BLANK,) * rng.randint(2, 40), ())
    path, places = [BLANK] * rng.randint(1, 5), list[tuple[int, ...]]()
    for token in tokens:
        chance = rng.random()
        if chance < LOST:
            places.append(())
            continue
        read = rng.choice(misread) if misread and chance < LOST + MISREAD else token
        times = rng.choice((1, 1, 1, 2))
        places.append(tuple(range(len(path), len(path) + times)))
        path += [read] * times + [BLANK] * rng.choice((1, 2, 2, 3, 3, 4, 5))
    return Path((*path, *[BLANK] * rng.randint(0, 3)), tuple(places))
