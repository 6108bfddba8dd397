"""The released message forms (lists of dictionaries) read into ours, so that published examples run unchanged.

Deviation from the reference: an unknown item type is refused instead of being left out in silence.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from antiphon.errors import InputError
from antiphon.text.chat import TTS_START, AudioItem, Composed, Item, Mark, Message, Speech, Tokens, Words
from antiphon.text.tokenizer import AUDIO_NAME
from antiphon.text.toolcall import ToolCall

__all__ = ["Listen", "base_items", "chat_messages", "serving_messages"]

Listen = Callable[[Any], AudioItem]  # from whatever an audio item names (a path, samples) to its rows and key


def chat_messages(messages: Iterable[Mapping[str, Any]], listen: Listen) -> list[Message]:
    """Messages of the released client: role, content (text, list of items or None) and eot."""
    return [
        Message(_need(m, "role"), _content(m.get("content"), listen), eot=bool(m.get("eot", True))) for m in messages
    ]


def base_items(items: Iterable[str | Mapping[str, Any]], listen: Listen) -> list[Item]:
    """The list that the base model's client takes. A string that ends in `<tts_start>` asks for speech."""
    read: list[Item] = []
    for item in items:
        if not isinstance(item, str):
            read.append(_item(item, listen))
        elif item.endswith(TTS_START):
            words = item.removesuffix(TTS_START)
            read.append(Composed((*([Words(words)] if words else []), Mark(TTS_START))))
        else:
            read.append(Words(item))
    return read


def serving_messages(messages: Iterable[Mapping[str, Any]], listen: Listen | None = None) -> list[Message]:
    """Messages of the serving back end: OpenAI's, with `tts_content` {tts_text, tts_audio} on spoken turns."""
    read: list[Message] = []
    for m in messages:
        content = _content(m.get("content"), listen)
        items: list[Item] = [content] if isinstance(content, str) else list(content or ())
        spoken = m.get("tts_content") or {}
        if spoken:
            names = _need(spoken, "tts_audio")
            codes = tuple(int(match[1]) for match in AUDIO_NAME.finditer(names))
            items = [Speech(_need(spoken, "tts_text"), codes), *items]
        items += [_call(call) for call in m.get("tool_calls") or ()]
        read.append(Message(_need(m, "role"), items, call_id=m.get("tool_call_id", "")))
    return read


def _content(content: Any, listen: Listen | None) -> str | tuple[Item, ...] | None:
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise InputError(f"A message's content is a {type(content).__name__}; expected text, a list of items or null.")
    return tuple(_item(item, listen) for item in content)


def _item(item: Any, listen: Listen | None) -> Item:
    kind = item.get("type") if isinstance(item, Mapping) else type(item).__name__
    if kind == "text":
        return Words(_need(item, "text"))
    if kind == "token":
        return Tokens(tuple(int(i) for i in _need(item, "token")))
    if kind == "audio" and listen is not None:
        return listen(_need(item, "audio"))
    raise InputError(f"A message holds an item of the type {kind!r}; expected text, audio or token.")


def _call(call: Mapping[str, Any]) -> ToolCall:
    function = _need(call, "function")
    arguments = function.get("arguments", {})
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return ToolCall(_need(function, "name"), arguments, id=str(call.get("id", "")))


def _need(mapping: Mapping[str, Any], key: str) -> Any:
    if key not in mapping:
        raise InputError(f"A message or item lacks the key {key!r}; it has {sorted(mapping)}.")
    return mapping[key]
