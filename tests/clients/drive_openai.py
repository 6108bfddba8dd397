"""OpenAI's own client: the realtime socket, chat completions with audio, speech, transcriptions."""

import asyncio
import base64
import io
import json
import wave
from typing import Any

import openai
from acts import ABOUT_CLOCK, CLOCK, RESULT, Loudspeaker, Microphone, Stage, play, until

TOOL = {"type": "function", "name": "clock", "description": ABOUT_CLOCK, "parameters": CLOCK}
CHAT_TOOL = {"type": "function", "function": {k: v for k, v in TOOL.items() if k != "type"}}


class Talk:
    """A realtime session, and what came of it."""

    def __init__(self, connection: Any, microphone: Microphone) -> None:
        self.connection, self.microphone = connection, microphone
        self.events: list[Any] = []
        self.speaker = Loudspeaker()

    async def listen(self) -> None:
        async for event in self.connection:
            self.events.append(event)
            if event.type == "response.output_audio.delta":
                self.speaker.play(base64.b64decode(event.delta))

    def of(self, kind: str, since: int = 0) -> list[Any]:
        return [event for event in self.events[since:] if event.type == kind]

    async def ask(self, sound: bytes) -> tuple[dict[str, Any], Any]:
        """A spoken question: the words and the sound of the answer, and the response."""
        since, begun = len(self.events), len(self.speaker.sound)
        await self.microphone.say(sound)
        return await self.answer(since, begun)

    async def answer(self, since: int, begun: int) -> tuple[dict[str, Any], Any]:
        await until("response.done", lambda: bool(self.of("response.done", since)))
        await until("silence", lambda: not self.speaker.is_playing)
        words = "".join(event.delta for event in self.of("response.output_audio_transcript.delta", since))
        return self.speaker.report(words, begun), self.of("response.done", since)[-1].response

    async def tool(self, sound: bytes) -> dict[str, Any]:
        """A question that takes the clock: we say what it shows."""
        since = len(self.events)
        before, response = await self.ask(sound)
        (call,) = [item for item in response.output if item.type == "function_call"]
        result = {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
        await self.connection.conversation.item.create(item=result)
        middle, begun = len(self.events), len(self.speaker.sound)
        await self.connection.response.create()
        told = self.of("response.function_call_arguments.done", since)[0]
        assert (told.name, told.arguments) == (call.name, call.arguments)
        after, _ = await self.answer(middle, begun)
        return {"name": call.name, "arguments": json.loads(call.arguments), "before": before["words"], **after}

    async def cut(self, first: bytes, second: bytes) -> dict[str, Any]:
        """Speak over the reply to the first, and say how much of it was heard."""
        since, begun = len(self.events), len(self.speaker.sound)
        await self.microphone.say(first)
        await until("sound", lambda: len(self.speaker.sound) > begun)
        middle = len(self.events)
        speaking = asyncio.ensure_future(self.microphone.say(second))
        await until("speech_started", lambda: bool(self.of("input_audio_buffer.speech_started", middle)))
        heard_ms = self.speaker.heard_ms(begun)
        self.speaker.stop()
        item = self.of("response.output_audio.delta", since)[0].item_id
        items = self.connection.conversation.item
        await items.truncate(item_id=item, content_index=0, audio_end_ms=heard_ms)
        await items.retrieve(item_id=item)
        await until("retrieved", lambda: bool(self.of("conversation.item.retrieved", middle)))
        await speaking
        await until("the next answer", lambda: len(self.of("response.done", since)) >= 2)
        silenced = self.of("response.done", since)[0].response
        kept = self.of("conversation.item.retrieved", middle)[0].item
        return {
            "ended_as": [silenced.status, silenced.status_details and silenced.status_details.reason],
            "heard_ms": self.of("conversation.item.truncated", middle)[0].audio_end_ms,
            "kept": kept.content[0].transcript,
            "item": kept.status,
            "words": self.of("response.output_audio_transcript.done", since)[-1].transcript,
        }


async def realtime(client: openai.AsyncOpenAI, stage: Stage) -> dict[str, Any]:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "tools": [TOOL]})
        buffer = connection.input_audio_buffer
        async with Microphone(lambda chunk: buffer.append(audio=base64.b64encode(chunk).decode())) as microphone:
            talk = Talk(connection, microphone)
            listener = asyncio.ensure_future(talk.listen())
            (tell, _), (ask, _) = await talk.ask(stage.sound("tell")), await talk.ask(stage.sound("ask"))
            report: dict[str, Any] = {"memory": [tell["words"], ask["words"]]}
            report["answer"], _ = await talk.ask(stage.sound("capital"))
            report["tool"] = await talk.tool(stage.sound("time"))
            report["cut"] = await talk.cut(stage.sound("capital"), stage.sound("japan"))
            report["errors"] = [event.error.message for event in talk.of("error")]
            listener.cancel()
            return report


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
