"""Recordings are dropped, tasks chosen, answers heard and read side by side."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Playwright, Route, expect

from ..server.running import Running
from .browser import PATIENCE_MS, Console, chromium
from .played import lists

PARIS = "the capital of france is paris."
DROP = """
([name, type, size]) => {
  const file = new File(["x"], name, { type });
  Object.defineProperty(file, "size", { value: size });
  for (const read of ["arrayBuffer", "text", "stream", "slice"]) file[read] = () => { throw new Error("was read"); };
  const transfer = new DataTransfer();
  const event = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer });
  Object.defineProperty(event, "dataTransfer", { value: { files: [file] } });
  document.body.dispatchEvent(event);
  return event.defaultPrevented;
}
"""
LOUDEST = """
async (player) => {
  const sound = new AudioContext();
  const meter = new AnalyserNode(sound);
  sound.createMediaElementSource(player).connect(meter).connect(sound.destination);
  await player.play();
  const samples = new Float32Array(meter.fftSize);
  let most = 0;
  while (!player.ended) {
    await new Promise((done) => setTimeout(done, 40));
    meter.getFloatTimeDomainData(samples);
    most = samples.reduce((loudest, one) => Math.max(loudest, Math.abs(one)), most);
  }
  return most;
}
"""

pytestmark = pytest.mark.console


def opened(console: Console) -> Page:
    console.page.click("#to-compare")
    expect(console.page.locator("#talking")).to_be_hidden()
    expect(console.page.locator("#tasks input")).not_to_have_count(0)
    return console.page


def test_answers_stand_side_by_side(playwright: Playwright, server: Running, nano: Path) -> None:
    question = nano / "question.wav"
    with chromium(playwright) as context:
        console = Console.open(context, f"http://127.0.0.1:{server.port}/")
        page = opened(console)
        assert page.locator("#tasks input:not(:disabled)").count() == 2  # what nano has learnt of a recording
        page.set_input_files("#recordings", [question, question])
        page.check("#tasks [value=talk_feelingly]")
        page.click("#ask")
        done = page.locator("#heard > li").nth(1).locator("article[data-state=done]")
        expect(done).to_have_count(2, timeout=2 * PATIENCE_MS)  # four answers, one after the other
        written, spoken = page.locator("#heard > li").nth(0).locator("article").all()
        assert written.get_attribute("data-task") == "transcribe"
        assert "france" in written.locator(".answer").inner_text() and written.locator("audio").count() == 0
        expect(spoken.locator(".answer")).to_have_text(PARIS)
        assert spoken.locator("audio").evaluate(LOUDEST) > 0.05
        left, right = (one.bounding_box() for one in (written, spoken))
        assert left and right and left["y"] == right["y"] and left["x"] < right["x"]
        page.fill("#asking [name=seed]", "7")
        page.click("#ask")
        expect(page.locator("#heard > li").nth(1).locator("article[data-state=done]")).to_have_count(
            4, timeout=2 * PATIENCE_MS
        )
        expect(page.locator("#asked")).to_have_text("4 / 4")  # what was answered before is not asked again
        page.locator("#heard > li").first.locator("button").click()
        expect(page.locator("#heard > li")).to_have_count(1)
        assert console.faults == []


def test_what_is_not_taken_is_said_before_it_is_read(playwright: Playwright, page_alone: str) -> None:
    """Two gigabytes, a text, nothing at all; and a drop never leaves the page, not that of the conversation either."""
    with chromium(playwright) as context:
        lists(context)
        console = Console.open(context, page_alone)
        assert console.page.evaluate(DROP, ["long.wav", "audio/wav", 2 << 30])
        expect(console.page.locator("#notice")).to_have_attribute("data-why", "too_long")
        page = opened(console)
        notice = page.locator("#compare-notice")
        for given, why in (
            (["long.wav", "audio/wav", 2 << 30], "too_large"),
            (["notes.txt", "text/plain", 10], "no_recording"),
            (["nothing.wav", "audio/wav", 0], "empty_file"),
        ):
            assert page.evaluate(DROP, given)
            expect(notice).to_have_attribute("data-why", why)
            expect(notice).to_contain_text(str(given[0]))
        assert page.locator("#heard > li").count() == 0
        page.click("#ask")
        expect(notice).to_have_attribute("data-why", "no_recordings")
        assert console.faults == []


def test_a_server_that_fails_between_two_answers(playwright: Playwright, page_alone: str, nano: Path) -> None:
    """A refusal stands where the answer would; what is made up is text; what the voice is said to be is chips."""
    told = "That is a woman. <b>The</b> speaker sounds happy, the voice is high."
    asked: list[dict[str, Any]] = []

    def reply(route: Route) -> None:
        asked.append(route.request.post_data_json)
        if len(asked) == 1:
            route.fulfill(status=503, json={"error": {"message": "Too busy; come again."}})
        elif len(asked) == 2:
            route.abort()
        else:
            chunk = {"choices": [{"delta": {"content": told}}]}
            route.fulfill(content_type="text/event-stream", body=f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n")

    with chromium(playwright) as context:
        lists(context)
        context.route("**/v1/chat/completions", reply)
        console = Console.open(context, page_alone)
        page = opened(console)
        page.set_input_files("#recordings", [nano / "question.wav"])
        page.uncheck("#tasks [value=transcribe]")
        page.fill("[name=own]", "Who is it?")
        page.fill("[name=question]", "a man or a woman?")
        for sentence in ("Too busy; come again.", "The server did not answer"):
            page.click("#ask")
            expect(page.locator("article[data-state=failed]")).to_contain_text(sentence)
        page.click("#ask")
        expect(page.locator("article[data-state=done] .answer")).to_have_text(told)
        chips = page.locator("article .chips li").all_inner_texts()
        assert chips == ["who woman", "mood happy", "pitch high"], chips
        system, user = asked[-1]["messages"]
        sound, words = user["content"]
        assert system == {"role": "system", "content": "Who is it?"} and words["text"] == "a man or a woman?"
        assert base64.b64decode(sound["input_audio"]["data"]) == (nano / "question.wav").read_bytes()
        assert console.faults == []
