"""Time as something that is handed in: a live conversation asks it, and is woken by it."""

import asyncio
from collections.abc import Callable
from typing import Protocol, runtime_checkable


@runtime_checkable
class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """It will not."""
        ...


@runtime_checkable
class Clock(Protocol):
    """Milliseconds since any moment; they never go back."""

    def now_ms(self) -> int:
        """What time it is."""
        ...

    def at(self, time_ms: int, wake: Callable[[], None]) -> Timer:
        """Call `wake` at `time_ms` or soon after, in the thread of the conversation, and not before this returns."""
        ...


class AsyncClock:
    """The clock of an event loop, the running one by default."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop or asyncio.get_running_loop()

    def now_ms(self) -> int:
        """Whole milliseconds of the loop's time."""
        return int(self.loop.time() * 1000)

    def at(self, time_ms: int, wake: Callable[[], None]) -> asyncio.TimerHandle:
        """A timer of the loop."""
        return self.loop.call_at(time_ms / 1000, wake)
