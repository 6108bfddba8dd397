"""Sound events by physical and spectral models: `event("rain", rng)` is another rain for every state of the generator.

Each model draws its own parameters (size, material, pace, distance), so that no two are alike and each class stays one
class. Sounds that last (rain) fill the time; sounds that come in strokes (a knock) may leave silence at the end.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from antiphon.data.grains import (
    Samples,
    Wave,
    beats,
    curve,
    fade,
    finish,
    glottis,
    harmonics,
    noise,
    put,
    ring,
    shower,
    sine,
    through,
    wander,
)  # fmt: skip
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ

Model = Callable[[np.random.Generator, int, int], Wave]  # chance, samples, rate in Hz


def event(kind: str, rng: np.random.Generator, seconds: float | None = None, rate: int = HEARD_HZ) -> Samples:
    """Make a sound event: float32 mono [seconds x rate], its peak at `grains.PEAK`. Without `seconds`, 2 to 4 s long.

    Raises:
        InputError: for a class that does not exist, or a length or rate that no sound can have.
    """
    if kind not in EVENTS:
        raise InputError(f"Found the sound event {kind!r}; expected one of {', '.join(EVENTS)}.")
    length = float(rng.uniform(2.0, 4.0)) if seconds is None else seconds
    if length < 0.25 or rate < 8_000:
        raise InputError(f"Found {length} s at {rate} Hz; expected at least 0.25 s at 8000 Hz or more.")
    return finish(EVENTS[kind](rng, round(length * rate), rate))


# --- weather and water -----------------------------------------------------------------------------------------------


def _rain(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """A steady hiss, and drops that tick on a hard ground."""
    wave = noise(rng, n, rate, rng.uniform(400, 900), 9_000, rng.uniform(0, 1.5))
    for at in shower(rng, n / rate, rng.uniform(60, 200)):
        tick = ring(int(0.012 * rate), rate, [(rng.uniform(1_500, 6_000), rng.uniform(0.004, 0.01), 1.0)])
        put(wave, tick * rng.exponential(1.5), at, rate)
    return wave


def _wind(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Dark noise in gusts; a gust is brighter as it is louder."""
    gust = 1 / (1 + np.exp(-1.5 * wander(rng, n, rate, rng.uniform(0.4, 1.0))))
    dark = noise(rng, n, rate, 40, 350, 4)
    howl = noise(rng, n, rate, rng.uniform(300, 400), rng.uniform(600, 900))
    return dark * (0.25 + gust) + 0.8 * howl * gust**2


def _thunder(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """A crack, then rolls of deep noise that die away."""
    start = rng.uniform(0.05, 0.3)
    wave = np.zeros(n)
    put(wave, noise(rng, n, rate, 200, 5_000, 3) * fade(n, rate, 0.005, rng.uniform(0.2, 0.5)) * 1.5, start, rate)
    roll = noise(rng, n, rate, 20, rng.uniform(120, 220), 3) * (1 + 0.6 * wander(rng, n, rate, 5))
    put(wave, 2 * roll * fade(n, rate, 0.05, rng.uniform(3, 6)), start, rate)
    return wave


def _water(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Bubbles, each a short tone that rises as it closes, over a faint wash."""
    wave = 0.05 * noise(rng, n, rate, 300, 4_000, 3)
    size = rng.uniform(0.8, 1.25)
    for at in shower(rng, n / rate, rng.uniform(25, 50)):
        length = int(rng.uniform(0.03, 0.09) * rate)
        rise = rng.uniform(350, 1_300) * size * np.exp(curve(length, [(0, 0), (1, rng.uniform(0.2, 0.7))]))
        put(wave, sine(rise, rate) * fade(length, rate, 0.004, length / rate) * rng.exponential(1), at, rate)
    return wave


# --- signals ---------------------------------------------------------------------------------------------------------

BELL_MODES = ((0.5, 0.7, 1.0), (1.0, 0.8, 0.9), (1.2, 1.0, 0.6), (1.5, 0.5, 0.4), (2.0, 1.0, 0.5), (2.67, 0.4, 0.3),
              (4.1, 0.3, 0.2))  # fmt: skip


def strike_bell(rng: np.random.Generator, hz: float, n: int, rate: int, decay_s: float) -> Wave:
    """One stroke [n]: the hum, the strike tone, a minor third, and what lies above; a little off, as cast."""
    modes = [(hz * ratio * rng.uniform(0.99, 1.01), decay_s * last, level) for ratio, last, level in BELL_MODES]
    return ring(n, rate, modes)


def _bell(rng: np.random.Generator, n: int, rate: int) -> Wave:
    wave, hz, decay = np.zeros(n), rng.uniform(400, 900), rng.uniform(2.5, 5)
    stroke = strike_bell(rng, hz, n, rate, decay)
    for at in beats(rng, n / rate, rng.uniform(0.9, 1.5), 0.03):
        put(wave, stroke * rng.uniform(0.7, 1), at, rate)
    return wave


def _alarm(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Beeps of a hard square tone, on and off."""
    time, hz = np.arange(n) / rate, rng.uniform(1_800, 3_000)
    on = (time * rng.uniform(2.5, 5) % 1) < rng.uniform(0.45, 0.6)
    return harmonics(np.full(n, hz), rate, (1, 0, 0.33, 0, 0.2)) * on


def _phone(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Two close tones that trill, a second on and half a second off."""
    time = np.arange(n) / rate
    low, trill = rng.uniform(750, 1_050), rng.uniform(16, 24)
    hz = np.where((time * trill % 1) < 0.5, low, low * rng.uniform(1.2, 1.3))
    on = (time % rng.uniform(1.3, 1.7)) < 0.9
    return harmonics(hz, rate, (1, 0.4, 0.2)) * on


def _siren(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """One tone that rises and falls over and over."""
    time, pace = np.arange(n) / rate, rng.uniform(0.35, 0.9)
    sweep = 0.5 - 0.5 * np.cos(2 * np.pi * (time * pace + rng.uniform()))
    return harmonics(rng.uniform(450, 600) * (1 + rng.uniform(0.9, 1.4) * sweep), rate, (1, 0.5, 0.35, 0.2))


# --- machines --------------------------------------------------------------------------------------------------------


def _engine(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Explosions at a firing rate that drifts, through a pipe."""
    hz = rng.uniform(28, 60) * (1 + 0.04 * wander(rng, n, rate, 1))
    pulses = harmonics(hz, rate, [0.96**k * rng.uniform(0.4, 1) for k in range(24)])
    return pulses * (1 + 0.2 * wander(rng, n, rate, 25)) + 0.25 * noise(rng, n, rate, 80, 1_200, 4)


def _traffic(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Tyres of many cars: a broad wash, and single cars that come near and go."""
    wave = 0.5 * noise(rng, n, rate, 60, 3_500, 2.5)
    time = np.arange(n) / rate
    for at in (*shower(rng, n / rate, 0.4), rng.uniform(0, n / rate)):
        near = np.exp(-(((time - at) / rng.uniform(0.35, 0.7)) ** 2))
        wave += near * rng.uniform(0.8, 1.6) * noise(rng, n, rate, 100, rng.uniform(2_000, 3_000), 1.5)
        wave += near * 0.5 * harmonics(np.full(n, rng.uniform(70, 110)), rate, (1, 0.6, 0.4, 0.2))
    return wave


def _clock(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Tick and tock: two small hard clicks in turn."""
    wave, hz = 0.002 * noise(rng, n, rate), rng.uniform(2_200, 3_600)
    for index, at in enumerate(beats(rng, n / rate, rng.uniform(0.42, 0.55), 0.005)):
        pitch = hz * (1 if index % 2 else rng.uniform(0.8, 0.85))
        put(wave, ring(int(0.05 * rate), rate, [(pitch, 0.03, 1), (pitch * 1.7, 0.015, 0.6)]), at, rate)
    return wave


def _keyboard(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Keys: irregular clacks of two parts, down and up."""
    wave = 0.004 * noise(rng, n, rate)
    for at in beats(rng, n / rate, rng.uniform(0.11, 0.16), 0.35):
        for late, level in ((0.0, 1.0), (rng.uniform(0.05, 0.08), 0.4)):
            length = int(0.03 * rate)
            clack = noise(rng, length, rate, 1_500, 6_500) * fade(length, rate, 0.001, rng.uniform(0.02, 0.03))
            put(wave, level * rng.uniform(0.6, 1) * clack, at + late, rate)
    return wave


# --- people ----------------------------------------------------------------------------------------------------------


def _applause(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Many hands, each at its own pace and with its own palm."""
    wave = np.zeros(n)
    for _ in range(int(rng.integers(14, 26))):
        hz, level = rng.uniform(800, 1_600), rng.uniform(0.3, 1)
        length = int(0.035 * rate)
        clap = noise(rng, length, rate, hz * 0.7, hz * 1.7) * fade(length, rate, 0.001, rng.uniform(0.02, 0.035))
        for at in beats(rng, n / rate, rng.uniform(0.2, 0.32), 0.12):
            put(wave, level * rng.uniform(0.7, 1) * clap, at + rng.uniform(0, 0.15), rate)
    return wave


def _footsteps(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """A heel, a thud of the floor, and the sole that follows."""
    wave, floor = 0.003 * noise(rng, n, rate, 0, 2_000), rng.uniform(70, 120)
    for at in beats(rng, n / rate, rng.uniform(0.45, 0.62), 0.04):
        length = int(0.16 * rate)
        step = ring(length, rate, [(floor * rng.uniform(0.95, 1.05), 0.12, 1), (floor * 2.3, 0.06, 0.5)])
        heel = noise(rng, length, rate, 300, 1_800, 3) * fade(length, rate, 0.002, 0.04)
        sole = noise(rng, length, rate, 800, 3_000, 3) * fade(length, rate, 0.03, 0.06)
        put(wave, rng.uniform(0.7, 1) * (step + 0.25 * heel + 0.04 * sole), at, rate)
    return wave


def _knock(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Knuckles on wood, three to five in a group."""
    wave, wood = 0.002 * noise(rng, n, rate, 0, 3_000), rng.uniform(330, 520)
    length, at = int(0.12 * rate), rng.uniform(0.05, 0.2)
    while at < n / rate - 0.1:
        pace = rng.uniform(0.15, 0.22)
        for number in range(int(rng.integers(3, 6))):
            modes = [(wood * rng.uniform(0.97, 1.03) * ratio, 0.08 / ratio, 1 / ratio) for ratio in (1, 1.6, 2.4, 3.9)]
            put(wave, rng.uniform(0.8, 1) * ring(length, rate, modes), at + number * pace, rate)
        at += 5 * pace + rng.uniform(0.4, 0.7)
    return wave


def _glass(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """A burst, then shards that ring as they fall."""
    wave, at = 0.001 * noise(rng, n, rate), rng.uniform(0.05, 0.3)
    burst = noise(rng, n, rate, 2_500, 11_000) * fade(n, rate, 0.001, rng.uniform(0.12, 0.25))
    put(wave, 1.5 * burst, at, rate)
    for late in rng.exponential(rng.uniform(0.15, 0.3), int(rng.integers(25, 45))):
        hz = rng.uniform(2_500, 9_000)
        shard = ring(int(0.4 * rate), rate, [(hz, rng.uniform(0.15, 0.4), 1), (hz * 1.31, 0.1, 0.5)])
        put(wave, shard * rng.uniform(0.1, 0.5) * np.exp(-late), at + late, rate)
    return wave


# --- animals ---------------------------------------------------------------------------------------------------------


def _dog(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Barks: a rough voice that leaps up and drops, through an opening mouth."""
    wave, size = 0.001 * noise(rng, n, rate), rng.uniform(0.75, 1.3)
    for at in beats(rng, n / rate, rng.uniform(0.4, 0.75), 0.2):
        length = int(rng.uniform(0.13, 0.22) * rate)
        hz = curve(length, [(0, 220), (0.2, 420), (1, 180)]) / size * rng.uniform(0.95, 1.05)
        source = glottis(rng, hz, rate, breath=0.35, jitter=0.06)
        tracts = [(0.0, (400 / size, 1_000 / size, 2_400 / size)), (0.4, (850 / size, 1_500 / size, 2_600 / size))]
        bark = through(source, rate, tracts) * curve(length, [(0, 0), (0.1, 1), (0.5, 0.8), (1, 0)])
        put(wave, rng.uniform(0.7, 1) * bark, at, rate)
    return wave


def _cat(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Meows: a long tone through a mouth that opens and closes."""
    wave = 0.001 * noise(rng, n, rate)
    high, length = rng.uniform(480, 720), int(rng.uniform(0.55, 0.9) * rate)
    for at in beats(rng, n / rate, length / rate + rng.uniform(0.3, 0.6), 0.1):
        hz = high * curve(length, [(0, 0.8), (0.35, 1.15), (1, 0.75)]) * rng.uniform(0.95, 1.05)
        tracts = [(0.0, (500, 2_300, 3_600)), (0.35, (1_100, 2_000, 3_600)), (1.0, (600, 1_200, 3_200))]
        meow = through(glottis(rng, hz, rate, breath=0.04), rate, tracts)
        put(wave, meow * curve(length, [(0, 0), (0.15, 1), (0.7, 0.8), (1, 0)]), at, rate)
    return wave


def _bird(rng: np.random.Generator, n: int, rate: int) -> Wave:
    """Phrases of one chirp, swept fast and high."""
    wave, at = 0.001 * noise(rng, n, rate), rng.uniform(0.02, 0.2)
    low, span = rng.uniform(2_600, 3_800), rng.uniform(0.2, 0.6)
    song = rng.uniform(-1, 1, 4)
    while at < n / rate - 0.1:
        for number in range(int(rng.integers(2, 7))):
            length = int(rng.uniform(0.05, 0.11) * rate)
            hz = low * (1 + span * 0.5 * (1 + curve(length, list(zip((0, 0.3, 0.6, 1), song, strict=True)))))
            put(wave, sine(hz, rate) * np.hanning(length), at + number * 0.13, rate)
        at += rng.uniform(0.7, 1.3)
    return wave


EVENTS: Mapping[str, Model] = MappingProxyType(
    {
        "rain": _rain, "wind": _wind, "thunder": _thunder, "water": _water, "bell": _bell, "alarm": _alarm,
        "phone": _phone, "siren": _siren, "engine": _engine, "traffic": _traffic, "clock": _clock,
        "keyboard": _keyboard, "applause": _applause, "footsteps": _footsteps, "knock": _knock, "glass": _glass,
        "dog": _dog, "cat": _cat, "bird": _bird,
    }
)  # fmt: skip
