"""Is the mark in a recording? A score, and what may be concluded from it.

    recording ─ 24 kHz ─ spectrogram ─ each lower band against its upper one, in dB ─ less what it is before and after
              ─ measured by what is usual around it ─ folded by the period of the mark ─ compared with the key's signs
              at every phase ─> the best agreement

The score is the agreement in standard deviations of what another key would reach: with random signs it is a sum of
independent terms, so an unmarked recording reaches `t` at one phase with a probability below exp(-t^2 / 2), whatever it
holds. A long recording is looked at window by window, since each utterance begins the mark anew, and has to reach more.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float

from antiphon.marking.key import PUBLISHED, Key
from antiphon.marking.pattern import BAND, FIRST_BIN, HOP, PAIRS, PERIOD, RATE, TAPS, signs

if TYPE_CHECKING:
    from antiphon.audio.wave import Audio

STEP = 128  # samples between two looks: half a column, for a recording may be cut anywhere
PER_COLUMN = HOP // STEP
PHASES = PERIOD * PER_COLUMN
PRESENT, DOUBTFUL = 6.0, 4.5  # scores of one window
WINDOW_S, WINDOW_STEP_S = 12.0, 6.0
SHORTEST_S = 2.0  # of a recording in which nothing found means something
SILENT = 1e-4  # amplitude
BESIDE = (0.38, 0.12)  # what the looks one and two columns away tell of a place, before and after alike
AROUND = 9  # looks, by three pairs, over which the usual deviation of a place is taken
LEAST = 0.05  # nepers: a place deviates by no less
Verdict = Literal["present", "not found", "inconclusive"]
LIMITS = (
    "Presence is evidence, not proof: whoever has the key can put the mark into any sound or take it out, and the"
    " published key is everybody's. Absence proves nothing: the mark does not survive a change of speed or pitch of"
    " more than about 1 %, resynthesis by a neural codec, or strong noise, and below 2 s there may be too little."
)


@dataclass(frozen=True)
class Finding:
    """What was found of one key: the best window's score, and where it begins."""

    key: str
    verdict: Verdict
    score: float
    threshold: float
    begin_s: float
    duration_s: float


def detect(sound: "Audio", keys: Sequence[Key] = (PUBLISHED,)) -> Finding:
    """Look for the mark of any of the keys; the finding with the highest score. A recording may be of any rate."""
    wave = sound.mean().at(RATE).samples[0].numpy().astype(np.float64)
    looks = [(begin / RATE, _contrast(part)) for begin, part in _windows(wave)]
    more = math.sqrt(PRESENT**2 + 2 * math.log(len(looks) * len(keys))) - PRESENT  # each look is one more chance to err
    found = []
    for key in keys:
        scores = [_agreement(look, signs(key)) for _, look in looks]
        score, begin_s = max(scores), looks[scores.index(max(scores))][0]
        verdict = _verdict(score, more, wave)
        found.append(Finding(key.id, verdict, score, PRESENT + more, begin_s, len(wave) / RATE))
    return max(found, key=lambda one: one.score)


def _verdict(score: float, more: float, wave: Float[np.ndarray, " n"]) -> Verdict:
    if score >= PRESENT + more:
        return "present"
    is_short = len(wave) < SHORTEST_S * RATE or float(np.abs(wave).max(initial=0.0)) < SILENT
    return "inconclusive" if is_short or score >= DOUBTFUL + more else "not found"


def _windows(wave: Float[np.ndarray, " n"]) -> Iterator[tuple[int, np.ndarray]]:
    """The whole of a short recording; of a long one, windows that overlap by half."""
    size, step = round(WINDOW_S * RATE), round(WINDOW_STEP_S * RATE)
    for begin in range(0, max(len(wave) - step, 1), step):
        yield begin, wave[begin : begin + size]


def _contrast(wave: Float[np.ndarray, " n"]) -> Float[np.ndarray, "phases pairs"]:
    """How much louder the lower band of each pair is than was to be expected, added up over periods."""
    padded = np.pad(wave, (0, max(TAPS - len(wave), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, TAPS)[::STEP]
    power = np.abs(np.fft.rfft(frames * np.hanning(TAPS + 1)[:TAPS], axis=1)) ** 2
    bands = power[:, FIRST_BIN : FIRST_BIN + 2 * BAND * PAIRS].reshape(len(frames), PAIRS, 2, BAND).mean(3)
    levels = np.log(bands + np.quantile(bands, 0.95) * 1e-7 + 1e-12)
    said = _surprise(levels[:, :, 0] - levels[:, :, 1])
    folded = np.zeros((PHASES, PAIRS))
    np.add.at(folded, np.arange(len(said)) % PHASES, said)
    weights = np.bartlett(2 * PER_COLUMN + 1)[1:-1]  # a column fades in and out
    shifts = range(1 - PER_COLUMN, PER_COLUMN)
    return np.asarray(sum(w * np.roll(folded, -shift, axis=0) for w, shift in zip(weights, shifts, strict=True)))


def _surprise(louder: Float[np.ndarray, "t pairs"]) -> Float[np.ndarray, "t pairs"]:
    """What cannot be told from before and after, in usual deviations, and less of it where those are large.

    Beyond one deviation a place says no more than its sign: a voice changes by far more than the mark does.
    """
    count, reach = len(louder), len(BESIDE) * PER_COLUMN
    held = np.pad(louder, ((reach, reach), (0, 0)), mode="edge")
    for columns, part in enumerate(BESIDE, start=1):
        shift = columns * PER_COLUMN
        louder = louder - part * (held[reach - shift :][:count] + held[reach + shift :][:count])
    sizes = np.pad(np.minimum(np.abs(louder), 4.0), ((AROUND // 2, AROUND // 2), (1, 1)), mode="edge")
    usual = np.lib.stride_tricks.sliding_window_view(sizes, (AROUND, 3)).mean((2, 3)) + LEAST
    return np.asarray(np.clip(louder / usual, -1.0, 1.0) / np.sqrt(usual))


def _agreement(contrast: Float[np.ndarray, "phases pairs"], wanted: Float[np.ndarray, "columns pairs"]) -> float:
    """The best agreement over all phases, in standard deviations of random signs."""
    best = 0.0
    for part in range(PER_COLUMN):
        columns = contrast[part::PER_COLUMN]
        product = np.fft.rfft(columns, axis=0) * np.conj(np.fft.rfft(wanted, axis=0))
        agreements = np.fft.irfft(product.sum(1), PERIOD)
        best = max(best, float(agreements.max()) / math.sqrt(float(np.square(columns).sum()) + 1e-9))
    return best
