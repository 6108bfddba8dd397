"""What a live conversation tells its client, in the order in which it happens.

    the user   SpeechStarted  SpeechStopped  Committed  Transcribed        TimedOut: nobody says anything
    a reply    ReplyStarted  (ItemStarted  (TextDelta | AudioDelta)* | Called | Ran  ItemDone)*  ReplyDone
    its end    Interrupted (be silent now), then Cut: the history holds what was heard

Items and replies go by the names that the conversation draws from its `Ids`. Times are milliseconds: of the user's
sound since it began for what the user does, of the sound of one item for what a reply does.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from jaxtyping import Float
from torch import Tensor

ItemKind = Literal["speech", "text", "call"]
Status = Literal["completed", "cancelled", "incomplete", "failed"]
Reason = Literal["turn_detected", "client_cancelled", "max_output_tokens"]


@dataclass(frozen=True)
class SpeechStarted:
    """The user speaks; the turn will be `item`."""

    item: str
    start_ms: int


@dataclass(frozen=True)
class SpeechStopped:
    """The user has finished; the voice had been silent for `silent_ms` when that was decided."""

    item: str
    end_ms: int
    silent_ms: int = 0


@dataclass(frozen=True)
class Committed:
    """A turn of the user stands in the history as `item`, after another one (None: it is the first)."""

    item: str
    after: str | None
    duration_ms: int


@dataclass(frozen=True)
class Transcribed:
    """What was said in a turn of the user; where `error` says why not, `text` is empty."""

    item: str
    text: str
    error: str = ""


@dataclass(frozen=True)
class TimedOut:
    """Nobody has said anything for the time that was agreed upon; a reply follows. `item` is an empty turn."""

    item: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class ReplyStarted:
    """A reply begins. `tag` is what the client gave with its request; None for one that nobody asked for."""

    reply: str
    tag: object = None
    is_aside: bool = False  # outside the conversation


@dataclass(frozen=True)
class ItemStarted:
    """Number `index` of the items of a reply begins; it stands after another one in the history."""

    reply: str
    item: str
    index: int
    kind: ItemKind
    after: str | None = None


@dataclass(frozen=True)
class TextDelta:
    """Words: those of the speech if the item is speech; they count as heard once `said_ms` of its sound were played."""

    reply: str
    item: str
    index: int
    text: str
    said_ms: int = 0


@dataclass(frozen=True)
class ThoughtDelta:
    """Words of the thinking that precedes a reply. They are no part of any item."""

    reply: str
    text: str


@dataclass(frozen=True, eq=False)
class AudioDelta:
    """Sound at 24 kHz, float32, which begins at `start_ms` of the item's sound."""

    reply: str
    item: str
    index: int
    samples: Float[Tensor, " n"]
    start_ms: int


@dataclass(frozen=True)
class Called:
    """The model calls a tool; the item is complete with that. `by_client`: the client is to run it and to answer.

    `label` is that of the MCP server that the tool belongs to; empty where it belongs to none.
    """

    reply: str
    item: str
    index: int
    call: str
    name: str
    arguments: str
    by_client: bool
    label: str = ""


@dataclass(frozen=True)
class Ran:
    """A tool of the server has answered; the reply goes on. `item` is the answer in the history."""

    reply: str
    item: str
    call: str
    output: str
    has_failed: bool = False
    note: str = ""  # who is to be named with it


@dataclass(frozen=True)
class ItemDone:
    """The item is complete, or (`is_whole` false) nothing more comes of it. `text` is all of its words."""

    reply: str
    item: str
    index: int
    kind: ItemKind
    text: str
    duration_ms: int = 0
    is_whole: bool = True


@dataclass(frozen=True)
class Usage:
    """Tokens that a reply read and wrote."""

    read_text: int = 0
    read_audio: int = 0
    cached: int = 0
    written_text: int = 0
    written_audio: int = 0


@dataclass(frozen=True)
class ReplyDone:
    """Everything of the reply has been told. `reason` where it did not come to its end, `error` where it failed."""

    reply: str
    status: Status
    reason: Reason | None = None
    error: str = ""
    usage: Usage = Usage()
    tag: object = None
    is_aside: bool = False


@dataclass(frozen=True)
class Interrupted:
    """The client is to be silent at once; `item` had sounded for about `heard_ms`. What was not sent is dropped."""

    reply: str
    item: str | None
    heard_ms: int


@dataclass(frozen=True)
class Cut:
    """Of a spoken item the history now holds what goes with its first `heard_ms`: `text`."""

    item: str
    heard_ms: int
    text: str


@dataclass(frozen=True)
class Compacted:
    """The history outgrew the context: of some items only the words are left, others are forgotten altogether.

    `sound` and `words` are positions of the context: of what was written down, before and after.
    """

    written: tuple[str, ...]
    dropped: tuple[str, ...]
    sound: int = 0
    words: int = 0


LiveEvent: TypeAlias = (
    SpeechStarted
    | SpeechStopped
    | Committed
    | Transcribed
    | TimedOut
    | ReplyStarted
    | ItemStarted
    | TextDelta
    | ThoughtDelta
    | AudioDelta
    | Called
    | Ran
    | ItemDone
    | ReplyDone
    | Interrupted
    | Cut
    | Compacted
)
