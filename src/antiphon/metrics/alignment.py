"""Where two rows of units differ, and the error rate of a corpus from its counts.

    the  quick  brown  fox            jumps
    the  quick         fx    over     jumps
         hit    del    sub   ins      hit

Corpus rate = errors of all utterances over reference units of all; the mean of the utterances' own rates goes by
another name, since some kits report that. An utterance whose reference is empty after normalisation is left out and
counted; an empty hypothesis is a full deletion.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from antiphon.metrics.interval import Interval
from antiphon.metrics.resample import ratio

__all__ = ["CorpusRate", "Edit", "UtteranceErrors", "align", "corpus_rate", "count_errors"]

Edit = tuple[str, str, str]  # kind (equal, substitute, delete, insert), unit of the reference, unit of the hypothesis


@dataclass(frozen=True)
class UtteranceErrors:
    """What went wrong in one utterance; `units` of the reference."""

    substitutions: int
    deletions: int
    insertions: int
    units: int

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per unit; only where there are units."""
        return self.errors / self.units


@dataclass(frozen=True)
class CorpusRate:
    """An error rate in percent with its 95 % interval, and the counts behind it."""

    rate: Interval
    mean_of_utterances: float
    substitutions: int
    deletions: int
    insertions: int
    units: int
    utterances: int
    exact: int
    empty_references: int


def count_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> UtteranceErrors:
    """Errors of the cheapest alignment of two rows of units."""
    counts = {"replace": 0, "delete": 0, "insert": 0}
    for edit in Levenshtein.editops(reference, hypothesis):
        counts[edit.tag] += 1
    return UtteranceErrors(counts["replace"], counts["delete"], counts["insert"], len(reference))


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Edit]:
    """Both rows side by side, for whoever reads an error."""
    rows = list[Edit]()
    for step in Levenshtein.opcodes(reference, hypothesis):
        left, right = reference[step.src_start : step.src_end], hypothesis[step.dest_start : step.dest_end]
        if step.tag in ("equal", "replace"):
            kind = "equal" if step.tag == "equal" else "substitute"
            rows += [(kind, a, b) for a, b in zip(left, right, strict=True)]
        else:
            rows += [("delete", a, "") for a in left] + [("insert", "", b) for b in right]
    return rows


def corpus_rate(
    counted: Sequence[UtteranceErrors], clusters: Sequence[str] | None = None, *, samples: int = 2000, seed: int = 0
) -> CorpusRate | None:
    """The rate of a corpus; None where no reference holds a unit. `clusters` are drawn whole (a speaker, a session)."""
    kept = [(one, key) for one, key in zip(counted, clusters or [""] * len(counted), strict=True) if one.units]
    if not kept:
        return None
    used = [one for one, _ in kept]
    keys = [key for _, key in kept] if clusters else None
    errors, units = [one.errors for one in used], [one.units for one in used]
    found = ratio(errors, units, clusters=keys, samples=samples, seed=seed)
    return CorpusRate(
        rate=Interval(100 * found.value, 100 * found.low, 100 * found.high),
        mean_of_utterances=100 * sum(one.rate for one in used) / len(used),
        substitutions=sum(one.substitutions for one in used),
        deletions=sum(one.deletions for one in used),
        insertions=sum(one.insertions for one in used),
        units=sum(units),
        utterances=len(used),
        exact=sum(one.errors == 0 for one in used),
        empty_references=len(counted) - len(used),
    )
