"""LiveKit's agents with its plug-in for OpenAI's realtime API: a session without a room, between our ears and mouth."""

import asyncio
import time
from typing import Any

from acts import RESULT, Loudspeaker, Microphone, Stage, play, until
from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities
from livekit.plugins import openai


class Ears(AudioInput):
    """What the microphone hears."""

    def __init__(self) -> None:
        super().__init__(label="ears")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    async def hear(self, sound: bytes) -> None:
        self._frames.put_nowait(rtc.AudioFrame(sound, 24_000, 1, len(sound) // 2))

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.get()


class Mouth(AudioOutput):
    """The loudspeaker: it takes sound at once, and says when it has played it."""

    def __init__(self) -> None:
        super().__init__(label="mouth", capabilities=AudioOutputCapabilities(pause=False), sample_rate=24_000)
        self.speaker = Loudspeaker()
        self._begun: int | None = None  # of the segment that plays
        self._ending: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._begun is None:
            self._begun = len(self.speaker.sound)
            self.on_playback_started(created_at=time.time())
        self.speaker.play(bytes(frame.data))

    def flush(self) -> None:
        super().flush()
        if self._begun is not None and self._ending is None:
            self._ending = asyncio.ensure_future(self._end())

    def clear_buffer(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._finish(interrupted=True)
        self.speaker.stop()

    async def _end(self) -> None:
        await until("silence", lambda: not self.speaker.is_playing)
        self._finish(interrupted=False)

    def _finish(self, interrupted: bool) -> None:
        if self._begun is not None:
            heard_s = self.speaker.heard_ms(self._begun) / 1000
            self._begun = self._ending = None
            self.on_playback_finished(playback_position=heard_s, interrupted=interrupted)


class Nano(Agent):
    """An agent with a clock."""

    def __init__(self) -> None:
        super().__init__(instructions="")
        self.calls: list[dict[str, Any]] = []

    @function_tool
    async def clock(self, what: str) -> str:
        """Tell the date and the time."""
        self.calls.append({"what": what})
        return RESULT


class Talk:
    """A session, and what the server told it."""

    def __init__(self, agent: Nano, microphone: Microphone, speaker: Loudspeaker) -> None:
        self.agent, self.microphone, self.speaker = agent, microphone, speaker
        self.events: list[dict[str, Any]] = []
        agent.realtime_llm_session.on("openai_server_event_received", self.events.append)

    def of(self, kind: str, since: int = 0) -> list[dict[str, Any]]:
        return [event for event in self.events[since:] if event["type"] == kind]

    def words(self, since: int) -> str:
        return str(self.of("response.output_audio_transcript.done", since)[-1]["transcript"])

    async def ask(self, sound: bytes, replies: int = 1) -> dict[str, Any]:
        """Speak, and hear the replies to their end: the words and the sound of the last one."""
        since, begun = len(self.events), len(self.speaker.sound)
        await self.microphone.say(sound)
        await until("response.done", lambda: len(self.of("response.done", since)) >= replies)
        await until("silence", lambda: not self.speaker.is_playing)
        return self.speaker.report(self.words(since), begun)

    async def cut(self, first: bytes, second: bytes) -> dict[str, Any]:
        """Speak over the reply to the first; the agent tells the server itself how much was heard."""
        since, begun = len(self.events), len(self.speaker.sound)
        await self.microphone.say(first)
        await until("sound", lambda: len(self.speaker.sound) > begun)
        await self.microphone.say(second)
        await until("truncated", lambda: bool(self.of("conversation.item.truncated", since)))
        (truncated,) = self.of("conversation.item.truncated", since)
        retrieve = {"type": "conversation.item.retrieve", "item_id": truncated["item_id"]}
        self.agent.realtime_llm_session.send_event(retrieve)
        await until("retrieved", lambda: bool(self.of("conversation.item.retrieved", since)))
        kept = self.of("conversation.item.retrieved", since)[0]["item"]
        await until("the next answer", lambda: len(self.of("response.done", since)) >= 2)
        silenced = self.of("response.done", since)[0]["response"]
        return {
            "ended_as": [silenced["status"], (silenced["status_details"] or {}).get("reason")],
            "heard_ms": truncated["audio_end_ms"],
            "kept": kept["content"][0]["transcript"],
            "item": kept["status"],
            "words": self.words(since),
        }


async def drive(stage: Stage) -> dict[str, Any]:
    model = openai.realtime.RealtimeModel(base_url=f"{stage.url}/v1", api_key=stage.key, model="gpt-realtime")
    session, agent, ears, mouth = AgentSession(llm=model), Nano(), Ears(), Mouth()
    session.input.audio, session.output.audio = ears, mouth
    errors: list[str] = []
    session.on("error", lambda event: errors.append(str(event.error)))
    await session.start(agent)
    async with Microphone(ears.hear) as microphone:
        talk = Talk(agent, microphone, mouth.speaker)
        tell, ask = await talk.ask(stage.sound("tell")), await talk.ask(stage.sound("ask"))
        report: dict[str, Any] = {"memory": [tell["words"], ask["words"]]}
        report["answer"] = await talk.ask(stage.sound("capital"))
        told = await talk.ask(stage.sound("time"), replies=2)
        (call,) = agent.calls
        report["tool"] = {"name": "clock", "arguments": call, "words": told["words"]}
        report["cut"] = await talk.cut(stage.sound("capital"), stage.sound("japan"))
        report["errors"] = errors
    await session.aclose()
    await model.aclose()
    return report


if __name__ == "__main__":
    play(drive)
