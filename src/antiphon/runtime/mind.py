"""What a live conversation needs of a model: ears, a voice, tools. One `Mind` serves one conversation.

    hear(piece) ──> AudioItem       taken in at once, encoded meanwhile
    begin(request, tell) ──> Job    one round of a reply: tell(Progress) ... tell(Progress) tell(Finished)
    run(tool, call, tell, seed) ──> Job  a tool of the server: tell(ToolResult)

Nothing here waits. `tell` is called in the thread of the conversation (in its event loop), never before `begin` has
returned, and never after `Job.cancel`. A round is a function of its request: who asks twice is told the same twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.runtime.events import AudioOut, Text, Think, ToolResult, Utterance
from antiphon.runtime.sample import Sampling
from antiphon.text.chat import AudioItem, Message
from antiphon.text.prompts import Reply
from antiphon.text.toolcall import ToolCall
from antiphon.tools.tool import Tool

if TYPE_CHECKING:
    from antiphon.runtime.dialect import Dialect


@dataclass(frozen=True)
class Request:
    """One round of a reply: what to continue, and how."""

    messages: tuple[Message, ...]
    form: Reply = "speech"
    tools: tuple[Tool, ...] = ()  # those that may be called; other calls are words
    sampling: Sampling = Sampling()
    max_tokens: int = 2048
    voice: Audio | None = None  # a recording of the voice to speak with; None: the model's own
    speed: float = 1.0  # of its sound: so many times as fast as the model speaks
    mends: bool = True  # a call that is nearly right is one; without it, it stays words


@dataclass(frozen=True, eq=False)
class Progress:
    """`ids` were generated since the last progress, and brought about `event` (None: nothing to be noticed).

    All progress of a round together holds all of its ids, without the stop id and without thinking.
    """

    ids: tuple[int, ...]
    event: Text | AudioOut | Think | ToolCall | None = None
    logprob: float | None = None  # of the last id: the natural logarithm of its probability, where that is known


@dataclass(frozen=True)
class Finished:
    """The round has ended: what was said in it, or in one sentence why it failed. The tokens that its prompt took."""

    utterance: Utterance | None = None
    error: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt, those that did not have to be read again


Told: TypeAlias = Progress | Finished


@runtime_checkable
class Job(Protocol):
    """Work under way."""

    def cancel(self) -> None:
        """End it; nothing more is told. Once it has ended this does nothing."""
        ...


@runtime_checkable
class Mind(Protocol):
    """A model as one conversation sees it."""

    @property
    def dialect(self) -> "Dialect":
        """How it is spoken to."""
        ...

    @property
    def limit(self) -> int:
        """Positions of its context."""
        ...

    def hear(self, piece: Float[Tensor, " n"]) -> AudioItem:
        """Take in one piece of sound at 16 kHz, and start to encode it. The same samples give the same item.

        Raises InputError for a piece too short to fill a row of the prompt.
        """
        ...

    def keep(self, keys: frozenset[str]) -> None:
        """Forget every sound but these, and those of rounds under way."""
        ...

    def close(self) -> None:
        """The conversation is over: what is under way ends, everything of it is forgotten."""
        ...

    def begin(self, request: Request, tell: Callable[[Told], None]) -> Job:
        """Generate one round of a reply."""
        ...

    def run(self, tool: Tool, call: ToolCall, tell: Callable[[ToolResult], None], seed: int = 0) -> Job:
        """Run a tool; its error is a result that says so. A voice that it finds is got ready to speak with `seed`."""
        ...
