"""Tool calls as the model writes them, three lines between two tags:  <tool_call>function\\nNAME\\nJSON</tool_call>

The JSON is one object. Two readings, both pure: `parse_tool_calls` takes a whole reply apart; `stream_tool_calls` takes
one piece of text at a time and hands out the name as soon as it is known and the arguments once they are whole. With
`as_released` it repeats a habit of the reference, which looks for arguments only in a piece after the one that
completed the name and so never reports `{}` that comes with it.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from antiphon.errors import InputError

__all__ = [
    "CLOSE",
    "OPEN",
    "ToolCall",
    "ToolDelta",
    "ToolParse",
    "ToolStream",
    "held_back",
    "parse_call",
    "parse_tool_calls",
    "stream_tool_calls",
]

OPEN, CLOSE = "<tool_call>", "</tool_call>"
KEYWORD = "function"


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool: its name, its arguments as the text of a JSON object, and the id under which it is answered.

    `fault`: why it cannot be carried out as it was written, where that is so; it is answered with an error.
    """

    name: str
    arguments: str
    id: str = ""
    fault: str = ""

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip() or "\n" in self.name:
            raise InputError(
                f"The tool name {self.name!r} is empty or has spaces or line ends around it; give a plain name."
            )
        if _json_object(self.arguments) is None:
            raise InputError(
                f"The arguments of the tool {self.name!r} are no JSON object; got {self.arguments[:80]!r}."
            )

    @property
    def values(self) -> dict[str, Any]:
        """The arguments as a dictionary."""
        return dict(json.loads(self.arguments))

    @property
    def body(self) -> str:
        """What stands between the tags."""
        return f"{KEYWORD}\n{self.name}\n{self.arguments}"


@dataclass(frozen=True)
class ToolParse:
    """A reply taken apart: its calls, and the words around them (the whole reply if any call in it is malformed)."""

    calls: tuple[ToolCall, ...]
    content: str


def parse_call(body: str, names: Collection[str] | None = None) -> ToolCall | None:
    """Read what stood between the tags; None where it is malformed or names a tool that was not offered."""
    lines = body.split("\n", 2)
    if len(lines) != 3 or lines[0] != KEYWORD or not lines[1].strip():
        return None
    arguments, name = _json_object(lines[2]), lines[1].strip()
    if arguments is None or (names is not None and name not in names):
        return None
    return ToolCall(name, arguments)


def parse_tool_calls(text: str, names: Collection[str] | None = None) -> ToolParse:
    """Take a whole reply apart. One malformed call, and the reply is returned as it is, without calls."""
    words, calls, rest = "", [], text
    while OPEN in rest:
        before, rest = rest.split(OPEN, 1)
        body, closed, rest = rest.partition(CLOSE)
        call = parse_call(body, names) if closed else None
        if call is None:
            return ToolParse((), text)
        words += before
        calls.append(call)
    return ToolParse(tuple(calls), words + rest)


@dataclass(frozen=True)
class ToolDelta:
    """News from a streamed reply: words outside calls, or the name or the arguments of call number `index`."""

    content: str | None = None
    index: int = 0
    name: str | None = None
    arguments: str | None = None


@dataclass(frozen=True)
class ToolStream:
    """State of a streamed reading."""

    held: str = ""  # the beginning of what may become a tag
    body: str | None = None  # what stood since the opening tag; None outside a call
    index: int = 0
    named: bool = False
    argued: bool = False


def stream_tool_calls(
    state: ToolStream, text: str, as_released: bool = False
) -> tuple[ToolStream, tuple[ToolDelta, ...]]:
    """Read one more piece of text. Names are not checked here: the caller knows which tools it offered."""
    news: list[ToolDelta] = []
    rest = state.held + text
    while True:
        tag = OPEN if state.body is None else CLOSE
        before, found, rest = rest.partition(tag)
        held = "" if found else held_back(before, (tag,))
        before = before[: len(before) - len(held)]
        if state.body is None:
            news += [ToolDelta(content=before)] if before else []
        elif before:
            state, body_news = _read_body(replace(state, body=state.body + before), as_released)
            news += body_news
        if not found:
            return replace(state, held=held), tuple(news)
        state = ToolStream(body="", index=state.index) if tag == OPEN else ToolStream(index=state.index + state.named)


def held_back(text: str, tags: Collection[str]) -> str:
    """The longest end of `text` that one of `tags` begins with (and that is not the whole tag)."""
    longest = max((len(tag) for tag in tags), default=1) - 1
    ends = (text[-n:] for n in range(min(longest, len(text)), 0, -1))
    return next((end for end in ends if any(tag.startswith(end) and tag != end for tag in tags)), "")


def _read_body(state: ToolStream, as_released: bool) -> tuple[ToolStream, list[ToolDelta]]:
    news: list[ToolDelta] = []
    lines = (state.body or "").strip().split("\n", 2)
    if len(lines) < 3 or lines[0] != KEYWORD:
        return state, news
    if not state.named:
        state = replace(state, named=True)
        news.append(ToolDelta(index=state.index, name=lines[1].strip()))
        if as_released:
            return state, news
    if not state.argued and (arguments := _json_object(lines[2], whole=False)) is not None:
        state = replace(state, argued=True)
        news.append(ToolDelta(index=state.index, arguments=arguments))
    return state, news


def _json_object(text: str, whole: bool = True) -> str | None:
    """The JSON object that `text` is (or begins with), written canonically; None if it is none."""
    text = text.strip()
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or (whole and end != len(text)):
        return None
    return json.dumps(value, ensure_ascii=False)
