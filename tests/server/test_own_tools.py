"""Tools that run in the server, over a real socket: beside the client's own, of an MCP server, with their sources.

The model of the tests answers noise, so what it says is scripted; everything from its ids to the wire is the server's.
"""

import json
import sys
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from antiphon.runtime.engine import Request, Step, Token
from antiphon.runtime.model import Model
from antiphon.tools.calculation import calculate
from antiphon.tools.mcp_client import McpServer, McpTools, fingerprint
from antiphon.tools.weather import ATTRIBUTION, Place, Weather, get_weather
from tests.runtime.inline import InlineEngine
from tests.tools import mcp_server

from .running import Running, nano_server, running
from .socket_client import Socket, opened

pytest.importorskip("mcp")
PATIENT_S = 240.0  # a busy machine may take so long to start a process
LOOKUP = {"type": "function", "name": "lookup", "parameters": {"type": "object", "properties": {}}}
ADDING = {"type": "mcp", "server_label": "t", "allowed_tools": ["add"]}


class Script(InlineEngine):
    """An engine that says what stands next in its script, and keeps what it was asked."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.lines, self.asked = deque[str](), list[str]()

    async def generate(self, request: Request) -> AsyncGenerator[Step, None]:
        parts, tokenizer = self.model.parts, self.model.parts.tokenizer
        self.asked.append(tokenizer.decode([i for i in request.prompt.ids if i < tokenizer.num_ids]))
        for place, token in enumerate(_ids(self.model, self.lines.popleft()) + [parts.layout.eot]):
            yield Token(token, place, 0.0, 0.0)


def _ids(model: Model, line: str) -> list[int]:
    tokenizer, ids = model.parts.tokenizer, list[int]()
    for part in line.replace("<tool_call>", "\0<tool_call>\0").replace("</tool_call>", "\0</tool_call>\0").split("\0"):
        ids += [tokenizer.id_of(part)] if part in tokenizer.added else tokenizer.encode(part)
    return ids


def call(name: str, **arguments: Any) -> str:
    return f"<tool_call>function\n{name}\n{json.dumps(arguments)}</tool_call>"


@dataclass(frozen=True)
class Sunny:
    """A weather service that knows one place."""

    attribution: str = ATTRIBUTION

    def places(self, name: str, language: str) -> list[Place]:
        return [Place("Paris", "", "France", 48.9, 2.4, 2_000_000)] if name == "paris" else []

    def weather(self, place: Place) -> Weather:
        return Weather(0, 21.0)


@pytest.fixture(scope="module")
def script(model: Model) -> Script:
    return Script(model)


@pytest.fixture(scope="module")
def served(model: Model, script: Script) -> Iterator[Running]:
    """A server with tools of its own and those of an MCP server."""
    command = (sys.executable, str(Path(mcp_server.__file__)))
    allow = ("add", "fail")
    with McpTools([McpServer(name="t", command=command)], PATIENT_S) as there:
        pin = fingerprint([tool for tool in there.listed("t") if tool.name in allow])
    known = McpServer(name="t", command=command, allow=allow, effects=dict.fromkeys(allow, "read"), pin=pin)
    with McpTools([known], PATIENT_S) as there:
        with running(model, (calculate, get_weather(Sunny()), *there.tools()), script) as found:
            yield found


@pytest.fixture
def socket(served: Running, script: Script) -> Iterator[Socket]:
    script.lines.clear()
    script.asked.clear()
    with opened(served) as found:
        found.ask("session.update", "session.updated", session={"output_modalities": ["text"]})
        yield found


def answered(socket: Socket) -> list[dict[str, Any]]:
    socket.send("response.create")
    return socket.until("response.done")


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def one(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [event for event in events if event["type"] == kind]
    return found


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


def test_tools_of_the_server_of_its_mcp_server_and_of_the_client_in_one_session(socket: Socket, script: Script) -> None:
    socket.ask("session.update", "session.updated", session={"tools": [LOOKUP, ADDING]})
    listing = socket.until("mcp_list_tools.completed")
    item = one(listing, "conversation.item.done")["item"]
    assert item["server_label"] == "t" and [tool["name"] for tool in item["tools"]] == ["add"]
    assert item["tools"][0]["input_schema"]["required"] == ["a", "b"]
    asked = socket.write("do it all")
    script.lines += [call("calculate", expression="6*7") + call("t.add", a=2, b=3) + call("lookup")]
    events = answered(socket)
    theirs = one(events, "response.function_call_arguments.done")
    assert theirs["name"] == "lookup"
    hidden, shown = [event["antiphon"] for event in events if event["type"] == "response.mcp_call.completed"]
    assert (hidden["server_label"], hidden["name"], hidden["output"]) == ("antiphon", "calculate", "42")
    assert (shown["server_label"], shown["name"], json.loads(shown["arguments"])) == ("t", "add", {"a": 2, "b": 3})
    output = {made["type"]: made for made in events[-1]["response"]["output"]}
    assert set(output) == {"mcp_call", "function_call"}  # what the client has not named is no item
    assert (output["mcp_call"]["output"], output["mcp_call"]["error"]) == ("5", None)
    places = {e["item"]["id"]: e["previous_item_id"] for e in events if e["type"] == "conversation.item.added"}
    assert places == {output["mcp_call"]["id"]: asked["id"], output["function_call"]["id"]: output["mcp_call"]["id"]}
    result = {"type": "function_call_output", "call_id": theirs["call_id"], "output": "found it"}
    socket.ask("conversation.item.create", "conversation.item.done", item=result)
    script.lines += ["forty two, five, and found"]
    assert text_of(answered(socket)) == "forty two, five, and found"
    (prompt,) = script.asked[1:]
    assert all(said in prompt for said in ("42", "5", "found it")) and prompt.index("42") < prompt.index("found it")


def test_a_call_runs_and_the_same_response_goes_on(socket: Socket, script: Script) -> None:
    socket.ask("session.update", "session.updated", session={"tools": [ADDING]})
    socket.until("mcp_list_tools.completed")
    socket.write("two and three?")
    script.lines += [call("t.add", a=2, b=3), "five"]
    events = answered(socket)
    names = [kind for kind in kinds(events) if kind != "response.output_text.delta"]
    assert names == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.in_progress",
        "response.mcp_call.completed",
        "response.output_item.done",
        "conversation.item.done",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    made, said = events[-1]["response"]["output"]
    assert (made["type"], made["output"]) == ("mcp_call", "5") and text_of(events) == "five"
    behind = [event for event in events if event["type"] == "conversation.item.added"][1]
    assert behind["previous_item_id"] == made["id"] and behind["item"]["id"] == said["id"]
    socket.ask("conversation.item.delete", "conversation.item.deleted", item_id=made["id"])  # the answer goes with it
    script.lines += ["again"]
    answered(socket)
    assert "add" not in script.asked[-1].rpartition("two and three?")[2]


def test_the_source_of_an_answer_is_told_and_so_is_what_went_wrong(socket: Socket, script: Script) -> None:
    socket.write("the weather in paris, and elsewhere?")
    script.lines += [call("get_weather", city="paris") + call("get_weather", city="atlantis"), "clear"]
    events = answered(socket)
    paris = one(events, "response.mcp_call.completed")["antiphon"]
    assert "Paris" in paris["output"] and paris["attribution"] == ATTRIBUTION
    lost = one(events, "response.mcp_call.failed")["antiphon"]
    assert "atlantis" in lost["output"] and "attribution" not in lost
    items = [event["item"]["type"] for event in events if event["type"] == "response.output_item.added"]
    assert items == ["message"] == [item["type"] for item in events[-1]["response"]["output"]]
    assert not [kind for kind in kinds(events) if "function_call" in kind]  # nobody else is to answer
    socket.ask("session.update", "session.updated", session={"tools": [{"type": "mcp", "server_label": "t"}]})
    script.lines += [call("t.fail", why="so"), "no"]
    failed = answered(socket)[-1]["response"]["output"][0]
    assert failed["output"] is None and failed["error"]["type"] == "tool_execution_error"


def test_a_client_names_servers_of_the_operator_and_no_others(socket: Socket, script: Script) -> None:
    def refused(**tool: Any) -> Mapping[str, Any]:
        return socket.error("session.update", session={"tools": [{"type": "mcp", **tool}]})

    unknown = refused(server_label="other")
    assert unknown["message"] == "There is no MCP server 'other' here; name one of antiphon, t, or offer functions."
    assert unknown["param"] == "session.tools[0].server_label"
    wrong = refused(server_label="t", allowed_tools=["surroundings"])
    assert "has no tool 'surroundings' here; it has add, fail" in wrong["message"]
    assert "server_url" in refused(server_label="t", server_url="https://127.0.0.1:1/mcp")["message"]
    asks = {"type": "mcp", "server_label": "antiphon", "allowed_tools": ["calculate"], "require_approval": "always"}
    socket.ask("session.update", "session.updated", session={"tools": [asks]})
    socket.write("six times seven?")
    script.lines += [call("calculate", expression="6*7"), "shall I?"]
    events = answered(socket)
    assert "yes or no" in one(events, "response.mcp_call.failed")["antiphon"]["output"]
    assert "get_weather" not in script.asked[0] and "t.add" in script.asked[0]
    socket.ask("session.update", "session.updated", session={"tools": [], "tool_choice": "none"})
    script.lines += ["nothing to offer"]
    assert text_of(answered(socket)) == "nothing to offer" and "calculate" not in script.asked[-1].split("six times")[0]


def test_nano_calls_a_tool_of_the_server_by_itself(tmp_path: Path) -> None:
    """The command, a file of the operator, a plain client: question, call, answer and the time told in one response."""
    (tmp_path / "tools.yaml").write_text("tools: [get_date_time]")
    with nano_server("--tools", str(tmp_path / "tools.yaml")) as (server, _), opened(server) as socket:
        socket.ask("session.update", "session.updated", session={"output_modalities": ["text"]})
        socket.write("what time is it?")
        events = answered(socket)
        told = one(events, "response.mcp_call.completed")["antiphon"]
        assert (told["name"], json.loads(told["arguments"])) == ("clock", {"what": "time"}) and told["output"]
        assert text_of(events).startswith("it is") and events[-1]["response"]["status"] == "completed"
