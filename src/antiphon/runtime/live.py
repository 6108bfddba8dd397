"""One live conversation: the user's sound goes in, typed events come out, the model works meanwhile.

    hear ─ VAD ─┐                                          ┌─ Mind: encode, generate, tools (elsewhere, never here)
    add, respond, cancel, ... ─ Controller ─ orders ─┼─ History: what the model is told next
    clock ──────┘                                          └─ Outbox: what the client is told, paced ─> events

A `Live` has no thread and no clock of its own: every method is called in one thread (an event loop) and returns at
once; what time it is and when to be called again it asks its `Clock`, so that a test turns the clock itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.runtime.dialogue import Manners, Phase, Speculations
from antiphon.runtime.history import Entry
from antiphon.runtime.live_events import LiveEvent
from antiphon.runtime.mind import Mind
from antiphon.runtime.sample import Sampling
from antiphon.runtime.turns import TurnDetector
from antiphon.text.prompts import Reply
from antiphon.tools.tool import Tool


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """It will not."""
        ...


class Clock(Protocol):
    """Time, in milliseconds since any moment; it never goes back. `AsyncClock` is that of an event loop."""

    def now_ms(self) -> int:
        """What time it is."""
        ...

    def at(self, time_ms: int, wake: Callable[[], None]) -> Timer:
        """Call `wake` at `time_ms`, in the thread of the conversation."""
        ...


class Ids(Protocol):
    """Fresh names; `server.protocol.ids.Ids` is one."""

    def item(self) -> str: ...
    def response(self) -> str: ...
    def call(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class How:
    """How a reply is made. `tools` are run here, `functions` (definitions in OpenAI's form) by the client."""

    system: str | None = None  # the instruction that begins the conversation; None: the model's own, "": none
    form: Reply = "speech"
    tools: tuple[Tool, ...] = ()
    functions: tuple[Mapping[str, Any], ...] = ()
    sampling: Sampling = Sampling()
    max_tokens: int = 2048
    voice: Audio | None = None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What may be changed while a conversation runs."""

    how: How = How()
    manners: Manners = Manners()
    detector: TurnDetector[Any] | None = None  # None: the client says itself when a turn ends
    transcribe: bool = False  # tell what the user said
    lead_ms: int | None = 2000  # sound is sent at most so much ahead of its being played; None: as it comes
    reports: bool = False  # the client says itself what it has played (`played`, `silenced`); else the clock does


class Live:
    """One conversation; see the top of this file."""

    def __init__(
        self, mind: Mind, clock: Clock, ids: Ids, tell: Callable[[LiveEvent], None], settings: Settings
    ) -> None:
        """`tell` is called with every event, in order, in the thread of the conversation."""
        raise NotImplementedError

    # what it is doing

    @property
    def phase(self) -> Phase:
        """Who has the floor."""
        raise NotImplementedError

    @property
    def active(self) -> str | None:
        """The reply of the conversation that is under way: one that has not been told to be done."""
        raise NotImplementedError

    @property
    def counts(self) -> Speculations:
        """How speculation fares."""
        raise NotImplementedError

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The history as the model is told it."""
        raise NotImplementedError

    # the user's sound

    def hear(self, samples: Float[Tensor, " n"]) -> None:
        """Sound at 16 kHz, any number of samples; a second at a time is a good measure, for its VAD is run here."""
        raise NotImplementedError

    def commit(self) -> str:
        """The sound since the last turn is a turn; the name that it has. InputError where there is (almost) none."""
        raise NotImplementedError

    def clear(self) -> None:
        """Forget the sound that is in no turn yet."""
        raise NotImplementedError

    # the conversation

    def configure(self, settings: Settings) -> None:
        """Other settings, from now on; a reply under way goes on as it began."""
        raise NotImplementedError

    def add(self, entry: Entry, after: str | None = None) -> str | None:
        """Insert an entry after another one (None: at the end; "root": first); the name of the one before it."""
        raise NotImplementedError

    def delete(self, item: str) -> None:
        """Take an item out of the history. InputError where it is not there."""
        raise NotImplementedError

    def truncate(self, item: str, heard_ms: int) -> None:
        """A spoken item was heard for so long, and the history keeps that. InputError for another kind of item."""
        raise NotImplementedError

    # replies

    def respond(self, how: How | None = None, tag: object = None) -> None:
        """Answer the history, once nobody speaks; `how` replaces the settings' for this reply."""
        raise NotImplementedError

    def aside(self, entries: tuple[Entry, ...], how: How | None = None, tag: object = None) -> str:
        """Answer `entries` outside the conversation; several may be under way. The name of the reply."""
        raise NotImplementedError

    def cancel(self, reply: str | None = None) -> bool:
        """Stop a reply (None: that of the conversation); whether there was one."""
        raise NotImplementedError

    def played(self, item: str, ms: int) -> None:
        """The client has played `ms` of an item and goes on (only where `Settings.reports`)."""
        raise NotImplementedError

    def silenced(self, item: str, ms: int) -> None:
        """The client fell silent as it was told, after `ms` of the item (only where `Settings.reports`)."""
        raise NotImplementedError

    def leave(self) -> None:
        """The client is gone: all work ends, nothing more is told."""
        raise NotImplementedError


