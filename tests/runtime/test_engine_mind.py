"""A mind on engines says what a session says: the same ids, the same words, the same sound to the byte."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
import torch

from antiphon.audio.wave import Audio
from antiphon.errors import CapacityError
from antiphon.model.voice import Voice, VoiceState
from antiphon.rates import SAMPLES_PER_CODE
from antiphon.runtime import live_events as live
from antiphon.runtime import loaded, wardrobe
from antiphon.runtime.clock import AsyncClock
from antiphon.runtime.engine import Request as Generation
from antiphon.runtime.engine import Step, Token
from antiphon.runtime.engine_mind import EngineMind
from antiphon.runtime.events import AudioOut, End, Text, ToolResult
from antiphon.runtime.history import Heard, Written
from antiphon.runtime.live import Live
from antiphon.runtime.manner import How, Settings
from antiphon.runtime.mind import Finished, Progress, Request, Told
from antiphon.runtime.model import Model
from antiphon.runtime.sample import Sampling
from antiphon.text.chat import Message
from antiphon.text.toolcall import ToolCall
from antiphon.tools.tool import CLOCK, Tool
from tests.runtime.conftest import noise
from tests.runtime.inline import InlineEngine, InlineVoices
from tests.runtime.test_session import CALL, end_of, sound_of, spoken, with_variant
from tests.runtime.world import Names

SAMPLING = Sampling(temperature=0.8, seed=5)


async def ask(mind: EngineMind, request: Request) -> list[Told]:
    """Everything that is told of one round."""
    told, done = list[Told](), asyncio.Event()

    def tell(news: Told) -> None:
        told.append(news)
        if isinstance(news, Finished):
            done.set()

    mind.begin(request, tell)
    assert not told
    await asyncio.wait_for(done.wait(), 60)
    return told


def open_mind(model: Model) -> EngineMind:
    return EngineMind(model, InlineEngine(model), InlineVoices(model), "one")


def heard(told: list[Told]) -> torch.Tensor:
    sounds = [t.event.samples for t in told if isinstance(t, Progress) and isinstance(t.event, AudioOut)]
    return torch.cat(sounds) if sounds else torch.zeros(0)


def test_a_round_is_what_a_session_says(model: Model, clip: Audio) -> None:
    question = noise(1.3)

    async def run() -> tuple[list[Told], EngineMind]:
        mind = open_mind(model)
        entry = Heard("a", (mind.hear(question.heard), "what?"))
        messages = (*mind.dialect.opening("be brief", ()), *mind.dialect.messages([entry]))
        return await ask(mind, Request(messages, "speech", sampling=SAMPLING, max_tokens=20, voice=clip)), mind

    told, mind = asyncio.run(run())
    session = model.session(system="be brief", tools=(), voice=clip, sampling=SAMPLING)
    events = list(session.reply([question, "what?"], max_tokens=20))
    end, finished = end_of(events), told[-1]
    assert isinstance(end, End) and isinstance(finished, Finished) and finished.utterance is not None
    assert finished.utterance == end.utterances[0] and finished.prompt_tokens == end.prompt_tokens
    assert tuple(i for t in told if isinstance(t, Progress) for i in t.ids) == end.utterances[0].ids
    assert torch.equal(heard(told), sound_of(events)) and len(heard(told))
    words = "".join(t.event.text for t in told if isinstance(t, Progress) and isinstance(t.event, Text))
    assert words == end.utterances[0].text
    mind.close()
    assert mind.engine.forgotten == ["one"]  # type: ignore[attr-defined]


def test_a_thinking_model_thinks_first(model: Model) -> None:
    async def run() -> list[Told]:
        mind = open_mind(with_variant(model, "mini-think"))
        told = await ask(mind, Request((Message("human", "why?"),), "text", sampling=SAMPLING, max_tokens=9))
        assert len(mind.engine.requests) == 1  # type: ignore[attr-defined]  # random weights do not stop thinking
        return told

    told = asyncio.run(run())
    assert isinstance(told[-1], Finished) and told[-1].utterance is not None and not told[-1].utterance.stopped
    assert told[-1].utterance.ids == () and not told[-1].utterance.text


def test_nothing_is_told_once_a_round_is_cancelled(model: Model, clip: Audio) -> None:
    async def run() -> None:
        mind, told = open_mind(model), list[Told]()
        request = Request((Message("human", "hi"),), "speech", sampling=SAMPLING, max_tokens=20, voice=clip)
        job = mind.begin(request, told.append)
        while not told:
            await asyncio.sleep(0)
        job.cancel()
        so_far = len(told)
        await asyncio.sleep(0.05)
        assert len(told) == so_far and mind.voices.mouths[0].is_stopped  # type: ignore[union-attr]
        job.cancel()

    asyncio.run(run())


def test_what_fails_is_one_sentence(model: Model) -> None:
    async def run() -> tuple[Told, Told]:
        mind = open_mind(model)
        lost = await ask(mind, Request((Message("human", [replace(mind.hear(noise(1).heard), key="x")]),), "text"))

        async def break_down(conversation: str, audio: Audio) -> None:
            raise CapacityError("the sound is too long.")

        mind.engine.hear = break_down  # type: ignore[method-assign, assignment]
        item = mind.hear(noise(1, seed=2).heard)
        return lost[-1], (await ask(mind, Request((Message("human", [item]),), "text")))[-1]

    lost, full = asyncio.run(run())
    assert isinstance(lost, Finished) and "was not given" in lost.error
    assert isinstance(full, Finished) and full.error == "the sound is too long."


def test_what_is_said_before_a_call_is_heard_before_it(model: Model, clip: Audio) -> None:
    ids = spoken(model, "let me check", list(range(40)), CALL)

    class Scripted(InlineEngine):
        async def generate(self, request: Generation) -> AsyncGenerator[Step, None]:
            for place, token in enumerate(ids):
                yield Token(token, place, 0.0, 0.0)

    async def run() -> list[Told]:
        mind = EngineMind(model, Scripted(model), InlineVoices(model), "one")
        return await ask(mind, Request((Message("human", "hi"),), "speech", (CLOCK,), voice=clip))

    told = asyncio.run(run())
    events = [news.event for news in told if isinstance(news, Progress) and news.event is not None]
    (call,) = [event for event in events if isinstance(event, ToolCall)]
    assert len(heard(told)) == 40 * SAMPLES_PER_CODE
    assert all(isinstance(event, Text) for event in events[events.index(call) + 1 :])
    assert [i for news in told if isinstance(news, Progress) for i in news.ids] == ids[:-1]


def test_tools_run_beside_and_their_errors_are_results(model: Model) -> None:
    async def run(tool: Tool, arguments: str) -> ToolResult:
        result: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()
        open_mind(model).run(tool, ToolCall(tool.name, arguments), result.set_result)
        return await asyncio.wait_for(result, 10)

    assert not asyncio.run(run(CLOCK, '{"what": "time"}')).failed
    wrong = asyncio.run(run(CLOCK, "{}"))
    assert wrong.failed and wrong.text.startswith("error: clock was called")


def test_a_voice_that_is_found_is_opened_once(
    model: Model, clip: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the seed that the conversation speaks with, whichever it is: by the tool, and not again by the speech."""
    found, opened = noise(1.0, seed=4, rate=24_000), list[tuple[bool, int]]()
    open_voice = loaded.open_voice

    def counted(voice: Voice, recording: Audio, seed: int) -> VoiceState:
        opened.append((recording is found, seed))
        return open_voice(voice, recording, seed)

    monkeypatch.setattr(loaded, "open_voice", counted)
    monkeypatch.setattr(wardrobe, "from_library", lambda name: found)
    answer = ToolResult("clock", "a sailor", data={"voice": "v-1"})
    tool = Tool(CLOCK.function, lambda arguments: answer, "session", has_filler=False)
    rounds = [spoken(model, "let me look", [], CALL), spoken(model, "ahoy", list(range(40)))]

    class Scripted(InlineEngine):
        async def generate(self, request: Generation) -> AsyncGenerator[Step, None]:
            for place, token in enumerate(rounds.pop(0)):
                yield Token(token, place, 0.0, 0.0)

    async def run() -> None:
        done = asyncio.Event()

        def tell(event: live.LiveEvent) -> None:
            if isinstance(event, live.ReplyDone):
                assert event.status == "completed", event
                done.set()

        mind = EngineMind(model, Scripted(model), InlineVoices(model), "one")
        how = How(tools=(tool,), seed=7, voice=clip)
        talk = Live(mind, AsyncClock(), Names(), tell, Settings(how=how, lead_ms=None))
        talk.add(Written("asked", "user", "speak like an old sailor"))
        talk.respond()
        await asyncio.wait_for(done.wait(), 60)
        talk.leave()

    asyncio.run(run())
    assert not rounds and [seed for is_found, seed in opened if is_found] == [7]
