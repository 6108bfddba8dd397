"""The page as it is: for everybody, in both languages and colours, and built from its sources to the byte."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, expect

from antiphon.server import console as served

from .browser import Console, chromium
from .played import Said, given, lists, play, sound

ROOT = Path(__file__).parents[2]
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
DONE = {"id": "r", "status": "completed", "output": [{"id": "a"}], "usage": {"output_tokens": 9}}
REPLY: list[Said] = [
    {"type": "response.created", "response": {"id": "r"}},
    {"type": "response.function_call_arguments.done", "call_id": "c", "name": "nothing", "arguments": "{}"},
    {"type": "response.output_audio_transcript.delta", "item_id": "a", "delta": "The speaker sounds happy."},
    {"type": "response.output_audio.delta", "response_id": "r", "item_id": "a", "delta": sound(0.3)},
    {"type": "response.output_audio.done", "item_id": "a"},
    {"type": "response.done", "response": DONE, "antiphon": {"figures": {"first_byte_ms": 40}, "thought": "hm"}},
]
SIZES = {"desk": {"width": 1280, "height": 800}, "telephone": {"width": 390, "height": 844}}

pytestmark = pytest.mark.console


def faults(console: Console) -> list[tuple[str, str, list[str]]]:
    """What axe-core calls serious or worse."""
    found: dict[str, Any] = console.page.evaluate("() => axe.run(document)")
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [(one["id"], one["help"], [node["html"] for node in one["nodes"]]) for one in serious]


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_in_anybodys_way(playwright: Playwright, page_alone: str, nano: Path, size: str) -> None:
    """Neither in a conversation with everything that it can show, nor where answers are compared."""

    replies = [REPLY, [REPLY[0], REPLY[-1]]]  # the second one, when the tool has answered, says nothing

    def answering(event: Said, tell: Callable[[Said], None]) -> None:
        if event["type"] == "response.create":
            for one in replies.pop(0):
                tell(one)

    with chromium(playwright) as context:
        play(context, answering)
        context.route("**/v1/chat/completions", given({"error": {"message": "no"}}))
        console = Console.open(context, page_alone)
        console.page.set_viewport_size(SIZES[size])  # type: ignore[arg-type]
        console.write("what is the capital of france?")
        expect(console.page.locator("#said .thought, #said .chips, #said .card")).to_have_count(3)
        console.reaches("idle")
        console.page.evaluate(AXE.read_text(encoding="utf-8"))
        for theme in ("light", "dark"):
            console.page.select_option("#theme", theme)
            for tab in ("latency", "events", "settings", "session"):
                console.look(tab)
                console.page.wait_for_timeout(200)
                assert faults(console) == [], (theme, tab)
        fits(console)
        console.page.click("#to-compare")
        console.page.set_input_files("#recordings", [nano / "question.wav"])
        console.page.click("#ask")
        expect(console.page.locator("article[data-state]")).to_have_count(1)
        for theme in ("light", "dark"):
            console.page.select_option("#theme", theme)
            console.page.wait_for_timeout(200)
            assert faults(console) == [], (theme, "compare")
        fits(console)


def fits(console: Console) -> None:
    width = console.page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1], "the page is wider than the window"


@pytest.mark.parametrize("place", ["", "#compare"])
def test_both_languages(playwright: Playwright, page_alone: str, place: str) -> None:
    with chromium(playwright) as context:
        lists(context)
        console = Console.open(context, page_alone)
        console.page.goto(page_alone + place)
        expect(console.page.locator("#tasks input")).not_to_have_count(0)
        english = console.page.locator("body").inner_text()
        console.page.select_option("#language", "zh")
        expect(console.page.locator("#talk")).to_have_text("开始说话")
        assert console.page.locator("html").get_attribute("lang") == "zh-Hans"
        chinese = console.page.locator("body").inner_text()
        same = set(english.split("\n")) & set(chinese.split("\n")) - {""}
        assert {line.strip() for line in same} <= {"", "antiphon", "EN", "中文", "p50\tp95\tn"}, same
        console.page.reload()
        expect(console.page.locator("#talk")).to_have_text("开始说话")


def test_tabs_by_keyboard(playwright: Playwright, page_alone: str) -> None:
    with chromium(playwright) as context:
        lists(context)
        console = Console.open(context, page_alone)
        console.page.focus("#tab-latency")
        console.page.keyboard.press("ArrowRight")
        expect(console.page.locator("#events")).to_be_visible()
        expect(console.page.locator("#latency")).to_be_hidden()
        assert console.page.evaluate("() => document.activeElement.id") == "tab-events"


def test_the_sources_give_the_built_page_to_the_byte(tmp_path: Path) -> None:
    command = ["npx", "vite", "build", "--outDir", str(tmp_path / "page"), "--logLevel", "error"]
    subprocess.run(command, cwd=ROOT / "console", check=True, env={**os.environ, "CI": "true"})
    built = {path.name: path.read_bytes() for path in (tmp_path / "page").iterdir()}
    there = {path.name: path.read_bytes() for path in served.FOLDER.iterdir() if path.name != served.SOURCES}
    assert built == there, "the page is stale; run: make console"
