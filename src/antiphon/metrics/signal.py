"""Does a waveform sound broken? Checks that need no model and no reference, for one stretch of speech.

    begins inside?  leading silence    speech   seam   speech      pause    speech    ends inside?
    |---------------|-----------------|--------x------|-----------|--------|---------|
                                               joint of two chunks: a click? a jump in level? a gap?

Waves are mono float, full scale 1.0. Levels are dB relative to full scale (dBFS) where the name says so, and otherwise
relative to the clip's own speech level: the 95th percentile of its 20 ms frames. Every limit is a constant below, set
so that clean speech of five synthetic voices, "joined" at random places, raises no alarm. A joint that happens to fit
cannot be told from no joint: read seams as a share over many. Repetition has a file of its own, ``loops.py``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from antiphon.errors import InputError
from antiphon.metrics.loops import Loop, find_loop, frame_levels_db

__all__ = [
    "Clipping",
    "Edges",
    "Seam",
    "SignalReport",
    "Silence",
    "check_clipping",
    "check_edges",
    "check_seams",
    "check_silence",
    "inspect_signal",
]

FRAME_S = 0.02  # one level per 20 ms, about two periods of a low voice
SILENCE_DB = -40.0  # below the speech level: a pause, a closure or room noise
SILENCE_DBFS = -60.0  # a clip whose loudest frames lie below this holds no speech at all
FULL_SCALE = 0.999
CLIP_RUN = 3  # so many equal samples at the top are a flattened peak, fewer may be the peak itself
EDGE_S = 0.02
EDGE_DB = -15.0  # the last frame this close to the speech level: cut inside a sound
CLICK_RATIO = 1.5  # second difference at a joint over the largest one nearby; clean speech stays below 1.4
NEIGHBOURHOOD_S = 0.025  # long enough for two periods of a low voice on each side
JUMP_DB = 25.0  # level step at a joint beyond the largest one nearby; a plosive after a pause reaches 20
GAP_S = 0.005  # exact zeros this long that begin or end at a joint, with sound on both sides: a chunk came late


@dataclass(frozen=True)
class Silence:
    """Where nothing is said. Seconds, and shares of the whole."""

    share: float
    leading_s: float
    trailing_s: float
    longest_pause_s: float  # between sounds
    is_empty: bool  # no speech at all


@dataclass(frozen=True)
class Clipping:
    """Samples stuck at the top."""

    peak: float
    share: float  # of samples inside flattened peaks
    longest_run: int  # samples
    is_clipped: bool


@dataclass(frozen=True)
class Edges:
    """Loudness of the first and the last 20 ms, dB relative to the clip's speech level."""

    start_db: float
    end_db: float
    begins_inside: bool
    ends_inside: bool


@dataclass(frozen=True)
class Seam:
    """One joint between chunks, against its neighbourhood."""

    sample: int  # first sample of the later chunk
    click_ratio: float  # 1 is as rough as the roughest place nearby
    jump_db: float  # level step across the joint beyond the largest step nearby; at most 0 when nothing stands out
    gap_s: float  # exact zeros that begin or end at the joint
    is_audible: bool


@dataclass(frozen=True)
class SignalReport:
    """All checks of one clip; ``problems`` names those that fired, and is empty for sound speech."""

    duration_s: float
    level_dbfs: float  # speech level
    silence: Silence
    clipping: Clipping
    edges: Edges
    seams: tuple[Seam, ...]
    loop: Loop | None

    @property
    def problems(self) -> tuple[str, ...]:
        fired = {
            "empty": self.silence.is_empty,
            "clipping": self.clipping.is_clipped,
            "begins inside speech": self.edges.begins_inside,
            "ends inside speech": self.edges.ends_inside,
            "seam": any(seam.is_audible for seam in self.seams),
            "loop": self.loop is not None,
        }
        return tuple(name for name, is_so in fired.items() if is_so)


def inspect_signal(wave: Float[np.ndarray, "n"], rate: int, boundaries: Sequence[int] = ()) -> SignalReport:
    """Every check of this file and the search for loops. ``boundaries`` are the first samples of later chunks."""
    _check(wave, rate)
    return SignalReport(
        duration_s=len(wave) / rate,
        level_dbfs=_speech_level(frame_levels_db(wave, rate, FRAME_S)),
        silence=check_silence(wave, rate),
        clipping=check_clipping(wave),
        edges=check_edges(wave, rate),
        seams=check_seams(wave, rate, boundaries),
        loop=find_loop(wave, rate),
    )


def check_silence(wave: Float[np.ndarray, "n"], rate: int) -> Silence:
    """Silent share and the three kinds of silence."""
    _check(wave, rate)
    levels = frame_levels_db(wave, rate, FRAME_S)
    level = _speech_level(levels)
    is_empty = level < SILENCE_DBFS
    is_silent = np.ones(len(levels), dtype=bool) if is_empty else levels < level + SILENCE_DB
    if is_silent.all():
        whole_s = len(wave) / rate
        return Silence(1.0, whole_s, whole_s, 0.0, True)
    sounding = np.flatnonzero(~is_silent)
    pauses = np.diff(sounding) - 1
    return Silence(
        share=float(is_silent.mean()),
        leading_s=float(sounding[0]) * FRAME_S,
        trailing_s=float(len(levels) - 1 - sounding[-1]) * FRAME_S,
        longest_pause_s=float(pauses.max(initial=0)) * FRAME_S,
        is_empty=is_empty,
    )


def check_clipping(wave: Float[np.ndarray, "n"]) -> Clipping:
    """Flattened peaks: runs of samples at full scale, or of exactly equal samples at the clip's own peak."""
    _check(wave, 1)
    size = np.abs(wave)
    peak = float(size.max())
    is_top = (size >= FULL_SCALE) | ((size == peak) & (peak > 0.1))  # a quiet constant is no flattened peak
    runs = _runs(is_top & _continues(np.sign(wave)))
    flat = [length for _, length in runs if length >= CLIP_RUN]
    longest = max((length for _, length in runs), default=0)
    return Clipping(peak, sum(flat) / len(wave), longest, bool(flat))


def check_edges(wave: Float[np.ndarray, "n"], rate: int) -> Edges:
    """Whether the clip begins or ends in the middle of a sound."""
    _check(wave, rate)
    level = _speech_level(frame_levels_db(wave, rate, FRAME_S))
    width = max(1, round(EDGE_S * rate))
    start_db, end_db = (_level_db(part) - level for part in (wave[:width], wave[-width:]))
    is_speech = level >= SILENCE_DBFS
    return Edges(start_db, end_db, is_speech and start_db > EDGE_DB, is_speech and end_db > EDGE_DB)


def check_seams(wave: Float[np.ndarray, "n"], rate: int, boundaries: Sequence[int]) -> tuple[Seam, ...]:
    """Each joint against its neighbourhood. Raises InputError for a joint outside the wave."""
    _check(wave, rate)
    for sample in boundaries:
        if not 0 < sample < len(wave):
            raise InputError(f"found a joint at sample {sample} of {len(wave)}; expected one strictly inside the wave")
    floor_db = max(_speech_level(frame_levels_db(wave, rate, FRAME_S)) + SILENCE_DB, SILENCE_DBFS)
    return tuple(_seam(wave.astype(np.float64), rate, int(sample), floor_db) for sample in boundaries)


def _seam(wave: Float[np.ndarray, "n"], rate: int, sample: int, floor_db: float) -> Seam:
    click = _click_ratio(wave, rate, sample, floor_db)
    jump = _jump_db(wave, rate, sample, floor_db)
    gap = _gap_s(wave, rate, sample, floor_db)
    return Seam(sample, click, jump, gap, click > CLICK_RATIO or jump > JUMP_DB or gap >= GAP_S)


def _click_ratio(wave: Float[np.ndarray, "n"], rate: int, sample: int, floor_db: float) -> float:
    """Largest second difference over the joint, relative to the largest in the neighbourhood.

    The second difference weighs a step by its sharpness: speech, whose energy lies low, has little, a cut has much.
    """
    reach = max(8, round(NEIGHBOURHOOD_S * rate))
    start = max(0, sample - reach)
    rough = np.abs(np.diff(wave[start : sample + reach], n=2))
    joint = sample - start - 2  # the second differences that span the joint begin here
    is_joint = np.zeros(len(rough), dtype=bool)
    is_joint[max(0, joint) : joint + 2] = True
    if is_joint.all() or not is_joint.any():
        return 0.0
    floor = math.pow(10, floor_db / 20)  # in silence even a loud click's neighbours are zero
    return float(rough[is_joint].max() / max(float(rough[~is_joint].max()), floor))


def _jump_db(wave: Float[np.ndarray, "n"], rate: int, sample: int, floor_db: float) -> float:
    """Level step across the joint, beyond the largest step between neighbouring windows on either side."""
    width = max(4, round(0.01 * rate))
    edges = [sample + width * k for k in range(-5, 6)]
    inside = [edge for edge in edges if 0 <= edge <= len(wave)]
    levels = [max(_level_db(wave[a:b]), floor_db) for a, b in zip(inside, inside[1:], strict=False)]
    steps = [abs(b - a) for a, b in zip(levels, levels[1:], strict=False)]
    if len(steps) < 3 or sample - width < 0 or sample + width > len(wave):
        return 0.0
    joint = inside.index(sample) - 1
    return float(steps[joint] - max(step for k, step in enumerate(steps) if k != joint))


def _gap_s(wave: Float[np.ndarray, "n"], rate: int, sample: int, floor_db: float) -> float:
    """Length of exact zeros that begin or end at the joint, when there is sound close by on both sides.

    Zeros on both sides of the joint are digital silence of the voice's own, and no concern of the joint.
    """
    before, after = np.flatnonzero(wave[:sample][::-1]), np.flatnonzero(wave[sample:])
    if not len(before) or not len(after) or min(before[0], after[0]) > 1:
        return 0.0
    left, right = sample - int(before[0]), sample + int(after[0])
    width = max(1, round(EDGE_S * rate))
    sounds = (_level_db(wave[max(0, left - width) : left]), _level_db(wave[right : right + width]))
    return (right - left) / rate if min(sounds) > floor_db else 0.0


def _speech_level(levels: Float[np.ndarray, "t"]) -> float:
    return float(np.quantile(levels, 0.95))


def _level_db(part: Float[np.ndarray, "n"]) -> float:
    return 10 * math.log10(float(np.square(part, dtype=np.float64).mean()) + 1e-12)


def _continues(sign: Float[np.ndarray, "n"]) -> Bool[np.ndarray, "n"]:
    """Whether a sample has a neighbour of its own sign: a run at the top must not cross from one rail to the other."""
    same = np.concatenate([[False], sign[1:] == sign[:-1], [False]])
    return np.asarray(same[1:] | same[:-1])


def _runs(mask: Bool[np.ndarray, "n"]) -> list[tuple[int, int]]:
    """Start and length of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _check(wave: Float[np.ndarray, "n"], rate: int) -> None:
    if wave.ndim != 1 or not len(wave):
        raise InputError(f"found a wave of shape {wave.shape}; expected mono samples, one at least")
    if rate < 1:
        raise InputError(f"found a sample rate of {rate} Hz; expected a positive one, such as 24000")
    if not np.isfinite(wave).all():
        raise InputError("found samples that are not finite; expected a float wave at full scale 1.0")
