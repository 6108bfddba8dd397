"""Tools in a live conversation, on a clock turned by hand: guessed at, cut into, asked about, late, of two owners."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from antiphon.runtime import live_events as told
from antiphon.runtime.events import AudioOut, Text, ToolResult, Utterance
from antiphon.runtime.history import Answered, Heard, Written
from antiphon.runtime.listening import Cutting
from antiphon.runtime.live import Live
from antiphon.runtime.manner import How, Settings
from antiphon.runtime.mind import Finished, Progress, Request, Told
from antiphon.text.prompts import FILLERS
from antiphon.text.toolcall import ToolCall
from antiphon.tools.tool import Effect, Tool
from tests.runtime.stage import SPOKEN, TURN, Stage, check_told
from tests.runtime.world import LAYOUT, TOKENIZER, Alarm, Client, Hands, Loudness, Names, Pace, Script, Scripted, tone

MANUAL = Settings(how=How())
QUICK = replace(SPOKEN, lead_ms=None)
Acts = Callable[[Request], list[str | ToolCall]]


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(name, json.dumps(arguments))


@dataclass
class Ran:
    """One run of a tool."""

    name: str
    at_ms: int
    alarm: Alarm


@dataclass
class Acting(Scripted):
    """A mind that says and calls what it is told to; its tools take as long as they are given."""

    acts: Acts = lambda request: []
    takes_ms: dict[str, int] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    read: list[str] = field(default_factory=list)  # aloud, on request

    def begin(self, request: Request, tell: Callable[[Told], None]) -> Script:
        self.asked.append(request)
        texts = [message.content for message in request.messages]
        filler = next((text for text in texts if text in FILLERS.values()), None)
        if filler is not None:
            self.read.append(str(filler))
        parts = self.acts(request) if filler is None else [str(filler)]
        ids, progress, calls = list[int](), list[Progress](), list[ToolCall]()
        for part in parts:
            if isinstance(part, ToolCall):
                tail = tuple(TOOLOPEN + TOKENIZER.encode(part.body))
                progress, calls, ids = [*progress, Progress(tail, part)], [*calls, part], [*ids, *tail]
                continue
            codes = [LAYOUT.id_of(n) for n in range(8)]
            word = TOKENIZER.encode(part)
            sound = AudioOut(torch.cat([tone(code) for code in codes]))
            progress += [Progress(tuple(word), Text(part, spoken=True)), Progress((*codes, LAYOUT.tts_end), sound)]
            ids += [*word, *codes, LAYOUT.tts_end]
        words = " ".join(part for part in parts if isinstance(part, str))
        news: list[Told] = [*progress, Finished(Utterance(tuple(ids), words, calls=tuple(calls)), prompt_tokens=10)]
        due = self.clock.now_ms() + self.pace.first_ms
        return Script([self.clock.at(due, lambda one=one: tell(one)) for one in news])

    def run(self, tool: Tool, call: ToolCall, tell: Callable[[ToolResult], None], seed: int = 0) -> Alarm:
        now = self.clock.now_ms()
        result = ToolResult(call.name, f"{tool.name} says {call.arguments}")
        alarm = self.clock.at(now + self.takes_ms.get(tool.name, 100), lambda: tell(result))
        self.ran.append(Ran(tool.name, now, alarm))
        return alarm


TOOLOPEN = TOKENIZER.encode("call ")


class Act(Stage):
    """A stage whose mind does as it is told."""

    def __init__(self, acts: Acts, settings: Settings, takes_ms: dict[str, int] | None = None) -> None:
        self.clock, self.names, self.client = Hands(), Names(), None  # type: ignore[assignment]
        mind = Acting.__new__(Acting)
        Scripted.__init__(mind, self.clock, Pace())
        mind.acts, mind.takes_ms, mind.ran, mind.read = acts, takes_ms or {}, [], []
        self.acting = mind
        self.mind, self.client = mind, Client(self.clock)
        ears = Loudness() if settings.detector is not None else None
        self.live = Live(self.mind, self.clock, self.names, self.client.tell, settings, ears, Cutting())

    def write(self, text: str, ms: int = 10_000) -> "Act":
        self.live.add(Written(f"said{len(self.live.history)}", "user", text))
        self.live.respond()
        self.wait(ms)
        return self

    def outputs(self) -> list[str]:
        return [ran.output for ran in self.of(told.Ran)]


def made(name: str, effect: Effect, **options: Any) -> Tool:
    parameters = {"type": "object", "properties": {"x": {"type": "integer"}}}
    return Tool({"name": name, "parameters": parameters}, print, effect, **options)


LOOK, SEND = made("look", "read"), made("send", "write")


def once(*parts: str | ToolCall, then: str = "done") -> Acts:
    """A first round that says and calls this, and a last one behind its results."""
    return lambda request: [then] if request.messages[-1].role == "input" else list(parts)


def spoken(settings: Settings = QUICK, *tools: Tool) -> Settings:
    return replace(settings, how=How(tools=tools))


def test_what_reads_runs_before_the_turn_has_ended_and_what_writes_never_does() -> None:
    for tool, is_early in ((LOOK, True), (SEND, False)):
        stage = Act(once(call(tool.name, x=1)), spoken(QUICK, tool))
        stage.talk((20, 30), (8, 0))  # a pause, not an end yet
        stage.wait(60)
        assert stage.live.phase == "speculating" and len(stage.acting.ran) == is_early
        assert not stage.of(told.Called, told.Ran)
        stage.talk((20, 0)).wait()
        assert len(stage.acting.ran) == is_early and len(stage.of(told.Ran)) == 1
        check_told(stage)


def test_what_was_guessed_wrongly_leaves_nothing() -> None:
    stage = Act(once(call("look", x=1)), spoken(QUICK, LOOK), {"look": 400})
    stage.talk((20, 30), (8, 0)).wait(60)
    assert len(stage.acting.ran) == 1
    stage.talk((0, 20), (8, 0))  # the user goes on
    assert not stage.of(told.Called, told.Ran) and not [e for e in stage.live.history if isinstance(e, Answered)]
    stage.talk((20, 0)).wait()
    assert len(stage.of(told.Called)) == len(stage.of(told.Ran)) == 1 and stage.live.counts.discarded >= 1


def test_when_the_user_cuts_in_what_reads_ends_and_what_writes_is_reported_later() -> None:
    free = made("send", "write", asks_first=False, timeout_s=60.0)
    for tool, output in ((LOOK, "I stopped that"), (free, "still being done")):
        stage = Act(once("wait", call(tool.name, x=1)), spoken(QUICK, tool), {tool.name: 3_500})
        stage.talk(*TURN).wait(800)
        assert len(stage.acting.ran) == 1 and stage.live.phase in ("tool", "speaking")
        stage.talk((0, 30))
        assert len(stage.outputs()) == 1 and output in stage.outputs()[0]
        answered = [entry for entry in stage.live.history if isinstance(entry, Answered)]
        assert len(answered) == 1 and output in answered[0].text  # each call has its answer
        stage.mind.acts = lambda request: ["well"]  # type: ignore[attr-defined]
        stage.talk((20, 0)).wait()
        last = next(entry for entry in stage.live.history if isinstance(entry, Answered))
        assert (last.text == 'send says {"x": 1}') == (tool is free) and len(stage.acting.ran) == 1
        check_told(stage)


def test_what_writes_is_read_back_and_runs_after_a_yes() -> None:
    def acts(request: Request) -> list[str | ToolCall]:
        last = request.messages[-1]
        return ["shall I?"] if last.role == "input" else [call("send", x=1)]

    for said, runs in (("yes please", 1), ("no", 0)):
        stage = Act(acts, replace(MANUAL, how=How(tools=(SEND,))))
        stage.write("send it")
        assert stage.acting.ran == [] and "nothing was done yet" in stage.outputs()[0]
        stage.write(said)
        assert len(stage.acting.ran) == runs and ("not said yes" in stage.outputs()[-1]) == (not runs)


def test_a_yes_is_heard_in_the_users_own_sound() -> None:
    def acts(request: Request) -> list[str | ToolCall]:
        if request.form == "text":
            return ["yes"]  # the transcript
        return ["shall I?"] if request.messages[-1].role == "input" else [call("send", x=1)]

    stage = Act(acts, spoken(QUICK, SEND))
    stage.talk(*TURN).wait(5_000)
    assert stage.acting.ran == []
    stage.talk(*TURN).wait(5_000)
    assert [ran.name for ran in stage.acting.ran] == ["send"] and isinstance(stage.live.history[0], Heard)


def test_something_is_said_in_the_meantime_and_the_model_does_not_remember_it() -> None:
    stage = Act(once(call("look", x=1)), spoken(QUICK, LOOK), {"look": 2_000})
    stage.talk(*TURN).wait()
    assert stage.acting.read == [FILLERS["en"]] and len(stage.of(told.AudioDelta)) >= 2
    last = stage.acting.asked[-1].messages
    assert not [m for m in last if m.content == FILLERS["en"]] and last[-1].role == "input" and stage.outputs()
    check_told(stage)
    spoke = Act(once("let me look", call("look", x=1)), spoken(QUICK, LOOK), {"look": 600})
    spoke.talk(*TURN).wait()
    assert spoke.acting.read == []  # its own words were enough


def test_tools_of_the_server_and_functions_of_the_client_stand_side_by_side() -> None:
    theirs = {"name": "theirs", "parameters": {"type": "object", "properties": {}}}
    parts = (call("look", x=1), call("theirs"))
    stage = Act(once(*parts), replace(MANUAL, how=How(tools=(LOOK,), functions=(theirs,))))
    stage.write("both")
    calls = stage.of(told.Called)
    assert [(one.name, one.by_client) for one in calls] == [("look", False), ("theirs", True)]
    assert [ran.call for ran in stage.of(told.Ran)] == [calls[0].call] and len(stage.acting.ran) == 1
    offered = [tool.name for tool in stage.acting.asked[0].tools]
    assert sorted(offered) == ["look", "theirs"]
    assert len(stage.acting.asked) == 1 and [done.status for done in stage.of(told.ReplyDone)] == ["completed"]
    shadow = Act(once(call("look")), replace(MANUAL, how=How(tools=(LOOK,), functions=({**theirs, "name": "look"},))))
    shadow.write("mine")
    assert [one.by_client for one in shadow.of(told.Called)] == [True] and shadow.acting.ran == []


def test_several_calls_of_one_round_are_all_answered_and_a_chain_ends() -> None:
    stage = Act(once(call("look", x=1), call("look", x=2), call("look", x=1)), replace(MANUAL, how=How(tools=(LOOK,))))
    stage.write("all")
    assert len(stage.outputs()) == 3 and len(stage.acting.ran) == 2 and len(set(stage.outputs())) == 2
    chain = Act(lambda request: [call("look", x=len(request.messages))], replace(MANUAL, how=How(tools=(LOOK,))))
    chain.write("on and on", 60_000)
    assert len(chain.of(told.ReplyDone)) == 1 and 2 <= len(chain.acting.ran) <= 4
    wrong = Act(once(replace(call("look"), fault="that was no JSON.")), replace(MANUAL, how=How(tools=(LOOK,))))
    wrong.write("x")
    assert "that was no JSON" in wrong.outputs()[0] and wrong.acting.ran == []
