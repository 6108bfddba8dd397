"""Examples become a batch: padded ids, sounds as the encoder hears them, and every index that the losses need.

All chance is the example's own (its seed), so a batch is the same whoever it is made with.
"""

from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from antiphon.rates import num_rows
from antiphon.text.layout import TokenLayout
from antiphon.train import guide
from antiphon.train.align import fits
from antiphon.train.examples import Example, SoundRows
from antiphon.train.helps import Helps
from antiphon.train.learner import Batch, HeardEcho, SaidPhones
from antiphon.train.lexicon import Lexicon
from antiphon.train.pack import bucket, documents
from antiphon.train.pieces import TOGETHER, in_batches, piece
from antiphon.train.records import Heard, bad
from antiphon.train.traits import Told, Traits


class Collator:
    """Makes batches for one model."""

    def __init__(
        self,
        layout: TokenLayout,
        width: int,
        helps: Helps,
        wave: Callable[[Heard], Float[Tensor, " n"]],
        lexicon: Lexicon | None = None,
        traits: Traits | None = None,
    ) -> None:
        """`width` is the model's, `wave` finds the samples of a heard sound.

        `lexicon` says what phones are in it, `traits` how it sounds.
        """
        self.layout, self.width, self.helps, self.wave = layout, width, helps, wave
        self.lexicon, self.traits = lexicon, traits

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
                seen[b, : len(example.ids)] = self._wrong_codes(example)
        real = [(b, s) for b, e in enumerate(examples) for s in e.sounds if not s.path]
        paths = [(b, s) for b, e in enumerate(examples) for s in e.sounds if s.path]
        mels = [self._mel(examples[b], s, vary) for b, s in real]
        pieces = in_batches(mels, TOGETHER if vary else 1)
        said = [(n, s.said) for n, (_, s) in enumerate(real) if s.said and fits(s.rows, s.said)]
        return Batch(
            torch.from_numpy(ids),
            torch.from_numpy(kinds),
            torch.from_numpy(seen),
            pieces,
            _places(real),
            torch.tensor([t for _, s in paths for t in s.path], dtype=torch.long),
            self._noise([s for _, s in paths], vary),
            _places(paths),
            said,
            self._phones(real, mels),
            self._told(real),
            guide.targets([e.guides for e in examples] if self.helps.guide else [], length),
            guide.targets([e.copies for e in examples] if self.helps.copy else [], length),
            guide.targets([e.abouts for e in examples] if self.helps.about else [], length),
            self._echoes(examples, {n for n, _ in said}) if self.helps.copy and self.helps.echo else [],
            _documents(examples, length),
        )

    def _phones(self, real: Sequence[tuple[int, SoundRows]], mels: Sequence[Tensor]) -> list[SaidPhones]:
        """The phones of every sound that is heard whole and whose words the lexicon knows."""
        if self.lexicon is None or not (self.helps.phones or self.helps.aligned):
            return []
        found = []
        for n, ((_, sound), mel) in enumerate(zip(real, mels, strict=True)):
            phones = self.lexicon.spell(sound.heard.said) if sound.said else None
            if phones and fits((mel.shape[1] + 1) // 2, phones):
                found.append(SaidPhones(n, tuple(phones), self.lexicon.labels(sound.heard, mel.shape[1])))
        return found

    def _told(self, real: Sequence[tuple[int, SoundRows]]) -> list[tuple[int, Told]]:
        """The traits of every stretch of sound that is heard whole and of which something is known."""
        if self.traits is None or not self.helps.traits:
            return []
        return [(n, told) for n, (_, s) in enumerate(real) if s.whole for told in self.traits.told(s.heard)]

    def _echoes(self, examples: Sequence[Example], spelt: set[int]) -> list[HeardEcho]:
        """The echoes of every example, its sounds numbered as they are in the batch."""
        found, first = [], 0
        for b, example in enumerate(examples):
            numbers = {n: k for k, n in enumerate(n for n, s in enumerate(example.sounds) if not s.path)}
            for echo in example.echoes:
                number = first + numbers[echo.spelt.sound]
                start = example.sounds[echo.spelt.sound].start
                if number in spelt:
                    found.append(HeardEcho(b, echo.position, number, echo.spelt.token, start))
            first += len(numbers)
        return found

    def _wrong_codes(self, example: Example) -> np.ndarray:
        """The ids with some of their speech codes exchanged for any others, record by record."""
        first, count, parts, at = self.layout.first_audio, self.layout.num_codes, list[np.ndarray](), 0
        for length, seed in example.parts:
            ids = np.array(example.ids[at : at + length])
            rng = np.random.default_rng(Random(f"{seed} codes").getrandbits(64))
            wrong = (ids >= first) & (ids < first + count) & (rng.random(length) < self.helps.code_noise)
            parts.append(np.where(wrong, rng.integers(first, first + count, length), ids))
            at += length
        return np.concatenate(parts)

    def _mel(self, example: Example, sound: SoundRows, vary: bool) -> Float[Tensor, "f t"]:
        wave = self.wave(sound.heard)[sound.begin : sound.end]
        if num_rows(len(wave)) != sound.rows:
            raise bad(
                example.record,
                f"{sound.heard.audio} gives {num_rows(len(wave))} rows of sound, and its prompt has room for"
                f" {sound.rows}; the store has changed since the run began, so begin it again.",
            )
        return piece(wave, Random(f"{sound.seed} sound") if vary else None)

    def _noise(self, paths: Sequence[SoundRows], vary: bool) -> Float[Tensor, "n d"]:
        parts = []
        for sound in paths:
            seed = Random(f"{sound.seed} noise").getrandbits(63)
            generator = torch.Generator().manual_seed(seed)
            parts.append(torch.randn(len(sound.path), self.width, generator=generator) * float(vary))
        return torch.cat(parts) if parts else torch.zeros(0, self.width)


def _documents(examples: Sequence[Example], length: int) -> Int[Tensor, "b t"] | None:
    """Which record each position belongs to, where rows hold several."""
    if not any(e.packed for e in examples):
        return None
    return torch.stack([documents([n for n, _ in e.parts], length) for e in examples])


def _places(sounds: Sequence[tuple[int, SoundRows]]) -> tuple[Tensor, Tensor]:
    """Example and position of every row."""
    rows = torch.tensor([b for b, s in sounds for _ in range(s.rows)], dtype=torch.long)
    positions = torch.tensor([s.start + n for _, s in sounds for n in range(s.rows)], dtype=torch.long)
    return rows, positions
