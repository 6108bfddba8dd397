"""Every check fires on the defect it is for, and on nothing in clean speech."""

import numpy as np
import pytest

from antiphon.errors import InputError
from antiphon.metrics.signal import check_clipping, check_edges, check_seams, check_silence, inspect_signal

RATE = 24_000


def loudest(wave: np.ndarray) -> int:
    """A sample in the middle of the loudest 20 ms that is not near an end."""
    inside = wave[RATE // 4 : -RATE // 4]
    frames = np.square(inside[: len(inside) // 480 * 480].reshape(-1, 480)).mean(1)
    return RATE // 4 + int(frames.argmax()) * 480 + 240


def test_clean_speech_has_no_problem(speech: np.ndarray) -> None:
    joints = np.random.default_rng(0).integers(1, len(speech), size=100).tolist()
    report = inspect_signal(speech, RATE, joints)
    assert report.problems == ()
    assert report.duration_s == pytest.approx(len(speech) / RATE)
    assert -30 < report.level_dbfs < -5


def test_checks_do_not_depend_on_level(speech: np.ndarray) -> None:
    assert inspect_signal(0.05 * speech, RATE).problems == ()


def test_clipping(speech: np.ndarray) -> None:
    assert not check_clipping(speech).is_clipped
    loud = np.clip(4 * speech, -1, 1)
    found = check_clipping(loud)
    assert found.is_clipped and found.peak == 1.0 and found.longest_run >= 3
    assert found.share == pytest.approx(float((np.abs(loud) >= 1).mean()), rel=0.2)
    assert check_clipping(0.3 * loud).is_clipped  # turned down afterwards, the peaks are still flat
    assert not check_clipping(np.zeros(100, dtype=np.float32)).is_clipped


def test_runs_do_not_cross_from_rail_to_rail() -> None:
    square = np.tile(np.array([1.0, 1.0, -1.0, -1.0], dtype=np.float32), 50)
    assert check_clipping(square).longest_run <= len(square)
    alternating = np.tile(np.array([1.0, -1.0], dtype=np.float32), 50)
    assert not check_clipping(alternating).is_clipped


def test_silence_is_measured_where_it_lies(speech: np.ndarray) -> None:
    quiet = np.zeros(RATE // 2, dtype=np.float32)
    middle = len(speech) // 2
    padded = np.concatenate([quiet, speech[:middle], quiet, speech[middle:], quiet])
    plain, found = check_silence(speech, RATE), check_silence(padded, RATE)
    assert found.leading_s == pytest.approx(plain.leading_s + 0.5, abs=0.03)
    assert found.trailing_s == pytest.approx(plain.trailing_s + 0.5, abs=0.05)
    assert 0.45 <= found.longest_pause_s <= 0.75
    assert found.share > plain.share + 0.2 and not found.is_empty


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_no_speech_at_all(level: float) -> None:
    wave = (level * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    assert check_silence(wave, RATE).is_empty
    assert "empty" in inspect_signal(wave, RATE).problems


def test_truncated_at_either_end(speech: np.ndarray) -> None:
    whole = check_edges(speech, RATE)
    assert not whole.begins_inside and not whole.ends_inside
    cut = loudest(speech)
    head, tail = check_edges(speech[:cut], RATE), check_edges(speech[cut:], RATE)
    assert head.ends_inside and not head.begins_inside
    assert tail.begins_inside and not tail.ends_inside
    assert "ends inside speech" in inspect_signal(speech[:cut], RATE).problems


def test_a_click_at_a_joint_is_heard_and_elsewhere_is_no_joint(speech: np.ndarray) -> None:
    joint = int(np.abs(speech).argmax())
    broken = np.concatenate([speech[:joint], -speech[joint:]])  # a jump through zero
    offset = speech.copy()
    offset[joint:] += 0.2  # a step of the baseline
    for wave in (broken, offset):
        seam = check_seams(wave, RATE, [joint])[0]
        assert seam.is_audible and seam.click_ratio > 1.5
        assert not check_seams(wave, RATE, [joint + 4800])[0].is_audible
    assert check_seams(speech, RATE, [joint])[0].click_ratio < 1.4


def test_a_click_in_silence_is_heard(speech: np.ndarray) -> None:
    wave = np.concatenate([speech, np.zeros(RATE, dtype=np.float32)])
    joint = len(speech) + RATE // 2
    wave[joint] = 0.1
    assert check_seams(wave, RATE, [joint])[0].is_audible


def test_a_jump_in_level_is_heard() -> None:
    """Steady noise that suddenly drops by 40 dB at the joint."""
    wave = (0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    wave[RATE // 2 :] *= 0.01
    seam = check_seams(wave, RATE, [RATE // 2])[0]
    assert seam.jump_db > 25 and seam.is_audible
    assert check_seams(wave, RATE, [RATE // 4])[0].jump_db < 3


def test_a_gap_is_heard(speech: np.ndarray) -> None:
    joint = loudest(speech)
    late = np.concatenate([speech[:joint], np.zeros(RATE // 50, dtype=np.float32), speech[joint:]])
    for at in (joint, joint + RATE // 50):  # the chunk before the gap, or after it
        seam = check_seams(late, RATE, [at])[0]
        assert seam.is_audible and seam.gap_s == pytest.approx(0.02, abs=1e-3)
    inside = check_seams(late, RATE, [joint + RATE // 100])[0]
    assert inside.gap_s == 0.0


def test_refusals(speech: np.ndarray) -> None:
    with pytest.raises(InputError, match="strictly inside"):
        check_seams(speech, RATE, [len(speech)])
    with pytest.raises(InputError, match="one at least"):
        inspect_signal(np.zeros(0, dtype=np.float32), RATE)
    with pytest.raises(InputError, match="not finite"):
        inspect_signal(np.array([0.0, np.nan], dtype=np.float32), RATE)
    with pytest.raises(InputError, match="sample rate"):
        check_silence(speech, 0)


@pytest.mark.parametrize("length", [1, 3, 50, 500])
def test_short_waves_have_an_answer(length: int) -> None:
    wave = np.linspace(-0.5, 0.5, length, dtype=np.float32)
    report = inspect_signal(wave, RATE, [1] if length > 1 else [])
    assert len(report.seams) == int(length > 1)
