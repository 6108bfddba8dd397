"""The tool `calculate`: arithmetic as people write it, read by a grammar of its own. Nothing is ever executed.

    sum   = term (("+" | "-") term)*            power = atom ("^" sign)?
    term  = sign (("*" | "/" | "%") sign)*      atom  = number "%"? | name "(" sum ("," sum)* ")" | name | "(" sum ")"
    sign  = ("-" | "+") sign | power

Whole numbers and decimal fractions are exact (`Fraction`); roots and angles are not, and are told to twelve digits.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from antiphon.errors import ToolError
from antiphon.tools.tool import tool

Number: TypeAlias = Fraction | float
LONGEST, DEEPEST, BIGGEST = 300, 40, 400  # characters; brackets in brackets; digits
TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:e[+-]?\d{1,3})?|\.\d+)|([a-z]+)|(\*\*|[-+*/%^(),!]))")
WRITTEN = {"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "：": "/", "（": "(", "）": ")", "，": ",",
           "＋": "+", "²": "^2", "³": "^3", "√": "sqrt", "π": "pi"}  # fmt: skip
SPOKEN = {"plus": "+", "minus": "-", "times": "*", "over": "/", "mod": "%", "of": "*"}
PHRASES = (("divided by", "/"), ("multiplied by", "*"), ("to the power of", "^"), ("percent", "%"), ("per cent", "%"),
           ("square root of", "sqrt"), ("squared", "^2"), ("cubed", "^3"), ("加", "+"), ("减", "-"), ("乘以", "*"),
           ("乘", "*"), ("除以", "/"), ("的平方", "^2"))  # fmt: skip
CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}


@dataclass
class _Reader:
    """A place in the tokens of an expression."""

    tokens: list[str]
    at: int = 0
    depth: int = 0

    def sum(self) -> Number:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ToolError("that has too many brackets.", code="arguments")
        value = self.term()
        while (sign := self.take("+", "-")) is not None:
            other = self.term()
            value = _bounded(value + other if sign == "+" else value - other)
        self.depth -= 1
        return value

    def term(self) -> Number:
        value = self.sign()
        while (sign := self.take("*", "/", "%")) is not None:
            other = self.sign()
            if sign != "*" and other == 0:
                raise ToolError("nothing can be divided by zero.", code="arguments")
            value = _bounded(value * other if sign == "*" else value / other if sign == "/" else value % other)
        return value

    def sign(self) -> Number:
        if (sign := self.take("+", "-")) is not None:
            self.depth += 1
            if self.depth > DEEPEST:
                raise ToolError("that has too many signs.", code="arguments")
            value = self.sign()
            self.depth -= 1
            return -value if sign == "-" else value
        return self.power()

    def power(self) -> Number:
        value = self.atom()
        if self.take("^", "**") is not None:
            return _power(value, self.sign())
        return value

    def atom(self) -> Number:
        if self.take("(") is not None:
            value = self.sum()
            self.need(")")
        elif self.at < len(self.tokens) and self.tokens[self.at][0] in ".0123456789":
            value = _number(self.tokens[self.at])
            self.at += 1
        else:
            value = self.name()
        while (mark := self.take("!")) is not None or self._is_percent():
            self.at += mark is None
            value = value / 100 if mark is None else _factorial(value)
        return value

    def name(self) -> Number:
        if self.at >= len(self.tokens) or not self.tokens[self.at].isalpha():
            raise ToolError("that is no whole sum; write numbers, + - * / ^ and brackets.", code="arguments")
        name = self.tokens[self.at]
        self.at += 1
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name not in FUNCTIONS:
            raise ToolError(f"{name[:20]} is unknown; there are {', '.join(FUNCTIONS)}, pi and e.", code="arguments")
        if self.take("(") is None:
            return FUNCTIONS[name](self.sign())
        values = [self.sum()]
        while self.take(",") is not None:
            values.append(self.sum())
        self.need(")")
        if len(values) != 1 and name not in ("min", "max"):
            raise ToolError(f"{name} takes one number.", code="arguments")
        return {"min": min, "max": max}[name](values) if name in ("min", "max") else FUNCTIONS[name](values[0])

    def take(self, *wanted: str) -> str | None:
        if self.at < len(self.tokens) and self.tokens[self.at] in wanted:
            self.at += 1
            return self.tokens[self.at - 1]
        return None

    def need(self, wanted: str) -> None:
        if self.take(wanted) is None:
            raise ToolError(f"a {wanted} is missing.", code="arguments")

    def _is_percent(self) -> bool:
        """A % that is followed by no operand is a hundredth."""
        if self.at >= len(self.tokens) or self.tokens[self.at] != "%":
            return False
        after = self.tokens[self.at + 1 : self.at + 2]
        return not after or after[0] in ("+", "-", "*", "/", ")", ",", "^", "**", "%")


def calculated(expression: str) -> Number:
    """The value of an expression. Raises ToolError (`arguments`) for what is none, or too much."""
    text = expression.strip().lower().rstrip("=?？ ")
    for phrase, sign in PHRASES:
        text = text.replace(phrase, sign)
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", "".join(WRITTEN.get(c, c) for c in text))
    if not text or len(text) > LONGEST:
        raise ToolError(f"give a sum of at most {LONGEST} characters.", code="arguments")
    tokens, at = list[str](), 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise ToolError(f"{text[at]!r} belongs to no sum; write numbers, + - * / ^ and brackets.", code="arguments")
        word = found[1] or found[2] or found[3]
        tokens.append("*" if word == "x" else SPOKEN.get(word, word))
        at = found.end()
    reader = _Reader(tokens)
    try:
        value = reader.sum()
    except OverflowError:
        raise ToolError("the result is too big.", code="arguments") from None
    except ValueError:
        raise ToolError("that has no value among the real numbers.", code="arguments") from None
    if reader.at < len(tokens):
        raise ToolError(f"{tokens[reader.at]!r} stands where no sum goes on.", code="arguments")
    return value


def written(value: Number) -> str:
    """A number in digits: whole, as a decimal fraction of at most twelve digits, or with an exponent."""
    if isinstance(value, Fraction) and value.denominator == 1 and abs(value) < 10**15:
        return str(value.numerator)
    number = float(value)
    if not math.isfinite(number):
        raise ToolError("the result is too big.", code="arguments")
    text = f"{number:.12g}"
    return text if "e" in text or "." not in text else text.rstrip("0").rstrip(".")


def _number(token: str) -> Number:
    return _bounded(Fraction(token))


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        size = max(len(str(base.numerator)), len(str(base.denominator))) * abs(exponent)
        if base == 0 and exponent < 0:
            raise ToolError("nothing can be divided by zero.", code="arguments")
        if size <= BIGGEST:
            return Fraction(base**exponent.numerator)
    return math.pow(base, exponent)


def _factorial(value: Number) -> Number:
    if value != int(value) or not 0 <= value <= 100:
        raise ToolError("a factorial is of a whole number up to 100.", code="arguments")
    return Fraction(math.factorial(int(value)))


def _bounded(value: Number) -> Number:
    if isinstance(value, Fraction) and max(value.numerator.bit_length(), value.denominator.bit_length()) > 4 * BIGGEST:
        return float(value)
    return value


def _root(value: Number) -> Number:
    if isinstance(value, Fraction) and value >= 0:
        top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if top * top == value.numerator and bottom * bottom == value.denominator:
            return Fraction(top, bottom)
    return math.sqrt(value)


def _size(value: Number) -> Number:
    return value if value >= 0 else -value


FUNCTIONS: Mapping[str, Callable[[Number], Number]] = {
    "sqrt": _root, "abs": _size, "round": lambda value: Fraction(round(value)),
    "floor": lambda value: Fraction(math.floor(value)), "ceil": lambda value: Fraction(math.ceil(value)),
    "ln": math.log, "log": math.log10, "exp": math.exp, "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "min": lambda value: value, "max": lambda value: value,
}  # fmt: skip


@tool("read", timeout_s=1.0, is_trusted=True, has_filler=False, aliases=("calculator",))
def calculate(expression: str) -> str:
    """Do a sum.

    Args:
        expression: the sum, such as (3 + 4) * 5
    """
    return written(calculated(expression))
