"""Error rates: the normalisation, the counts, the interval."""

import pytest

from antiphon.errors import InputError
from antiphon.metrics.wer import cer, normalise, wer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "hello world"),
        ("don't DON\u2019T", "dont dont"),
        ("well-known \u2014 yes", "well known yes"),
        ("  a\t b\n", "a b"),
        ("twenty 20", "twenty 20"),
        ("\uff28\uff49", "hi"),  # full-width letters
        ("\u4f60\u597d\uff0c\u4e16\u754c\u3002", "\u4f60\u597d \u4e16\u754c"),
        ("caf\u00e9", "caf\u00e9"),
        ("$5 + 3%", "5 3"),
    ],
)
def test_normalisation_is_the_stated_one(text: str, expected: str) -> None:
    assert normalise(text) == expected
    assert normalise(expected) == expected


def test_counts_of_each_kind() -> None:
    found = wer(["the cat sat", "a dog", "same"], ["the hat sat on", "dog", "Same."])
    assert (found.substitutions, found.deletions, found.insertions) == (1, 1, 1)
    assert (found.units, found.sentences, found.exact) == (6, 3, 1)
    assert found.rate == 0.5
    assert found.to_json()["rate"] == 0.5


def test_corpus_rate_weighs_words_not_sentences() -> None:
    assert wer(["one", "a b c d e f g h i"], ["two", "a b c d e f g h i"]).rate == pytest.approx(0.1)


def test_rate_may_exceed_one() -> None:
    assert wer(["yes"], ["no no no"]).rate == 3.0


def test_empty_sides() -> None:
    found = wer(["a b", ""], ["", "c"])
    assert (found.deletions, found.insertions, found.units) == (2, 1, 2)
    with pytest.raises(InputError, match="no word"):
        wer(["", "..."], ["a", "b"])
    with pytest.raises(InputError, match="no word"):
        wer([], [])


def test_lists_must_match() -> None:
    with pytest.raises(InputError, match="1 hypotheses for 2 references"):
        wer(["a", "b"], ["a"])


def test_characters_ignore_spaces() -> None:
    assert cer(["ice cream"], ["icecream"]).rate == 0.0
    assert cer(["\u4f60\u597d\u5417"], ["\u4f60\u597d\u9a6c"]).rate == pytest.approx(1 / 3)


def test_interval_holds_the_rate_and_narrows() -> None:
    few = wer(["a b c", "d e f"] * 5, ["a b x", "d e f"] * 5)
    many = wer(["a b c", "d e f"] * 200, ["a b x", "d e f"] * 200)
    assert few.low <= few.rate <= few.high
    assert many.high - many.low < few.high - few.low
    assert wer(["a b"] * 9, ["a b"] * 9).high == 0.0
    assert few == wer(["a b c", "d e f"] * 5, ["a b x", "d e f"] * 5)  # chance is an argument
