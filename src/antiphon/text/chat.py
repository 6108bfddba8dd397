"""Conversations as prompts: messages -> pieces -> segments.

    Message(role, content)         what a program holds
      |  render_chat / render_base / serving.render_serving
    pieces: tuples of parts        what is tokenised together; no token crosses from one piece into the next
      |  encode
    Prompt: segments               what the model embeds: runs of ids, and rows of heard audio

A message of the chat models is `<|BOT|>role\\ncontent<|EOT|>`, with nothing between messages. Marks (control tokens)
come from the program: the turn marks, those around audio, and those that an assistant may write itself (`<tts_start>`,
tool tags, thinking tags). **Words are words**: text from users, tools and models is tokenised without special tokens.
Assistant content with `eot=False` is a prefix that the program composed; there the assistant's marks are read as marks.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from antiphon.errors import InputError
from antiphon.text.layout import TokenLayout
from antiphon.text.tokenizer import MARKUP, Tokenizer
from antiphon.text.toolcall import CLOSE, OPEN, ToolCall

__all__ = [
    "AudioItem",
    "AudioSegment",
    "Composed",
    "Content",
    "Item",
    "Mark",
    "Message",
    "Part",
    "Piece",
    "Prompt",
    "Segment",
    "Sound",
    "Speech",
    "TextSegment",
    "Tokens",
    "Words",
    "compose",
    "encode",
    "render_base",
    "render_chat",
]

BOT, EOT, TTS_START = "<|BOT|>", "<|EOT|>", "<tts_start>"
ASSISTANT_MARKS = (TTS_START, *MARKUP)
MARK_PATTERN = re.compile("|".join(re.escape(mark) for mark in ASSISTANT_MARKS))
ROLE_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

# --- parts: what a piece is made of ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Words:
    """Text of anybody. Never control."""

    text: str


@dataclass(frozen=True)
class Mark:
    """A control token by its name, written by the program. Markup without a token of its own is written as text."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in (BOT, EOT, *ASSISTANT_MARKS):
            raise InputError(f"The mark {self.name!r} is not for messages; audio marks come with AudioItem alone.")


@dataclass(frozen=True)
class Sound:
    """One encoded piece of heard audio: `<audio_start>`, `num_rows` rows of the adaptor, `<audio_end>`."""

    key: str
    piece: int
    num_rows: int


@dataclass(frozen=True)
class Tokens:
    """Ids as a model generated them: the history of a spoken turn."""

    ids: tuple[int, ...]


@dataclass(frozen=True)
class Speech:
    """A spoken turn by its text and its speech codes; woven when it is encoded."""

    text: str
    codes: tuple[int, ...]


Part: TypeAlias = Words | Mark | Sound | Tokens | Speech
Piece: TypeAlias = tuple[Part, ...]

# --- messages --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AudioItem:
    """Heard audio in a message: the rows that each of its pieces of 25 s takes, and the hash of its content."""

    num_rows: tuple[int, ...]
    key: str = ""

    def __post_init__(self) -> None:
        if any(rows < 0 for rows in self.num_rows):
            raise InputError(f"An audio item has {self.num_rows} rows; expected counts of 0 or more.")

    @property
    def sounds(self) -> tuple[Sound, ...]:
        return tuple(Sound(self.key, n, rows) for n, rows in enumerate(self.num_rows))


@dataclass(frozen=True)
class Composed:
    """Words and marks that the program wrote as one string, so that tokens may cross from part to part."""

    parts: tuple[Words | Mark, ...]


Item: TypeAlias = str | Words | Mark | Composed | AudioItem | Tokens | Speech | ToolCall
Content: TypeAlias = str | Sequence[Item] | Composed | None


@dataclass(frozen=True)
class Message:
    """One turn. `content` None opens the turn (the header alone); `eot` False leaves it open to be continued."""

    role: str
    content: Content
    eot: bool = True
    call_id: str = ""  # role "tool": the id of the call that this answers

    def __post_init__(self) -> None:
        if not ROLE_PATTERN.fullmatch(self.role):
            raise InputError(
                f"The role {self.role!r} is no plain word; use system, human, assistant, input or the like."
            )
        if isinstance(self.content, Sequence) and not isinstance(self.content, str):
            object.__setattr__(self, "content", tuple(self.content))  # a message is a value


def compose(text: str) -> Composed:
    """Read the assistant's marks out of a string that the program wrote: `"</think>\\n\\n<tts_start>"`."""
    parts: list[Words | Mark] = []
    position = 0
    for match in MARK_PATTERN.finditer(text):
        parts += [Words(text[position : match.start()])] if match.start() > position else []
        parts.append(Mark(match.group()))
        position = match.end()
    return Composed((*parts, Words(text[position:])) if position < len(text) else tuple(parts))


def render_chat(messages: Iterable[Message]) -> list[Piece]:
    """Messages as the chat models hear them, piece by piece as the released client cuts them."""
    pieces: list[Piece] = []
    for message in messages:
        role = "human" if message.role == "user" else message.role
        header: Piece = (Mark(BOT), Words(f"{role}\n"))
        end: Piece = (Mark(EOT),) if message.eot else ()
        if message.content is None:
            pieces.append(header)
        elif isinstance(message.content, str | Composed):
            pieces.append((*header, *item_parts(message, message.content)[0], *end))
        else:
            pieces.append(header)
            for item in message.content:
                pieces += item_parts(message, item)
            pieces += [end] if end else []
    return pieces


def render_base(items: Iterable[Item]) -> list[Piece]:
    """A prompt of the base model: texts, audio and ids one after another, without any markup of roles."""
    message = Message("assistant", None)
    return [piece for item in items for piece in item_parts(message, item)]


def item_parts(message: Message, item: Item) -> list[Piece]:
    """The pieces of one item of a message."""
    if isinstance(item, str):
        item = Words(item)
    if isinstance(item, Words) and message.role == "assistant":
        if not message.eot or item.text == TTS_START:  # a prefix, or the released form of a spoken turn's history
            item = compose(item.text)
    if isinstance(item, Composed):
        return [item.parts]
    if isinstance(item, AudioItem):
        return [(sound,) for sound in item.sounds]
    if isinstance(item, ToolCall):
        return [(Mark(OPEN), Words(item.body), Mark(CLOSE))]
    if isinstance(item, Words | Mark | Tokens | Speech):
        return [(item,)]
    raise InputError(f"A message holds a {type(item).__name__}; expected text, audio, tokens, speech or a tool call.")


# --- prompts ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TextSegment:
    """A run of token ids."""

    ids: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class AudioSegment:
    """Rows of heard audio: piece number `piece` of the recording whose content hashes to `key`."""

    key: str
    piece: int
    num_rows: int

    def __len__(self) -> int:
        return self.num_rows


Segment: TypeAlias = TextSegment | AudioSegment


@dataclass(frozen=True)
class Prompt:
    """What the model embeds, in order. Text and audio alternate; equal beginnings are equal segments."""

    segments: tuple[Segment, ...]
    layout: TokenLayout

    @property
    def ids(self) -> list[int]:
        """The prompt as ids, with `<audio_patch>` where rows of audio stand."""
        ids: list[int] = []
        for segment in self.segments:
            if isinstance(segment, TextSegment):
                ids += segment.ids
            else:
                ids += [self.layout.audio_patch] * segment.num_rows
        return ids

    @property
    def audio(self) -> tuple[AudioSegment, ...]:
        """The audio segments in order of their `<audio_start>`, those of no rows left out."""
        return tuple(segment for segment in self.segments if isinstance(segment, AudioSegment))

    @property
    def is_spoken(self) -> bool:
        """True when the reply to this prompt is speech."""
        return self.layout.starts_speaking(self.ids[-1:])

    def __len__(self) -> int:
        return sum(len(segment) for segment in self.segments)


def encode(pieces: Iterable[Piece], tokenizer: Tokenizer, layout: TokenLayout) -> Prompt:
    """Pieces as a prompt. Words side by side within a piece are tokenised as one string, pieces apart."""
    segments: list[Segment] = []
    ids: list[int] = []
    for piece in pieces:
        words = ""
        for part in piece:
            if isinstance(part, Words | Mark) and not (isinstance(part, Mark) and part.name in tokenizer.added):
                words += part.text if isinstance(part, Words) else _as_text(part)
                continue
            ids += tokenizer.encode(words) if words else []
            words = ""
            if isinstance(part, Sound):
                opened = TextSegment((*ids, layout.audio_start))
                segments += [opened, AudioSegment(part.key, part.piece, part.num_rows)] if part.num_rows else []
                ids = [layout.audio_end] if part.num_rows else [*opened.ids, layout.audio_end]
            else:
                ids += _part_ids(part, tokenizer, layout)
        ids += tokenizer.encode(words) if words else []
    segments += [TextSegment(tuple(ids))] if ids else []
    return Prompt(tuple(segments), layout)


def _as_text(mark: Mark) -> str:
    if mark.name not in MARKUP:
        raise InputError(f"The tokenizer has no control token {mark.name!r}; load the files released with the model.")
    return mark.name


def _part_ids(part: Part, tokenizer: Tokenizer, layout: TokenLayout) -> Sequence[int]:
    if isinstance(part, Mark):
        return [tokenizer.id_of(part.name)]
    if isinstance(part, Speech):
        return layout.interleave(tokenizer.encode(part.text), part.codes)
    assert isinstance(part, Tokens)
    wrong = [i for i in part.ids if not 0 <= i < layout.vocab_size or i in (layout.audio_start, layout.audio_patch)]
    if wrong:
        raise InputError(
            f"A message splices the ids {wrong[:3]}; expected ids below {layout.vocab_size} without audio marks."
        )
    return part.ids
