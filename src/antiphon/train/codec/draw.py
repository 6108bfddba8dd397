"""Which clips a step learns from, and how their rows become a batch.

What a step draws is a function of (seed, step); what an example draws (noise, gain) is a function of the seed that the
step gave it, so no example depends on its company: one batch, or the same examples in several, are the same losses.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Shaped
from torch import Tensor

from antiphon.errors import InputError
from antiphon.rates import FRAME_HOP, FRAMES_PER_CODE, HEARD_HZ, MEL_HOP, SPOKEN_HZ
from antiphon.train.features import Clip, Corpus, within
from antiphon.train.pack import bucket

HELD_OUT = 50  # of that many clips one is held out where no folder is

Array = npt.NDArray[np.generic]


def generator(*seed: int) -> np.random.Generator:
    """Chance as a function of whole numbers."""
    return np.random.default_rng(list(seed))


def seeds(rng: np.random.Generator, num: int) -> list[int]:
    """One for each example of a step."""
    return [int(seed) for seed in rng.integers(2**31, size=num)]


def num_samples(clip: Clip, rate: int) -> int:
    """How long a clip is at another rate."""
    return -(-int(clip.row["length"]) * rate // int(clip.row["rate"]))


def num_frames(clip: Clip) -> int:
    """Frames of its spoken mel."""
    return num_samples(clip, SPOKEN_HZ) // FRAME_HOP


def num_codes(clip: Clip) -> int:
    """Codes that the speech tokenizer gives it."""
    frames = num_samples(clip, HEARD_HZ) // MEL_HOP
    return ((frames + 1) // 2 + 1) // 2


def split(
    data: Sequence[str], held_out: Sequence[str], shortest_s: float, longest_s: float, *, keep: bool = True
) -> tuple[Corpus, list[Clip], list[Clip]]:
    """The corpus, the clips to learn from and the clips held out (every 50th where no folder is given for them).

    Clips that are too short or too long are left out. Raises InputError if nothing is left.
    """
    corpus = Corpus([*data, *held_out], keep=keep)
    usable = list(within(corpus.clips, shortest_s, longest_s))
    others = {Path(folder) for folder in held_out}
    learned = [clip for clip in usable if clip.folder not in others]
    held = [clip for clip in usable if clip.folder in others]
    if not learned:
        raise InputError(
            f"{', '.join(map(str, data))} hold {len(corpus.clips)} clips and none of {shortest_s:g} to {longest_s:g} s;"
            " give other data or other bounds."
        )
    if not held_out and len(learned) > 1:
        held = learned[::HELD_OUT]
        learned = [clip for i, clip in enumerate(learned) if i % HELD_OUT]
    return corpus, learned, held


class Shelves:
    """Clips by the bucket of their length: a step takes clips of one bucket, so that its batch has one of few shapes.

    A bucket is drawn as often as its clips last, so every clip is heard equally often.
    """

    def __init__(self, clips: Sequence[Clip]) -> None:
        self.shelves: dict[int, list[Clip]] = {}
        for clip in clips:
            self.shelves.setdefault(bucket(num_codes(clip)), []).append(clip)
        self.lengths = sorted(self.shelves)
        total = np.array([length * len(self.shelves[length]) for length in self.lengths], dtype=np.float64)
        self.share = total / total.sum()

    def draw(self, codes: int, rng: np.random.Generator) -> list[Clip]:
        """Clips of one bucket, as many as fill `codes`; some twice if there are too few."""
        length = self.lengths[int(rng.choice(len(self.lengths), p=self.share))]
        shelf, num = self.shelves[length], max(1, codes // length)
        return [shelf[int(i)] for i in rng.choice(len(shelf), num, replace=len(shelf) < num)]


def padded(rows: Sequence[Array], length: int, value: int = 0) -> Shaped[Tensor, "b t *f"]:
    """Rows [t, ...] of several examples in one tensor of this length."""
    first = rows[0]
    held = np.full((len(rows), length, *first.shape[1:]), value, dtype=first.dtype)
    for i, row in enumerate(rows):
        held[i, : len(row)] = row
    return torch.from_numpy(held)


def fitted(rows: Array, length: int) -> Array:
    """Exactly so many rows: the rest is cut off, or the last row goes on."""
    rows = rows[:length]
    return np.pad(rows, ((0, length - len(rows)), (0, 0)), mode="edge")


def frames_of(codes: int) -> int:
    """Mel frames that so many codes become."""
    return codes * FRAMES_PER_CODE
