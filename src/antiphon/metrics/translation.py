"""BLEU and chrF++ of a corpus, as sacrebleu computes them, with its signature and an interval.

Chinese targets are cut by sacrebleu's `zh`, Japanese ones by `char` (its `ja-mecab` needs a dictionary), all others by
`13a`; mixed case; nothing else is done to the texts. Intervals are sacrebleu's own bootstrap, two systems are compared
by its paired approximate randomisation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from antiphon.errors import ConfigError, InputError
from antiphon.metrics.interval import Interval

__all__ = ["TranslationScore", "bleu", "chrf", "paired_bleu", "sentence_chrf"]

_CUT = {"zh": "zh", "ja": "char"}


@dataclass(frozen=True)
class TranslationScore:
    """A score from 0 to 100, and the signature without which it means little."""

    score: Interval
    signature: str
    items: int


def bleu(
    references: Sequence[str], hypotheses: Sequence[str], language: str, *, samples: int = 1000
) -> TranslationScore:
    """Corpus BLEU into a language. Raises InputError without texts, or with more of one kind than of the other."""
    return _score(_bleu(language), references, hypotheses, samples)


def chrf(references: Sequence[str], hypotheses: Sequence[str], *, samples: int = 1000) -> TranslationScore:
    """Corpus chrF++ (character 6-grams, word bigrams)."""
    return _score(_chrf(), references, hypotheses, samples)


def sentence_chrf(reference: str, hypothesis: str) -> float:
    """chrF++ of one sentence: what a list of items is sorted by, never a result."""
    return float(_chrf().sentence_score(hypothesis, [reference]).score)


def paired_bleu(
    references: Sequence[str], first: Sequence[str], second: Sequence[str], language: str, *, samples: int = 1000
) -> float:
    """Two-sided p that two systems translate equally well (paired approximate randomisation)."""
    _check(references, first)
    _check(references, second)
    if list(first) == list(second):
        return 1.0  # sacrebleu counts draws that are further apart, never those that are as far
    test = _sacrebleu("significance").PairedTest(
        [("first", list(first)), ("second", list(second))], {"BLEU": _bleu(language)}, [list(references)],
        test_type="ar", n_samples=samples,
    )  # fmt: skip
    return float(test()[1]["BLEU"][1].p_value)


def _score(metric: Any, references: Sequence[str], hypotheses: Sequence[str], samples: int) -> TranslationScore:
    _check(references, hypotheses)
    found = metric.corpus_score(list(hypotheses), [list(references)], n_bootstrap=samples)
    told = (found.score, found._mean - found._ci, found._mean + found._ci)
    score, low, high = (min(100.0, float(value)) for value in told)
    interval = Interval(score, min(low, score), max(high, score))
    return TranslationScore(interval, str(metric.get_signature()), len(references))


def _check(references: Sequence[str], hypotheses: Sequence[str]) -> None:
    if not references or len(references) != len(hypotheses):
        raise InputError(
            f"found {len(hypotheses)} translations for {len(references)} references; expected one each, one at least"
        )


def _bleu(language: str) -> Any:
    return _sacrebleu("metrics").BLEU(tokenize=_CUT.get(language, "13a"))


@cache
def _chrf() -> Any:
    return _sacrebleu("metrics").CHRF(word_order=2)


def _sacrebleu(part: str) -> Any:
    try:
        return import_module(f"sacrebleu.{part}")
    except ImportError as error:
        raise ConfigError("sacrebleu is not installed; get it with `pip install antiphon[eval]`.") from error
