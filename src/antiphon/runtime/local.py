"""The engine that runs in this process: a `Batch` on a thread, and streams for an event loop.

    event loop        generate ─ waits for steps ─ yields them
                         │ ▲
    thread            orders ─ one recording's piece ─ orders ─ one step of all streams ─ ...

The loop counts what is under way and refuses what is too much; whatever touches the batch is an order to the thread.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import torch

from antiphon.audio.wave import Audio
from antiphon.errors import BusyError, InputError
from antiphon.runtime.batch import Batch, Bucket
from antiphon.runtime.engine import Finished, Request, Stats, Step
from antiphon.runtime.generate import Hearing
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.worker import Worker
from antiphon.text.chat import AudioItem, AudioSegment

Inbox: TypeAlias = "asyncio.Queue[Step | Exception]"
KEPT_CONTEXTS = 2  # rows of sound that a conversation keeps, in contexts


@dataclass(eq=False)
class _Open:
    """A generation under way, as the event loop knows it."""

    number: int
    conversation: str
    inbox: Inbox = field(default_factory=asyncio.Queue)


class LocalEngine:
    """See `Engine`. `queue` is how many requests may wait beside those that run; used from one event loop."""

    def __init__(
        self, model: Loaded, bucket: Bucket | None = None, *, queue: int = 32, worker: Worker | None = None
    ) -> None:
        """`worker`: the thread, where others work on it too; by default the engine has one of its own."""
        self.bucket = Bucket() if bucket is None else bucket
        self.batch = Batch(model, self.bucket, self._hearing_of)
        self.queue = queue
        self._open: dict[str, _Open] = {}
        self._hearings: dict[str, Hearing] = {}
        self._inboxes: dict[int, Inbox] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._count = self._rejected = 0
        self._is_closed = False
        self._worker, self._is_alone = worker or Worker("tokens"), worker is None
        self.hunger: Callable[[], float] = _endless  # how long those who speak can wait for tokens, in seconds
        self._duty = self._worker.join(self._work, self._broke, lambda: min(self.hunger(), 0.0))
        self._duty.post(self.batch.warm)

    def is_on(self, worker: Worker) -> bool:
        """Whether this is the thread that the tokens are made on."""
        return self._worker is worker

    # --- on the event loop --------------------------------------------------------------------------------------------

    async def hear(self, conversation: str, audio: Audio) -> AudioItem:
        """See `Engine.hear`; each piece is encoded between two steps."""
        if not conversation:
            raise InputError("a sound was given without a conversation; name one to keep it for.")
        self._check_open()
        item = await self._worker.run(self._take, conversation, audio)
        for number, rows in enumerate(item.num_rows):
            if rows:
                await self._worker.run(self._encode, conversation, AudioSegment(item.key, number, rows))
        return item

    def keep(self, conversation: str, keys: frozenset[str]) -> None:
        """See `Engine.keep`."""
        self._duty.post(partial(self._keep, conversation, keys))

    async def generate(self, request: Request) -> AsyncGenerator[Step, None]:
        """See `Engine.generate`."""
        entry = self._enter(request)
        finished = False
        try:
            while not finished:
                step = await entry.inbox.get()
                if isinstance(step, Exception):
                    raise step
                finished = isinstance(step, Finished)
                yield step
        finally:
            self._leave(request.id, entry)

    def abort(self, id: str) -> None:
        """See `Engine.abort`."""
        if id in self._open:
            self._duty.post(partial(self._cancel, self._open[id].number))

    def forget(self, conversation: str) -> None:
        """See `Engine.forget`."""
        for id, entry in self._open.items():
            if entry.conversation == conversation:
                self.abort(id)
        self._duty.post(partial(self._drop, conversation))

    def stats(self) -> Stats:
        """See `Engine.stats`."""
        waiting = max(len(self._open) - len(self.batch.running), 0)
        return self.batch.stats(waiting=waiting, rejected=self._rejected, conversations=len(self._hearings))

    async def close(self) -> None:
        """See `Engine.close`."""
        for id in list(self._open):
            self.abort(id)
        if not self._is_closed:
            await self._worker.run(lambda: None)  # what was ordered before is done
        self._is_closed = True
        end = self._worker.close if self._is_alone else self._duty.leave
        await asyncio.get_running_loop().run_in_executor(None, end)

    def _enter(self, request: Request) -> _Open:
        """Take a request in, or refuse it."""
        self._check_open()
        self._loop = asyncio.get_running_loop()
        self.batch.check(request)
        if request.id in self._open:
            raise InputError(f"a request {request.id!r} is under way already; give each a name of its own.")
        if len(self._open) >= self.bucket.streams + self.queue:
            self._rejected += 1
            raise BusyError(
                f"{self.bucket.streams} conversations are being answered and {self.queue} wait; try again later."
            )
        self._count += 1
        entry = self._open[request.id] = _Open(self._count, request.conversation)
        self._inboxes[entry.number] = entry.inbox
        self._duty.post(partial(self.batch.add, entry.number, request))
        return entry

    def _check_open(self) -> None:
        if self._is_closed:
            raise InputError("the engine is closed; open another.")

    def _leave(self, id: str, entry: _Open) -> None:
        """A generation has ended, or nobody listens any more."""
        del self._open[id], self._inboxes[entry.number]
        self._duty.post(partial(self._cancel, entry.number))

    def _deliver(self, steps: list[tuple[int, Step | Exception]]) -> None:
        for number, step in steps:
            if number in self._inboxes:
                self._inboxes[number].put_nowait(step)

    # --- on the thread ------------------------------------------------------------------------------------------------

    def _work(self) -> bool:
        """Let in who can be, then one step; whether there is more to do."""
        steps: list[tuple[int, Step | Exception]] = []
        while (admitted := self.batch.admit()) is not None:
            steps.append(admitted)
        try:
            steps += self.batch.step()
        except Exception as error:  # the machine failed under all of them: each ends with this error, others may come
            steps += [(number, error) for number in self.batch.running]
            self.batch.stop()
        self._tell(steps)
        return self.batch.is_busy

    def _broke(self, error: Exception) -> None:
        """The thread broke down: every reply ends with this error, others may come."""
        numbers = [*self.batch.running, *(number for number, _ in self.batch.waiting)]
        self.batch.clear()
        self._tell([(number, error) for number in numbers])

    def _cancel(self, number: int) -> None:
        finished = self.batch.cancel(number)
        if finished is not None:
            self._tell([(number, finished)])

    def _tell(self, steps: list[tuple[int, Step | Exception]]) -> None:
        if steps and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, steps)

    def _hearing_of(self, conversation: str) -> Hearing:
        """The sounds of a conversation; "" has none."""
        limit = self.batch.limit
        hearing = self._hearings.get(conversation) or Hearing(limit, KEPT_CONTEXTS * limit)
        if conversation:
            self._hearings[conversation] = hearing
        return hearing

    def _take(self, conversation: str, audio: Audio) -> AudioItem:
        return self._hearing_of(conversation).add(audio)

    @torch.inference_mode()
    def _encode(self, conversation: str, segment: AudioSegment) -> None:
        self._hearing_of(conversation).rows(self.batch.model.parts.lm, segment)

    def _keep(self, conversation: str, keys: frozenset[str]) -> None:
        if conversation in self._hearings:
            self._hearings[conversation].forget_but(keys)

    def _drop(self, conversation: str) -> None:
        self._hearings.pop(conversation, None)
        self.batch.slots.forget(conversation)


def _endless() -> float:
    return math.inf
