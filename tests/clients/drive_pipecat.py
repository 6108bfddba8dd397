"""Pipecat: a pipeline around its service for OpenAI's realtime API, with a transport inside this process."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from acts import ABOUT_CLOCK, CLOCK, RESULT, Loudspeaker, Microphone, Stage, play, until
from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    ErrorFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSTextFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

PARAMS = TransportParams(audio_in_enabled=True, audio_out_enabled=True, audio_out_auto_silence=False)


class Ears(BaseInputTransport):
    """What the microphone hears."""

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def hear(self, sound: bytes) -> None:
        await self.push_audio_frame(InputAudioRawFrame(audio=sound, sample_rate=24_000, num_channels=1))


class Mouth(BaseOutputTransport):
    """The loudspeaker: it takes sound as fast as it plays it."""

    speaker: Loudspeaker

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        self.speaker.play(frame.audio)
        await asyncio.sleep(len(frame.audio) / 48_000)
        return True


class Talk(BaseObserver):
    """A session, and what the service tells the pipeline."""

    def __init__(self, llm: OpenAIRealtimeLLMService, microphone: Microphone, speaker: Loudspeaker) -> None:
        super().__init__(observe_every_push=False)
        self.llm, self.microphone, self.speaker = llm, microphone, speaker
        self.calls: list[dict[str, Any]] = []
        self.frames: list[Any] = []
        self.replies: list[str] = []  # items of the assistant
        llm.register_function("clock", self._clock)
        llm.add_event_handler("on_conversation_item_created", self._created)

    async def _clock(self, params: FunctionCallParams) -> None:
        self.calls.append(dict(params.arguments))
        await params.result_callback(RESULT)

    async def _created(self, _: Any, item_id: str, item: Any) -> None:
        if item.type == "message" and item.role == "assistant":
            self.replies.append(item_id)

    async def on_push_frame(self, data: FramePushed) -> None:
        self.frames.append(data.frame)

    def of(self, kind: Any, since: int = 0) -> list[Any]:
        return [frame for frame in self.frames[since:] if isinstance(frame, kind)]

    async def end(self, since: int, replies: int = 1) -> None:
        """Wait for the end of so many responses, and of their sound."""
        await until("the reply's end", lambda: len(self.of(LLMFullResponseEndFrame, since)) >= replies)
        speaking = (BotStartedSpeakingFrame, BotStoppedSpeakingFrame)
        await until("silence", lambda: isinstance(self.of(speaking, since)[-1], BotStoppedSpeakingFrame))

    def words(self, since: int) -> str:
        """Those of the last response."""
        ends = [at for at, frame in enumerate(self.frames) if isinstance(frame, LLMFullResponseEndFrame)]
        return "".join(frame.text for frame in self.of(TTSTextFrame, max([since, *ends[:-1]])))

    async def ask(self, sound: bytes, replies: int = 1) -> dict[str, Any]:
        """Speak, and hear the replies to their end: the words and the sound of the last one."""
        since, begun = len(self.frames), len(self.speaker.sound)
        await self.microphone.say(sound)
        await self.end(since, replies)
        return self.speaker.report(self.words(since), begun)

    async def cut(self, first: bytes, second: bytes) -> dict[str, Any]:
        """Speak over the reply to the first; the service tells the server itself how much was heard."""
        begun = len(self.speaker.sound)
        await self.microphone.say(first)
        await until("sound", lambda: len(self.speaker.sound) > begun)
        silenced, middle = self.replies[-1], len(self.frames)
        await self.microphone.say(second)
        await until("the interruption", lambda: bool(self.of(InterruptionFrame, middle)))
        await until("the next reply", lambda: self.replies[-1] != silenced)
        kept = await self.llm.retrieve_conversation_item(silenced)
        broken_off = max(at for at, frame in enumerate(self.frames) if isinstance(frame, InterruptionFrame))
        news = (TTSTextFrame, LLMFullResponseEndFrame)  # the end of what was silenced may come late, without a word
        await until("words", lambda: bool(self.of(TTSTextFrame, broken_off)))
        await until("their end", lambda: isinstance(self.of(news)[-1], LLMFullResponseEndFrame))
        return {"kept": kept.content[0].transcript, "item": kept.status, "words": self.words(broken_off)}


def service(stage: Stage) -> OpenAIRealtimeLLMService:
    tool = FunctionSchema("clock", ABOUT_CLOCK, CLOCK["properties"], CLOCK["required"])
    heard = events.AudioInput(transcription=events.InputAudioTranscription())
    properties = events.SessionProperties(
        audio=events.AudioConfiguration(input=heard), tools=ToolsSchema(standard_tools=[tool])
    )
    settings = OpenAIRealtimeLLMService.Settings(model="gpt-realtime", session_properties=properties)
    return OpenAIRealtimeLLMService(
        api_key=stage.key, base_url=f"{stage.websocket_url}/v1/realtime", settings=settings
    )


async def talked(talk: Talk, stage: Stage) -> dict[str, Any]:
    """A conversation: it is told something and asked for it, answers, and calls."""
    await talk.end(0)  # it answers what is written in its context
    told = talk.words(0)
    ask = await talk.ask(stage.sound("ask"))
    answer = await talk.ask(stage.sound("capital"))
    time = await talk.ask(stage.sound("time"), replies=2)
    (call,) = talk.calls
    tool = {"name": "clock", "arguments": call, "words": time["words"]}
    return {"memory": [told, ask["words"]], "answer": answer, "tool": tool}


async def spoken_over(talk: Talk, stage: Stage) -> dict[str, Any]:
    """Another one: it is greeted in its context, and the first reply to what is said is spoken over.

    A pipeline that begins without a context sends all that was said, in words, when it has one: in the midst of this.
    """
    await talk.end(0)
    return {"cut": await talk.cut(stage.sound("capital"), stage.sound("japan"))}


async def in_pipeline(
    stage: Stage, written: list[str], act: Callable[[Talk, Stage], Awaitable[dict[str, Any]]]
) -> dict[str, Any]:
    """A pipeline of its own, whose context holds what is `written`, and an act in it."""
    llm, ears, mouth = service(stage), Ears(PARAMS), Mouth(PARAMS)
    mouth.speaker = Loudspeaker()
    pair = LLMContextAggregatorPair(LLMContext([{"role": "user", "content": words} for words in written]))
    talk = Talk(llm, Microphone(ears.hear), mouth.speaker)
    pipeline = Pipeline([ears, pair.user(), llm, mouth, pair.assistant()])
    rates = PipelineParams(audio_in_sample_rate=24_000, audio_out_sample_rate=24_000)
    worker = PipelineWorker(pipeline, params=rates, observers=[talk])
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.ensure_future(runner.run())
    await worker.queue_frame(LLMRunFrame())
    await until("the pipeline", lambda: bool(talk.frames))
    try:
        async with talk.microphone:
            report = await act(talk, stage)
    finally:  # a pipeline outlives the loop that it runs in
        await runner.cancel()
        await running
    return report | {"errors": [frame.error for frame in talk.of(ErrorFrame)]}


async def drive(stage: Stage) -> dict[str, Any]:
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    first = await in_pipeline(stage, ["my name is david."], talked)
    second = await in_pipeline(stage, ["hello."], spoken_over)
    return first | second | {"errors": first["errors"] + second["errors"]}


if __name__ == "__main__":
    play(drive)
