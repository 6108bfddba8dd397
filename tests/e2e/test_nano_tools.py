"""nano's own tokens call tools: asked, it calls, is told, and says what it was told. No rule does it for it.

A tool stands here as soon as nano has learnt it (`Variant.tools`); until then its dialogue is left out, and says so.
"""

from collections.abc import Iterator
from datetime import datetime

import pytest

from antiphon import Model, load
from antiphon.runtime.events import AudioOut, End, ToolResult
from antiphon.text.toolcall import ToolCall
from antiphon.text.variants import VARIANTS
from antiphon.tools import clock
from antiphon.tools.audio_search import timbre_rag
from antiphon.tools.catalogue import known_to
from antiphon.tools.search.protocol import Hit
from antiphon.tools.search.web import Chain, web_search
from antiphon.tools.tool import Tool
from antiphon.tools.weather import Place, Weather, get_weather
from tests.tools.test_search import Fixed
from tests.tools.test_tools import Voice

MOMENT = datetime(2026, 11, 20, 14, 35)


class Sky:
    """Rain everywhere."""

    attribution = "the test"

    def places(self, name: str, language: str) -> list[Place]:
        return [Place(name, "", "", 0.0, 0.0)]

    def weather(self, place: Place) -> Weather:
        return Weather(63, 9.0)


FOUND = Hit(title="pizza", url="https://e.org", snippet="the best pizza in rome is at the red fox")
OFFERED = known_to("nano", (
    Tool(clock.FUNCTION, lambda arguments: clock.run(arguments, MOMENT), "read", is_trusted=True),
    get_weather(Sky()), web_search(Chain([Fixed([FOUND])])),
    timbre_rag(lambda query: [Voice("v-1", 1.0, description=query)]),
))  # fmt: skip
DIALOGUES = {  # tool: what is asked, the arguments that follow, words of the answer
    "clock": ("what time is it?", {"what": "time"}, ("thirty five",)),
    "weather": ("what is the weather in paris?", {"city": "paris"}, ("paris", "nine")),
    "web_search": ("search for the best pizza in rome.", {"query": "the best pizza in rome"}, ("red", "fox")),
    "audio_search": ("talk like an old man.", {"query": "old man"}, ("old", "man")),
}


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    yield load("nano")


@pytest.mark.parametrize("name", DIALOGUES)
def test_nano_asks_and_says_what_it_was_told(name: str, model: Model) -> None:
    if name not in VARIANTS["nano"].tools:
        pytest.skip(f"this nano has not learnt to call {name}")
    asked, arguments, words = DIALOGUES[name]
    offered = [tool for tool in OFFERED if tool.answers_to(name)]
    session = model.session(tools=offered)
    events = list(session.reply(asked))
    (call,) = [event for event in events if isinstance(event, ToolCall)]
    (result,) = [event for event in events if isinstance(event, ToolResult)]
    end = events[-1]
    assert isinstance(end, End) and end.finish == "stop" and not result.failed
    assert call.name == name and {k: str(v).lower() for k, v in call.values.items()} == arguments
    assert end.utterances[0].calls == (call,)  # its own tokens, and nothing else, made it
    said = end.utterances[-1].text.lower()
    assert all(word in said for word in words) and "{" not in said and "tool" not in said
    assert any(isinstance(event, AudioOut) for event in events[events.index(result) :])
