"""Ears for the tests: a few plain features of a sound, and the nearest centroid among classes."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Sound = npt.NDArray[np.float32]
FRAME, HOP = 400, 160  # at 16 kHz
BANDS_HZ = np.geomspace(60, 7_600, 17)
MODULATION_HZ = np.geomspace(0.5, 45, 9)


def spectra(audio: Sound) -> npt.NDArray[np.float64]:
    """Power spectra of frames of 25 ms, one every 10 ms: [frames, bins]."""
    frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float64), FRAME)[::HOP] * np.hanning(FRAME)
    return np.abs(np.fft.rfft(frames)) ** 2


def features(audio: Sound) -> npt.NDArray[np.float64]:
    """Bands and how much they move, the pace of the envelope, how its level is spread, how noisy it is; 16 kHz."""
    power = spectra(audio / np.sqrt(np.mean(audio**2)))
    hz = np.fft.rfftfreq(FRAME, 1 / 16_000)
    edges = zip(BANDS_HZ, BANDS_HZ[1:], strict=False)
    bands = np.stack([np.log(power[:, (hz >= low) & (hz < high)].sum(1) + 1e-2) for low, high in edges])
    total = power.sum(1)
    envelope = np.sqrt(total) / np.sqrt(total).mean() - 1
    motion, pace = np.abs(np.fft.rfft(envelope, 1024)), np.fft.rfftfreq(1024, HOP / 16_000)
    paces = zip(MODULATION_HZ, MODULATION_HZ[1:], strict=False)
    moved = np.log([motion[(pace >= low) & (pace < high)].mean() + 1e-3 for low, high in paces])
    flat = np.exp(np.log(power + 1e-9).mean(1)) / (power.mean(1) + 1e-9)
    levels = np.log(total + 1e-1)
    rises = np.quantile(np.diff(levels), (0.02, 0.1, 0.5, 0.9, 0.98))
    spread = [*np.quantile(levels, (0.1, 0.3, 0.5, 0.7, 0.9)), *rises]
    noisy = np.log(flat @ total / total.sum() + 1e-6)
    return np.array([*bands.mean(1), *bands.std(1), *moved, *spread, noisy])


def told_apart(kinds: Sequence[str], make: Callable[[str, np.random.Generator], Sound], count: int = 20) -> float:
    """Judge each of `count` sounds of a class by the centroids of all others: the share that is judged right."""
    heard = np.array(
        [
            [features(make(kind, np.random.default_rng([number, place]))) for number in range(count)]
            for place, kind in enumerate(kinds)
        ]
    )  # kinds x count x features
    heard = (heard - heard.mean((0, 1))) / (heard.std((0, 1)) + 1e-3)
    sums, right = heard.sum(1), 0
    for place, number in np.ndindex(heard.shape[:2]):
        centroids = sums / count
        centroids[place] = (sums[place] - heard[place, number]) / (count - 1)
        right += int(((heard[place, number] - centroids) ** 2).sum(1).argmin() == place)
    return right / (count * len(kinds))
