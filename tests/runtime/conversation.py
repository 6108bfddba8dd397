"""A made-up world around a controller: a user, a client, a generator and tools, on a clock that only events move.

The model is a pure function of the history; what it says can therefore be computed beside the controller, and compared.
"""

import heapq
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from antiphon.runtime.controller import Controller
from antiphon.runtime.dialogue import State
from antiphon.runtime.orders import (
    Begin,
    ClientJoined,
    ClientLost,
    Close,
    Continue,
    Cut,
    Discard,
    Done,
    Emit,
    End,
    GiveResult,
    Keep,
    Order,
    Part,
    Played,
    RunTool,
    Silence,
    Silenced,
    Speculate,
    TakeTurn,
    Tick,
    ToolAnswered,
    ToolCalled,
)
from antiphon.runtime.turns import Frame

FRAME_MS = 32
WORD_MS = 160  # one group of ta4: a word and its sound
NET_MS = 20  # one way between server and client
STRAY_MS = 40  # a generator that was told to stop still says what it makes until then


@dataclass(frozen=True)
class Pace:
    """How long things take: first word, each further word, tools in turn, the client's report that it is silent."""

    first_ms: int = 100
    word_ms: int = 70
    tools_ms: tuple[int, ...] = (200,)
    report_ms: int = 0


Prompt = tuple[Any, ...]


def generated(prompt: Prompt) -> tuple[tuple[str, ...], int]:
    """What the model says to a prompt: words, and how many tools it calls after them (once in a reply)."""
    chance = zlib.crc32(repr(prompt).encode())
    words = tuple(f"{chance:08x}.{n}" for n in range(chance % 13))
    return words, 0 if prompt[-1][0] == "results" else chance // 13 % 4 % 3


@dataclass
class Spoken:
    """A reply as the client and the history know it."""

    id: int
    ordinal: int
    rounds: list[tuple[Prompt, list[str]]] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)  # in the history: words, results
    results: dict[str, Any] = field(default_factory=dict)  # of the round's calls
    sounds: list[tuple[int, int]] = field(default_factory=list)  # when the client plays
    reported_ms: int = 0
    is_closed: bool = False
    silenced_at: int | None = None
    heard_ms: int | None = None  # what the client played, once it is silent
    has_reported: bool = False
    cut_ms: int | None = None

    def words(self) -> list[str]:
        return [item for item in self.items if isinstance(item, str)]


class World:
    """Runs a controller through a conversation and refuses, on the way, whatever must not be."""

    def __init__(self, controller: Controller, pace: Pace, lost_at: int | None = None) -> None:
        self.controller, self.pace, self.lost_at = controller, pace, lost_at
        self.state, self.now = State(), 0
        self.queue: list[tuple[int, int, Any]] = []
        self.count = 0
        self.orders: list[Order] = []
        self.history: list[Any] = []
        self.spoken: dict[int, Spoken] = {}
        self.guesses: dict[int, Prompt] = {}
        self.stopped_at: dict[int, int] = {}
        self.told_tokens: dict[int, int] = {}
        self.calls_run = 0
        self.tell(ClientJoined())
        if lost_at is not None:
            self.at(lost_at, ClientLost())

    # the clock

    def at(self, time: int, event: Any) -> None:
        self.count += 1
        heapq.heappush(self.queue, (time, self.count, event))

    def run(self, user: Iterator[bool]) -> "World":
        """The conversation: a frame of the user's sound every 32 ms, voiced or not, then silence until all is done."""
        for number, is_voiced in enumerate(user):
            end = (number + 1) * FRAME_MS
            self.until(end)
            if self.lost_at is None or end < self.lost_at:
                self.tell(Frame(end - FRAME_MS, end, 0.9 if is_voiced else 0.05))
        self.until(self.now + 120_000)
        return self

    def until(self, time: int) -> None:
        while self.queue and self.queue[0][0] <= time:
            self.now, _, event = heapq.heappop(self.queue)
            self.tell(event)
        self.now = time

    def tell(self, event: Any) -> None:
        if isinstance(event, Silence):
            return self.client_stops(self.spoken[event.reply])
        if isinstance(event, Emit):
            return self.client_plays(self.spoken[event.part.reply], event.part)
        if isinstance(event, Part | ToolCalled | Done):
            if self.now > self.stopped_at.get(event.reply, self.now) + STRAY_MS:
                return None
            if self.state.speculation is not None and self.state.speculation.id == event.reply:
                self.told_tokens[event.reply] = self.told_tokens.get(event.reply, 0) + event.tokens
        if isinstance(event, Played) and event.reply in self.spoken:
            spoken = self.spoken[event.reply]
            if spoken.heard_ms is not None and event.ms > spoken.heard_ms:
                return None  # it never came to that
            spoken.reported_ms = event.ms
        if isinstance(event, Silenced):
            self.spoken[event.reply].has_reported = True
        before = self.state
        self.state, orders = self.controller.step(before, event, self.now)
        if not isinstance(event, Frame):
            assert self.controller.step(before, event, self.now) == (self.state, orders)  # a function
        for order in orders:
            self.orders.append(order)
            name = "goes_on" if isinstance(order, Continue) else type(order).__name__.lower()
            getattr(self, name, lambda order: None)(order)
        if self.state.deadline_ms not in (None, before.deadline_ms):
            self.at(self.state.deadline_ms, Tick())
        return None

    # the generator

    def prompt(self) -> Prompt:
        items: list[Any] = []
        for entry in self.history:
            items.append(("reply", *entry.items) if isinstance(entry, Spoken) else entry)
        return tuple(items)

    def generate(self, reply: int, prompt: Prompt) -> None:
        words, num_calls = generated(prompt)
        time = self.now + self.pace.first_ms
        for word in words:
            self.at(time, Part(reply, word, WORD_MS, tokens=5))
            time += self.pace.word_ms
        for number in range(num_calls):
            self.at(time, ToolCalled(reply, f"call{number}", tokens=9))
        self.at(time, Done(reply, tokens=1))

    def nothing_is_uncut(self) -> None:
        assert not [s for s in self.spoken.values() if s.silenced_at is not None and s.cut_ms is None]

    def said(self, utterance: Any) -> Any:
        return ("user", utterance.end_ms - utterance.start_ms, utterance.voiced_ms)

    def begin(self, order: Begin) -> None:
        self.nothing_is_uncut()
        prompt = self.prompt()
        self.open(order.reply, order.ordinal, prompt)
        self.generate(order.reply, prompt)

    def speculate(self, order: Speculate) -> None:
        self.nothing_is_uncut()
        self.guesses[order.reply] = (*self.prompt(), self.said(order.utterance))
        self.generate(order.reply, self.guesses[order.reply])

    def keep(self, order: Keep) -> None:
        prompt = self.prompt()
        assert self.guesses.pop(order.reply) == prompt  # as if it had begun only now
        self.open(order.reply, order.ordinal, prompt)

    def discard(self, order: Discard) -> None:
        assert order.reply not in self.spoken
        del self.guesses[order.reply]
        self.stopped_at[order.reply] = self.now

    def open(self, reply: int, ordinal: int, prompt: Prompt) -> None:
        assert reply not in self.spoken and ordinal == len(self.spoken)
        assert all(s.is_closed or s.silenced_at is not None for s in self.spoken.values())
        self.spoken[reply] = Spoken(reply, ordinal, [(prompt, [])])
        self.history.append(self.spoken[reply])

    def taketurn(self, order: TakeTurn) -> None:
        self.nothing_is_uncut()
        self.history.append(self.said(order.utterance))

    # the reply

    def emit(self, order: Emit) -> None:
        spoken = self.spoken[order.part.reply]  # a speculation is not there
        assert spoken.silenced_at is None and not spoken.is_closed
        spoken.items.append(order.part.content)
        prompt, words = spoken.rounds[-1]
        words.append(str(order.part.content))
        assert tuple(words) == generated(prompt)[0][: len(words)]
        self.at(self.now + NET_MS, order)

    def client_plays(self, spoken: Spoken, part: Part) -> None:
        if spoken.heard_ms is not None:
            return
        start = max(self.now, spoken.sounds[-1][1] if spoken.sounds else 0)
        spoken.sounds.append((start, start + part.ms))
        self.at(start + part.ms + NET_MS, Played(spoken.id, WORD_MS * len(spoken.sounds)))

    def client_stops(self, spoken: Spoken) -> None:
        spoken.sounds = [(start, min(end, self.now)) for start, end in spoken.sounds if start < self.now]
        spoken.heard_ms = sum(end - start for start, end in spoken.sounds)
        self.at(self.now + NET_MS + self.pace.report_ms, Silenced(spoken.id, spoken.heard_ms))

    def runtool(self, order: RunTool) -> None:
        assert self.spoken[order.called.reply].silenced_at is None
        took = self.pace.tools_ms[self.calls_run % len(self.pace.tools_ms)]
        self.calls_run += 1
        self.at(self.now + took, ToolAnswered(order.called.reply, order.called.call, f"after {took}"))

    def giveresult(self, order: GiveResult) -> None:
        results = self.spoken[order.reply].results
        assert order.call not in results
        results[order.call] = "timed out" if order.has_timed_out else order.content

    def goes_on(self, order: Continue) -> None:
        spoken = self.spoken[order.reply]
        prompt, words = spoken.rounds[-1]
        assert (tuple(words), len(spoken.results)) == generated(prompt)
        spoken.items.append(tuple(sorted(spoken.results.items())))
        spoken.results = {}
        spoken.rounds.append(((*self.prompt(), ("results",)), []))
        self.generate(order.reply, spoken.rounds[-1][0])

    def close(self, order: Close) -> None:
        spoken = self.spoken[order.reply]
        prompt, words = spoken.rounds[-1]
        assert (tuple(words), 0) == generated(prompt) and not spoken.is_closed  # all of it, once
        spoken.is_closed = True

    def silence(self, order: Silence) -> None:
        spoken = self.spoken[order.reply]
        assert spoken.silenced_at is None
        spoken.silenced_at = self.stopped_at[order.reply] = self.now
        self.at(self.now + NET_MS, order)

    def cut(self, order: Cut) -> None:
        spoken = self.spoken[order.reply]
        assert spoken.silenced_at is not None and spoken.cut_ms is None
        spoken.cut_ms = order.heard_ms
        if spoken.has_reported:
            assert order.heard_ms == spoken.heard_ms
        else:
            assert order.heard_ms == spoken.reported_ms
        kept = spoken.words()[: order.heard_ms // WORD_MS]
        spoken.items = [item for item in spoken.items if not isinstance(item, str) or item in kept]

    def end(self, order: End) -> None:
        self.nothing_is_uncut()
