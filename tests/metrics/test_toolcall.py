"""Tool calls are counted as the reconstruction says: the published percentages come out of its whole numbers."""

import pytest

from antiphon.errors import InputError
from antiphon.metrics.toolcall import CalledTurn, read_calls, same_arguments, tool_figures


def turns(target: str, positives: int, triggered: int, right: int, false: int) -> list[CalledTurn]:
    """Dialogues with these counts; every other negative calls another tool, which is no error."""
    made = [
        CalledTurn(True, (target if i < right else "other",) if i < triggered else (), is_right_type=i < right,
                   has_right_arguments=True if i < right else None)
        for i in range(positives)
    ]  # fmt: skip
    return made + [CalledTurn(False, (target,) if i < false else ("other",)) for i in range(200)]


def test_published_figures() -> None:
    weather = tool_figures("get_weather", turns("get_weather", 200, 200, 181, 17))
    search = tool_figures("web_search", turns("web_search", 200, 191, 188, 25))
    told = [round(100 * share.value, 1) for figure in (weather, search)
            for share in (figure.precision, figure.recall, figure.type_accuracy, figure.parameter_accuracy)
            if share is not None]  # fmt: skip
    assert told == [92.2, 100.0, 90.5, 100.0, 88.4, 95.5, 98.4, 100.0]
    assert search.other_on_negatives == 175 and search.f1 == pytest.approx(2 * 191 / (2 * 191 + 25 + 9))


def test_nothing_to_count() -> None:
    silent = tool_figures("get_weather", turns("get_weather", 3, 0, 0, 0))
    assert silent.type_accuracy is None and silent.precision is None and silent.recall is not None
    with pytest.raises(InputError, match="no dialogue"):
        tool_figures("get_weather", [])


def test_calls_with_trailing_spaces_and_broken_ones() -> None:
    calls, malformed = read_calls(
        '<tool_call>function  \nget_date_time  \n{}</tool_call> and <tool_call>function\nsearch\n{"query": "x"}'
        "</tool_call> <tool_call>function\nx\n{</tool_call> <tool_call>function"
    )
    assert [call.name for call in calls] == ["get_date_time", "web_search"] and malformed == 2


def test_arguments_are_folded() -> None:
    assert same_arguments('{"location": "Cheng Du"}', '{"location": "chengdu"}')
    assert same_arguments('{"location": "chengdu"}', '{"location": "成都"}', {"成都": "chengdu"})
    assert not same_arguments('{"location": "chengdu"}', '{"location": "成都"}')
    assert not same_arguments('{"n": [1]}', '{"n": [2]}')
