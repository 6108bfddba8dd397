"""Where texts come from: a source is a function of a generator, so that text number `n` is known without the others.

    line = source("world")(Random("7 text 3"))

Another source is named as `module:function`; it takes a `Random` and returns a `Line`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from random import Random
from typing import Any

from antiphon.data import world
from antiphon.data.record import dialogue_to_json
from antiphon.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Line:
    """A text to be said, the task it belongs to, and the ground truth that goes with it, as JSON can write it."""

    text: str
    task: str
    fields: dict[str, Any] = field(default_factory=dict)


Source = Callable[[Random], Line]


def _question(rng: Random) -> Line:
    """What is said to nano in the first turn of a dialogue that has one."""
    while True:
        dialogue = world.sample(rng)
        if dialogue.turns[0].user:
            fields = {"dialogue": dialogue_to_json(dialogue)}
            return Line(text=dialogue.turns[0].user, task=dialogue.task, fields=fields)


def _reply(rng: Random) -> Line:
    dialogue = world.sample(rng)
    return Line(text=rng.choice([turn.reply for turn in dialogue.turns if turn.reply]), task=dialogue.task)


def _salad(rng: Random) -> Line:
    """Words in no order: nobody can guess the next one."""
    return Line(text=world.salad(rng, rng.randint(2, 9)), task="transcribe")


def _sentence(rng: Random) -> Line:
    return Line(text=world.sentences(rng), task="transcribe")


HAN_DIGITS = "零一二三四五六七八九"
KANA_DIGITS = ("ぜろ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")  # espeak reads no others


def han(number: int) -> str:
    """A number below 100 in Chinese characters."""
    tens, ones = divmod(number, 10)
    if tens == 0:
        return HAN_DIGITS[ones]
    return ("" if tens == 1 else HAN_DIGITS[tens]) + "十" + (HAN_DIGITS[ones] if ones else "")


def kana(number: int) -> str:
    """A number below 100 in Japanese, as it is read."""
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "じゅう" if tens == 1 else KANA_DIGITS[tens] + "じゅう") + (
        KANA_DIGITS[ones] if ones or not tens else ""
    )


def _sum(pattern: str, number: Callable[[int], str]) -> Source:
    def line(rng: Random) -> Line:
        a, b = rng.randint(1, 49), rng.randint(1, 50)
        said = pattern.format(a=number(a), b=number(b), sum=number(a + b))
        return Line(text=said, task="transcribe", fields={"a": a, "b": b, "sum": a + b})

    return line


SOURCES: dict[str, Source] = {
    "world": _question,
    "replies": _reply,
    "salad": _salad,
    "sentences": _sentence,
    "sums-zh": _sum("{a}加{b}等于{sum}。", han),
    "sums-ja": _sum("{a} たす {b} は {sum} です。", kana),
}


def source(name: str) -> Source:
    """A source by its name, or by `module:function`.

    Raises:
        ConfigError: there is no such source.
    """
    if name in SOURCES:
        return SOURCES[name]
    module, found, function = name.partition(":")
    try:
        if found:
            made: Source = getattr(import_module(module), function)
            return made
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the texts {name!r} were asked for and cannot be had ({error}); check the name.") from error
    raise ConfigError(f"the texts {name!r} were asked for; use one of {', '.join(SOURCES)}, or module:function.")
