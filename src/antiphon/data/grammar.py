"""Templates, families of templates, and what is held out of training.

A *family* is one kind of request: its paraphrases (templates with `{slots}`), the rows that fill them, and the true
reply. Two things are held out by a stable hash, so that every process and every version agrees:

* about 12 % of the templates of each family (never its first, plain one): the split "template";
* 20 % of the slot fillings: the split "slots"; per template for most families, across all templates where a family
  says so (arithmetic: a sum held out is never trained on in any wording).
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Literal

from antiphon.data.numbers import words_of
from antiphon.data.tables import Row

Split = Literal["train", "template", "slots"]
Slots = tuple[tuple[str, str], ...]
HELD_TEMPLATES = 0.12
HELD_SLOTS = 0.20
SLOT = re.compile(r"\{(\w+)\}")


def fraction(*parts: str) -> float:
    """Map texts to a number in [0, 1) that is the same everywhere and always."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def ask(questions: tuple[str, ...] = (), topics: tuple[str, ...] = (), plain: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Spread cores into polite forms: questions ("what is the time"), topics ("the time") and fixed sentences."""
    around_question = ("{}?", "please, {}?", "nano, {}?", "hey nano, {}?", "tell me, {}?", "{}, please?")
    around_topic = (
        "tell me {}.", "please tell me {}.", "can you tell me {}?", "do you know {}?", "i want to know {}.",
    )  # fmt: skip
    spread = [form.replace("{}", core) for core in questions for form in around_question]
    spread += [form.replace("{}", core) for core in topics for form in around_topic]
    return tuple(dict.fromkeys([*spread, *plain]))


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of request: how it may be asked, what fills its slots, and what the true reply is."""

    name: str
    task: str
    asks: tuple[str, ...]
    reply: str
    rows: tuple[Row, ...] = ({},)
    draw: Callable[[Random], Row] | None = None  # for fillings without end, such as random words
    held_like: str = ""  # the family whose wordings this one shares: what is held out there is held out here
    held_by: tuple[str, ...] = ()  # slots that name a filling, held out in every template at once

    @cached_property
    def held_templates(self) -> frozenset[str]:
        """The templates that training never hears."""
        count = round(HELD_TEMPLATES * len(self.asks)) or int(len(self.asks) >= 5)
        return frozenset(
            sorted(self.asks[1:], key=lambda text: fraction("template", self.held_like or self.name, text))[:count]
        )

    @cached_property
    def train_templates(self) -> tuple[str, ...]:
        return tuple(text for text in self.asks if text not in self.held_templates)

    def row(self, rng: Random) -> Row:
        return self.draw(rng) if self.draw is not None else rng.choice(self.rows)

    def split(self, template: str, row: Row) -> Split:
        """Say to which split one filled template belongs."""
        if template in self.held_templates:
            return "template"
        if not self.held_by and len(self.rows) < 2:
            return "train"
        names = self.held_by or tuple(SLOT.findall(template))
        if not names:
            return "train"
        place = self.name if self.held_by else f"{self.name}: {template}"
        return "slots" if fraction("slots", place, *(row[name] for name in names)) < HELD_SLOTS else "train"

    def has(self, split: Split) -> bool:
        """Whether the family can give an example of a split at all."""
        if split == "template":
            return bool(self.held_templates)
        return split == "train" or bool(self.held_by) or (len(self.rows) > 1 and "{" in "".join(self.train_templates))

    def pick(self, rng: Random, split: Split) -> tuple[str, Row]:
        """Draw a template and a row of the split; the template split keeps to fillings that training may hear."""
        while True:
            if split == "template":
                return rng.choice(sorted(self.held_templates)), self.trained_row(rng)
            template, row = rng.choice(self.train_templates), self.row(rng)
            if self.split(template, row) == split:
                return template, row

    def trained_row(self, rng: Random) -> Row:
        while True:
            row = self.row(rng)
            if not self.held_by or self.split(self.asks[0], row) == "train":
                return row

    def words(self) -> set[str]:
        """Every word that this family can say or hear, apart from drawn fillings."""
        texts = [SLOT.sub(" ", text) for text in (*self.asks, self.reply)]
        return {word for text in texts for word in words_of(text)} | {
            word for row in self.rows for name, value in row.items() if name != "pair" for word in words_of(value)
        }


def fill(template: str, row: Row) -> str:
    """Put a row's values into a template's slots."""
    return SLOT.sub(lambda match: row[match.group(1)], template)
