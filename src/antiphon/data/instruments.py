"""Simple instruments and tempi: `music("piano", "fast", rng)` plays a melody whose every onset is known.

A melody walks over a pentatonic scale, one note a beat, now and then a rest; the drum beats its own two strokes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from antiphon.data.events import strike_bell
from antiphon.data.grains import Samples, Wave, curve, fade, finish, harmonics, noise, put, ring
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ

Model = Callable[[np.random.Generator, float, int, int], Wave]  # chance, pitch in Hz, samples, rate in Hz
TEMPI: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"slow": (48.0, 66.0), "medium": (88.0, 112.0), "fast": (150.0, 190.0)}
)  # beats a minute
SCALE = (0, 2, 4, 7, 9, 12, 14, 16)  # semitones above the lowest note
REST = 0.12


@dataclass(frozen=True, kw_only=True)
class Music:
    """What was played: float32 mono [n], on what, how fast (the class and beats a minute), and when notes began."""

    audio: Samples
    instrument: str
    tempo: str
    bpm: float
    onsets_s: tuple[float, ...]


def music(instrument: str, tempo: str, rng: np.random.Generator, seconds: float = 5.0, rate: int = HEARD_HZ) -> Music:
    """Play a melody of a length.

    Raises:
        InputError: for an instrument or tempo that does not exist, or less than a second.
    """
    if instrument not in INSTRUMENTS:
        raise InputError(f"Found the instrument {instrument!r}; expected one of {', '.join(INSTRUMENTS)}.")
    if tempo not in TEMPI:
        raise InputError(f"Found the tempo {tempo!r}; expected one of {', '.join(TEMPI)}.")
    if seconds < 1:
        raise InputError(f"Found {seconds} s of music; expected at least 1 s.")
    bpm = float(rng.uniform(*TEMPI[tempo]))
    wave, onsets = np.zeros(round(seconds * rate)), []
    lowest, step, beat, start = rng.uniform(200, 330), int(rng.integers(len(SCALE))), 60 / bpm, rng.uniform(0.05, 0.2)
    for number in range(int((seconds - start - 0.1) / beat) + 1):
        step = int(np.clip(step + rng.integers(-2, 3), 0, len(SCALE) - 1))
        if number > 0 and rng.random() < REST:
            continue
        n = round(min(1.6 * beat, 1.5) * rate)
        note = INSTRUMENTS[instrument](rng, lowest * 2 ** (SCALE[step] / 12), n, rate)
        at = float(start + number * beat)
        put(wave, rng.uniform(0.8, 1) * note, at, rate)
        onsets.append(at)
    return Music(audio=finish(wave), instrument=instrument, tempo=tempo, bpm=bpm, onsets_s=tuple(onsets))


def _piano(rng: np.random.Generator, hz: float, n: int, rate: int) -> Wave:
    """Struck strings: partials a little sharp, the higher the shorter, under the thump of a hammer."""
    modes = [
        (hz * k * np.sqrt(1 + 0.0004 * k * k), 2.4 / k**0.9, 0.5 ** (k - 1) * rng.uniform(0.7, 1.0))
        for k in range(1, 9)
    ]
    thump = noise(rng, n, rate, 80, 900, 3) * fade(n, rate, 0.001, 0.05)
    return ring(n, rate, modes) * np.minimum(np.arange(n) / (0.004 * rate), 1) + 0.3 * thump


def _guitar(rng: np.random.Generator, hz: float, n: int, rate: int) -> Wave:
    """A plucked string (Karplus and Strong): a burst of noise runs round a loop that averages neighbours."""
    period = max(round(rate / hz - 0.5), 2)
    loop: Wave = rng.uniform(-1, 1, period)
    loop = loop - np.roll(loop, max(period // 5, 1))  # plucked at a fifth of its length
    rounds = []
    for _ in range(n // period + 1):
        rounds.append(loop)
        loop = 0.498 * (loop + np.roll(loop, 1))
    return np.concatenate(rounds)[:n]


def _flute(rng: np.random.Generator, hz: float, n: int, rate: int) -> Wave:
    """A nearly pure tone with vibrato, that swells, and the breath that makes it."""
    vibrato = 1 + 0.006 * np.sin(2 * np.pi * rng.uniform(4.5, 6) * np.arange(n) / rate)
    tone = harmonics(2 * hz * vibrato, rate, (1, 0.25, 0.08))
    breath = 0.08 * noise(rng, n, rate, hz, 6_000, 3)
    return (tone + breath) * curve(n, [(0, 0), (0.12, 1), (0.55, 0.9), (0.65, 0), (1, 0)])


def _drum(rng: np.random.Generator, hz: float, n: int, rate: int) -> Wave:
    """A skin whose pitch drops after the stroke; or, as often, wires that rattle."""
    if rng.random() < 0.5:
        body = np.sin(2 * np.pi * np.cumsum(55 + 90 * fade(n, rate, 0.0, 0.12)) / rate) * fade(n, rate, 0.001, 0.35)
        return body + 0.2 * noise(rng, n, rate, 1_000, 5_000) * fade(n, rate, 0.0, 0.02)
    rattle = 0.5 * noise(rng, n, rate, 1_200, 8_000) * fade(n, rate, 0.001, 0.18)
    return rattle + ring(n, rate, [(185, 0.15, 0.7), (330, 0.1, 0.4)])


def _organ(rng: np.random.Generator, hz: float, n: int, rate: int) -> Wave:
    """Pipes an octave apart, held as long as the key."""
    tone = harmonics(np.full(n, hz), rate, (0.8, 1, 0.4, 0.9, 0.1, 0.5, 0, 0.7, 0, 0, 0, 0.3))
    return tone * curve(n, [(0, 0), (0.03, 1), (0.58, 1), (0.63, 0), (1, 0)]) * 0.5


def _chime(rng: np.random.Generator, hz: float, n: int, rate: int) -> Wave:
    return strike_bell(rng, 5 * hz, n, rate, 2.5)


INSTRUMENTS: Mapping[str, Model] = MappingProxyType(
    {"piano": _piano, "guitar": _guitar, "flute": _flute, "drum": _drum, "organ": _organ, "chime": _chime}
)
