"""What a recording suffers on its way: rooms, noise, narrow bands, codecs, gain, clipping, speed, other sounds.

    audio, record = add_noise(audio, babble, 10.0, rng)      # record: {"what": "noise", "snr_db": 10.0, ...}

Every function takes float32 mono [n], leaves it as it is, and returns new float32 with a record of what was done that
`json` can write. Nothing clips but `clip`: a sum that grows beyond 1 is scaled down as a whole.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from antiphon.data.events import EVENTS, event
from antiphon.data.grains import Samples, Wave, band, noise, put, rms, shape
from antiphon.data.rooms import Room, hear_in
from antiphon.data.scenes import SCENES, scene
from antiphon.errors import InputError

Sound = npt.NDArray[np.floating]
Record = dict[str, Any]
Done = tuple[Samples, Record]

COLOURS: Mapping[str, float] = MappingProxyType({"white": 0.0, "pink": 3.0, "brown": 6.0})  # dB an octave
BANDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "telephone": (300.0, 3_400.0),
        "wideband": (50.0, 7_000.0),
        "muffled": (0.0, 1_500.0),
        "tinny": (800.0, 5_000.0),
    }
)  # Hz


def _done(wave: Wave, **record: Any) -> Done:
    """Scale down what has grown beyond 1, and say so."""
    largest = float(np.abs(wave).max(initial=0.0))
    if largest > 1:
        wave, record["scaled"] = wave / largest, 1 / largest
    return wave.astype(np.float32), record


def _level(audio: Sound, other: Sound, ratio_db: float) -> float:
    """By what to multiply a sound so that its mean power lies so many dB below that of `audio`."""
    if rms(audio) == 0 or rms(other) == 0:
        raise InputError("Found silence to be mixed at a ratio; expected two sounds, so filter silent clips first.")
    return rms(audio) / rms(other) * float(10 ** (-ratio_db / 20))


# --- rooms and other sounds ------------------------------------------------------------------------------------------


def reverberate(audio: Samples, place: Room) -> Done:
    """Put a sound into a room; length, loudness and the moment of the direct sound stay."""
    return _done(hear_in(audio, place), what="room", kind=place.kind, rt60_s=round(place.rt60_s, 4))


def add_noise(audio: Samples, other: Sound, snr_db: float, rng: np.random.Generator) -> Done:
    """Add a sound, looped and begun anywhere, so that the mean power of `audio` lies `snr_db` above its.

    Raises:
        InputError: where either is silent, since no ratio exists then.
    """
    start = int(rng.integers(max(len(other), 1)))
    looped = np.resize(np.roll(other, -start), len(audio)).astype(np.float64)
    return _done(audio + _level(audio, looped, snr_db) * looped, what="noise", snr_db=snr_db, start=start)


def background(kind: str, rng: np.random.Generator, seconds: float, rate: int) -> Samples:
    """Make what may lie behind speech: a colour of noise, a sound event or a scene, by its name, at least 2 s long."""
    if kind in COLOURS:
        return noise(rng, round(max(seconds, 2.0) * rate), rate, 20, rate / 2, COLOURS[kind]).astype(np.float32)
    if kind in EVENTS:
        return event(kind, rng, max(seconds, 2.0), rate)
    if kind in SCENES:
        return scene(kind, rng, max(seconds, 2.0), rate).audio
    raise InputError(f"Found the background {kind!r}; expected one of {', '.join((*COLOURS, *SCENES, *EVENTS))}.")


def mix(audio: Samples, other: Samples, ratio_db: float, at_s: float, rate: int) -> Done:
    """Lay a second sound over the first from `at_s` on, its own mean power `ratio_db` below; the longer end counts."""
    if at_s < 0:
        raise InputError(f"Found a sound that is to begin at {at_s} s; expected 0 or later.")
    canvas = np.zeros(max(len(audio), round(at_s * rate) + len(other)))
    put(canvas, audio, 0.0, rate)
    put(canvas, _level(audio, other, ratio_db) * other.astype(np.float64), at_s, rate)
    return _done(canvas, what="mix", ratio_db=ratio_db, at_s=at_s)


# --- bands and codecs ------------------------------------------------------------------------------------------------


def limit_band(audio: Samples, rate: int, name: str) -> Done:
    """Keep one of `BANDS`."""
    if name not in BANDS:
        raise InputError(f"Found the band {name!r}; expected one of {', '.join(BANDS)}.")
    return _done(shape(audio, rate, band(*BANDS[name])), what="band", name=name)


def code(audio: Samples, rate: int, name: str) -> Done:
    """Send a sound through one of `CODECS` and back."""
    if name not in CODECS:
        raise InputError(f"Found the codec {name!r}; expected one of {', '.join(CODECS)}.")
    return _done(CODECS[name](np.clip(audio, -1, 1).astype(np.float64), rate), what="codec", name=name)


def _mu_law(wave: Wave, rate: int, mu: float = 255.0) -> Wave:
    """Eight bits on a logarithmic scale, as in American and Japanese telephony."""
    small = np.sign(wave) * np.log1p(mu * np.abs(wave)) / np.log1p(mu)
    small = np.round(small * 127) / 127
    back: Wave = np.sign(small) * np.expm1(np.abs(small) * np.log1p(mu)) / mu
    return back


def _a_law(wave: Wave, rate: int, a: float = 87.6) -> Wave:
    """Eight bits, linear near zero and logarithmic above 1/a, as in European telephony."""
    size, log_a = np.abs(wave), 1 + np.log(a)
    small = np.where(size < 1 / a, a * size, 1 + np.log(np.maximum(a * size, 1.0))) / log_a
    small = np.round(small * 127) / 127
    back = np.where(small < 1 / log_a, small * log_a / a, np.exp(small * log_a - 1) / a)
    signed: Wave = np.sign(wave) * back
    return signed


ADPCM_BLOCK = 256
ADPCM_STEPS = np.round(7 * 1.1 ** np.arange(89))  # of 16-bit samples
ADPCM_CHANGE = np.array([-1, -1, -1, -1, 2, 4, 6, 8])  # in the table of steps, by the size of the last code


def _adpcm(wave: Wave, rate: int) -> Wave:
    """Four bits a sample: the difference to the last sample, in steps that grow and shrink (the IMA's scheme).

    Blocks are coded apart, so all of them at once, sample by sample.
    """
    count = -(-len(wave) // ADPCM_BLOCK)
    blocks = np.pad(np.round(wave * 32_767), (0, count * ADPCM_BLOCK - len(wave))).reshape(count, ADPCM_BLOCK)
    slope = np.abs(np.diff(blocks, axis=1)).mean(axis=1)
    index = np.argmin(np.abs(ADPCM_STEPS - slope[:, None]), axis=1)
    heard = np.empty_like(blocks)
    last = blocks[:, 0]
    for place in range(ADPCM_BLOCK):
        step = ADPCM_STEPS[index]
        wanted = blocks[:, place] - last
        size = np.minimum(np.abs(wanted) * 4 // step, 7).astype(np.int64)
        last = np.clip(last + np.sign(wanted) * (size + 0.5) * step / 4, -32_768, 32_767)
        index = np.clip(index + ADPCM_CHANGE[size], 0, len(ADPCM_STEPS) - 1)
        heard[:, place] = last
    out: Wave = heard.reshape(-1)[: len(wave)] / 32_767
    return out


def _coarse(wave: Wave, rate: int) -> Wave:
    """Six bits on a linear scale, after the band of a telephone."""
    return np.round(shape(wave, rate, band(*BANDS["telephone"])) * 31) / 31


def _sparse(wave: Wave, rate: int, kept: float = 0.12) -> Wave:
    """What a starved transform codec leaves: in frames of 32 ms, the strongest 12 % of the bins, in steps of 3 dB."""
    hop = round(0.016 * rate)
    window = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))
    padded = np.concatenate([np.zeros(hop), wave, np.zeros(2 * hop)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop] * window
    bins = np.fft.rfft(frames)
    size = np.abs(bins)
    least = np.quantile(size, 1 - kept, axis=1, keepdims=True)
    steps = 10 ** (3 / 20 * np.round(20 / 3 * np.log10(np.maximum(size, 1e-12))))
    coded = np.where((size >= least) & (size > 0), bins / np.maximum(size, 1e-12) * steps, 0)
    out = np.zeros(len(padded))
    for number, frame in enumerate(np.fft.irfft(coded, 2 * hop) * window):
        out[number * hop : number * hop + 2 * hop] += frame
    return out[hop : hop + len(wave)]


CODECS: Mapping[str, Callable[[Wave, int], Wave]] = MappingProxyType(
    {"mu-law": _mu_law, "a-law": _a_law, "adpcm": _adpcm, "coarse": _coarse, "sparse": _sparse}
)


# --- level and speed -------------------------------------------------------------------------------------------------


def gain(audio: Samples, db: float) -> Done:
    """Make a sound louder or quieter; beyond full scale it is scaled down again, never clipped."""
    return _done(audio.astype(np.float64) * 10 ** (db / 20), what="gain", db=db)


def clip(audio: Samples, share: float) -> Done:
    """Cut off all that lies above a share of the peak, 0 to 1."""
    if not 0 < share <= 1:
        raise InputError(f"Found clipping at {share} of the peak; expected a share above 0, up to 1.")
    ceiling = share * float(np.abs(audio).max(initial=0.0))
    return _done(np.clip(audio, -ceiling, ceiling).astype(np.float64), what="clip", share=share)


def change_speed(audio: Samples, factor: float) -> Done:
    """Play a sound faster (factor above 1) and so higher, or slower and lower, as a tape does."""
    if not 0.25 <= factor <= 4:
        raise InputError(f"Found the speed {factor}; expected 0.25 to 4.")
    n = round(len(audio) / factor)
    spectrum = np.fft.rfft(audio)
    kept = np.zeros(n // 2 + 1, dtype=np.complex128)
    width = min(len(spectrum), len(kept))
    kept[:width] = spectrum[:width]
    return _done(np.fft.irfft(kept, n) * n / max(len(audio), 1), what="speed", factor=factor)
