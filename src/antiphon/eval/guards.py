"""Signs that a figure measures something else than a model that listens.

    constant answer      one answer to more than a fifth of different questions
    ignores the sound    the same question in writing, and always the same answer whatever is heard (before a run,
                         `reach` asks a few questions with another's recording)
    no sound             answers that were to be spoken came without sound, or silent
    source language      translations in the language that was heard
    no answer            texts that are empty
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.eval.benchmark import Answer, Judged

__all__ = ["Warned", "guards"]

MOST = 0.2
FEWEST = 5  # questions; of fewer, nothing can be said


@dataclass(frozen=True)
class Warned:
    """A guard that fired: its name, the share of questions, and a sentence."""

    name: str
    share: float
    sentence: str


def guards(rows: Sequence[Judged], answers: Sequence[Answer]) -> list[Warned]:
    """The guards that fire for a benchmark's answers."""
    pairs = [(row, answer) for row, answer in zip(rows, answers, strict=True) if answer.status == "ok"]
    if len(pairs) < FEWEST:
        return []
    found = [_constant(pairs), _ignores(pairs), _soundless(pairs), _source(pairs), _empty(pairs)]
    return [one for one in found if one is not None]


Pairs = Sequence[tuple[Judged, Answer]]


def _constant(pairs: Pairs) -> Warned | None:
    """One answer to questions whose right answers differ."""
    by_text = dict[str, list[Judged]]()
    for row, answer in pairs:
        by_text.setdefault(answer.text.strip(), []).append(row)
    text, same = max(by_text.items(), key=lambda one: (bool(one[0]), len({r.item.references for r in one[1]}), one[0]))
    share = len(same) / len(pairs)
    differ = len({row.item.references for row in same}) > max(2, len(same) // 4)
    if not text or share <= MOST or not differ:
        return None
    told = f"{len(same)} of {len(pairs)} answers are {text[:40]!r}; is the question heard at all?"
    return Warned("constant answer", share, told)


def _ignores(pairs: Pairs) -> Warned | None:
    """Items that are written alike and sound different, all answered alike."""
    asked = Counter(tuple(turn.text for turn in row.item.turns) for row, _ in pairs)
    if len(asked) > 1 or len({row.item.references for row, _ in pairs}) < 3:
        return None
    texts = {answer.text.strip() for _, answer in pairs}
    if len(texts) > 1 or texts == {""}:
        return None
    told = f"every one of {len(pairs)} recordings is answered alike; the sound does not arrive"
    return Warned("ignores the sound", 1.0, told)


def _soundless(pairs: Pairs) -> Warned | None:
    aloud = [answer for row, answer in pairs if row.item.ask.speech]
    missing = sum(not answer.audio or not all(answer.audio) for answer in aloud)
    if not aloud or missing <= MOST * len(aloud):
        return None
    return Warned("no sound", missing / len(aloud), f"{missing} of {len(aloud)} answers aloud came without sound")


def _source(pairs: Pairs) -> Warned | None:
    marked = [bool(row.values["in source"]) for row, _ in pairs if "in source" in row.values]
    if not marked or sum(marked) <= MOST * len(marked):
        return None
    told = f"{sum(marked)} of {len(marked)} translations are in the language that was heard"
    return Warned("source language", sum(marked) / len(marked), told)


def _empty(pairs: Pairs) -> Warned | None:
    empty = sum(not answer.text.strip() for _, answer in pairs)
    if empty <= MOST * len(pairs):
        return None
    return Warned("no answer", empty / len(pairs), f"{empty} of {len(pairs)} answers are empty")
