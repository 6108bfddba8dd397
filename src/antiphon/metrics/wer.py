"""Word and character error rates of a corpus, with the counts behind them and an interval.

The normalisation, applied to reference and hypothesis alike, in this order:

1. Unicode NFKC (full-width forms become plain ones), then lower case;
2. apostrophes are dropped, so that "don't" is the one word "dont";
3. every other mark of punctuation and every symbol becomes a space, so "well-known" is two words;
4. white space collapses to one space.

Nothing else happens: number words stay words, digits stay digits ("nine" and "9" differ), no spelling or filler is
mapped. A corpus's rate is its errors over its reference units, never a mean of sentence rates. The character rate
leaves spaces out, so it serves Chinese and Japanese too; the word rate needs a language that writes spaces.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from antiphon.errors import InputError
from antiphon.metrics.alignment import count_errors
from antiphon.metrics.interval import Interval, bootstrap_ratio

__all__ = ["ErrorRate", "cer", "normalise", "wer"]

APOSTROPHES = frozenset("'\u2018\u2019\u02bc`")  # straight, curly, the letter, the back-tick


@dataclass(frozen=True)
class ErrorRate:
    """Counts over a corpus; ``unit`` says of what."""

    unit: Literal["word", "char"]
    substitutions: int
    deletions: int
    insertions: int
    units: int  # words or characters in the references
    sentences: int
    exact: int  # sentences without an error
    low: float  # ends of the 95 % interval of the rate, sentences drawn anew
    high: float

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per reference unit; above 1 when more is inserted than was said."""
        return self.errors / self.units

    @property
    def interval(self) -> Interval:
        return Interval(self.rate, self.low, self.high)

    def to_json(self) -> dict[str, int | float | str]:
        """Every field, and the rate, for a report."""
        return {"rate": self.rate, "errors": self.errors, **asdict(self)}

    def __str__(self) -> str:
        return (
            f"{100 * self.rate:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}] "
            f"({self.errors}/{self.units} {self.unit}s, {self.sentences} sentences)"
        )


def normalise(text: str) -> str:
    """The text as it is compared; see the top of the file for the rules."""
    lowered = unicodedata.normalize("NFKC", text).lower()
    kept = [_plain(char) for char in lowered if char not in APOSTROPHES]
    return " ".join("".join(kept).split())


def wer(references: Sequence[str], hypotheses: Sequence[str], *, samples: int = 1000, seed: int = 0) -> ErrorRate:
    """Word error rate. Raises InputError when the lists differ in length or the references hold no word."""
    return _error_rate("word", references, hypotheses, samples, seed)


def cer(references: Sequence[str], hypotheses: Sequence[str], *, samples: int = 1000, seed: int = 0) -> ErrorRate:
    """Character error rate, spaces left out. Raises InputError as ``wer`` does."""
    return _error_rate("char", references, hypotheses, samples, seed)


def _plain(char: str) -> str:
    return " " if unicodedata.category(char)[0] in "PSZC" else char


def _units(unit: Literal["word", "char"], text: str) -> list[str]:
    words = normalise(text).split()
    return words if unit == "word" else list("".join(words))


def _error_rate(
    unit: Literal["word", "char"], references: Sequence[str], hypotheses: Sequence[str], samples: int, seed: int
) -> ErrorRate:
    if len(references) != len(hypotheses):
        raise InputError(f"found {len(hypotheses)} hypotheses for {len(references)} references; expected one for each")
    pairs = zip(references, hypotheses, strict=True)
    counted = [count_errors(_units(unit, ref), _units(unit, hyp)) for ref, hyp in pairs]
    units = sum(one.units for one in counted)
    if units == 0:
        raise InputError(f"found no {unit} in {len(references)} references; expected at least one to compare with")
    interval = bootstrap_ratio(
        [one.errors for one in counted], [one.units for one in counted], samples=samples, seed=seed
    )
    return ErrorRate(
        unit=unit,
        substitutions=sum(one.substitutions for one in counted),
        deletions=sum(one.deletions for one in counted),
        insertions=sum(one.insertions for one in counted),
        units=units,
        sentences=len(references),
        exact=sum(one.errors == 0 for one in counted),
        low=interval.low,
        high=interval.high,
    )
