"""A thread that does the model's work, so that an event loop never does; who needs the model has it in turn.

    loop     post(order) ──┐                          the loop goes on at once
    thread                 orders · a step of tokens · orders · a chunk of sound · orders · a job · orders · ...

Whoever has work of a kind joins with a `Duty`. Orders are short (join, leave); work is done in units, and between two
of them every order that has come is carried out. The next unit is that of the duty that can wait least, of equal ones
that whose turn was longest ago. What happens to the callers' objects is told by their loop's `call_soon_threadsafe`.

An error that no owner caught ends what is under way, of every duty, and nothing else: each is told, the thread goes on.
"""

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

Order = Callable[[], None]
T = TypeVar("T")
logger = logging.getLogger("antiphon.runtime")


@dataclass(eq=False)
class Duty:
    """One kind of work on the thread."""

    worker: "Worker"
    work: Callable[[], bool]  # one unit; whether there may be more to do
    broke: Callable[[Exception], None]  # everything that is under way ends with this error
    patience: Callable[[], float]  # seconds for which the next unit can wait; 0: none, less than 0: it is late
    may_work: bool = False

    def post(self, order: Order) -> None:
        """Have an order carried out before the next unit of work; once the thread has ended nothing is."""
        self.worker.order(self, order)

    def leave(self) -> None:
        """No more of this work is done; waits for the unit under way."""
        self.worker.dismiss(self)


@dataclass(eq=False)
class _Job:
    """A piece of work, and who waits for its result."""

    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop | None = None
    result: "asyncio.Future[Any] | None" = None

    def do(self) -> None:
        """Do it, unless nobody waits any more."""
        if self.result is not None and self.result.cancelled():
            return
        try:
            value = self.work()
        except Exception as error:  # it belongs to whoever asked
            self.settle(None, error)
        else:
            self.settle(value, None)

    def settle(self, value: Any, error: Exception | None) -> None:
        """Hand the result over."""
        if self.loop is not None and self.result is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                self.loop.call_soon_threadsafe(_settle, self.result, value, error)


class Worker:
    """The thread, and the way to it."""

    def __init__(self, name: str) -> None:
        self._duties: list[Duty] = []
        self._orders: deque[tuple[Duty, Order]] = deque()
        self._jobs: deque[_Job] = deque()
        self._job: _Job | None = None  # under way
        self._changed = threading.Condition()
        self._is_closed = False
        self._errands = self.join(self._work, self._broke)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    # --- from outside -------------------------------------------------------------------------------------------------

    def join(
        self, work: Callable[[], bool], broke: Callable[[Exception], None], patience: Callable[[], float] | None = None
    ) -> Duty:
        """Somebody has work; see `Duty`."""
        duty = Duty(self, work, broke, patience or _none)
        with self._changed:
            self._duties.append(duty)
        return duty

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of one unit of work that is nobody's duty; they are done in the order in which they come.

        Raises RuntimeError where the thread has ended.
        """
        if self._is_closed:
            raise RuntimeError("the model's thread has ended")
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        self._errand(_Job(partial(work, *arguments), loop, result))
        return await result

    def order(self, duty: Duty, order: Order) -> None:
        """See `Duty.post`."""
        with self._changed:
            self._orders.append((duty, order))
            self._changed.notify()

    def dismiss(self, duty: Duty) -> None:
        """See `Duty.leave`."""
        gone = threading.Event()

        def leave() -> None:
            with self._changed:
                self._duties = [other for other in self._duties if other is not duty]
            gone.set()

        self.order(duty, leave)
        while not gone.wait(0.1) and self._thread.is_alive():
            pass

    def close(self) -> None:
        """End the thread behind the unit under way, and wait for it; who waits for a job is told so."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        while self._orders:
            duty, order = self._orders.popleft()
            if duty is self._errands:
                order()
        self._broke(RuntimeError("the model's thread has ended"))

    # --- on the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._wait():
            try:
                self._turn()
            except BaseException as error:  # nobody's, so everybody's: each ends what it does, the thread goes on
                logger.exception("the model's thread broke down and goes on")
                self._break(RuntimeError(f"the model's thread broke down ({type(error).__name__})"))

    def _wait(self) -> bool:
        """Until there is something to do; False: never again."""
        with self._changed:
            while not (self._orders or self._is_closed or any(duty.may_work for duty in self._duties)):
                self._changed.wait()
            return not self._is_closed

    def _turn(self) -> None:
        """What was ordered, then one unit."""
        while self._orders:
            duty, order = self._orders.popleft()
            duty.may_work = True
            order()
        busy = [duty for duty in self._duties if duty.may_work]
        if not busy:
            return
        duty = min(busy, key=lambda duty: duty.patience()) if len(busy) > 1 else busy[0]
        with self._changed:
            self._duties.remove(duty)
            self._duties.append(duty)  # of those that can wait equally long it comes last from now on
        duty.may_work = duty.work()

    def _break(self, error: Exception) -> None:
        for duty in list(self._duties):
            duty.may_work = False
            try:
                duty.broke(error)
            except Exception:
                logger.exception("what was under way could not be ended")

    # --- jobs: the work that is nobody's duty -------------------------------------------------------------------------

    def _errand(self, job: _Job) -> None:
        self._errands.post(partial(self._jobs.append, job))

    def _work(self) -> bool:
        if self._jobs:
            self._job = self._jobs.popleft()
            self._job.do()
            self._job = None
        return bool(self._jobs)

    def _broke(self, error: Exception) -> None:
        if self._job is not None:
            self._job.settle(None, error)
            self._job = None
        while self._jobs:
            self._jobs.popleft().settle(None, error)


def beside(worker: Worker) -> Worker:
    """Who makes the sound of what `worker` writes: a thread for another core, or where there is none itself.

    A product of tensors lets other threads run, so that two of them have more of two cores than one has of one.
    """
    return Worker("sound") if num_cores() > 1 else worker


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _none() -> float:
    return 0.0


def _settle(result: "asyncio.Future[T]", value: T, error: Exception | None) -> None:
    """Hand a result over, unless nobody waits for it any more."""
    if result.done():
        return
    if error is not None:
        result.set_exception(error)
    else:
        result.set_result(value)
