"""How words are said: a lexicon, and which phone is said when.

A lexicon is a JSON file {"phones": [...], "words": {"yes": ["y", "eh", "s"]}} whose first phone is silence. A Chinese
character is a word.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from antiphon.config import read_json
from antiphon.errors import ConfigError
from antiphon.train.records import Heard

WORD = re.compile(r"[a-z']+|[\u4e00-\u9fff]")
STEP_HZ = 50  # of the encoder's blocks, before the pooling
UNKNOWN = -100  # the label of a step of which nothing is known


@dataclass(frozen=True)
class Lexicon:
    """How words are said."""

    phones: tuple[str, ...]
    words: Mapping[str, Sequence[str]]

    @classmethod
    def load(cls, path: Path) -> "Lexicon":
        """Read a lexicon. Raises ConfigError."""
        held = read_json(path)
        if not isinstance(held, dict) or not held.get("phones") or "words" not in held:
            raise ConfigError(f"{path} is no lexicon; expected an object with phones, silence first, and words.")
        return cls(tuple(held["phones"]), held["words"])

    @cached_property
    def number(self) -> dict[str, int]:
        """The class of each phone; silence is 0, and the blank of CTC."""
        return {phone: n for n, phone in enumerate(self.phones)}

    def spell(self, text: str) -> list[int] | None:
        """The phones of a text, or None where a word is not known."""
        words = WORD.findall(text.lower())
        if any(word not in self.words for word in words):
            return None
        return [self.number[phone] for word in words for phone in self.words[word]]

    def labels(self, heard: Heard, frames: int) -> Int[Tensor, " t"]:
        """The phone at the middle of each step of 20 ms of a sound of so many mel frames, UNKNOWN without an alignment.

        Only a sound that is heard from its beginning has labels.
        """
        labels = torch.full(((frames + 1) // 2,), 0 if heard.phones and heard.span is None else UNKNOWN)
        if heard.span is None:
            for phone, start, end in heard.phones:
                labels[max(0, round(start * STEP_HZ)) : round(end * STEP_HZ)] = self.number.get(phone, 0)
        return labels
