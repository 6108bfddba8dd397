"""Two matchers of choices: the published one with its weaknesses, and the safe one without them."""

import pytest

from antiphon.metrics.choice import chosen, official, tagged_answer

SOUNDS = ["Dog barking", "Cat meowing", "Car horn", "Rain"]
KEYS = ["C major", "A major"]


@pytest.mark.parametrize(
    ("answer", "index"),
    [("Dog barking", 0), ("dog barking.", 0), ("(B) Cat meowing", 1), ("B", 1), ("The answer is C", 2),
     ("Answer: D.", 3), ("the answer is a car horn", 2), ("dog barkng", 0), ("(A) Cat meowing", None),
     ("I hear a cat meowing and rain", None), ("E", None), ("", None), ("nothing", None)],
)  # fmt: skip
def test_the_safe_matcher_names_one_choice_or_none(answer: str, index: int | None) -> None:
    assert chosen(answer, SOUNDS) == index


def test_letters_and_choices_that_begin_with_one() -> None:
    assert [chosen(a, KEYS) for a in ("A major", "The answer is A major", "A", "B", "(B) A major")] == [1, 1, 0, 1, 1]


def test_the_longest_choice_counts() -> None:
    assert chosen("two men and a dog", ["two men", "two men and a dog", "two"]) == 1


def test_where_the_published_matcher_errs() -> None:
    swapped = ["man, woman", "woman, man"]
    assert official("man, woman", "woman, man", swapped) and chosen("man, woman", swapped) == 0
    odd = ["it is a dog", "cat"]
    assert not official("it is cat", "cat", odd)
    assert official("Dog barking", "Dog barking", SOUNDS) and not official("", "Dog barking", SOUNDS)


def test_the_last_tag_counts() -> None:
    assert tagged_answer("<RESPONSE>a</RESPONSE> no, <RESPONSE> b </RESPONSE> done") == "b"
    assert tagged_answer("plain") == "plain" and tagged_answer("<response>open") == "open"
