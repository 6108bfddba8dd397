"""Sums in two languages: what nano learns translation from, since their grammar is the same and their truth is known.

    "forty two plus seven is forty nine."  <->  "四十二加七等于四十九。"
"""

from random import Random

from antiphon.data.numbers import parse_numbers, spoken, words_of
from antiphon.data.synth import Voice

DIGITS = "零一二三四五六七八九"
CHINESE = tuple(Voice(engine="espeak", name=name) for name in ("cmn", "cmn+f2", "cmn+m3", "cmn+f5"))


def chinese_number(number: int) -> str:
    """A whole number from 0 to 99 in Chinese: 42 is 四十二."""
    tens, ones = divmod(number, 10)
    if tens == 0:
        return DIGITS[ones]
    return ("" if tens == 1 else DIGITS[tens]) + "十" + (DIGITS[ones] if ones else "")


def to_chinese(text: str) -> str | None:
    """A sum that is told in English ("a plus b is c."), told in Chinese; None for any other text."""
    words = words_of(text)
    sign = next((word for word in words if word in ("plus", "minus")), None)
    if sign is None or "is" not in words or text.endswith("?"):
        return None
    told = parse_numbers(words)
    if len(told) != 3 or words_of(f"{spoken(told[0])} {sign} {spoken(told[1])} is {spoken(told[2])}") != words:
        return None
    a, b, c = (chinese_number(n) for n in told)
    return f"{a}{'加' if sign == 'plus' else '减'}{b}等于{c}。"


def chinese_voice(rng: Random) -> Voice:
    return rng.choice(CHINESE)
