"""The tools that come with antiphon: definitions, sums, clocks, weather, voices; and tools of one's own."""

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.errors import ConfigError, InputError, ToolError
from antiphon.text.mend import mended
from antiphon.text.toolcall import ToolCall
from antiphon.tools.audio_search import timbre_rag
from antiphon.tools.calculation import calculate, calculated, written
from antiphon.tools.catalogue import known_to, opened
from antiphon.tools.date_time import get_date_time, zone_at
from antiphon.tools.fetch import Door
from antiphon.tools.running import answer
from antiphon.tools.settings import settings_of
from antiphon.tools.signature import definition, fault_of
from antiphon.tools.tool import CLOCK, Context, Tool, tool
from antiphon.tools.weather import ATTRIBUTION, OpenMeteo, get_weather
from tests.tools.loopback import Asked, Reply, serving

EN, ZH = Context("en"), Context("zh")

# --- definitions -----------------------------------------------------------------------------------------------------


def forecast(city: str, days: Literal[1, 3, 7] = 1, hours: list[int] | None = None, metric: bool = True) -> str:
    """Tell what the weather
    will be.

    More that no model needs.

    Args:
        city: the city,
            in English
        days (int): how many days
    """
    return city


def test_a_function_says_what_it_is() -> None:
    assert definition(forecast) == {
        "name": "forecast",
        "description": "Tell what the weather will be.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "the city, in English"},
                "days": {"type": "integer", "enum": [1, 3, 7], "description": "how many days"},
                "hours": {"type": "array", "items": {"type": "integer"}},
                "metric": {"type": "boolean"},
            },
            "required": ["city"],
        },
    }


def bare(x) -> str:  # type: ignore[no-untyped-def]
    return ""


def mapped(x: dict[str, str]) -> str:
    return ""


def many(*x: str) -> str:
    return ""


@pytest.mark.parametrize("function", [bare, mapped, many])
def test_a_function_that_no_model_can_be_told_is_refused(function: Any) -> None:
    with pytest.raises(InputError):
        tool("read")(function)
    with pytest.raises(InputError, match="effect"):
        Tool({"name": "x"}, print, "nothing")


@pytest.mark.parametrize(("arguments", "is_right"), [
    ({"city": "Rome"}, True), ({"city": "Rome", "days": 3}, True), ({"city": "Rome", "hours": [1, 2]}, True),
    ({}, False),
    ({"city": 3}, False), ({"city": "Rome", "days": 2}, False), ({"city": "Rome", "hours": ["1"]}, False),
    ({"city": "Rome", "metric": 1}, False), ({"city": "Rome", "more": 1}, False), ({"city": "x" * 5000}, False),
])  # fmt: skip
def test_arguments_are_held_against_the_definition(arguments: dict[str, Any], is_right: bool) -> None:
    assert (fault_of(arguments, definition(forecast)["parameters"]) == "") == is_right


# --- calls that are nearly right -------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [
    'function\nweather\n{"city": "Paris",}', "function\nweather\n{'city': 'Paris'}",
    'function\nweather\n{"city": "Paris"',
    '\nfunction\n\nweather\n{"city": "Paris"}', 'function\nweather\n```json\n{"city": "Paris"}\n```',
    'weather\n{"city": "Paris"}', "function\nweather\n{“city”: “Paris”}", 'function\nweather\n{"city": "Paris',
])  # fmt: skip
def test_a_call_that_is_nearly_one_is_mended_once(body: str) -> None:
    assert mended(body) == ToolCall("weather", '{"city": "Paris"}')


@pytest.mark.parametrize("body", [
    "", "function", "function\nweather\nParis", "function\nweather\n[1]", "function\nweather now\n{}",
    'function\nweather\n{"city": }', "function\nw\n" + "{" * 4000, "x" * 9000, "function\nw\n{'a': None, b}",
])  # fmt: skip
def test_a_call_that_nobody_understands_says_why(body: str) -> None:
    call = mended(body)
    assert call.fault and call.arguments == "{}"


@settings(deadline=None)
@given(st.text("{}[]'\",:\\ \nabT1", max_size=40))
def test_any_text_is_a_call_or_says_why(text: str) -> None:
    call = mended(f"function\nname\n{text}")
    assert call.fault or isinstance(json.loads(call.arguments), dict)


# --- sums ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("expression", "result"), [
    ("1 + 2 * 3", "7"), ("(1 + 2) * 3", "9"), ("0.1 + 0.2", "0.3"), ("2 ^ 10", "1024"), ("-2 ^ 2", "-4"),
    ("2 ** 3 ** 2", "512"),
    ("10 / 4", "2.5"), ("1 / 3", "0.333333333333"), ("7 % 4", "3"), ("50% of 80", "40"), ("20 % * 5", "1"),
    ("5!", "120"),
    ("sqrt(16)", "4"), ("√2", "1.41421356237"), ("1,234 + 1", "1235"), ("3 × 4 ÷ 2", "6"), ("12 divided by 4", "3"),
    ("2 plus 2 =", "4"), ("3加4乘5", "23"), ("max(1, 5, 3)", "5"), ("round(2.6)", "3"), ("9^0.5", "3"), ("2^-1", "0.5"),
    ("pi", "3.14159265359"), ("1e3 + 1", "1001"), ("99999999 * 99999999", "9.9999998e+15"), ("-(-3)", "3"),
    ("2x3", "6"),
])  # fmt: skip
def test_a_sum_has_its_result(expression: str, result: str) -> None:
    assert written(calculated(expression)) == result


@pytest.mark.parametrize("expression", [
    "", "1 / 0", "5 % 0", "0 ^ -1", "__import__('os')", "open('x')", "a", "1 +", "(1", "1)", "1 2", "x" * 400,
    "9^9^9^9^9",
    "(" * 100 + "1" + ")" * 100, "-" * 200 + "1", "(-1)^0.5", "log(0)", "sqrt(-1)", "200!", "1.5!", "sin()",
    "lambda: 1",
    "1;2", "\"a\"", "e^e^e^e^e", "10^400 * 10^400", "sqrt(1, 2)", "﹣1",
])  # fmt: skip
def test_what_is_no_sum_is_refused_and_nothing_runs(expression: str) -> None:
    with pytest.raises(ToolError) as error:
        written(calculated(expression))
    assert error.value.code == "arguments"


@settings(deadline=None)
@given(st.integers(-999, 999), st.integers(-999, 999), st.sampled_from("+-*"))
def test_sums_are_those_of_arithmetic(a: int, b: int, sign: str) -> None:
    assert written(calculated(f"({a}) {sign} ({b})")) == str({"+": a + b, "-": a - b, "*": a * b}[sign])


# --- clocks ----------------------------------------------------------------------------------------------------------

NOON = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(("place", "told"), [
    ("", "14:00"), ("Tokyo", "21:00 in Tokyo"), ("new york", "08:00 in new york"), ("São Paulo", "09:00 in São Paulo"),
    ("北京", "20:00 in 北京"), ("Asia/Kolkata", "17:30 in Asia/Kolkata"), ("UTC", "12:00 in UTC"), ("北京市", "20:00"),
])  # fmt: skip
def test_it_is_some_time_somewhere(place: str, told: str) -> None:
    clock = get_date_time("Europe/Paris", lambda zone: NOON.astimezone(zone))
    result = answer(clock, "get_date_time", {"location": place} if place else {}, EN)
    assert result.text.startswith("Wednesday 1 July 2026") and told in result.text and not result.failed


def test_a_place_without_a_clock_is_said_not_to_have_one() -> None:
    result = answer(get_date_time("UTC"), "get_date_time", {"location": "Atlantis"}, EN)
    assert result.code == "not_found" and "Atlantis" in result.text
    with pytest.raises(ConfigError, match="Moon/Base"):
        get_date_time("Moon/Base")
    for wrong in ("../../etc/passwd", "", "/etc/localtime", "a" * 500):
        with pytest.raises(ToolError):
            zone_at(wrong)


# --- weather ---------------------------------------------------------------------------------------------------------

PARIS = {"name": "Paris", "admin1": "Île-de-France", "country": "France", "latitude": 48.85, "longitude": 2.35,
         "population": 2_100_000}  # fmt: skip
TEXAS = {**PARIS, "admin1": "Texas", "country": "United States", "population": 25_000, "latitude": 33.66}
SPRINGFIELDS = [{**PARIS, "name": "Springfield", "admin1": s, "population": p}
                for s, p in (("Missouri", 167_000), ("Massachusetts", 155_000), ("Illinois", 114_000))]  # fmt: skip


def meteo(rows: dict[str, list[dict[str, Any]]], weather: Any) -> Any:
    def reply(asked: Asked) -> Reply:
        if asked.path == "/v1/search":
            found = rows.get(asked.query["name"])
            return Reply({"generationtime_ms": 0.5} | ({"results": found} if found else {}))
        assert asked.path == "/v1/forecast" and asked.query["latitude"] == "48.8500"
        return weather if isinstance(weather, Reply) else Reply(weather)

    return reply


NOW = {"current": {"time": "2026-11-20T14:30", "temperature_2m": 8.6, "weather_code": 61},
       "daily": {"temperature_2m_max": [10.2], "temperature_2m_min": [4.0]}}  # fmt: skip


def test_the_weather_of_a_city_is_told_and_where_it_is_from() -> None:
    with serving(meteo({"Paris": [PARIS, TEXAS], "Springfield": SPRINGFIELDS}, NOW)) as server:
        weather = get_weather(OpenMeteo(server.url, server.url))
        result = answer(weather, "get_weather", {"city": "Paris"}, EN)
        assert result.text == "Paris: raining lightly, 9 degrees" and result.data["attribution"] == ATTRIBUTION
        assert result.data["high"] == 10.2 and result.data["place"] == "Paris, Île-de-France, France"
        assert answer(weather, "weather", {"city": "Paris"}, ZH).text == "Paris: 小雨, 9度"
        which = answer(weather, "get_weather", {"city": "Springfield"}, EN)
        assert which.code == "arguments" and "Missouri" in which.text and "Illinois" in which.text
        assert answer(weather, "get_weather", {"city": "Springfield, Missouri"}, EN).text.startswith("Springfield: ")
        assert answer(weather, "get_weather", {"city": "Nowhere"}, EN).code == "not_found"


@pytest.mark.parametrize(("reply", "code"), [
    (Reply("no", 500), "offline"), (Reply("no", 429), "quota"), (Reply({"current": {}}), "failed"),
    (Reply(b"\xff\xfe{", 200), "failed"), (Reply("x", 200, "image/png"), "failed"), (Reply([1]), "failed"),
])  # fmt: skip
def test_weather_that_does_not_come_is_a_sentence(reply: Reply, code: str) -> None:
    with serving(meteo({"Paris": [PARIS]}, reply)) as server:
        result = answer(get_weather(OpenMeteo(server.url, server.url)), "get_weather", {"city": "Paris"}, EN)
    assert result.code == code and result.data["say"] in result.text and "127.0.0.1" not in result.text
    gone = answer(get_weather(OpenMeteo(server.url, server.url)), "get_weather", {"city": "Paris"}, EN)
    assert gone.code == "offline" and gone.is_retryable and urlsplit(server.url).netloc not in gone.text


def test_a_service_that_nobody_named_is_not_asked() -> None:
    provider = OpenMeteo("http://127.0.0.1:9", "http://127.0.0.1:9", door=Door())
    assert answer(get_weather(provider), "get_weather", {"city": "Paris"}, EN).code == "denied"


# --- voices ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Voice:
    voice_id: str
    score: float
    consent: str = "licensed"
    name: str = "somebody"
    description: str = "an old sailor"


@pytest.mark.parametrize(("found", "voice"), [
    ([Voice("a", 0.9), Voice("b", 0.6)], "a"), ([Voice("a", 0.9, "unknown"), Voice("b", 0.6)], "b"),
    ([Voice("a", 0.3)], None), ([], None), ([Voice("a", 1.0, "withdrawn")], None),
])  # fmt: skip
def test_a_voice_is_handed_over_where_one_is_good_enough_and_may_be_used(found: list[Voice], voice: str | None) -> None:
    finder = timbre_rag(lambda query: found)
    result = answer(finder, "audio_search", {"query": "an old sailor"}, EN)
    assert result.data.get("voice") == voice and (result.code == "not_found") == (voice is None)
    assert finder.effect == "session" and "a" != voice or "sailor" in result.text


# --- the catalogue ---------------------------------------------------------------------------------------------------


def test_nano_is_told_of_the_tools_as_it_has_learnt_them() -> None:
    from antiphon.data.skills import toolbox

    everything = (get_date_time("UTC"), get_weather(OpenMeteo()), timbre_rag(lambda query: []), calculate)
    known = {t.name: t for t in known_to("nano", everything)}
    assert known["clock"] is CLOCK and known_to("mini", everything) == everything
    learnt_by = {"weather": toolbox.WEATHER, "audio_search": toolbox.AUDIO_SEARCH, "clock": toolbox.CLOCK}
    for name, learnt in learnt_by.items():
        assert {"type": "function", "function": dict(known[name].function)} == json.loads(learnt)


def test_settings_decide_which_tools_there_are(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_VOICES", str(tmp_path / "voices"))
    monkeypatch.setenv("ANTIPHON_DOCUMENTS", str(tmp_path / "none"))
    with opened(settings_of({})) as tools:
        assert [t.name for t in tools] == ["get_date_time", "calculate"]
    told = {"documents": str(tmp_path / "index"), "weather": {}, "search": [{"kind": "searxng", "url": "http://[::1]:8"}]}
    with opened(settings_of(told)) as tools:
        assert [t.name for t in tools] == ["web_search", "get_weather", "get_date_time", "calculate"]
    with opened(settings_of({**told, "offline": True})) as tools:
        assert [t.name for t in tools] == ["web_search", "get_date_time", "calculate"]


@pytest.mark.parametrize("told", [
    {"tool": []}, {"tools": ["shell"]}, {"tools": "all"}, {"offline": "yes"}, {"search": [{"url": "http://a"}]},
    {"search": {}},
    {"weather": {"key": "x"}}, {"mcp": {"a b": {"command": ["x"]}}}, {"mcp": {"a": {}}},
    {"mcp": {"a": {"url": "ftp://x"}}},
    {"mcp": {"a": {"command": ["x"], "url": "https://x"}}}, {"mcp": {"a": {"command": ["x"], "effects": {"y": "all"}}}},
    {"weather": {"key_variable": "NO_SUCH_VARIABLE"}}, [], "x", {"documents": {}}, {"search": [{"kind": "altavista"}]},
    {"search": [{"kind": "brave"}]}, {"search": [{"kind": "searxng"}]}, {"zone": "Moon/Base"},
])  # fmt: skip
def test_settings_that_are_wrong_say_what(told: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_VOICES", str(tmp_path / "voices"))
    monkeypatch.setenv("ANTIPHON_DOCUMENTS", str(tmp_path / "none"))
    with pytest.raises(ConfigError), opened(settings_of(told)):
        pass
