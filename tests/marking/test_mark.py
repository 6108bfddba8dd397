"""The mark: any chunks give the bytes of the whole, nothing comes late, and little is added."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.errors import ConfigError
from antiphon.marking.key import PUBLISHED, Key, key_from
from antiphon.marking.mark import MarkState, mark
from antiphon.marking.pattern import HOP, PERIOD, TAP_SCALE, TAPS, pair_gains, signs, taps
from antiphon.marking.policy import Marking, marking_from
from antiphon.metrics.signal import inspect_signal

NOISE = np.random.default_rng(0).normal(0, 0.2, 5 * PERIOD * HOP).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(NOISE)), max_size=12))
def test_any_chunks_give_the_bytes_of_the_whole(cuts: list[int]) -> None:
    state, parts = MarkState(), []
    for part in np.split(NOISE, sorted(cuts)):
        marked, state = mark(part, state)
        parts.append(marked)
    assert np.concatenate(parts).tobytes() == mark(NOISE)[0].tobytes()
    assert state.position == len(NOISE)


@pytest.mark.parametrize("size", [1, 7, 255, 256, 257])
def test_small_chunks_do_so_too(size: int) -> None:
    state, parts = MarkState(), []
    for first in range(0, 2000, size):
        marked, state = mark(NOISE[first : min(first + size, 2000)], state)
        parts.append(marked)
    assert np.array_equal(np.concatenate(parts), mark(NOISE[:2000])[0])


def test_what_is_added_is_the_convolution_that_it_is_said_to_be() -> None:
    wave = NOISE[: 6 * HOP].astype(np.float64)
    window, expected = np.sin(np.pi * (np.arange(2 * HOP) + 0.5) / (2 * HOP)) ** 2, np.zeros(8 * HOP + TAPS)
    padded = np.concatenate([np.zeros(HOP), wave, np.zeros(HOP)])
    for number in range(7):  # the first column begins a hop before the sound
        block = padded[number * HOP : (number + 2) * HOP] * window
        echo = np.convolve(block, taps(PUBLISHED)[(number - 1) % PERIOD]) / TAP_SCALE
        expected[number * HOP : number * HOP + len(echo)] += echo
    added = mark(wave.astype(np.float32))[0] - wave
    assert np.allclose(added, expected[HOP:][: len(wave)], atol=2e-5) and np.abs(added).max() > 1e-2


def test_the_past_is_enough_and_the_position_is_the_phase() -> None:
    changed = np.concatenate([NOISE[:3000], -NOISE[3000:]])
    assert np.array_equal(mark(changed)[0][:3000], mark(NOISE)[0][:3000])
    later = mark(NOISE, MarkState(position=HOP))[0]
    again = mark(NOISE, MarkState(position=PERIOD * HOP))[0]
    assert not np.array_equal(later, mark(NOISE)[0])
    assert np.array_equal(again, mark(NOISE)[0])


def test_every_band_is_as_much_louder_or_softer_as_the_key_says() -> None:
    size = 16 * TAPS
    spectrum = np.fft.rfft(taps(PUBLISHED) / TAP_SCALE, size, axis=1)
    gains = np.log(np.abs(1 + spectrum))  # columns bins/16
    for pair, gain in enumerate(pair_gains()):
        for half, sign in ((0, 1), (1, -1)):
            middle = gains[:, round(16 * (8 + 6 * pair + 3 * half + 1))]
            agreement = middle * sign * signs(PUBLISHED)[:, pair]
            assert agreement.min() > 0.5 * gain and agreement.max() < 1.5 * gain
    assert np.abs(gains).max() < 2 * pair_gains().max()


def test_the_gain_falls_where_the_ear_parts_a_pair() -> None:
    gains = pair_gains()
    assert (np.diff(gains) >= 0).all() and gains[0] < gains[-1] / 4 and gains[-1] * 20 / np.log(10) < 1.0
    assert (gains == gains[-1]).sum() > 9  # from 2.4 kHz on, where a critical band holds both halves


def test_speech_stays_what_it_is(speech: np.ndarray) -> None:
    marked, _ = mark(speech)
    ratio = 10 * np.log10(np.square(speech).sum() / np.square(marked - speech).sum())
    assert 27 < ratio < 33 and marked.dtype == np.float32 and len(marked) == len(speech)
    seams = tuple(range(HOP, len(speech) - HOP, HOP))  # where columns meet
    assert sum(s.is_audible for s in inspect_signal(marked, 24_000, seams).seams) <= sum(
        s.is_audible for s in inspect_signal(speech, 24_000, seams).seams
    )


def test_silence_stays_silent_and_nothing_is_nothing() -> None:
    assert not mark(np.zeros(5000, np.float32))[0].any()
    empty, state = mark(np.zeros(0, np.float32))
    assert not len(empty) and state.position == 0
    assert np.isfinite(mark(np.full(5000, 1e3, np.float32))[0]).all()


def test_keys_differ_and_say_nothing_of_themselves() -> None:
    other = Key(b"sixteen bytes or more")
    assert not np.array_equal(mark(NOISE, key=other)[0], mark(NOISE)[0])
    assert other.id != PUBLISHED.id and "sixteen" not in repr(other)
    assert PUBLISHED.id == "c94b78a2" and signs(PUBLISHED)[0, :6].tolist() == FIRST_SIGNS  # for ever


FIRST_SIGNS = [1.0, -1.0, -1.0, -1.0, 1.0, 1.0]


def test_the_environment_decides_and_the_log_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert marking_from({}).key == PUBLISHED and not caplog.records
    secret = tmp_path / "key"
    secret.write_bytes(b"0123456789abcdef\n")
    assert marking_from({"ANTIPHON_MARK_KEY": str(secret)}).key == Key(b"0123456789abcdef")
    assert marking_from({"ANTIPHON_MARK": "off"}).key is None
    assert [record.levelname for record in caplog.records] == ["WARNING"] and "without a mark" in caplog.text
    with pytest.raises(ConfigError, match="set it to on or off"):
        marking_from({"ANTIPHON_MARK": "no"})
    secret.write_bytes(b"short")
    with pytest.raises(ConfigError, match="has 5 bytes"):
        key_from({"ANTIPHON_MARK_KEY": str(secret)})
    with pytest.raises(ConfigError, match="cannot be read"):
        key_from({"ANTIPHON_MARK_KEY": str(tmp_path / "none")})


def test_a_marker_carries_on_from_chunk_to_chunk() -> None:
    marker, plain = Marking(PUBLISHED).begin(), Marking(None).begin()
    parts = [marker(part) for part in torch.from_numpy(NOISE).split(9600)]
    assert torch.equal(torch.cat(parts), torch.from_numpy(mark(NOISE)[0]))
    assert torch.equal(plain(torch.from_numpy(NOISE)), torch.from_numpy(NOISE))
