"""Engines that do their work at once, in the event loop: what many streams give is compared with this."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.runtime.engine import Finished, Request, Started, Stats, Step, Token
from antiphon.runtime.generate import Context, Hearing, Stream, generate
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.speech import Utterer
from antiphon.text.chat import AudioItem


class InlineEngine:
    """One stream after another."""

    def __init__(self, model: Loaded) -> None:
        self.model, self.hearing = model, Hearing(model.limit)
        self.forgotten: list[str] = []
        self.requests: list[Request] = []

    async def hear(self, conversation: str, audio: Audio) -> AudioItem:
        await asyncio.sleep(0)
        return self.hearing.add(audio)

    def keep(self, conversation: str, keys: frozenset[str]) -> None:
        self.hearing.forget_but(keys)

    async def generate(self, request: Request) -> AsyncGenerator[Step, None]:
        self.requests.append(request)
        stream = Stream(self.model.parts.lm, self.hearing, Context())
        ids = generate(
            stream,
            request.prompt,
            sampling=request.sampling,
            max_tokens=request.max_tokens,
            stop_ids=request.stop_ids,
            forbidden=self.model.forbidden,
        )
        yield Started(len(request.prompt), 0)
        for place, token in enumerate(ids):
            await asyncio.sleep(0)
            yield Token(token, len(request.prompt) + place, 0.0, 0.0)
        yield Finished("stop", 0)

    def abort(self, id: str) -> None:
        pass

    def forget(self, conversation: str) -> None:
        self.forgotten.append(conversation)

    def stats(self) -> Stats:
        return Stats()

    async def close(self) -> None:
        pass


class InlineMouth:
    """An utterance, rendered when its sound is taken."""

    def __init__(self, utterer: Utterer) -> None:
        self.utterer = utterer
        self.queue: asyncio.Queue[list[int] | None] = asyncio.Queue()
        self.is_stopped = False

    def push(self, codes: Iterable[int]) -> None:
        self.queue.put_nowait(list(codes))

    def finish(self) -> None:
        self.queue.put_nowait(None)

    def stop(self) -> None:
        self.is_stopped = True

    async def __aiter__(self) -> AsyncIterator[Tensor]:
        while (codes := await self.queue.get()) is not None:
            for wave in self.utterer.push(codes):
                yield wave
        for wave in self.utterer.finish():
            yield wave


class InlineVoices:
    """The model's voice."""

    def __init__(self, model: Loaded) -> None:
        self.model = model
        self.mouths: list[InlineMouth] = []

    def utter(self, clip: Audio | None = None, seed: int = 0) -> InlineMouth:
        assert self.model.voice is not None
        opened = self.model.opened(self.model.default_voice() if clip is None else clip, seed)
        self.mouths.append(InlineMouth(Utterer(self.model.voice, opened)))
        return self.mouths[-1]

    async def close(self) -> None:
        pass
