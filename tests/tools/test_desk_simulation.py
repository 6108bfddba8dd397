"""Random conversations at a desk, on a virtual clock: tools hang, fail, answer late or twice, users cut in or say yes.

What the table of effects promises is checked on everything that was ordered, whatever happened in between.
"""

import heapq
import json
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

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
from antiphon.tools.tool import RULES, Tool

PARAMETERS = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
OFFERED = tuple(
    Tool({"name": effect, "parameters": PARAMETERS}, print, effect, timeout_s=2.0, retries=1)  # type: ignore[arg-type]
    for effect in RULES
)
MANNERS = ("quick", "slow", "hangs", "fails", "offline", "twice")


@dataclass
class Conversation:
    """A desk whose tools behave as chance will have it; what happened stands in `log`, with its time."""

    random: Random
    time: Any  # a heap that all conversations share
    numbers: Any
    world: list[tuple[int, str, str]]  # of a tool that all share: who ran it, as what, when
    name: str
    desk: Desk = field(default_factory=Desk)
    state: errands.Open = field(default_factory=errands.Open)
    log: list[tuple[int, Any]] = field(default_factory=list)
    now: int = 0

    def at(self, ms: int, event: Any) -> None:
        heapq.heappush(self.time, (ms, next(self.numbers), self, event))

    def tell(self, event: Any, now: int) -> None:
        self.now = now
        self.log.append((now, event))
        self.state, orders = self.desk.step(self.state, event, now)
        for order in orders:
            self.log.append((now, order))
            if isinstance(order, Start):
                self.world.append((now, self.name, order.tool.name))
                self._run(order, now)
            elif isinstance(order, Listen):
                self.at(now + 50, Said(order.call, self.random.choice(["yes", "no", None, "yes please", "hm"])))
        if (due := self.desk.deadline_ms(self.state)) is not None:
            self.at(max(due, now + 1), errands.Tick(self.random.random() < 0.3))

    def _run(self, order: Start, now: int) -> None:
        manner = self.random.choice(MANNERS)
        bad = {"fails": failure("t", "failed"), "offline": failure("t", "offline", retryable=True)}
        result = bad.get(manner, ToolResult(order.name, f"{self.name} {json.dumps(order.arguments)}"))
        delay = self.random.choice([10, 300]) if manner != "slow" else self.random.randrange(1_500, 20_000)
        if manner != "hangs":
            self.at(now + delay, Came(order.run, result))
        if manner == "twice":
            self.at(now + delay + self.random.choice([0, 5_000]), Came(order.run, result))


def turns(conversation: Conversation, number: int) -> None:
    """What the model and the user of one conversation will do."""
    chance, now, ids = conversation.random, 0, count()
    for turn in range(number):
        now += chance.randrange(200, 9_000)
        is_guessed, is_kept = chance.random() < 0.5, chance.random() < 0.7
        for _ in range(chance.randrange(1, 5)):
            call, name = f"{conversation.name}{next(ids)}", chance.choice([*RULES, "nobody's"])
            told = Called(call, turn, name, json.dumps({"x": chance.randrange(2)}), OFFERED)
            conversation.at(now, told)
            if is_guessed:
                conversation.at(now + 300, Kept(call) if is_kept else Dropped(call))
            else:
                conversation.at(now, Kept(call))
            if chance.random() < 0.3:
                conversation.at(now + chance.randrange(0, 4_000), Interrupted(call))


def play(seed: int, number: int) -> list[Conversation]:
    """Two conversations, to their end."""
    time, numbers, world = list[Any](), count(), list[tuple[int, str, str]]()
    both = [Conversation(Random(f"{seed} {name}"), time, numbers, world, name) for name in "ab"]
    for conversation in both:
        turns(conversation, number)
    steps = 0
    while time:
        now, _, conversation, event = heapq.heappop(time)
        conversation.tell(event, now)
        steps += 1
        assert steps < 20_000, "a desk that never rests"
    return both


def of(conversation: Conversation, *kinds: type) -> list[tuple[int, Any]]:
    return [(at, what) for at, what in conversation.log if isinstance(what, kinds)]


def check_answers(conversation: Conversation) -> None:
    """Every call that was meant has one answer, in bounded time; one that was never said has none."""
    kept = {e.call: at for at, e in of(conversation, Kept)}
    begun = {e.call: (at, e.turn) for at, e in of(conversation, Called)}
    cut = {e.call: at for at, e in of(conversation, Interrupted)}
    gave = [(at, e) for at, e in of(conversation, Give)]
    answered = [e.call for _, e in gave]
    assert len(answered) == len(set(answered)) and set(answered) <= {*kept, *cut}
    assert {call for call in kept if call not in cut} <= set(answered)
    for at, event in gave:
        since = min(begun[c][0] for c in begun if begun[c][1] == begun[event.call][1])
        assert at - since <= conversation.desk.turn_ms + 400
        if event.result.name in ("read", "session") and event.result.code == "":
            assert event.result.text == f"{conversation.name} {event.result.text[2:]}"  # of this conversation


def check_effects(conversation: Conversation) -> None:
    """Starts, stops and reports as the table of effects says."""
    kept = {e.call: at for at, e in of(conversation, Kept)}
    said = [(at, e) for at, e in of(conversation, Said)]
    calls = {e.call: e for _, e in of(conversation, Called)}
    running = dict[int, Start]()
    for at, event in conversation.log:
        if isinstance(event, Start):
            rule = event.tool.rule
            same = [c for c, e in calls.items() if e.name == event.name and json.loads(e.arguments) == event.arguments]
            if not rule.may_speculate:  # only what was meant, and what the user said yes to
                assert any(kept.get(c, at + 1) <= at for c in same)
                assert any(s.call in same and s.text in ("yes", "yes please") and when <= at for when, s in said)
            if not rule.runs_beside_others:
                assert not [r for r in running.values() if not r.tool.rule.runs_beside_others or r.run > event.run]
            assert not [r for r in running.values() if r.tool is event.tool and r.arguments == event.arguments]
            running[event.run] = event
            assert sum(r.tool.rule.runs_beside_others for r in running.values()) <= conversation.desk.together
        elif isinstance(event, Stop):
            assert running.pop(event.run).tool.rule.ends_on_barge_in  # what writes is never stopped
        elif isinstance(event, Came):
            running.pop(event.run, None)
    reported = [e for _, e in of(conversation, Report)]
    assert all(not calls[e.call].name == "read" for e in reported)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1 << 32), st.integers(1, 6))
def test_whatever_tools_and_users_do_the_table_holds(seed: int, number: int) -> None:
    for conversation in play(seed, number):
        check_answers(conversation)
        check_effects(conversation)
        fills = [at for at, _ in of(conversation, Fill)]
        assert all(b - a >= conversation.desk.fill_ms for a, b in zip(fills, fills[1:], strict=False))
        assert conversation.state.calls == ()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1 << 32))
def test_two_conversations_with_one_tool_do_not_hear_each_other(seed: int) -> None:
    together = play(seed, 4)
    for conversation in together:
        time, numbers = list[Any](), count()
        alone = Conversation(Random(f"{seed} {conversation.name}"), time, numbers, [], conversation.name)
        turns(alone, 4)
        while time:
            now, _, it, event = heapq.heappop(time)
            it.tell(event, now)
        assert repr(alone.log) == repr(conversation.log)


def test_a_run_is_what_its_seed_says() -> None:
    assert [repr(c.log) for c in play(7, 5)] == [repr(c.log) for c in play(7, 5)]
