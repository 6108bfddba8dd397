"""A model as one live conversation sees it, on the engines that all conversations share: a `Mind`.

    hear ──> engine.hear                         begin ──> prompt ── engine.generate ──> ids ── parser ──> words, calls
                                                                                          └ codes ── mouth ──> sound

Everything runs in the event loop and waits for the engines. A round ends when its last sound is there.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import Any, TypeVar

from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import AntiphonError, InputError
from antiphon.marking.policy import Marker
from antiphon.rates import HEARD_HZ, num_rows
from antiphon.runtime.dialect import Dialect
from antiphon.runtime.engine import Engine, Mouth, Started, Token, Voices
from antiphon.runtime.engine import Request as Generation
from antiphon.runtime.events import AudioOut, ToolResult, Utterance
from antiphon.runtime.generate import check_merged
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.mind import Finished, Progress, Request, Told
from antiphon.runtime.pace import paced
from antiphon.runtime.wardrobe import tried_on
from antiphon.text.chat import AudioItem, Message, Piece, Prompt, encode, render_chat
from antiphon.text.parse import Codes, Event, ParseState, Text, Think
from antiphon.text.toolcall import ToolCall
from antiphon.tools.running import THREADS, language_of
from antiphon.tools.tool import Context, Tool

Tell = Callable[[Told], None]
Show = Callable[[Progress], None]  # what a round brings about, but not its end
T = TypeVar("T")
logger = logging.getLogger("antiphon.runtime")


class _Work:
    """A task as a job: once it is cancelled, nobody is told anything."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.is_over = False

    def telling(self, tell: Callable[[T], None]) -> Callable[[T], None]:
        """The same `tell`, as long as the job is wanted."""
        return lambda news: None if self.is_over else tell(news)

    def cancel(self) -> None:
        """End it."""
        self.is_over = True
        if self.task is not None:
            self.task.cancel()


@dataclass
class _Said:
    """What a round has said so far."""

    ids: list[int] = field(default_factory=list)
    text: str = ""
    thought: str = ""
    codes: list[int] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    stopped: bool = False
    prompt_tokens: int = 0
    reused_tokens: int = 0

    def finished(self) -> Finished:
        """All of it."""
        codes, calls = tuple(self.codes), tuple(self.calls)
        utterance = Utterance(tuple(self.ids), self.text, codes, self.thought, calls, stopped=self.stopped)
        return Finished(utterance, "", self.prompt_tokens, self.reused_tokens)


class EngineMind:
    """One conversation, under a name that no other conversation of these engines has."""

    def __init__(self, model: Loaded, engine: Engine, voices: Voices | None, conversation: str) -> None:
        """`voices` None: replies are read, not heard."""
        parts = model.parts
        self.model, self.engine, self.voices, self.conversation = model, engine, voices, conversation
        self.dialect, self.limit = Dialect(model.variant, parts.tokenizer, parts.layout), model.limit
        self._heard: dict[str, asyncio.Task[None]] = {}  # by key: sounds that are being encoded, or are
        self._needed: dict[_Work, frozenset[str]] = {}  # sounds of the rounds under way
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = count()

    # --- the mind ----------------------------------------------------------------------------------------------------

    def hear(self, piece: Float[Tensor, " n"]) -> AudioItem:
        """See `Mind.hear`."""
        rows, key = num_rows(len(piece)), sha256(piece.numpy().tobytes()).hexdigest()
        if not rows:
            raise InputError(f"a piece of sound has {len(piece)} samples at 16 kHz, too few to hear; give 21 ms of it.")
        item = AudioItem((rows,), key)
        if key not in self._heard:
            self._heard[key] = self._start(self._hear(Audio(piece[None], HEARD_HZ), item))
        return item

    def keep(self, keys: frozenset[str]) -> None:
        """See `Mind.keep`."""
        kept = keys.union(*self._needed.values())
        self._heard = {key: task for key, task in self._heard.items() if key in kept}
        self.engine.keep(self.conversation, kept)

    async def listen(self, audio: Audio) -> AudioItem:
        """A whole recording, encoded. Raises as `Engine.hear` does."""
        return await self.engine.hear(self.conversation, audio)

    async def say(self, request: Request, tell: Show) -> Finished:
        """One round, for who waits for it; whoever stops waiting ends it. Raises what it fails by."""
        said = _Said()
        await self._speak(request, said, tell)
        return said.finished()

    def begin(self, request: Request, tell: Tell) -> _Work:
        """See `Mind.begin`."""
        work = _Work()
        self._needed[work] = frozenset(item.key for item in _sounds(request.messages))
        work.task = self._start(self._round(request, work.telling(tell)))
        work.task.add_done_callback(lambda _: self._needed.pop(work, None))
        return work

    def run(self, tool: Tool, call: ToolCall, tell: Callable[[ToolResult], None], seed: int = 0) -> _Work:
        """See `Mind.run`; a tool has a thread of its own, for it may wait."""
        work = _Work()
        work.task = self._start(self._run(tool, call, work.telling(tell), seed))
        return work

    def close(self) -> None:
        """The conversation is over: everything of it ends and is forgotten."""
        for task in self._tasks:
            task.cancel()
        self.engine.forget(self.conversation)

    # --- its work ----------------------------------------------------------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, AntiphonError):
            logger.error("a conversation's work failed", exc_info=error)

    async def _hear(self, audio: Audio, item: AudioItem) -> None:
        found = await self.engine.hear(self.conversation, audio)
        assert found == item, "the engine names a sound as we do"

    async def _run(self, tool: Tool, call: ToolCall, tell: Callable[[ToolResult], None], seed: int) -> None:
        loop = asyncio.get_running_loop()
        came: asyncio.Future[ToolResult] = loop.create_future()

        def done(result: ToolResult) -> None:
            with suppress(RuntimeError):  # the loop has ended, and with it whoever waited
                loop.call_soon_threadsafe(lambda: None if came.done() else came.set_result(result))

        context = Context(language_of(call.arguments), tool.timeout_s)
        THREADS.run(tool, call.name, call.values, context, done)
        tell(await asyncio.to_thread(tried_on, self.model, await came, seed))

    async def _round(self, request: Request, tell: Tell) -> None:
        try:
            finished = await self.say(request, tell)
        except AntiphonError as error:
            tell(Finished(error=" ".join(str(error).split())))
        except Exception as error:  # an engine broke: this round ends, the conversation goes on
            tell(Finished(error=f"the reply failed inside ({type(error).__name__}); ask again."))
            raise
        else:
            tell(finished)

    async def _speak(self, request: Request, said: _Said, tell: Show) -> None:
        variant = self.model.variant
        pieces = variant.render(request.messages, request.form)
        if variant.thinks:
            if not await self._think(request, self._prompt(pieces, request.messages), said, tell):
                return
            pieces = render_chat([*request.messages, variant.answer(said.thought, request.form)])
        prompt = self._prompt(pieces, request.messages)
        mouth = None
        if request.form == "speech" and self.voices is not None:
            mouth = paced(self.voices.utter(request.voice, request.sampling.seed), request.speed)
        held = list[Progress]()
        sound = None if mouth is None else self._start(_play(mouth, self.model.marking.begin(), tell))
        try:
            await self._words(request, prompt, said, mouth, tell if mouth is None else _behind_the_sound(tell, held))
            if mouth is not None and sound is not None:
                mouth.finish()
                await sound
            for progress in held:
                tell(progress)
        finally:
            if mouth is not None and sound is not None and not sound.done():
                mouth.stop()
                sound.cancel()

    async def _think(self, request: Request, prompt: Prompt, said: _Said, tell: Show) -> bool:
        """The thought of a thinking model; whether there is an answer to come."""
        parser = self.model.parser(request.tools, mends=request.mends)
        state = parser.start(thinking=True)
        async for token in self._tokens(request, prompt, said):
            state, events = parser.step(state, token.id)
            for event in events:
                if isinstance(event, Think):
                    said.thought += event.text
                    tell(Progress((), event))
            if state.mode != "think":
                return not state.ended
        return False

    async def _words(
        self, request: Request, prompt: Prompt, said: _Said, mouth: Mouth | None, tell: Show
    ) -> None:
        """The answer: words and calls are told, codes go to the mouth."""
        parser = self.model.parser(request.tools, mends=request.mends)
        state: ParseState = parser.start(prompt.ids[-1:])
        async for token in self._tokens(request, prompt, said):
            state, events = parser.step(state, token.id)
            ids = () if state.ended else (token.id,)
            said.ids += ids
            _tell(ids, events, said, mouth, tell, token.logprob)
        said.stopped = state.ended
        _tell((), parser.flush(state)[1], said, mouth, tell)

    async def _tokens(self, request: Request, prompt: Prompt, said: _Said) -> AsyncIterator[Token]:
        for item in _sounds(request.messages):
            if item.key in self._heard:
                await asyncio.shield(self._heard[item.key])
        generation = Generation(
            id=f"{self.conversation}/{next(self._numbers)}",
            prompt=prompt,
            max_tokens=request.max_tokens,
            stop_ids=self.model.stop_ids,
            sampling=request.sampling,
            conversation=self.conversation,
        )
        async with aclosing(self.engine.generate(generation)) as steps:
            async for step in steps:
                if isinstance(step, Started):
                    said.prompt_tokens, said.reused_tokens = step.prompt_tokens, step.reused_tokens
                elif isinstance(step, Token):
                    yield step

    def _prompt(self, pieces: Sequence[Piece], messages: Sequence[Message]) -> Prompt:
        prompt = encode(pieces, self.model.parts.tokenizer, self.model.parts.layout)
        check_merged(prompt, _sounds(messages))
        return prompt


def _behind_the_sound(tell: Show, held: list[Progress]) -> Show:
    """The same `tell`, which holds a call and what comes behind it: what is said before a call is heard before it."""

    def tell_or_hold(news: Progress) -> None:
        if held or isinstance(news.event, ToolCall):
            held.append(news)
        else:
            tell(news)

    return tell_or_hold


async def _play(mouth: Mouth, mark: Marker, tell: Show) -> None:
    async for wave in mouth:
        tell(Progress((), AudioOut(mark(wave))))


def _tell(
    ids: tuple[int, ...],
    events: Sequence[Event],
    said: _Said,
    mouth: Mouth | None,
    tell: Show,
    logprob: float | None = None,
) -> None:
    """Tell of some ids and what they brought about, in one progress at the least."""
    for event in events:
        if isinstance(event, Codes):
            said.codes += event.codes
            if mouth is not None:
                mouth.push(event.codes)
        elif isinstance(event, Text | Think | ToolCall):
            said.text += event.text if isinstance(event, Text) else ""
            said.calls += [event] if isinstance(event, ToolCall) else []
            tell(Progress(ids, event, logprob))
            ids = ()
    if ids:
        tell(Progress(ids))


def _sounds(messages: Sequence[Message]) -> list[AudioItem]:
    contents = (message.content for message in messages if isinstance(message.content, tuple))
    return [item for content in contents for item in content if isinstance(item, AudioItem)]
