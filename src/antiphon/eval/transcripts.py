"""Scoring what a model wrote down: error rates under several normalisations at once, and what kind of failure it was.

Every profile is computed in one pass, because the choice of one moves a score more than models differ; the headline's
comes first. A failed answer is a full deletion. The signs of trouble beside the rate:

    hallucination     more than three times as long as what was said
    loop              a text that packs much too well: it repeats itself
    wrong language    letters of another writing than the reference's
    no transcript     a remark on the sound instead of its words
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from antiphon.eval.benchmark import Answer, Judged, Means, Result, result
from antiphon.eval.items import Item
from antiphon.metrics.alignment import CorpusRate, UtteranceErrors, corpus_rate, count_errors
from antiphon.metrics.normalise import profile

__all__ = ["PROFILES_OF", "Transcripts", "errors_of", "signs"]

PROFILES_OF: Mapping[str, tuple[str, ...]] = {
    "en": ("en-whisper@1", "raw"),
    "zh": ("zh-cer@1", "raw-char", "zh-mer@1", "zh-speechio@1"),
    "yue": ("yue-cer@1", "raw-char"),
    "ja": ("ja-cer@1", "raw-char"),
    "ar": ("ar-wer@1", "raw", "ar-fold@1"),
}
_TAG = re.compile(r"^\s*<[^<>\s]{1,16}>\s*")  # some checkpoints begin a transcript with the language
_REMARK = re.compile(
    r"正在播放|无法(?:识别|听)|没有(?:听到|语音)|(?:the|this) (?:audio|recording|clip) (?:is|contains|features)"
    r"|i (?:cannot|can't) (?:hear|transcribe)",
    re.IGNORECASE,
)
_HAN, _LATIN = re.compile(r"[\u3400-\u9fff\u3040-\u30ff]"), re.compile(r"[A-Za-z]")
_LONG, _LEAST, _PACKED = 3, 60, 2.6


@dataclass(frozen=True)
class Transcripts:
    """Error rates of transcripts. `per_utterance` makes the mean of the utterances' rates the headline."""

    name: str = "transcripts@1"
    is_judged: bool = False
    profiles: tuple[str, ...] = ()  # instead of the language's own
    per_utterance: bool = False
    spoken: bool = False  # what was said is judged, by the ears; else what was written
    published: str = ""

    def verdict(self, item: Item, answer: Answer, means: Means) -> Judged:
        """Errors under every profile."""
        text = means.heard(answer, -1, item.language) if self.spoken else answer.text
        said = _TAG.sub("", text)
        counts = {name: errors_of(name, item.references[0], said) for name in self._profiles(item.language)}
        values = {name: [e.substitutions, e.deletions, e.insertions, e.units] for name, e in counts.items()}
        state = "error" if answer.status == "error" else "ok"
        return Judged(item=item, state=state, values={"counts": values, "signs": signs(item.references[0], said)},
                      shown={"said": said, "profile": next(iter(counts))})  # fmt: skip

    def results(self, rows: Sequence[Judged]) -> list[Result]:
        """The rate under each profile, the headline's first, and by group; then the signs of trouble."""
        if not rows:
            return []
        headline, *others = rows[0].values["counts"]
        found = self._rates(rows, headline, self._unit(headline), is_headline=True)
        for name in others:
            found += self._rates(rows, name, f"{self._unit(name)} {name}")
        for group in _groups(rows):
            some = [row for row in rows if row.item.group == group]
            found += self._rates(some, headline, f"{self._unit(headline)}, {group}")[:1]
        for sign in ("hallucination", "loop", "wrong language", "no transcript"):
            share = 100 * sum(sign in row.values["signs"] for row in rows) / len(rows)
            found.append(Result(metric=sign, value=share, n=len(rows), lower_is_better=True))
        return found

    def parts(self, row: Judged) -> tuple[float, float] | None:
        """Errors of the headline's profile, and units; the utterance's own rate where those are averaged."""
        *errors, units = next(iter(row.values["counts"].values()))
        if not units:
            return None
        return (sum(errors) / units, 1.0) if self.per_utterance else (float(sum(errors)), float(units))

    def _rates(self, rows: Sequence[Judged], name: str, metric: str, is_headline: bool = False) -> list[Result]:
        counted = [UtteranceErrors(*row.values["counts"][name]) for row in rows]
        clusters = [row.item.cluster for row in rows] if all(row.item.cluster for row in rows) else None
        rate = corpus_rate(counted, clusters)
        told = {"lower_is_better": True, "signature": f"norm:{name}", "note": _note(rate)}
        n = rate.utterances if rate else 0
        corpus = result(metric, rate.rate if rate else None, rows, n=n, **told)
        if rate is None or not is_headline:
            return [corpus]
        mean = Result(**{**corpus.__dict__, "metric": f"{metric}, mean of utterances", "value": rate.mean_of_utterances,
                         "low": None, "high": None})  # fmt: skip
        first, second = (mean, corpus) if self.per_utterance else (corpus, mean)
        return [Result(**{**first.__dict__, "is_headline": True, "published": self.published}), second]

    def _profiles(self, language: str) -> tuple[str, ...]:
        return self.profiles or PROFILES_OF.get(language, ("raw",))

    def _unit(self, name: str) -> str:
        return {"word": "wer", "char": "cer", "mixed": "mer"}[profile(name).unit]


@lru_cache(maxsize=50_000)
def _tokens(name: str, text: str) -> tuple[str, ...]:
    return tuple(profile(name).tokens(text))


def errors_of(name: str, reference: str, hypothesis: str) -> UtteranceErrors:
    """Errors of one text under a profile; references are normalised once."""
    return count_errors(_tokens(name, reference), profile(name).tokens(hypothesis, is_hypothesis=True))


def signs(reference: str, said: str) -> list[str]:
    """Signs of trouble in one transcript."""
    found, data = [], said.encode()
    due, given = (len(t.split() if _LATIN.search(reference) else t) for t in (reference, said))
    if given > _LONG * max(1, due):
        found.append("hallucination")
    if len(data) >= _LEAST and len(data) / len(zlib.compress(data)) > _PACKED:
        found.append("loop")
    if said.strip() and bool(_HAN.search(reference)) != bool(_HAN.search(said)):
        found.append("wrong language")
    if _REMARK.search(said) and not _REMARK.search(reference):
        found.append("no transcript")
    return found


def _groups(rows: Sequence[Judged]) -> list[str]:
    groups = sorted({row.item.group for row in rows})
    return groups if len(groups) > 1 else []


def _note(rate: CorpusRate | None) -> str:
    if rate is None:
        return "no reference holds a unit"
    empty = f", {rate.empty_references} empty references left out" if rate.empty_references else ""
    none = "" if rate.rate.value else "; without an error the interval has no width"
    return f"{rate.substitutions} S {rate.deletions} D {rate.insertions} I of {rate.units}{empty}{none}"
