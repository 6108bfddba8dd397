"""What the controller knows of a conversation: its manners, who has the floor, the reply under way, the speculation."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from antiphon.errors import ConfigError
from antiphon.runtime.orders import FromGenerator
from antiphon.runtime.turns import Utterance

Phase = Literal["idle", "listening", "user", "speculating", "thinking", "tool", "speaking", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How turns are taken; `create_response`, `interrupt_response` and `idle_timeout_ms` are OpenAI's."""

    create_response: bool = True  # a turn of the user is answered unasked
    interrupt_response: bool = True  # who speaks long enough stops the reply
    idle_timeout_ms: int | None = None  # after a reply, before the model speaks again unasked
    onset_ms: int = 64  # voiced sound that begins a turn: less is a click
    barge_in_ms: int = 250  # voiced sound that interrupts: less is a noise, or an "mm-hm"
    tool_timeout_ms: int = 10_000
    max_speculations: int = 3  # in one turn; 0: none

    def __post_init__(self) -> None:
        for name in ("onset_ms", "barge_in_ms", "tool_timeout_ms", "idle_timeout_ms"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"{name} is {value}; give a number of milliseconds above 0")
        if self.max_speculations < 0:
            raise ConfigError(f"max_speculations is {self.max_speculations}; give 0 or more")


@dataclass(frozen=True)
class Reply:
    """A reply under way. `calls`: tools that run, each with the time at which it is given up."""

    id: int
    emitted_ms: int = 0
    played_ms: int = 0
    is_generating: bool = True
    has_called: bool = False  # in this round: another one follows
    calls: tuple[tuple[str, int], ...] = ()
    is_closed: bool = False

    @property
    def phase(self) -> Phase:
        """What the user notices of it."""
        if self.played_ms < self.emitted_ms:
            return "speaking"
        return "tool" if self.calls else "thinking"

    def heard(self, ms: int) -> "Reply":
        """The same with `ms` of it played: never less than was known, never more than was sent."""
        return replace(self, played_ms=min(max(self.played_ms, ms), self.emitted_ms))


@dataclass(frozen=True)
class Speculation:
    """A reply that may prove to be premature, and what it has made: held back."""

    id: int
    utterance: Utterance
    held: tuple[FromGenerator, ...] = ()


@dataclass(frozen=True)
class Speculations:
    """How speculation fares: started == committed + discarded, and one more while speculating."""

    started: int = 0
    committed: int = 0
    discarded: int = 0
    wasted_tokens: int = 0  # reported by the generator before it was told to stop


@dataclass(frozen=True)
class State:
    """Everything that a conversation's controller knows. `turns` is the detector's own."""

    phase: Phase = "idle"
    turns: Any = None
    reply: Reply | None = None
    speculation: Speculation | None = None
    tries: int = 0  # speculations in this turn
    silenced: Reply | None = None  # how much of it was heard is not known yet
    waiting: tuple[Utterance, ...] = ()  # turns that do not stand in the history yet
    is_asked: bool = False  # the client wants a reply
    idle_at_ms: int | None = None
    next_id: int = 0
    ordinal: int = 0  # replies that there have been
    counts: Speculations = field(default_factory=Speculations)

    @property
    def deadline_ms(self) -> int | None:
        """When the next `Tick` is due, if nothing happens before."""
        calls = [deadline for _, deadline in self.reply.calls] if self.reply else []
        idle = [self.idle_at_ms] if self.phase == "listening" and self.idle_at_ms is not None else []
        return min([*calls, *idle], default=None)
