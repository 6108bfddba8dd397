"""How a live conversation is held: what its client may choose, and what one reply was asked for with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from antiphon.audio.wave import Audio
from antiphon.runtime.context import Retention
from antiphon.runtime.dialogue import Manners
from antiphon.runtime.sample import Sampling
from antiphon.runtime.turns import TurnDetector
from antiphon.text.prompts import Reply
from antiphon.text.toolcall import ToolCall
from antiphon.tools.tool import Tool


@runtime_checkable
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
    sampling: Sampling | None = None  # None: the model's own way, with `seed`
    seed: int = 0
    max_tokens: int = 2048
    voice: Audio | None = None  # a recording of the voice; None: the model's own
    speed: float = 1.0  # of its sound

    @property
    def spoken_seed(self) -> int:
        """The seed that its speech is drawn with."""
        return self.seed if self.sampling is None else self.sampling.seed


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What may be changed while a conversation runs."""

    how: How = How()
    manners: Manners = Manners()
    detector: TurnDetector[Any] | None = None  # None: the client says itself when a turn ends
    retention: Retention = Retention()
    transcribe: bool = False  # tell what the user said
    lead_ms: int | None = 2000  # sound is sent at most so much ahead of its being played; None: as it comes
    reports: bool = False  # the client says itself what it has played (`played`, `silenced`); else the clock does


@dataclass(frozen=True)
class Asked:
    """What a reply is made by. `tag` is the client's, and goes back to it."""

    how: How
    tag: object = None

    def runs_here(self, call: ToolCall) -> bool:
        """Whether a call is ours to answer: it is not for the client, or nobody could make sense of it."""
        return bool(call.fault) or all(function.get("name") != call.name for function in self.how.functions)
