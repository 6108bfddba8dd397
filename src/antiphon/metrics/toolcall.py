"""Tool calls, counted as StepEval-Audio-Toolcall counts them; its definitions are reconstructed from printed figures.

    positive dialogue: a call is due          negative dialogue: no call of *this* tool is due
      any call       -> TP                      a call of the target tool -> FP (a call of another tool is no error)
      none           -> FN                      otherwise                 -> TN

recall = TP / positives · precision = TP / (TP + FP) · type = right tool / TP · parameters = good / right type.
A name may have aliases (the gold says `web_search`, the released demonstration offers `search`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from antiphon.errors import InputError
from antiphon.metrics.interval import Interval, wilson
from antiphon.text.toolcall import CLOSE, OPEN, ToolCall, parse_call

__all__ = ["ALIASES", "CalledTurn", "ToolFigures", "read_calls", "same_arguments", "tool_figures"]

ALIASES: Mapping[str, str] = {"search": "web_search"}


@dataclass(frozen=True)
class CalledTurn:
    """One dialogue of a tool's set: is a call due, what was called, and was it right?"""

    is_positive: bool
    called: tuple[str, ...]  # names of well-formed calls
    malformed: int = 0  # calls that cannot be read
    is_right_type: bool = False
    has_right_arguments: bool | None = None  # None: not judged


@dataclass(frozen=True)
class ToolFigures:
    """Counts of one tool; shares are between 0 and 1, None where nothing was to be counted."""

    target: str
    positives: int
    negatives: int
    true_positives: int
    false_positives: int
    right_type: int
    judged: int
    right_arguments: int
    malformed: int
    other_on_negatives: int  # negatives that called another tool

    @property
    def recall(self) -> Interval | None:
        return _share(self.true_positives, self.positives)

    @property
    def precision(self) -> Interval | None:
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def type_accuracy(self) -> Interval | None:
        return _share(self.right_type, self.true_positives)

    @property
    def parameter_accuracy(self) -> Interval | None:
        return _share(self.right_arguments, self.judged)

    @property
    def f1(self) -> float | None:
        """Of the trigger."""
        due = 2 * self.true_positives + self.false_positives + self.positives - self.true_positives
        return 2 * self.true_positives / due if due else None


def read_calls(text: str) -> tuple[tuple[ToolCall, ...], int]:
    """Every call in a reply, and how many could not be read; a bad one does not hide the good ones beside it.

    Spaces at the ends of lines are forgiven, as the published answers have them.
    """
    calls, malformed, rest = list[ToolCall](), 0, text
    while OPEN in rest:
        body, closed, rest = rest.split(OPEN, 1)[1].partition(CLOSE)
        lines = [line.strip() for line in body.strip().split("\n", 2)]
        call = parse_call("\n".join(lines)) if closed else None
        if call is None:
            malformed += 1
        else:
            calls.append(ToolCall(ALIASES.get(call.name, call.name), call.arguments))
    return tuple(calls), malformed


def same_arguments(expected: str, given: str, readings: Mapping[str, str] | None = None) -> bool:
    """Whether two JSON objects say the same but for case, spaces and marks; `readings` folds names (成都: chengdu)."""
    return bool(_arguments(expected, readings or {}) == _arguments(given, readings or {}))


def tool_figures(target: str, turns: Iterable[CalledTurn]) -> ToolFigures:
    """The counts of a tool. Raises InputError without a dialogue."""
    rows = list(turns)
    if not rows:
        raise InputError(f"found no dialogue of {target!r}; expected one at least")
    positives, negatives = [t for t in rows if t.is_positive], [t for t in rows if not t.is_positive]
    triggered = [turn for turn in positives if turn.called]
    right = [turn for turn in triggered if turn.is_right_type]
    judged = [turn.has_right_arguments for turn in right if turn.has_right_arguments is not None]
    return ToolFigures(
        target=target,
        positives=len(positives),
        negatives=len(negatives),
        true_positives=len(triggered),
        false_positives=sum(target in turn.called for turn in negatives),
        right_type=len(right),
        judged=len(judged),
        right_arguments=sum(judged),
        malformed=sum(turn.malformed for turn in rows),
        other_on_negatives=sum(bool(set(turn.called) - {target}) for turn in negatives),
    )


def _share(successes: int, trials: int) -> Interval | None:
    return wilson(successes, trials) if trials else None


def _arguments(text: str, readings: Mapping[str, str]) -> Any:
    return _folded(json.loads(text), readings)


def _folded(value: Any, readings: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _folded(inner, readings) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_folded(inner, readings) for inner in value]
    folded = "".join(char for char in str(value).lower() if char.isalnum())
    return readings.get(folded, folded)
