"""A live conversation in this process: a model on engines of its own, events as an asynchronous stream.

    async with converse(model, settings) as talk:
        talk.live.hear(samples)                  the methods of `Live`
        async for event in talk.events: ...      what it tells; ends when the conversation does
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from antiphon.runtime.batch import Bucket
from antiphon.runtime.clock import AsyncClock
from antiphon.runtime.engine_mind import EngineMind
from antiphon.runtime.listening import Cutting
from antiphon.runtime.live import Live
from antiphon.runtime.live_events import LiveEvent
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.manner import Settings
from antiphon.runtime.mouths import LocalVoices
from antiphon.runtime.vad import Vad

ALONE = Bucket(streams=1, places=16, slots=3)  # the reply, a transcript, and a speculation that is being dropped


@dataclass
class Counted:
    """Names by number: nobody else is there to guess them."""

    numbers: "count[int]" = field(default_factory=count)

    def item(self) -> str:
        """Of an item."""
        return f"item-{next(self.numbers)}"

    def response(self) -> str:
        """Of a reply."""
        return f"reply-{next(self.numbers)}"

    def call(self) -> str:
        """Of a call."""
        return f"call-{next(self.numbers)}"


class Conversing:
    """A conversation and what it tells."""

    def __init__(self, mind: EngineMind, settings: Settings, vad: Vad | None, cutting: Cutting) -> None:
        self._told: asyncio.Queue[LiveEvent | None] = asyncio.Queue()
        self.live = Live(mind, AsyncClock(), Counted(), self._told.put_nowait, settings, vad, cutting)

    @property
    def events(self) -> AsyncIterator[LiveEvent]:
        """Everything that happens, as it happens."""
        return self._events()

    async def _events(self) -> AsyncIterator[LiveEvent]:
        while (event := await self._told.get()) is not None:
            yield event

    def end(self) -> None:
        """Leave; the events end."""
        self.live.leave()
        self._told.put_nowait(None)


@asynccontextmanager
async def converse(
    model: Loaded, settings: Settings, vad: Vad | None = None, cutting: Cutting | None = None
) -> AsyncIterator[Conversing]:
    """A conversation; the model listens in its own way if `cutting` is None. What it needs ends with the block."""
    engine = LocalEngine(model, ALONE)
    voices = LocalVoices(model) if model.speaks else None
    mind = EngineMind(model, engine, voices, "the conversation")
    talk = Conversing(mind, settings, vad, cutting or Cutting.of(model.variant))
    try:
        yield talk
    finally:
        talk.end()
        if voices is not None:
            await voices.close()
        await engine.close()
