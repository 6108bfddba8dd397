"""`semantic_vad`: a turn ends sooner where it sounds finished, and later where more seems to come.

    silence   |─ pause: speculate ─|──────── wait ────────|
                                   200 ms ...... 2 / 4 / 8 s        the surer the witnesses, the shorter

Two witnesses, each a number from 0 (more will come) to 1 (finished): the tune of the voice (`prosody.py`), and the
model: how sure it is of the reply that it begins at the pause. Where nobody says anything the wait is in between.
"""

from dataclasses import dataclass, field, replace

from antiphon.errors import ConfigError
from antiphon.runtime.turns import Frame, ServerVad, ServerVadState, Signal, Speech, TurnEnd

LONGEST_MS = {"low": 8_000, "medium": 4_000, "auto": 4_000, "high": 2_000}
UNKNOWN = 0.6  # what is believed while nobody says anything


@dataclass(frozen=True)
class SemanticState:
    """What is heard, and what the witnesses say of the pause under way."""

    heard: ServerVadState
    tune: float | None = None
    model: float | None = None

    @property
    def ending(self) -> float:
        """How sure it is that the user has finished."""
        said = [witness for witness in (self.tune, self.model) if witness is not None]
        return sum(said) / len(said) if said else UNKNOWN


@dataclass(frozen=True, kw_only=True)
class SemanticVad:
    """OpenAI's `semantic_vad`: `eagerness` (a name of LONGEST_MS) bounds the wait. Raises ConfigError for any other."""

    eagerness: str = "auto"
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    pause_ms: int = 160
    shortest_ms: int = 200
    hears_tunes: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        if self.eagerness not in LONGEST_MS:
            raise ConfigError(f"an eagerness of {self.eagerness!r} was asked for; choose {', '.join(LONGEST_MS)}.")
        if not self.pause_ms <= self.shortest_ms <= min(LONGEST_MS.values()):
            raise ConfigError(
                f"a shortest silence of {self.shortest_ms} ms was asked for; give {self.pause_ms} to 2000 ms."
            )

    def start(self, floor_ms: int = 0) -> SemanticState:
        """No utterance under way."""
        return SemanticState(self._ears.start(floor_ms))

    def step(self, state: SemanticState, frame: Frame) -> tuple[SemanticState, tuple[Signal, ...]]:
        """As `ServerVad`, with a silence that is as long as the witnesses want it."""
        heard, signals = self._ears.step(state.heard, frame)
        if any(isinstance(signal, Speech) for signal in signals):
            return SemanticState(heard), signals
        state = replace(state, heard=heard, tune=frame.ending if frame.ending is not None else state.tune)
        if any(isinstance(signal, TurnEnd) for signal in signals):
            return SemanticState(heard), signals
        if heard.begun_ms is None or not heard.has_paused:
            return state, signals
        if frame.end_ms - heard.voice_end_ms < self.wait_ms(state.ending):
            return state, signals
        utterance = self._ears.utterance(heard)
        return self.start(utterance.end_ms), (*signals, TurnEnd(utterance))

    def believe(self, state: SemanticState, ending: float) -> SemanticState:
        """The model has said how sure it is."""
        return replace(state, model=ending)

    def wait_ms(self, ending: float) -> int:
        """The silence that ends a turn: short where the end is sure, and growing quickly with the doubt."""
        longest = LONGEST_MS[self.eagerness]
        return round(self.shortest_ms + (1 - ending) ** 2 * (longest - self.shortest_ms))

    @property
    def _ears(self) -> ServerVad:
        return ServerVad(
            threshold=self.threshold,
            prefix_padding_ms=self.prefix_padding_ms,
            silence_duration_ms=LONGEST_MS[self.eagerness],
            pause_ms=self.pause_ms,
        )
