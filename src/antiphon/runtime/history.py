"""What was said, as entries with names: what clients create, delete and cut, and what the model is told.

    Heard      the user: sound and words            Written    a message in words, of any role
    Spoken     one utterance of the model           Called     a tool call, of the model or of a client's making
    Answered   a tool's result

A history is a tuple of entries, a value: every change gives a new one. The ids of a reply are kept as they were
generated, whole; what was not heard of them is left out when the model is told (`dialect.py`). Entries of one `turn`
are one message.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.text.chat import AudioItem

ROOT = "root"


@dataclass(frozen=True)
class Heard:
    """A turn of the user: words and sounds in their order, and what was said in the sounds as far as it is known.

    A client gives sound as `Audio`; `Live.add` has it encoded.
    """

    id: str
    parts: tuple[str | Audio | AudioItem, ...]
    transcript: str | None = None


@dataclass(frozen=True)
class Written:
    """A message in words."""

    id: str
    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class Spoken:
    """An utterance of the model: its ids (behind `<tts_start>` if it is speech) and how much of it was heard."""

    id: str
    turn: str
    ids: tuple[int, ...]
    is_speech: bool = True
    heard_ms: int | None = None  # None: all of it
    speed: float = 1.0  # that it was heard at


@dataclass(frozen=True)
class Called:
    """A tool call: the ids of it if the model made it, else its name and arguments alone."""

    id: str
    call: str
    name: str
    arguments: str
    turn: str = ""
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Answered:
    """What a tool answered."""

    id: str
    call: str
    text: str


Entry: TypeAlias = Heard | Written | Spoken | Called | Answered
History: TypeAlias = tuple[Entry, ...]


def place_of(history: History, item: str) -> int:
    """Where an entry stands. InputError for one that is not there."""
    for at, entry in enumerate(history):
        if entry.id == item:
            return at
    raise InputError(f"there is no item {item!r} in the conversation; name one of its {len(history)} items.")


def inserted(history: History, entry: Entry, after: str | None = None) -> History:
    """With `entry` after another one (None: at the end; "root": first). InputError for a name that is taken."""
    if any(other.id == entry.id for other in history):
        raise InputError(f"an item {entry.id!r} is already in the conversation; give the new one another name.")
    at = len(history) if after is None else 0 if after == ROOT else place_of(history, after) + 1
    return (*history[:at], entry, *history[at:])


def deleted(history: History, item: str) -> History:
    """Without an entry."""
    at = place_of(history, item)
    return history[:at] + history[at + 1 :]


def replaced(history: History, entry: Entry) -> History:
    """With a newer form of an entry that is there."""
    at = place_of(history, entry.id)
    return (*history[:at], entry, *history[at + 1 :])
