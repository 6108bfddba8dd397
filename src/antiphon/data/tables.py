"""The facts of the nano world, as plain tables; every spoken word of a fact stands here once."""

Row = dict[str, str]

CAPITALS = {
    "france": "paris", "italy": "rome", "spain": "madrid", "japan": "tokyo", "china": "beijing", "germany": "berlin",
    "england": "london", "egypt": "cairo", "greece": "athens", "russia": "moscow", "norway": "oslo",
    "sweden": "stockholm", "poland": "warsaw", "ireland": "dublin", "austria": "vienna", "canada": "ottawa",
}  # fmt: skip
COLORS = ("red", "blue", "green", "yellow", "white", "black", "brown", "orange", "pink", "gray")
COLOR_OF = {
    "snow": "white", "milk": "white", "grass": "green", "the sky": "blue", "the sun": "yellow", "a banana": "yellow",
    "a tomato": "red", "blood": "red", "chocolate": "brown", "a carrot": "orange", "coal": "black", "a pig": "pink",
    "an elephant": "gray", "the ocean": "blue",
}  # fmt: skip
SOUNDS = {
    "dog": "woof", "cat": "meow", "cow": "moo", "duck": "quack", "bee": "buzz", "lion": "roar", "snake": "hiss",
    "bird": "tweet",
}  # fmt: skip
LEGS = {
    "dog": "four", "cat": "four", "cow": "four", "horse": "four", "lion": "four", "bird": "two", "duck": "two",
    "bee": "six", "ant": "six", "spider": "eight", "snake": "zero", "fish": "zero",
}  # fmt: skip
OPPOSITES = (
    ("big", "small"), ("hot", "cold"), ("up", "down"), ("day", "night"), ("good", "bad"), ("fast", "slow"),
    ("old", "new"), ("open", "closed"), ("light", "dark"), ("long", "short"), ("happy", "sad"), ("left", "right"),
    ("black", "white"), ("rich", "poor"), ("full", "empty"), ("first", "last"), ("high", "low"),
)  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
MONTH_DAYS = ("thirty one", "twenty eight", "thirty one", "thirty", "thirty one", "thirty") + (
    "thirty one", "thirty one", "thirty", "thirty one", "thirty", "thirty one",
)  # fmt: skip
COUNTS = (
    ("days", "a week", "seven"), ("months", "a year", "twelve"), ("hours", "a day", "twenty four"),
    ("minutes", "an hour", "sixty"), ("seconds", "a minute", "sixty"), ("weeks", "a year", "fifty two"),
)  # fmt: skip
NAMES = ("anna", "tom", "maria", "peter", "lucy", "david", "emma", "jack", "sara", "paul", "ben", "kate")
FOODS = ("rice", "bread", "soup", "pasta", "cake", "cheese", "pizza", "chocolate", "fish")
PETS = ("dog", "cat", "horse", "bird", "lion", "elephant", "duck", "spider")
MOODS = {"happy": "glad", "well": "glad", "sad": "sorry", "cold": "sorry", "tired": "sorry", "hungry": "sorry"}
DAY_PARTS = ("morning", "afternoon", "evening", "night")


def with_article(noun: str) -> str:
    """Return a noun with the indefinite article that its first sound asks for."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def capital_rows() -> tuple[Row, ...]:
    return tuple({"country": country, "capital": capital} for country, capital in CAPITALS.items())


def color_rows() -> tuple[Row, ...]:
    return tuple({"thing": thing, "color": color} for thing, color in COLOR_OF.items())


def animal_rows(table: dict[str, str]) -> tuple[Row, ...]:
    return tuple({"animal": with_article(animal), "value": value} for animal, value in table.items())


def opposite_rows() -> tuple[Row, ...]:
    both = [*OPPOSITES, *((b, a) for a, b in OPPOSITES)]
    return tuple({"word": word, "opposite": opposite} for word, opposite in both)


def order_rows(ring: tuple[str, ...]) -> tuple[Row, ...]:
    """Neighbours in a ring; with "after" and "before" in the templates, one row serves both directions."""
    return tuple({"earlier": a, "later": b} for a, b in zip(ring, ring[1:] + ring[:1], strict=True))


def month_rows() -> tuple[Row, ...]:
    return tuple({"month": month, "number": number} for month, number in zip(MONTHS, MONTH_DAYS, strict=True))


def count_rows() -> tuple[Row, ...]:
    return tuple({"unit": unit, "whole": whole, "number": number} for unit, whole, number in COUNTS)
