"""Many utterances on one flow and one vocoder, on a thread: who will run dry first is rendered first.

    codes a  ··········|·······             a chunk is complete
    codes b  ····                           nothing to do
    thread   open b · chunk of a · ...      the listener of a has heard everything at its `due`

Nothing that is begun is interrupted, so whoever speaks goes first as soon as one other chunk, done before, might be
too much: its chunk if it is complete, else the tokens that it wants (`hunger`). Then come first sounds, then tokens.
A first sound is held back as long as the next chunk may need beyond it (`lead_s`): better late than torn.

An utterance alone in a call sounds to the bit as in any other company. With `together` above one, chunks of the same
stage are rendered in one call, which is less work for each and rounds differently.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.speech import Utterer, render_together, stage
from antiphon.runtime.worker import Worker

FIRST = -1e-3  # seconds for which a first sound can wait: not as long as a token, whose patience is 0
UNIT_S = 0.1  # that a chunk is taken to last before any was made
RISE, FALL = 0.5, 0.05  # how far one chunk moves that: an upper bound, but not that of one bad moment
LONGEST_LEAD_S = 0.3
LOST_S = 0.5  # of silence behind which a torn reply has no claim before others: a slow machine serves them, too
Heard: TypeAlias = "Tensor | Exception | None"  # None: that was all


@dataclass(eq=False)
class _Speaking:
    """One utterance, as the thread knows it."""

    open: Callable[[], Utterer]
    tell: Callable[[Heard], None]
    due: float  # when its listener runs dry; before the first sound: when it was begun
    codes: deque[int] = field(default_factory=deque)
    utterer: Utterer | None = None
    is_complete: bool = False  # a chunk is, and waits to be rendered
    is_ending: bool = False  # no more codes come
    has_sounded: bool = False
    lead_s: float = 0.0  # for which the first sound is held back

    def hold(self) -> None:
        """Hand codes on until a chunk is complete."""
        while self.codes and self.utterer is not None and not self.is_complete:
            self.is_complete = self.utterer.hold(self.codes.popleft())

    @property
    def is_ready(self) -> bool:
        """Whether there is something to do."""
        return self.utterer is None or self.is_complete or self.is_ending

    @property
    def missing(self) -> int:
        """Codes that the next chunk still wants; none where it is complete, or the last."""
        if self.utterer is None or self.is_complete or self.is_ending:
            return 0
        return max(self.utterer.wanted - len(self.utterer.held) - len(self.codes), 0)

    def wait_s(self, now: float, needed_s: float) -> float:
        """How long what takes `needed_s` can wait, until it would come too late for the listener."""
        return self.due - now - needed_s if now <= self.due + LOST_S else 0.0

    def sounded(self, wave: Tensor) -> None:
        """A chunk is rendered."""
        begins = max(self.due, time.monotonic()) if self.has_sounded else time.monotonic()
        self.due, self.has_sounded = begins + len(wave) / SPOKEN_HZ, True  # as if it were not held back: to be sure
        self.tell(wave)


class LocalMouth:
    """See `Mouth`."""

    def __init__(self, voices: "Renderer", open: Callable[[], Utterer]) -> None:
        self._loop, self._inbox = asyncio.get_running_loop(), asyncio.Queue[Heard]()
        self._voices, self.is_stopped = voices, False
        self._has_begun, self._has_more = False, asyncio.Event()  # with the first sound; with what comes behind it
        self._speaking = _Speaking(open, self._tell, time.monotonic())
        voices.post(partial(voices.speaking.append, self._speaking))

    def push(self, codes: Iterable[int]) -> None:
        """See `Mouth.push`."""
        self._voices.post(partial(self._speaking.codes.extend, tuple(codes)))

    def finish(self) -> None:
        """See `Mouth.finish`."""
        self._voices.post(partial(setattr, self._speaking, "is_ending", True))

    def stop(self) -> None:
        """See `Mouth.stop`."""
        if not self.is_stopped:
            self.is_stopped = True
            self._voices.post(partial(self._voices.leave, self._speaking))
            self._take(None)

    async def __aiter__(self) -> AsyncIterator[Float[Tensor, " n"]]:
        """See `Mouth.__aiter__`."""
        is_first = True
        try:
            while (heard := await self._inbox.get()) is not None and not self.is_stopped:
                if isinstance(heard, Exception):
                    raise heard
                if is_first:
                    await self._hold_back(self._speaking.lead_s)
                    is_first = False
                if not self.is_stopped:
                    yield heard
        finally:
            self.stop()

    async def _hold_back(self, seconds: float) -> None:
        """Until there is more to be heard, or for so long."""
        if seconds > 0:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._has_more.wait(), seconds)

    def _tell(self, heard: Heard) -> None:
        """Called by the thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._take, heard)

    def _take(self, heard: Heard) -> None:
        if heard is None or self._has_begun:
            self._has_more.set()
        self._has_begun = True
        self._inbox.put_nowait(heard)


class Renderer:
    """Whose chunk is rendered when. `together`: in one call at the most; 1 for the same sound in any company."""

    def __init__(
        self, *, together: int = 1, worker: Worker | None = None, code_s: Callable[[], float] | None = None
    ) -> None:
        """`worker`: the thread, where others work on it too. `code_s`: how long a code takes, if that is known."""
        self.together, self.code_s = together, code_s
        self.speaking: list[_Speaking] = []  # the thread's
        self.rendered_s = self.busy_s = 0.0  # sound that was made, and the time that it took
        self.unit_s = UNIT_S  # that a chunk may take
        self._is_closed = False
        self._mouths: list[LocalMouth] = []
        self._worker, self._is_alone = worker or Worker("sound"), worker is None
        self._duty = self._worker.join(self._work, self._broke, self._patience)

    def begin(self, open: Callable[[], Utterer]) -> LocalMouth:
        """Begin an utterance; it is opened on the thread, and at once, so that it is ready when its first codes are."""
        if self._is_closed:
            raise InputError("the voices are closed; open others.")
        mouth = LocalMouth(self, open)
        self._mouths = [*(m for m in self._mouths if not m.is_stopped), mouth]
        return mouth

    async def close(self) -> None:
        """Silence everybody and end the thread."""
        self._is_closed = True
        for mouth in self._mouths:
            mouth.stop()
        end = self._worker.close if self._is_alone else self._duty.leave
        await asyncio.get_running_loop().run_in_executor(None, end)

    def post(self, order: Callable[[], None]) -> None:
        """Have the thread do something between two pieces of work."""
        self._duty.post(order)

    # --- on the thread ------------------------------------------------------------------------------------------------

    def leave(self, speaking: _Speaking) -> None:
        """Nothing more is rendered of an utterance."""
        if speaking in self.speaking:
            self.speaking.remove(speaking)
        speaking.utterer = None  # what it remembers is large, and its mouth may be kept

    def hunger(self) -> float:
        """How long those who speak can wait for the tokens that they need."""
        now, wanting = time.monotonic(), [(one, one.missing) for one in self.speaking if one.has_sounded]
        code_s = self._code_s()
        waits = [one.wait_s(now, missing * code_s + 2 * self.unit_s) for one, missing in wanting if missing]
        return min(waits, default=math.inf)

    def _patience(self) -> float:
        chosen = next_up(self.speaking, self.unit_s, time.monotonic())
        return math.inf if chosen is None else chosen[1]

    def _code_s(self) -> float:
        return 0.0 if self.code_s is None else self.code_s()

    def _lead_s(self, speaking: _Speaking, wave: Tensor) -> float:
        """How much longer than this first sound the next chunk may take, another one in between."""
        if self.code_s is None:
            return 0.0
        others = any(one is not speaking for one in self.speaking)
        needed = speaking.missing * self._code_s() + (1 + others) * self.unit_s
        return min(max(needed - len(wave) / SPOKEN_HZ, 0.0), LONGEST_LEAD_S)

    def _broke(self, error: Exception) -> None:
        """The thread broke down: every utterance ends with this error."""
        for speaking in list(self.speaking):
            self.leave(speaking)
            speaking.tell(error)

    def _work(self) -> bool:
        """Open one voice or render one chunk, of whoever runs dry first; whether there is more to do."""
        found = next_up(self.speaking, self.unit_s, time.monotonic())
        if found is None:
            return False
        chosen, _ = found
        group, begin = [chosen], time.perf_counter()
        try:
            if chosen.utterer is None:
                chosen.utterer = chosen.open()
            elif chosen.is_complete:
                group = self._alike(chosen)
                self._render(group)
            else:
                self._end(chosen)
        except Exception as error:  # of this utterance, or of the machine: who is concerned is told, the others go on
            for speaking in group:
                self.leave(speaking)
                speaking.tell(error)
        self.busy_s += time.perf_counter() - begin
        return True

    def _rendered(self, speaking: _Speaking, wave: Tensor) -> None:
        """A chunk is there."""
        self.rendered_s += len(wave) / SPOKEN_HZ
        speaking.is_complete = False
        if not speaking.has_sounded:
            speaking.lead_s = self._lead_s(speaking, wave)
        speaking.sounded(wave)

    def _alike(self, chosen: _Speaking) -> list[_Speaking]:
        """Who can be rendered in one call with the chosen one, most urgent first."""
        assert chosen.utterer is not None
        others = [s for s in self.speaking if s is not chosen and s.is_complete]
        if self.together == 1 or not others:
            return [chosen]
        wanted, size = stage(chosen.utterer), len(chosen.utterer.held)
        alike = [s for s in others if s.utterer and len(s.utterer.held) == size and stage(s.utterer) == wanted]
        return [chosen, *sorted(alike, key=lambda s: s.due)][: self.together]

    def _render(self, group: Sequence[_Speaking]) -> None:
        utterers, begin = [s.utterer for s in group if s.utterer is not None], time.perf_counter()
        waves = render_together(utterers) if len(utterers) > 1 else [utterers[0].render()]
        taken = time.perf_counter() - begin
        self.unit_s += (RISE if taken > self.unit_s else FALL) * (taken - self.unit_s)
        for speaking, wave in zip(group, waves, strict=True):
            self._rendered(speaking, wave)

    def _end(self, speaking: _Speaking) -> None:
        """Say what is held back."""
        assert speaking.utterer is not None
        for wave in speaking.utterer.finish():
            self._rendered(speaking, wave)
        self.leave(speaking)
        speaking.tell(None)


class LocalVoices(Renderer):
    """See `Voices`."""

    def __init__(
        self, model: Loaded, *, together: int = 1, worker: Worker | None = None, engine: LocalEngine | None = None
    ) -> None:
        """`worker`: the thread, where others work on it too; by default the voices have one of their own.

        `engine`: whose tokens become the codes; on the same thread it hurries when somebody is about to run dry.
        """
        if not model.speaks:
            raise InputError(f"{model.name} answers in text only; ask for text.")
        super().__init__(together=together, worker=worker, code_s=None if engine is None else code_time(engine))
        self.model = model
        if engine is not None and engine.is_on(self._worker):
            engine.hunger = self.hunger

    def utter(self, clip: Audio | None = None, seed: int = 0) -> LocalMouth:
        """See `Voices.utter`."""
        model = self.model

        def open() -> Utterer:
            assert model.voice is not None  # it speaks
            return Utterer(model.voice, model.opened(model.default_voice() if clip is None else clip, seed))

        return self.begin(open)


def code_time(engine: LocalEngine) -> Callable[[], float]:
    """How long an engine takes for a code: for its token, and its share of those of text."""
    layout = engine.batch.model.parts.layout
    tokens = 1 + layout.text_per_group / layout.audio_per_group
    return lambda: tokens * engine.batch.step_s


def next_up(speaking: Sequence[_Speaking], unit_s: float, now: float) -> tuple[_Speaking, float] | None:
    """Of those for whom there is something to do, who can wait least, and for how many seconds (below 0: it is late).

    Who speaks can wait until all chunks that are ready, and one more, just fit before its listener runs dry. Of those
    who are silent yet, voices are opened first, which is short.
    """
    for one in speaking:
        one.hold()
    ready = [one for one in speaking if one.is_ready]
    needed = (1 + sum(one.has_sounded for one in ready)) * unit_s

    def wait(one: _Speaking) -> float:
        return one.wait_s(now, needed) if one.has_sounded else FIRST

    chosen = min(ready, key=lambda one: (wait(one), one.utterer is not None, one.due), default=None)
    return None if chosen is None else (chosen, wait(chosen))
