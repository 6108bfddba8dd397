"""A model behind OpenAI's chat completions, with sound both ways: ours, or anybody's."""

import base64
import io
import json
from typing import Any

from antiphon.audio.wave import Audio
from antiphon.errors import InputError, ProtocolError
from antiphon.eval.answerers import Reply
from antiphon.eval.items import Item, Turn, digest
from antiphon.eval.sounds import bytes_of, stretch_of, wav_of
from antiphon.eval.wire import Endpoint
from antiphon.metrics.toolcall import read_calls
from antiphon.text.toolcall import CLOSE, KEYWORD, OPEN

__all__ = ["Remote"]


class Remote:
    """A server; several items may be under way at the same time."""

    def __init__(self, at: Endpoint, workers: int = 1) -> None:
        self.at, self.name, self.workers = at, f"openai:{at.url}#{at.model}", workers
        self.fingerprint = digest([at.url, at.model])

    def answer(self, item: Item, seed: int) -> Reply:
        """Every turn that is to be answered, in order. Raises ProtocolError for what the server refuses."""
        if any(turn.who == "voice" for turn in item.turns):
            raise InputError("a server cannot be given the recording of a voice; ask a model in this process.")
        messages = [{"role": "system", "content": item.ask.system}] if item.ask.system else list[dict[str, Any]]()
        texts, sounds, finish = list[str](), list[bytes | None](), "stop"
        for index, turn in enumerate(item.turns):
            messages += _told(turn, index)
            if index not in item.asked:
                continue
            said = self._complete(item, messages, seed)
            message = said["message"]
            texts.append(_text(message))
            sounds.append(_sound(message))
            finish = "length" if said.get("finish_reason") == "length" else finish
            messages.append(_kept(message, texts[-1]))
        return Reply(texts=tuple(texts), sounds=tuple(sounds), finish=finish)

    def _complete(self, item: Item, messages: list[dict[str, Any]], seed: int) -> dict[str, Any]:
        ask = item.ask
        body: dict[str, Any] = {
            "model": self.at.model, "messages": messages, "temperature": ask.temperature, "top_p": ask.top_p,
            "max_completion_tokens": ask.max_tokens, "seed": seed, "modalities": ["text"],
        }  # fmt: skip
        if ask.repetition_penalty != 1:
            body["repetition_penalty"] = ask.repetition_penalty
        if ask.speech:
            body |= {"modalities": ["text", "audio"], "audio": {"voice": "default", "format": "wav"}}
        if ask.tools:
            body["tools"] = [{"type": "function", "function": json.loads(text)} for text in ask.tools]
        reply = self.at.post("chat/completions", body)
        try:
            found: dict[str, Any] = reply["choices"][0]
            return {**found, "message": dict(found["message"])}
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ProtocolError(f"{self.name} sent no chat completion: {str(reply)[:120]}") from error


def _told(turn: Turn, index: int) -> list[dict[str, Any]]:
    if turn.who == "tool":
        return [{"role": "tool", "tool_call_id": f"call_{index - 1}_0", "content": turn.text}]
    if turn.who == "assistant":
        calls, malformed = read_calls(turn.text)
        if malformed or not calls:
            return [{"role": "assistant", "content": turn.text}]
        functions = [{"name": call.name, "arguments": call.arguments} for call in calls]
        told = [{"id": f"call_{index}_{n}", "type": "function", "function": f} for n, f in enumerate(functions)]
        return [{"role": "assistant", "content": turn.text.split(OPEN)[0].strip() or None, "tool_calls": told}]
    parts = list[dict[str, Any]]()
    if turn.sound:
        whole = turn.sound.begin_s == 0 and turn.sound.end_s is None
        data, kind = (bytes_of(turn.sound), _kind(turn.sound.member or turn.sound.path)) if whole else ("", "")
        if not kind:
            data, kind = stretch_of(turn.sound), "wav"
        parts.append({"type": "input_audio", "input_audio": {"data": _text64(data), "format": kind}})
    if turn.text:
        parts.append({"type": "text", "text": turn.text})
    return [{"role": "user", "content": parts if turn.sound else turn.text}]


def _kind(path: str) -> str:
    """The format as the protocol names it; "" for one that it has no name for."""
    end = path.rsplit(".", 1)[-1].lower()
    return end if end in ("wav", "mp3", "flac") else ""


def _text64(data: bytes | str) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def _text(message: dict[str, Any]) -> str:
    """The words, and the calls as our models write them."""
    words = message.get("content") or (message.get("audio") or {}).get("transcript") or ""
    calls = [call["function"] for call in message.get("tool_calls") or []]
    bodies = [f"{KEYWORD}\n{call['name']}\n{_canonical(call['arguments'])}" for call in calls]
    return str(words).strip() + "".join(f"{OPEN}{body}{CLOSE}" for body in bodies)


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False)
    except ValueError:
        return arguments


def _sound(message: dict[str, Any]) -> bytes | None:
    data = (message.get("audio") or {}).get("data")
    return wav_of(Audio.read(io.BytesIO(base64.b64decode(data)))) if data else None


def _kept(message: dict[str, Any], text: str) -> dict[str, Any]:
    """What it said, for the rest of the dialogue: by its id where the server keeps what it spoke."""
    audio = message.get("audio") or {}
    told = {"audio": {"id": audio["id"]}} if audio.get("id") else {"content": text}
    return {"role": "assistant", **told}
