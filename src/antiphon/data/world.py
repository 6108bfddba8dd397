"""The nano world: spoken dialogues with ground truth, drawn from a seeded generator.

    sample(rng) -> Dialogue -> its turns: what is said to nano, the tool it should call, what it should answer

Everything spoken is lowercase words of one closed vocabulary with `.`, `,` and `?`. `split` says whether a dialogue may
be trained on; `right_answer` judges a reply by its words.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from random import Random

from antiphon.data import families, tables
from antiphon.data.grammar import Family, Slots, Split, fill
from antiphon.data.numbers import NUMBER_WORDS, ORDINALS, clock_time, ordinal, parse_numbers, words_of
from antiphon.data.tables import Row
from antiphon.errors import InputError
from antiphon.tools.clock import clock_says

TASKS = {
    "greet": 0.10, "fact": 0.28, "arithmetic": 0.24, "say": 0.12, "tool": 0.10, "memory": 0.13, "nothing": 0.03,
}  # fmt: skip
NOT_FOR_SALAD = frozenset(("a", "an", "to", "oh", "nano", "antiphon"))  # weak forms, homophones and proper names


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call of a tool: its name and its arguments as JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One exchange. `user` is what is spoken to nano, "" when there is only silence or noise.

    With a tool, nano first says `filler` and calls `tool_call`; after `tool_result` comes back it says `reply`.
    """

    user: str
    reply: str
    task: str
    family: str
    template: str
    slots: Slots = ()
    split: Split = "train"
    filler: str = ""
    tool_call: ToolCall | None = None
    tool_result: str = ""


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """One or more turns of one conversation; later turns may need what earlier ones told."""

    task: str
    turns: tuple[Turn, ...]

    @property
    def template(self) -> str:
        """The templates of all turns, as one name."""
        return " | ".join(f"{turn.family}: {turn.template}" for turn in self.turns)

    @property
    def slots(self) -> Slots:
        return tuple(slot for turn in self.turns for slot in turn.slots)


def split(dialogue: Dialogue) -> Split:
    """Say where a dialogue belongs: an unheard wording, an unheard filling of a known wording, or training."""
    found = {turn.split for turn in dialogue.turns}
    return "template" if "template" in found else "slots" if "slots" in found else "train"


def sample(rng: Random, task: str | None = None, split: Split = "train") -> Dialogue:
    """Draw a dialogue of one split.

    Raises:
        InputError: for a task that does not exist, or that has nothing held out.
    """
    if task is None:
        names = [name for name in TASKS if split == "train" or name != "nothing"]
        task = rng.choices(names, [TASKS[name] for name in names])[0]
    if task not in TASKS:
        raise InputError(f"Found the task {task!r}; expected one of {', '.join(TASKS)}.")
    if task == "nothing":
        if split != "train":
            raise InputError("Found the task 'nothing' with a held-out split; expected 'train', as it has no wording.")
        silent = Turn(user="", reply=families.NOTHING_HEARD, task=task, family=task, template="")
        return Dialogue(task=task, turns=(silent,))
    if task == "tool":
        return Dialogue(task=task, turns=(_tool_turn(rng, split),))
    if task == "memory":
        return _memory(rng, split)
    family = _choose([family for family in _single()[task] if family.has(split)], rng)
    return Dialogue(task=task, turns=(_turn(family, rng, split),))


def _choose(choices: list[Family], rng: Random) -> Family:
    """Draw a family, larger tables more often (by the fourth root of their rows, so that small ones stay frequent)."""
    return rng.choices(choices, [min(len(family.rows), 60) ** 0.5 for family in choices])[0]


def _turn(family: Family, rng: Random, split: Split) -> Turn:
    return _made(family, *family.pick(rng, split))


def _made(family: Family, template: str, row: Row) -> Turn:
    return Turn(
        user=fill(template, row),
        reply=fill(family.reply, row),
        task=family.task,
        family=family.name,
        template=template,
        slots=tuple(row.items()),
        split=family.split(template, row),
    )


def _tool_turn(rng: Random, split: Split) -> Turn:
    """A question for the clock, with the moment that the clock will tell."""
    what = rng.choice(("time", "time", "day", "date"))
    family = families.clock()[what]
    templates = sorted(family.held_templates) if split == "template" else family.train_templates
    while True:
        moment = datetime(2024, 1, 1) + timedelta(minutes=rng.randrange(12 * 365 * 24 * 60))
        row = {"said": _said(what, moment)}
        turn = _made(family, rng.choice(templates), row)
        if split == "slots" and not family.held_by:  # the seven days: nothing is held out, so ask something else
            return _tool_turn(rng, split)
        if turn.split == split and (split == "slots" or family.split(family.asks[0], row) == "train"):
            break
    call = ToolCall(name="clock", arguments=json.dumps({"what": what}, separators=(",", ":")))
    return replace(turn, filler=families.FILLERS[0], tool_call=call, tool_result=clock_says(moment))


def _said(what: str, moment: datetime) -> str:
    """How nano tells the time, the day or the date of a moment."""
    if what == "time":
        return clock_time(moment.hour, moment.minute)
    if what == "day":
        return tables.DAYS[moment.weekday()]
    return f"the {ordinal(moment.day)} of {tables.MONTHS[moment.month - 1]}"


def _memory(rng: Random, split: Split) -> Dialogue:
    """Something told and asked back, mostly with another exchange between; or asked without having been told."""
    if split == "train" and rng.random() < 0.12:
        return Dialogue(task="memory", turns=(_turn(rng.choice(families.untold()), rng, "train"),))
    tell, back = rng.choice(list(families.told().values()))
    held_ask = split == "template" and (not tell.held_templates or rng.random() < 0.5)
    template, row = tell.pick(rng, "train" if held_ask else split)
    question = rng.choice(sorted(back.held_templates) if held_ask else back.train_templates)
    turns = [_made(tell, template, row), _made(back, question, row)]
    if rng.random() < 0.6:
        between = rng.choice(("greet", "fact", "fact", "arithmetic"))
        turns.insert(1, _turn(_choose(list(_single()[between]), rng), rng, "train"))
    return Dialogue(task="memory", turns=tuple(turns))


@cache
def _single() -> dict[str, tuple[Family, ...]]:
    """The families of the tasks that are one plain exchange."""
    return {
        "greet": families.small_talk(),
        "fact": (*families.facts(), *families.about_self()),
        "arithmetic": families.arithmetic(),
        "say": (
            Family(name="say", task="say", asks=families.SAY, reply="{words}.", draw=_say_row, held_by=("words",)),
        ),
    }


def say(words: str, template: str = families.SAY[0]) -> Dialogue:
    """Make the dialogue that asks nano to repeat given words."""
    return Dialogue(task="say", turns=(_made(_single()["say"][0], template, {"words": words}),))


def all_families() -> tuple[Family, ...]:
    """Every family of the world."""
    pairs = (family for pair in families.told().values() for family in pair)
    single = (family for group in _single().values() for family in group)
    return (*single, *families.clock().values(), *pairs, *families.untold())


def _say_row(rng: Random) -> Row:
    if rng.random() < 0.2:
        return {"words": sentences(rng).rstrip(".").replace(",", "")}
    return {"words": " ".join(_random_words(rng, rng.randint(2, 7)))}


@cache
def vocabulary() -> tuple[str, ...]:
    """Every word that can be spoken in the world, in alphabetical order."""
    words = {word for family in all_families() if family.name != "say" for word in family.words()}
    words |= {word for text in (*families.SAY, families.NOTHING_HEARD, *families.FILLERS) for word in words_of(text)}
    words |= {word for frame in SENTENCES for word in frame.rstrip(".").split() if word not in KINDS}
    words |= {word for kind in KINDS.values() for value in kind for word in words_of(value)}
    return tuple(sorted(words - {"words"}))


@cache
def _salad_words() -> tuple[tuple[str, ...], tuple[str, ...]]:
    numbers = (*sorted(NUMBER_WORDS), *ORDINALS)
    return tuple(word for word in vocabulary() if word not in NOT_FOR_SALAD), numbers


def _random_words(rng: Random, count: int) -> list[str]:
    """Draw words evenly, number words twice as often as others."""
    words, numbers = _salad_words()
    return [rng.choice(numbers) if rng.random() < 0.12 else rng.choice(words) for _ in range(count)]


def salad(rng: Random, n: int) -> str:
    """Return a sentence of `n` random words of the vocabulary: nothing in it can be guessed."""
    return " ".join(_random_words(rng, n)) + "."


KINDS: dict[str, tuple[str, ...]] = {
    "NAME": tables.NAMES, "CITY": tuple(tables.CAPITALS.values()), "COUNTRY": tuple(tables.CAPITALS),
    "COLOR": tables.COLORS, "FOOD": tables.FOODS, "ANIMAL": tuple(tables.LEGS), "DAY": tables.DAYS,
    "MONTH": tables.MONTHS, "MOOD": tuple(tables.MOODS), "NUMBER": tuple(sorted(NUMBER_WORDS - {"zero", "one"})),
    "ADJECTIVE": ("big", "small", "old", "new", "fast", "slow", "happy", "sad", "good", "bad", "nice"),
    "WEATHER": ("hot", "cold", "dark", "light", "nice"),
}  # fmt: skip
SENTENCES = (
    "NAME is from CITY.", "NAME likes FOOD and FOOD.", "the ADJECTIVE ANIMAL is COLOR.", "i like COLOR and COLOR.",
    "it is WEATHER in CITY in MONTH.", "NAME and NAME are from COUNTRY.", "NAME has NUMBER COLOR birds.",
    "the ANIMAL and the ANIMAL are MOOD.", "i want to eat FOOD on DAY.", "NAME is MOOD today.",
    "the ADJECTIVE ANIMAL likes NAME.", "CITY is a ADJECTIVE city in COUNTRY.", "we go to CITY on DAY.",
    "on DAY it was WEATHER in CITY.", "there are NUMBER days in the MONTH plan.",
    "NAME has a ADJECTIVE COLOR computer.",
    "my friend NAME likes the ADJECTIVE ANIMAL.", "the COLOR FOOD is very ADJECTIVE.", "NAME is MOOD and NAME is MOOD.",
    "i can see NUMBER ADJECTIVE dogs.", "please give NAME NUMBER minutes.", "NAME was in COUNTRY in MONTH.",
)  # fmt: skip


def sentences(rng: Random) -> str:
    """Return one plain sentence over the vocabulary, of no task."""
    frame = rng.choice(SENTENCES)
    said = " ".join(
        word.replace(word.rstrip(".,"), rng.choice(KINDS[word.rstrip(".,")])) if word.rstrip(".,") in KINDS else word
        for word in frame.split()
    )
    words = said.split()
    return " ".join("an" if word == "a" and words[i + 1][0] in "aeiou" else word for i, word in enumerate(words))


RELATIONS = frozenset("plus minus after before not name favorite nice meet from capital opposite".split())


@cache
def _content() -> frozenset[str]:
    """The words that carry an answer: all that fill slots, the words that relate them, and "not"."""
    rows = (row for family in all_families() for row in family.rows)
    fillings = {word for row in rows for name, value in row.items() if name != "pair" for word in words_of(value)}
    return frozenset((fillings | RELATIONS) - {"a", "an", "the", "of"})


def right_answer(turn: Turn, heard: str) -> bool:
    """Judge the words heard from nano against a turn's true reply.

    The same words are right. Otherwise facts, sums, the clock and memory must say the same content words in the same
    order (a lost "the" is forgiven, a wrong or further country is not); a sum may also be the bare result. Small talk
    and words to repeat must be exact.
    """
    said, truth = words_of(heard), words_of(turn.reply)
    if said == truth:
        return True
    if turn.task not in ("fact", "arithmetic", "tool", "memory") or not turn.slots:
        return False
    expected = [word for word in truth if word in _content()]
    found = [word for word in said if word in _content()]
    if turn.task == "arithmetic" and parse_numbers(said) == parse_numbers(truth)[-1:]:
        return found == expected[-len(found) :] and said[-1] == truth[-1]
    return found == expected
