"""The realtime part of OpenAI's agents SDK: it runs the tool, and tells the server itself how much was heard."""

import asyncio
import os
from typing import Any

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"

from acts import RESULT, Loudspeaker, Microphone, Stage, play, until
from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner

CALLS: list[dict[str, Any]] = []


@function_tool
def clock(what: str) -> str:
    """Tell the date and the time."""
    CALLS.append({"what": what})
    return RESULT


class Talk:
    """A session, and what came of it."""

    def __init__(self, session: Any, microphone: Microphone) -> None:
        self.session, self.microphone = session, microphone
        self.events: list[Any] = []
        self.speaker = Loudspeaker()

    async def listen(self) -> None:
        async for event in self.session:
            self.events.append(event)
            if event.type == "audio":
                self.speaker.play(event.audio.data)
            elif event.type == "audio_interrupted":
                self.speaker.stop()

    def of(self, kind: str, since: int = 0) -> list[dict[str, Any]]:
        """What the server sent, as it sent it."""
        raw = [event.data for event in self.events[since:] if event.type == "raw_model_event"]
        return [data.data for data in raw if data.type == "raw_server_event" and data.data["type"] == kind]

    async def ask(self, sound: bytes, replies: int = 1) -> dict[str, Any]:
        """Speak, and hear the replies to their end: the words and the sound of the last one."""
        since, begun = len(self.events), len(self.speaker.sound)
        await self.microphone.say(sound)
        await until("response.done", lambda: len(self.of("response.done", since)) >= replies)
        await until("silence", lambda: not self.speaker.is_playing)
        told = self.of("response.output_audio_transcript.done", since)
        return self.speaker.report(told[-1]["transcript"], begun)

    async def cut(self, first: bytes, second: bytes) -> dict[str, Any]:
        """Speak over the reply to the first."""
        since, begun = len(self.events), len(self.speaker.sound)
        await self.microphone.say(first)
        await until("sound", lambda: len(self.speaker.sound) > begun)
        await self.microphone.say(second)
        await until("the next answer", lambda: len(self.of("response.done", since)) >= 2)
        silenced = self.of("response.done", since)[0]["response"]
        (truncated,) = self.of("conversation.item.truncated", since)
        retrieved = [event["item"] for event in self.of("conversation.item.retrieved", since)]
        kept = [item for item in retrieved if item["id"] == truncated["item_id"]][-1]  # it asks more than once
        return {
            "ended_as": [silenced["status"], (silenced["status_details"] or {}).get("reason")],
            "heard_ms": truncated["audio_end_ms"],
            "kept": kept["content"][0]["transcript"],
            "item": kept["status"],
            "words": self.of("response.output_audio_transcript.done", since)[-1]["transcript"],
        }


async def drive(stage: Stage) -> dict[str, Any]:
    agent = RealtimeAgent(name="nano", tools=[clock])
    runner = RealtimeRunner(agent, config={"model_settings": {"model_name": "gpt-realtime"}})
    where: Any = {"api_key": stage.key, "url": f"{stage.websocket_url}/v1/realtime?model=gpt-realtime"}
    async with await runner.run(model_config=where) as session, Microphone(session.send_audio) as microphone:
        talk = Talk(session, microphone)
        listener = asyncio.ensure_future(talk.listen())
        tell, ask = await talk.ask(stage.sound("tell")), await talk.ask(stage.sound("ask"))
        report: dict[str, Any] = {"memory": [tell["words"], ask["words"]]}
        report["answer"] = await talk.ask(stage.sound("capital"))
        told = await talk.ask(stage.sound("time"), replies=2)
        (call,) = CALLS
        report["tool"] = {"name": clock.name, "arguments": call, "words": told["words"]}
        report["cut"] = await talk.cut(stage.sound("capital"), stage.sound("japan"))
        report["errors"] = [str(event.error) for event in talk.events if event.type == "error"]
        listener.cancel()
        return report


if __name__ == "__main__":
    play(drive)
