import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.errors import InputError
from antiphon.text.toolcall import (
    ToolCall,
    ToolDelta,
    ToolStream,
    held_back,
    parse_call,
    parse_tool_calls,
    stream_tool_calls,
)

from .conftest import read_golden

CASES = read_golden("toolcalls.json")
OFFERED = ("search", "f", "f1", "f2")


def as_released(delta: ToolDelta) -> dict[str, Any]:
    """A piece of news in the notation of the golden file."""
    if delta.content is not None:
        return {"content": delta.content}
    call: dict[str, Any] = {"index": delta.index}
    if delta.name is not None:
        call |= {"type": "function", "id": "chatcmpl-tool-ID", "function": {"name": delta.name}}
    else:
        call |= {"function": {"arguments": delta.arguments}}
    return {"tool_calls": [call]}


@pytest.mark.parametrize("name", CASES)
def test_whole_replies_equal_the_reference(name: str) -> None:
    parsed, expected = parse_tool_calls(CASES[name]["text"], OFFERED), CASES[name]["nonstreaming"]
    calls = [{"function": {"name": c.name, "arguments": c.arguments}} for c in parsed.calls]
    assert calls == expected["tool_calls"]
    assert bool(parsed.calls) == expected["tools_called"]
    assert parsed.content == expected.get("content", "")


@pytest.mark.parametrize("name", CASES)
def test_streamed_replies_equal_the_reference(name: str) -> None:
    state, found = ToolStream(), []
    for text, _ in CASES[name]["streaming"]:
        state, news = stream_tool_calls(state, text, as_released=True)
        assert len(news) <= 1
        found.append([text, as_released(news[0]) if news else None])
    assert found == CASES[name]["streaming"]


def test_arguments_that_come_with_the_name_are_not_lost() -> None:
    _, news = stream_tool_calls(ToolStream(), CASES["empty_args"]["text"])
    assert news == (ToolDelta(index=0, name="f1"), ToolDelta(index=0, arguments="{}"))


def gathered(pieces: list[str]) -> list[Any]:
    state, out = ToolStream(), []
    for piece in pieces:
        state, news = stream_tool_calls(state, piece)
        for delta in news:
            if delta.content is not None and out and isinstance(out[-1], str):
                out[-1] += delta.content
            else:
                out.append(delta.content if delta.content is not None else delta)
    return [*out, state.held]


texts = st.lists(
    st.one_of(
        st.sampled_from([case["text"] for case in CASES.values()]),
        st.sampled_from(["<tool_call>", "</tool_call>", "<tool", "function\n", "\n", '{"a": {"b": "}"}} ', "x<<"]),
        st.text(max_size=4),
    ),
    max_size=5,
).map("".join)


@given(texts, st.lists(st.integers(0, 200), max_size=8))
def test_any_chunking_equals_the_whole(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [text[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    assert "".join(pieces) == text
    assert gathered(pieces) == gathered([text])


names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
values = st.dictionaries(
    st.text(max_size=4), st.one_of(st.integers(), st.text(max_size=6), st.lists(st.booleans(), max_size=2)), max_size=3
)


@given(names, values)
def test_a_written_call_is_read_back(name: str, arguments: dict[str, Any]) -> None:
    call = ToolCall(name, json.dumps(arguments, ensure_ascii=False))
    assert parse_call(call.body) == call and call.values == arguments
    assert parse_call(call.body, names=[]) is None


@pytest.mark.parametrize("body", ["", "function", "function\nf", "f\ng\n{}", "function\n \n{}", "function\nf\n[1]"])
def test_malformed_calls_are_none(body: str) -> None:
    assert parse_call(body) is None


def test_a_call_is_checked_when_it_is_made() -> None:
    for name, arguments in (("", "{}"), ("a\nb", "{}"), (" a", "{}"), ("a", "[]"), ("a", "{")):
        with pytest.raises(InputError):
            ToolCall(name, arguments)


def test_held_back_is_the_beginning_of_a_tag() -> None:
    assert held_back("a<tool", ("<tool_call>",)) == "<tool"
    assert held_back("a<", ("<tool_call>",)) == "<"
    assert held_back("<tool_call>", ("<tool_call>",)) == ""
    assert held_back("a<<think", ("<tool_call>", "<think>")) == "<think"
