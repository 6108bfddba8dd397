"""Many utterances on one flow and one vocoder, on a thread: who will run dry first is rendered first.

    codes a  ··········|·······             a chunk is complete
    codes b  ····                           nothing to do
    thread   open b · chunk of a · ...      the listener of a has heard everything at its `due`

Sound that nobody will miss for `AHEAD_S` leaves the thread to others: to tokens, of which all sound is made.

An utterance alone in a call sounds to the bit as in any other company. With `together` above one, chunks of the same
stage are rendered in one call, which is less work for each and rounds differently.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.speech import Utterer, render_together, stage
from antiphon.runtime.worker import Worker

AHEAD_S = 0.5  # of sound that a listener has; with more of it the next chunk can wait
START_S = 0.3  # in which nobody misses a first sound yet: who would run dry within it comes first
Heard: TypeAlias = "Tensor | Exception | None"  # None: that was all


@dataclass(eq=False)
class _Speaking:
    """One utterance, as the thread knows it."""

    open: Callable[[], Utterer]
    tell: Callable[[Heard], None]
    due: float  # when its listener runs dry; before the first sound: when it is missed
    codes: deque[int] = field(default_factory=deque)
    utterer: Utterer | None = None
    is_complete: bool = False  # a chunk is, and waits to be rendered
    is_ending: bool = False  # no more codes come
    has_sounded: bool = False

    def hold(self) -> None:
        """Hand codes on until a chunk is complete."""
        while self.codes and self.utterer is not None and not self.is_complete:
            self.is_complete = self.utterer.hold(self.codes.popleft())

    @property
    def is_ready(self) -> bool:
        """Whether there is something to do."""
        return self.utterer is None or self.is_complete or self.is_ending

    def sounded(self, wave: Tensor) -> None:
        """A chunk is rendered."""
        self.is_complete = False
        begins = max(self.due, time.monotonic()) if self.has_sounded else time.monotonic()
        self.due, self.has_sounded = begins + len(wave) / SPOKEN_HZ, True
        self.tell(wave)


class LocalMouth:
    """See `Mouth`."""

    def __init__(self, voices: "LocalVoices", open: Callable[[], Utterer]) -> None:
        self._loop, self._inbox = asyncio.get_running_loop(), asyncio.Queue[Heard]()
        self._voices, self.is_stopped = voices, False
        self._speaking = _Speaking(open, self._tell, time.monotonic() + START_S)
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
            self._inbox.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Float[Tensor, " n"]]:
        """See `Mouth.__aiter__`."""
        try:
            while (heard := await self._inbox.get()) is not None and not self.is_stopped:
                if isinstance(heard, Exception):
                    raise heard
                yield heard
        finally:
            self.stop()

    def _tell(self, heard: Heard) -> None:
        """Called by the thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._inbox.put_nowait, heard)


class LocalVoices:
    """See `Voices`. `together`: chunks rendered in one call at the most; 1 for the same sound in any company."""

    def __init__(self, model: Loaded, *, together: int = 1, worker: Worker | None = None) -> None:
        """`worker`: the thread, where others work on it too; by default the voices have one of their own."""
        if not model.speaks:
            raise InputError(f"{model.name} answers in text only; ask for text.")
        self.model, self.together = model, together
        self.speaking: list[_Speaking] = []  # the thread's
        self.rendered_s = self.busy_s = 0.0  # sound that was made, and the time that it took
        self._is_closed = False
        self._mouths: list[LocalMouth] = []
        self._worker, self._is_alone = worker or Worker("sound"), worker is None
        self._duty = self._worker.join(self._work, self._broke, self._patience)

    def utter(self, clip: Audio | None = None, seed: int = 0) -> LocalMouth:
        """See `Voices.utter`; the voice is opened at once, so that it is ready when the first codes are."""
        if self._is_closed:
            raise InputError("the voices are closed; open others.")
        model = self.model

        def begin() -> Utterer:
            assert model.voice is not None  # it speaks
            return Utterer(model.voice, model.opened(model.default_voice() if clip is None else clip, seed))

        mouth = LocalMouth(self, begin)
        self._mouths = [*(m for m in self._mouths if not m.is_stopped), mouth]
        return mouth

    async def close(self) -> None:
        """See `Voices.close`."""
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

    def _patience(self) -> float:
        chosen = next_up(self.speaking)
        return 0.0 if chosen is None else max(chosen.due - time.monotonic() - AHEAD_S, 0.0)

    def _broke(self, error: Exception) -> None:
        """The thread broke down: every utterance ends with this error."""
        for speaking in list(self.speaking):
            self.leave(speaking)
            speaking.tell(error)

    def _work(self) -> bool:
        """Open one voice or render one chunk, of whoever runs dry first; whether there is more to do."""
        chosen = next_up(self.speaking)
        if chosen is None:
            return False
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
        utterers = [s.utterer for s in group if s.utterer is not None]
        waves = render_together(utterers) if len(utterers) > 1 else [utterers[0].render()]
        for speaking, wave in zip(group, waves, strict=True):
            self.rendered_s += len(wave) / SPOKEN_HZ
            speaking.sounded(wave)

    def _end(self, speaking: _Speaking) -> None:
        """Say what is held back."""
        assert speaking.utterer is not None
        for wave in speaking.utterer.finish():
            self.rendered_s += len(wave) / SPOKEN_HZ
            speaking.sounded(wave)
        self.leave(speaking)
        speaking.tell(None)


def next_up(speaking: Sequence[_Speaking]) -> _Speaking | None:
    """Of those for whom there is something to do, the one whose listener runs dry first."""
    for one in speaking:
        one.hold()
    return min((one for one in speaking if one.is_ready), key=lambda one: one.due, default=None)
