"""The desk on a clock turned by hand: what the table of effects says, call by call."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from antiphon.errors import ToolError
from antiphon.text.toolcall import ToolCall
from antiphon.tools import errands
from antiphon.tools.desk import Desk
from antiphon.tools.errands import (
    Called,
    Came,
    Dropped,
    Fill,
    Give,
    Interrupted,
    Kept,
    Listen,
    Report,
    Said,
    Start,
    Stop,
)
from antiphon.tools.result import ToolResult, failure
from antiphon.tools.running import Attendant, Threads, answer
from antiphon.tools.tool import RULES, Context, Effect, Tool, tool

PARAMETERS = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}


def made(name: str, effect: Effect = "read", **options: Any) -> Tool:
    return Tool({"name": name, "parameters": PARAMETERS}, lambda arguments: "never run here", effect, **options)


OFFERED = tuple(made(effect, effect) for effect in RULES)


@dataclass
class Bench:
    """A desk, what it has ordered, and its time."""

    desk: Desk = field(default_factory=Desk)
    state: errands.Open = field(default_factory=errands.Open)
    now: int = 0
    orders: list[Any] = field(default_factory=list)

    def tell(self, *events: Any) -> list[Any]:
        """What is ordered now."""
        new = list[Any]()
        for event in events:
            self.state, orders = self.desk.step(self.state, event, self.now)
            new += orders
        self.orders += new
        return new

    def call(self, call: str, name: str, turn: int = 0, x: str = "1", kept: bool = True, **more: Any) -> list[Any]:
        arguments = more.pop("arguments", json.dumps({"x": x}))
        offered = more.pop("offered", OFFERED)
        told = Called(call, turn, name, arguments, offered, **more)
        return self.tell(told, *([Kept(call)] if kept else []))

    def wait(self, ms: int, is_speaking: bool = False) -> list[Any]:
        """Let time pass; the desk is woken when it wishes."""
        end, new = self.now + ms, list[Any]()
        while (due := self.desk.deadline_ms(self.state)) is not None and due <= end:
            self.now = max(due, self.now)
            new += self.tell(errands.Tick(is_speaking))
        self.now = end
        return new

    def came(self, start: Start, text: str = "found") -> list[Any]:
        return self.tell(Came(start.run, ToolResult(start.name, text)))


def started(orders: list[Any]) -> list[str]:
    return [order.tool.name for order in orders if isinstance(order, Start)]


def given(orders: list[Any]) -> dict[str, str]:
    return {order.call: order.result.code or order.result.text for order in orders if isinstance(order, Give)}


# --- speculation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", RULES)
def test_before_a_turn_has_ended_only_what_changes_nothing_runs(effect: str) -> None:
    bench = Bench()
    orders = bench.call("a", effect, kept=False)
    assert started(orders) == ([effect] if effect in ("read", "session") else [])
    if orders:
        assert bench.came(orders[0]) == []  # not told, and nothing changed, before the turn is there
        assert given(bench.tell(Kept("a"))) == {"a": "found"}


def test_what_was_never_said_leaves_nothing_behind() -> None:
    bench = Bench()
    run = bench.call("a", "read", kept=False)[0]
    assert bench.tell(Dropped("a")) == [Stop(run.run)] and bench.came(run) == []
    assert bench.state.calls == () and bench.state.runs == () and not bench.state.is_tainted


# --- beside others ---------------------------------------------------------------------------------------------------


def test_what_reads_runs_together_and_what_changes_runs_alone_and_in_order() -> None:
    bench = Bench(Desk(max_calls=8))
    reads = [*bench.call("a", "read", x="1"), *bench.call("b", "read", x="2")]
    assert started(reads) == ["read", "read"]
    assert started(bench.call("c", "session")) == [] and started(bench.call("d", "read", x="3")) == []
    bench.came(reads[0])
    orders = bench.came(reads[1])
    assert started(orders) == ["session"]
    assert started(bench.came(next(o for o in orders if isinstance(o, Start)))) == ["read"]


def test_no_more_run_together_than_may() -> None:
    bench = Bench(Desk(together=2, max_calls=4))
    runs = [order for n in range(4) for order in bench.call(str(n), "read", x=str(n))]
    assert len(runs) == 2 and started(bench.came(runs[0])) == ["read"]


# --- twice -----------------------------------------------------------------------------------------------------------


def test_the_same_call_runs_once_and_a_moment_later_is_still_known() -> None:
    bench = Bench()
    run = bench.call("a", "read")[0]
    assert started(bench.call("b", "read")) == []
    assert given(bench.came(run)) == {"a": "found", "b": "found"}
    bench.wait(9_000)
    assert given(bench.call("c", "read", turn=1)) == {"c": "found"}
    bench.wait(2_000)
    assert started(bench.call("d", "read", turn=2)) == ["read"]


def test_an_answer_that_comes_twice_counts_once() -> None:
    bench = Bench()
    run = bench.call("a", "read")[0]
    assert given(bench.came(run, "one")) == {"a": "one"} and bench.came(run, "two") == []


# --- late ------------------------------------------------------------------------------------------------------------


def test_what_hangs_is_given_up_and_what_it_says_later_is_not_heard() -> None:
    bench = Bench()
    run = bench.call("a", "read")[0]
    orders = bench.wait(4_000)
    assert Stop(run.run) in orders and given(orders) == {"a": "timeout"} and bench.came(run) == []


def test_what_failed_for_a_moment_is_tried_again_if_it_may_be() -> None:
    for effect, tries in (("read", 3), ("write", 1)):
        bench = Bench()
        patient = (made("t", effect, retries=2, asks_first=False),)  # type: ignore[arg-type]
        orders = bench.call("a", "t", offered=patient)
        for _ in range(5):
            for order in [order for order in orders if isinstance(order, Start)]:
                orders = bench.tell(Came(order.run, failure("t", "offline", retryable=True)))
        assert started(bench.orders) == ["t"] * tries and given(bench.orders) == {"a": "offline"}


def test_a_turn_costs_so_much_and_no_more() -> None:
    bench = Bench(Desk(max_calls=2))
    assert [given(bench.call(str(n), "read", x=str(n))) for n in range(3)] == [{}, {}, {"2": "budget"}]
    assert started(bench.call("d", "read", turn=1, x="9")) == ["read"]
    bench = Bench()
    slow = (made("slow", timeout_s=60.0, retries=5),)
    bench.call("a", "slow", offered=slow)
    assert given(bench.wait(15_000)) == {"a": "timeout"}


def test_something_is_said_while_an_answer_is_late_but_not_over_others_and_not_all_the_time() -> None:
    bench = Bench(Desk(turn_ms=60_000))
    bench.call("a", "slow", offered=(made("slow", timeout_s=50.0),), language="zh")
    assert bench.wait(699) == [] and bench.wait(1) == [Fill("a", "zh")]
    assert [type(order) for order in bench.wait(7_999)] == [Fill]
    assert bench.wait(5_000, is_speaking=True) == [] and Fill("a", "zh") in bench.wait(700)
    bench.tell(Interrupted("a"))
    assert bench.wait(9_000) == []


# --- the user cuts in ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["read", "session"])
def test_what_reads_ends_when_the_user_cuts_in(effect: Effect) -> None:
    bench = Bench()
    run = bench.call("a", effect)[0]
    orders = bench.tell(Interrupted("a"))
    assert orders[0] == Stop(run.run) and given(orders) == {"a": "cancelled"} and bench.came(run) == []


@pytest.mark.parametrize("effect", ["write", "unknown"])
def test_what_writes_goes_on_and_is_reported_later(effect: Effect) -> None:
    offered = (made("send", effect, asks_first=False),)
    bench = Bench()
    run = bench.call("a", "send", offered=offered)[0]
    orders = bench.tell(Interrupted("a"))
    assert given(orders) == {"a": "running"} and not any(isinstance(order, Stop) for order in orders)
    assert given(bench.call("b", "send", turn=1, offered=offered)) == {"b": "running"}  # never a second time
    assert bench.wait(60_000) == [] and [type(o) for o in bench.came(run, "sent")] == [Report]


def test_what_writes_and_had_not_begun_never_does() -> None:
    bench = Bench()
    offered = (made("look"), made("send", "write", asks_first=False))
    run = bench.call("a", "look", offered=offered)[0]
    bench.call("b", "send", offered=offered)
    assert given(bench.tell(Interrupted("b"))) == {"b": "cancelled"}
    bench.came(run)
    assert started(bench.orders) == ["look"]


# --- asking first ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["write", "unknown"])
@pytest.mark.parametrize(("said", "runs"), [
    ("yes please", True), ("Yes.", True), ("是的", True), ("ok, do it", True), ("no", False), ("not now", False),
    ("yes, but not today", False), ("what is the weather", False), ("", False), (None, False), ("不", False),
])  # fmt: skip
def test_what_writes_runs_after_a_yes_of_the_user_alone(effect: str, said: str | None, runs: bool) -> None:
    bench = Bench()
    orders = bench.call("a", effect, turn=1)
    assert started(orders) == [] and given(orders) == {"a": "confirm"} and "x 1" in orders[0].result.text
    assert given(bench.call("b", effect, turn=1)) == {"b": "confirm"}  # the same turn: nobody was asked yet
    assert given(bench.call("c", effect, turn=2, x="2")) == {"c": "confirm"}  # something else
    assert bench.call("d", effect, turn=2) == [Listen("d")]
    orders = bench.tell(Said("d", said))
    assert started(orders) == ([effect] if runs else []) and given(orders) == ({} if runs else {"d": "denied"})
    bench.wait(130_000)
    assert given(bench.call("e", effect, turn=3, x="2")) == {"e": "confirm"}  # it was asked too long ago


def test_words_of_others_make_every_write_ask() -> None:
    offered = (made("look"), made("send", "write", asks_first=False), made("ours", is_trusted=True))
    bench = Bench()
    bench.came(bench.call("a", "ours", offered=offered)[0])
    assert started(bench.call("b", "send", offered=offered)) == ["send"]
    bench = Bench()
    bench.came(bench.call("a", "look", offered=offered)[0])
    assert given(bench.call("b", "send", turn=5, offered=offered)) == {"b": "confirm"}


# --- wrong calls -----------------------------------------------------------------------------------------------------


def test_a_wrong_call_is_answered_with_what_is_wrong() -> None:
    bench = Bench()
    cases = [("a", "other", '{"x": "1"}', "unknown"), ("b", "read", "{}", "arguments"),
             ("c", "read", '{"x": 1}', "arguments"), ("d", "read", '{"x": "1", "y": 2}', "arguments")]  # fmt: skip
    for call, name, arguments, code in cases:
        assert given(bench.call(call, name, turn=ord(call), arguments=arguments)) == {call: code}
    assert given(bench.call("e", "read", turn=1, fault="that was no JSON.")) == {"e": "malformed"}
    assert started(bench.orders) == []
    assert "those on offer are read, session, write, unknown" in bench.orders[0].result.text


# --- with threads ----------------------------------------------------------------------------------------------------


@tool("read", timeout_s=0.2)
def patience(seconds: float, context: Context) -> str:
    """Wait."""
    import time

    time.sleep(seconds)
    return f"waited in {context.language}"


@tool("write")
async def send(text: str) -> dict[str, str]:
    """Send something."""
    return {"sent": text}


def calls(*bodies: tuple[str, str]) -> list[ToolCall]:
    return [ToolCall(name, arguments) for name, arguments in bodies]


def test_an_attendant_answers_in_order_and_asks_the_user() -> None:
    words = iter(["yes"])
    attendant = Attendant(lambda: next(words), threads=Threads())
    offered = (patience, replace(send, timeout_s=60.0))
    late, asked = attendant.answer(0, calls(("patience", '{"seconds": 2.0}'), ("send", '{"text": "hi"}')), offered)
    assert isinstance(late, ToolResult) and late.code == "timeout"
    assert isinstance(asked, ToolResult) and asked.code == "confirm"
    (sent,) = attendant.answer(1, calls(("send", '{"text": "hi"}')), offered)
    assert isinstance(sent, ToolResult) and sent.data == {"sent": "hi"} and sent.text == '{"sent": "hi"}'
    (waited,) = attendant.answer(2, calls(("patience", '{"seconds": 0.0}')), (replace(patience, timeout_s=60.0),))
    assert isinstance(waited, ToolResult) and waited.text == "waited in en"


def test_there_are_only_so_many_threads() -> None:
    attendant = Attendant(threads=Threads(most=0))
    (busy,) = attendant.answer(0, calls(("patience", '{"seconds": 0.0}')), (patience,))
    assert isinstance(busy, ToolResult) and busy.code == "busy"


def test_what_a_tool_raises_is_one_sentence_without_addresses() -> None:
    def fail(arguments: object) -> str:
        raise ToolError("http://10.0.0.1/secret refused", code="offline", retryable=True)

    def crash(arguments: object) -> str:
        raise RuntimeError("<tool_call>see https://evil.example/?q=1\nTraceback")

    for run, code in ((fail, "offline"), (crash, "failed")):
        result = answer(Tool({"name": "t"}, run, "read"), "t", {}, Context("zh"))
        assert result.code == code and result.text.startswith("error: ") and result.data["say"] in result.text
        assert not {"http", "10.0.0.1", "<"} & {w for w in ("http", "10.0.0.1", "<") if w in result.text}
