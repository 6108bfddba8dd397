"""What a client is told of the time of a response is what the server counts, and what passed on the way to it."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

import pytest
import torch
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.runtime import live_events as live
from antiphon.runtime.engine import Engine, Finished, Request, Started, Stats, Step, Token, Voices
from antiphon.server.metrics import Metrics
from antiphon.server.stages import Rounds, Stages, WatchedEngine, WatchedVoices
from antiphon.server.watching import Watching
from antiphon.text.chat import AudioItem, Prompt, TextSegment
from antiphon.text.layout import OFFICIAL


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


class OneToken:
    """An engine that reads for a second and says one token."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.forgotten = clock, list[str]()

    async def hear(self, conversation: str, audio: Audio) -> AudioItem:
        return AudioItem((1,), conversation)

    def keep(self, conversation: str, keys: frozenset[str]) -> None: ...

    async def generate(self, request: Request) -> AsyncGenerator[Step, None]:
        yield Started(3, 0)
        self.clock.s += 1
        yield Token(7, 3, 0.0, 1.0)
        self.clock.s += 1
        yield Token(8, 4, 0.0, 1.0)
        yield Finished("stop", 2)

    def abort(self, id: str) -> None: ...

    def forget(self, conversation: str) -> None:
        self.forgotten.append(conversation)

    def stats(self) -> Stats:
        return Stats()

    async def close(self) -> None: ...


class Aloud:
    """A voice that needs half a second for a wave; it is its own mouth."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.codes = clock, list[int]()

    def utter(self, clip: Audio | None = None, seed: int = 0) -> "Aloud":
        return self

    def push(self, codes: Iterable[int]) -> None:
        self.codes += codes

    def finish(self) -> None: ...

    def stop(self) -> None: ...

    async def __aiter__(self) -> AsyncIterator[Tensor]:
        for _ in range(2):
            self.clock.s += 0.5
            yield torch.zeros(960)

    async def close(self) -> None: ...


def request() -> Request:
    prompt = Prompt((TextSegment((1, 2, 3)),), OFFICIAL)
    return Request(id="r", prompt=prompt, max_tokens=9, stop_ids=frozenset({9}))


async def spoken(engine: WatchedEngine, voices: WatchedVoices, clock: Clock) -> None:
    mouth = voices.utter()
    clock.s += 2  # sounds are encoded meanwhile
    async for step in engine.generate(request()):
        if isinstance(step, Token):
            mouth.push((step.id,))
    async for _ in mouth:
        pass


async def written(engine: WatchedEngine) -> None:
    assert [type(step) for step in [s async for s in engine.generate(request())]] == [Started, Token, Token, Finished]


def test_every_stage_is_seen_where_it_passes() -> None:
    clock = Clock()
    rounds, aloud, inner = Rounds(clock), Aloud(clock), OneToken(clock)
    engine, voices = WatchedEngine(inner, rounds), WatchedVoices(aloud, rounds)
    assert isinstance(engine, Engine) and isinstance(voices, Voices)

    async def both() -> None:
        await asyncio.create_task(written(engine))  # a transcription: no stage of a spoken reply
        assert rounds.latest is None and clock.s == 2
        await asyncio.create_task(spoken(engine, voices, clock))
        await asyncio.create_task(written(engine))

    asyncio.run(both())
    assert rounds.latest == Stages(begun=2.0, encoded=4.0, first_token=5.0, first_codes=5.0, first_wave=6.5)
    assert aloud.codes == [7, 8]
    engine.forget("c")
    assert inner.forgotten == ["c"]


def figure(metrics: Metrics, name: str) -> float:
    (value,) = re.findall(rf"^antiphon_{name} (\S+)", metrics.page().decode(), re.M)
    return float(value)


def reply(watching: Watching, clock: Clock, tag: object = None) -> None:
    watching.see(live.ReplyStarted("r", tag))
    watching.see(live.ItemStarted("r", "i", 0, "speech"))
    clock.s += 0.1
    watching.see(live.TextDelta("r", "i", 0, "hm"))
    clock.s += 0.2
    watching.see(live.AudioDelta("r", "i", 0, torch.zeros(2400), 0))
    watching.see(live.ReplyDone("r", "completed"))


@pytest.mark.parametrize("is_ahead", [False, True])
def test_what_is_told_of_a_reply_is_what_is_counted(is_ahead: bool) -> None:
    """`is_ahead`: the round was begun at a pause, half a second before the turn was decided to be over."""
    clock, metrics = Clock(), Metrics()
    clock.s = 10.0
    begun = Stages(9.5, 9.6, 9.7, 9.8, 9.9) if is_ahead else Stages(10.0, 10.05, 10.1, 10.15, 10.25)
    watching = Watching(metrics, clock, stages=lambda: begun)
    watching.see(live.SpeechStarted("u", 0))
    watching.see(live.SpeechStopped("u", 900, 520))
    reply(watching, clock)
    told = watching.addition.figures
    assert told.endpoint_ms == round(figure(metrics, "vad_endpoint_delay_seconds_sum") * 1000) == 520
    assert told.first_byte_ms == round(figure(metrics, "ttfa_seconds_sum") * 1000) == 300
    assert told.first_text_ms == round(figure(metrics, "lm_ttft_seconds_sum") * 1000) == 100
    stages = [told.begun_ms, told.encoded_ms, told.first_token_ms, told.first_codes_ms, told.first_wave_ms]
    assert stages == ([-500, -400, -300, -200, -100] if is_ahead else [0, 50, 100, 150, 250])


def test_a_reply_that_was_asked_for_has_no_silence_before_it_and_no_thought_of_another() -> None:
    clock = Clock()
    watching = Watching(Metrics(), clock)
    watching.see(live.SpeechStopped("u", 900, 520))
    watching.see(live.ReplyStarted("r"))
    watching.see(live.ThoughtDelta("r", "well, "))
    watching.see(live.ThoughtDelta("r", "yes"))
    assert watching.addition.thought == "well, yes" and watching.addition.figures.endpoint_ms == 520
    watching.see(live.ReplyDone("r", "cancelled", "client_cancelled"))
    clock.s += 5
    reply(watching, clock, tag="asked")
    told = watching.addition
    assert told.thought is None and told.figures.endpoint_ms is None and told.figures.first_byte_ms == 300
