"""Twins: the same words by the voice that codes are of, laid over a clip of any other voice.

    twin    |  s  | e  |   v   |    e     | n |          codes of the model's own voice
    clip    | s |     e      | v |   e  |    n    |      mel of another
    learned | s | e  e  e  e | v |  e e | n  n  n |      the twin's codes, in the clip's time

Codes tell of the voice that they were made of, and a flow that hears a clip's own codes has no need to ask whose voice
it is to be. What it is given when it speaks are the codes of one voice, whoever is to be heard: so these are what it
learns from. Words are laid over each other by dynamic time warping (Sakoe and Chiba 1978).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from antiphon.errors import ConfigError
from antiphon.rates import CODE_HZ, exact_div
from antiphon.train.codec.draw import num_codes
from antiphon.train.features import BANDS, Array, Clip, Corpus, Feature

BANDS_HZ = 100
STEP_HZ = 50  # of the frames that are compared
PER_STEP, PER_CODE = exact_div(BANDS_HZ, STEP_HZ), exact_div(STEP_HZ, CODE_HZ)
SHAPES = 13  # cosines that a spectrum is told by, its level left out: fine structure is the pitch's
STRAY = 1.2  # what a step aside costs more than one ahead in both


class Twins:
    """The clips of some folders, each with its twin: of another folder, at the same place, saying the same."""

    def __init__(self, corpus: Corpus, pairs: Sequence[tuple[str, str]]) -> None:
        """`pairs` are (folder, folder of its twins). Raises ConfigError where those do not say the same."""
        self.corpus = corpus
        self._twins: dict[tuple[Path, int, int], Clip] = {}
        for folder, other in pairs:
            clips, twins = Corpus([folder]).clips, Corpus([other]).clips
            same = [(c.shard, c.index, c.text) for c in clips] == [(c.shard, c.index, c.text) for c in twins]
            if not same:
                raise ConfigError(f"{other} does not say what {folder} says, clip by clip; make both of one text.")
            self._twins |= {(clip.folder, clip.shard, clip.index): t for clip, t in zip(clips, twins, strict=True)}
        self._paths: dict[tuple[Path, int, int], Array] = {}

    def has(self, clip: Clip) -> bool:
        """Whether the clip has a twin."""
        return _place(clip) in self._twins

    def codes(self, clip: Clip, codes: Feature) -> Array:
        """The twin's codes [t] in the time of the clip, as many as its own would be."""
        own: Array = self.corpus.feature(self._twins[_place(clip)], codes)[:, 0]
        path = self._path(clip)
        moments = np.arange(num_codes(clip)) * PER_CODE + PER_CODE // 2
        steps = path[np.minimum(moments, len(path) - 1)]
        found: Array = own[np.minimum(steps // PER_CODE, len(own) - 1)]
        return found

    def _path(self, clip: Clip) -> Array:
        place = _place(clip)
        if place not in self._paths:
            one, other = (_shapes(self.corpus.feature(c, BANDS)) for c in (clip, self._twins[place]))
            self._paths[place] = laid_over(one, other)
        return self._paths[place]


def _place(clip: Clip) -> tuple[Path, int, int]:
    return clip.folder, clip.shard, clip.index


def _shapes(bands: Array) -> Array:
    """What is said in each step [t2, c], whoever says it, of bands [t, b]: its first cosines, each over its spread."""
    whole = len(bands) // PER_STEP * PER_STEP
    means = bands[:whole].astype(np.float32).reshape(-1, PER_STEP, bands.shape[1]).mean(1)
    bins = np.arange(bands.shape[1]) + 0.5
    cosines = np.cos(np.pi * np.arange(1, SHAPES + 1)[:, None] * bins / bands.shape[1]).astype(np.float32)  # c b
    made = means @ cosines.T
    shapes: Array = (made - made.mean(0)) / (made.std(0) + 1e-5)
    return shapes


def laid_over(one: Array, other: Array) -> Array:
    """For each step of `one` [t, c] the step of `other` [s, c] that says the same: both run from begin to end.

    The path of least distance, by steps of (1, 0), (0, 1) and (1, 1). Diagonals of the table are one operation each.
    """
    t, s = len(one), len(other)
    apart = np.sqrt(np.maximum((one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T, 0.0))
    cost = np.full((t + 1, s + 1), np.inf)  # of the best path to each pair, from a border around the table
    cost[0, 0] = 0.0
    for diagonal in range(2, t + s + 1):
        i = np.arange(max(1, diagonal - s), min(t, diagonal - 1) + 1)
        j = diagonal - i
        step = apart[i - 1, j - 1]
        around = np.minimum(cost[i - 1, j], cost[i, j - 1]) + STRAY * step
        cost[i, j] = np.minimum(cost[i - 1, j - 1] + step, around)
    path = np.zeros(t, dtype=np.int64)
    here = (t, s)
    while here[0]:
        row, column = here
        path[row - 1] = column - 1
        aside = (STRAY - 1) * float(apart[row - 1, column - 1])
        before = {(row - 1, column - 1): 0.0, (row - 1, column): aside, (row, column - 1): aside}
        here = min(before, key=lambda pair: float(cost[pair]) + before[pair])
    return path
