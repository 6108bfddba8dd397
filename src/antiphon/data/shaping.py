"""What is done to a voice after its engine: another length of vocal tract, tilt of the spectrum, rate, loudness.

A vocal tract is shortened by playing faster: `asked` has the engine speak slower and lower by as much beforehand, so
that in the end only the formants have moved. All filters act on the whole spectrum of a clip, since clips are short.
"""

import math
from dataclasses import replace

import numpy as np

from antiphon.data.engines.protocol import Controls, EngineVoice, Samples, Span, Speech

EDGE_S = 0.03  # of silence around a clip while its spectrum is changed
RATE_STEP = 50  # Hz: other rates meet those of files soon enough
TILT_FROM_HZ, TILT_OCTAVES = 200, 5
WHISPER_FRAME_S, WHISPER_CEPSTRUM_S, WHISPER_FROM_HZ = 0.024, 0.0014, 900.0


def asked(wanted: Controls, voice: EngineVoice) -> tuple[Controls, float, float]:
    """What to ask of the engine, and what is left to do: by how much to play faster, and the tilt in dB."""
    faster = 1.0 if "tract" in voice.obeys else wanted.tract
    ask = replace(wanted, speed=wanted.speed / faster, pitch=wanted.pitch / faster, tract=wanted.tract / faster)
    if "tilt" in voice.obeys:
        return ask, faster, 0.0
    return replace(ask, tilt=0.0), faster, wanted.tilt


def resample(audio: Samples, rate: int, wanted: int) -> Samples:
    """Change the rate of a clip by its spectrum; both rates in Hz. Silence fills it up to where both rates meet."""
    if rate == wanted or len(audio) == 0:
        return audio
    meet = rate // math.gcd(rate, wanted)  # samples
    edge = -(-round(EDGE_S * rate) // meet) * meet
    padded = np.pad(audio.astype(np.float64), (edge, edge + -len(audio) % meet))
    count = len(padded) * wanted // rate
    spectrum = np.fft.rfft(padded)
    kept = np.zeros(count // 2 + 1, complex)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    whole = np.fft.irfft(kept, count) * (count / len(padded))
    start, length = edge * wanted // rate, round(len(audio) * wanted / rate)
    piece: Samples = whole[start : start + length].astype(np.float32)
    return piece


def tilted(audio: Samples, rate: int, tilt: float) -> Samples:
    """Raise (or lower) the upper spectrum by up to `tilt` dB, evenly over the octaves from 200 Hz."""
    if tilt == 0 or len(audio) == 0:
        return audio
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(audio), 1 / rate), 1) / TILT_FROM_HZ)
    gain = 10 ** (np.clip(octaves / TILT_OCTAVES, 0, 1) * tilt / 20)
    shaped: Samples = np.fft.irfft(np.fft.rfft(audio.astype(np.float64)) * gain, len(audio)).astype(np.float32)
    return shaped


def finished(
    speech: Speech, rate: int, faster: float, tilt: float, peak: float, edges_s: tuple[float, float]
) -> Speech:
    """Speech at `rate`, shaped, its largest sample at `peak`, with silence before and after; its marks move along."""
    played = RATE_STEP * round(speech.rate * faster / RATE_STEP)
    faster = played / speech.rate
    audio = tilted(resample(speech.audio, played, rate), rate, tilt)
    loudest = float(np.abs(audio).max(initial=0.0))
    if loudest > 0 and math.isfinite(loudest):
        audio = audio * np.float32(peak / loudest)
    before, after = (np.zeros(round(edge * rate), np.float32) for edge in edges_s)
    shift = len(before) / rate

    def moved(spans: tuple[Span, ...]) -> tuple[Span, ...]:
        return tuple((what, round(a / faster + shift, 4), round(b / faster + shift, 4)) for what, a, b in spans)

    sound = np.concatenate([before, audio, after]).astype(np.float32)
    return Speech(audio=sound, rate=rate, words=moved(speech.words), phones=moved(speech.phones))


def whispered(audio: Samples, rate: int, rng: np.random.Generator) -> Samples:
    """The same words without a voice: each frame's smooth spectrum, filled with noise in place of harmonics.

    The envelope is the low part of the cepstrum; what only a voice has, the strong lowest octaves, is taken down.
    """
    half = round(WHISPER_FRAME_S * rate / 2)
    window = np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half))
    padded = np.pad(audio.astype(np.float64), (half, half + -len(audio) % half))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)[::half] * window
    level = np.log(np.abs(np.fft.rfft(frames)) + 1e-7)
    cepstrum = np.fft.irfft(level, 2 * half)
    kept = round(WHISPER_CEPSTRUM_S * rate)
    cepstrum[:, kept : 2 * half - kept + 1] = 0.0
    hz = np.fft.rfftfreq(2 * half, 1 / rate)
    envelope = np.exp(np.fft.rfft(cepstrum).real) * np.clip(hz / WHISPER_FROM_HZ, 0.05, 1.0)
    chance = np.lib.stride_tricks.sliding_window_view(rng.standard_normal(len(padded)), 2 * half)[::half]
    hiss = np.fft.rfft(chance * window)
    made = np.fft.irfft(hiss / np.sqrt(half) * envelope, 2 * half) * window
    out = np.zeros((len(made) + 1, half))
    out[:-1] += made[:, :half]
    out[1:] += made[:, half:]
    whole: Samples = out.reshape(-1)[half : half + len(audio)].astype(np.float32)
    return whole
