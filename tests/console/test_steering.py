"""What a person chooses is what the server is asked for, and what the server tells of a reply is shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, Route, expect

from antiphon.data.skills.exchange import LANGUAGES, Language
from antiphon.data.skills.manner import FROM_NOW, MANNERS
from antiphon.text.prompts import PROMPTS

from .browser import Console, chromium
from .played import Said, given, lists, play

FIGURES = {
    "endpoint_ms": 520,
    "begun_ms": -340,
    "encoded_ms": -300,
    "first_token_ms": -250,
    "first_codes_ms": -200,
    "first_wave_ms": 30,
    "first_text_ms": 5,
    "first_byte_ms": 40,
}
THOUGHT = "<i>Who</i> may that be?"
ANSWER = "The speaker sounds happy, and the voice is high."
CHANGE = {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"voice": "voice_11"}}}}

pytestmark = pytest.mark.console


def test_a_task_brings_its_instruction(playwright: Playwright, page_alone: str) -> None:
    told: list[Said] = []
    with chromium(playwright) as context:
        play(context, lambda event, tell: told.append(event))
        console = Console.open(context, page_alone)
        console.look("settings")
        preset = console.page.locator("[name=preset]")
        expect(preset.locator("option")).to_have_count(len(PROMPTS) + 2)
        preset.select_option("analyse")
        expect(console.page.locator("[name=instructions]")).to_have_value(PROMPTS["analyse"].system)
        expect(console.page.locator("#choices [name=aloud]")).not_to_be_checked()
        console.page.select_option("[name=voice]", "mei")
        console.page.wait_for_timeout(500)
        console.write("hello")
        expect(console.page.locator("#said > li")).to_have_count(1)
        session = next(event for event in told if event["type"] == "session.update")["session"]
        assert session["instructions"] == PROMPTS["analyse"].system and session["output_modalities"] == ["text"]
        assert session["model"] == "mini" and session["audio"]["output"]["voice"] == "mei"
        assert "speed" not in session["audio"]["output"]  # its own, of which some servers do not know
        console.page.fill("[name=speed]", "1.25")
        console.page.fill("[name=instructions]", "Be brief.")
        expect(preset).to_have_value("other")
        console.page.wait_for_timeout(500)
        assert [event for event in told if event["type"] == "session.update"][-1]["session"]["audio"]["output"] == {
            "voice": "mei", "speed": 1.25
        }  # fmt: skip
        preset.select_option("")
        expect(console.page.locator("[name=instructions]")).to_have_value("")
        preset.select_option("interpret_zh")
        console.page.wait_for_timeout(500)
        console.page.reload()
        console.look("settings")
        expect(preset).to_have_value("interpret_zh")
        console.page.select_option("#language", "zh")
        expect(preset.locator("option:checked")).to_have_text("口译成中文")
        assert console.faults == []


@pytest.mark.parametrize("tongue", LANGUAGES)
def test_a_manner_is_asked_for_in_words_that_nano_learns(
    playwright: Playwright, page_alone: str, tongue: Language
) -> None:
    with chromium(playwright) as context:
        play(context, lambda event, tell: None)
        console = Console.open(context, page_alone)
        console.page.select_option("#language", tongue)
        console.look("settings")
        buttons = console.page.locator("#manners button")
        expect(buttons).to_have_count(len(MANNERS[tongue]))
        for button, how in zip(buttons.all(), MANNERS[tongue].values(), strict=True):
            button.click()
            said = console.page.locator("#said > li").last.locator("p")
            expect(said).to_have_text(FROM_NOW[tongue][0].format(how=how))
        assert console.faults == []


def test_a_voice_is_heard_before_it_is_chosen(playwright: Playwright, page_alone: str, nano: Path) -> None:
    asked: list[dict[str, Any]] = []

    def reply(route: Route) -> None:
        asked.append(route.request.post_data_json)
        if len(asked) == 1:
            route.fulfill(body=(nano / "voice.wav").read_bytes(), content_type="audio/wav")
        else:
            route.fulfill(status=400, json={"error": {"message": "There is no such voice."}})

    with chromium(playwright) as context:
        lists(context)
        context.route("**/v1/audio/speech", reply)
        context.add_init_script("window.heard = []; HTMLMediaElement.prototype.play = async function () "
                                "{ window.heard.push(this.src); };")  # fmt: skip
        console = Console.open(context, page_alone)
        console.look("settings")
        console.page.select_option("[name=voice]", "mei")
        console.page.wait_for_timeout(500)
        console.page.click("#preview")
        console.page.wait_for_function("() => window.heard.length === 1")
        assert asked[0]["voice"] == "mei" and asked[0]["model"] == "mini" and asked[0]["response_format"] == "wav"
        console.page.click("#preview")
        notice = console.page.locator("#notice")
        expect(notice).to_have_attribute("data-why", "preview_fails")
        expect(notice).to_contain_text("There is no such voice.")
        assert console.faults == []


def test_the_voice_changes_in_the_middle(playwright: Playwright, page_alone: str) -> None:
    """By an update of its own: who cannot change it refuses nothing else, and the page says so."""
    voices = [{"id": f"voice_{n}", "name": f"Mei {n}" if n % 2 else f"Tom {n}"} for n in range(12)]
    told: list[Said] = []

    def answering(event: Said, tell: Callable[[Said], None]) -> None:
        told.append(event)
        if event["type"] == "response.create":
            tell({"type": "response.output_audio.delta", "item_id": "a", "delta": "AAAA" * 800})
        elif told[-1] == CHANGE:
            tell({"type": "error", "error": {"code": "cannot_update_voice", "message": "The voice cannot change."}})

    with chromium(playwright) as context:
        play(context, answering)
        context.route("**/v1/audio/voices", given({"data": voices}))
        console = Console.open(context, page_alone)
        console.write("hello")
        console.look("settings")
        voice = console.page.locator("[name=voice]")
        expect(voice.locator("option")).to_have_count(12)
        console.page.fill("#voice-search", "mei 1")
        expect(voice.locator("option")).to_have_text(["Tom 0", "Mei 1", "Mei 11"])
        voice.select_option("voice_11")
        expect(console.page.locator("#said")).to_contain_text("The voice cannot change.")
        assert told[-1] == CHANGE
        assert told[-2]["type"] == "session.update" and "voice" not in told[-2]["session"]["audio"]["output"]
        assert console.faults == []


def test_a_tool_of_the_server_has_a_card_with_its_source(playwright: Playwright, page_alone: str) -> None:
    """It is run there: the page answers nothing, and shows whom the answer is from."""
    told: list[Said] = []
    call = {"server_label": "antiphon", "name": "get_weather", "arguments": '{"city": "paris"}'}
    place = {"item_id": "c", "response_id": "r", "output_index": 0}

    def answering(event: Said, tell: Callable[[Said], None]) -> None:
        told.append(event)
        if event["type"] == "response.create":
            tell({"type": "response.created", "response": {"id": "r"}})
            tell({"type": "response.mcp_call.in_progress", **place})
            outcome = {**call, "output": "Paris: clear, 21 degrees", "attribution": "Weather data by <b>Somebody</b>"}
            tell({"type": "response.mcp_call.completed", **place, "antiphon": outcome})
            tell({"type": "response.done", "response": {"id": "r", "status": "completed", "output": []}})

    with chromium(playwright) as context:
        play(context, answering)
        console = Console.open(context, page_alone)
        console.write("the weather in paris?")
        card = console.page.locator("#said .card")
        expect(card).to_have_attribute("data-state", "done")
        expect(card.locator("summary code")).to_have_text("get_weather")
        expect(card.locator(".result")).to_contain_text("21 degrees")
        expect(card.locator(".result")).to_contain_text("Weather data by <b>Somebody</b>")
        items = [event["item"]["type"] for event in told if event["type"] == "conversation.item.create"]
        assert items == ["message"] and console.faults == []


def test_thoughts_chips_and_stages(playwright: Playwright, page_alone: str) -> None:
    """All that the server adds to a reply: folded, as text; in the words of the answer; where the milliseconds went."""

    def answering(event: Said, tell: Callable[[Said], None]) -> None:
        if event["type"] != "response.create":
            return
        tell({"type": "response.created", "response": {"id": "r"}})
        tell({"type": "response.output_text.delta", "item_id": "a", "delta": ANSWER})
        tell({"type": "response.output_audio.delta", "response_id": "r", "item_id": "a", "delta": "AAAA" * 800})
        tell({"type": "response.output_audio.done", "item_id": "a"})
        response = {"id": "r", "status": "completed", "output": [{"id": "a"}], "usage": {"output_tokens": 9}}
        tell({"type": "response.done", "response": response, "antiphon": {"figures": FIGURES, "thought": THOUGHT}})

    with chromium(playwright) as context:
        play(context, answering)
        console = Console.open(context, page_alone)
        console.write("who is that?")
        expect(console.page.locator("#said > li")).to_have_count(3)
        kinds = [line.get_attribute("data-kind") for line in console.page.locator("#said > li").all()]
        assert kinds == ["user", "thought", "answer"]
        thought = console.page.locator("#said .thought")
        expect(thought.locator("p")).to_be_hidden()
        thought.locator("summary").click()
        expect(thought.locator("p")).to_have_text(THOUGHT)
        assert console.page.locator("#said .chips li").all_inner_texts() == ["mood happy", "pitch high"]
        numbers = console.page.locator("#turns .numbers").first
        shown = {"endpoint": 520, "begun": -340, "encoder": -300, "firstToken": -250, "codes": -200, "vocoder": 30}
        for name, value in {**shown, "firstByte": 40}.items():
            expect(numbers.locator(f"[data-key=server-{name}] dd")).to_have_text(f"{value} ms")
        expect(console.page.locator("#turns .bar[data-ahead]")).to_have_count(1)
        waited = {"encoder": 0, "firstToken": 0, "codes": 0, "vocoder": 30, "firstByte": 10}  # since the turn's end
        for name, value in waited.items():
            stretch = numbers.locator(f"[data-key={name}] dd").inner_text()
            assert abs(int(stretch.removesuffix(" ms")) - value) <= 2, (name, stretch)
        assert console.page.locator("#said i").count() == 0 and console.faults == []
