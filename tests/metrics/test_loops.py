"""Loops: found when something is stuck, not in speech that merely has similar words."""

import numpy as np
import pytest

from antiphon.errors import InputError
from antiphon.metrics.loops import find_code_loop, find_loop

RATE = 24_000


def test_codes_that_repeat() -> None:
    head, phrase = [5, 9, 2, 7], list(range(10, 18))
    found = find_code_loop(head + phrase * 4 + phrase[:4] + [99])
    assert found is not None
    assert (found.start, found.period, found.copies, found.covered) == (4, 8, 4.5, 36)


def test_codes_that_do_not() -> None:
    assert find_code_loop(np.random.default_rng(0).integers(0, 729, 300).tolist()) is None
    assert find_code_loop([]) is None and find_code_loop([1]) is None
    assert find_code_loop(list(range(30)) * 2) is None  # said twice is not stuck
    assert find_code_loop([1, 2] * 5) is None  # too short to be heard


def test_code_loop_limits_are_arguments() -> None:
    assert find_code_loop(list(range(30)) * 2, min_copies=2.0) is not None
    assert find_code_loop([1, 2] * 5, min_len=8) is not None
    assert find_code_loop(list(range(30)) * 4, max_period=29) is None
    with pytest.raises(InputError):
        find_code_loop([1, 2, 3], min_copies=1.0)


def test_silence_codes_may_repeat() -> None:
    pause = [3, 8, 1, *[0] * 40, 2]
    assert find_code_loop(pause) is not None
    assert find_code_loop(pause, ignore={0}) is None
    assert find_code_loop(pause + [4, 0] * 20, ignore={0}) is not None  # silence as part of a loop does not excuse it


@pytest.mark.parametrize("noise", [0.0, 0.003])
@pytest.mark.parametrize("period_s", [0.3, 0.437])
def test_sound_that_repeats(speech: np.ndarray, period_s: float, noise: float) -> None:
    """A passage said five times, each with its own noise, as a vocoder would give it."""
    start, width = RATE // 2, round(period_s * RATE)
    stuck = np.concatenate([speech[:start], np.tile(speech[start : start + width], 5)])
    stuck = (stuck + noise * np.random.default_rng(1).standard_normal(len(stuck))).astype(np.float32)
    found = find_loop(stuck, RATE)
    assert found is not None
    periods = found.period_s / period_s
    assert round(periods) >= 1 and periods == pytest.approx(round(periods), abs=0.1)
    assert found.start_s == pytest.approx(0.5, abs=0.25)


def test_a_whole_sentence_twice_is_a_loop_and_once_is_not(speech: np.ndarray) -> None:
    assert find_loop(speech, RATE) is None
    assert find_loop(np.concatenate([speech, speech]), RATE) is not None


def test_a_tone_is_stuck() -> None:
    tone = (0.3 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    assert find_loop(tone, RATE) is not None


def test_silence_is_no_loop(speech: np.ndarray) -> None:
    assert find_loop(np.zeros(RATE, dtype=np.float32), RATE) is None
    quiet = np.zeros(2 * RATE, dtype=np.float32)
    assert find_loop(np.concatenate([speech, quiet, speech[: RATE // 2]]), RATE) is None
