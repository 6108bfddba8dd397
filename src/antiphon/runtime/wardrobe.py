"""The voice of one conversation: the one that speaks, one that is being got ready, and the way back.

    wear(clip) ── prepared on another thread ── taken from the next utterance on, or
                    │                           from the next pause of the one that is being said
                    └ no voice can be made of it: the old one stays, and `Fitting.problem` says why

    codes   ····················|···········    a pause begins a code; what was rendered behind it is not heard, but
    sound   ~~~~ old ~~~~ ______|~~~ new ~~~    said again in the new voice

Opened voices are kept by the content of their recordings, a few of them, by the model (`Loaded.opened`).
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import AntiphonError
from antiphon.model.voice import VoiceState
from antiphon.rates import SPOKEN_HZ, exact_div
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.speech import Utterer
from antiphon.tools.result import ToolResult, failure
from antiphon.voices.permission import from_library

PER_CODE = exact_div(SPOKEN_HZ, 25)  # samples
FRAME = exact_div(PER_CODE, 4)  # 10 ms
PAUSE = 12  # soft frames in a row: between sentences, rarely between words
SOFT = 0.03  # of the loudest frame so far: 30 dB below it
FADE = exact_div(SPOKEN_HZ, 200)  # samples: 5 ms on both sides of a change
CLIP = "clip"  # in the data of a tool's answer: the recording of the voice that it puts on
PREPARING = ThreadPoolExecutor(1, "voices")  # opens voices, apart from the threads that speak


@dataclass(frozen=True)
class Fitting:
    """A voice that is being got ready."""

    clip: Audio | None  # None: the model's own
    done: "Future[VoiceState]"

    @property
    def problem(self) -> str:
        """Why no voice can be made of the clip, empty where one can; waits until that is known."""
        error = self.done.exception()
        if error is not None and not isinstance(error, AntiphonError):
            raise error
        return "" if error is None else str(error)


class Wardrobe:
    """Whose voice a conversation has."""

    def __init__(self, model: Loaded, clip: Audio | None, seed: int) -> None:
        """`clip` is a recording of the first voice; None: the model's own."""
        self.model, self.first, self.clip = model, clip, clip
        self._seed = seed
        self._wanted: Fitting | None = None

    def wear(self, clip: Audio | None) -> Fitting:
        """Get a voice ready, and speak with it from the next boundary on; the last one asked for counts."""
        self._wanted = Fitting(clip, PREPARING.submit(self._open, clip))
        return self._wanted

    def take_off(self) -> Fitting:
        """Back to the first voice."""
        return self.wear(self.first)

    @property
    def is_wanted(self) -> bool:
        """Whether another voice waits for a boundary; waits until it is ready. One that cannot be made is forgotten."""
        if self._wanted is not None and self._wanted.problem:
            self._wanted = None
        return self._wanted is not None

    def opened(self) -> VoiceState:
        """The voice that is to speak now, with nothing said yet: a boundary."""
        if self.is_wanted:
            assert self._wanted is not None
            self.clip, self._wanted = self._wanted.clip, None
        return self._open(self.clip)

    def _open(self, clip: Audio | None) -> VoiceState:
        return self.model.opened(self.model.default_voice() if clip is None else clip, self._seed)


def worn(wardrobe: Wardrobe, result: ToolResult) -> ToolResult:
    """A tool's answer, and the voice put on that it names: `data["voice"]` is one of the library, "" the first one.

    What cannot be put on changes nothing, and the answer says so.
    """
    name = result.data.get("voice")
    if result.failed or not isinstance(name, str):
        return result
    try:
        problem = wardrobe.wear(from_library(name) if name else wardrobe.first).problem
    except AntiphonError as error:
        problem = str(error)
    return _stays(result, problem) if problem else result


def tried_on(model: Loaded, result: ToolResult, seed: int) -> ToolResult:
    """The same for a live conversation: `data[CLIP]` is the recording, None: the first voice.

    It is opened already, for `seed`: that of the speech to come, or it would be opened again where it speaks.
    """
    name = result.data.get("voice")
    if result.failed or not isinstance(name, str):
        return result
    try:
        clip = from_library(name) if name else None
        model.opened(model.default_voice() if clip is None else clip, seed)
    except AntiphonError as error:
        return _stays(result, str(error))
    return replace(result, data={**result.data, CLIP: clip})


def _stays(result: ToolResult, problem: str) -> ToolResult:
    return failure(result.name, "denied", detail=f"the voice stays as it was: {problem}")


class Speaker:
    """An utterance as `Utterer` makes it, in whatever voice its wardrobe has by then."""

    def __init__(self, wardrobe: Wardrobe) -> None:
        """Raises ConfigError for a model that comes without a voice."""
        self._wardrobe = wardrobe
        self.changes: list[int] = []  # samples of the utterance at which another voice begins
        self._begin(0)

    def _begin(self, sample: int) -> None:
        voice = self._wardrobe.model.voice
        assert voice is not None  # it speaks
        self._utterer = Utterer(voice, self._wardrobe.opened())
        self._codes = list[int]()  # that this voice was given
        self._before, self._said = sample, 0  # samples of other voices, and of this one
        self._loudest = 0.0

    def push(self, codes: Iterable[int]) -> Iterator[Float[Tensor, " n"]]:
        """The sound that became complete."""
        for code in codes:
            self._codes.append(code)
            if self._utterer.hold(code):
                yield from self._sound(self._utterer.render())

    def finish(self) -> Iterator[Float[Tensor, " n"]]:
        """What is left."""
        yield from map(self._faded_in, self._utterer.finish())

    def _sound(self, wave: Float[Tensor, " n"]) -> Iterator[Float[Tensor, " n"]]:
        """A chunk; where another voice is wanted and there is a pause in it, up to there, and on in that voice."""
        levels = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME).square().mean(1).sqrt()
        self._loudest = max([self._loudest, *levels.tolist()])
        pause = _pause(levels < SOFT * self._loudest, self._said) if self._wardrobe.is_wanted else None
        heard = self._faded_in(wave)[:pause]
        self._said += len(heard)
        yield heard if pause is None else torch.cat([heard[:-FADE], heard[-FADE:] * torch.linspace(1, 0, FADE)])
        if pause is not None:
            rest, end = self._codes[self._said // PER_CODE :], self._before + self._said
            self.changes.append(end)
            self._begin(end)
            yield from self.push(rest)

    def _faded_in(self, wave: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The first sound of a voice behind another one rises from nothing."""
        if not self.changes or self._said:
            return wave
        return torch.cat([wave[:FADE] * torch.linspace(0, 1, len(wave[:FADE])), wave[FADE:]])


def _pause(is_soft: Bool[Tensor, " t"], begin: int) -> int | None:
    """The first sample of a code in the first pause of a chunk that begins at sample `begin`, behind a third of it."""
    run = 0
    for frame, soft in enumerate(is_soft.tolist()):
        run = run + 1 if soft else 0
        if run == PAUSE:
            sample = begin + (frame - 2 * PAUSE // 3) * FRAME
            at = -(-sample // PER_CODE) * PER_CODE - begin
            return at if at > FADE else None
    return None
