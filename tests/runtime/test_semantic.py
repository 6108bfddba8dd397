"""Turns that end where they sound finished."""

from dataclasses import replace

import numpy as np
import pytest

from antiphon.errors import ConfigError
from antiphon.runtime.controller import Controller
from antiphon.runtime.dialogue import State
from antiphon.runtime.orders import ClientJoined, Opinion, Speculate
from antiphon.runtime.prosody import ending
from antiphon.runtime.semantic import LONGEST_MS, SemanticVad
from antiphon.runtime.turns import Frame, Pause, Speech, TurnDetector, TurnEnd
from tests.runtime.stage import SPOKEN, Stage

FRAME_MS = 32


def silence_until_end(detector: SemanticVad, tune: float | None, model: float | None) -> int:
    """Milliseconds from the end of a voice to the end of its turn."""
    state, signals = detector.start(), ()
    for n in range(20):
        state, signals = detector.step(state, Frame(n * FRAME_MS, (n + 1) * FRAME_MS, 0.9))
        assert [type(signal) for signal in signals] == [Speech]
    if model is not None:
        state = detector.believe(state, model)
    for n in range(20, 400):
        state, signals = detector.step(state, Frame(n * FRAME_MS, (n + 1) * FRAME_MS, 0.0, tune if n == 20 else None))
        if any(isinstance(signal, TurnEnd) for signal in signals):
            return (n - 19) * FRAME_MS
    raise AssertionError("the turn never ended")


def test_the_surer_the_sooner_and_never_beyond_the_eagerness() -> None:
    detector = SemanticVad()
    assert isinstance(detector, TurnDetector) and detector.hears_tunes
    waits = [silence_until_end(detector, tune, None) for tune in (1.0, 0.9, 0.6, 0.3, 0.0)]
    assert waits == sorted(waits) and waits[0] <= 224 and len(set(waits)) == 5
    for eagerness, longest in LONGEST_MS.items():
        wait = silence_until_end(SemanticVad(eagerness=eagerness), 0.0, 0.0)  # type: ignore[arg-type]
        assert longest - FRAME_MS < wait <= longest + FRAME_MS
    assert silence_until_end(detector, 1.0, 1.0) < silence_until_end(detector, 1.0, 0.0)
    assert silence_until_end(detector, None, None) == silence_until_end(detector, 0.6, None)


def test_more_speech_makes_everything_unsaid() -> None:
    detector = SemanticVad()
    state = detector.start()
    for speech, tune in ((0.9, None), (0.0, 0.0), (0.9, None), (0.0, 1.0)):
        for n in range(5):
            state, signals = detector.step(state, Frame(0, 0, speech, tune if n == 0 else None))
    assert state.tune == 1.0


def test_the_model_is_a_witness_by_how_sure_it_is() -> None:
    controller, state = Controller(SemanticVad()), State()
    state, _ = controller.step(state, ClientJoined(), 0)
    orders: tuple[object, ...] = ()
    for n in range(26):
        state, more = controller.step(state, Frame(n * 32, (n + 1) * 32, 0.9 if n < 20 else 0.0), 0)
        orders += more
    guess = next(order for order in orders if isinstance(order, Speculate))
    before = state.turns
    state, _ = controller.step(state, Opinion(guess.reply + 1, 0.9), 0)
    assert state.turns == before
    state, _ = controller.step(state, Opinion(guess.reply, 0.9), 0)
    assert state.turns.model == 0.9
    assert not any(isinstance(signal, Pause) for signal in orders)


def sung(*hz: float) -> np.ndarray:
    """A voice that moves through these pitches in 1.2 s."""
    path = np.interp(np.arange(19_200), np.linspace(0, 19_200, len(hz)), hz)
    phase = 2 * np.pi * np.cumsum(path) / 16_000
    return sum(np.sin(k * phase) / k for k in range(1, 8)).astype(np.float32) * 0.1  # type: ignore[no-any-return, union-attr]


def test_a_tune_that_falls_or_rises_has_ended_and_one_that_stays_has_not() -> None:
    level, falling, rising = (ending(sung(*hz)) for hz in ((150, 150), (160, 160, 160, 100), (140, 140, 140, 220)))
    assert level is not None and falling is not None and rising is not None
    assert level < 0.35 < 0.6 < min(falling, rising)
    assert ending(np.zeros(19_200, np.float32)) is None and ending(np.zeros(10, np.float32)) is None
    noise = np.random.default_rng([1]).normal(size=19_200).astype(np.float32)
    assert ending(noise) is None


def test_a_conversation_with_it() -> None:
    stage = Stage(replace(SPOKEN, detector=SemanticVad(eagerness="high"))).talk((20, 30), (70, 0)).wait()
    assert "ReplyDone" in stage.kinds()


def test_settings_that_cannot_be() -> None:
    for wrong in ({"eagerness": "wild"}, {"shortest_ms": 50}, {"shortest_ms": 3_000}):
        with pytest.raises(ConfigError):
            SemanticVad(**wrong)  # type: ignore[arg-type]
