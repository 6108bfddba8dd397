"""What lies outside nano's world: it says in a sentence that it does not know, cannot do or did not understand.

Other languages, music, noise and silence, two people at once, a long monologue, sums beyond 99, facts it never learnt,
things it cannot do. The words of questions about facts and deeds are part of the vocabulary; those of other languages
are not.
"""

from collections.abc import Callable
from functools import cache
from random import Random

from antiphon.data import families
from antiphon.data.events import EVENTS
from antiphon.data.grammar import Family, Split, ask, fill
from antiphon.data.numbers import spoken
from antiphon.data.scenes import SCENES
from antiphon.data.skills import chinese, hanzi, phrases
from antiphon.data.skills.classes import DIMENSIONS
from antiphon.data.skills.exchange import (
    LANGUAGES,
    SPLITS,
    Conversation,
    Language,
    Part,
    Skill,
    Turn,
    Who,
    said,
    texts_of,
)

REPLIES: dict[str, tuple[str, str]] = {
    "unknown": ("sorry, i do not know that.", "对不起，我不知道。"),
    "cannot": ("sorry, i can not do that.", "对不起，我不能做。"),
    "too big": ("that is too big for me.", "对不起，太大了。"),
    "foreign": ("sorry, i know english and chinese only.", "对不起，我不知道。"),
    "both": ("two people talk at once. please talk one after the other.", "两个人在说话，请一个一个地说。"),
    "music": ("i hear music, but no words.", "我听到音乐，没有人说话。"),
    "noise": ("i hear no words.", "没有人说话。"),
    "long": ("that was very long. what is your question?", "太多了，你想知道什么？"),
}
UNKNOWN: dict[Language, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "en": (("who is the king of {x}", "how many people are in {x}", "how big is {x}", "how old is {x}"),
           tuple(en for en, _ in phrases.TABLES["country"]) + tuple(en for en, _ in phrases.TABLES["city"])),
    "zh": (("{x}有多少人", "{x}多大", "{x}有多远"),
           tuple(zh for _, zh in phrases.TABLES["country"]) + tuple(zh for _, zh in phrases.TABLES["city"])),
}  # fmt: skip
CANNOT: dict[Language, tuple[str, ...]] = {
    "en": ("please sing for me.", "go to the {x}.", "please open the door.", "buy me a {y}.", "please call my {z}.",
           "please give me a {y}.", "can you go to the {x} with me?", "please call the {x}.", "can you buy a {y}?"),
    "zh": ("请开门。", "请去{x}。", "请给我{y}。", "你能去{x}吗？", "请给{z}打电话。", "请开灯。", "我们去{x}好吗？"),
}  # fmt: skip
FOREIGN = (
    ("fr", "bonjour, comment allez vous aujourd'hui?"), ("fr", "je voudrais un verre d'eau, s'il vous plaît."),
    ("fr", "quelle heure est il maintenant?"), ("de", "guten tag, wie geht es ihnen heute?"),
    ("de", "ich möchte bitte ein glas wasser."), ("de", "wie spät ist es jetzt?"),
    ("es", "buenos días, cómo está usted hoy?"), ("es", "quisiera un vaso de agua, por favor."),
    ("es", "qué hora es ahora mismo?"), ("it", "buongiorno, come sta oggi?"), ("it", "che ore sono adesso?"),
    ("it", "vorrei un bicchiere d'acqua, per favore."),
)  # fmt: skip
MONOLOGUE = {"en": (8, 12), "zh": (14, 18)}  # sentences; about 25 s
Draw = Callable[[Random, Split], Conversation]


def _refused(
    why: str, language: Language, heard: tuple[Part, ...], split: Split, template: str = "", **slots: str
) -> Conversation:
    """The conversation that ends in a sentence of refusal."""
    side = 0 if language == "en" else 1
    turn = Turn(
        heard=heard, reply=REPLIES[why][side], language=language, task="outside", family=f"{why} {language}",
        template=template, slots=tuple(slots.items()), split=split,
    )  # fmt: skip
    return Conversation(task="outside", language=language, turns=(turn,))


def _asked(why: str, language: Language, family: Family) -> Skill:
    """Something said in words that are known, about what is not."""

    def draw(rng: Random, split: Split) -> Conversation:
        template, row = family.pick(rng, split)
        heard = (said(fill(template, row), language),)
        return _refused(why, language, heard, family.split(template, row), template, **row)

    reply = REPLIES[why][0 if language == "en" else 1]
    return Skill(name=why, task="outside", language=language, draw=draw, texts=(*texts_of(family), reply))


def _unknown(language: Language) -> Skill:
    questions, names = UNKNOWN[language]
    rows = tuple({"x": name} for name in names)
    asks = (ask if language == "en" else hanzi.ask)(questions)
    family = Family(name=f"unknown {language}", task="outside", asks=asks, reply="", rows=rows)
    return _asked("unknown", language, family)


def _cannot(language: Language) -> Skill:
    side = 0 if language == "en" else 1
    tables = (phrases.TABLES[name] for name in ("place", "thing", "person"))
    places, things, people = ([pair[side] for pair in table] for table in tables)
    rows = tuple({"x": place, "y": thing, "z": person} for place in places for thing in things for person in people)
    family = Family(name=f"cannot {language}", task="outside", asks=CANNOT[language], reply="", rows=rows)
    return _asked("cannot", language, family)


def _too_big(language: Language) -> Skill:
    number = spoken if language == "en" else hanzi.spoken
    rows = tuple({"a": number(a), "b": number(b)} for a in range(51, 100, 3) for b in range(50, 100, 7))
    plus = (families.arithmetic() if language == "en" else chinese.sums())[0]
    family = Family(name=f"too big {language}", task="outside", asks=plus.asks, reply="", rows=rows)
    return _asked("too big", language, family)


def _foreign(rng: Random, split: Split) -> Conversation:
    language, text = rng.choice(FOREIGN)
    return _refused("foreign", "en", (said(text, language),), split)


def _at_once(language: Language) -> Draw:
    def draw(rng: Random, split: Split) -> Conversation:
        one, two = (phrases.sentence(rng, language, split) for _ in range(2))
        heard = (said(one, language, Who(name="one")), said(two, language, Who(name="two"), over=True))
        return _refused("both", language, heard, split, one=one, two=two)

    return draw


def _music(language: Language) -> Draw:
    def draw(rng: Random, split: Split) -> Conversation:
        heard = (Part(kind="music", what=rng.choice(list(DIMENSIONS["instrument"].classes))),)
        return _refused("music", language, heard, split)

    return draw


def _noise(language: Language) -> Draw:
    def draw(rng: Random, split: Split) -> Conversation:
        scene = Part(kind="scene", what=rng.choice(list(SCENES)))
        event = Part(kind="event", what=rng.choice(list(EVENTS)))
        return _refused("noise", language, (rng.choice((scene, event)),), split)

    return draw


def _silence(rng: Random, split: Split) -> Conversation:
    turn = Turn(heard=(Part(kind="silence"),), reply=families.NOTHING_HEARD, task="outside", family="silence")
    return Conversation(task="outside", language="en", turns=(turn,))


def _monologue(language: Language) -> Draw:
    def draw(rng: Random, split: Split) -> Conversation:
        count = rng.randint(*MONOLOGUE[language])
        told = [phrases.sentence(rng, language, split) for _ in range(count)]
        text = (" " if language == "en" else "").join(told)
        return _refused("long", language, (said(text, language),), split, text=text)

    return draw


@cache
def skills() -> tuple[Skill, ...]:
    """Everything that is to be refused in a sentence."""
    found: list[Skill] = []

    def skill(name: str, language: Language, draw: Draw, splits: tuple[Split, ...], *texts: str) -> Skill:
        return Skill(name=name, task="outside", language=language, draw=draw, splits=splits, texts=texts)

    for language in LANGUAGES:
        side = 0 if language == "en" else 1
        found += [_unknown(language), _cannot(language), _too_big(language)]
        told = (REPLIES["both"][side], *phrases.texts(language))
        found.append(skill("both", language, _at_once(language), SPLITS, *told))
        found.append(skill("long", language, _monologue(language), SPLITS, REPLIES["long"][side]))
    found.append(skill("foreign", "en", _foreign, ("train",), REPLIES["foreign"][0]))
    found.append(skill("music", "en", _music("en"), ("train",), REPLIES["music"][0]))
    found.append(skill("noise", "en", _noise("en"), ("train",), REPLIES["noise"][0]))
    found.append(skill("silence", "en", _silence, ("train",), families.NOTHING_HEARD))
    return tuple(found)
