"""Rooms: impulse responses whose reverberation time is known, and how to hear a sound in one.

A response is the direct sound, the first reflections of a box with its listener and source inside (image sources up to
the second order), and a diffuse tail that decays by 60 dB in the reverberation time, and sooner above 2 kHz.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from antiphon.data.grains import Wave, noise, rms
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ

SOUND_M_S = 343.0
ORDER = 2  # reflections followed one by one
SHORTER_ABOVE = ((2_000.0, 0.85), (5_000.0, 0.6))  # above so many Hz the tail decays in this share of the time


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of room: its reverberation time in seconds, its longest side in metres, and how far the source is."""

    rt60_s: tuple[float, float]
    side_m: tuple[float, float]
    distance_m: tuple[float, float]


ROOMS: Mapping[str, Kind] = MappingProxyType(
    {
        "booth": Kind(rt60_s=(0.12, 0.2), side_m=(1.8, 2.6), distance_m=(0.2, 0.5)),
        "room": Kind(rt60_s=(0.3, 0.5), side_m=(3.5, 6.0), distance_m=(0.4, 1.5)),
        "hall": Kind(rt60_s=(0.8, 1.3), side_m=(12.0, 20.0), distance_m=(1.0, 4.0)),
        "church": Kind(rt60_s=(2.0, 3.0), side_m=(25.0, 40.0), distance_m=(2.0, 7.0)),
    }
)


@dataclass(frozen=True, kw_only=True)
class Room:
    """A response: float64 [n] whose first sample is the direct sound, of height 1; and what is known of it."""

    response: Wave
    rate: int
    kind: str
    rt60_s: float
    direct_to_reverberant_db: float


def room(kind: str, rng: np.random.Generator, rate: int = HEARD_HZ, rt60_s: float | None = None) -> Room:
    """Build a room of a kind, with a drawn reverberation time unless one is given.

    The reverberant energy equals the direct one at the critical distance, 0.057 sqrt(volume / rt60) metres.

    Raises:
        InputError: for a kind that does not exist, or a reverberation time outside 0.05 to 10 s.
    """
    if kind not in ROOMS:
        raise InputError(f"Found the room {kind!r}; expected one of {', '.join(ROOMS)}.")
    law = ROOMS[kind]
    decay = float(rng.uniform(*law.rt60_s)) if rt60_s is None else rt60_s
    if not 0.05 <= decay <= 10:
        raise InputError(f"Found a reverberation time of {decay} s; expected 0.05 to 10 s.")
    size = rng.uniform(*law.side_m) * np.array([1.0, rng.uniform(0.6, 0.9), rng.uniform(0.35, 0.6)])
    distance = float(rng.uniform(*law.distance_m))
    response = _diffuse(rng, int((decay * 1.1 + 0.05) * rate), rate, decay)
    for delay_s, level in _first_reflections(rng, size, distance, decay):
        at = round(delay_s * rate)
        if at < len(response):
            response[at] += level
    response[0] = 0.0
    ratio = distance / (0.057 * float(np.sqrt(np.prod(size) / decay)))
    response *= ratio / float(np.sqrt(np.sum(response**2)))
    response[0] = 1.0
    return Room(
        response=response, rate=rate, kind=kind, rt60_s=decay, direct_to_reverberant_db=-20 * float(np.log10(ratio))
    )


def hear_in(audio: npt.NDArray[np.floating], place: Room) -> Wave:
    """Hear a sound in a room: [n] as long as it was, at the loudness it had, the direct sound where it was."""
    n = len(audio) + len(place.response) - 1
    full = np.fft.irfft(np.fft.rfft(audio, n) * np.fft.rfft(place.response, n), n)
    wet: Wave = full[: len(audio)]
    return wet * (rms(audio) / (rms(wet) or 1.0))


def _diffuse(rng: np.random.Generator, n: int, rate: int, decay_s: float) -> Wave:
    """Noise that decays, each band at its own pace; its energy is that of the first reflections, roughly: 1."""
    time = np.arange(n) / rate
    edges = [(0.0, 1.0), *SHORTER_ABOVE, (rate / 2.0, 0.0)]
    tail = np.zeros(n)
    for (low, share), (high, _) in zip(edges, edges[1:], strict=False):
        if low < rate / 2:
            width = float(np.sqrt(min(high, rate / 2) - low))
            tail += width * noise(rng, n, rate, low, high) * 10 ** (-3 * time / (decay_s * share))
    return tail / float(np.sqrt(np.sum(tail**2)))


def _first_reflections(
    rng: np.random.Generator, size: Wave, distance_m: float, decay_s: float
) -> list[tuple[float, float]]:
    """Delays after the direct sound in seconds, and levels against it, of the images nearest to a source in a box.

    The walls absorb what Sabine's formula asks of them for the decay; a sign of chance stands for their differences.
    """
    walls = 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    absorbed = float(np.clip(0.161 * np.prod(size) / (walls * decay_s), 0.02, 0.9))
    ear = size * rng.uniform(0.35, 0.65, 3)
    turn = rng.uniform(0, 2 * np.pi)
    source = np.clip(ear + distance_m * np.array([np.cos(turn), np.sin(turn), 0.0]), 0.05 * size, 0.95 * size)
    direct = float(np.linalg.norm(source - ear))
    found = []
    for cells in product(range(-ORDER, ORDER + 1), repeat=3):
        bounces = sum(abs(cell) for cell in cells)
        if not 1 <= bounces <= ORDER:
            continue
        cell = np.array(cells)
        image = cell * size + np.where(cell % 2 == 0, source, size - source)
        way = float(np.linalg.norm(image - ear))
        level = direct / way * (1 - absorbed) ** (bounces / 2) * rng.choice((-1.0, 1.0))
        found.append(((way - direct) / SOUND_M_S, level))
    return found
