"""The bytes and samples of recordings, wherever they lie, and what is wrong with them."""

import io
import tarfile
import wave
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import torch

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.eval import parquet
from antiphon.eval.items import Sound

__all__ = ["audio_of", "bytes_of", "looked_at", "member_of", "stretch_of", "wav_of"]


def bytes_of(sound: Sound) -> bytes:
    """The whole file or member.

    Raises:
        InputError: it is not there any more.
    """
    try:
        return member_of(sound.path, sound.member) if sound.member else Path(sound.path).read_bytes()
    except (OSError, KeyError) as error:
        raise InputError(f"{sound.path} {sound.member} cannot be read; has the data moved?") from error


def audio_of(sound: Sound) -> Audio:
    """The stretch that is meant, at its own rate."""
    whole = _whole(replace(sound, begin_s=0.0, end_s=None))  # stretches of one long recording follow one another
    if sound.begin_s == 0 and sound.end_s is None:
        return whole
    end = whole.num_samples if sound.end_s is None else round(sound.end_s * whole.rate)
    return Audio(whole.samples[:, round(sound.begin_s * whole.rate) : end], whole.rate)


def stretch_of(sound: Sound) -> bytes:
    """The stretch that is meant, as the bytes of a WAV file."""
    return wav_of(audio_of(sound))


def wav_of(audio: Audio) -> bytes:
    """A recording as the bytes of a WAV file, 16 bits; the same samples give the same bytes."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(len(audio.samples))
        file.setsampwidth(2)
        file.setframerate(audio.rate)
        file.writeframes(audio.to_pcm16())
    return made.getvalue()


@lru_cache(maxsize=1)
def _whole(sound: Sound) -> Audio:
    return Audio.read(io.BytesIO(bytes_of(sound)))


def member_of(path: str, name: str) -> bytes:
    """A file of a tar file; of Parquet, `row:column`; of a shard of samples, `offset:length:rate`, as a WAV file."""
    if path.endswith(".parquet"):
        return parquet.recording(path, name)
    if not path.endswith(".npy"):
        return members(path)[name]
    offset, length, rate = map(int, name.split(":"))
    samples = np.load(path, mmap_mode="r")[offset : offset + length]
    return wav_of(Audio(torch.from_numpy(samples.astype(np.float32) / 32768)[None], rate))


@lru_cache(maxsize=2)
def members(path: str) -> dict[str, bytes]:
    """Every file of a tar file, by its whole name; and by its name without folders, where no other has the same."""
    with tarfile.open(path) as tar:
        opened = ((one.name.removeprefix("./"), tar.extractfile(one)) for one in tar if one.isfile())
        whole = {name: file.read() for name, file in opened if file is not None}
    bare = Counter(Path(name).name for name in whole)
    return {**{Path(name).name: data for name, data in whole.items() if bare[Path(name).name] == 1}, **whole}


def looked_at(data: bytes) -> tuple[float, str]:
    """Seconds of a recording, and what is wrong with it in words; "" when its header and its length agree."""
    if not data:
        return 0.0, "an empty file"
    try:
        info = soundfile.info(io.BytesIO(data))
    except soundfile.LibsndfileError:
        return 0.0, "no sound that can be read"
    if info.frames == 0:
        return 0.0, "a recording of no length"
    promised = int.from_bytes(data[4:8], "little") + 8
    if data[:4] == b"RIFF" and promised > len(data) + 1:
        return 0.0, f"a truncated WAV ({len(data)} bytes where its header promises {promised})"
    return info.frames / info.samplerate, ""
