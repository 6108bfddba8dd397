"""All requests that the nano world understands, with their paraphrases and true replies."""

from functools import cache

from antiphon.data import tables
from antiphon.data.grammar import Family, ask
from antiphon.data.numbers import clock_time, ordinal, spoken
from antiphon.data.tables import Row

NOTHING_HEARD = "i did not hear anything."
FILLERS = ("let me check.", "one moment, please.")  # while a tool works nano says the first; it knows both


@cache
def small_talk() -> tuple[Family, ...]:
    """Greetings, thanks and questions about nano itself."""

    def talk(name: str, reply: str, *asks: str, rows: tuple[Row, ...] = ({},), task: str = "greet") -> Family:
        return Family(name=name, task=task, asks=asks, reply=reply, rows=rows)

    parts = tuple({"part": part} for part in tables.DAY_PARTS)
    moods = tuple({"mood": mood, "feeling": feeling} for mood, feeling in tables.MOODS.items())
    return (
        talk("hello", "hello, how can i help you?", "hello.", "hello nano.", "hey nano.", "hello there.", "hey.",
             "hello, nice to meet you.", "hello my friend.", "hey there."),
        talk("day part", "good {part}.", "good {part}.", "good {part}, nano.", "hello, good {part}.",
             "good {part} to you.", "hey, good {part}.", "a very good {part}.", rows=parts),
        talk("how are you", "i am fine, thank you.", "how are you?", "how are you today?", "hello, how are you?",
             "are you well?", "how are you, nano?", "hey nano, how are you?", "are you well today?"),
        talk("thanks", "you are welcome.", "thank you.", "thanks.", "thank you very much.", "thanks, nano.",
             "thank you, nano.", "many thanks.", "thank you, my friend."),
        talk("goodbye", "goodbye, see you soon.", "goodbye.", "goodbye, nano.", "see you soon.", "see you tomorrow.",
             "goodbye, my friend.", "thank you, goodbye.", "i have to go now."),
        talk("hearing", "yes, i can hear you.", "can you hear me?", "do you hear me?", "are you there?",
             "hello, can you hear me?", "nano, are you there?", "hey, can you hear me now?"),
        talk("help", "yes, what do you want to know?", "can you help me?", "please help me.", "i want help.",
             "can i ask you something?", "hello, can you help me?", "please can you help me?"),
        talk("sorry", "that is fine.", "i am sorry.", "sorry.", "i am very sorry.", "sorry, nano.", "oh, i am sorry."),
        talk("mood", "i am {feeling} that you are {mood}.", "i am {mood}.", "i am {mood} today.", "i am very {mood}.",
             "today i am {mood}.", "i am very {mood} now.", "nano, i am {mood}.", rows=moods),
        talk("good", "i am glad that you like it.", "very good.", "that is good.", "that was very good.", "well done.",
             "that is very nice.", "i like that."),
    )  # fmt: skip


@cache
def about_self() -> tuple[Family, ...]:
    """Facts about nano."""

    def about(name: str, reply: str, questions: tuple[str, ...], topics: tuple[str, ...] = ()) -> Family:
        return Family(name=name, task="fact", asks=ask(questions, topics), reply=reply)

    return (
        about("own name", "my name is nano.", ("what is your name", "who are you"), ("your name",)),
        about("maker", "antiphon made me.", ("who made you", "who has made you"), ("who made you",)),
        about("kind", "i am a small voice model.", ("what are you",), ("what you are",)),
        about("skill", "i can listen and answer.", ("what can you do",), ("what you can do",)),
        about("home", "i am from a small computer.", ("where are you from",), ("where you are from",)),
        about("age", "i am very new.", ("how old are you", "are you old"), ("how old you are",)),
    )


@cache
def facts() -> tuple[Family, ...]:
    """Tables of the world, each row askable in many ways."""

    def fact(
        name: str, reply: str, rows: tuple[Row, ...], questions: tuple[str, ...], topics: tuple[str, ...] = ()
    ) -> Family:
        return Family(name=name, task="fact", asks=ask(questions, topics), reply=reply, rows=rows)

    days, months = tables.order_rows(tables.DAYS), tables.order_rows(tables.MONTHS)
    return (
        fact("capital", "the capital of {country} is {capital}.", tables.capital_rows(),
             ("what is the capital of {country}", "which city is the capital of {country}"),
             ("the capital of {country}",)),
        fact("country", "{capital} is the capital of {country}.", tables.capital_rows(),
             ("which country has the capital {capital}", "{capital} is the capital of which country"),
             ("which country has the capital {capital}",)),
        fact("color", "{thing} is {color}.", tables.color_rows(),
             ("what color is {thing}", "which color does {thing} have"),
             ("what color {thing} is", "the color of {thing}")),
        fact("sound", "{animal} says {value}.", tables.animal_rows(tables.SOUNDS),
             ("what does {animal} say", "what sound does {animal} make"), ("what {animal} says",)),
        fact("legs", "{animal} has {value} legs.", tables.animal_rows(tables.LEGS),
             ("how many legs does {animal} have", "how many legs has {animal}"), ("how many legs {animal} has",)),
        fact("opposite", "the opposite of {word} is {opposite}.", tables.opposite_rows(),
             ("what is the opposite of {word}", "which word is the opposite of {word}"),
             ("the opposite of {word}",)),
        fact("next day", "{later} comes after {earlier}.", days,
             ("what day comes after {earlier}", "which day is after {earlier}"), ("the day after {earlier}",)),
        fact("previous day", "{earlier} comes before {later}.", days,
             ("what day comes before {later}", "which day is before {later}"), ("the day before {later}",)),
        fact("next month", "{later} comes after {earlier}.", months,
             ("what month comes after {earlier}", "which month is after {earlier}"), ("the month after {earlier}",)),
        fact("previous month", "{earlier} comes before {later}.", months,
             ("what month comes before {later}", "which month is before {later}"), ("the month before {later}",)),
        fact("month length", "{month} has {number} days.", tables.month_rows(),
             ("how many days does {month} have", "how many days are in {month}"), ("how many days {month} has",)),
        fact("count", "{whole} has {number} {unit}.", tables.count_rows(),
             ("how many {unit} does {whole} have", "how many {unit} are in {whole}"),
             ("how many {unit} {whole} has",)),
    )  # fmt: skip


@cache
def arithmetic() -> tuple[Family, ...]:
    """Additions and subtractions with results from 0 to 99; `pair` names the sum whatever the order of its terms."""
    plus = tuple(
        {"a": spoken(a), "b": spoken(b), "c": spoken(a + b), "pair": f"{max(a, b)}+{min(a, b)}"}
        for a in range(100)
        for b in range(100 - a)
    )
    minus = tuple(
        {"a": spoken(a), "b": spoken(b), "c": spoken(a - b), "pair": f"{a}-{b}"}
        for a in range(100)
        for b in range(a + 1)
    )
    sums = ask(("what is {a} plus {b}", "how much is {a} plus {b}"), ("{a} plus {b}",),
               ("add {a} and {b}.", "please add {b} to {a}.", "{a} plus {b}?", "can you add {a} and {b}?"))  # fmt: skip
    differences = ask(("what is {a} minus {b}", "how much is {a} minus {b}"), ("{a} minus {b}",),
                      ("take {b} from {a}.", "please take {b} from {a}.", "{a} minus {b}?"))  # fmt: skip
    return (
        Family(name="plus", task="arithmetic", asks=sums, reply="{a} plus {b} is {c}.", rows=plus, held_by=("pair",)),
        Family(name="minus", task="arithmetic", asks=differences, reply="{a} minus {b} is {c}.", rows=minus,
               held_by=("pair",)),
    )  # fmt: skip


@cache
def clock() -> dict[str, Family]:
    """Questions that need the clock; the key is what to ask it for."""
    times = tuple({"said": clock_time(hour, minute)} for hour in range(24) for minute in range(60))
    days = tuple({"said": day} for day in tables.DAYS)
    dates = tuple(
        {"said": f"the {ordinal(day)} of {month}"}
        for month, length in zip(tables.MONTHS, (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True)
        for day in range(1, length + 1)
    )
    asks = {
        "time": ask(("what time is it", "what is the time", "what time is it now"), ("the time", "what time it is")),
        "day": ask(("what day is it", "what day is it today", "which day is today"), ("what day it is",)),
        "date": ask(("what is the date", "what is the date today", "what date is it"), ("the date",)),
    }
    rows = {"time": times, "day": days, "date": dates}
    held = {"time": ("said",), "day": (), "date": ("said",)}
    return {
        what: Family(name=what, task="tool", asks=forms, reply="it is {said}.", rows=rows[what], held_by=held[what])
        for what, forms in asks.items()
    }


@cache
def told() -> dict[str, tuple[Family, Family]]:
    """Things that a speaker tells about themselves, each with the question that asks for it later."""

    def values(*words: str) -> tuple[Row, ...]:
        return tuple({"value": word} for word in words)

    def pair(
        name: str, tells: tuple[str, ...], thanks: str, questions: tuple[str, ...], topic: str, reply: str,
        rows: tuple[Row, ...],
    ) -> tuple[Family, Family]:  # fmt: skip
        asks = ask(questions, (topic,))
        return (
            Family(name=f"tell {name}", task="memory", asks=tells, reply=thanks, rows=rows),
            Family(name=f"ask {name}", task="memory", asks=asks, reply=reply, rows=rows),
        )

    return {
        "name": pair("name", ("my name is {value}.", "hello, my name is {value}.", "hello nano, my name is {value}.",
                              "please call me {value}.", "people call me {value}.", "hey, my name is {value}.",
                              "good morning, my name is {value}."),
                     "nice to meet you, {value}.", ("what is my name", "who am i"), "my name",
                     "your name is {value}.", values(*tables.NAMES)),
        "color": pair("color", ("my favorite color is {value}.", "the color i like most is {value}.",
                                "i like the color {value}.", "my favorite color is {value}, nano.",
                                "i like {value} most, it is my favorite color.", "{value} is my favorite color."),
                      "{value} is a nice color.", ("what is my favorite color", "which color do i like most"),
                      "my favorite color", "your favorite color is {value}.", values(*tables.COLORS)),
        "animal": pair("animal", ("my favorite animal is the {value}.", "the animal i like most is the {value}.",
                                  "the {value} is my favorite animal.", "my favorite animal is the {value}, nano.",
                                  "i like the {value} most, it is my favorite animal."),
                       "the {value} is a nice animal.", ("what is my favorite animal", "which animal do i like most"),
                       "my favorite animal", "your favorite animal is the {value}.", values(*tables.PETS)),
        "food": pair("food", ("my favorite food is {value}.", "the food i like most is {value}.",
                              "{value} is my favorite food.", "i like to eat {value}, it is my favorite food.",
                              "my favorite food is {value}, nano."),
                     "{value} is very good.", ("what is my favorite food", "which food do i like most"),
                     "my favorite food", "your favorite food is {value}.", values(*tables.FOODS)),
        "city": pair("city", ("i am from {value}.", "my city is {value}.", "i come from {value}.",
                              "hello, i am from {value}.", "my city is {value}, nano.", "{value} is my city."),
                     "{value} is a nice city.", ("where am i from", "what is my city", "which city am i from"),
                     "my city", "you are from {value}.", values(*tables.CAPITALS.values())),
    }  # fmt: skip


@cache
def untold() -> tuple[Family, ...]:
    """The same questions without anything told before: nano must not make an answer up."""
    return tuple(
        Family(
            name=f"untold {name}",
            task="memory",
            asks=asking.asks,
            reply=f"you did not tell me your {name}.",
            held_like=asking.name,
        )
        for name, (_, asking) in told().items()
    )


SAY = (
    "say after me, {words}.", "repeat after me, {words}.", "please say after me, {words}.",
    "please repeat after me, {words}.", "say, {words}.", "please say, {words}.", "repeat, {words}.",
    "can you say, {words}?", "nano, say after me, {words}.", "please repeat, {words}.",
)  # fmt: skip
