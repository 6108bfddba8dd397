"""Features of a corpus, at random: computed when first asked for and kept beside its shards.

    FOLDER/00007.npy, 00007.jsonl          sound and index (antiphon.data.store)
    FOLDER/features/00007.spoken.npy       every clip's frames end to end [frames, width]
    FOLDER/features/00007.spoken.at.npy    where each clip begins, and the end; written last: all is there

A feature is a function of one clip's sound, so its file can be thrown away at any time. What a model computes of the
sound (codes, the vector of a voice) carries that model's fingerprint in its name: another model makes another file.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from antiphon.audio.fbank import fbank
from antiphon.audio.mel import log_mel
from antiphon.audio.pitch import pitch
from antiphon.audio.resample import resample
from antiphon.audio.spoken_mel import spoken_mel
from antiphon.data.store import Row, cut, read_index, shard_numbers
from antiphon.errors import InputError
from antiphon.model.speaker import SpeakerNet
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.rates import HEARD_HZ, SPOKEN_HZ

Array = npt.NDArray[np.generic]
FOLDER = "features"
SETS = ("shards", "spoken")  # of a corpus of `antiphon data synth`, after which they are called
OPEN_FILES = 512  # memory maps that stay open


@dataclass(frozen=True, kw_only=True)
class Feature:
    """What can be computed of a clip: rows [t, width] of its sound (float32 mono [n], at the rate given in Hz)."""

    name: str
    compute: Callable[[Float[Tensor, " n"], int], Tensor] = field(repr=False)
    dtype: str = "float16"


@torch.no_grad()
def _heard(wave: Tensor, rate: int) -> Tensor:
    return log_mel(resample(wave, rate, HEARD_HZ), pad=0).mT


@torch.no_grad()
def _spoken(wave: Tensor, rate: int) -> Tensor:
    return spoken_mel(resample(wave, rate, SPOKEN_HZ)).mT


@torch.no_grad()
def _pitch(wave: Tensor, rate: int) -> Tensor:
    return pitch(resample(wave, rate, SPOKEN_HZ))[:, None]


@torch.no_grad()
def _bands(wave: Tensor, rate: int) -> Tensor:
    bands = fbank(resample(wave, rate, HEARD_HZ))
    return bands - bands.mean(0)


HEARD = Feature(name="heard", compute=_heard)  # log-mel [t, 128] at 100 Hz, as the speech tokenizer reads it
SPOKEN = Feature(name="spoken", compute=_spoken)  # mel [t, 80] at 50 Hz, as the flow writes it
PITCH = Feature(name="pitch", compute=_pitch)  # Hz [t, 1] of the same frames, 0 where there is no voice
BANDS = Feature(name="bands", compute=_bands)  # Kaldi bands [t, 80] at 100 Hz without their mean, for the speaker net


def codes_by(tokenizer: SpeechTokenizer) -> Feature:
    """The codes [t, 1] at 25 Hz that this tokenizer gives a clip."""

    @torch.no_grad()
    def compute(wave: Tensor, rate: int) -> Tensor:
        return tokenizer.encode(_heard(wave, rate).mT[None])[0][:, None]

    digest = sha256()
    for name, tensor in sorted(tokenizer.state_dict().items()):
        digest.update(name.encode() + tensor.float().contiguous().numpy().tobytes())
    return Feature(name=f"codes-{digest.hexdigest()[:12]}", compute=compute, dtype="int32")


def voice_by(graph: Path) -> Feature:
    """The vector of the clip's voice [1, d] by the speaker net of this ONNX file."""
    net = SpeakerNet(graph)

    def compute(wave: Tensor, rate: int) -> Tensor:
        return net(resample(wave, rate, HEARD_HZ))

    digest = sha256(Path(graph).read_bytes()).hexdigest()
    return Feature(name=f"voice-{digest[:12]}", compute=compute, dtype="float32")


@dataclass(frozen=True, eq=False)
class Clip:
    """One utterance of a corpus: where it lies, and its row of the index."""

    folder: Path
    shard: int
    index: int
    row: Row

    @property
    def id(self) -> str:
        """Names the clip within its corpus, whatever machine it lies on."""
        return f"{name_of(self.folder)}/{self.shard:05d}/{self.index}"

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return float(self.row["length"] / self.row["rate"])

    @property
    def text(self) -> str:
        """What is said, or nothing where that is not known."""
        return str(self.row.get("text") or "")

    @property
    def voice(self) -> str:
        """Who speaks; a clip that does not say so is taken for a voice of its folder's own."""
        speaker = self.row.get("speaker") or {}
        return str(self.row.get("voice") or speaker.get("id") or name_of(self.folder))


def name_of(folder: Path) -> str:
    """What a folder of shards is called."""
    return f"{folder.parent.name}/{folder.name}" if folder.name in SETS else folder.name


class Corpus:
    """The clips of some folders of shards, their sound and their features. `keep` False computes without writing."""

    def __init__(self, folders: Sequence[str | Path], *, keep: bool = True) -> None:
        self.folders, self.keep = [Path(folder) for folder in folders], keep
        for folder in self.folders:
            if not folder.is_dir() or not shard_numbers(folder):
                raise InputError(f"{folder} holds no shards of speech; make some first (antiphon data synth).")
        if len({name_of(folder) for folder in self.folders}) < len(self.folders):
            raise InputError("two data folders have the same name, by which clips are told apart; rename one.")
        self._open = lru_cache(OPEN_FILES)(_mapped)

    @cached_property
    def clips(self) -> list[Clip]:
        """Every clip, in the order of folders, shards and rows."""
        return [
            Clip(folder, shard, index, row)
            for folder in self.folders
            for shard in shard_numbers(folder)
            for index, row in enumerate(read_index(folder, shard))
        ]

    def wave(self, clip: Clip) -> Float[Tensor, " n"]:
        """The sound of a clip at its own rate."""
        sound = self._open(clip.folder / f"{clip.shard:05d}.npy").astype(np.int16, copy=False)
        return torch.from_numpy(cut(sound, clip.row["offset"], clip.row["length"]))

    def feature(self, clip: Clip, feature: Feature) -> Array:
        """Rows [t, width] of one clip; the first asked of a shard computes all of it."""
        if not self.keep:
            return self._compute(clip, feature)
        path, places = _files(clip.folder, clip.shard, feature)
        if not places.exists():
            self._make(clip.folder, clip.shard, feature)
        at = self._open(places)
        return np.array(self._open(path)[at[clip.index] : at[clip.index + 1]])

    def prepare(self, *features: Feature) -> None:
        """Compute what is not there yet, with a bar."""
        missing = [
            (folder, shard, feature)
            for folder in self.folders
            for shard in shard_numbers(folder)
            for feature in features
            if self.keep and not _files(folder, shard, feature)[1].exists()
        ]
        for folder, shard, feature in tqdm(missing, desc="features", unit="shard", disable=not missing):
            self._make(folder, shard, feature)

    def _make(self, folder: Path, shard: int, feature: Feature) -> None:
        rows = read_index(folder, shard)
        held = [self._compute(Clip(folder, shard, i, row), feature) for i, row in enumerate(rows)]
        path, places = _files(folder, shard, feature)
        path.parent.mkdir(exist_ok=True)
        _write(path, np.concatenate(held) if held else np.zeros((0, 1), feature.dtype))
        _write(places, np.cumsum([0, *map(len, held)]))

    def _compute(self, clip: Clip, feature: Feature) -> Array:
        with torch.autocast("cpu", enabled=False):  # whoever asks, at whatever precision it works
            made = feature.compute(self.wave(clip), clip.row["rate"])
        return made.numpy().astype(feature.dtype)


def _files(folder: Path, shard: int, feature: Feature) -> tuple[Path, Path]:
    stem = folder / FOLDER / f"{shard:05d}.{feature.name}"
    return stem.with_name(stem.name + ".npy"), stem.with_name(stem.name + ".at.npy")


def _write(path: Path, array: Array) -> None:
    """In one move, so that ranks which write the same file at once do not hurt each other."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(part, "wb") as file:
        np.save(file, array)
    os.replace(part, path)


def _mapped(path: Path) -> Array:
    array: Array = np.load(path, mmap_mode="r")
    return array


def by_voice(clips: Sequence[Clip]) -> Mapping[str, list[Clip]]:
    """The clips of each voice, in their order."""
    found: dict[str, list[Clip]] = {}
    for clip in clips:
        found.setdefault(clip.voice, []).append(clip)
    return found


def within(clips: Sequence[Clip], shortest_s: float, longest_s: float) -> Iterator[Clip]:
    """The clips that are neither too short nor too long to be learned from."""
    return (clip for clip in clips if shortest_s <= clip.seconds <= longest_s)
