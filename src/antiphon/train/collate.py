"""Examples become a batch: padded ids, sounds as the encoder hears them, and every index that the losses need.

All chance is the example's own (its seed), so a batch is the same whoever it is made with.
"""

from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.rates import num_rows
from antiphon.text.layout import TokenLayout
from antiphon.train import guide
from antiphon.train.examples import Example, SoundRows
from antiphon.train.helps import Helps
from antiphon.train.learner import Batch
from antiphon.train.pack import bucket
from antiphon.train.pieces import TOGETHER, in_batches, piece
from antiphon.train.records import Heard, bad


class Collator:
    """Makes batches for one model."""

    def __init__(
        self,
        layout: TokenLayout,
        width: int,
        helps: Helps,
        wave: Callable[[Heard], Float[Tensor, " n"]],
    ) -> None:
        """`width` is the model's, `wave` finds the samples of a heard sound."""
        self.layout, self.width, self.helps, self.wave = layout, width, helps, wave

    def batch(self, examples: Sequence[Example], vary: bool = True) -> Batch:
        """`vary` false: no wrong codes, no noise, and each sound encoded alone, as at inference."""
        length = bucket(max(e.size for e in examples))
        ids = np.full((len(examples), length), self.layout.pad)
        kinds = np.zeros_like(ids)
        for b, example in enumerate(examples):
            count = len(example.ids)
            ids[b, :count], kinds[b, :count] = example.ids, example.kinds
        seen = ids.copy()
        if vary and self.helps.code_noise:
            for b, example in enumerate(examples):
                seen[b] = self._wrong_codes(seen[b], example)
        real = [(b, s) for b, e in enumerate(examples) for s in e.sounds if not s.path]
        paths = [(b, s) for b, e in enumerate(examples) for s in e.sounds if s.path]
        mels = [self._mel(examples[b], s, vary) for b, s in real]
        pieces = in_batches(mels, TOGETHER if vary else 1)
        return Batch(
            torch.from_numpy(ids),
            torch.from_numpy(kinds),
            torch.from_numpy(seen),
            pieces,
            _places(real),
            torch.tensor([t for _, s in paths for t in s.path], dtype=torch.long),
            self._noise([(examples[b], s) for b, s in paths], vary),
            _places(paths),
            [(n, s.said) for n, (_, s) in enumerate(real) if s.said and s.rows >= len(s.said)],
            guide.targets([e.guides for e in examples] if self.helps.guide else [], length),
            guide.targets([e.copies for e in examples] if self.helps.copy else [], length),
        )

    def _wrong_codes(self, ids: np.ndarray, example: Example) -> np.ndarray:
        """The ids with some of their speech codes exchanged for any others."""
        rng = np.random.default_rng(Random(f"{example.seed} codes").getrandbits(64))
        first, count = self.layout.first_audio, self.layout.num_codes
        wrong = (ids >= first) & (ids < first + count) & (rng.random(ids.shape) < self.helps.code_noise)
        return np.where(wrong, rng.integers(first, first + count, ids.shape), ids)

    def _mel(self, example: Example, sound: SoundRows, vary: bool) -> Float[Tensor, "f t"]:
        wave = self.wave(sound.heard)[sound.begin : sound.end]
        if num_rows(len(wave)) != sound.rows:
            raise bad(
                example.record,
                f"{sound.heard.audio} gives {num_rows(len(wave))} rows of sound, and its prompt has room for"
                f" {sound.rows}; the store has changed since the run began, so begin it again.",
            )
        return piece(wave, Random(f"{example.seed} sound {sound.start}") if vary else None)

    def _noise(self, paths: Sequence[tuple[Example, SoundRows]], vary: bool) -> Float[Tensor, "n d"]:
        parts = []
        for example, sound in paths:
            seed = Random(f"{example.seed} noise {sound.start}").getrandbits(63)
            generator = torch.Generator().manual_seed(seed)
            parts.append(torch.randn(len(sound.path), self.width, generator=generator) * float(vary))
        return torch.cat(parts) if parts else torch.zeros(0, self.width)


def _places(sounds: Sequence[tuple[int, SoundRows]]) -> tuple[Tensor, Tensor]:
    """Example and position of every row."""
    rows = torch.tensor([b for b, s in sounds for _ in range(s.rows)], dtype=torch.long)
    positions = torch.tensor([s.start + n for _, s in sounds for n in range(s.rows)], dtype=torch.long)
    return rows, positions
