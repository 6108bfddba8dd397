"""A figure: what was measured, of how many, how sure, and whether it holds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from antiphon.metrics.interval import Interval, bootstrap_mean, wilson
from antiphon.metrics.wer import ErrorRate


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A value with its 95 % interval; shares and rates are between 0 and 1. Without a bar it is only told."""

    line: str
    value: float
    low: float
    high: float
    n: int
    bar: float | None = None
    at_least: bool = True
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether it reaches its bar."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar

    def to_json(self) -> dict[str, Any]:
        """Every field, and whether it holds."""
        numbers = {name: round(getattr(self, name), 5) for name in ("value", "low", "high")}
        return {"line": self.line, **numbers, "n": self.n, "bar": self.bar, "at_least": self.at_least,
                "holds": self.holds, "note": self.note}  # fmt: skip


def figure_of(row: Mapping[str, Any]) -> Figure:
    """The figure of a row that `to_json` wrote."""
    return Figure(**{name: value for name, value in row.items() if name != "holds"})


def share(line: str, right: Sequence[bool], bar: float | None = None, at_least: bool = True, note: str = "") -> Figure:
    """How many of some answers are right."""
    if not right:
        return Figure(line=line, value=float("nan"), low=0.0, high=1.0, n=0, bar=bar, at_least=at_least,
                      note=note or "nothing to measure")  # fmt: skip
    found = wilson(sum(right), len(right))
    return _of(line, found, len(right), bar, at_least, note)


def errors(line: str, rate: ErrorRate, bar: float | None = None, note: str = "") -> Figure:
    """An error rate, which is to stay below its bar."""
    return _of(line, rate.interval, rate.sentences, bar, False, note)


def difference(line: str, worse: Figure, better: Figure, bar: float, note: str = "") -> Figure:
    """By how much one rate lies above another, both of the same sentences or of as many; the interval is the wider."""
    value = worse.value - better.value
    return Figure(line=line, value=value, low=worse.low - better.high, high=worse.high - better.low,
                  n=min(worse.n, better.n), bar=bar, at_least=False, note=note)  # fmt: skip


def balanced(line: str, judged: Iterable[tuple[str, bool]], bar: float | None = None, note: str = "") -> Figure:
    """The mean over classes of the share that is right, each class counting as much; the interval by drawing anew."""
    by_class = dict[str, list[bool]]()
    for kind, right in judged:
        by_class.setdefault(kind, []).append(right)
    count = sum(map(len, by_class.values()))
    if not count:
        return share(line, [], bar, note=note)
    weighted = [r * count / (len(found) * len(by_class)) for found in by_class.values() for r in found]
    found = bootstrap_mean(weighted)
    return _of(line, Interval(found.value, max(found.low, 0.0), min(found.high, 1.0)), count, bar, True, note)


def _of(line: str, found: Interval, n: int, bar: float | None, at_least: bool, note: str) -> Figure:
    return Figure(line=line, value=found.value, low=found.low, high=found.high, n=n, bar=bar, at_least=at_least,
                  note=note)  # fmt: skip


def table(figures: Sequence[Figure]) -> str:
    """All figures as a table in Markdown."""
    lines = ["| line | figure | 95 % | n | bar | holds |", "|---|---|---|---|---|---|"]
    for f in figures:
        sign = ">=" if f.at_least else "<="
        bar = "" if f.bar is None else f"{sign} {100 * f.bar:g} %"
        holds = {None: "", True: "yes", False: "no"}[f.holds]
        name = f.line + (f" ({f.note})" if f.note else "")
        ends = f"{100 * f.low:.1f} to {100 * f.high:.1f}"
        lines.append(f"| {name} | {100 * f.value:.1f} % | {ends} | {f.n} | {bar} | {holds} |")
    return "\n".join(lines)
