"""Chinese in words: numbers, days, times of day; characters of a text; polite forms."""

import re

from antiphon.errors import InputError

HAN = re.compile(r"[\u4e00-\u9fff]")
DIGITS = "零一二三四五六七八九"
WEEK = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")


def characters(text: str) -> list[str]:
    """The Chinese characters of a text, in order, without marks."""
    return HAN.findall(text)


def spoken(number: int) -> str:
    """Return a whole number from 0 to 99 in characters: 42 is 四十二."""
    if not 0 <= number <= 99:
        raise InputError(f"Found the number {number}; expected 0 to 99, so keep the sum in that range.")
    tens, ones = divmod(number, 10)
    if tens == 0:
        return DIGITS[ones]
    return ("" if tens == 1 else DIGITS[tens]) + "十" + ("" if ones == 0 else DIGITS[ones])


def parse(text: str) -> int:
    """Read a number that `spoken` wrote."""
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return DIGITS.index(text)
    return 10 * (DIGITS.index(tens) if tens else 1) + (DIGITS.index(ones) if ones else 0)


def clock_time(hour: int, minute: int) -> str:
    """Return a time of the 24 hour clock: 十四点三十五分, 九点零五分, 两点整."""
    told = "两" if hour == 2 else spoken(hour)
    if minute == 0:
        return f"{told}点整"
    return f"{told}点{'零' if minute < 10 else ''}{spoken(minute)}分"


def date(month: int, day: int) -> str:
    """Return a date: 十一月二十号."""
    return f"{spoken(month)}月{spoken(day)}号"


def ask(questions: tuple[str, ...] = (), topics: tuple[str, ...] = (), plain: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Spread cores into polite forms: questions (现在几点), topics (现在的时间) and whole sentences."""
    around_question = ("{}？", "请问，{}？", "你好，{}？", "请告诉我，{}？", "你知道{}吗？")
    around_topic = ("请告诉我{}。", "你能告诉我{}吗？", "我想知道{}。", "你知道{}吗？")
    spread = [form.replace("{}", core) for core in questions for form in around_question]
    spread += [form.replace("{}", core) for core in topics for form in around_topic]
    return tuple(dict.fromkeys([*spread, *plain]))
