"""A conversation as the data engine makes it, the models learn it and the judge reads it.

    Conversation ─ turns ─ Turn ─ heard ─ Part("scene", "train", under=True)        what must be heard, in order
                                          Part("speech", "where am i?", Who(...))
                                  reply, manner, think, call ...                   what is right to do

A part names classes (`speakers`, `prosody`, `events`, `scenes`, `vocal` of antiphon.data), never a voice: whoever makes
the sound chooses one that fits. Within a conversation the same `Who.name` is the same voice.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Literal

from antiphon.data.grammar import Family, Slots, Split
from antiphon.data.world import ToolCall

Language = Literal["en", "zh"]
Sound = Literal["speech", "event", "scene", "vocal", "music", "silence"]
Manner = Literal["plain", "fast", "slow", "whisper", "happy", "sad"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
SPLITS: tuple[Split, ...] = ("train", "template", "slots")
TALK = "talk_feelingly"  # the instruction of a conversation; see antiphon.text.prompts


@dataclass(frozen=True, kw_only=True)
class Who:
    """Who speaks, by the classes that matter; "" where any will do."""

    name: str = "user"
    gender: str = ""
    age: str = ""
    timbre: str = ""
    pitch: str = ""
    speed: str = ""
    style: str = ""
    emotion: str = ""
    rhythm: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One stretch of what is heard: words, or a sound of the class `what` (of music, the instrument).

    Parts follow one another, except that a sound with `under` lies below the part after it, as long as that lasts, and
    speech with `over` begins together with the part before it.
    """

    kind: Sound
    text: str = ""
    language: str = "en"
    who: Who = Who()
    what: str = ""
    tempo: str = ""
    under: bool = False
    over: bool = False


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One exchange. With a tool, `filler` is said and `call` made; after `result` comes back, `reply` is said.

    A reply is right if it says the same words, or, with `must`, one of the names of each group in it and none of
    `never`. A thought is right if it says one of the names of each group of `evidence`.
    """

    heard: tuple[Part, ...]
    written: str = ""  # what is given in writing instead of sound: the words to read aloud
    reply: str
    language: Language = "en"  # of the reply
    manner: Manner = "plain"
    voice: Who | None = None  # whose voice replies, where it is no longer nano's own
    think: str = ""
    evidence: tuple[tuple[str, ...], ...] = ()
    must: tuple[tuple[str, ...], ...] = ()
    never: tuple[str, ...] = ()
    filler: str = ""
    call: ToolCall | None = None
    result: str = ""
    task: str
    family: str
    template: str = ""
    slots: Slots = ()
    split: Split = "train"

    @property
    def user(self) -> str:
        """The words of the person who talks with nano, without those of others."""
        return " ".join(part.text for part in self.heard if part.kind == "speech" and part.who.name == "user")


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Turns of one conversation, the instruction it begins with, and the tools on offer as JSON."""

    task: str
    language: Language
    prompt: str = TALK
    tools: tuple[str, ...] = ()
    turns: tuple[Turn, ...]


@dataclass(frozen=True, kw_only=True)
class Skill:
    """One thing to be learnt: how to draw a conversation of a split, and every text and filling it may use."""

    name: str
    task: str
    language: Language
    draw: Callable[[Random, Split], Conversation]
    texts: tuple[str, ...]
    splits: tuple[Split, ...] = SPLITS


def split(conversation: Conversation) -> Split:
    """Say where a conversation belongs: an unheard wording, an unheard filling of a known wording, or training."""
    found = {turn.split for turn in conversation.turns}
    return "template" if "template" in found else "slots" if "slots" in found else "train"


def said(text: str, language: str = "en", who: Who | None = None, over: bool = False) -> Part:
    """Words, by the user unless somebody else says them."""
    return Part(kind="speech", text=text, language=language, who=who or Who(), over=over)


def wording(family: Family, rng: Random, split: Split) -> str:
    """Draw a wording of a family: a held-out one for the split "template"."""
    return rng.choice(sorted(family.held_templates) if split == "template" else family.train_templates)


def texts_of(*families: Family) -> tuple[str, ...]:
    """All wordings, replies and table fillings of families; "pair" is a name of a sum and never said."""
    found: list[str] = []
    for family in families:
        found += [*family.asks, family.reply]
        found += [value for row in family.rows for name, value in row.items() if name != "pair"]
    return tuple(dict.fromkeys(found))


def to_json(conversation: Conversation) -> dict[str, Any]:
    """Return a conversation as plain values that `json` can write."""
    return asdict(conversation)


def from_json(values: dict[str, Any]) -> Conversation:
    """Return the conversation that `to_json` wrote, also after a trip through JSON text."""
    turns = tuple(_turn(turn) for turn in values["turns"])
    return Conversation(**{**values, "tools": tuple(values["tools"]), "turns": turns})


def _turn(values: dict[str, Any]) -> Turn:
    call = values["call"]
    read = {
        "heard": tuple(Part(**{**part, "who": Who(**part["who"])}) for part in values["heard"]),
        "evidence": tuple(tuple(group) for group in values["evidence"]),
        "must": tuple(tuple(group) for group in values["must"]),
        "never": tuple(values["never"]),
        "slots": tuple((name, value) for name, value in values["slots"]),
        "voice": None if values["voice"] is None else Who(**values["voice"]),
        "call": None if call is None else ToolCall(**call),
    }
    return Turn(**{**values, **read})
