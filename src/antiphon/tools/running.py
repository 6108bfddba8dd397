"""Runs in this process: a thread for each, because a tool may wait, and an attendant who sees to one desk.

    attendant.answer(turn, calls, offered) ──> ToolResult, in the order of the calls; Fill where one is late

A thread cannot be killed: a tool that hangs keeps its own, what it says later is dropped by the desk.
"""

import asyncio
import inspect
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from antiphon.errors import ToolError
from antiphon.text.toolcall import ToolCall
from antiphon.tools.desk import Desk
from antiphon.tools.errands import (
    Called,
    Came,
    Fill,
    Give,
    Interrupted,
    Kept,
    Listen,
    Open,
    Report,
    Said,
    Start,
    Tick,
    Told,
)
from antiphon.tools.errands import Order as Ordered
from antiphon.tools.result import ToolResult, failure
from antiphon.tools.tool import Context, Tool, run_tool

MOST_THREADS = 64  # of one process, those that hang included
SILENT = ("offline", "timeout", "quota", "busy")  # what was wrong is for the log, not for the model
logger = logging.getLogger("antiphon.tools")


def language_of(text: str) -> str:
    """"zh" where there are Chinese characters, else "en"."""
    return "zh" if any("\u4e00" <= character <= "\u9fff" for character in text) else "en"


def answer(tool: Tool, name: str, arguments: Mapping[str, Any], context: Context) -> ToolResult:
    """What a tool answers; never an error."""
    try:
        found = run_tool((tool,), name, arguments, context)
        if inspect.isawaitable(found):
            found = asyncio.run(_awaited(found))
    except ToolError as error:
        if error.__cause__ is not None or error.code in SILENT:
            logger.warning("the tool %s failed: %s", tool.name, error)
        code: Any = error.code
        detail = "" if code in SILENT else str(error)
        return failure(name, code, context.language, detail, error.retryable)
    except Exception as error:  # a coroutine is somebody else's code, too
        logger.warning("the tool %s failed", tool.name, exc_info=error)
        return failure(name, "failed", context.language, f"the tool {name!r} failed ({type(error).__name__}).")
    return _result(name, found)


async def _awaited(work: Any) -> Any:
    return await work


def _result(name: str, found: Any) -> ToolResult:
    if isinstance(found, ToolResult):
        return replace(found, name=name)
    if isinstance(found, str):
        return ToolResult(name, found)
    data = found if isinstance(found, Mapping) else {}
    return ToolResult(name, json.dumps(found, ensure_ascii=False, default=str), data=data)


@dataclass
class Threads:
    """The threads of a process in which tools run."""

    most: int = MOST_THREADS
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self,
        tool: Tool,
        name: str,
        arguments: Mapping[str, Any],
        context: Context,
        done: Callable[[ToolResult], None],
    ) -> None:
        """Run a tool; `done` is called in another thread, or in this one where there are too many."""
        with self._lock:
            is_full = self._running >= self.most
            self._running += not is_full
        if is_full:
            done(failure(name, "busy", context.language, retryable=True))
            return

        def work() -> None:
            try:
                done(answer(tool, name, arguments, context))
            finally:
                with self._lock:
                    self._running -= 1

        threading.Thread(target=work, name=f"tool {tool.name}", daemon=True).start()


THREADS = Threads()


def now_ms() -> int:
    """Milliseconds that never go back."""
    return time.monotonic_ns() // 1_000_000


class Attendant:
    """One conversation's desk, for who waits for the answers."""

    def __init__(
        self,
        listen: Callable[[], str | None] = lambda: None,
        desk: Desk = Desk(),  # noqa: B008 (a value)
        threads: Threads = THREADS,
    ) -> None:
        """`listen` says what the user said last, None where nobody can know."""
        self._listen, self._desk, self._threads = listen, desk, threads
        self._state, self._news = Open(), queue.Queue[Came]()
        self._reports = list[ToolResult]()
        self._answers, self._numbers = dict[str, ToolResult](), count()

    def answer(self, turn: int, calls: Sequence[ToolCall], offered: Sequence[Tool]) -> Iterator[ToolResult | Fill]:
        """The answers of a round's calls, in their order; who leaves early has interrupted them."""
        ids = [f"{turn}.{next(self._numbers)}" for _ in calls]
        given = 0
        try:
            for call_id, call in zip(ids, calls, strict=True):
                language = language_of(call.arguments)
                told = Called(call_id, turn, call.name, call.arguments, tuple(offered), call.fault, language)
                yield from self._tell(told, Kept(call_id))
            while given < len(calls):
                if ids[given] in self._answers:
                    yield self._answers.pop(ids[given])
                    given += 1
                else:
                    yield from self._wait()
        finally:
            for call_id in ids[given:]:
                for _ in self._tell(Interrupted(call_id)):
                    pass
                self._answers.pop(call_id, None)

    def reports(self) -> list[ToolResult]:
        """What has come back of earlier turns' calls since this was asked last."""
        while not self._news.empty():
            for _ in self._tell(self._news.get_nowait()):
                pass
        found, self._reports = self._reports, []
        return found

    def _wait(self) -> Iterator[Fill]:
        due = self._desk.deadline_ms(self._state)
        try:
            news = self._news.get(timeout=None if due is None else max(due - now_ms(), 0) / 1000)
        except queue.Empty:
            yield from self._tell(Tick())
        else:
            yield from self._tell(news)

    def _tell(self, *events: Told) -> Iterator[Fill]:
        waiting = list(events)
        while waiting:
            self._state, orders = self._desk.step(self._state, waiting.pop(0), now_ms())
            for order in orders:
                if isinstance(order, Fill):
                    yield order
                waiting += self._do(order)

    def _do(self, order: Ordered) -> list[Told]:
        if isinstance(order, Start):
            run, context = order.run, Context(order.language, order.tool.timeout_s)
            done: Callable[[ToolResult], None] = lambda result: self._news.put(Came(run, result))  # noqa: E731
            self._threads.run(order.tool, order.name, order.arguments, context, done)
        elif isinstance(order, Give):
            self._answers[order.call] = order.result
        elif isinstance(order, Report):
            self._reports.append(order.result)
        elif isinstance(order, Listen):
            return [Said(order.call, self._listen())]
        return []
