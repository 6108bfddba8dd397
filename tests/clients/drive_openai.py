"""OpenAI's own client: the realtime socket, chat completions with audio, speech, transcriptions."""

import asyncio
import base64
import io
import json
import time
import wave
from typing import Any

import openai
from acts import ABOUT_CLOCK, CLOCK, RESULT, Stage, play, speak, until

TOOL = {"type": "function", "name": "clock", "description": ABOUT_CLOCK, "parameters": CLOCK}
CHAT_TOOL = {"type": "function", "function": {k: v for k, v in TOOL.items() if k != "type"}}


class Talk:
    """A realtime session, and what came of it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.events: list[Any] = []
        self.times: list[float] = []

    async def listen(self) -> None:
        async for event in self.connection:
            self.events.append(event)
            self.times.append(time.monotonic())

    async def say(self, sound: bytes) -> None:
        buffer = self.connection.input_audio_buffer
        await speak(lambda chunk: buffer.append(audio=base64.b64encode(chunk).decode()), sound)

    def of(self, kind: str, since: int = 0) -> list[Any]:
        return [event for event in self.events[since:] if event.type == kind]

    async def ask(self, sound: bytes, replies: int = 1) -> tuple[str, float, Any]:
        """A spoken question: the words of the answer, the seconds of its sound, the last response."""
        since = len(self.events)
        await self.say(sound)
        await until("response.done", lambda: len(self.of("response.done", since)) >= replies)
        return (*self.heard(since), self.of("response.done", since)[-1].response)

    def heard(self, since: int) -> tuple[str, float]:
        words = "".join(event.delta for event in self.of("response.output_audio_transcript.delta", since))
        sound = b"".join(base64.b64decode(event.delta) for event in self.of("response.output_audio.delta", since))
        return words, len(sound) / 48_000


async def realtime(client: openai.AsyncOpenAI, stage: Stage) -> dict[str, Any]:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        talk = Talk(connection)
        listener = asyncio.ensure_future(talk.listen())
        await connection.session.update(session={"type": "realtime", "tools": [TOOL]})
        report: dict[str, Any] = {}
        first, _, _ = await talk.ask(stage.sound("tell"))
        second, _, _ = await talk.ask(stage.sound("ask"))
        report["memory"] = [first, second]
        words, seconds, response = await talk.ask(stage.sound("capital"))
        report["answer"] = {"words": words, "seconds": seconds, "status": response.status}
        report["tool"] = await tool(talk, stage)
        report["cut"] = await cut(talk, stage)
        report["kinds"] = sorted({event.type for event in talk.events})
        report["errors"] = [event.error.message for event in talk.of("error")]
        listener.cancel()
        return report


async def tool(talk: Talk, stage: Stage) -> dict[str, Any]:
    since = len(talk.events)
    words, _, response = await talk.ask(stage.sound("time"))
    (call,) = [item for item in response.output if item.type == "function_call"]
    await talk.connection.conversation.item.create(
        item={"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
    )
    middle = len(talk.events)
    await talk.connection.response.create()
    await until("the tool's answer", lambda: bool(talk.of("response.done", middle)))
    told = talk.of("response.function_call_arguments.done", since)[0]
    assert (told.name, told.arguments) == (call.name, call.arguments)
    return {"name": call.name, "arguments": json.loads(call.arguments), "before": words, "words": talk.heard(middle)[0]}


async def cut(talk: Talk, stage: Stage) -> dict[str, Any]:
    """Speak over the reply, and say how much of it was heard."""
    since = len(talk.events)
    await talk.say(stage.sound("capital"))
    await until("sound", lambda: bool(talk.of("response.output_audio.delta", since)))
    first = talk.of("response.output_audio.delta", since)[0]
    begun = talk.times[talk.events.index(first)]
    middle = len(talk.events)
    speaking = asyncio.ensure_future(talk.say(stage.sound("name")))
    await until("speech_started", lambda: bool(talk.of("input_audio_buffer.speech_started", middle)))
    heard_ms = min(int((time.monotonic() - begun) * 1000), int(talk.heard(since)[1] * 1000))
    await talk.connection.conversation.item.truncate(item_id=first.item_id, content_index=0, audio_end_ms=heard_ms)
    await until("truncated", lambda: bool(talk.of("conversation.item.truncated", middle)))
    await talk.connection.conversation.item.retrieve(item_id=first.item_id)
    await until("retrieved", lambda: bool(talk.of("conversation.item.retrieved", middle)))
    await speaking
    await until("the next answer", lambda: len(talk.of("response.done", since)) >= 2)
    silenced, answered = [event.response for event in talk.of("response.done", since)][:2]
    last = len(talk.events) - 1 - [e.type for e in reversed(talk.events)].index("response.created")
    return {
        "status": silenced.status,
        "reason": silenced.status_details and silenced.status_details.reason,
        "heard_ms": heard_ms,
        "kept": talk.of("conversation.item.retrieved", middle)[0].item.content[0].transcript,
        "next": answered.status,
        "words": talk.heard(last)[0],
    }


async def chat(client: openai.AsyncOpenAI, stage: Stage) -> dict[str, Any]:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(stage.sound("time"))
    sound = {"data": base64.b64encode(held.getvalue()).decode(), "format": "wav"}
    messages: list[Any] = [{"role": "user", "content": [{"type": "input_audio", "input_audio": sound}]}]
    wish: dict[str, Any] = {
        "model": "gpt-audio",
        "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"},
        "tools": [CHAT_TOOL],
    }
    first = (await client.chat.completions.create(messages=messages, **wish)).choices[0]
    (call,) = first.message.tool_calls or ()
    assert first.finish_reason == "tool_calls" and first.message.audio is not None
    messages.append({"role": "assistant", "audio": {"id": first.message.audio.id}, "tool_calls": [call.model_dump()]})
    messages.append({"role": "tool", "tool_call_id": call.id, "content": RESULT})
    wish["audio"] = {"voice": "alloy", "format": "pcm16"}
    words, seconds = "", 0.0
    async for chunk in await client.chat.completions.create(messages=messages, stream=True, **wish):
        audio: Any = getattr(chunk.choices[0].delta, "audio", None) if chunk.choices else None
        words += getattr(audio, "transcript", None) or ""
        seconds += len(base64.b64decode(getattr(audio, "data", None) or "")) / 48_000
    called = {"name": call.function.name, "arguments": json.loads(call.function.arguments)}
    return {**called, "before": first.message.audio.transcript, "words": words, "seconds": seconds}


async def files(client: openai.AsyncOpenAI, stage: Stage) -> dict[str, Any]:
    wish: Any = {"model": "tts-1", "voice": "alloy", "input": "the sky is blue.", "response_format": "wav"}
    speech = await client.audio.speech.create(**wish)
    text = await client.audio.transcriptions.create(model="whisper-1", file=("sky.wav", speech.content))
    models = [model.id async for model in client.models.list()]
    try:
        await client.audio.translations.create(model="whisper-1", file=("sky.wav", speech.content))
        refused = ""
    except openai.BadRequestError as error:
        refused = str(error)
    try:
        await openai.AsyncOpenAI(api_key="wrong", base_url=f"{stage.url}/v1").models.list()
        stranger = ""
    except openai.AuthenticationError as error:
        stranger = type(error).__name__
    return {"bytes": len(speech.content), "text": text.text, "models": models, "refused": refused, "stranger": stranger}


async def drive(stage: Stage) -> dict[str, Any]:
    client = openai.AsyncOpenAI(api_key=stage.key, base_url=f"{stage.url}/v1", timeout=600)
    return {**await realtime(client, stage), "chat": await chat(client, stage), "files": await files(client, stage)}


if __name__ == "__main__":
    play(drive)
