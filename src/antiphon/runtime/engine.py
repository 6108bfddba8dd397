"""What an engine is: many conversations on one language model, whoever runs it (`local.py`, `vllm.py`).

    item = await engine.hear("talk-7", audio)                  sound becomes rows, once
    async for step in engine.generate(request): ...            Started  Token Token ...  Finished
    engine.abort(request.id)                                   the stream ends with Finished("aborted")

Above the engine a conversation is segments: text ids, sound by content hash, ids that were generated. What the engine
keeps between requests is a cache of them, found by the common beginning of two prompts of the same conversation: to cut
the history is to hand in other segments, and another conversation's cache is never used. All methods belong to one
event loop, and none of them does the model's work there.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import asdict, dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.runtime.sample import Sampling
from antiphon.text.chat import AudioItem, Prompt

Finish: TypeAlias = Literal["stop", "length", "aborted"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One reply to be generated."""

    id: str  # the name by which it is aborted; of those under way no two may have the same
    prompt: Prompt
    max_tokens: int
    stop_ids: frozenset[int]  # the id that ends the reply is its last token
    sampling: Sampling = Sampling()  # the seed included: the same request gives the same tokens
    conversation: str = ""  # whose cache may be used and whose sounds are meant; "" keeps nothing

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise InputError(f"max_tokens is {self.max_tokens}; ask for at least one token.")
        if not len(self.prompt):
            raise InputError("the prompt is empty; give at least one message.")


@dataclass(frozen=True)
class Started:
    """The prompt is being read: its length in positions, and how many of them the cache already held."""

    prompt_tokens: int
    reused_tokens: int


@dataclass(frozen=True)
class Token:
    """One id of the reply, and the position in the context at which it stands.

    `logprob` is its natural log probability at temperature 1 before any penalty; `margin` is how far apart the two best
    scores were that the choice was made from (penalty and forbidden ids applied, before the temperature); NaN where the
    engine does not know it.
    """

    id: int
    position: int
    logprob: float
    margin: float


@dataclass(frozen=True)
class Finished:
    """The end of the reply: at a stop id, at a limit (`max_tokens` or the context), or because it was aborted."""

    reason: Finish
    reply_tokens: int


Step: TypeAlias = Started | Token | Finished


@dataclass(frozen=True, kw_only=True)
class Stats:
    """What an engine has done and does; `metrics` gives it for /metrics."""

    requests_running: int = 0
    requests_waiting: int = 0
    conversations_held: int = 0  # with a cache or sounds
    cache_usage_ratio: float = 0.0  # of the positions that all caches together can hold
    requests_total: int = 0  # admitted or queued
    rejected_total: int = 0  # the queue was full
    aborted_total: int = 0
    prompt_tokens_total: int = 0
    reused_tokens_total: int = 0  # of them, found in a cache
    reply_tokens_total: int = 0
    steps_total: int = 0  # runs of the model, each for all streams
    busy_seconds_total: float = 0.0  # time spent in them

    def metrics(self) -> dict[str, float]:
        """Values by their Prometheus names; those that end in `_total` are counters, the others gauges."""
        return {f"antiphon_engine_{name}": float(value) for name, value in asdict(self).items()}


@runtime_checkable
class Engine(Protocol):
    """Token streams from one language model."""

    async def hear(self, conversation: str, audio: Audio) -> AudioItem:
        """Take a recording in and encode it; what a message of this conversation then holds of it.

        Raises InputError for one too short to hear, CapacityError for one beyond the context.
        """
        ...

    def keep(self, conversation: str, keys: frozenset[str]) -> None:
        """Forget every sound of a conversation but those with these keys; one that is heard again is no error."""
        ...

    def generate(self, request: Request) -> AsyncGenerator[Step, None]:
        """The steps of one reply; leaving the iteration (`aclose`) aborts it.

        Raises, when the first step is asked for, BusyError for a full queue, CapacityError for a prompt that leaves no
        room for a reply, InputError for a sound that was not heard or an id that is under way.
        """
        ...

    def abort(self, id: str) -> None:
        """End a reply after the step under way; one that has ended or never was is no error."""
        ...

    def forget(self, conversation: str) -> None:
        """Drop the cache and the sounds of a conversation, and abort what it has under way."""
        ...

    def stats(self) -> Stats:
        """Where the engine stands now."""
        ...

    async def close(self) -> None:
        """Abort everything and end the thread (or process) that works."""
        ...


@runtime_checkable
class Mouth(Protocol):
    """One utterance on its way from codes to sound. Iterate over it for the sound, in pieces as they become ready."""

    def push(self, codes: Iterable[int]) -> None:
        """More codes to say."""
        ...

    def finish(self) -> None:
        """No more codes come: what is held back is said, then the iteration ends."""
        ...

    def stop(self) -> None:
        """Silence: the iteration ends after the piece under way, which is dropped. Nothing else is rendered."""
        ...

    def __aiter__(self) -> AsyncIterator[Float[Tensor, " n"]]:
        """Pieces of sound at 24 kHz, full scale 1; all together 960 samples a code."""
        ...


@runtime_checkable
class Voices(Protocol):
    """Many utterances on one flow and one vocoder."""

    def utter(self, clip: Audio | None = None, seed: int = 0) -> Mouth:
        """Begin an utterance in the voice of a recording, the model's own by default."""
        ...

    async def close(self) -> None:
        """Silence everybody and end the thread."""
        ...
