"""Is an answer right? Words alone count, since an answer may come from a recogniser: neither case nor marks do."""

import json
from collections.abc import Mapping
from typing import Any

from antiphon.data import world
from antiphon.data.numbers import words_of
from antiphon.data.skills.exchange import Turn
from antiphon.data.skills.hanzi import characters


def right_reply(turn: Turn, heard: str) -> bool:
    """Judge what was said as the reply of a turn."""
    if turn.must:
        return all(_says_any(heard, group) for group in turn.must) and not _says_any(heard, turn.never)
    if turn.task in world.TASKS and turn.language == "en":
        return world.right_answer(_of_the_world(turn), heard)
    return bool(_units(turn.reply)) and _units(heard) == _units(turn.reply)


def right_call(turn: Turn, name: str, arguments: str | Mapping[str, Any]) -> bool:
    """Judge a call of a tool: the same tool, and the same values whatever their case and their spaces."""
    if turn.call is None or name != turn.call.name:
        return False
    try:
        given = json.loads(arguments) if isinstance(arguments, str) else dict(arguments)
    except ValueError:
        return False
    return isinstance(given, dict) and _folded(given) == _folded(json.loads(turn.call.arguments))


def right_thought(turn: Turn, thought: str) -> bool:
    """Judge a thought: it names the evidence that the answer stands on."""
    return all(_says_any(thought, group) for group in turn.evidence)


def _says_any(text: str, names: tuple[str, ...]) -> bool:
    """Whether a text says one of the names: whole words in English, characters in a row in Chinese."""
    words, han = f" {' '.join(words_of(text))} ", "".join(characters(text))
    return any(
        "".join(characters(name)) in han if characters(name) else f" {' '.join(words_of(name))} " in words
        for name in names
    )


def _units(text: str) -> list[str]:
    """The words of English and the characters of Chinese."""
    return [*characters(text), *words_of(text)]


def _folded(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: " ".join(str(value).lower().split()) for name, value in values.items()}


def _of_the_world(turn: Turn) -> world.Turn:
    return world.Turn(
        user=turn.user, reply=turn.reply, task=turn.task, family=turn.family, template=turn.template, slots=turn.slots
    )
