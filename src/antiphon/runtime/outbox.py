"""What leaves for the client: events in order, sound cut small and paced.

    put    Text ·· Sound 1 s ······ ReplyDone
    told   Text  S S S S S S S S S S    S S S  ReplyDone        200 ms each, at most `lead_ms` ahead of their playing

A reply that is silenced is closed here: of what was told, every item and the reply itself come to an end; what was not
told never is.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from antiphon.rates import SPOKEN_HZ, exact_div
from antiphon.runtime.live_events import (
    AudioDelta,
    Called,
    ItemDone,
    ItemStarted,
    LiveEvent,
    Ran,
    ReplyDone,
    ReplyStarted,
    TextDelta,
)
from antiphon.runtime.playback import Playback

PER_MS = exact_div(SPOKEN_HZ, 1000)  # samples
CHUNK_MS = 200  # the longest sound in one event


@dataclass
class Told:
    """What the client knows of an item that is not done."""

    started: ItemStarted
    text: str = ""
    ms: int = 0

    def ended(self) -> ItemDone:
        """Its end before its time."""
        begun = self.started
        return ItemDone(begun.reply, begun.item, begun.index, begun.kind, self.text, self.ms, is_whole=False)


@dataclass(frozen=True)
class Dropped:
    """What is still to be told, the replies that must be told to be done, and the items that never were told."""

    closing: tuple[LiveEvent, ...]
    replies: tuple[str, ...]
    untold: tuple[str, ...]


class Outbox:
    """The events of the conversation's replies on their way."""

    def __init__(self, tell: Callable[[LiveEvent], None], playback: Playback) -> None:
        self._tell, self.playback = tell, playback
        self._queue: deque[LiveEvent] = deque()
        self._open: dict[str, Told] = {}
        self.active: ReplyStarted | None = None  # told to have started and not to be done
        self._is_pumping = False

    def put(self, event: LiveEvent) -> None:
        """Behind all others."""
        if not isinstance(event, AudioDelta):
            self._queue.append(event)
            return
        size = CHUNK_MS * PER_MS
        for first in range(0, len(event.samples), size):
            chunk = event.samples[first : first + size]
            self._queue.append(replace(event, samples=chunk, start_ms=event.start_ms + first // PER_MS))

    def pump(self, now_ms: int, lead_ms: int | None) -> int | None:
        """Tell what may be told; when there will be more to tell, if there is anything left."""
        if self._is_pumping:
            return None
        self._is_pumping = True
        self.playback.settle(now_ms)
        try:
            while self._queue:
                event = self._queue[0]
                if isinstance(event, AudioDelta) and lead_ms is not None:
                    if self.playback.until_ms - now_ms > lead_ms:
                        return self.playback.until_ms - lead_ms
                self._queue.popleft()
                self._note(event, now_ms)
                self._tell(event)
        finally:
            self._is_pumping = False
        return None

    def has_sound(self, items: list[str]) -> bool:
        """Whether sound of these items waits to be sent."""
        return any(isinstance(event, AudioDelta) and event.item in items for event in self._queue)

    def drop(self) -> "Dropped":
        """Nothing more of what waits is told, but for the calls that our tools have answered or will answer."""
        by_client = {event.item for event in self._queue if isinstance(event, Called) and event.by_client}
        closing: list[LiveEvent] = [told.ended() for told in self._open.values()]
        replies, untold = [] if self.active is None else [self.active.reply], list[str]()
        for event in self._queue:
            if isinstance(event, ReplyStarted):
                closing.append(event)
                replies.append(event.reply)
            elif isinstance(event, ItemStarted) and (event.kind != "call" or event.item in by_client):
                untold.append(event.item)
            elif isinstance(event, Ran | ItemStarted) or (isinstance(event, Called) and not event.by_client):
                closing.append(event)
        self._queue.clear()
        self._open.clear()
        self.active = None
        return Dropped(tuple(closing), tuple(replies), tuple(untold))

    def _note(self, event: LiveEvent, now_ms: int) -> None:
        if isinstance(event, ReplyStarted):
            self.active = event
        elif isinstance(event, ReplyDone):
            self.active = None
        elif isinstance(event, ItemStarted):
            self._open[event.item] = Told(event)
        elif isinstance(event, ItemDone | Called):
            self._open.pop(event.item, None)
        elif isinstance(event, TextDelta):
            self._open[event.item].text += event.text
        elif isinstance(event, AudioDelta):
            ms = len(event.samples) // PER_MS
            self._open[event.item].ms += ms
            self.playback.send(event.item, ms, now_ms)
