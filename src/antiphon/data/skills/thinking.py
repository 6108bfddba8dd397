"""Think, then speak: questions that one look does not answer, and thoughts that name what was heard.

    heard     a fast voice, a slow voice, "who was faster, the first or the second?"
    thought   the first voice is fast. the second voice is slow. so the first voice is faster.
    reply     the first voice was faster.

The held-out fillings are pairs of classes (and the sentences of voices): two sounds that were never compared.
"""

import re
from collections.abc import Callable
from functools import cache
from random import Random

from antiphon.data import tables
from antiphon.data.grammar import HELD_SLOTS, Family, Split, ask, fraction
from antiphon.data.numbers import spoken
from antiphon.data.skills import hanzi
from antiphon.data.skills.classes import DIMENSIONS
from antiphon.data.skills.exchange import LANGUAGES, Conversation, Language, Part, Skill, Turn, Who, said, wording
from antiphon.data.skills.noticing import PLAIN, content

PROMPT = "think"
ORDER: dict[Language, tuple[str, ...]] = {"en": ("first", "second", "third"), "zh": ("第一个", "第二个", "第三个")}
Draw = Callable[[Random, Split], Conversation]


def _made(
    language: Language, family: Family, split: Split, template: str, heard: tuple[Part, ...], think: str, reply: str,
    evidence: tuple[tuple[str, ...], ...], right: tuple[str, ...], wrong: tuple[str, ...], slots: dict[str, str],
) -> Conversation:  # fmt: skip
    turn = Turn(
        heard=(*heard, said(template, language)), reply=reply, language=language, think=think, evidence=evidence,
        must=(right,), never=wrong, task="think", family=family.name, template=template, slots=tuple(slots.items()),
        split=split,
    )  # fmt: skip
    return Conversation(task="think", language=language, prompt=PROMPT, turns=(turn,))


def _pair(rng: Random, kinds: list[str], place: str, split: Split, repeat: float = 0.0) -> list[str]:
    """Draw two classes, different ones unless chance repeats; a fifth of the unordered pairs is held out."""
    while True:
        pair = rng.sample(kinds, 2)
        if rng.random() < repeat:
            pair = [pair[0], pair[0]]
        if (fraction("pair", place, *sorted(pair)) < HELD_SLOTS) == (split == "slots"):
            return pair


# --- two voices ------------------------------------------------------------------------------------------------------

# Of a dimension: the classes that are compared, what there is more of in the last; question, what is more.
RANKED: dict[str, tuple[tuple[str, ...], dict[Language, tuple[str, str]]]] = {
    "speed": (("slow", "fast"), {"en": ("who was faster", "faster"), "zh": ("谁说话更快", "更快")}),
    "pitch": (("low", "high"), {"en": ("which voice was higher", "higher"), "zh": ("谁的声音更高", "更高")}),
    "age": (("child", "young", "elderly"), {"en": ("who was older", "older"), "zh": ("谁更老", "更老")}),
}
THOUGHT: dict[Language, tuple[str, str, str]] = {
    "en": ("the {n} voice is {x}.", "so the {n} voice is {more}.", "the {n} voice was {more}."),
    "zh": ("{n}声音{x}。", "所以{n}声音{more}。", "{n}声音{more}。"),
}


def _ranked(dimension: str, language: Language) -> Skill:
    """Which of two voices has more of something?"""
    kinds, told = RANKED[dimension]
    question, more = told[language]
    asks = ask((question, f"{question}, the first or the second"), (question,)) if language == "en" else hanzi.ask(
        (question,), (question,), (f"第一个和第二个，{question}？",))  # fmt: skip
    each, so, reply = THOUGHT[language]
    family = Family(name=f"{dimension} compared {language}", task="think", asks=asks, reply=reply)
    names = DIMENSIONS[dimension]

    def draw(rng: Random, split: Split) -> Conversation:
        pair, template = rng.sample(kinds, 2), wording(family, rng, split)
        heard = tuple(
            said(content(rng, language, split), language, Who(**{**PLAIN.get(dimension, {}), "name": n, dimension: k}))
            for n, k in zip(("one", "two"), pair, strict=True)
        )
        winner = int(kinds.index(pair[1]) > kinds.index(pair[0]))
        nth, other = ORDER[language][winner], ORDER[language][1 - winner]
        said_each = [
            each.replace("{n}", n).replace("{x}", _is(names.says(k, language), language))
            for n, k in zip(ORDER[language], pair, strict=False)
        ]
        think = [*said_each, so.replace("{n}", nth).replace("{more}", more)]
        evidence = tuple(names.names(kind, language) for kind in pair)
        slots = {"first": pair[0], "second": pair[1], "said": " | ".join(part.text for part in heard)}
        return _made(
            language, family, split, template, heard, (" " if language == "en" else "").join(think),
            reply.replace("{n}", nth).replace("{more}", more), evidence, (nth,), (other,), slots,
        )  # fmt: skip

    texts = (*asks, *THOUGHT[language], *ORDER[language][:2], more, *(names.says(kind, language) for kind in kinds))
    return Skill(name=f"{dimension} compared", task="think", language=language, draw=draw, texts=texts)


def _is(name: str, language: Language) -> str:
    """A name as a predicate: Chinese nouns want a verb, and adjectives none."""
    return name if language == "en" or name.startswith("很") else f"是{name}"


WHO_SAID = {"male": "man", "female": "woman"}
ITEMS = {"color": tables.COLORS, "number": tuple(spoken(number) for number in range(2, 21)), "name": tables.NAMES}


def _who_said() -> Skill:
    """What did the one of two voices say?"""
    asks = ask(("what did the {who} say", "which word did the {who} say"), ("what the {who} said",))
    family = Family(name="who said", task="think", asks=asks, reply="the {who} said {x}.")

    def draw(rng: Random, split: Split) -> Conversation:
        template = wording(family, rng, split)
        genders = rng.sample(list(WHO_SAID), 2)
        kind = rng.choice(list(ITEMS))
        words = _pair(rng, list(ITEMS[kind]), "who said", split)
        heard = tuple(
            said(f"{word}.", "en", Who(name=name, gender=gender, style="modal"))
            for word, name, gender in zip(words, ("one", "two"), genders, strict=True)
        )
        asked = rng.randrange(2)
        who, answer = WHO_SAID[genders[asked]], words[asked]
        told = [
            f"the {n} voice is a {WHO_SAID[g]} and says {w}."
            for n, g, w in zip(ORDER["en"], genders, words, strict=False)
        ]
        evidence = tuple((WHO_SAID[gender],) for gender in genders) + tuple((word,) for word in words)
        slots = {"who": who, "first": words[0], "second": words[1]}
        return _made("en", family, split, template.replace("{who}", who), heard, " ".join(told),
                     f"the {who} said {answer}.", evidence, (answer,), (words[1 - asked],), slots)  # fmt: skip

    texts = (*asks, "the voice is a man woman and says said", *(word for words in ITEMS.values() for word in words))
    return Skill(name="who said it", task="think", language="en", draw=draw, texts=texts)


# --- two sounds ------------------------------------------------------------------------------------------------------

EVENT = DIMENSIONS["event"]


def _sounds(kinds: list[str]) -> tuple[Part, ...]:
    return tuple(Part(kind="event", what=kind) for kind in kinds)


FIRST: dict[Language, tuple[tuple[str, ...], str, str]] = {
    "en": (ask(("which sound came first", "what did you hear first"), ("which sound came first",)),
           "first i hear {a}. then i hear {b}.", "first i heard {a}."),
    "zh": (hanzi.ask(("哪个声音在前", "你先听到什么"), ("哪个声音在前",)), "第一个是{a}。第二个是{b}。", "先听到{a}。"),
}  # fmt: skip
SAME: dict[Language, tuple[tuple[str, ...], str, dict[bool, str]]] = {
    "en": (ask(("are the sounds the same", "did you hear the same sound again"), ("if the sounds are the same",)),
           "the first sound is {a}. the second sound is {b}. ",
           {True: "yes, they are the same.", False: "no, they are not the same."}),
    "zh": (hanzi.ask(("两个声音一样吗", "声音一样不一样"), ("声音一样不一样",)), "第一个是{a}。第二个是{b}。",
           {True: "是的，一样。", False: "不一样。"}),
}  # fmt: skip


ALIKE: dict[Language, dict[bool, tuple[str, ...]]] = {  # words that only the one answer has
    "en": {True: ("yes",), False: ("no", "not the same")},
    "zh": {True: ("是的",), False: ("不一样",)},
}


def _filled(text: str, pair: list[str], language: Language) -> str:
    return text.replace("{a}", EVENT.says(pair[0], language)).replace("{b}", EVENT.says(pair[1], language))


def _which_first(language: Language) -> Skill:
    """What came first of two sounds?"""
    asks, thought, reply = FIRST[language]
    family = Family(name=f"first {language}", task="think", asks=asks, reply=reply)

    def draw(rng: Random, split: Split) -> Conversation:
        template, pair = wording(family, rng, split), _pair(rng, list(EVENT.classes), "first", split)
        names = [EVENT.names(kind, language) for kind in pair]
        mine = tuple(name for name in names[1] if not any(name in own for own in names[0]))
        return _made(language, family, split, template, _sounds(pair), _filled(thought, pair, language),
                     _filled(reply, pair, language), tuple(names), names[0], mine,
                     {"first": pair[0], "second": pair[1]})  # fmt: skip

    return Skill(name="which came first", task="think", language=language, draw=draw,
                 texts=(*asks, thought, reply, *_event_names(language)))  # fmt: skip


def _alike(language: Language) -> Skill:
    """Are two sounds of one kind? They are never the same recording."""
    asks, thought, replies = SAME[language]
    lead = "so " if language == "en" else "所以"
    so = {same: lead + re.split("[,，] ?", reply)[-1] for same, reply in replies.items()}
    family = Family(name=f"alike {language}", task="think", asks=asks, reply="")
    right = ALIKE[language]

    def draw(rng: Random, split: Split) -> Conversation:
        template, pair = wording(family, rng, split), _pair(rng, list(EVENT.classes), "alike", split, repeat=0.5)
        same = pair[0] == pair[1]
        evidence = tuple(EVENT.names(kind, language) for kind in pair)
        think = _filled(thought + so[same], pair, language)
        return _made(language, family, split, template, _sounds(pair), think, replies[same], evidence, right[same],
                     right[not same], {"first": pair[0], "second": pair[1]})  # fmt: skip

    return Skill(name="alike", task="think", language=language, draw=draw,
                 texts=(*asks, thought, *so.values(), *replies.values(), *_event_names(language)))  # fmt: skip


COUNTED = ("one", "two", "three")


def _how_many() -> Skill:
    """How many kinds of sound were there among three?"""
    asks = ask(("how many sounds did you hear", "how many different sounds were there"), ("how many sounds you heard",))
    family = Family(name="how many", task="think", asks=asks, reply="i heard {n} different sounds.")

    def draw(rng: Random, split: Split) -> Conversation:
        template, pair = wording(family, rng, split), _pair(rng, list(EVENT.classes), "how many", split)
        third = rng.choice([kind for kind in EVENT.classes if kind not in pair])
        kinds = rng.choice(([pair[0]] * 3, [*pair, pair[0]], [pair[0], pair[0], pair[1]], [*pair, third]))
        count = len(set(kinds))
        think = " ".join(
            f"the {n} sound is {EVENT.says(k, 'en')}." for n, k in zip(ORDER["en"], kinds, strict=True)
        )
        think += f" so there {'is' if count == 1 else 'are'} {COUNTED[count - 1]}."
        reply = "i heard one sound." if count == 1 else f"i heard {COUNTED[count - 1]} different sounds."
        wrong = tuple(word for word in COUNTED if word != COUNTED[count - 1])
        slots = {f"sound {number}": kind for number, kind in enumerate(kinds, start=1)}
        return _made("en", family, split, template, _sounds(kinds), think, reply,
                     tuple(EVENT.names(kind, "en") for kind in kinds), (COUNTED[count - 1],), wrong, slots)  # fmt: skip

    texts = (*asks, "the sound is", "so there are", "i heard one sound.", "i heard different sounds.",
             *COUNTED, *ORDER["en"])  # fmt: skip
    return Skill(name="how many", task="think", language="en", draw=draw, texts=(*texts, *_event_names("en")))


def _event_names(language: Language) -> tuple[str, ...]:
    return tuple(EVENT.says(kind, language) for kind in EVENT.classes)


@cache
def skills() -> tuple[Skill, ...]:
    """Reasoning about what was heard."""
    ranked = [_ranked(dimension, language) for dimension in RANKED for language in LANGUAGES]
    sounds = [make(language) for make in (_which_first, _alike) for language in LANGUAGES]
    return (*ranked, _who_said(), *sounds, _how_many())
