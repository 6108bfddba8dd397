"""What was said, as entries with names: what clients create, delete and cut, and what the model is told.

    Heard      the user: sound and words            Written    a message in words, of any role
    Spoken     one utterance of the model           Called     a tool call of the model, or of a client's making
    Answered   a tool's result

The ids of a reply are kept as they were generated; entries of one `turn` are one message for the model.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from antiphon.audio.wave import Audio
from antiphon.text.chat import AudioItem


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
    """An utterance of the model: its ids behind `<tts_start>` if it is speech, and how much of it was heard."""

    id: str
    turn: str
    ids: tuple[int, ...]
    is_speech: bool = True
    heard_ms: int | None = None  # None: all of it


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
