"""A model as one live conversation sees it, on the thread that all requests share: the `Mind` of a `Live`.

    begin ─> task ── one event ─> thread ── ids, words, sound ─> tell          the loop waits, the thread works

Rounds of several conversations take turns event by event. Each uses again what the caches of its own conversation hold.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import AntiphonError, ToolError
from antiphon.rates import HEARD_HZ
from antiphon.runtime.dialect import Dialect
from antiphon.runtime.events import AudioOut, ToolResult, Utterance
from antiphon.runtime.generate import Context, Hearing, Stream, check_merged, generate, places_of
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.mind import Finished, Job, Progress, Request, Told
from antiphon.runtime.speech import Utterer
from antiphon.server.worker import Worker
from antiphon.text.chat import AudioItem, AudioSegment, encode
from antiphon.text.parse import Codes, ParseState, Text, Think
from antiphon.text.toolcall import ToolCall
from antiphon.tools.tool import Tool, run_tool


@dataclass(frozen=True)
class _Task:
    """Work under way."""

    task: "asyncio.Task[None]"

    def cancel(self) -> None:
        """End it."""
        self.task.cancel()


@dataclass
class ThreadMind:
    """One conversation. To be made in the event loop, and used in it."""

    model: Loaded
    worker: Worker

    def __post_init__(self) -> None:
        parts = self.model.parts
        self.dialect = Dialect(self.model.variant, parts.tokenizer, parts.layout)
        self.limit = self.model.limit
        self._hearing = Hearing(self.limit)
        self._caches: list[Context] = []  # that no round uses
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, piece: Float[Tensor, " n"]) -> AudioItem:
        """See `Mind`."""
        item = self._hearing.add(Audio(piece[None], HEARD_HZ))
        segments = [AudioSegment(item.key, number, rows) for number, rows in enumerate(item.num_rows)]
        self._start(self.worker.run(self._encode, segments))
        return item

    def keep(self, keys: frozenset[str]) -> None:
        """See `Mind`; the bound of `Hearing` forgets what was used longest ago."""

    def begin(self, request: Request, tell: Callable[[Told], None]) -> Job:
        """See `Mind`."""
        return _Task(self._start(self._round(request, tell)))

    def run(self, tool: Tool, call: ToolCall, tell: Callable[[ToolResult], None]) -> Job:
        """See `Mind`; tools have threads of their own."""
        return _Task(self._start(self._run(tool, call, tell)))

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, tool: Tool, call: ToolCall, tell: Callable[[ToolResult], None]) -> None:
        try:
            tell(ToolResult(call.name, await asyncio.to_thread(run_tool, (tool,), call.name, call.values)))
        except ToolError as error:
            tell(ToolResult(call.name, f"error: {error}", failed=True))

    async def _round(self, request: Request, tell: Callable[[Told], None]) -> None:
        cache = self._caches.pop() if self._caches else Context()
        try:
            async with self.worker.stream(partial(self._events, request, cache)) as events:
                async for event in events:
                    tell(event)
        except AntiphonError as error:
            tell(Finished(error=" ".join(str(error).split())))
        except Exception as error:  # the round failed; the conversation goes on
            tell(Finished(error=f"the reply failed inside ({type(error).__name__}); ask again."))
        self._caches = [cache, *self._caches][:2]

    # --- on the thread -------------------------------------------------------------------------------------------

    def _encode(self, segments: list[AudioSegment]) -> None:
        for segment in segments:
            self._hearing.rows(self.model.parts.lm, segment)

    def _events(self, request: Request, cache: Context) -> Iterator[Told]:
        """One round, token by token."""
        model, layout = self.model, self.model.parts.layout
        prompt = encode(model.variant.render(request.messages, request.form), model.parts.tokenizer, layout)
        contents = [m.content for m in request.messages if isinstance(m.content, tuple)]
        check_merged(prompt, [item for content in contents for item in content if isinstance(item, AudioItem)])
        stream = Stream(model.parts.lm, self._hearing, cache)
        held = 0 if cache.state is None else cache.common(places_of(prompt))
        said = _Said(model, request)
        state = model.parser(request.tools).start(prompt.ids[-1:])
        ids = generate(
            stream,
            prompt,
            sampling=request.sampling,
            max_tokens=request.max_tokens,
            stop_ids=model.stop_ids,
            forbidden=model.forbidden,
        )
        for token in ids:
            state, progress = said.take(state, token)
            yield from progress
        yield from said.end(state)
        yield Finished(said.utterance(state), "", len(prompt), held)


class _Said:
    """What a round has said so far."""

    def __init__(self, model: Loaded, request: Request) -> None:
        self.model, self.request = model, request
        self.parser = model.parser(request.tools)
        self.ids: list[int] = []
        self.told = 0  # of the ids
        self.text, self.thought = "", ""
        self.codes: list[int] = []
        self.calls: list[ToolCall] = []
        self.utterer: Utterer | None = None
        self.stopped = False

    def take(self, state: ParseState, token: int) -> tuple[ParseState, list[Progress]]:
        """One id, and what it brought about."""
        state, events = self.parser.step(state, token)
        if state.ended:
            self.stopped = True
        else:
            self.ids.append(token)
        return state, list(self._tell(events))

    def end(self, state: ParseState) -> Iterator[Progress]:
        """What was held back."""
        yield from self._tell(self.parser.flush(state)[1])
        if self.utterer is not None:
            for wave in self.utterer.finish():
                yield self._progress(AudioOut(wave))
        if self.told < len(self.ids):
            yield self._progress(None)

    def utterance(self, state: ParseState) -> Utterance:
        """All of it."""
        codes, calls = tuple(self.codes), tuple(self.calls)
        return Utterance(tuple(self.ids), self.text, codes, self.thought, calls, stopped=self.stopped)

    def _tell(self, events: tuple[object, ...]) -> Iterator[Progress]:
        for event in events:
            if isinstance(event, Codes) and self.request.form == "speech":
                self.codes += event.codes
                self.utterer = self.utterer or self._open()
                for wave in self.utterer.push(event.codes):
                    yield self._progress(AudioOut(wave))
            elif isinstance(event, Text | Think | ToolCall):
                self.text += event.text if isinstance(event, Text) else ""
                self.thought += event.text if isinstance(event, Think) else ""
                self.calls += [event] if isinstance(event, ToolCall) else []
                yield self._progress(event)

    def _progress(self, event: Text | AudioOut | Think | ToolCall | None) -> Progress:
        ids, self.told = tuple(self.ids[self.told :]), len(self.ids)
        return Progress(ids, event)

    def _open(self) -> Utterer:
        assert self.model.voice is not None
        clip = self.request.voice or self.model.default_voice()
        return Utterer(self.model.voice, self.model.opened(clip, self.request.sampling.seed))
