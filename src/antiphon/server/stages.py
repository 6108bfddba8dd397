"""When the stages of a spoken reply were reached, seen where they pass: between a conversation and the shared engines.

    utter ......... begun         the round begins; with speculation, before the turn is over
    generate ...... encoded       every sound of the prompt is encoded
    Token ......... first_token
    push .......... first_codes   the language model's first sound tokens go to the voice
    a wave ........ first_wave    the vocoder's first sound
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.runtime.engine import Engine, Mouth, Request, Stats, Step, Token, Voices
from antiphon.text.chat import AudioItem


@dataclass
class Stages:
    """Seconds on the clock of one conversation; None: not reached."""

    begun: float
    encoded: float | None = None
    first_token: float | None = None
    first_codes: float | None = None
    first_wave: float | None = None


@dataclass
class Rounds:
    """The spoken rounds of one conversation; `now` is its clock in seconds."""

    now: Callable[[], float]
    latest: Stages | None = None
    _of_task: "WeakKeyDictionary[asyncio.Task[object], Stages]" = field(default_factory=WeakKeyDictionary)

    def begin(self) -> Stages:
        """A round, known from now on by the task that makes it."""
        self.latest = stages = Stages(self.now())
        if (task := asyncio.current_task()) is not None:
            self._of_task[task] = stages
        return stages

    def mine(self) -> Stages | None:
        """The round of the task that asks; None for one that is not spoken."""
        task = asyncio.current_task()
        return None if task is None else self._of_task.get(task)


@dataclass(frozen=True)
class WatchedEngine:
    """An engine, timed for one conversation. See `Engine` for its methods."""

    engine: Engine
    rounds: Rounds

    async def hear(self, conversation: str, audio: Audio) -> AudioItem:
        return await self.engine.hear(conversation, audio)

    def keep(self, conversation: str, keys: frozenset[str]) -> None:
        self.engine.keep(conversation, keys)

    async def generate(self, request: Request) -> AsyncGenerator[Step, None]:
        """The same steps."""
        stages = self.rounds.mine()
        if stages is not None and stages.encoded is None:
            stages.encoded = self.rounds.now()
        async with aclosing(self.engine.generate(request)) as steps:
            async for step in steps:
                if stages is not None and stages.first_token is None and isinstance(step, Token):
                    stages.first_token = self.rounds.now()
                yield step

    def abort(self, id: str) -> None:
        self.engine.abort(id)

    def forget(self, conversation: str) -> None:
        self.engine.forget(conversation)

    def stats(self) -> Stats:
        return self.engine.stats()

    async def close(self) -> None:
        await self.engine.close()


@dataclass(frozen=True)
class WatchedVoices:
    """Voices, timed for one conversation. See `Voices`."""

    voices: Voices
    rounds: Rounds

    def utter(self, clip: Audio | None = None, seed: int = 0) -> "WatchedMouth":
        return WatchedMouth(self.voices.utter(clip, seed), self.rounds.begin(), self.rounds.now)

    async def close(self) -> None:
        await self.voices.close()


@dataclass(frozen=True)
class WatchedMouth:
    """A mouth whose first codes and first sound are timed. See `Mouth`."""

    mouth: Mouth
    stages: Stages
    now: Callable[[], float]

    def push(self, codes: Iterable[int]) -> None:
        if self.stages.first_codes is None:
            self.stages.first_codes = self.now()
        self.mouth.push(codes)

    def finish(self) -> None:
        self.mouth.finish()

    def stop(self) -> None:
        self.mouth.stop()

    async def __aiter__(self) -> AsyncIterator[Float[Tensor, " n"]]:
        async for wave in self.mouth:
            if self.stages.first_wave is None:
                self.stages.first_wave = self.now()
            yield wave
