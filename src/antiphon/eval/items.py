"""What a model is asked: frozen before the first answer, and the same for every model.

    Item = turns (words, recordings) + how it is asked (instruction, tools, decoding) + what is right

An item's `key` is a hash of what the model gets to hear and read, never of where a file lies: data may move, shards
may change, and an answer is still known to be the answer to this very question.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

__all__ = ["Ask", "Item", "Sound", "Turn", "digest"]


def digest(value: Any) -> str:
    """SHA-256 of a value as canonical JSON, in hexadecimal."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A recording: a file, or a member of a tar file, or a stretch of either in seconds."""

    path: str
    sha256: str  # of the whole file or member
    member: str = ""
    begin_s: float = 0.0
    end_s: float | None = None
    seconds: float = 0.0  # of the stretch

    @property
    def heard(self) -> tuple[str, float, float | None]:
        """What of it counts for a key."""
        return self.sha256, self.begin_s, self.end_s


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What somebody says: `who` is user, assistant, tool, or voice, the prompt to be spoken like.

    A turn of the user or of a tool is to be answered when no answer follows it.
    """

    who: str
    text: str = ""
    sound: Sound | None = None


@dataclass(frozen=True, kw_only=True)
class Ask:
    """How a model is asked. Temperature 0 is greedy."""

    system: str
    speech: bool = False
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    tools: tuple[str, ...] = ()  # definitions as JSON

    @property
    def decoding(self) -> str:
        """As a signature tells it."""
        if self.temperature == 0:
            return f"greedy,{self.max_tokens}"
        penalty = "" if self.repetition_penalty == 1 else f",rep{self.repetition_penalty:g}"
        return f"T{self.temperature:g},p{self.top_p:g}{penalty},{self.max_tokens}"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question of a benchmark. `cluster` names what is drawn together (a speaker), `group` a row of a table."""

    bench: str
    id: str
    turns: tuple[Turn, ...]
    ask: Ask
    references: tuple[str, ...] = ()
    language: str = ""  # of what is due
    group: str = ""
    cluster: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """Hash of what the model is given."""
        turns = [(turn.who, turn.text, turn.sound and turn.sound.heard) for turn in self.turns]
        return digest({"turns": turns, "ask": asdict(self.ask)})

    @cached_property
    def hash(self) -> str:
        """Hash of all that decides a score: the question, and what is right."""
        return digest([self.bench, self.id, self.key, self.references, self.group, self.cluster, dict(self.fields)])

    @property
    def asked(self) -> tuple[int, ...]:
        """The turns that are to be answered."""
        return tuple(
            i
            for i, turn in enumerate(self.turns)
            if turn.who in ("user", "tool") and (i + 1 == len(self.turns) or self.turns[i + 1].who == "user")
        )

    def to_json(self) -> dict[str, Any]:
        """A row of `items.jsonl`."""
        return {**asdict(self), "fields": dict(self.fields), "key": self.key}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Item":
        """The item of a row."""
        turns = tuple(
            Turn(who=turn["who"], text=turn["text"], sound=Sound(**turn["sound"]) if turn["sound"] else None)
            for turn in row["turns"]
        )
        ask = Ask(**{**row["ask"], "tools": tuple(row["ask"]["tools"])})
        return cls(bench=row["bench"], id=row["id"], turns=turns, ask=ask, references=tuple(row["references"]),
                   language=row["language"], group=row["group"], cluster=row["cluster"],
                   fields=row["fields"])  # fmt: skip
