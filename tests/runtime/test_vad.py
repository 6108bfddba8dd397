"""Voice activity: any chunking gives the same probabilities, streams are apart, speech is told from noise."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.audio.wave import Audio
from antiphon.errors import ConfigError, InputError
from antiphon.runtime.vad import FRAME, Vad

VAD = Vad.find()


def hiss(num_samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng([seed]).standard_normal(num_samples)).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 5 * FRAME), max_size=6))
def test_any_chunking_gives_the_same_probabilities(cuts: list[int]) -> None:
    sound = hiss(5 * FRAME + 100)
    whole, end = VAD.step(sound, VAD.init_state())
    state, parts = VAD.init_state(), []
    for chunk in np.split(sound, sorted(cuts)):
        part, state = VAD.step(chunk, state)
        parts.append(part)
    assert len(whole) == 5
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    for name in ("recurrent", "context", "rest"):
        np.testing.assert_array_equal(getattr(state, name), getattr(end, name))


def test_streams_do_not_hear_each_other_and_a_state_can_be_used_again() -> None:
    one, two = hiss(4 * FRAME, 1), hiss(4 * FRAME, 2)
    alone, _ = VAD.step(one, VAD.init_state())
    first, other, together = VAD.init_state(), VAD.init_state(), []
    for at in range(0, len(one), FRAME):
        VAD.step(two[at : at + FRAME], first)  # a step that nobody follows
        part, first = VAD.step(one[at : at + FRAME], first)
        _, other = VAD.step(two[at : at + FRAME], other)
        together.append(part)
    np.testing.assert_array_equal(np.concatenate(together), alone)


def test_what_was_heard_counts() -> None:
    _, state = VAD.step(hiss(3 * FRAME), VAD.init_state())
    after, _ = VAD.step(hiss(FRAME, 7), state)
    fresh, _ = VAD.step(hiss(FRAME, 7), VAD.init_state())
    assert after[0] != fresh[0]


def test_a_spoken_question_is_speech_and_noise_is_not(nano: Path) -> None:
    question = Audio.read(nano / "question.wav").heard.numpy()
    spoken, state = VAD.step(question, VAD.init_state())
    silence, _ = VAD.step(np.zeros(16_000, np.float32), state)
    noise, _ = VAD.step(hiss(16_000), VAD.init_state())
    assert (spoken > 0.5).mean() > 0.5
    assert (silence[10:] < 0.5).all() and (noise[10:] < 0.5).all()


def test_no_torch_is_loaded_for_it() -> None:
    code = (
        "import sys, numpy as np; from antiphon.runtime.vad import Vad; v = Vad.find();"
        "v.step(np.zeros(512, np.float32), v.init_state()); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_missing_package_and_a_broken_sample_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="finite"):
        VAD.step(np.array([0.0, np.nan], np.float32), VAD.init_state())
    monkeypatch.setattr("antiphon.runtime.vad.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"antiphon\[live\]"):
        Vad.find()
