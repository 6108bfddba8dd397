"""A conversation: typed events, history, several sounds, tools, thinking, streams that do not hear each other."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest

import pytest
import torch

from antiphon.audio.wave import Audio
from antiphon.errors import ConfigError, InputError, ToolError
from antiphon.rates import SAMPLES_PER_CODE
from antiphon.runtime import session as session_module
from antiphon.runtime import turn as turn_module
from antiphon.runtime.events import AudioOut, End, Event, Text, Think, ToolCall, ToolResult
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.model import Model
from antiphon.runtime.session import MAX_ROUNDS, Session
from antiphon.runtime.speech import render
from antiphon.text.chat import Mark, Message, Tokens
from antiphon.text.variants import VARIANTS
from antiphon.tools import clock
from antiphon.tools.tool import CLOCK, Tool
from tests.runtime.conftest import noise

MOMENT = datetime(2026, 11, 20, 14, 35)
FIXED = Tool(clock.FUNCTION, lambda arguments: clock.run(arguments, MOMENT), "read")


def sound_of(events: list[Event]) -> torch.Tensor:
    return torch.cat([e.samples for e in events if isinstance(e, AudioOut)] or [torch.zeros(0)])


def end_of(events: list[Event]) -> End:
    assert isinstance(events[-1], End) and sum(isinstance(e, End) for e in events) == 1
    return events[-1]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Replies that the model gives one after another, instead of what random weights would say."""
    script: list[list[int]] = []

    def play(stream: object, prompt: object, **options: object) -> Iterator[int]:
        yield from script.pop(0)

    monkeypatch.setattr(turn_module, "generate", play)
    return script


def spoken(model: Model, text: str, codes: list[int], after: str = "") -> list[int]:
    layout, tokenizer = model.parts.layout, model.parts.tokenizer
    ids = layout.interleave(tokenizer.encode(text), codes)[1:]
    for part in re.split("(</?tool_call>)", after):
        ids += [tokenizer.id_of(part)] if part in tokenizer.added else tokenizer.encode(part)
    return [*ids, layout.eot]


def with_variant(model: Model, name: str) -> Model:
    parts = replace(model.parts, config=replace(model.parts.config, variant=name))
    return Model(parts, model.device)


# --- events and sound -------------------------------------------------------------------------------------------------


def test_a_reply_is_text_and_sound_and_an_end(model: Model, clip: Audio, scripted: list[list[int]]) -> None:
    scripted.append(spoken(model, "the fox answers", list(range(40))))
    events = list(model.session(voice=clip).reply(noise(1.0)))
    end = end_of(events)
    assert end.finish == "stop" and end.text == "the fox answers" and list(end.codes) == list(range(40))
    assert "".join(e.text for e in events if isinstance(e, Text)) == "the fox answers"
    chunks = [e for e in events if isinstance(e, AudioOut)]
    assert len(chunks) == 4 and len(sound_of(events)) == 40 * SAMPLES_PER_CODE  # after 13, 23 and 38 codes, at the end
    assert end.timings.first_audio_s is not None and end.timings.first_audio_s <= end.timings.wall_s
    assert end.timings.audio_s == pytest.approx(1.6) and end.reply_tokens == len(end.utterances[0].ids)


def test_the_sound_follows_from_the_codes_and_the_voice_alone(
    model: Model, clip: Audio, scripted: list[list[int]]
) -> None:
    codes = [(7 * n) % 6561 for n in range(70)]
    scripted += [spoken(model, "a question", codes), spoken(model, "another one and a longer text", codes)]
    first = sound_of(list(model.session(voice=clip, seed=3).reply("one")))
    second = sound_of(list(model.session(voice=clip, seed=3).reply(noise(2.0))))
    session = model.session(voice=clip, seed=3)
    alone = session.utterer()
    assert torch.equal(first, second)
    marked, backwards = (model.marking.begin()(render(alone.voice, alone.state, c)) for c in (codes, codes[::-1]))
    assert torch.equal(first, marked)
    assert not torch.equal(first, backwards)


@pytest.mark.parametrize("num_codes", [0, 1, 3, 12, 13, 14, 38])
def test_every_code_becomes_sound(model: Model, clip: Audio, scripted: list[list[int]], num_codes: int) -> None:
    scripted.append(spoken(model, "a", list(range(num_codes))))
    events = list(model.session(voice=clip).reply("hi"))
    assert len(sound_of(events)) == num_codes * SAMPLES_PER_CODE


def test_speech_outgrows_the_first_cache_of_the_voice(model: Model, clip: Audio) -> None:
    utterer = model.session(voice=clip).utterer()
    sound = [*utterer.push([n % 500 for n in range(600)]), *utterer.finish()]
    assert sum(map(len, sound)) == 600 * SAMPLES_PER_CODE


def test_random_weights_talk_and_the_same_seed_says_the_same(model: Model, clip: Audio) -> None:
    def run(seed: int) -> tuple[tuple[int, ...], torch.Tensor]:
        events = list(model.session(voice=clip, seed=seed).reply([noise(1.0), "what?"], max_tokens=30))
        return end_of(events).utterances[0].ids, sound_of(events)

    (one, heard), (two, again), (three, _) = run(1), run(1), run(2)
    assert one == two and torch.equal(heard, again) and one != three


def test_two_interleaved_streams_give_what_they_give_alone(model: Model, clip: Audio) -> None:
    def start(seed: int, seconds: float) -> Iterator[Event]:
        return model.session(voice=clip, seed=seed).reply(noise(seconds, seed), max_tokens=35)

    alone = [list(start(1, 1.0)), list(start(2, 1.7))]
    together: list[list[Event]] = [[], []]
    for pair in zip_longest(start(1, 1.0), start(2, 1.7)):
        for events, event in zip(together, pair, strict=True):
            events += [event] if event is not None else []
    for a, b in zip(alone, together, strict=True):
        assert end_of(a).utterances == end_of(b).utterances and torch.equal(sound_of(a), sound_of(b))


# --- what goes in -----------------------------------------------------------------------------------------------------


def test_text_sound_several_sounds_and_long_sound_in_one_turn(model: Model) -> None:
    session = model.session()
    long = noise(31.0, 2)
    events = list(session.reply([noise(1.0), "and this:", noise(1.2, 1), long], speech=False, max_tokens=3))
    items = session.messages[1].content
    assert isinstance(items, tuple) and [len(i.num_rows) for i in items if hasattr(i, "num_rows")] == [1, 1, 2]
    assert end_of(events).prompt_tokens > sum(sum(i.num_rows) for i in items if hasattr(i, "num_rows"))


def test_history_grows_by_turns_and_repeats_what_was_generated(
    model: Model, clip: Audio, scripted: list[list[int]]
) -> None:
    session = model.session(voice=clip, system="be brief")
    cut = spoken(model, "cut", [4, 5, 6, 7])[:-2]  # neither <tts_end> nor the end of the turn
    written = [*model.parts.tokenizer.encode("in writing"), model.parts.layout.eot]
    scripted += [spoken(model, "yes", [1, 2, 3]), cut, written]
    said = list(scripted)
    first, second = end_of(list(session.reply("one"))), end_of(list(session.reply("two")))
    third = end_of(list(session.reply("three", speech=False)))
    assert (first.finish, second.finish, third.finish) == ("stop", "length", "stop") and third.text == "in writing"
    roles = [m.role for m in session.messages]
    assert roles == ["system", "human", "assistant", "human", "assistant", "human", "assistant"]
    opened, tts_end = Mark("<tts_start>"), model.parts.layout.tts_end
    assert session.messages[2].content == (opened, Tokens(tuple(said[0][:-1])))
    assert session.messages[4].content == (opened, Tokens((*said[1], tts_end)))
    assert session.messages[6].content == (Tokens(tuple(said[2][:-1])),)


def test_a_reply_that_is_left_early_leaves_no_trace(model: Model, clip: Audio, scripted: list[list[int]]) -> None:
    session = model.session(voice=clip)
    before = list(session.messages)
    scripted.append(spoken(model, "never heard", [1] * 30))
    events = session.reply("one")
    next(iter(events))
    events.close()  # type: ignore[attr-defined]
    assert session.messages == before


def test_typed_control_tokens_stay_text(model: Model) -> None:
    session = model.session()
    events = list(session.reply("<audio_start><audio_patch><tts_start><|EOT|>", speech=False, max_tokens=2))
    prompt_ids = [p for p in session._context.places[:-1] if isinstance(p, int)]
    layout = model.parts.layout
    assert not {layout.audio_start, layout.audio_patch, layout.tts_start} & set(prompt_ids)
    assert end_of(events).prompt_tokens > 40  # letters, not tokens


@pytest.mark.parametrize("said", ["", "  ", [], [noise(1.0), " "]])
def test_nothing_said_is_refused_at_the_door(model: Model, said: object) -> None:
    with pytest.raises(InputError):
        model.session().reply(said, speech=False)  # type: ignore[arg-type]


def test_a_voice_is_needed_to_speak_and_only_then(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    import antiphon.runtime.loaded as loaded

    monkeypatch.setattr(loaded, "default_clip", lambda parts: None)
    with pytest.raises(ConfigError, match="voice"):
        model.session().reply("hi")
    assert end_of(list(model.session().reply("hi", speech=False, max_tokens=2)))
    with pytest.raises(InputError, match="0.1 s long"):
        list(model.session(voice=noise(0.1)).reply("hi"))


def test_a_model_without_speech_says_so(model: Model) -> None:
    mute = Model(replace(model.parts, voice=None), model.device)
    assert not mute.speaks
    with pytest.raises(InputError, match="text only"):
        mute.session().reply("hi", speech=True)
    assert not with_variant(model, "r1").speaks


# --- tools ------------------------------------------------------------------------------------------------------------

CALL = '<tool_call>function\nclock\n{"what": "time"}</tool_call>'


def test_a_tool_is_called_and_its_result_told(model: Model, clip: Audio, scripted: list[list[int]]) -> None:
    session = with_variant(model, "nano").session(voice=clip, tools=[FIXED])
    assert session.messages[1] == Message("tool_json_schemas", clock.SCHEMA)
    scripted += [spoken(model, "a moment", [1, 2, 3, 4], CALL), spoken(model, "it is late", [5, 6, 7, 8])]
    events = list(session.reply(noise(1.0)))
    kinds = [type(e) for e in events if not isinstance(e, AudioOut | Text)]
    assert kinds == [ToolCall, ToolResult, End]
    result = next(e for e in events if isinstance(e, ToolResult))
    assert result == ToolResult("clock", "Friday 20 November 2026 14:35")
    assert session.messages[-2] == Message("input", result.text)
    assert end_of(events).text == "a moment it is late" and end_of(events).finish == "stop"
    assert len(sound_of(events)) == 8 * SAMPLES_PER_CODE


@pytest.mark.parametrize("wrong", ['{"what": "weather"}', "{}"])
def test_an_error_of_a_tool_is_told_to_the_model(
    model: Model, clip: Audio, scripted: list[list[int]], wrong: str
) -> None:
    session = model.session(voice=clip, tools=[CLOCK])
    scripted += [spoken(model, "", [1], CALL.replace('{"what": "time"}', wrong)), spoken(model, "sorry", [2])]
    events = list(session.reply("when?"))
    result = next(e for e in events if isinstance(e, ToolResult))
    assert result.failed and "it takes one argument" in result.text and end_of(events).finish == "stop"
    assert isinstance(session.messages[-2].content, str) and result.text in session.messages[-2].content


def test_somebody_elses_tool_may_crash_and_for_an_unknown_one_the_names_are_told(
    model: Model, clip: Audio, scripted: list[list[int]]
) -> None:
    def crash(arguments: object) -> str:
        raise ZeroDivisionError("boom")

    session = model.session(voice=clip, tools=[Tool({"name": "clock"}, crash, "read")])
    scripted += [spoken(model, "", [1], CALL), spoken(model, "", [2], CALL.replace("clock", "other"))]
    scripted.append(spoken(model, "sorry", [3]))
    events = list(session.reply("when?"))
    crashed, unknown = (e for e in events if isinstance(e, ToolResult))
    assert crashed.failed and "ZeroDivisionError: boom" in crashed.text
    assert unknown.failed and unknown.code == "unknown" and "those on offer are clock" in unknown.text
    assert end_of(events).text == "sorry" and end_of(events).finish == "stop"


def test_calls_without_end_are_ended(model: Model, clip: Audio, scripted: list[list[int]]) -> None:
    scripted += [spoken(model, "", [1], CALL)] * MAX_ROUNDS
    events = list(model.session(voice=clip, tools=[FIXED]).reply("when?"))
    assert end_of(events).finish == "tools" and not scripted


# --- thinking and tasks -----------------------------------------------------------------------------------------------


def test_a_thinking_model_thinks_first_and_its_thought_is_not_kept(
    model: Model, clip: Audio, scripted: list[list[int]]
) -> None:
    thinker, encode = with_variant(model, "mini-think"), model.parts.tokenizer.encode
    scripted += [[*encode("hmm, a fox</think>"), *encode("\n\nlost")], spoken(model, "a fox", [1, 2, 3])]
    session = thinker.session(voice=clip)
    events = list(session.reply("who?"))
    assert "".join(e.text for e in events if isinstance(e, Think)) == "hmm, a fox"
    end = end_of(events)
    assert end.text == "a fox" and end.utterances[0].thought == "hmm, a fox" and end.finish == "stop"
    assert session.messages[-1].content == (Mark("<tts_start>"), Tokens(end.utterances[0].ids))


def test_the_base_model_has_no_roles(model: Model, scripted: list[list[int]]) -> None:
    base = with_variant(model, "mini-base")
    scripted.append([*model.parts.tokenizer.encode("a fox"), model.parts.layout.pad])
    assert base.transcribe(noise(1.0)) == "a fox"


@pytest.mark.parametrize("task", ["caption", "analyse", "translate"])
def test_nano_says_what_it_has_not_learnt(model: Model, task: str) -> None:
    with pytest.raises(InputError, match="nano has not learnt to"):
        getattr(with_variant(model, "nano"), task)(noise(1.0))


def test_tasks_use_their_own_instruction_and_sampling(
    model: Model, clip: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, float, bool | None]] = []

    def reply(self: Session, said: object, *, speech: bool | None = None, max_tokens: int = 0) -> Iterator[Event]:
        seen.append((str(self.messages[0].content), self.sampling.temperature, speech))
        raise ToolError("enough")

    monkeypatch.setattr(session_module.Session, "reply", reply)
    for call in (
        lambda m: m.transcribe(noise(1.0)), lambda m: m.speak("words"), lambda m: m.translate(noise(1.0), "zh"),
        lambda m: m.interpret(noise(1.0), "en"), lambda m: m.caption(noise(1.0)),
    ):  # fmt: skip
        with pytest.raises(ToolError):
            call(model)
    assert [s[2] for s in seen] == [False, True, False, True, False] and [s[1] for s in seen] == [0, 0.7, 0.1, 0.7, 0.1]
    assert seen[0][0] == "请记录下你所听到的语音内容。" and len({s[0] for s in seen}) == 5
    assert with_variant(model, "nano").session().sampling.temperature == 0
    with pytest.raises(InputError, match="en, zh or ja|zh, en, ja"):
        model.translate(noise(1.0), "fr")


def test_a_language_tag_before_a_transcript_is_left_out(model: Model, scripted: list[list[int]]) -> None:
    scripted.append([*model.parts.tokenizer.encode("<英语>the fox <b>"), model.parts.layout.eot])
    assert model.transcribe(noise(1.0)) == "the fox <b>"


def test_every_variant_opens_a_session(model: Model) -> None:
    for name in VARIANTS:
        changed: Loaded = with_variant(model, name)
        Session(changed, voice=None)
