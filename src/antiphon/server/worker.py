"""One thread that owns the model. Whoever wants something of it queues; a stream queues anew for each of its events.

    request a   ·1  ·2  ·3        the loop of the sockets waits, and never works
    request b     ·1  ·2
    thread      a1 b1 a2 b2 a3    first come, first served: nobody waits longer than one event of each other

An event that nobody takes is not made, so a slow reader holds back only itself; a stream that is given up is closed
behind the event under way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")
P = TypeVar("P")
_END = object()


class Worker:
    """The thread, and the way to it."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="model")

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of one piece of work."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    @asynccontextmanager
    async def stream(self, start: Callable[[], Iterator[T]]) -> AsyncIterator[AsyncIterator[T]]:
        """The events of an iterator that is begun and driven on the thread; closed with the block, come what may."""
        iterator = await self.run(start)
        try:
            yield self._events(iterator)
        finally:
            if isinstance(iterator, Generator):
                self._pool.submit(iterator.close)

    async def _events(self, iterator: Iterator[T]) -> AsyncIterator[T]:
        while (event := await self.run(next, iterator, _END)) is not _END:
            yield event

    def close(self) -> None:
        """End the thread behind what it does."""
        self._pool.shutdown(wait=False, cancel_futures=True)
