"""Numbers as spoken words, zero to ninety nine, and back."""

import re
from collections.abc import Sequence

from antiphon.errors import InputError

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split() + ["thirtieth"]
NUMBER_WORDS = frozenset([*ONES, *TENS])


def spoken(number: int) -> str:
    """Return a whole number from 0 to 99 in words: 42 is "forty two"."""
    if not 0 <= number <= 99:
        raise InputError(f"Found the number {number}; expected 0 to 99, so keep the sum in that range.")
    if number < 20:
        return ONES[number]
    tens, ones = divmod(number, 10)
    return TENS[tens - 2] if ones == 0 else f"{TENS[tens - 2]} {ONES[ones]}"


def ordinal(day: int) -> str:
    """Return a day of a month, 1 to 31, as an ordinal in words: 21 is "twenty first"."""
    if not 1 <= day <= 31:
        raise InputError(f"Found the day {day}; expected 1 to 31, so check the date.")
    if day <= 20:
        return ORDINALS[day - 1]
    if day == 30:
        return ORDINALS[-1]
    return f"{TENS[day // 10 - 2]} {ORDINALS[day % 10 - 1]}"


def clock_time(hour: int, minute: int) -> str:
    """Return a time of the 24 hour clock in words: "fourteen thirty five", "nine oh five", "exactly twelve"."""
    if minute == 0:
        return f"exactly {spoken(hour)}"
    return f"{spoken(hour)} {'oh ' if minute < 10 else ''}{spoken(minute)}"


def words_of(text: str) -> list[str]:
    """Return the lowercase words of a text without punctuation; hyphens part words."""
    return re.findall(r"[a-z0-9']+", text.lower().replace("-", " "))


def parse_numbers(words: Sequence[str]) -> list[int]:
    """Return the numbers said in a row of words, in order: "forty two plus seven" is [42, 7]."""
    found: list[int] = []
    open_tens = False
    for word in words:
        if word in TENS:
            found.append(10 * (TENS.index(word) + 2))
        elif word in ONES:
            value = ONES.index(word)
            if open_tens and 1 <= value <= 9:
                found[-1] += value
            else:
                found.append(value)
        open_tens = word in TENS
    return found
