"""All skills: draw a conversation, know its split, list the words.

    sample(Random(7))                                   any conversation that may be trained on
    sample(Random(7), "hear", "zh", "template")         a question about sound, in Chinese, worded as never in training
"""

from functools import cache
from random import Random

from antiphon.data.grammar import SLOT, Split
from antiphon.data.numbers import words_of
from antiphon.data.skills import chinese, manner, noticing, outside, phrases, speaking, thinking, toolbox
from antiphon.data.skills.exchange import Conversation, Language, Skill
from antiphon.data.skills.hanzi import characters
from antiphon.errors import InputError

TASKS = {
    "transcribe": 0.16, "speak": 0.12, "talk": 0.20, "translate": 0.06, "interpret": 0.06, "hear": 0.14, "react": 0.04,
    "call": 0.08, "manner": 0.05, "think": 0.05, "outside": 0.04,
}  # fmt: skip
ENGLISH = 0.6  # of all conversations


@cache
def skills() -> tuple[Skill, ...]:
    """Every skill, in a fixed order."""
    parts = (speaking, chinese, phrases, noticing, toolbox, manner, thinking, outside)
    return tuple(skill for part in parts for skill in part.skills())


def sample(
    rng: Random, task: str | None = None, language: Language | None = None, split: Split = "train", skill: str = ""
) -> Conversation:
    """Draw a conversation of one split; of a task, a language or one skill of a task, where they are given.

    Raises:
        InputError: for what does not exist, or has nothing of that split.
    """
    if task is not None and task not in TASKS:
        raise InputError(f"Found the task {task!r}; expected one of {', '.join(TASKS)}.")
    able = _able(task, language, split, skill)
    if not able:
        asked = f"task {task!r}, language {language!r}, skill {skill!r}, split {split!r}"
        raise InputError(f"Found no skill for {asked}; expected names of antiphon.data.skills.catalogue.skills().")
    tasks = list(dict.fromkeys(found.task for found in able))
    chosen = rng.choices(tasks, [TASKS[name] for name in tasks])[0]
    able = tuple(found for found in able if found.task == chosen)
    languages = list(dict.fromkeys(found.language for found in able))
    wanted = rng.choices(languages, [ENGLISH if name == "en" else 1 - ENGLISH for name in languages])[0]
    return rng.choice([found for found in able if found.language == wanted]).draw(rng, split)


@cache
def _able(task: str | None, language: Language | None, split: Split, skill: str) -> tuple[Skill, ...]:
    return tuple(
        found
        for found in skills()
        if task in (None, found.task)
        and language in (None, found.language)
        and skill in ("", found.name)
        and split in found.splits
    )


@cache
def vocabulary() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Every English word and every Chinese character that can be said or heard, in order.

    Not among them: the other languages that are heard and refused, and what tools are told and tell in writing.
    """
    texts = [SLOT.sub(" ", text) for skill in skills() for text in skill.texts]
    words = {word for text in texts for word in words_of(text)}
    han = {character for text in texts for character in characters(text)}
    return tuple(sorted(words)), tuple(sorted(han))
