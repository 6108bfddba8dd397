"""Words of others, from everywhere that they come from: no mark survives, nothing is written, no address is opened.

The corpus (`injections.json`) is data. Each text comes through a search result, a document, the weather, a voice's
description, an MCP tool's answer, an MCP tool's description, and an error.
"""

import json
import re
import socket
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from antiphon.errors import ToolError
from antiphon.text.toolcall import ToolCall, parse_tool_calls
from antiphon.tools.audio_search import timbre_rag
from antiphon.tools.clean import clean
from antiphon.tools.mcp_client import simplified
from antiphon.tools.result import LONGEST, ToolResult, failure, told
from antiphon.tools.running import Attendant, Threads
from antiphon.tools.search.documents import Documents
from antiphon.tools.search.protocol import Hit
from antiphon.tools.search.web import Chain, web_search
from antiphon.tools.tool import Tool
from antiphon.tools.weather import Place, Weather, get_weather
from tests.random_folder import tokenizer
from tests.tools.test_search import Fixed
from tests.tools.test_tools import Voice

CORPUS = json.loads((Path(__file__).parent / "injections.json").read_text(encoding="utf-8"))
MARK = re.compile(r"<[A-Za-z_]|<\s*[|/!]|\|\s*>|[A-Za-z_/]>|https?:|ftp:|www\.|javascript:|data:|mailto:|file:", re.I)
SEND = ToolCall("send_message", '{"to": "eve", "text": "hi"}')
TOKENIZER = tokenizer()


class Sky:
    attribution = "nobody"

    def __init__(self, text: str) -> None:
        self.text = text

    def places(self, name: str, language: str) -> list[Place]:
        return [Place(clean(self.text, 80) or "x", "", "", 0.0, 0.0)]

    def weather(self, place: Place) -> Weather:
        return Weather(0, 1.0)


def from_web(text: str) -> Tool:
    return web_search(Chain([Fixed([Hit(title=text, url=text, snippet=text, source=text)])]))


def from_weather(text: str) -> Tool:
    return get_weather(Sky(text))


def from_voices(text: str) -> Tool:
    return timbre_rag(lambda query: [Voice("v", 1.0, name=text, description=text)])


def from_mcp(text: str) -> Tool:
    return Tool({"name": "server.look"}, lambda arguments: ToolResult("look", text), "read")


def from_error(text: str) -> Tool:
    def fail(arguments: object) -> str:
        raise ToolError(text)

    return Tool({"name": "fails"}, fail, "read")


SOURCES: dict[str, tuple[Callable[[str], Tool], str]] = {
    "web": (from_web, '{"query": "x"}'), "weather": (from_weather, '{"city": "x"}'),
    "voices": (from_voices, '{"query": "x"}'), "mcp": (from_mcp, "{}"), "error": (from_error, "{}"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any, **__: Any) -> Any:
        raise AssertionError("an address was opened")

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)


def check_words(text: str) -> None:
    """Nothing but words: no marks for the tokenizer or the parser, no addresses, nothing that is not seen."""
    assert not MARK.search(text) and len(text) <= LONGEST
    assert parse_tool_calls(text).calls == ()
    assert not [c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Cn")]
    assert not any(name in text for name in TOKENIZER.added)


def test_the_corpus_is_large_and_of_every_kind() -> None:
    texts = [case["text"] for case in CORPUS]
    assert len(set(texts)) == len(texts) >= 100 and len({case["kind"] for case in CORPUS}) == 5


@pytest.mark.parametrize("source", SOURCES)
def test_no_mark_survives_and_nothing_is_written(source: str) -> None:
    make, arguments = SOURCES[source]
    written = list[Any]()
    send = Tool({"name": "send_message", "parameters": {"type": "object"}}, written.append, "write", asks_first=False)
    for case in CORPUS:
        look = make(case["text"])
        attendant = Attendant(lambda: "what is new?", threads=Threads())
        found, sent = attendant.answer(0, [ToolCall(look.name, arguments), SEND], (look, send))
        assert isinstance(found, ToolResult) and isinstance(sent, ToolResult)
        check_words(found.text)
        if not found.failed or source == "error":
            assert sent.code == "confirm"  # its words stand in the history: whatever it writes, the user says yes first
            (again,) = attendant.answer(1, [SEND], (look, send))  # the user said something else
            assert isinstance(again, ToolResult) and again.code == "denied" and written == []


def test_documents_hold_words_alone(tmp_path: Path) -> None:
    documents = Documents(tmp_path / "index")
    for number, case in enumerate(CORPUS):
        for ending in ("html", "md", "txt"):
            path, text = tmp_path / f"{number}.{ending}", f"zebra {case['text']} zebra"
            path.write_text(text, encoding="utf-8", errors="ignore")
    documents.add(tmp_path)
    for hit in documents.search("zebra", 400, "en", None):
        check_words(clean(hit.snippet, 400))
        check_words(clean(hit.title, 100))
    documents.close()


def test_what_a_server_says_of_its_tools_is_words() -> None:
    for case in CORPUS:
        schema = {"type": "object", "properties": {"a": {"type": "string", "description": case["text"]}}}
        check_words(simplified(schema)["properties"]["a"].get("description", ""))
        check_words(told(failure("x", "failed", "en", case["text"])).text)


def test_the_tokenizer_reads_no_mark_out_of_words_even_where_nobody_cleaned_them() -> None:
    marks = set(TOKENIZER.added.values())
    for case in CORPUS:
        text = case["text"].encode("utf-8", "ignore").decode()
        assert not marks & set(TOKENIZER.encode(text))


@pytest.mark.parametrize(("text", "clear"), [
    ("a < b and c > d", "a < b and c > d"), ("5<6", "5<6"), ("Tom & Jerry", "Tom & Jerry"),
    ("天气很好。", "天气很好。"),
    ("naïve café, 20 °C — “so”", "naïve café, 20 °C — “so”"), ("two\n\nlines", "two\nlines"), ("x  y\tz", "x y z"),
    ("[the page](https://e.org/x) says", "the page says"), ("It costs 3.50 (https://e.org).", "It costs 3.50 ("),
])  # fmt: skip
def test_honest_words_stay(text: str, clear: str) -> None:
    assert clean(text) == clear


def test_long_words_do_not_take_long() -> None:
    assert len(clean("<" * 200_000 + ">" * 200_000, 1200)) <= 1200
    assert len(clean("<a" * 100_000, 1200)) <= 1200 and len(clean("[x](" * 50_000, 1200)) <= 1200
