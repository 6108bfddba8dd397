"""Written numbers as Chinese says them: 3.5 元 is 三点五元, so that "3.5" and 三点五 are one word to an error rate.

Read in this order, the first that fits: dates, times, fractions, percentages, money, temperatures, telephone numbers,
plain numbers. Digits are spoken one by one in a year, behind a decimal point, in a telephone number and behind a
leading zero; all else is a cardinal. One is always 一, never 幺. What is written in characters stays as it is.

A small reader of our own, for the usual written forms: the library of the field for this needs a heavy compiler of
transducers. Tests hold it against the vectors of the specification.
"""

import re
from collections.abc import Callable

__all__ = ["cardinal", "digits", "speak_numbers"]

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "万亿")
_LONGEST = 16  # a longer row of digits is a code, and read digit by digit
_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_SIGNED = rf"(?:(?<![\w.)\]])-)?(?:{_NUMBER})"  # a hyphen behind a word or a number is no minus
_MONEY = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑"}
_DEGREES = {"c": "摄氏度", "f": "华氏度"}


def digits(text: str) -> str:
    """Digit by digit: "2025" is 二零二五."""
    return "".join(_DIGITS[int(char)] for char in text)


def cardinal(value: int) -> str:
    """A whole number from 0 to 10^16 - 1: 105 is 一百零五, 12 is 十二."""
    if value == 0:
        return "零"
    groups = list[int]()
    while value:
        value, group = divmod(value, 10_000)
        groups.append(group)
    spoken = ""
    for place in range(len(groups) - 1, -1, -1):
        if groups[place] == 0:
            continue
        gap = spoken and (groups[place] < 1000 or groups[place + 1] == 0)
        spoken += ("零" if gap else "") + _thousands(groups[place]) + _GROUPS[place]
    return spoken.removeprefix("一") if spoken.startswith("一十") else spoken


def speak_numbers(text: str) -> str:
    """The text with every number written in Arabic digits as it is spoken; expects plain forms (NFKC)."""
    for pattern, say in _READINGS:
        text = pattern.sub(say, text)
    return text


def _thousands(group: int) -> str:
    spoken, gap = "", False
    for place in (3, 2, 1, 0):
        digit = group // 10**place % 10
        if digit == 0:
            gap = bool(spoken)
            continue
        spoken += ("零" if gap else "") + _DIGITS[digit] + _PLACES[place]
        gap = False
    return spoken


def _number(text: str) -> str:
    """A number with sign, thousands separators and decimals."""
    minus, plain = text.startswith("-"), text.lstrip("-").replace(",", "")
    whole, _, decimals = plain.partition(".")
    is_code = len(whole) > _LONGEST or (len(whole) > 1 and whole.startswith("0"))
    said = digits(whole) if is_code else cardinal(int(whole))
    return ("负" if minus else "") + said + (f"点{digits(decimals)}" if decimals else "")


def _date(found: re.Match[str]) -> str:
    return f"{digits(found[1])}年{cardinal(int(found[2]))}月{cardinal(int(found[3]))}日"


def _time(found: re.Match[str]) -> str:
    minute = int(found[2])
    said = "" if minute == 0 else f"{'零' if minute < 10 else ''}{cardinal(minute)}分"
    second = f"{cardinal(int(found[3]))}秒" if found[3] else ""
    return f"{cardinal(int(found[1]))}点{said}{second}"


def _read(pattern: str, say: Callable[[re.Match[str]], str]) -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII), say


_READINGS = (
    _read(r"(?<!\d)(\d{4})[-/.](1[0-2]|0?[1-9])[-/.](3[01]|[12]\d|0?[1-9])(?!\d)", _date),
    _read(r"(?<!\d)(\d{4})(?=年)", lambda found: digits(found[1])),
    _read(r"(?<!\d)([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?!\d)", _time),
    _read(r"(?<![\d/.])(\d+)/(\d+)(?![\d/.])", lambda found: f"{_number(found[2])}分之{_number(found[1])}"),
    _read(rf"({_SIGNED})\s*%", lambda found: f"百分之{_number(found[1])}"),
    _read(rf"({_SIGNED})\s*‰", lambda found: f"千分之{_number(found[1])}"),
    _read(rf"([¥￥$€£])\s*({_NUMBER})", lambda found: _number(found[2]) + _MONEY[found[1]]),
    _read(rf"({_SIGNED})\s*°\s*([cf])(?![a-z])", lambda found: _number(found[1]) + _DEGREES[found[2].lower()]),
    _read(r"(?<!\d)(1[3-9]\d{9}|[48]00-?\d{3}-?\d{4}|0\d{2,3}-\d{7,8})(?!\d)",
          lambda found: digits(found[1].replace("-", ""))),
    _read(_SIGNED, lambda found: _number(found[0])),
)  # fmt: skip
