"""Scenes: a bed of sound that never stops, and events in it whose class and moment are known.

    scene("street", rng).happened    (Span("siren", 1.2, 3.4), Span("dog", 4.0, 6.1))
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from antiphon.data.events import EVENTS, event
from antiphon.data.grains import Samples, Wave, beats, fade, finish, harmonics, noise, put, ring, rms, shower, wander
from antiphon.data.vocal import babble
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ

Bed = Callable[[np.random.Generator, int, int], Wave]  # chance, samples, rate in Hz
ABOVE_BED_DB = (3.0, 10.0)  # how much louder an event is than its bed
EVENT_S = (1.2, 2.5)


@dataclass(frozen=True, kw_only=True)
class Span:
    """An event of a scene: its class, and when it begins and ends in seconds."""

    what: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What was made: float32 mono [n], which scene it is, and what happened in it, in order."""

    audio: Samples
    kind: str
    happened: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of scene: what is always there, and what may happen in it."""

    bed: Bed
    events: tuple[str, ...]


def scene(
    kind: str, rng: np.random.Generator, seconds: float = 6.0, rate: int = HEARD_HZ, events: int | None = None
) -> Scene:
    """Make a scene with so many events (without a number, none to two, as they fit), which do not overlap.

    Raises:
        InputError: for a scene that does not exist, less than 2 s, or more events than there is time for.
    """
    if kind not in SCENES:
        raise InputError(f"Found the scene {kind!r}; expected one of {', '.join(SCENES)}.")
    most = int(seconds / (EVENT_S[1] + 0.2))
    if seconds < 2 or (events is not None and not 0 <= events <= most):
        raise InputError(f"Found {seconds} s with {events} events; expected 2 s or more, and 0 to {most} events.")
    count = int(rng.integers(0, min(most, 2) + 1)) if events is None else events
    wave = SCENES[kind].bed(rng, round(seconds * rate), rate)
    wave /= rms(wave)
    happened = []
    for number in range(count):
        what, length = str(rng.choice(SCENES[kind].events)), float(rng.uniform(*EVENT_S))
        slot = seconds / count
        start = number * slot + float(rng.uniform(0, max(slot - length, 0)))
        sound = event(what, rng, length, rate).astype(np.float64)
        loud = rms(sound[np.abs(sound) > 0.02 * np.abs(sound).max()])
        put(wave, sound / loud * 10 ** (float(rng.uniform(*ABOVE_BED_DB)) / 20), start, rate)
        happened.append(Span(what=what, start_s=start, end_s=min(start + length, seconds)))
    return Scene(audio=finish(wave), kind=kind, happened=tuple(happened))


def _street(rng: np.random.Generator, n: int, rate: int) -> Wave:
    return EVENTS["traffic"](rng, n, rate)


def _office(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Air conditioning, a mains hum, keys nearby."""
    keys = EVENTS["keyboard"](rng, n, rate)
    air = noise(rng, n, rate, 80, 2_000, 5)
    return air + 0.15 * harmonics(np.full(n, 100.0), rate, (1, 0.5, 0.3)) + 1.2 * keys / float(np.abs(keys).max())


def _kitchen(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """A pan that sizzles, water, dishes."""
    wave = 0.5 * noise(rng, n, rate, 3_000, 8_000) * (1 + 0.3 * wander(rng, n, rate, 12))
    water = EVENTS["water"](rng, n, rate)
    return wave + 0.8 * water / rms(water) + _dishes(rng, n, rate, 1.5)


def _forest(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Leaves, and birds near and far."""
    leaves = 0.35 * noise(rng, n, rate, 1_200, 6_000, 2) * (1 + 0.5 * np.tanh(wander(rng, n, rate, 0.7)))
    return leaves + 0.9 * EVENTS["bird"](rng, n, rate) + 0.3 * EVENTS["bird"](rng, n, rate)


def _train(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """A deep rumble, and wheels over joints: two and two."""
    wave = noise(rng, n, rate, 30, 300, 3) + 0.15 * noise(rng, n, rate, 300, 2_500, 3)
    for at in beats(rng, n / rate, rng.uniform(0.6, 0.8), 0.01):
        for late in (0.0, 0.11):
            wheel = noise(rng, int(0.08 * rate), rate, 150, 2_500, 2) * fade(int(0.08 * rate), rate, 0.002, 0.08)
            put(wave, 2.5 * wheel, at + late, rate)
    return wave


def _restaurant(rng: np.random.Generator, n: int, rate: int) -> Wave:
    crowd = babble(rng, n, rate, people=int(rng.integers(6, 10)))
    return crowd / rms(crowd) + _dishes(rng, n, rate, 3.0)


def _sea(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Waves that come in one after the other, bright as they break."""
    time, pace = np.arange(n) / rate, rng.uniform(0.2, 0.35)
    swell = (0.5 - 0.5 * np.cos(2 * np.pi * (time * pace + rng.uniform()))) ** 2
    return noise(rng, n, rate, 50, 700, 3) * (0.3 + swell) + noise(rng, n, rate, 700, 6_000, 1) * swell**2


def _room(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """A quiet room: a faint hum, and a clock."""
    clock = EVENTS["clock"](rng, n, rate)
    hum = harmonics(np.full(n, 50.0), rate, (0.3, 1, 0.3, 0.5))
    return 0.06 * noise(rng, n, rate, 40, 1_000, 6) + 0.05 * hum + 0.5 * clock / float(np.abs(clock).max())


def _dishes(rng: np.random.Generator, n: int, rate: int, per_s: float) -> Wave:
    """Plates and forks that touch: short bright rings."""
    wave = np.zeros(n)
    for at in (rng.uniform(0, 0.5), *shower(rng, n / rate, per_s)):
        hz = rng.uniform(1_800, 5_000)
        modes = [(hz, rng.uniform(0.08, 0.25), 1.0), (hz * 1.47, 0.1, 0.6), (hz * 2.1, 0.06, 0.3)]
        put(wave, rng.uniform(0.8, 2.5) * ring(int(0.3 * rate), rate, modes), at, rate)
    return wave


SCENES: Mapping[str, Kind] = MappingProxyType(
    {
        "street": Kind(bed=_street, events=("siren", "dog", "footsteps", "engine", "bell")),
        "office": Kind(bed=_office, events=("phone", "footsteps", "knock", "alarm")),
        "kitchen": Kind(bed=_kitchen, events=("glass", "alarm", "knock", "cat", "clock")),
        "forest": Kind(bed=_forest, events=("dog", "thunder", "rain", "footsteps")),
        "train": Kind(bed=_train, events=("bell", "phone", "alarm", "siren")),
        "restaurant": Kind(bed=_restaurant, events=("glass", "phone", "applause", "bell")),
        "sea": Kind(bed=_sea, events=("bird", "thunder", "dog", "bell")),
        "room": Kind(bed=_room, events=("knock", "phone", "cat", "dog", "glass")),
    }
)
