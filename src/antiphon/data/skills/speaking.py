"""Writing down, reading aloud, telling stories, and the dialogues of the first world in the form of the skills."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random

from antiphon.data import tables, world
from antiphon.data.grammar import HELD_SLOTS, Family, Split, fill, fraction
from antiphon.data.skills import chinese, phrases
from antiphon.data.skills.exchange import LANGUAGES, Conversation, Language, Skill, Turn, Who, said
from antiphon.data.tables import Row

LONGEST = {"en": 9, "zh": 6}  # random words in a row


def any_text(rng: Random, language: Language, split: Split) -> str:
    """Draw a text: random words, plain sentences, or what is said in conversations; a fifth is held out ("slots")."""
    while True:
        chance = rng.random()
        if chance < 0.4:
            count = rng.randint(2, LONGEST[language])
            text = world.salad(rng, count) if language == "en" else chinese.salad(rng, count)
        elif chance < 0.7:
            text = phrases.sentence(rng, language)
        elif language == "en":
            turn = world.sample(rng).turns[0]
            text = rng.choice((world.sentences(rng), turn.user or turn.reply, turn.reply))
        else:
            turn_zh = chinese.skills()[rng.randrange(3)].draw(rng, "train").turns[0]
            text = rng.choice((turn_zh.user, turn_zh.reply))
        if (fraction("text", text) < HELD_SLOTS) == (split == "slots"):
            return text


def _transcribing(language: Language) -> Skill:
    """Write down what anybody says."""

    def draw(rng: Random, split: Split) -> Conversation:
        text = any_text(rng, language, split)
        turn = Turn(heard=(said(text, language, Who(name="speaker")),), reply=text, language=language,
                    task="transcribe", family=f"transcribe {language}", slots=(("text", text),),
                    split=split)  # fmt: skip
        return Conversation(task="transcribe", language=language, prompt="transcribe", turns=(turn,))

    return Skill(name="transcribe", task="transcribe", language=language, draw=draw, texts=_everything(language),
                 splits=("train", "slots"))  # fmt: skip


def _reading(language: Language) -> Skill:
    """Read a text aloud."""

    def draw(rng: Random, split: Split) -> Conversation:
        text = any_text(rng, language, split)
        turn = Turn(heard=(), written=text, reply=text, language=language, task="speak", family=f"speak {language}",
                    slots=(("text", text),), split=split)  # fmt: skip
        return Conversation(task="speak", language=language, prompt="speak", turns=(turn,))

    return Skill(name="read aloud", task="speak", language=language, draw=draw, texts=_everything(language),
                 splits=("train", "slots"))  # fmt: skip


@cache
def _everything(language: Language) -> tuple[str, ...]:
    if language == "en":
        return (*world.vocabulary(), *phrases.texts("en"))
    return tuple(text for skill in chinese.skills() for text in skill.texts) + phrases.texts("zh")


def of_world(dialogue: world.Dialogue) -> Conversation:
    """The same dialogue in the form of the skills; its tool, if it has one, is not yet on offer."""
    turns = tuple(
        Turn(
            heard=(said(turn.user),) if turn.user else (), reply=turn.reply, task=turn.task, family=turn.family,
            template=turn.template, slots=turn.slots, split=turn.split, filler=turn.filler, call=turn.tool_call,
            result=turn.tool_result,
        )
        for turn in dialogue.turns
    )  # fmt: skip
    return Conversation(task=dialogue.task, language="en", turns=turns)


STORIES = ("tell me a story about {a} and {name}.", "please tell me a story about {a} and {name}.",
           "i want a story about {a} and {name}.", "can you tell me a story about {a} and {name}?",
           "nano, tell me a story about {a} and {name}.", "a story about {a} and {name}, please.")  # fmt: skip
STORY = "there was {a} in {city}. it was {mood} and {mood2}. one day it met {name}. now they are friends."
STORY_MOODS = tuple(mood for mood in tables.MOODS if mood != "well")


def _story_row(animal: str, name: str) -> Row:
    """A story follows from whom it is about."""
    chance = Random(f"story {animal} {name}")
    mood, other = chance.sample(STORY_MOODS, 2)
    city = chance.choice(list(tables.CAPITALS.values()))
    return {"a": tables.with_article(animal), "name": name, "city": city, "mood": mood, "mood2": other}


@cache
def _stories() -> Family:
    rows = tuple(_story_row(animal, name) for animal in tables.LEGS for name in tables.NAMES)
    return Family(name="story", task="talk", asks=STORIES, reply=STORY, rows=rows)


def _story(rng: Random, split: Split) -> Conversation:
    """A short story about those who were asked for."""
    family = _stories()
    template, row = family.pick(rng, split)
    turn = Turn(
        heard=(said(fill(template, row)),), reply=fill(STORY, row), task="talk", family="story", template=template,
        slots=(("a", row["a"]), ("name", row["name"])), split=family.split(template, row),
        must=((row["a"].split()[-1],), (row["name"],), ("there was",), ("friends",)),
        never=tuple(name for name in tables.NAMES if name != row["name"]),
    )  # fmt: skip
    return Conversation(task="talk", language="en", turns=(turn,))


def _of_the_world(task: str) -> Callable[[Random, Split], Conversation]:
    return lambda rng, split: replace(of_world(world.sample(rng, task, split)), task="talk")


@cache
def skills() -> tuple[Skill, ...]:
    """Plain hearing and speaking, stories, and the tasks of the first world."""
    found = [make(language) for make in (_transcribing, _reading) for language in LANGUAGES]
    story_texts = (*STORIES, STORY, *tables.NAMES, *tables.LEGS, *tables.CAPITALS.values(), *STORY_MOODS, "a", "an")
    found.append(Skill(name="story", task="talk", language="en", draw=_story, texts=story_texts))
    for task in ("greet", "fact", "arithmetic", "say", "memory"):
        draw = _of_the_world(task)
        found.append(Skill(name=task, task="talk", language="en", draw=draw, texts=world.vocabulary()))
    return tuple(found)
