"""The controller's table, row by row, where the simulation might not look."""

from typing import get_args

import pytest

from antiphon.errors import ConfigError
from antiphon.runtime.controller import TABLE, Controller
from antiphon.runtime.dialogue import Manners, Phase, State
from antiphon.runtime.orders import (
    Begin,
    ClientCancel,
    ClientChanged,
    ClientCommit,
    ClientJoined,
    ClientLost,
    ClientRespond,
    Close,
    Cut,
    Discard,
    Done,
    Emit,
    GiveResult,
    Keep,
    Part,
    Played,
    RunTool,
    Silence,
    Silenced,
    Speculate,
    SpeechStarted,
    SpeechStopped,
    TakeTurn,
    Tick,
    TimedOut,
    Told,
    ToolAnswered,
    ToolCalled,
)
from antiphon.runtime.turns import Frame, Pause, ServerVad, Speech, TurnEnd, Utterance

SAID = Utterance(0, 1000, 600)
LATER = Utterance(2000, 3000, 600)
TURN: list[Told] = [ClientJoined(), Speech(SAID), TurnEnd(SAID)]
SPEAKING: list[Told] = [*TURN, Part(0, "one", 160), Part(0, "two", 160), Done(0)]


def play(events: list[Told], manners: Manners = Manners(), now_ms: int = 0) -> tuple[State, list[object]]:  # noqa: B008
    state, orders = State(), list[object]()
    for event in events:
        state, more = Controller(ServerVad(), manners).step(state, event, now_ms)
        orders += more
    return state, orders


def test_the_table_knows_every_phase_and_somebody_may_leave_in_each() -> None:
    assert set(TABLE) == set(get_args(Phase))
    assert all(ClientLost in TABLE[phase] for phase in TABLE if phase != "idle")


def test_a_turn_and_its_reply() -> None:
    state, orders = play([*SPEAKING, Played(0, 320)])
    parts = [Emit(Part(0, "one", 160)), Emit(Part(0, "two", 160))]
    assert orders == [SpeechStarted(0), SpeechStopped(1000), TakeTurn(SAID), Begin(0, 0), *parts, Close(0)]
    assert state.phase == "listening"


def test_short_sounds_neither_begin_a_turn_nor_stop_a_reply() -> None:
    assert play([ClientJoined(), Speech(Utterance(0, 32, 32)), TurnEnd(Utterance(0, 192, 32))])[1] == []
    backchannel = Utterance(2000, 2400, 200)
    state, orders = play([*SPEAKING, Speech(backchannel), TurnEnd(backchannel)])
    assert state.phase == "speaking" and not any(isinstance(order, Silence) for order in orders)


def test_barge_in_cuts_at_what_the_client_says_was_heard() -> None:
    state, orders = play([*SPEAKING, Played(0, 160), Speech(LATER)])
    assert state.phase == "interrupted" and orders[-2:] == [SpeechStarted(2000), Silence(0)]
    state, orders = play([*SPEAKING, Played(0, 160), Speech(LATER), Silenced(0, 201), TurnEnd(LATER)])
    assert orders[-4:] == [Cut(0, 201), SpeechStopped(3000), TakeTurn(LATER), Begin(1, 1)]
    state, orders = play([*SPEAKING, Played(0, 160), Speech(LATER), TurnEnd(LATER), Silenced(0, 201)])
    assert orders[-4:] == [SpeechStopped(3000), Cut(0, 160), TakeTurn(LATER), Begin(1, 1)]


def test_a_speculation_lets_nothing_out_before_the_turn_has_ended() -> None:
    called = ToolCalled(0, "a")
    guess: list[Told] = [ClientJoined(), Speech(SAID), Pause(SAID), Part(0, "one", 160, tokens=5), called]
    state, orders = play(guess)
    assert state.phase == "speculating" and orders == [SpeechStarted(0), Speculate(0, 0, SAID)]
    state, orders = play([*guess, TurnEnd(SAID)])
    kept = [SpeechStopped(1000), TakeTurn(SAID), Keep(0, 0)]
    assert orders[2:] == [*kept, Emit(Part(0, "one", 160, tokens=5)), RunTool(called)]
    for other in (Speech(SAID), ClientChanged(), Done(0, has_failed=True), ClientLost()):
        state, orders = play([*guess, other])
        assert Discard(0) in orders and state.speculation is None
        assert (state.counts.discarded, state.counts.wasted_tokens, state.ordinal) == (1, 5, 0)


def test_a_detector_that_changes_its_mind_costs_only_the_speculation() -> None:
    longer = Utterance(0, 1200, 600)
    _, orders = play([ClientJoined(), Speech(SAID), Pause(SAID), TurnEnd(longer)])
    assert orders[-4:] == [Discard(0), SpeechStopped(1200), TakeTurn(longer), Begin(1, 0)]


def test_a_tool_is_given_up_at_its_time_and_comes_too_late_after_it() -> None:
    controller, (state, _) = Controller(ServerVad()), play([*TURN, ToolCalled(0, "a"), Done(0)])
    assert state.phase == "tool" and state.deadline_ms == 10_000
    assert controller.step(state, Tick(), 9_999)[1] == ()
    late, orders = controller.step(state, Tick(), 10_000)
    assert orders[0] == GiveResult(0, "a", None, has_failed=True, has_timed_out=True)
    assert controller.step(late, ToolAnswered(0, "a", "7"), 10_001) == (late, ())


def test_the_client_cancels_asks_and_commits() -> None:
    state, orders = play([*SPEAKING, ClientCancel(), ClientCancel()])
    assert state.phase == "listening" and orders.count(Silence(0)) == 1
    assert play([*SPEAKING, ClientCancel(), Silenced(0, 80), ClientRespond()])[1][-2:] == [Cut(0, 80), Begin(1, 1)]
    quiet = Manners(create_response=False)
    assert play([ClientJoined(), ClientCommit(SAID)], quiet)[1] == [TakeTurn(SAID)]
    assert play([ClientJoined(), ClientCommit(SAID), ClientRespond()], quiet)[1] == [TakeTurn(SAID), Begin(0, 0)]
    assert play([*SPEAKING, ClientRespond(), Played(0, 320)])[1][-1] == Begin(1, 1)


def test_after_a_long_silence_the_model_speaks_again() -> None:
    manners = Manners(idle_timeout_ms=5_000)
    state, _ = play([*SPEAKING, Played(0, 320)], manners)
    assert state.deadline_ms == 5_000
    controller = Controller(ServerVad(), manners)
    assert controller.step(state, Tick(), 4_999)[1] == ()
    assert controller.step(state, Tick(), 5_000)[1] == (TimedOut(), Begin(1, 1))


def test_late_frames_give_the_same_turns() -> None:
    frames: list[Told] = [Frame(t, t + 32, 0.9 if 320 <= t < 960 else 0.1) for t in range(0, 1_920, 32)]
    assert [o for o in play([ClientJoined(), *frames])[1] if isinstance(o, TakeTurn)] == [
        TakeTurn(Utterance(20, 1120, 640))
    ]


@pytest.mark.parametrize("wrong", [{"threshold": 2.0}, {"prefix_padding_ms": -1}, {"silence_duration_ms": 10}])
def test_wrong_detection_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="give"):
        ServerVad(**wrong)


@pytest.mark.parametrize("wrong", [{"barge_in_ms": 0}, {"idle_timeout_ms": -5}, {"max_speculations": -1}])
def test_wrong_manners_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Manners(**wrong)
