"""What the controller is told, and what it orders: values, without sound or tokens of their own.

    told     Frame, Speech, Pause, TurnEnd (turns.py) · Part, ToolCalled, Done · ToolAnswered · Played, Silenced
             Client... · Tick
    ordered  Begin, Speculate, Keep, Discard · TakeTurn · Emit · RunTool, GiveResult, Continue · Close · Silence, Cut
             SpeechStarted, SpeechStopped, TimedOut, End

A reply has a number by which generator, loudspeaker and controller speak of it. These numbers stay inside, for a
speculation uses one up, and what is thrown away must leave no trace outside.
"""

from dataclasses import dataclass
from typing import TypeAlias

from antiphon.runtime.turns import Frame, Pause, Speech, TurnEnd, Utterance


@dataclass(frozen=True)
class Part:
    """The generator made a piece of a reply: text (`ms` is 0) or sound of that length, and the tokens it took."""

    reply: int
    content: object
    ms: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class ToolCalled:
    """The model calls a tool; `call` is the name of this call, `content` what is called with what."""

    reply: int
    call: str
    content: object = None
    tokens: int = 0


@dataclass(frozen=True)
class Done:
    """The generator has come to the end of a round: of the reply, or up to the results of the tools it called."""

    reply: int
    tokens: int = 0
    has_failed: bool = False


@dataclass(frozen=True)
class ToolAnswered:
    """A tool came back; `content` is its result, or its error."""

    reply: int
    call: str
    content: object
    has_failed: bool = False


@dataclass(frozen=True)
class Played:
    """The client has played `ms` of the reply, and goes on."""

    reply: int
    ms: int


@dataclass(frozen=True)
class Silenced:
    """The client has stopped the reply as told, after `ms` of it: this much was heard."""

    reply: int
    ms: int


@dataclass(frozen=True)
class ClientJoined:
    """Somebody is there."""


@dataclass(frozen=True)
class ClientLost:
    """Nobody is there any more."""


@dataclass(frozen=True)
class ClientCommit:
    """The client says itself that this is a turn (no detector, or before it)."""

    utterance: Utterance


@dataclass(frozen=True)
class ClientCleared:
    """The client takes back the sound up to `end_ms`: it belongs to no turn."""

    end_ms: int


@dataclass(frozen=True)
class ClientRespond:
    """The client asks for a reply to what stands in the history; it comes when nobody speaks."""


@dataclass(frozen=True)
class ClientCancel:
    """The client wants the reply to stop."""


@dataclass(frozen=True)
class ClientChanged:
    """Instructions, tools or items of the history are others now."""


@dataclass(frozen=True)
class Tick:
    """Time has passed; due at `State.deadline_ms`."""


@dataclass(frozen=True)
class Opinion:
    """From what it generates the model judges, 0 to 1, whether the user had finished at the pause."""

    reply: int
    ending: float


FromGenerator: TypeAlias = Part | ToolCalled | Done
FromClient: TypeAlias = (
    ClientJoined | ClientLost | ClientCommit | ClientCleared | ClientRespond | ClientCancel | ClientChanged
)
Told: TypeAlias = (
    Frame | Speech | Pause | TurnEnd | FromGenerator | Opinion | ToolAnswered | Played | Silenced | FromClient | Tick
)


@dataclass(frozen=True)
class Begin:
    """Generate a reply to the history. `ordinal` counts the replies of the conversation: the chance of it is its."""

    reply: int
    ordinal: int


@dataclass(frozen=True)
class Speculate:
    """Generate what `Begin` would, were `utterance` in the history; nothing of it may be kept elsewhere."""

    reply: int
    ordinal: int
    utterance: Utterance


@dataclass(frozen=True)
class Keep:
    """The speculation was right: it is the reply from now on, in place of a `Begin`."""

    reply: int
    ordinal: int


@dataclass(frozen=True)
class Discard:
    """The speculation was wrong: end it and forget it."""

    reply: int


@dataclass(frozen=True)
class TakeTurn:
    """The utterance enters the history as a turn of the user."""

    utterance: Utterance


@dataclass(frozen=True)
class Emit:
    """Send the part to the client."""

    part: Part


@dataclass(frozen=True)
class RunTool:
    """Run the tool."""

    called: ToolCalled


@dataclass(frozen=True)
class GiveResult:
    """Add a tool's result to the history; with `has_timed_out` there is none, and `content` is None."""

    reply: int
    call: str
    content: object
    has_failed: bool = False
    has_timed_out: bool = False


@dataclass(frozen=True)
class Continue:
    """All results are there: generate the next round of the reply."""

    reply: int


@dataclass(frozen=True)
class Close:
    """The reply is complete, though perhaps not played yet; it stands in the history unless a `Cut` follows."""

    reply: int
    has_failed: bool = False


@dataclass(frozen=True)
class Silence:
    """End the generation, drop the sound that was not sent, tell the client to be silent and to report `Silenced`."""

    reply: int


@dataclass(frozen=True)
class Cut:
    """Of the reply, the history keeps what goes with its first `heard_ms`; what its tools have done stays."""

    reply: int
    heard_ms: int


@dataclass(frozen=True)
class SpeechStarted:
    """For the client: the user's turn began here in its sound."""

    start_ms: int


@dataclass(frozen=True)
class SpeechStopped:
    """For the client: the user's turn ended here in its sound."""

    end_ms: int


@dataclass(frozen=True)
class TimedOut:
    """For the client: nobody has said anything for `idle_timeout_ms`; a reply follows."""


@dataclass(frozen=True)
class End:
    """The client is gone: nothing of the conversation runs any more."""


Order: TypeAlias = (
    Begin
    | Speculate
    | Keep
    | Discard
    | TakeTurn
    | Emit
    | RunTool
    | GiveResult
    | Continue
    | Close
    | Silence
    | Cut
    | SpeechStarted
    | SpeechStopped
    | TimedOut
    | End
)
