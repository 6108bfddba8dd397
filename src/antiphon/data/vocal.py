"""Sounds of the voice that are no words: glottal pulses and noise, sent through a vocal tract that moves.

    vocal("laugh", rng)              somebody laughs
    vocal("cough", rng, person=CHILD)   a child coughs

A person is the length of a vocal tract and the pitch of the folds; without one, one is drawn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from antiphon.data.grains import (
    Number,
    Samples,
    Tract,
    Wave,
    curve,
    fade,
    finish,
    glottis,
    noise,
    put,
    through,
    wander,
)
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ


@dataclass(frozen=True, kw_only=True)
class Person:
    """Whose voice it is: the pitch in Hz, and the length of the vocal tract against a man's."""

    hz: float
    tract: float

    def mouth(self, *formants: Number) -> Tract:
        """Formants of a man's mouth, in this person's."""
        return tuple(formant / self.tract for formant in formants)


MAN, WOMAN, CHILD = Person(hz=115.0, tract=1.0), Person(hz=205.0, tract=0.86), Person(hz=310.0, tract=0.72)
Model = Callable[[np.random.Generator, Person, int], Wave]  # chance, who, rate in Hz
OPEN, ROUND, NARROW, NEUTRAL = (750, 1_250, 2_500), (400, 800, 2_400), (320, 2_100, 2_800), (500, 1_500, 2_500)


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a man, a woman or a child, each a little different."""
    person = (MAN, WOMAN, CHILD)[int(rng.integers(3))]
    return Person(hz=person.hz * rng.uniform(0.85, 1.15), tract=person.tract * rng.uniform(0.95, 1.05))


def vocal(kind: str, rng: np.random.Generator, person: Person | None = None, rate: int = HEARD_HZ) -> Samples:
    """Make a vocal sound, 0.5 to 3 s long: float32 mono [n], its peak at `grains.PEAK`.

    Raises:
        InputError: for a class that does not exist, or a rate too low for a voice.
    """
    if kind not in VOCAL_SOUNDS:
        raise InputError(f"Found the vocal sound {kind!r}; expected one of {', '.join(VOCAL_SOUNDS)}.")
    if rate < 8_000:
        raise InputError(f"Found a rate of {rate} Hz; expected 8000 Hz or more.")
    return finish(VOCAL_SOUNDS[kind](rng, person or draw_person(rng), rate))


def _laugh(rng: np.random.Generator, who: Person, rate: int) -> Wave:
    """Ha ha ha: short vowels that each begin with a breath, sinking in pitch and level."""
    count, gap = int(rng.integers(4, 9)), rng.uniform(0.17, 0.23)
    wave, high = np.zeros(int((count * gap + 0.2) * rate)), rng.uniform(1.3, 1.7)
    mouth = who.mouth(*(OPEN if rng.random() < 0.6 else NEUTRAL))
    for number in range(count):
        n = int(gap * 0.62 * rate)
        hz = who.hz * high * (1 - 0.05 * number) * curve(n, [(0, 1.0), (0.3, 1.12), (1, 0.9)])
        ha = glottis(rng, hz, rate, breath=0.15) * curve(n, [(0, 0), (0.25, 1), (0.7, 0.7), (1, 0)])
        h = noise(rng, int(gap * 0.3 * rate), rate, 400, 5_000, 3)
        put(wave, 0.2 * through(h * np.hanning(len(h)), rate, [(0, mouth), (1, mouth)]), number * gap, rate)
        put(wave, through(ha, rate, [(0, mouth), (1, mouth)]) * 0.93**number, number * gap + gap * 0.25, rate)
    return wave


def _cough(rng: np.random.Generator, who: Person, rate: int) -> Wave:
    """One to three bursts: the folds fly open, a hoarse tone follows."""
    count, gap = int(rng.integers(1, 4)), rng.uniform(0.35, 0.5)
    wave, mouth = np.zeros(int((count * gap + 0.2) * rate)), who.mouth(*NEUTRAL)
    for number in range(count):
        n = int(rng.uniform(0.22, 0.32) * rate)
        burst = noise(rng, n, rate, 300, 7_000, 1.5) * fade(n, rate, 0.004, rng.uniform(0.15, 0.25))
        hz = who.hz * rng.uniform(0.9, 1.2) * curve(n, [(0, 1.3), (1, 0.8)])
        tone = glottis(rng, hz, rate, breath=0.5, jitter=0.1) * curve(n, [(0, 0), (0.25, 0.5), (0.5, 0.35), (1, 0)])
        put(wave, rng.uniform(0.8, 1) * through(burst + tone, rate, [(0, mouth), (1, mouth)], 2), number * gap, rate)
    return wave


def _sigh(rng: np.random.Generator, who: Person, rate: int) -> Wave:
    """A long breath out on a falling half-voiced vowel."""
    n = int(rng.uniform(1.0, 1.6) * rate)
    hz = who.hz * curve(n, [(0, 1.25), (0.2, 1.2), (1, 0.65)])
    voice = glottis(rng, hz, rate, breath=0.3) * curve(n, [(0, 0), (0.12, 1), (0.55, 0.3), (0.8, 0), (1, 0)])
    air = noise(rng, n, rate, 200, 5_000, 3) * curve(n, [(0, 0), (0.2, 0.5), (0.6, 0.5), (1, 0)])
    return through(voice + air, rate, [(0, who.mouth(*OPEN)), (1, who.mouth(*NEUTRAL))], 1.5)


def _sneeze(rng: np.random.Generator, who: Person, rate: int) -> Wave:
    """A breath in that climbs, a stop, then a sharp "choo"."""
    a, b = int(rng.uniform(0.35, 0.6) * rate), int(rng.uniform(0.3, 0.45) * rate)
    still = np.zeros(int(rng.uniform(0.05, 0.12) * rate))
    breath = through(
        noise(rng, a, rate, 300, 6_000, 2) * curve(a, [(0, 0), (0.8, 0.5), (1, 0)]),
        rate,
        [(0, who.mouth(*NEUTRAL)), (1, who.mouth(*OPEN))],
    )
    hiss = noise(rng, b, rate, 2_500, 8_000) * fade(b, rate, 0.008, rng.uniform(0.2, 0.3))
    hz = who.hz * curve(b, [(0, 1.8), (0.3, 1.5), (1, 0.9)])
    voice = glottis(rng, hz, rate, breath=0.3) * curve(b, [(0, 0), (0.3, 0.7), (1, 0)])
    return np.concatenate([breath * 0.4, still, 1.2 * hiss + through(voice, rate, [(0, who.mouth(*ROUND))] * 2)])


def _yawn(rng: np.random.Generator, who: Person, rate: int) -> Wave:
    """A slow breath in, then a wide vowel that rises, falls and closes."""
    a, b = int(rng.uniform(0.5, 0.8) * rate), int(rng.uniform(1.2, 1.9) * rate)
    breath = noise(rng, a, rate, 200, 3_000, 4) * curve(a, [(0, 0), (0.7, 0.3), (1, 0)])
    hz = who.hz * curve(b, [(0, 1.0), (0.2, 1.5), (0.5, 1.2), (1, 0.6)])
    voice = glottis(rng, hz, rate, breath=0.15) * curve(b, [(0, 0), (0.2, 1), (0.6, 0.7), (1, 0)])
    mouths = [(0.0, who.mouth(*ROUND)), (0.3, who.mouth(*OPEN)), (0.7, who.mouth(*OPEN)), (1.0, who.mouth(*ROUND))]
    return np.concatenate([breath, through(voice, rate, mouths)])


def _crying(rng: np.random.Generator, who: Person, rate: int) -> Wave:
    """Wails that tremble, with sobbing breaths between."""
    pieces = []
    for _ in range(int(rng.integers(2, 4))):
        n = int(rng.uniform(0.55, 0.8) * rate)
        tremble = 1 + 0.05 * np.sin(2 * np.pi * rng.uniform(6, 9) * np.arange(n) / rate)
        hz = who.hz * rng.uniform(1.6, 2.0) * curve(n, [(0, 0.8), (0.25, 1.1), (1, 0.75)]) * tremble
        wail = glottis(rng, hz, rate, breath=0.1) * curve(n, [(0, 0), (0.15, 1), (0.8, 0.7), (1, 0)])
        pieces.append(through(wail * tremble**6, rate, [(0, who.mouth(*OPEN)), (1, who.mouth(*NEUTRAL))]))
        for _ in range(int(rng.integers(2, 4))):
            m = int(rng.uniform(0.09, 0.13) * rate)
            pieces.append(0.25 * noise(rng, m, rate, 400, 5_000, 2) * np.hanning(m))
    return np.concatenate(pieces)


def _throat(rng: np.random.Generator, who: Person, rate: int) -> Wave:
    """Ahem: a rasping low tone with a closed mouth, twice."""
    pieces: list[Wave] = []
    for length in (rng.uniform(0.2, 0.3), rng.uniform(0.35, 0.55)):
        n = int(length * rate)
        rasp = (1 + np.sign(np.sin(2 * np.pi * rng.uniform(24, 34) * np.arange(n) / rate))) / 2
        hz = who.hz * rng.uniform(0.7, 0.85) * (1 + 0.05 * wander(rng, n, rate, 30))
        tone = glottis(rng, hz, rate, breath=0.35, jitter=0.12) * (0.3 + rasp)
        tone *= curve(n, [(0, 0), (0.1, 1), (0.8, 0.8), (1, 0)])
        pieces += [through(tone, rate, [(0, who.mouth(280, 1_100, 2_200))] * 2), np.zeros(int(0.06 * rate))]
    return np.concatenate(pieces)


def _breath(rng: np.random.Generator, who: Person, rate: int) -> Wave:
    """In and out through the mouth, without voice: in bright and short, out dark and long."""
    pieces: list[Wave] = []
    for _ in range(int(rng.integers(1, 3))):
        a, b = int(rng.uniform(0.4, 0.6) * rate), int(rng.uniform(0.6, 0.9) * rate)
        inward = noise(rng, a, rate, 800, 7_000, 0.5) * np.hanning(a) * 0.7
        outward = noise(rng, b, rate, 300, 5_000, 2) * curve(b, [(0, 0), (0.3, 1), (1, 0)])
        pieces += [through(inward, rate, [(0, who.mouth(*NARROW))] * 2, 2), np.zeros(int(0.1 * rate))]
        pieces += [through(outward, rate, [(0, who.mouth(*OPEN))] * 2, 2), np.zeros(int(0.25 * rate))]
    return np.concatenate(pieces)


VOCAL_SOUNDS: Mapping[str, Model] = MappingProxyType(
    {
        "laugh": _laugh, "cough": _cough, "sigh": _sigh, "sneeze": _sneeze, "yawn": _yawn, "crying": _crying,
        "throat": _throat, "breath": _breath,
    }
)  # fmt: skip


def babble(rng: np.random.Generator, n: int, rate: int, people: int = 6) -> Wave:
    """A crowd [n]: syllables of many people at once, of which no word can be made out."""
    crowd = np.zeros(n)
    for _ in range(people):
        who, vowels = draw_person(rng), (OPEN, ROUND, NARROW, NEUTRAL)
        count = max(int(n / rate * rng.uniform(3.5, 5)), 2)
        places = np.linspace(0, 1, count)
        tracts = [(float(place), who.mouth(*vowels[int(rng.integers(4))])) for place in places]
        hz = who.hz * (1 + 0.12 * wander(rng, n, rate, 1.5))
        level = np.interp(np.linspace(0, 1, n), places, rng.uniform(0, 1, count) ** 2)
        crowd += rng.uniform(0.4, 1) * through(glottis(rng, hz, rate, breath=0.15) * level, rate, tracts)
    return crowd
