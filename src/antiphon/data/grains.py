"""The grains that sounds are made of: noise in bands, ringing modes, glottal pulses, vocal tracts, envelopes.

Numpy alone. Filters act on the spectrum of a whole grain, so that they neither ring in nor delay; a wave is float64
[n] until `finish` makes it the float32 that is handed out. All chance comes from a generator that the caller passes.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float64]
Number = int | float
Mode = tuple[Number, Number, Number]  # frequency in Hz, seconds until 60 dB quieter, level
Point = tuple[Number, Number]  # where in a grain (0 its start, 1 its end), and the value there
Tract = tuple[Number, ...]  # formant frequencies in Hz
Gain = Callable[[Wave], Wave]  # frequencies in Hz to how much of them passes

PEAK = 0.7  # of every finished sound
FORMANT_WIDTH = 0.09  # of a formant, as a share of its frequency
FRAME_S = 0.020  # a vocal tract moves from one such frame to the next


def finish(wave: Wave, peak: Number = PEAK) -> Samples:
    """Return float32 whose mean is zero and whose largest magnitude is `peak`; silence stays silent."""
    centred = wave - wave.mean() if len(wave) else wave
    largest = float(np.abs(centred).max(initial=0.0))
    finished: Samples = (centred * (peak / largest if largest > 0 else 0.0)).astype(np.float32)
    return finished


def rms(wave: npt.NDArray[np.floating]) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if len(wave) else 0.0


def shape(wave: npt.NDArray[np.floating], rate: int, gain: Gain) -> Wave:
    """Multiply the spectrum of a wave by `gain`, a function of the frequencies in Hz."""
    hz: Wave = np.fft.rfftfreq(len(wave), 1 / rate).astype(np.float64)
    spectrum = np.fft.rfft(wave) * gain(hz)
    shaped: Wave = np.fft.irfft(spectrum, len(wave))
    return shaped


def band(low: Number, high: Number, slope_db: Number = 0.0) -> Gain:
    """A pass band in Hz with edges a tenth of an octave wide, falling by `slope_db` an octave from its low edge."""

    def gain(hz: Wave) -> Wave:
        octaves = np.log2(np.maximum(hz, 1.0))
        low_edge = 0.5 + 5 * (octaves - np.log2(max(low, 1.0)))
        high_edge = 0.5 - 5 * (octaves - np.log2(high))
        fall = 10 ** (-slope_db / 20 * np.maximum(octaves - np.log2(max(low, 20.0)), 0.0))
        passed: Wave = np.clip(low_edge if low > 0 else 1.0, 0, 1) * np.clip(high_edge, 0, 1) * fall
        return passed

    return gain


def noise(
    rng: np.random.Generator, n: int, rate: int, low: Number = 0.0, high: Number = 1e9, slope_db: Number = 0.0
) -> Wave:
    """Gaussian noise [n] of a band in Hz, of root mean square 1."""
    wave = shape(rng.standard_normal(n), rate, band(low, high, slope_db))
    level = rms(wave) or 1.0
    return wave / level


def curve(n: int, points: Sequence[Point]) -> Wave:
    """Straight lines through points, [n]."""
    places, values = zip(*points, strict=True)
    line: Wave = np.interp(np.linspace(0, 1, n), places, values)
    return line


def wander(rng: np.random.Generator, n: int, rate: int, hz: Number) -> Wave:
    """A slow random motion [n], mean 0 and deviation about 1, that turns about `hz` times a second."""
    knots = rng.standard_normal(max(int(n / rate * hz * 2), 1) + 3)
    return np.interp(np.linspace(0, len(knots) - 1, n), np.arange(len(knots)), knots)


def fade(n: int, rate: int, attack_s: Number, decay_s: Number) -> Wave:
    """A linear attack, then a decay by 60 dB in `decay_s`, [n]."""
    time = np.arange(n) / rate
    return np.minimum(time / max(attack_s, 1 / rate), 1) * 10 ** (-3 * np.maximum(time - attack_s, 0) / decay_s)


def ring(n: int, rate: int, modes: Sequence[Mode]) -> Wave:
    """A struck body [n]: damped sines; modes above half the rate are left out."""
    time = np.arange(n) / rate
    wave = np.zeros(n)
    for hz, decay_s, level in modes:
        if hz < 0.48 * rate:
            wave += level * np.sin(2 * np.pi * hz * time) * 10 ** (-3 * time / decay_s)
    return wave


def sine(hz: Wave, rate: int) -> Wave:
    """A sine [n] whose frequency follows `hz`."""
    return np.sin(2 * np.pi * np.cumsum(hz) / rate)


def harmonics(hz: Wave, rate: int, levels: Sequence[Number]) -> Wave:
    """A sum of harmonics [n] over a moving fundamental; those above half the rate are left out where they lie there."""
    phase = 2 * np.pi * np.cumsum(hz) / rate
    wave = np.zeros(len(hz))
    for number, level in enumerate(levels, start=1):
        wave += level * np.sin(number * phase) * (number * hz < 0.48 * rate)
    return wave


def glottis(rng: np.random.Generator, hz: Wave, rate: int, breath: Number = 0.05, jitter: Number = 0.01) -> Wave:
    """The flow through vocal folds that beat at `hz` [n], differentiated; `breath` is the share of noise in it."""
    shaken = hz * (1 + jitter * wander(rng, len(hz), rate, 60.0))
    phase = np.cumsum(shaken) / rate % 1.0
    opening = np.where(phase < 0.4, 0.5 - 0.5 * np.cos(np.pi * phase / 0.4), 0.0)
    closing = np.where((phase >= 0.4) & (phase < 0.56), np.cos(np.pi / 2 * (phase - 0.4) / 0.16), 0.0)
    flow = opening + closing
    pulses = np.diff(flow, prepend=flow[:1]) * rate / np.maximum(hz, 1.0)
    hiss = noise(rng, len(hz), rate, 200.0) * (0.3 + flow)
    return pulses / (rms(pulses) or 1.0) * (1 - breath) + breath * hiss


def through(wave: Wave, rate: int, tracts: Sequence[tuple[Number, Tract]], wide: Number = 1.0) -> Wave:
    """Send a source through a vocal tract that moves: (where in the grain, its formants), formants as many in each.

    Frames that overlap by half are filtered apart and added up again; `wide` widens the resonances.
    """
    hop = max(int(FRAME_S * rate), 1)
    count = len(wave) // hop + 2
    padded = np.concatenate([np.zeros(hop), wave, np.zeros((count + 1) * hop - hop - len(wave))])
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop] * np.hanning(2 * hop + 1)[:-1]
    places = np.arange(count) * hop / max(len(wave), 1)
    knots = [place for place, _ in tracts]
    columns = zip(*(formants for _, formants in tracts), strict=True)
    moving = np.stack([np.interp(places, knots, column) for column in columns])  # formants x frames
    gains = _tract_gain(moving, np.fft.rfftfreq(2 * hop, 1 / rate), wide)
    heard = np.fft.irfft(np.fft.rfft(frames) * gains, 2 * hop)
    out = np.zeros((count + 1, hop))
    out[:-1] += heard[:, :hop]
    out[1:] += heard[:, hop:]
    return out.reshape(-1)[hop : hop + len(wave)]


def _tract_gain(formants: Wave, hz: npt.NDArray[np.floating], wide: Number) -> Wave:
    """How loud a tract lets each frequency through in each frame; the higher a resonance, the weaker."""
    total = np.full((formants.shape[1], len(hz)), 0.02)
    for number, formant in enumerate(formants[:, :, None]):
        total += 0.6**number / (1 + ((hz - formant) / (wide * (FORMANT_WIDTH * formant + 30))) ** 2)
    return total


def put(canvas: Wave, grain: npt.NDArray[np.floating], at_s: Number, rate: int) -> None:
    """Add a grain to a canvas in place from `at_s` on; what does not fit is cut off."""
    start = round(at_s * rate)
    piece = grain[: max(len(canvas) - start, 0)]
    canvas[start : start + len(piece)] += piece


def beats(rng: np.random.Generator, seconds: Number, period_s: Number, sway: Number = 0.05) -> list[float]:
    """Moments from near the start on, `period_s` apart, each gap off by a share `sway` of it."""
    moments, moment = [], float(rng.uniform(0.02, 0.15))
    while moment < seconds - 0.05:
        moments.append(moment)
        moment += period_s * float(np.clip(1 + sway * rng.standard_normal(), 0.5, 1.5))
    return moments


def shower(rng: np.random.Generator, seconds: Number, per_s: Number) -> list[float]:
    """Moments of pure chance, `per_s` a second, in order."""
    return sorted(float(at) for at in rng.uniform(0, seconds, rng.poisson(per_s * seconds)))
