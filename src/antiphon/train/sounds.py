"""Sounds by reference: `set/shard:row` in a folder of shards becomes samples at 16 kHz, or the codes of a spoken row.

    SOUNDS/heard/00003.jsonl, .npy     the shards of `antiphon.data.store`
    CODES/target/00000.npz             `codes`, all rows end to end, and `at`, where each begins

With a `coder` (the codes that a speech tokenizer gives a clip, `features.codes_by`) codes are written when first asked
for, a shard at a time, under that tokenizer's fingerprint: those of another are never read by mistake.
Shards are opened when first asked for and stay mapped, so a row costs its own bytes and nothing else.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.audio.resample import resample
from antiphon.data.store import cut, read_index
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ
from antiphon.train.features import Clip, Corpus, Feature
from antiphon.train.records import Heard

OPEN_SHARDS = 256
OPEN_INDEXES = 4096
PLACE = ("offset", "length", "rate")


def parse_reference(reference: str) -> tuple[str, int, int]:
    """Set, shard and row of `set/shard:row`."""
    place, _, row = reference.rpartition(":")
    name, _, shard = place.rpartition("/")
    if not name or not shard.isdigit() or not row.isdigit():
        raise InputError(f"{reference!r} is no place in a store; expected set/shard:row, such as heard/00003:17.")
    return name, int(shard), int(row)


class Sounds:
    """Random access to what records refer to. Reading changes nothing, so every process may open the same folders."""

    def __init__(self, folder: Path, codes: Path | None = None, coder: Feature | None = None) -> None:
        self.folder, self._codes, self._coder = folder, codes, coder
        self._corpus = lru_cache(OPEN_SHARDS)(lambda name: Corpus([folder / name]))
        self._index = lru_cache(OPEN_INDEXES)(self._read_index)
        self._sound = lru_cache(OPEN_SHARDS)(self._open)
        self._shard_codes = lru_cache(OPEN_SHARDS)(self._open_codes)

    def row(self, reference: str) -> dict[str, int]:
        """Where a row lies: `offset` and `length` in samples, `rate` in Hz. Raises InputError where there is none."""
        name, shard, row = parse_reference(reference)
        rows = self._index(name, shard)
        if row >= len(rows):
            raise InputError(f"the audio {reference} is missing: its shard holds {len(rows)} rows; make it again.")
        return dict(rows[row])

    def samples(self, heard: Heard) -> int:
        """How many samples a heard sound has at 16 kHz."""
        row = self.row(heard.audio)
        begin, end = self._span(heard, row)
        return -(-(end - begin) * HEARD_HZ // row["rate"])

    def wave(self, heard: Heard) -> Float[Tensor, " n"]:
        """The samples of a heard sound at 16 kHz."""
        row = self.row(heard.audio)
        name, shard, _ = parse_reference(heard.audio)
        begin, end = self._span(heard, row)
        samples = cut(self._sound(name, shard), row["offset"] + begin, end - begin)
        return resample(torch.from_numpy(samples), row["rate"], HEARD_HZ)

    def codes(self, reference: str) -> tuple[int, ...]:
        """The speech codes of a row."""
        name, shard, row = parse_reference(reference)
        if self._coder is not None:
            clip = Clip(self.folder / name, shard, row, self.row(reference))
            return tuple(self._corpus(name).feature(clip, self._coder)[:, 0].tolist())
        codes, at = self._shard_codes(name, shard)
        if row + 1 >= len(at):
            raise InputError(f"the codes {reference} are missing: the shard has {len(at) - 1} rows; make them again.")
        return tuple(codes[at[row] : at[row + 1]].tolist())

    def _read_index(self, name: str, shard: int) -> list[dict[str, int]]:
        """Of each row what is asked for again and again: what else is said of it would fill the memory."""
        return [{key: int(row[key]) for key in PLACE} for row in read_index(self.folder / name, shard)]

    def _span(self, heard: Heard, row: dict[str, int]) -> tuple[int, int]:
        length = row["length"]
        begin, end = heard.span or (0, length)
        if not 0 <= begin <= end <= length:
            raise InputError(f"the span {begin} to {end} reaches outside {heard.audio}, which has {length} samples.")
        return begin, end

    def _open(self, name: str, shard: int) -> np.ndarray:
        path = self.folder / name / f"{shard:05d}.npy"
        if not path.exists():
            raise InputError(f"the audio {path} is missing; make the corpus, or leave the record out.")
        sound: np.ndarray = np.load(path, mmap_mode="r")
        return sound

    def _open_codes(self, name: str, shard: int) -> tuple[np.ndarray, np.ndarray]:
        path = (self._codes or self.folder) / name / f"{shard:05d}.npz"
        if not path.exists():
            raise InputError(f"the codes {path} are missing; write them with the speech tokenizer first.")
        held = np.load(path)
        return held["codes"], held["at"]
