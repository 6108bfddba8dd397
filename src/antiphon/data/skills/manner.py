"""How nano speaks when it is told how: faster, slower, in a whisper, happily, sadly; at once, or from now on."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random

from antiphon.data import world
from antiphon.data.grammar import Family, Split, fill
from antiphon.data.skills import chinese
from antiphon.data.skills.exchange import LANGUAGES, Conversation, Language, Manner, Skill, Turn, said, wording
from antiphon.data.skills.speaking import any_text, of_world

MANNERS: dict[Language, dict[Manner, str]] = {
    "en": {"fast": "fast", "slow": "slowly", "whisper": "in a whisper", "happy": "in a happy voice",
           "sad": "in a sad voice"},
    "zh": {"fast": "很快", "slow": "很慢", "whisper": "用耳语", "happy": "很高兴", "sad": "很难过"},
}  # fmt: skip
ONCE: dict[Language, tuple[str, ...]] = {
    "en": ("say {how}, {words}.", "please say {how}, {words}.", "can you say {how}, {words}?", "{how}, say, {words}.",
           "nano, say {how}, {words}.", "repeat {how}, {words}.", "please repeat {how}, {words}."),
    "zh": ("请{how}地说，{words}。", "{how}地说，{words}。", "你能{how}地说，{words}吗？", "请你{how}地说，{words}。",
           "请跟我{how}地说，{words}。", "请再{how}地说，{words}。"),
}  # fmt: skip
FROM_NOW: dict[Language, tuple[str, ...]] = {
    "en": ("please talk {how}.", "talk {how}, please.", "can you talk {how}?", "nano, talk {how}.",
           "i want you to talk {how}.", "please talk {how} now."),
    "zh": ("请{how}地说话。", "你能{how}地说话吗？", "{how}地说话。", "我想听你{how}地说话。", "请你{how}地说话。",
           "现在请{how}地说话。"),
}  # fmt: skip
AGREED: dict[Language, str] = {"en": "now i talk {how}.", "zh": "现在我{how}地说话。"}


def _draw_manner(rng: Random, language: Language) -> tuple[Manner, str]:
    return rng.choice(list(MANNERS[language].items()))


def _once(language: Language) -> Callable[[Random, Split], Conversation]:
    """Say given words in a manner."""
    family = Family(name=f"manner {language}", task="manner", asks=ONCE[language], reply="{words}.")
    end = "." if language == "en" else "。"

    def draw(rng: Random, split: Split) -> Conversation:
        manner, how = _draw_manner(rng, language)
        template = wording(family, rng, split)
        words = any_text(rng, language, "slots" if split == "slots" else "train").rstrip(".?。？")
        turn = Turn(
            heard=(said(fill(template, {"how": how, "words": words}), language),), reply=words + end,
            language=language, manner=manner, task="manner", family=family.name, template=template,
            slots=(("manner", manner), ("words", words)), split=split,
        )  # fmt: skip
        return Conversation(task="manner", language=language, turns=(turn,))

    return draw


def _from_now(language: Language) -> Callable[[Random, Split], Conversation]:
    """Agree to speak in a manner, and answer what comes next in it; what comes next is held out for "slots"."""
    family = Family(name=f"manner from now {language}", task="manner", asks=FROM_NOW[language], reply=AGREED[language])

    def draw(rng: Random, split: Split) -> Conversation:
        manner, how = _draw_manner(rng, language)
        template = wording(family, rng, split)
        first = Turn(
            heard=(said(fill(template, {"how": how}), language),), reply=fill(AGREED[language], {"how": how}),
            language=language, manner=manner, task="manner", family=family.name, template=template,
            slots=(("manner", manner),), split="template" if split == "template" else "train",
        )  # fmt: skip
        later = replace(_next(rng, language, "train" if split == "template" else split), manner=manner)
        return Conversation(task="manner", language=language, turns=(first, later))

    return draw


def _next(rng: Random, language: Language, split: Split) -> Turn:
    """A plain exchange."""
    if language == "en":
        return of_world(world.sample(rng, rng.choice(("fact", "arithmetic")), split)).turns[0]
    skill = rng.choice([skill for skill in chinese.skills() if skill.name in ("facts", "sums")])
    return skill.draw(rng, split).turns[0]


@cache
def skills() -> tuple[Skill, ...]:
    """Obeying how to speak."""
    found = []
    for language in LANGUAGES:
        how = tuple(MANNERS[language].values())
        words = world.vocabulary() if language == "en" else tuple(t for s in chinese.skills() for t in s.texts)
        texts = (*how, *ONCE[language], *FROM_NOW[language], AGREED[language], *words)
        found += [
            Skill(name="say in a manner", task="manner", language=language, draw=_once(language), texts=texts),
            Skill(name="talk in a manner", task="manner", language=language, draw=_from_now(language), texts=texts),
        ]
    return tuple(found)

