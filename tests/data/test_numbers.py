"""Numbers in words: there and back, and the forms of dates and times."""

import pytest

from antiphon.data.numbers import clock_time, ordinal, parse_numbers, spoken, words_of
from antiphon.errors import InputError


def test_every_number_reads_back() -> None:
    assert [parse_numbers(spoken(number).split()) for number in range(100)] == [[number] for number in range(100)]


def test_numbers_in_a_row_stay_apart() -> None:
    assert parse_numbers(words_of("forty two plus seventeen is fifty nine.")) == [42, 17, 59]
    assert parse_numbers(words_of("twenty ten five")) == [20, 10, 5]
    assert parse_numbers(words_of("Twenty-five, then six")) == [25, 6]


@pytest.mark.parametrize(
    ("hour", "minute", "said"),
    [(14, 35, "fourteen thirty five"), (9, 5, "nine oh five"), (0, 0, "exactly zero"), (23, 10, "twenty three ten")],
)
def test_clock_times(hour: int, minute: int, said: str) -> None:
    assert clock_time(hour, minute) == said


def test_every_day_of_a_month_has_its_own_ordinal() -> None:
    said = [ordinal(day) for day in range(1, 32)]
    assert len(set(said)) == 31
    assert (said[0], said[19], said[20], said[29], said[30]) == (
        "first", "twentieth", "twenty first", "thirtieth", "thirty first",
    )  # fmt: skip


@pytest.mark.parametrize("number", [-1, 100])
def test_numbers_out_of_range_are_refused(number: int) -> None:
    with pytest.raises(InputError, match="expected 0 to 99"):
        spoken(number)
    with pytest.raises(InputError, match="expected 1 to 31"):
        ordinal(number)
