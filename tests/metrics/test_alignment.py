"""Counts, rates and comparisons: ours, jiwer's and sacrebleu's are one."""

import jiwer
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.errors import InputError
from antiphon.metrics.alignment import align, corpus_rate, count_errors
from antiphon.metrics.resample import holm, mcnemar, paired_ratio, ratio
from antiphon.metrics.translation import bleu, chrf, paired_bleu, sentence_chrf

SENTENCES = st.lists(st.sampled_from(["the", "fox", "ran", "over", "a", "lazy", "dog"]), min_size=1, max_size=12)
PAIRS = st.lists(st.tuples(SENTENCES, SENTENCES), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_corpus_errors_are_jiwers(pairs: list[tuple[list[str], list[str]]]) -> None:
    found = corpus_rate([count_errors(a, b) for a, b in pairs], samples=2)
    theirs = jiwer.process_words([" ".join(a) for a, _ in pairs], [" ".join(b) for _, b in pairs])
    assert found is not None
    assert found.rate.value == pytest.approx(100 * theirs.wer, abs=1e-9)
    assert found.units == theirs.hits + theirs.substitutions + theirs.deletions
    each = [jiwer.wer(" ".join(a), " ".join(b)) for a, b in pairs]
    assert found.mean_of_utterances == pytest.approx(100 * sum(each) / len(each))


@settings(max_examples=20, deadline=None)
@given(PAIRS)
def test_translations_are_sacrebleus(pairs: list[tuple[list[str], list[str]]]) -> None:
    refs, hyps = [" ".join(a) for a, _ in pairs], [" ".join(b) for _, b in pairs]
    assert bleu(refs, hyps, "en", samples=2).score.value == min(100.0, sacrebleu.corpus_bleu(hyps, [refs]).score)
    assert chrf(refs, hyps, samples=2).score.value == sacrebleu.corpus_chrf(hyps, [refs], word_order=2).score


@settings(max_examples=60, deadline=None)
@given(SENTENCES, SENTENCES)
def test_an_alignment_spells_both_rows(left: list[str], right: list[str]) -> None:
    rows = align(left, right)
    assert [a for kind, a, _ in rows if kind != "insert"] == left
    assert [b for kind, _, b in rows if kind != "delete"] == right
    assert sum(kind != "equal" for kind, _, _ in rows) == count_errors(left, right).errors


def test_an_empty_reference_is_left_out_and_an_empty_answer_is_not() -> None:
    found = corpus_rate([count_errors([], ["um"]), count_errors(["a", "b"], []), count_errors(["a", "b"], ["a", "b"])])
    assert found is not None and (found.empty_references, found.utterances, found.deletions) == (1, 2, 2)
    assert found.rate.value == 50.0
    assert corpus_rate([count_errors([], ["um"])]) is None


def test_clusters_widen_an_interval() -> None:
    errors, units = [1, 1, 1, 1, 0, 0, 0, 0] * 5, [10] * 40
    alone = ratio(errors, units)
    together = ratio(errors, units, clusters=[str(i // 4) for i in range(40)])
    assert alone.value == together.value == 0.05
    assert together.high - together.low > alone.high - alone.low
    assert ratio(errors, units) == alone
    with pytest.raises(InputError, match="divide"):
        ratio([1], [0])


def test_a_clear_difference_and_a_tie() -> None:
    units = [10] * 60
    bad, good = [3, 2, 4] * 20, [0, 1, 0] * 20
    assert not paired_ratio(bad, good, units).is_tie and paired_ratio(bad, good, units).p < 0.01
    same = paired_ratio(bad, bad, units)
    assert same.is_tie and same.p == 1.0 and same.difference.value == 0.0


def test_exact_tests_by_hand() -> None:
    first, second = [True] * 8 + [False] * 2, [False] * 6 + [True] * 2 + [False, True]
    assert mcnemar(first, second) == pytest.approx(2 * (1 + 7) / 2**7)  # 6 against 1
    assert mcnemar([True, False], [True, False]) == 1.0
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_translations_compared() -> None:
    refs = [f"the fox ran over {n} dogs today" for n in range(30)]
    worse = [f"a fox runs over {n} dogs" for n in range(30)]
    assert paired_bleu(refs, refs, worse, "en", samples=200) < 0.02
    assert paired_bleu(refs, worse, worse, "en", samples=200) == 1.0
    assert sentence_chrf("一只狗", "一只狗") == 100.0
    assert "tok:zh" in bleu(["今天天气很好。"], ["今天天气很好。"], "zh", samples=2).signature
    with pytest.raises(InputError, match="references"):
        bleu([], [], "en")
