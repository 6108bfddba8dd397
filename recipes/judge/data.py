"""What the character judge learns from: synthetic speech of the corpus, roughened so that it judges others fairly.

A judge that has only heard one engine's clean output hears a vocoder's small faults as other letters. So every clip is
changed anew each time: speed (and with it pitch) by up to 10 %, noise, tilt and band limit, bands blurred and masked.
All draws are functions of (seed, step).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from antiphon.data.store import cut, read_index, shard_numbers
from antiphon.errors import InputError
from recipes.judge.model import NUM_BANDS, Wave, encode_text, features, log_mel, power_spectrum


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One utterance to read or to learn from. `wave` float32 mono [n]."""

    name: str
    text: str
    wave: Wave
    rate: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    frames: Float[Tensor, "b t f"]
    frames_len: Int[Tensor, "b"]
    chars: Int[Tensor, "b u"]
    chars_len: Int[Tensor, "b"]

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        frames, chars = self.frames.to(device), self.chars.to(device)
        return replace(self, frames=frames, chars=chars)


class Corpus:
    """All utterances of shard folders, read from disk as they are used."""

    def __init__(self, folders: list[Path], longest_s: float = 12.0) -> None:
        self.sounds = {(f, n): np.load(f / f"{n:05d}.npy", mmap_mode="r") for f in folders for n in shard_numbers(f)}
        rows = [(key, row) for key in self.sounds for row in read_index(*key)]
        self.rows = [(key, row) for key, row in rows if row["length"] <= longest_s * row["rate"]]
        if not self.rows:
            raise InputError(f"found no speech in {folders}; expected shards, so run recipes/corpus_nano.py first.")

    @property
    def hours(self) -> float:
        return float(sum(row["length"] / row["rate"] for _, row in self.rows)) / 3600

    def clip(self, index: int) -> Clip:
        key, row = self.rows[index]
        wave = cut(self.sounds[key], row["offset"], row["length"])
        return Clip(name=f"{key[1]:05d}:{row['offset']}", text=row["text"], wave=wave, rate=row["rate"])

    def seconds(self, index: int) -> float:
        """How long a clip is."""
        _, row = self.rows[index]
        return float(row["length"] / row["rate"])

    def epoch(self, seed: int, number: int, batch_s: float) -> list[list[int]]:
        """Every clip once, in batches of about equal length and equal duration; each epoch has its own order."""
        seconds = np.array([self.seconds(n) for n in range(len(self.rows))])
        rng = np.random.default_rng([seed, number])
        order = np.argsort(seconds * rng.uniform(0.9, 1.1, len(seconds)))
        whole = max(1, round(seconds.sum() / batch_s))  # the same in every epoch
        ends = np.searchsorted(np.cumsum(seconds[order]), np.arange(1, whole) * seconds.sum() / whole)
        batches = [batch.tolist() for batch in np.split(order, ends) if len(batch)]
        return [batches[k] for k in rng.permutation(len(batches))]


LENGTHS = 64  # frames to whose multiples a batch is padded: kernels are made anew for each shape


def num_frames(seconds: float) -> int:
    """Frames of a clip in a batch, at most: it may be slowed down."""
    return -(-round(seconds / 0.9 * 100 + 2) // LENGTHS) * LENGTHS


def make_batch(clips: Sequence[Clip], rngs: Sequence[np.random.Generator]) -> Batch:
    """Roughened features and characters, padded with zeros; each clip by its own chance."""
    frames = [roughen(clip, rng) for clip, rng in zip(clips, rngs, strict=True)]
    chars = [torch.tensor(encode_text(clip.text)) for clip in clips]
    longest = -(-max(map(len, frames)) // LENGTHS) * LENGTHS
    return Batch(
        frames=torch.stack([F.pad(x, (0, 0, 0, longest - len(x))) for x in frames]),
        frames_len=torch.tensor([len(x) for x in frames]),
        chars=torch.nn.utils.rnn.pad_sequence(chars, batch_first=True),
        chars_len=torch.tensor([len(x) for x in chars]),
    )


def roughen(clip: Clip, rng: np.random.Generator) -> Float[Tensor, "t f"]:
    """Features of a clip as another voice, room or vocoder might give them; one clip in eight stays as it is."""
    wave = torch.from_numpy(clip.wave)
    if rng.random() < 0.125:
        return features(wave, clip.rate)
    wave = _add_noise(_change_speed(wave, rng.uniform(0.9, 1.1)), rng)
    power = power_spectrum(wave, clip.rate)
    bands = log_mel(power * _equaliser(power.shape[-1], clip.rate, rng), clip.rate)
    if rng.random() < 0.3:
        bands = _blur(bands, rng.uniform(0.1, 0.5))
    bands = bands + torch.from_numpy(rng.normal(0, rng.uniform(0, 0.12), bands.shape).astype(np.float32))
    return _mask(bands, rng)


def _change_speed(wave: Tensor, factor: float) -> Tensor:
    return F.interpolate(wave[None, None], size=round(len(wave) / factor), mode="linear", align_corners=True)[0, 0]


def _add_noise(wave: Tensor, rng: np.random.Generator) -> Tensor:
    """White noise, or brown-tinted, 12 to 45 dB below the speech."""
    noise = torch.from_numpy(rng.standard_normal(len(wave), dtype=np.float32))
    if rng.random() < 0.5:
        noise = noise + 0.9 * torch.roll(noise, 1) + 0.8 * torch.roll(noise, 2)
    ratio = 10 ** (-rng.uniform(12, 45) / 20) * wave.std() / noise.std()
    return wave + ratio * noise


def _equaliser(num_bins: int, rate: int, rng: np.random.Generator) -> Tensor:
    """Power gain: a tilt of up to 6 dB per octave about 1 kHz, and sometimes an end of the band at 3.4 to 7 kHz."""
    hz = np.linspace(0, rate / 2, num_bins)
    gain = np.maximum(hz / 1000, 0.06) ** (rng.uniform(-2, 2) * rng.random())
    if rng.random() < 0.3:
        gain = gain / (1 + (hz / rng.uniform(3400, 7000)) ** 16)
    return torch.from_numpy(gain.astype(np.float32))


def _blur(bands: Tensor, weight: float) -> Tensor:
    """Mix with a 3 x 3 mean: the smoothness of a predicted spectrum."""
    smooth = F.avg_pool2d(bands[None], 3, stride=1, padding=1, count_include_pad=False)[0]
    return bands.lerp(smooth, weight)


def _mask(bands: Tensor, rng: np.random.Generator) -> Tensor:
    """Silence up to 10 bands and two stretches of up to 60 ms, lightly: what is masked cannot be judged."""
    bands = bands.clone()
    width = int(rng.integers(0, 11))
    low = int(rng.integers(0, NUM_BANDS - width))
    bands[:, low : low + width] = 0
    for _ in range(2):
        start = int(rng.integers(0, max(1, len(bands) - 6)))
        bands[start : start + int(rng.integers(0, 7))] = 0
    return bands


def read_clips(source: Path, limit: int | None = None) -> Iterator[Clip]:
    """Clips with their reference texts, from any of

    * a shard folder of the corpus;
    * a `.jsonl` of {"wav": path relative to the file, "text": words}, or a folder with a `manifest.jsonl` of that kind;
    * a folder of NAME.wav beside NAME.txt.
    """
    import soundfile

    if source.is_dir() and shard_numbers_of(source):
        corpus = Corpus([source], longest_s=60.0)
        yield from (corpus.clip(k) for k in range(len(corpus.rows))[:limit])
        return
    for path, text in _listed(source)[:limit]:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
        yield Clip(name=path.name, text=text, wave=wave.mean(1), rate=rate)


def shard_numbers_of(folder: Path) -> list[str]:
    """Shards in a folder that may hold other things too."""
    return [path.stem for path in folder.glob("*.jsonl") if path.with_suffix(".npy").exists()]


def _listed(source: Path) -> list[tuple[Path, str]]:
    manifest = source / "manifest.jsonl" if source.is_dir() else source
    if manifest.exists():
        rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [(manifest.parent / row["wav"], row["text"]) for row in rows]
    texts = sorted(path for path in source.glob("*.txt") if path.with_suffix(".wav").exists())
    if not texts:
        raise InputError(
            f"found nothing to score in {source}; expected shards, a manifest.jsonl, or WAV beside TXT files."
        )
    return [(path.with_suffix(".wav"), path.read_text(encoding="utf-8").strip()) for path in texts]
