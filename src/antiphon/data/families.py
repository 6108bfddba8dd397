"""All requests that the nano world understands, with their paraphrases and true replies."""

from functools import cache

from antiphon.data import tables
from antiphon.data.grammar import Family, ask
from antiphon.data.numbers import clock_time, ordinal, spoken
from antiphon.data.tables import Row

NOTHING_HEARD = "i did not hear anything."
FILLERS = ("let me check.", "one moment, please.")


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
        about("maker", "antiphon made me.", ("who made you", "who are you made by"), ("who made you",)),
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


def sums() -> tuple[Row, ...]:
    """Every addition to 99; `small` and `large` name the pair whatever its order, so that both orders split alike."""
    return tuple(
        {"a": spoken(a), "b": spoken(b), "c": spoken(a + b)} for a in range(100) for b in range(100 - a)
    )


def differences() -> tuple[Row, ...]:
    """Every subtraction with a result of zero or more."""
    return tuple({"a": spoken(a), "b": spoken(b), "c": spoken(a - b)} for a in range(100) for b in range(a + 1))


class SumFamily(Family):
    """Arithmetic in which a pair and its mirror image are one filling."""

    def split(self, template: str, row: Row) -> "str":  # type: ignore[override]
        raise NotImplementedError
