"""Loops: has the speaker got stuck, in its codes or in its sound?

A model that generates speech often fails by repeating itself. In *codes* the same ids return with a fixed period. In
*sound* nothing returns exactly, so the spectrum is compared with itself some time later: a loop is a long stretch that
stays close.

    a b c d e c d e c d e c d e f      start 2, period 3, 4 copies
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from antiphon.errors import InputError

__all__ = ["CodeLoop", "Loop", "find_code_loop", "find_loop", "frame_levels_db"]

HOP_S = 0.01
WINDOW_S = 0.04  # so long that a period off the frame grid changes little
NUM_BANDS = 20
SHORTEST_S, LONGEST_S = 0.2, 3.0  # periods looked for
SAME_DB = 4.5  # mean band distance below this: the same sound; two renderings of one word lie at 6 dB and more
SMOOTH = 15  # frames over which that mean runs, 150 ms
RANGE_DB = 50.0  # what lies further below the loudest band counts as silence
COPIES = 3.8  # stuck: so many copies in a row (a word said three times is speech) ...
REPEAT_S = 1.2  # ... or one passage of this length said twice to the letter
ACTIVE = 0.6  # share of a loop that must be sound


@dataclass(frozen=True)
class CodeLoop:
    """A passage that repeats exactly. Positions in codes."""

    start: int
    period: int
    copies: float  # the last one may be cut off

    @property
    def covered(self) -> int:
        return round(self.period * self.copies)


@dataclass(frozen=True)
class Loop:
    """A passage of sound that repeats, in seconds."""

    start_s: float
    period_s: float
    copies: float
    distance_db: float  # mean distance of a copy from the one before it; 0 for an exact copy


def find_code_loop(
    codes: Sequence[int],
    *,
    min_copies: float = 3.0,
    min_len: int = 20,
    max_period: int = 100,
    ignore: Collection[int] = (),
) -> CodeLoop | None:
    """The longest exact repetition of at least ``min_copies`` copies and ``min_len`` codes, or None.

    ``ignore`` holds the codes of silence, which repeat in every pause: a loop made of those alone is none.
    """
    if min_copies <= 1 or min_len < 1 or max_period < 1:
        raise InputError("found min_copies <= 1 or a length below 1; expected at least two copies of at least one code")
    row = np.asarray(codes, dtype=np.int64)
    is_quiet = np.isin(row, np.asarray(sorted(ignore), dtype=np.int64))
    best: CodeLoop | None = None
    for period in range(1, min(max_period, len(row) - 1) + 1):
        for start, length in _runs(row[period:] == row[:-period]):
            found = CodeLoop(start, period, (length + period) / period)
            if found.copies < min_copies or found.covered < min_len or is_quiet[start : start + found.covered].all():
                continue
            if best is None or found.covered > best.covered:
                best = found
    return best


def find_loop(wave: Float[np.ndarray, "n"], rate: int) -> Loop | None:
    """The clearest repetition in sound, or None: four copies in a row, or one long passage said twice to the letter."""
    bands = _band_levels(wave, rate)
    is_active = bands.max(axis=1) > 0
    found: list[tuple[float, Loop]] = []
    for lag in range(round(SHORTEST_S / HOP_S), min(round(LONGEST_S / HOP_S), len(bands) - SMOOTH) + 1):
        distance = np.sqrt(np.square(bands[lag:] - bands[:-lag]).mean(axis=1))
        smooth = np.convolve(distance, np.full(SMOOTH, 1 / SMOOTH), mode="same")
        for start, length in _runs(smooth < SAME_DB):
            copies = 1 + length / lag
            active = is_active[start : start + length].mean()
            if active < ACTIVE or (copies < COPIES and length * HOP_S < REPEAT_S):
                continue
            mean = float(distance[start : start + length].mean())
            found.append((length / (1 + mean), Loop(start * HOP_S, lag * HOP_S, copies, mean)))
    return max(found, key=lambda item: item[0])[1] if found else None


def frame_levels_db(wave: Float[np.ndarray, "n"], rate: int, frame_s: float) -> Float[np.ndarray, "t"]:
    """Mean power of each whole frame in dBFS, -120 for silence; a wave shorter than a frame is one frame."""
    width = min(len(wave), max(1, round(frame_s * rate)))
    frames = wave[: len(wave) // width * width].reshape(-1, width)  # n -> t width
    return np.asarray(10 * np.log10(np.square(frames, dtype=np.float64).mean(axis=1) + 1e-12))


def _band_levels(wave: Float[np.ndarray, "n"], rate: int) -> Float[np.ndarray, "t f"]:
    """dB above the clip's floor in bands spaced evenly on the ear's scale, 100 Hz to 6 kHz; 0 is silence."""
    width, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    if len(wave) < width or not np.any(wave):
        return np.zeros((1, NUM_BANDS))
    frames = np.lib.stride_tricks.sliding_window_view(wave.astype(np.float64), width)[::hop]  # n -> t width
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(width))))  # t width -> t bins
    mels = np.linspace(_mel(100.0), _mel(min(6000.0, rate / 2)), NUM_BANDS + 1)
    edges = np.round(700 * (10 ** (mels / 2595) - 1) * width / rate).astype(int)
    bands = np.stack([power[:, a : max(b, a + 1)].mean(axis=1) for a, b in zip(edges, edges[1:], strict=False)], axis=1)
    levels = 10 * np.log10(bands + 1e-20)
    return np.asarray(np.maximum(levels - (levels.max() - RANGE_DB), 0.0))


def _mel(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)


def _runs(mask: Bool[np.ndarray, "t"]) -> list[tuple[int, int]]:
    """Start and length of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
