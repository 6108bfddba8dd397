"""Sound that clients send, decoded within bounds, and sound for them in the form they ask for.

A small file may hold hours of sound, or claim a thousand channels. Nothing is believed: the form is looked up in a
list, the header's channels and rate are checked before a sample is read, samples are read by blocks of which the first
channel is kept, and reading stops at the limit.
"""

import io
from collections.abc import Iterator

import numpy as np
import soundfile
import torch

from antiphon.audio.wave import Audio, open_writer
from antiphon.errors import InputError
from antiphon.server.protocol.refusal import INVALID_VALUE, TOO_LARGE, Refusal

FORMS = frozenset({"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3"})
BLOCK = 1 << 16  # frames read at a time
MOST_CHANNELS = 8
RATES = 4_000, 192_000
MOST_HZ = 48_000  # a higher rate makes the longest recording shorter, so that memory stays bounded
TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "pcm": "audio/pcm",
    "pcm16": "audio/pcm",
    "aac": "audio/aac",
}
WRITTEN = {"mp3": ("MP3", "MPEG_LAYER_III"), "flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}


def read_sound(data: bytes, most_s: float, param: str) -> Audio:
    """A recording's first channel, from the bytes of a file.

    Raises:
        Refusal: no sound of a known form, too many channels, too odd a rate, too long.
    """
    if not data:
        raise Refusal("The recording is empty; send a WAV, FLAC, OGG or MP3 file.", code=INVALID_VALUE, param=param)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _check_header(file, param)
            rate = int(file.samplerate)
            kept = list(_blocks(file, int(most_s * min(rate, MOST_HZ)), param))
        if kept:
            return Audio(torch.from_numpy(np.concatenate(kept))[None], rate)
    except (soundfile.SoundFileError, TypeError, ValueError, OSError, InputError, MemoryError):
        pass  # what a decoder says of a broken file helps nobody
    what = "The recording cannot be read as sound; send a WAV, FLAC, OGG or MP3 file."
    raise Refusal(what, code=INVALID_VALUE, param=param)


def _check_header(file: soundfile.SoundFile, param: str) -> None:
    if file.format not in FORMS:
        what = f"The recording is {file.format}; send WAV, FLAC, OGG or MP3."
        raise Refusal(what, code=INVALID_VALUE, param=param)
    if not 1 <= file.channels <= MOST_CHANNELS or not RATES[0] <= file.samplerate <= RATES[1]:
        found = f"{file.channels} channels at {file.samplerate} Hz"
        what = f"The recording has {found}; send at most {MOST_CHANNELS} channels at {RATES[0]} to {RATES[1]} Hz."
        raise Refusal(what, code=INVALID_VALUE, param=param)


def _blocks(file: soundfile.SoundFile, most: int, param: str) -> Iterator[np.ndarray]:
    held = 0
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        held += len(block)
        if held > most:
            what = f"The recording is longer than {most / min(file.samplerate, MOST_HZ):.0f} s; send it in parts."
            raise Refusal(what, code=TOO_LARGE, param=param, status=413)
        yield np.ascontiguousarray(block[:, 0])


def write_sound(audio: Audio, form: str) -> bytes:
    """A whole recording as the bytes of a file.

    Raises:
        Refusal: a form that needs a library which is not installed.
    """
    if form in ("pcm", "pcm16"):
        return audio.to_pcm16()
    held = io.BytesIO()
    if form == "wav":
        with open_writer(held, audio.rate) as writer:
            writer.write(audio.samples)
            writer.finish()
        return held.getvalue()
    if form == "aac":
        return _aac(audio)
    kind, subtype = WRITTEN[form]
    samples = audio.samples[0].clamp(-1, 1).numpy()
    if not len(samples):
        samples = np.zeros(1, np.float32)  # an empty MP3 or OGG is no file
    soundfile.write(held, samples, audio.rate, format=kind, subtype=subtype)
    return held.getvalue()


def wave_head(rate: int) -> bytes:
    """The header of a WAV stream of unknown length."""
    held = io.BytesIO()
    with open_writer(held, rate):
        return held.getvalue()


def _aac(audio: Audio) -> bytes:
    try:
        import av
    except ImportError:
        what = "AAC needs a library that this server lacks (antiphon[webrtc]); ask for mp3, opus, flac or wav."
        raise Refusal(what, code=INVALID_VALUE, param="response_format") from None
    held = io.BytesIO()
    with av.open(held, "w", format="adts") as out:
        stream = out.add_stream("aac", rate=audio.rate)
        samples = np.frombuffer(audio.to_pcm16(), "<i2").reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = audio.rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    return held.getvalue()
