"""The desk: which call runs when, how often, beside which others, and what becomes of it. Rules, without I/O or clock.

    Called ──> arguments? budget? known? asked for? ──> waits ── its turn ──> Start ── Came ──> Give
                   └──────────── no: Give, an error that the model sees        │
                                                              time, the user cuts in ──> Stop, or Report later

`Desk.step(state, told, now_ms)` hands back the next state and what is to be done, as the controller's does. It holds
what the table of `tools.tool` says, and `tests/tools/test_desk_simulation.py` proves it on random conversations.
"""

import json
from dataclasses import dataclass, replace
from typing import TypeAlias

from antiphon.tools.agreement import agrees
from antiphon.tools.errands import (
    Asked,
    Call,
    Called,
    Came,
    Fill,
    Give,
    Interrupted,
    Kept,
    Known,
    Listen,
    Open,
    Order,
    Report,
    Run,
    Said,
    Spent,
    Start,
    Stop,
    Tick,
    Told,
)
from antiphon.tools.result import Code, ToolResult, failure, told
from antiphon.tools.signature import fault_of
from antiphon.tools.tool import Tool

Moved: TypeAlias = tuple[Open, tuple[Order, ...]]
TURNS = 8  # whose cost is remembered


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The bounds of a conversation; times in milliseconds. How long a chain of calls may be, its caller bounds."""

    max_calls: int = 4  # of one turn
    max_cost: int = 8
    turn_ms: int = 15_000
    together: int = 4  # runs at the same time
    known_ms: int = 10_000  # an equal call gets the same answer
    asked_ms: int = 120_000  # the user may say yes
    fill_ms: int = 700
    refill_ms: int = 4_000

    def step(self, state: Open, event: Told, now_ms: int) -> Moved:
        """The next state and the orders, to be carried out in their order; what does not matter is ignored."""
        if isinstance(event, Called):
            return self._called(state, event, now_ms)
        if isinstance(event, Came):
            return self._came(state, event.run, event.result, now_ms)
        if isinstance(event, Tick):
            return self._tick(state, event, now_ms)
        call = next((call for call in state.calls if call.id == event.call), None)
        if call is None:
            return state, ()
        if isinstance(event, Kept):
            return self._go_on(_put(state, replace(call, is_kept=True)), now_ms)
        if isinstance(event, Said):
            return self._said(state, call, event.text, now_ms)
        return self._end(state, call, now_ms, is_told=isinstance(event, Interrupted))

    def deadline_ms(self, state: Open) -> int | None:
        """When the next `Tick` is due, if nothing happens before."""
        times = [run.due_ms for run in state.runs if not run.late]
        times += [self._turn_ends(state, call) for call in state.calls if call.result is None and call.is_kept]
        return min([*times, *([] if state.fill_ms is None else [state.fill_ms])], default=None)

    # --- a call ------------------------------------------------------------------------------------------------------

    def _called(self, state: Open, event: Called, now_ms: int) -> Moved:
        tool = next((tool for tool in event.offered if tool.answers_to(event.name)), None)
        spent = next((s for s in state.spent if s.turn == event.turn), Spent(event.turn, now_ms))
        spent = replace(spent, calls=spent.calls + 1, cost=spent.cost + (tool.cost if tool else 0))
        others = [s for s in state.spent if s.turn != event.turn][1 - TURNS :]
        state = replace(state, spent=(*others, spent))
        arguments = json.loads(event.arguments) if not event.fault else {}
        key = f"{tool.name if tool else event.name} {json.dumps(arguments, sort_keys=True, ensure_ascii=False)}"
        call = Call(
            event.call, event.turn, tool or Tool({"name": event.name or "?"}, _nothing, "read"), event.name, key,
            arguments, event.language, now_ms, result=self._refused(event, tool, arguments, spent, now_ms),
        )  # fmt: skip
        return self._go_on(_put(state, call), now_ms)

    def _refused(
        self, event: Called, tool: Tool | None, arguments: dict[str, object], spent: Spent, now_ms: int
    ) -> ToolResult | None:
        """The answer of a call that never runs."""

        def no(code: Code, detail: str = "") -> ToolResult:
            return failure(event.name, code, event.language, detail)

        if event.fault:
            return no("malformed", f"{event.fault} Write the call again.")
        if tool is None:
            names = ", ".join(tool.name for tool in event.offered)
            return no("unknown", f"there is no tool {event.name!r}; those on offer are {names or 'none'}.")
        if fault := fault_of(arguments, tool.function.get("parameters", {})):
            return no("arguments", f"{event.name} was called with {arguments}; {fault}")
        if spent.calls > self.max_calls or spent.cost > self.max_cost or now_ms - spent.since_ms > self.turn_ms:
            return no("budget", "no more tools in this turn; answer with what is there.")
        return None

    def _end(self, state: Open, call: Call, now_ms: int, is_told: bool) -> Moved:
        """Nobody waits for a call any more: the user cut in (`is_told`), or its turn never was."""
        orders = list[Order]()
        state = replace(state, calls=tuple(other for other in state.calls if other is not call))
        run = next((run for run in state.runs if run.id == call.run), None)
        code: Code = "cancelled"
        if run is not None and not any(other.run == run.id for other in state.calls):
            if call.tool.rule.ends_on_barge_in:
                state = replace(state, runs=tuple(other for other in state.runs if other is not run))
                orders.append(Stop(run.id))
            else:
                code, state = "running", _put_run(state, replace(run, late=call.id))
        if is_told:
            orders.append(Give(call.id, call.result or failure(call.name, code, call.language)))
        state, more = self._go_on(state, now_ms)
        return state, (*orders, *more)

    def _said(self, state: Open, call: Call, text: str | None, now_ms: int) -> Moved:
        if not call.is_listening or call.result is not None:
            return state, ()
        state = replace(state, asked=tuple(asked for asked in state.asked if asked.key != call.key))
        if agrees(text):
            return self._go_on(_put(state, replace(call, is_agreed=True, is_listening=False)), now_ms)
        denied = failure(call.name, "denied", call.language, "the user has not said yes; it was not done.")
        return self._go_on(_put(state, replace(call, result=denied, is_listening=False)), now_ms)

    # --- what may go on now ------------------------------------------------------------------------------------------

    def _go_on(self, state: Open, now_ms: int) -> Moved:
        """Start what may start, give what may be given."""
        state = replace(
            state,
            known=tuple(known for known in state.known if now_ms - known.at_ms < self.known_ms),
            asked=tuple(asked for asked in state.asked if now_ms - asked.at_ms < self.asked_ms),
        )
        state, orders = self._give(state)  # first: words of others may make the next call ask
        for call in state.calls:
            if call.result is None and call.run is None and not call.is_listening:
                state, more = self._begin(state, call, now_ms)
                orders += more
        state, given = self._give(state)
        waits = any(call.is_kept and call.tool.has_filler for call in state.calls)
        if not waits:
            state = replace(state, fill_ms=None)
        elif state.fill_ms is None:
            state = replace(state, fill_ms=now_ms + self.fill_ms)
        return state, (*orders, *given)

    def _give(self, state: Open) -> Moved:
        """What has come for calls whose turn is there."""
        orders: tuple[Order, ...] = ()
        for call in state.calls:
            if call.is_kept and call.result is not None:
                is_ours = call.tool.is_trusted or (call.result.failed and call.run is None)
                calls = tuple(other for other in state.calls if other is not call)
                state = replace(state, calls=calls, is_tainted=state.is_tainted or not is_ours)
                orders = (*orders, Give(call.id, call.result))
        return state, orders

    def _begin(self, state: Open, call: Call, now_ms: int) -> Moved:
        """Start a call, unless it has to wait for something; or answer it with what is known or not allowed."""
        rule = call.tool.rule
        if not (call.is_kept or rule.may_speculate):
            return state, ()
        known = next((known for known in state.known if known.key == call.key), None)
        if known is not None:
            return _put(state, replace(call, result=call.gives(known.result))), ()
        twin = next((run for run in state.runs if run.key == call.key and not run.late), None)
        if twin is not None:
            return _put(state, replace(call, run=twin.id)), ()
        if any(run.key == call.key for run in state.runs):  # of an earlier turn, and under way still
            return _put(state, replace(call, result=failure(call.name, "running", call.language))), ()
        if self._asks(state, call):
            return self._ask(state, call, now_ms)
        before = state.calls[: [other.id for other in state.calls].index(call.id)]
        is_serial = not rule.runs_beside_others
        waits_for = [other for other in before if other.result is None and (is_serial or not _is_parallel(other.tool))]
        under_way = [run for run in state.runs if not run.late]
        if waits_for or len(under_way) >= self.together:
            return state, ()
        if is_serial and (under_way or any(not _is_parallel(run.tool) for run in state.runs)):
            return state, ()
        due = min(now_ms + int(call.tool.timeout_s * 1000), self._turn_ends(state, call))
        run = Run(state.next_run, call.tool, call.key, due, call.tool.retries if call.tool.may_repeat else 0)
        state = _put(_put_run(replace(state, next_run=run.id + 1), run), replace(call, run=run.id))
        return state, (Start(run.id, call.tool, call.name, call.arguments, call.language),)

    def _asks(self, state: Open, call: Call) -> bool:
        """Whether the user must say yes first: always for what writes, or where words of others may have asked for it.

        A tool that was declared not to ask does, once the history holds words of others.
        """
        if call.is_agreed or call.tool.rule.ends_on_barge_in:
            return False
        asks = call.tool.rule.asks_first if call.tool.asks_first is None else call.tool.asks_first
        return asks or state.is_tainted

    def _ask(self, state: Open, call: Call, now_ms: int) -> Moved:
        asked = next((asked for asked in state.asked if asked.key == call.key), None)
        if asked is not None and asked.turn != call.turn:
            return _put(state, replace(call, is_listening=True)), (Listen(call.id),)
        if asked is None:
            state = replace(state, asked=(*state.asked, Asked(call.key, call.turn, now_ms)))
        what = ", ".join(f"{name} {value}" for name, value in call.arguments.items())
        detail = f"nothing was done yet. Read this back to the user, and call again after a yes: {call.name} {what}."
        return _put(state, replace(call, result=failure(call.name, "confirm", call.language, detail))), ()

    # --- runs --------------------------------------------------------------------------------------------------------

    def _came(self, state: Open, number: int, result: ToolResult, now_ms: int) -> Moved:
        run = next((run for run in state.runs if run.id == number), None)
        if run is None:
            return state, ()  # late, or a second time
        state = replace(state, runs=tuple(other for other in state.runs if other is not run))
        result, orders = told(result), list[Order]()
        waiting = [call for call in state.calls if call.run == run.id and call.result is None]
        if result.is_retryable and run.tries_left and waiting:
            return self._again(state, run, waiting, now_ms)
        if not result.failed:
            state = replace(state, known=(*state.known, Known(run.key, result, now_ms)))
        for call in waiting:
            state = _put(state, replace(call, result=call.gives(result)))
        if run.late:
            state = replace(state, is_tainted=state.is_tainted or not run.tool.is_trusted)
            orders.append(Report(run.late, result))
        state, more = self._go_on(state, now_ms)
        return state, (*orders, *more)

    def _again(self, state: Open, run: Run, waiting: list[Call], now_ms: int) -> Moved:
        call = waiting[0]
        due = min(now_ms + int(run.tool.timeout_s * 1000), self._turn_ends(state, call))
        again = replace(run, id=state.next_run, due_ms=due, tries_left=run.tries_left - 1)
        state = _put_run(replace(state, next_run=again.id + 1), again)
        for waiter in waiting:
            state = _put(state, replace(waiter, run=again.id))
        return state, (Start(again.id, run.tool, call.name, call.arguments, call.language),)

    def _tick(self, state: Open, event: Tick, now_ms: int) -> Moved:
        orders = list[Order]()
        for run in [run for run in state.runs if not run.late and run.due_ms <= now_ms]:
            state, more = self._times_out(state, run, now_ms)
            orders += more
        for call in state.calls:
            if call.result is None and call.is_kept and self._turn_ends(state, call) <= now_ms:
                state = _put(state, replace(call, result=failure(call.name, "timeout", call.language)))
        state, more = self._go_on(state, now_ms)
        orders += more
        if state.fill_ms is not None and state.fill_ms <= now_ms:
            late = next(call for call in state.calls if call.is_kept and call.tool.has_filler)
            wait = self.fill_ms if event.is_speaking else self.refill_ms
            orders += [] if event.is_speaking else [Fill(late.id, late.language)]
            state = replace(state, fill_ms=now_ms + wait)
        return state, tuple(orders)

    def _times_out(self, state: Open, run: Run, now_ms: int) -> Moved:
        """A run takes too long. Of what writes nobody can know whether it was done: it is told of when it comes."""
        waiting = [call for call in state.calls if call.run == run.id and call.result is None]
        if not run.tool.rule.ends_on_barge_in:
            state = _put_run(state, replace(run, late=waiting[0].id if waiting else "nobody's"))
            for call in waiting:
                state = _put(state, replace(call, result=failure(call.name, "running", call.language)))
            return state, ()
        state = replace(state, runs=tuple(other for other in state.runs if other is not run))
        if run.tries_left and waiting and now_ms < self._turn_ends(state, waiting[0]):
            state, orders = self._again(state, run, waiting, now_ms)
            return state, (Stop(run.id), *orders)
        for call in waiting:
            timeout = failure(call.name, "timeout", call.language, retryable=True)
            state = _put(state, replace(call, result=timeout))
        return state, (Stop(run.id),)

    def _turn_ends(self, state: Open, call: Call) -> int:
        since = next((spent.since_ms for spent in state.spent if spent.turn == call.turn), call.since_ms)
        return since + self.turn_ms


def _is_parallel(tool: Tool) -> bool:
    return tool.rule.runs_beside_others


def _put(state: Open, call: Call) -> Open:
    """A call, in its place or behind the others."""
    if any(other.id == call.id for other in state.calls):
        return replace(state, calls=tuple(call if other.id == call.id else other for other in state.calls))
    return replace(state, calls=(*state.calls, call))


def _put_run(state: Open, run: Run) -> Open:
    if any(other.id == run.id for other in state.runs):
        return replace(state, runs=tuple(run if other.id == run.id else other for other in state.runs))
    return replace(state, runs=(*state.runs, run))


def _nothing() -> None:
    """Stands for a tool that is not there."""
