"""Sound as a value, read from and written to files, pipes and bytes.

    sound = Audio.read("question.flac")        a path, "-" for standard input, bytes, or an open binary file
    wave = sound.heard                         what the model listens to: first channel, 16 kHz
    with open_writer("-", rate=24_000) as out: out.write(chunk)

Reading goes by blocks and believes the data rather than the header, so a header that claims ten hours costs nothing.
Writing to a file goes to a temporary neighbour that is renamed at the end: a failure leaves nothing half-written.
A pipe cannot be rewound, so the WAV header sent there says "length unknown"; a file gets its true length at the end.
"""

import io
import os
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import soundfile
import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.audio.resample import resample
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ

BinaryFile = io.BufferedIOBase | io.RawIOBase
Source = str | Path | bytes | BinaryFile

BLOCK = 1 << 20  # frames read at a time
LOUDEST = 1e3  # full scale is 1; what lies beyond this is no sound, and its power would overflow
UNKNOWN = 0xFFFFFFFF  # the length of a stream that has not ended
PCM_SCALE = 32768.0  # 16-bit samples are divided by this, both ways
CODECS = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS"), ".mp3": ("MP3", None)}
RAW = (".raw", ".pcm")


@dataclass(frozen=True, eq=False)
class Audio:
    """A recording: float32 samples, full scale 1, and their rate in Hz."""

    samples: Float[Tensor, "c n"]
    rate: int

    def __post_init__(self) -> None:
        samples = self.samples
        if samples.dim() != 2 or samples.dtype != torch.float32:
            found = f"{tuple(samples.shape)} of {samples.dtype}"
            raise InputError(f"sound has shape {found}; float32 [channels, n] was expected.")
        if self.rate < 1:
            raise InputError(f"a sampling rate of {self.rate} Hz was given; it must be at least 1.")
        if samples.numel() and not bool(samples.abs().amax() <= LOUDEST):  # NaN compares false
            raise InputError(f"the sound holds samples that are no number or beyond {LOUDEST:g}; full scale is 1.")

    @property
    def num_samples(self) -> int:
        """Samples of each channel."""
        return self.samples.shape[1]

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.rate

    @property
    def heard(self) -> Float[Tensor, " n"]:
        """What the model listens to: the first channel at 16 kHz."""
        return self.first().at(HEARD_HZ).samples[0]

    def first(self) -> "Audio":
        """The first channel alone, as the encoder and the speech tokenizer are fed."""
        return Audio(self.samples[:1], self.rate)

    def mean(self) -> "Audio":
        """All channels averaged into one, as the voice prompt's 24 kHz mel is fed."""
        return Audio(self.samples.mean(dim=0, keepdim=True), self.rate)

    def at(self, rate: int) -> "Audio":
        """The same sound at another sampling rate."""
        return Audio(resample(self.samples, self.rate, rate), rate)

    def cut(self, max_s: float) -> "Audio":
        """The first `max_s` seconds."""
        return Audio(self.samples[:, : int(max_s * self.rate)], self.rate)

    @classmethod
    def read(cls, source: Source, max_s: float | None = None) -> "Audio":
        """Read a recording: a path, "-" for standard input, the bytes of a file, or an open binary file.

        A truncated file gives what is there. Raises InputError if there is no file, no format that is known, no sound,
        a sample that is no number, or more than `max_s` seconds.
        """
        with _opened(source) as (file, name):
            try:
                with soundfile.SoundFile(file) as sound:
                    blocks, rate = list(_blocks(sound, name, max_s)), int(sound.samplerate)
            except (soundfile.SoundFileError, TypeError, ValueError, OSError) as error:
                raise InputError(f"{name} cannot be read as sound ({error}); give WAV, FLAC, OGG or MP3.") from error
        if not blocks:
            raise InputError(f"{name} holds no samples; give a recording.")
        return cls(torch.from_numpy(np.ascontiguousarray(np.concatenate(blocks).T)), rate)

    @classmethod
    def from_pcm16(cls, data: bytes, rate: int, channels: int = 1) -> "Audio":
        """Headerless 16-bit little-endian samples, channels interleaved. Raises InputError for a partial frame."""
        if channels < 1 or len(data) % (2 * channels):
            raise InputError(f"{len(data)} bytes are no whole frames of {channels} 16-bit channels; send whole frames.")
        frames = np.frombuffer(data, dtype="<i2").reshape(-1, channels)
        return cls(torch.from_numpy(frames.T.astype(np.float32)) / PCM_SCALE, rate)

    def to_pcm16(self) -> bytes:
        """Headerless 16-bit little-endian samples, clipped at full scale; `from_pcm16` undoes it to the bit."""
        return _pcm16(self.samples)

    def write(self, target: str | Path | BinaryFile) -> None:
        """Write a file by its ending (.wav .flac .ogg .mp3, .raw for bare 16-bit samples), or WAV to "-" or a file.

        Raises InputError for an ending that is not known or a place that cannot be written.
        """
        ending = Path(target).suffix.lower() if isinstance(target, str | Path) and str(target) != "-" else ".wav"
        if ending == ".wav" or ending in RAW:
            with open_writer(target, self.rate, channels=len(self.samples)) as writer:
                writer.write(self.samples)
            return
        if ending not in CODECS:
            raise InputError(f"{target} ends in {ending or 'nothing'}; use one of {', '.join([*CODECS, *RAW])}.")
        kind, codec = CODECS[ending]
        frames = np.frombuffer(_pcm16(self.samples), dtype="<i2").reshape(-1, len(self.samples))
        held = io.BytesIO()
        try:
            soundfile.write(held, frames, self.rate, format=kind, subtype=codec)
        except (soundfile.SoundFileError, ValueError) as error:
            found = f"{len(self.samples)} channels at {self.rate} Hz"
            raise InputError(f"{kind} cannot hold {found} ({error}); write WAV.") from error
        with _target(target) as (file, _):
            file.write(held.getvalue())


class WaveWriter:
    """A WAV (or bare 16-bit) stream under way: `write` any number of times. Made by `open_writer`."""

    def __init__(self, file: BinaryFile, rate: int, channels: int, raw: bool) -> None:
        self._file, self._rate, self._channels, self._raw = file, rate, channels, raw
        self.num_samples = 0
        if not raw:
            file.write(_header(rate, channels, UNKNOWN))

    def write(self, samples: Float[Tensor, "*c n"]) -> None:
        """Append [n] or [channels, n] float samples and hand them on at once."""
        frames = samples.detach()[None] if samples.dim() == 1 else samples.detach()
        if frames.dim() != 2 or frames.shape[0] != self._channels:
            raise InputError(f"samples of shape {tuple(samples.shape)} were written for {self._channels} channel(s).")
        self._file.write(_pcm16(frames))
        self._file.flush()
        self.num_samples += frames.shape[1]

    def finish(self) -> None:
        """Put the true length into the header; only for a file that can be rewound."""
        size = self.num_samples * self._channels * 2
        if not self._raw and size < UNKNOWN - 36:
            self._file.seek(0)
            self._file.write(_header(self._rate, self._channels, size))


@contextmanager
def open_writer(
    target: str | Path | BinaryFile, rate: int, channels: int = 1, raw: bool | None = None
) -> Iterator[WaveWriter]:
    """Write sound as it comes: to a path, to "-" (standard output), or to an open binary file; pipes too.

    `raw` leaves the header away (by default: for a path ending in .raw or .pcm). If the block fails, no file is left.
    """
    if rate < 1 or not 1 <= channels <= 0xFFFF:
        raise InputError(f"{channels} channel(s) at {rate} Hz cannot be written; give at least one of each.")
    if raw is None:
        raw = isinstance(target, str | Path) and Path(target).suffix.lower() in RAW
    with _target(target) as (file, is_ours):
        writer = WaveWriter(file, rate, channels, raw)
        yield writer
        if is_ours:
            writer.finish()


def _blocks(sound: "soundfile.SoundFile", name: str, max_s: float | None) -> Iterator[np.ndarray]:
    """Frames until they end, whatever the header says."""
    limit = None if max_s is None else int(max_s * sound.samplerate)
    held = 0
    while len(block := sound.read(BLOCK, dtype="float32", always_2d=True)):
        held += len(block)
        if limit is not None and held > limit:
            raise InputError(f"{name} is longer than the {max_s:g} s that are accepted; cut it.")
        yield block


@contextmanager
def _opened(source: Source) -> Iterator[tuple[BinaryFile, str]]:
    """A seekable binary file and what to call it in a message."""
    if isinstance(source, bytes):
        yield io.BytesIO(source), "the sound handed in"
    elif isinstance(source, str | Path) and str(source) == "-":
        yield io.BytesIO(sys.stdin.buffer.read()), "standard input"
    elif isinstance(source, str | Path):
        try:
            file = open(source, "rb")  # noqa: SIM115 (closed below)
        except (OSError, ValueError) as error:
            raise InputError(f"{str(source)!r} could not be opened ({error}); check the path.") from error
        with file:
            yield (file if file.seekable() else io.BytesIO(file.read())), repr(str(source))
    else:
        yield (source if source.seekable() else io.BytesIO(source.read())), "the sound handed in"


@contextmanager
def _target(target: str | Path | BinaryFile) -> Iterator[tuple[BinaryFile, bool]]:
    """A file to write to, and whether it is a temporary one of ours that is renamed when all went well."""
    if not isinstance(target, str | Path):
        yield target, False
        return
    if str(target) == "-":
        yield cast(BinaryFile, sys.stdout.buffer), False
        return
    path = Path(target)
    try:
        if path.exists() and not path.is_file():  # a device, a named pipe; a folder fails to open
            with open(path, "wb") as stream:
                yield stream, False
            return
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.", suffix=".part")
    except OSError as error:
        raise InputError(f"{str(target)!r} could not be written ({error}); check the path.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file, True
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _pcm16(samples: Tensor) -> bytes:
    if bool(samples.isnan().any()):
        raise InputError("the sound to write holds samples that are no number; nothing was written of it.")
    whole = (samples.to("cpu", torch.float32) * PCM_SCALE).round().clamp(-PCM_SCALE, PCM_SCALE - 1)
    return whole.T.to(torch.int16).contiguous().numpy().astype("<i2").tobytes()  # c n -> n c


def _header(rate: int, channels: int, size: int) -> bytes:
    """RIFF header of 16-bit samples; `size` in bytes, or UNKNOWN."""
    whole = size if size == UNKNOWN else size + 36
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return b"RIFF" + struct.pack("<I", whole) + b"WAVEfmt " + form + b"data" + struct.pack("<I", size)
