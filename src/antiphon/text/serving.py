"""The released serving back end's way to write a conversation, where it differs from the released client.

What differs: audio stands before text in a turn, and all of it is joined by line ends (`<audio_patch>\\nTEXT`, one line
end more than the client writes); offered tools stand right after the system message, and without one a bare system
header is opened for them; a tool's answer (role `tool`) becomes `function_output` with the tool's name, while the role
`function_output` becomes `input`; the turn to be generated is opened by a flag instead of a message.

Kept for verification and for checkpoints trained behind that server; all else in the package renders as the client.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from antiphon.errors import InputError
from antiphon.text.chat import (
    BOT,
    EOT,
    AudioItem,
    Composed,
    Item,
    Mark,
    Message,
    Part,
    Piece,
    Words,
    item_parts,
)
from antiphon.text.toolcall import CLOSE, OPEN, ToolCall

__all__ = ["render_serving"]


def render_serving(
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] = (),
    add_generation_prompt: bool = False,
    continue_final_message: bool = False,
) -> list[Piece]:
    """Messages as the serving back end hears them; `tools` are OpenAI function definitions."""
    if add_generation_prompt and continue_final_message:
        raise InputError("A new turn and the continuation of the last one were both asked for; choose one of them.")
    if continue_final_message:
        messages = [*messages[:-1], _reopened(messages)]
    pieces: list[Piece] = []
    names: dict[str, str] = {}  # call id -> name of the tool
    has_system = bool(messages) and messages[0].role == "system"
    if tools:
        schemas = json.dumps(list(tools), ensure_ascii=False)
        system: list[Piece] = [(*_joined(messages[0]), Mark(EOT))] if has_system else []
        pieces += [(Mark(BOT), Words("system\n")), *system]
        pieces += [(Mark(BOT),), (Words("tool_json_schemas\n"),), (Words(schemas), Mark(EOT))]
    for message in messages[1:] if tools and has_system else messages:
        if message.role == "assistant":
            pieces += _assistant(message, names)
        elif message.role == "tool":
            name = names.get(message.call_id, "tool")
            pieces += [(Mark(BOT),), (Words(f"function_output\n{name}\n"),), _joined(message), (Mark(EOT),)]
        else:
            role = {"user": "human", "function_output": "input"}.get(message.role, message.role)
            pieces.append((Mark(BOT), Words(f"{role}\n"), *_joined(message), Mark(EOT)))
    if add_generation_prompt:
        pieces.append((Mark(BOT), Words("assistant\n")))
    return pieces


def _joined(message: Message) -> Piece:
    """The content of a turn as one string: audio first, then the texts, with line ends between."""
    items = _items(message)
    sounds = [sound for item in items if isinstance(item, AudioItem) for sound in item.sounds]
    texts = [item.text for item in items if isinstance(item, Words)]
    if len(texts) + sum(isinstance(item, AudioItem) for item in items) != len(items):
        raise InputError(f"A turn of the role {message.role!r} holds more than text and audio; only assistants may.")
    parts: list[Part] = []
    for sound in sounds:
        parts += [sound, Words("\n")]
    return (*parts, Words("\n".join(texts))) if texts else tuple(parts)


def _items(message: Message) -> tuple[Item, ...]:
    content = () if message.content is None else message.content
    items: Iterable[Item] = (content,) if isinstance(content, str | Composed) else content
    return tuple(Words(item) if isinstance(item, str) else item for item in items)


def _assistant(message: Message, names: dict[str, str]) -> list[Piece]:
    pieces: list[Piece] = [(Mark(BOT), Words("assistant\n"))]
    items = _items(message)
    calls = [item for item in items if isinstance(item, ToolCall)]
    said: list[Part] = []
    for item in items:
        if not isinstance(item, ToolCall):
            said += [part for piece in item_parts(message, item) for part in piece]
    if said and said != [Words("")]:
        pieces.append(tuple(said))
    for call in calls:
        names[call.id] = call.name
        head = f"{call.body[: -len(call.arguments)]}"
        pieces += [(Mark(OPEN), Words(head)), (Words(call.arguments),), (Mark(CLOSE),)]
    return [*pieces, (Mark(EOT),)] if message.eot else pieces


def _reopened(messages: Sequence[Message]) -> Message:
    """The last message without its end, so that it can be continued."""
    if not messages or messages[-1].role != "assistant" or not _items(messages[-1]):
        raise InputError("The last message cannot be continued; expected a turn of the assistant that has begun.")
    return replace(messages[-1], eot=False)
