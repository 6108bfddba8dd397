"""One live conversation in a made-up world: what the client is told, what the model is asked, what is remembered."""

from dataclasses import replace

import pytest
import torch

from antiphon.audio.wave import Audio
from antiphon.errors import CapacityError, ConfigError, InputError
from antiphon.runtime import live_events as told
from antiphon.runtime.dialogue import Manners
from antiphon.runtime.events import ToolResult
from antiphon.runtime.heard import CODE_MS, heard_ids
from antiphon.runtime.history import Answered, Called, Heard, Spoken, Written
from antiphon.runtime.live import Live
from antiphon.runtime.manner import How, Settings
from antiphon.runtime.mind import Finished
from antiphon.tools.tool import Tool
from tests.runtime.stage import SPOKEN, TURN, VAD, Stage, check_all, without_speculation
from tests.runtime.world import LAYOUT, Hands, Names, Pace, Scripted, say, sound_of

MANUAL = Settings(detector=None, manners=Manners(create_response=False))
LOOKUP = Tool({"name": "lookup"}, lambda arguments: "found", "read")
BY_CLIENT = {"name": "remote", "parameters": {}}
SAID = [told.TextDelta, told.AudioDelta]


def said_ids(stage: Stage, place: int = -1) -> tuple[int, ...]:
    """The ids of the round that the model was asked for last."""
    utterance = say(stage.mind.asked[place]).finished.utterance
    assert utterance is not None
    return utterance.ids


def long_turn(stage: Stage, seconds: float = 1.0) -> Stage:
    """Turns until the model says something of that length."""
    for _ in range(20):
        stage.talk(*TURN)
        stage.wait(200)
        if stage.spoken() and stage.live.phase == "speaking":
            if sum(LAYOUT.is_speech(i) for i in said_ids(stage)) * CODE_MS >= seconds * 1000:
                return stage
        stage.wait()
    raise AssertionError("the model is too quiet for this test")


# --- turns ------------------------------------------------------------------------------------------------------------


def test_a_turn_is_heard_and_answered() -> None:
    stage = Stage().talk(*TURN).wait()
    assert stage.kinds(*SAID) == [
        "SpeechStarted", "SpeechStopped", "Committed", "ReplyStarted", "ItemStarted", "ItemDone", "ReplyDone",
    ]  # fmt: skip
    heard, spoken = stage.live.history
    assert isinstance(heard, Heard) and isinstance(spoken, Spoken) and spoken.ids == said_ids(stage)
    committed = stage.of(told.Committed)[0]
    assert committed == told.Committed(heard.id, None, committed.duration_ms) and stage.live.phase == "listening"
    check_all(stage)


def test_a_pause_is_speculated_upon_and_what_was_said_is_what_would_have_been() -> None:
    turns = [(20, 30), (8, 20), (10, 25), (30, 0)]
    early, late = Stage().talk(*turns), Stage(without_speculation(SPOKEN)).talk(*turns)
    early.wait(), late.wait()
    assert early.live.counts.discarded >= 2 and early.live.counts.committed == 1 and late.live.counts.started == 0
    assert early.kinds() == late.kinds() and early.live.history == late.live.history
    assert early.mind.asked[-1] == late.mind.asked[-1] and len(late.mind.asked) == 1
    began = [s.client.times[s.kinds().index("AudioDelta")] for s in (early, late) if "AudioDelta" in s.kinds()]
    assert began == sorted(began) and (not began or began[0] < began[1])


def test_the_client_may_cut_the_turns_itself() -> None:
    stage = Stage(MANUAL)
    with pytest.raises(InputError, match="0 ms of sound"):
        stage.live.commit()
    stage.talk((10, 30)).wait(1_000)
    name = stage.live.commit()
    assert stage.kinds() == ["Committed"] and stage.live.history[0].id == name and not stage.mind.asked
    stage.live.respond(tag="t1")
    assert stage.live.active == stage.of(told.ReplyStarted)[0].reply
    with pytest.raises(InputError, match="under way"):
        stage.live.respond()
    stage.wait()
    assert stage.of(told.ReplyDone)[0].tag == "t1" and stage.live.active is None
    stage.talk((10, 10))
    stage.live.clear()
    with pytest.raises(InputError):
        stage.live.commit()
    check_all(stage)


def test_what_is_taken_back_is_in_no_turn() -> None:
    stage = Stage().talk((20, 20))
    assert stage.live.phase == "user"
    stage.live.clear()
    assert stage.live.phase == "listening"
    stage.talk((40, 0)).wait()
    assert stage.kinds() == ["SpeechStarted"] and not stage.live.history


def test_an_asked_reply_may_follow_one_that_still_sounds() -> None:
    stage = long_turn(Stage())
    while stage.live.active is not None:
        stage.wait(20)
    assert stage.live.phase == "speaking"
    before = len(stage.of(told.ReplyStarted))
    stage.live.add(Written("w", "user", "and then?"))
    stage.live.respond()
    assert len(stage.of(told.ReplyStarted)) == before + 1
    stage.wait()
    check_all(stage)


def test_nobody_speaks_for_long() -> None:
    stage = Stage(replace(SPOKEN, manners=Manners(idle_timeout_ms=4_000))).talk(*TURN).wait(200)
    stage.talk((300, 0))
    out, item = stage.of(told.TimedOut)[0], stage.of(told.Committed)[1].item
    assert out.item == item and out.end_ms - out.start_ms == 2_000
    assert len(stage.of(told.ReplyStarted)) >= 2


# --- barge-in ---------------------------------------------------------------------------------------------------------


def test_speech_stops_a_reply_and_the_history_keeps_what_was_heard() -> None:
    stage = long_turn(Stage())
    stage.talk((0, 10))
    assert stage.of(told.Interrupted) and stage.live.phase == "user"
    done = stage.of(told.ReplyDone)
    cut = stage.of(told.Cut)[-1]
    assert stage.client.heard_ms(cut.item) == cut.heard_ms
    assert done[-1].reason in ("turn_detected", None)
    kinds = stage.kinds()
    begun = len(kinds) - 1 - kinds[::-1].index("SpeechStarted")
    assert kinds[begun + 1] == "Interrupted" and kinds[begun - 1] != "ReplyDone"  # why, before what comes of it
    assert set(kinds[begun + 2 :]) <= {"ItemDone", "ReplyDone", "Cut"}
    stage.talk((30, 0)).wait()
    check_all(stage)
    entry = next(e for e in stage.spoken() if e.id == cut.item)
    kept = heard_ids(entry.ids, LAYOUT, cut.heard_ms)
    again = [item for m in stage.mind.asked[-1].messages if m.role == "assistant" for item in m.content or ()]
    assert any(getattr(item, "ids", None) == kept for item in again)


def test_a_short_sound_does_not_stop_it() -> None:
    stage = long_turn(Stage())
    stage.talk((0, 6), (6, 0)).wait()
    assert not stage.of(told.Interrupted)
    check_all(stage)


def test_heard_only_is_exact_at_every_cut() -> None:
    stage = long_turn(Stage(), 1.7)
    item = stage.spoken()[-1].id
    stage.wait()
    entry = next(entry for entry in stage.spoken() if entry.id == item)
    assert sum(LAYOUT.is_speech(i) for i in entry.ids) * CODE_MS >= 1700
    for cut_ms in range(1700, -1, -20):
        stage.live.truncate(item, cut_ms)
        deltas = [d for d in stage.of(told.TextDelta) if d.item == item and d.said_ms <= cut_ms]
        assert stage.of(told.Cut)[-1] == told.Cut(item, cut_ms, "".join(d.text for d in deltas))
        kept = heard_ids(entry.ids, LAYOUT, cut_ms)
        codes = [i for i in kept if LAYOUT.is_speech(i)]
        assert codes == [i for i in entry.ids if LAYOUT.is_speech(i)][: cut_ms // CODE_MS]
        same = max(0, len(kept) - 4)
        assert entry.ids[:same] == kept[:same] and (not kept or (len(kept) - 1) % 5 == 0)


def test_the_client_knows_better_what_was_heard() -> None:
    stage = long_turn(Stage())
    item = stage.spoken()[-1].id
    stage.live.truncate(item, 40)
    assert stage.of(told.ReplyDone)[-1].reason == "client_cancelled" or stage.of(told.Interrupted)
    assert stage.of(told.Cut)[-1].heard_ms == 40 and stage.live.phase == "listening"
    with pytest.raises(InputError, match="it cannot be cut"):
        stage.live.truncate(item, 999_999)
    with pytest.raises(InputError, match="no speech"):
        stage.live.truncate(stage.live.history[0].id, 0)
    with pytest.raises(InputError, match="no item"):
        stage.live.truncate("nothing", 0)


def test_a_client_may_report_what_it_played() -> None:
    stage = long_turn(Stage(replace(SPOKEN, reports=True)))
    item = stage.spoken()[-1].id
    stage.wait(20_000)
    assert stage.live.phase == "speaking"  # until the client says otherwise
    stage.live.played(item, 200)
    stage.talk((0, 10))
    assert stage.live.phase == "interrupted" and not stage.of(told.Cut)
    stage.live.silenced(item, 280)
    assert stage.of(told.Cut)[-1].heard_ms == 280 and stage.live.phase == "user"


def test_a_reply_is_cancelled_and_never_was_where_nothing_was_told() -> None:
    stage = Stage(pace=Pace(first_ms=5_000)).talk(*TURN).wait(100)
    assert stage.live.active and stage.live.cancel() and not stage.live.cancel()
    stage.wait()
    assert stage.kinds()[-2:] == ["Interrupted", "ReplyDone"] and not stage.spoken()
    done = stage.of(told.ReplyDone)[0]
    assert (done.status, done.reason) == ("cancelled", "client_cancelled")


# --- tools ------------------------------------------------------------------------------------------------------------


def called(how: How, turns: int = 12) -> Stage:
    """Turns until a tool is called."""
    stage = Stage(replace(SPOKEN, how=how))
    for _ in range(turns):
        stage.talk(*TURN).wait(30_000)
        if stage.of(told.Called):
            return stage
    raise AssertionError("no tool was called")


def test_a_tool_of_ours_is_run_within_the_reply() -> None:
    stage = called(How(tools=(LOOKUP,)))
    call, ran = stage.of(told.Called)[0], stage.of(told.Ran)[0]
    assert not call.by_client and ran.call == call.call and ran.reply == call.reply and ran.output.startswith("result")
    kinds = [type(e) for e in stage.live.history]
    at = kinds.index(Called)
    assert kinds[at + 1] == Answered
    request = stage.mind.asked[-1]
    assert request.messages[-1].role == "input" and request.messages[-2].role == "assistant"
    written = [i for item in request.messages[-2].content or () for i in getattr(item, "ids", ())]
    assert tuple(written) == said_ids(stage, -2) or set(said_ids(stage, -2)) <= {*written, LAYOUT.tts_end}
    check_all(stage)


def test_a_function_of_the_client_ends_the_reply_and_its_output_is_answered_when_asked() -> None:
    stage = called(How(functions=(BY_CLIENT,)))
    call = stage.of(told.Called)[0]
    assert call.by_client and not stage.of(told.Ran) and stage.of(told.ReplyDone)[-1].status == "completed"
    stage.live.add(Answered("output", call.call, "42"))
    stage.live.respond()
    assert stage.mind.asked[-1].messages[-1].content == "42"
    stage.wait()
    check_all(stage)


def test_a_tool_that_does_not_answer_is_given_up() -> None:
    manners = Manners(tool_timeout_ms=1_000)
    stage = Stage(replace(SPOKEN, how=How(tools=(LOOKUP,)), manners=manners), Pace(tool_ms=50_000))
    for _ in range(12):
        stage.talk(*TURN).wait(20_000)
    assert stage.of(told.Ran) and all(ran.has_failed and "in time" in ran.output for ran in stage.of(told.Ran))
    check_all(stage)


# --- the conversation -------------------------------------------------------------------------------------------------


def test_items_are_made_and_taken_out() -> None:
    live = Stage(MANUAL).live
    assert live.add(Written("a", "user", "one")) is None and live.add(Written("b", "user", "two")) == "a"
    assert live.add(Written("c", "system", "first"), after="root") is None
    assert live.add(Heard("d", ("listen", Audio(torch.ones(1, 8000), 16_000))), after="a") == "a"
    assert [entry.id for entry in live.history] == ["c", "a", "d", "b"]
    for wrong in (Written("a", "user", ""), Heard("e", (Audio(torch.ones(1, 3), 16_000),))):
        with pytest.raises(InputError):
            live.add(wrong)
    with pytest.raises(InputError):
        live.add(Written("e", "user", ""), after="z")
    live.delete("a")
    with pytest.raises(InputError):
        live.delete("a")
    assert [entry.id for entry in live.history] == ["c", "d", "b"]


def test_an_aside_is_heard_by_nobody_else() -> None:
    stage = Stage(MANUAL)
    stage.live.add(Written("a", "user", "one"))
    before = stage.live.history
    how = How(form="text", system="be brief")
    names = [stage.live.aside((Written("", "user", "hm?"),), how, tag=n) for n in range(4)]
    with pytest.raises(CapacityError):
        stage.live.aside((Written("", "user", "hm?"),), how)
    assert stage.live.cancel(names[0])
    stage.wait()
    done = {event.reply: event for event in stage.of(told.ReplyDone)}
    assert [done[name].status for name in names] == ["cancelled", "completed", "completed", "completed"]
    assert [done[name].tag for name in names] == [0, 1, 2, 3] and all(event.is_aside for event in done.values())
    assert stage.live.history == before and stage.mind.asked[0].messages[0].content == "be brief"
    check_all(stage)


def test_other_settings_hold_from_now_on() -> None:
    stage = Stage().talk((20, 30), (8, 0))
    assert stage.live.phase == "speculating"
    stage.live.configure(replace(SPOKEN, how=How(system="speak like a fox")))
    assert stage.live.counts.discarded == 1
    stage.talk((20, 0)).wait()
    assert stage.mind.asked[-1].messages[0].content == "speak like a fox"
    stage.live.configure(MANUAL)
    stage.talk(*TURN).wait()
    assert len(stage.of(told.Committed)) == 1
    stage.live.configure(replace(SPOKEN, detector=replace(VAD, silence_duration_ms=200)))
    stage.talk(*TURN).wait()
    assert len(stage.of(told.Committed)) == 2
    clock = Hands()
    with pytest.raises(ConfigError, match="voice activity"):
        Live(Scripted(clock), clock, Names(), lambda event: None, SPOKEN)
    check_all(stage)


def test_turns_are_transcribed_when_it_is_wanted() -> None:
    stage = Stage(replace(SPOKEN, transcribe=True)).talk(*TURN).wait()
    transcribed = stage.of(told.Transcribed)[0]
    assert transcribed.item == stage.live.history[0].id and transcribed.error == ""
    stage.talk(*TURN).wait()
    heard = stage.live.history[0]
    assert isinstance(heard, Heard) and heard.transcript == transcribed.text


def test_nothing_is_told_to_a_client_that_left() -> None:
    for wait in (0, 300, 700, 3_000):
        stage = Stage().talk((20, 30), (8, 0)).wait(wait)
        stage.live.leave()
        so_far = len(stage.client.events)
        stage.live.hear(sound_of(True, 0))
        stage.wait()
        assert len(stage.client.events) == so_far


def test_a_reply_that_fails_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()

    def fail(request: object, tell: object) -> object:
        return stage.clock.at(stage.clock.now_ms() + 10, lambda: tell(Finished(error="the cache is full.")))  # type: ignore[operator]

    monkeypatch.setattr(stage.mind, "begin", fail)
    stage.talk(*TURN).wait()
    done = stage.of(told.ReplyDone)[0]
    assert (done.status, done.error) == ("failed", "the cache is full.") and stage.live.phase == "listening"


def test_unheard_numbers_are_refused() -> None:
    with pytest.raises(InputError):
        Stage().live.hear(torch.full((512,), float("nan")))
    assert ToolResult("a", "b") == ToolResult("a", "b")
