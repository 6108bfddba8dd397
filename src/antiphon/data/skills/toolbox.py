"""Tools called from speech: the weather, the web, voices, the clock, and tools that only the prompt describes.

The tools of the prompt are made of things and of what can be set or asked about them; a fifth of the things is never
trained on, and names are formed in several ways, so that name and parameter must be read off the prompt. As often as
a tool is called one is on offer and not called.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from antiphon.data import families, tables, world
from antiphon.data.grammar import HELD_SLOTS, Family, Slots, Split, ask, fill, fraction
from antiphon.data.numbers import spoken, words_of
from antiphon.data.skills import hanzi, phrases
from antiphon.data.skills.exchange import LANGUAGES, Conversation, Language, Skill, Turn, Who, said, texts_of, wording
from antiphon.data.skills.speaking import of_world
from antiphon.data.tables import Row
from antiphon.data.world import ToolCall
from antiphon.tools import clock

FILLERS: dict[Language, str] = {"en": families.FILLERS[0], "zh": "我查一下。"}


@dataclass(frozen=True, kw_only=True)
class Use:
    """One use of a tool: what is asked, the arguments that follow, what comes back, and what is said of it."""

    asked: str
    arguments: dict[str, str]
    result: str
    reply: str
    slots: Slots
    voice: Who | None = None


def definition(name: str, description: str, parameters: dict[str, str]) -> str:
    """A tool as the prompt describes it, in OpenAI's form; each parameter is a string."""
    properties = {key: {"type": "string", "description": what} for key, what in parameters.items()}
    function: dict[str, Any] = {
        "name": name,
        "description": description,
        "parameters": {"type": "object", "properties": properties, "required": list(properties)},
    }
    return json.dumps({"type": "function", "function": function}, ensure_ascii=False)


CLOCK = json.dumps({"type": "function", "function": clock.FUNCTION}, ensure_ascii=False)
WEATHER = definition("weather", "Tell the weather of a city.", {"city": "the city in English"})
WEB_SEARCH = definition("web_search", "Search the web.", {"query": "what to look for"})
AUDIO_SEARCH = definition("audio_search", "Find a voice by its description.", {"query": "what the voice is like"})
KNOWN = (CLOCK, WEATHER, WEB_SEARCH, AUDIO_SEARCH)


def _offered(rng: Random, *needed: str) -> tuple[str, ...]:
    """The tools that are needed and some others, in any order."""
    others = [tool for tool in KNOWN if tool not in needed]
    found = [*needed, *rng.sample(others, rng.randint(0, len(others)))]
    return tuple(rng.sample(found, len(found)))


def _called(
    rng: Random, language: Language, family: Family, split: Split, template: str, tool: str, use: Use,
    beside: tuple[str, ...] = (),
) -> Conversation:  # fmt: skip
    """The conversation in which one tool is called once; those of `beside` are on offer, too."""
    call = ToolCall(
        name=json.loads(tool)["function"]["name"],
        arguments=json.dumps(use.arguments, ensure_ascii=False, separators=(",", ":")),
    )
    turn = Turn(
        heard=(said(use.asked, language),), reply=use.reply, language=language, voice=use.voice,
        filler=FILLERS[language], call=call, result=use.result, task="call", family=family.name, template=template,
        slots=use.slots, split=split,
    )  # fmt: skip
    return Conversation(task="call", language=language, tools=_offered(rng, tool, *beside), turns=(turn,))


# --- the clock -------------------------------------------------------------------------------------------------------


@cache
def _clock_families() -> dict[str, Family]:
    asks = {
        "time": hanzi.ask(("现在几点", "几点了", "现在是几点"), ("现在几点",)),
        "day": hanzi.ask(("今天星期几", "今天是星期几"), ("今天星期几",)),
        "date": hanzi.ask(("今天几号", "今天是几月几号"), ("今天几号",)),
    }
    return {
        what: Family(name=f"{what} zh", task="call", asks=forms, reply="{said}。", held_by=("said",))
        for what, forms in asks.items()
    }


def _clock(rng: Random, split: Split) -> Conversation:
    what = rng.choice(("time", "time", "day", "date") if split != "slots" else ("time", "date"))
    family = _clock_families()[what]
    template = wording(family, rng, split)
    while True:
        moment = datetime(2024, 1, 1) + timedelta(minutes=rng.randrange(12 * 365 * 24 * 60))
        told = {
            "time": f"现在是{hanzi.clock_time(moment.hour, moment.minute)}",
            "day": f"今天是{hanzi.WEEK[moment.weekday()]}",
            "date": f"今天是{hanzi.date(moment.month, moment.day)}",
        }[what]
        if what == "day" or (fraction("slots", family.name, told) < HELD_SLOTS) == (split == "slots"):
            break
    use = Use(
        asked=template, arguments={"what": what}, result=clock.clock_says(moment), reply=f"{told}。",
        slots=(("said", told),),
    )  # fmt: skip
    return _called(rng, "zh", family, split, template, CLOCK, use)


def _english_clock(rng: Random, split: Split) -> Conversation:
    made = of_world(world.sample(rng, "tool", split))
    return replace(made, task="call", tools=_offered(rng, CLOCK))


# --- weather ---------------------------------------------------------------------------------------------------------

WEATHER_EN, WEATHER_ZH = "it {sky} in {city}, {number} degrees.", "{city}{sky}，{number}度。"
SKIES = phrases.TABLES["weather"]
DEGREES = {"is hot": (26, 36), "is cold": (2, 9), "is snowing": (0, 4)}  # of other skies, 9 to 25


@cache
def _weather_family(language: Language) -> Family:
    if language == "en":
        asks = ask(
            ("what is the weather in {city}", "how is the weather in {city}", "how is the weather in {city} today"),
            ("the weather in {city}", "how the weather is in {city}"),
        )
        rows: tuple[Row, ...] = tuple({"city": city, "name": city} for city in tables.CAPITALS.values())
        return Family(name="weather en", task="call", asks=asks, reply=WEATHER_EN, rows=rows)
    asks = hanzi.ask(("{city}天气怎么样", "今天{city}的天气怎么样", "{city}的天气好吗"), ("{city}的天气",))
    rows = tuple({"city": zh, "name": en} for en, zh in phrases.TABLES["city"])
    return Family(name="weather zh", task="call", asks=asks, reply=WEATHER_ZH, rows=rows)


def _weather(language: Language) -> Callable[[Random, Split], Conversation]:
    family = _weather_family(language)

    def draw(rng: Random, split: Split) -> Conversation:
        template, row = family.pick(rng, split)
        sky_en, sky_zh = rng.choice(SKIES)
        degrees = rng.randrange(*DEGREES.get(sky_en, (9, 26)))
        sky, number = (sky_en, spoken(degrees)) if language == "en" else (sky_zh, hanzi.spoken(degrees))
        reply = fill(family.reply, {**row, "sky": sky, "number": number})
        result = f"{row['name']}: {sky_en.removeprefix('is ')}, {degrees} degrees"
        use = Use(asked=fill(template, row), arguments={"city": row["name"]}, result=result, reply=reply,
                  slots=tuple(row.items()))  # fmt: skip
        return _called(rng, language, family, split, template, WEATHER, use)

    return draw


# --- the web ---------------------------------------------------------------------------------------------------------

TOPICS: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (("the best {food} in {city}", "the best {food} in {city} is at the {color} {animal}"),
           ("the news from {country}", "the news from {country} is {quality}"),
           ("the price of {food}", "the price of {food} is {number}"),
           ("the train to {city}", "the train to {city} goes at {hour}"),
           ("a hotel in {city}", "there is a {quality} hotel in {city}")),
    "zh": (("{city}的{food}", "{city}的{food}非常好"), ("去{city}的火车", "去{city}的火车{hour}点走"),
           ("{country}的首都", "{country}的首都很大"), ("{city}的酒店", "{city}的酒店很{quality}")),
}  # fmt: skip
SEARCHES: dict[Language, tuple[str, ...]] = {
    "en": ("search the web for {topic}.", "search for {topic}.", "please search for {topic}.", "look for {topic}.",
           "can you search for {topic}?", "find {topic} on the web.", "nano, search for {topic}.",
           "please look for {topic} on the web."),
    "zh": ("请上网查{topic}。", "查一下{topic}。", "请查一下{topic}。", "你能查一下{topic}吗？", "我想查{topic}。",
           "上网查一下{topic}。"),
}  # fmt: skip


def _fillings(language: Language) -> dict[str, tuple[str, ...]]:
    found = {name: tuple(pair[language == "zh"] for pair in table) for name, table in phrases.TABLES.items()}
    found["number"] = tuple((spoken if language == "en" else hanzi.spoken)(number) for number in range(2, 60))
    return found


def _web(language: Language) -> Callable[[Random, Split], Conversation]:
    family = Family(name=f"web {language}", task="call", asks=SEARCHES[language], reply="{result}")
    fillings = _fillings(language)

    def draw(rng: Random, split: Split) -> Conversation:
        template = wording(family, rng, split)
        while True:
            asked, found = rng.choice(TOPICS[language])
            row = {name: rng.choice(values) for name, values in fillings.items()}
            topic = fill(asked, row)
            if (fraction("topic", topic) < HELD_SLOTS) == (split == "slots"):
                break
        result = fill(found, row)
        reply = result + ("." if language == "en" else "。")
        use = Use(asked=fill(template, {"topic": topic}), arguments={"query": topic}, result=result, reply=reply,
                  slots=(("topic", topic),))  # fmt: skip
        return _called(rng, language, family, split, template, WEB_SEARCH, use)

    return draw


# --- voices ----------------------------------------------------------------------------------------------------------

VOICES: dict[Language, tuple[tuple[str, Who], ...]] = {
    "en": tuple(
        (f"{age_word}{word}{timbre_word}", Who(name="found", gender=gender, age=age, timbre=timbre))
        for age_word, age in (("a young ", "young"), ("an old ", "elderly"), ("a middle aged ", "middle-aged"))
        for word, gender in (("man", "male"), ("woman", "female"))
        for timbre_word, timbre in (("", ""), (" with a bright voice", "bright"), (" with a dark voice", "dark"),
                                    (" with a rough voice", "hoarse"))
    ) + (("a child", Who(name="found", age="child")), ("a girl", Who(name="found", age="child", gender="female")),
         ("a boy", Who(name="found", age="child", gender="male"))),
    "zh": (("老人", Who(name="found", age="elderly")), ("小孩", Who(name="found", age="child")),
           ("年轻人", Who(name="found", age="young")), ("中年人", Who(name="found", age="middle-aged")),
           ("男老师", Who(name="found", gender="male")), ("女老师", Who(name="found", gender="female"))),
}  # fmt: skip
LIKENESS: dict[Language, tuple[str, ...]] = {
    "en": ("talk like {x}.", "please talk like {x}.", "can you talk like {x}?", "find the voice of {x}.",
           "i want the voice of {x}.", "please find the voice of {x}.", "can you sound like {x}?"),
    "zh": ("请用{x}的声音说话。", "用{x}的声音说话。", "你能用{x}的声音说话吗？", "我想听{x}的声音。",
           "请找{x}的声音。", "我想要{x}的声音。"),
}  # fmt: skip


def _voices(language: Language) -> Callable[[Random, Split], Conversation]:
    rows = tuple({"x": x} for x, _ in VOICES[language])
    reply = "here is the voice of {x}." if language == "en" else "我找到了{x}的声音。"
    family = Family(name=f"voices {language}", task="call", asks=LIKENESS[language], reply=reply, rows=rows)
    people = dict(VOICES[language])

    def draw(rng: Random, split: Split) -> Conversation:
        template, row = family.pick(rng, split)
        query = row["x"].removeprefix("an ").removeprefix("a ")
        result = json.dumps({"voice": query}, ensure_ascii=False)
        use = Use(asked=fill(template, row), arguments={"query": query}, result=result, reply=fill(reply, row),
                  slots=tuple(row.items()), voice=people[row["x"]])  # fmt: skip
        return _called(rng, language, family, split, template, AUDIO_SEARCH, use)

    return draw


# --- tools that the prompt describes ---------------------------------------------------------------------------------

THINGS = (
    "lamp", "radio", "fan", "oven", "door", "window", "computer", "phone", "car", "bed", "clock", "piano", "camera",
    "robot", "table", "chair", "bus", "boat", "plane", "box", "bag", "hat", "shirt", "toy", "game",
)  # fmt: skip
KINDS_OF_NOUN = ("thing", "food", "animal", "person", "place")
NOUNS = tuple(dict.fromkeys((*THINGS, *(noun for kind in KINDS_OF_NOUN for noun, _ in phrases.TABLES[kind]))))
VALUES: dict[str, tuple[str, ...]] = {
    "color": tables.COLORS,
    "level": tuple(spoken(number) for number in range(2, 31)),
    "speed": ("fast", "slow", "very fast", "very slow"),
    "day": tables.DAYS,
    "city": tuple(tables.CAPITALS.values()),
    "name": tables.NAMES,
}
SET = ("set the {thing} to {value}.", "please set the {thing} to {value}.", "change the {thing} to {value}.",
       "can you set the {thing} to {value}?", "i want the {thing} on {value}.", "nano, set the {thing} to {value}.",
       "please change the {thing} to {value}.")  # fmt: skip
KINDS = (*tables.COLORS, "old", "new", "big", "small")  # of a thing: few things are many tools, whose names are read
NAMES = ("set_{name}", "{name}_{what}", "{name}", "change_{name}", "{name}_control", "set_{name}_{what}",
         "{name}_{number}", "set_{name}_{number}", "{what}_of_{name}")  # fmt: skip
OTHER_NAMES = ("{word}_{other}", "{word}_{number}", "set_{word}", "{word}")  # that tell nothing, of all known words
WORDS = tuple(sorted({word for text in (*phrases.texts("en"), *THINGS) for word in words_of(text) if word.isalpha()}))
OTHERWISE = 0.5  # share of the tools whose name tells nothing
PARAMETERS = ("value", "to", "setting", "wanted", "new", "mode")
WORKED, FAILED = "the {thing} is on {value} now.", "sorry, that did not work."


def thing_is_held(thing: str) -> bool:
    """Whether training never meets a tool for a thing."""
    return fraction("thing", thing) < HELD_SLOTS


def _described(rng: Random, split: Split) -> Conversation:
    """Set something by a tool of which nothing is known but its description; at times beside another such tool."""
    family = Family(name="described", task="call", asks=SET, reply=WORKED)
    template = wording(family, rng, split)
    nouns = [noun for noun in NOUNS if thing_is_held(noun) == (split == "slots")]
    thing, other = (_of_a_kind(rng, noun) for noun in rng.sample(nouns, 2))
    what = rng.choice(list(VALUES))
    row = {"thing": thing, "what": what, "value": rng.choice(VALUES[what])}
    worked = rng.random() < 0.85
    parameter = rng.choice((what, what, *PARAMETERS))
    tool = _setter(rng, thing, what, parameter)
    beside = (_setter(rng, other, rng.choice(list(VALUES)), parameter),) if rng.random() < 0.3 else ()
    reply = fill(WORKED, row) if worked else FAILED
    use = Use(asked=fill(template, row), arguments={parameter: row["value"]}, result="ok" if worked else "error",
              reply=reply, slots=tuple(row.items()))  # fmt: skip
    return _called(rng, "en", family, split, template, tool, use, beside)


def _of_a_kind(rng: Random, noun: str) -> str:
    return f"{rng.choice(KINDS)} {noun}" if rng.random() < 0.5 else noun


def _setter(rng: Random, thing: str, what: str, parameter: str) -> str:
    """The definition of a tool that sets something of a thing; its name is never that of a tool that there is."""
    taken = {json.loads(tool)["function"]["name"] for tool in KNOWN}
    while True:
        word, other = rng.sample(WORDS, 2)
        named = {"name": thing.replace(" ", "_"), "what": what, "number": str(rng.randint(2, 99))}
        form = rng.choice(OTHER_NAMES if rng.random() < OTHERWISE else NAMES)
        name = fill(form, named | {"word": word, "other": other})
        if name not in taken:
            return definition(name, f"Set the {what} of the {thing}.", {parameter: what})


# --- tools that are not called ---------------------------------------------------------------------------------------

NEAR = (
    "the weather in {city} was nice.", "i do not like the weather in {city}.", "i was in {city} on {day}.",
    "the time was good in {city}.", "i like your voice.", "it was a nice day in {city}.", "{day} is a good day.",
    "the news was good on {day}.", "i like the weather in {city}.", "it is hot in {city} in july.",
    "my friend was in {city} on {day}.", "i want to go to {city}.", "we go to {city} on {day}.",
    "{city} is a nice city.", "i do not like {day}.", "i was tired on {day}.", "i was happy in {city}.",
    "the news was not good.", "the voice was nice.", "i do not like the news.", "the day was good.",
    "i like the time in {city}.", "my friend likes {city}.",
)  # fmt: skip
NEAR_REPLY = "i see, thank you."


def _not_called(rng: Random, split: Split) -> Conversation:
    """Tools are on offer, and what is said needs none: a question of the world, or a remark that sounds near to one."""
    if rng.random() < 0.6:
        task = rng.choice(("fact", "arithmetic", "greet", "memory"))
        made = of_world(world.sample(rng, task, split))
        return Conversation(task="call", language="en", tools=_offered(rng, rng.choice(KNOWN)), turns=made.turns)
    family = _near()
    template, row = family.pick(rng, split)
    turn = Turn(
        heard=(said(fill(template, row)),), reply=NEAR_REPLY, task="call", family="near", template=template,
        slots=tuple(row.items()), split=family.split(template, row),
    )  # fmt: skip
    return Conversation(task="call", language="en", tools=_offered(rng, rng.choice(KNOWN)), turns=(turn,))


@cache
def _near() -> Family:
    rows = tuple({"city": city, "day": day} for city in tables.CAPITALS.values() for day in tables.DAYS)
    return Family(name="near", task="call", asks=NEAR, reply=NEAR_REPLY, rows=rows)


# --- all -------------------------------------------------------------------------------------------------------------


def _clock_texts() -> tuple[str, ...]:
    moments = tuple(hanzi.clock_time(hour, minute) for hour in range(24) for minute in range(60))
    dates = tuple(hanzi.date(month, day) for month in range(1, 13) for day in range(1, 32))
    return (*texts_of(*_clock_families().values()), *hanzi.WEEK, *moments, *dates, "现在是今天是")


@cache
def skills() -> tuple[Skill, ...]:
    """Every tool, in the languages it is asked for in."""

    def skill(name: str, language: Language, draw: Callable[[Random, Split], Conversation], *texts: str) -> Skill:
        return Skill(name=name, task="call", language=language, draw=draw, texts=(*texts, FILLERS[language]))

    found = [skill("clock", "en", _english_clock, *world.vocabulary()), skill("clock", "zh", _clock, *_clock_texts())]
    for tongue in LANGUAGES:
        filled = [value for values in _fillings(tongue).values() for value in values]
        topics = [text for pair in TOPICS[tongue] for text in pair]
        cities = [row["city"] for row in _weather_family(tongue).rows]
        weather = _weather_family(tongue)
        found += [
            skill("weather", tongue, _weather(tongue), *weather.asks, weather.reply, *cities, *filled),
            skill("web search", tongue, _web(tongue), *SEARCHES[tongue], *topics, *filled),
            skill("voice search", tongue, _voices(tongue), *LIKENESS[tongue], *(x for x, _ in VOICES[tongue]),
                  "here is the voice of" if tongue == "en" else "我找到了"),
        ]  # fmt: skip
    values = [value for table in VALUES.values() for value in table]
    found.append(skill("described tool", "en", _described, *SET, WORKED, FAILED, *NOUNS, *KINDS, *values))
    found.append(skill("no tool", "en", _not_called, *NEAR, NEAR_REPLY, *tables.CAPITALS.values(), *tables.DAYS))
    return tuple(found)
