"""Hours of talk in a bounded context: old sound becomes words, then old turns are forgotten.

    size   budget ┤      ╱│    ╱│    ╱│       grows turn by turn; over the budget it shrinks to `ratio` of it at once,
           ratio  ┤    ╱  │  ╱  │  ╱  │       so that between two shrinkings the history only grows at its end and the
                  ┤  ╱    └╱    └╱    └       model's cache of its beginning survives
                  └──────────────────────> turns

A second of sound that is heard takes 12.5 positions, one that is spoken 31.25, and words about three: the sound of an
old turn is replaced by its transcript first, oldest turn first, before anything is forgotten. `Rates` says how much
that saves at the rates of a model; the 14 to 1 that was published belongs to Step-Audio 1, whose sound took 41.7
positions a second. Forgetting is by whole turns: a question goes with its answer, a tool's call with its result.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from antiphon.errors import ConfigError
from antiphon.runtime.history import Entry, Heard, History, Spoken, Written
from antiphon.text.chat import AudioItem

Size = Callable[[Sequence[Entry]], int]


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How a history is kept within bounds. `ratio` is OpenAI's `retention_ratio`."""

    ratio: float = 0.6  # of the budget that is left when it was exceeded
    budget: int | None = None  # positions of a history; None: what the context leaves
    sound_turns: int = 2  # the last turns of the user, which keep their sound
    is_off: bool = False  # nothing is ever replaced or forgotten

    def __post_init__(self) -> None:
        if not 0 <= self.ratio <= 1:
            raise ConfigError(f"a retention ratio of {self.ratio} was given; choose 0 to 1.")
        if self.sound_turns < 1:
            raise ConfigError(f"{self.sound_turns} turns with sound were asked for; at least the last one keeps it.")


@dataclass(frozen=True)
class Compaction:
    """A history within bounds, and what it took: entries of which the words are left, and entries that are gone."""

    history: History
    written: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    sound: int = 0  # positions of what was written down, before
    words: int = 0  # and after


def compact(
    history: History, budget: int, retention: Retention, size: Size, text_of: Callable[[Spoken], str]
) -> Compaction:
    """The history itself while it is within `budget`; else one of at most `ratio` of it, or the last turn alone."""
    if retention.is_off or size(history) <= budget:
        return Compaction(history)
    goal = int(retention.ratio * budget)
    in_sound = {entry.id: entry for entry in history}
    history, written = _write_down(history, goal, retention.sound_turns, size, text_of)
    history, dropped = _forget(history, goal, size)
    left = [entry for entry in history if entry.id in written]
    sound, words = size([in_sound[entry.id] for entry in left]), size(left)
    return Compaction(history, tuple(entry.id for entry in left), dropped, sound, words)


def _write_down(
    history: History, goal: int, sound_turns: int, size: Size, text_of: Callable[[Spoken], str]
) -> tuple[History, tuple[str, ...]]:
    """Words for sound, oldest first, as long as it is needed; a turn whose words are not known keeps its sound."""
    begins = _turns(history)
    spared = begins[-sound_turns] if len(begins) >= sound_turns else 0
    entries, written = list(history), list[str]()
    total = size(history)
    for at, entry in enumerate(entries[:spared]):
        words = in_words(entry, text_of)
        if total <= goal:
            break
        if words is not None:
            total += size([words]) - size([entry])
            entries[at] = words
            written.append(entry.id)
    return tuple(entries), tuple(written)


def in_words(entry: Entry, text_of: Callable[[Spoken], str]) -> Entry | None:
    """An entry of sound as one of words; None for one that has no sound, or whose words are not known."""
    if isinstance(entry, Spoken) and entry.is_speech:
        return Written(entry.id, "assistant", text_of(entry).strip())
    if isinstance(entry, Heard) and entry.transcript is not None:
        if any(isinstance(part, AudioItem) for part in entry.parts):
            return replace(entry, parts=_with_words(entry))
    return None


def _with_words(entry: Heard) -> tuple[str, ...]:
    """The parts of a turn, its sounds replaced by one transcript."""
    words = [part for part in entry.parts if isinstance(part, str)]
    transcript = (entry.transcript or "").strip()
    return (transcript, *words) if transcript else tuple(words)


def _forget(history: History, goal: int, size: Size) -> tuple[History, tuple[str, ...]]:
    """Without its oldest turns, as many as needed; instructions stay, and so does the last turn."""
    begins, gone = _turns(history), set[str]()
    total = size(history)
    for begin, end in zip(begins, begins[1:], strict=False):
        if total <= goal:
            break
        leaving = [e for e in history[begin:end] if not (isinstance(e, Written) and e.role == "system")]
        total -= size(leaving)
        gone |= {entry.id for entry in leaving}
    kept = tuple(entry for entry in history if entry.id not in gone)
    return kept, tuple(entry.id for entry in history if entry.id in gone)


def _turns(history: History) -> list[int]:
    """Where turns begin: the first entry, and each of the user that follows something else."""
    begins = [0] if history else []
    for at in range(1, len(history)):
        if _is_user(history[at]) and not _is_user(history[at - 1]):
            begins.append(at)
    return begins


def _is_user(entry: Entry) -> bool:
    return isinstance(entry, Heard) or (isinstance(entry, Written) and entry.role == "user")


# --- how much it saves -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rates:
    """Positions of the context that a second of sound takes in one model."""

    name: str
    heard: float
    spoken: float

    def ratio(self, heard_s: float, spoken_s: float, words: int) -> float:
        """How many positions of sound one position of its words replaces; `words` are those of both sides."""
        return (self.heard * heard_s + self.spoken * spoken_s) / max(words, 1)


STEP_AUDIO_1 = Rates("Step-Audio 1", 41.7, 41.7)  # two code books, 16.7 and 25 a second
STEP_AUDIO_2 = Rates("Step-Audio 2", 12.5, 31.25)  # continuous rows; codes woven with words, 5 a 160 ms
