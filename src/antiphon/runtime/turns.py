"""When does the user's turn begin, pause and end? Detectors from speech probabilities to signals.

    speech      ____####__######______________________        # voiced frames
    signals         ssss  ssssss   P              E           s Speech   P Pause   E TurnEnd
    utterance    [················-]                          prefix padding ... voice end + pause_ms

Time is the position in the user's sound, in milliseconds: a detector has no clock, and sound that comes late or all at
once gives the same turns. The sound of an utterance ends `pause_ms` after its last voiced frame, whether its end is
believed early (speculation) or late (commitment): so both hand the model the same samples.
"""

from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias, TypeVar, runtime_checkable

from antiphon.errors import ConfigError

RELEASE = 0.15  # how far below the threshold a voice that has begun may fall


@dataclass(frozen=True)
class Frame:
    """A stretch of the user's sound: where it begins and ends, and the probability that it holds speech.

    `ending`: how much the voice before a silence sounded like the end of what was to be said, 0 to 1, if that is known.
    """

    start_ms: int
    end_ms: int
    speech: float
    ending: float | None = None


@dataclass(frozen=True)
class Utterance:
    """A stretch of sound with speech in it, as the model is to hear it, and how much of it is voiced."""

    start_ms: int
    end_ms: int
    voiced_ms: int


@dataclass(frozen=True)
class Speech:
    """The user speaks; `utterance` is what there is of it up to now."""

    utterance: Utterance


@dataclass(frozen=True)
class Pause:
    """The user may have finished; further speech of the same utterance may follow."""

    utterance: Utterance


@dataclass(frozen=True)
class TurnEnd:
    """The user has finished; further speech is another utterance."""

    utterance: Utterance


Signal: TypeAlias = Speech | Pause | TurnEnd
S = TypeVar("S")


@runtime_checkable
class TurnDetector(Protocol[S]):
    """Decides on turns. A value that holds settings; what it has heard is the state that it hands back.

    Of one utterance the signals are `Speech`, then `Speech` and `Pause` in any order, then `TurnEnd`; the utterance of
    a `TurnEnd` is that of the last `Pause` before it, unless no pause was signalled.
    """

    @property
    def pause_ms(self) -> int:
        """Silence that an utterance ends with."""
        ...

    @property
    def hears_tunes(self) -> bool:
        """Whether it wants to know how a voice sounded before it paused (`Frame.ending`)."""
        ...

    def start(self, floor_ms: int = 0) -> S:
        """The state of a stream whose sound before `floor_ms` belongs to no further utterance."""
        ...

    def step(self, state: S, frame: Frame) -> tuple[S, tuple[Signal, ...]]:
        """What `frame` tells."""
        ...

    def believe(self, state: S, ending: float) -> S:
        """The model says, 0 to 1, how sure it is that the user has finished; what follows, frames will tell."""
        ...


@dataclass(frozen=True)
class ServerVadState:
    """The utterance under way (`begun_ms` is None between utterances) and the end of the one before."""

    begun_ms: int | None = None
    voice_end_ms: int = 0
    voiced_ms: int = 0
    has_paused: bool = False
    floor_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class ServerVad:
    """A turn ends when silence has lasted long enough: OpenAI's `server_vad`, with its names and defaults.

    `pause_ms` of silence are a pause, at which a reply may be speculated upon.
    """

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500
    pause_ms: int = 160
    hears_tunes: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise ConfigError(f"threshold is {self.threshold}; give a probability between 0 and 1")
        if self.prefix_padding_ms < 0:
            raise ConfigError(f"prefix_padding_ms is {self.prefix_padding_ms}; give 0 or more")
        if not 0 < self.pause_ms <= self.silence_duration_ms:
            raise ConfigError(
                f"a pause of {self.pause_ms} ms in a silence of {self.silence_duration_ms} ms was asked for; "
                "give pause_ms above 0 and silence_duration_ms no shorter than it"
            )

    def start(self, floor_ms: int = 0) -> ServerVadState:
        """No utterance under way."""
        return ServerVadState(floor_ms=floor_ms)

    def step(self, state: ServerVadState, frame: Frame) -> tuple[ServerVadState, tuple[Signal, ...]]:
        """Voiced: the utterance begins or goes on. Silent: it pauses, or it is over."""
        begun = state.begun_ms is not None
        if frame.speech >= self.threshold - (RELEASE if begun else 0.0):
            state = self._voiced(state, frame)
            return state, (Speech(self.utterance(state)),)
        signals, silent_ms = list[Signal](), frame.end_ms - state.voice_end_ms
        if begun and not state.has_paused and silent_ms >= self.pause_ms:
            signals.append(Pause(self.utterance(state)))
            state = replace(state, has_paused=True)
        if begun and silent_ms >= self.silence_duration_ms:
            signals.append(TurnEnd(self.utterance(state)))
            state = ServerVadState(floor_ms=self.utterance(state).end_ms)
        return state, tuple(signals)

    def _voiced(self, state: ServerVadState, frame: Frame) -> ServerVadState:
        return replace(
            state,
            begun_ms=frame.start_ms if state.begun_ms is None else state.begun_ms,
            voice_end_ms=frame.end_ms,
            voiced_ms=state.voiced_ms + frame.end_ms - frame.start_ms,
            has_paused=False,
        )

    def believe(self, state: ServerVadState, ending: float) -> ServerVadState:
        """Silence alone counts."""
        return state

    def utterance(self, state: ServerVadState) -> Utterance:
        """The utterance under way, as far as it has come."""
        assert state.begun_ms is not None
        start = max(state.begun_ms - self.prefix_padding_ms, state.floor_ms)
        return Utterance(start, state.voice_end_ms + self.pause_ms, state.voiced_ms)
