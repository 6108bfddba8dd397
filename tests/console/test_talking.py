"""The page talks with nano: a recording is its microphone, and what it plays is in its own recording."""

import re
from pathlib import Path

import pytest
import soundfile
from playwright.sync_api import Playwright, expect

from antiphon.data.recogniser import word_errors

from ..server.running import Running, nano_server
from .browser import PATIENCE_MS, Console, chromium, events, follows, peaks

PARIS = "the capital of france is paris."
HARD_OF_HEARING = 0.5  # a recogniser that has learned from people takes one or two of nano's six words for others
CLOSE_MS = 20
STAGES = ("begun", "encoder", "firstToken", "codes", "vocoder", "firstByte")
FIGURE = r"^antiphon_(\w+(?:sum|count)) (\S+)$"
DECIDING = "thinking|speculating"  # a speculation that is kept speaks at once: nothing is left to think

pytestmark = pytest.mark.console


def address(server: Running) -> str:
    return f"http://127.0.0.1:{server.port}/"


def test_a_question_is_heard_answered_saved_and_shown_again(
    playwright: Playwright, server: Running, nano: Path, tmp_path: Path
) -> None:
    with chromium(playwright, nano / "question.wav") as context:
        console = Console.open(context, address(server))
        console.page.click("#talk")
        console.shows("#said li[data-kind=answer] p", PARIS)
        console.reaches("listening")
        words = console.page.locator("#said li[data-kind=user] p")
        expect(words).to_contain_text("france", timeout=PATIENCE_MS)
        assert follows(console.states, ["hearing", DECIDING, "speaking", "listening"]), console.states
        happenings = console.session(tmp_path / "session.json")
        _, played = peaks(console.save("#save-sound", tmp_path / "session.wav"))
        heard, _ = peaks(tmp_path / "session.wav")
        assert heard > 0.05 and played > 0.05
        assert words_missed(tmp_path / "session.wav", PARIS) <= HARD_OF_HEARING
        (done,) = events(happenings, "response.done")
        assert done["response"]["status"] == "completed"
        (written,) = events(happenings, "conversation.item.input_audio_transcription.completed")
        assert words.inner_text() == written["transcript"]
        said, turns = console.said, console.page.locator("#turns").text_content()
        assert len(events(happenings, "page.figures")) == 1
        console.page.click("#talk")
        console.reaches("idle")
        shown_again(Console.open(context, address(server)), tmp_path, said, turns)
        assert console.faults == []


def words_missed(recording: Path, text: str) -> float:
    """The word error rate of what was played, as the page recorded it, by a recogniser that has nothing of nano.

    Moments without any sound are left out: a busy machine was late there.
    """
    samples, rate = soundfile.read(recording, dtype="float32", always_2d=True)
    moments = samples[: len(samples) // 240 * 240, 1].reshape(-1, 240)  # of 10 ms
    return word_errors(moments[abs(moments).max(1) > 1e-4].ravel(), rate, text)


def shown_again(console: Console, folder: Path, said: list[str], turns: str | None) -> None:
    """The saved session, whole and then in time."""
    console.look("session")
    console.page.set_input_files("#replay", [folder / "session.json", folder / "session.wav"])
    expect(console.page.locator("#replaying")).to_be_visible()
    assert console.said == said
    console.look("latency")
    assert console.page.locator("#turns").text_content() == turns
    console.page.click("#replay-play")
    expect(console.page.locator("#said > li")).to_have_count(0)
    for state in ("hearing", "speaking"):
        console.reaches(state)
    console.shows("#said li[data-kind=answer] p", PARIS)
    console.page.click("#replay-close")
    expect(console.page.locator("#said > li")).to_have_count(0)
    assert console.faults == []


def test_the_timeline_is_that_of_the_servers_metrics(playwright: Playwright, server: Running, nano: Path) -> None:
    """Every figure that both know, to 20 ms; and the page, which hears of it later, never says that it was earlier."""

    def counted() -> dict[str, float]:
        page = server.ask("GET", "/metrics").body.decode()
        return {name: float(value) for name, value in re.findall(FIGURE, page, re.M)}

    def shown(key: str) -> float:
        number = console.page.locator(f"#turns .numbers [data-key={key}] dd").first
        return float(number.inner_text().removesuffix(" ms"))

    with chromium(playwright, nano / "question.wav") as context:
        console = Console.open(context, address(server))
        before = counted()
        console.page.click("#talk")
        console.shows("#said li[data-kind=answer] p", PARIS)
        console.reaches("listening")
        after = counted()
        gained = {name: after[name] - before.get(name, 0) for name in after}
        for key, name in (("server-endpoint", "vad_endpoint_delay_seconds"), ("server-firstByte", "ttfa_seconds")):
            assert gained[f"{name}_count"] == 1
            assert abs(shown(key) - gained[f"{name}_sum"] * 1000) <= CLOSE_MS, key
        assert shown("decision") >= shown("server-firstByte") - CLOSE_MS
        stages = [shown(f"server-{name}") for name in STAGES]
        assert stages == sorted(stages)
        assert console.faults == []


def test_a_tool_is_called_and_its_card_tells_of_it(playwright: Playwright, server: Running, tmp_path: Path) -> None:
    with chromium(playwright) as context:
        console = Console.open(context, address(server))
        console.write("what time is it?")
        card = console.page.locator("#said .card")
        expect(card).to_have_attribute("data-state", "done", timeout=PATIENCE_MS)
        result = card.locator(".result").inner_text()
        assert card.locator("summary code").inner_text() == "clock"
        expect(console.page.locator("#said > li").last).to_contain_text("it is", timeout=PATIENCE_MS)
        console.reaches("idle")
        assert follows(console.states, ["thinking", "tool", "speaking"]), console.states
        happenings = console.session(tmp_path / "session.json")
        outputs = [e["item"] for e in events(happenings, "conversation.item.create")]
        assert [item["output"] for item in outputs if item["type"] == "function_call_output"] == [result]


def test_speaking_over_an_answer_cuts_it_to_what_was_heard(
    playwright: Playwright, server: Running, nano: Path, tmp_path: Path
) -> None:
    with chromium(playwright, nano / "question.wav") as context:
        console = Console.open(context, address(server))
        console.write("what is the capital of japan?")
        console.reaches("speaking")
        console.page.click("#talk")  # the microphone begins to play the other question
        expect(console.page.locator("#said s")).to_have_count(1, timeout=PATIENCE_MS)
        console.shows("#said li[data-kind=answer] p", PARIS)
        console.reaches("listening")
        assert follows(console.states, ["speaking", "hearing", DECIDING, "speaking"]), console.states
        happenings = console.session(tmp_path / "session.json")
        (cut,) = events(happenings, "conversation.item.truncated")
        (kept,) = events(happenings, "conversation.item.retrieved")
        assert cut["item_id"] == kept["item"]["id"] and events(happenings, "error") == []
        words = kept["item"]["content"][0]["transcript"]
        sound = [e for e in events(happenings, "response.output_audio.delta") if e["item_id"] == cut["item_id"]]
        assert cut["audio_end_ms"] < 3000 and sound
        whole = "".join(
            e["delta"]
            for e in events(happenings, "response.output_audio_transcript.delta")
            if e["item_id"] == cut["item_id"]
        )
        assert whole.startswith(words) and len(words) < len(whole)
        first = console.page.locator("#said li[data-kind=answer]").first
        assert first.locator(".heard").inner_text().strip() == words.strip()


def test_the_voice_changes_to_one_of_the_library(playwright: Playwright, nano: Path, tmp_path: Path) -> None:
    """Taken in with a consent, chosen in the middle of a conversation, which goes on; how it sounds is not judged."""
    with nano_server("--voices", str(tmp_path / "library")) as (server, _), chromium(playwright) as context:
        sample = (nano / "question.wav").read_bytes()
        taken = server.upload("/v1/audio/voices", sample, name="asker", consent="synthetic")
        assert taken.status == 200, taken
        console = Console.open(context, address(server))
        console.write("what is the capital of france?")
        console.shows("#said li[data-kind=answer] p", PARIS)
        console.reaches("idle")
        console.look("settings")
        console.page.select_option("[name=voice]", label="asker")
        console.write("what is the capital of france?")
        expect(console.page.locator("#said li[data-kind=answer]")).to_have_count(2, timeout=PATIENCE_MS)
        console.shows("#said li[data-kind=answer] p", PARIS)
        console.reaches("idle")
        happenings = console.session(tmp_path / "session.json")
        assert events(happenings, "error") == [] and console.faults == []
        voices = [e["session"]["audio"]["output"]["voice"] for e in events(happenings, "session.updated")]
        assert voices[0] != voices[-1] and voices[-1] == taken.json["id"]


def test_interrupt_by_key(playwright: Playwright, server: Running) -> None:
    with chromium(playwright) as context:
        console = Console.open(context, address(server))
        console.write("what is the capital of france?")
        console.reaches("speaking")
        console.page.keyboard.press("Escape")
        expect(console.page.locator("#said s")).to_have_count(1, timeout=PATIENCE_MS)
        console.reaches("idle")
        assert "interrupted" in console.states and console.faults == []


def test_the_space_bar_is_held_to_talk(playwright: Playwright, server: Running, nano: Path) -> None:
    with chromium(playwright, nano / "question.wav") as context:
        console = Console.open(context, address(server))
        console.look("settings")
        console.page.select_option("[name=turns]", "hold")
        expect(console.page.locator("#talk")).to_have_text("Hold to talk")
        console.page.focus("#talk")
        console.page.keyboard.down("Space")
        console.reaches("hearing")
        console.page.wait_for_timeout(3500)  # the question lasts for less than three seconds
        console.page.keyboard.up("Space")
        console.shows("#said li[data-kind=answer] p", PARIS)
        console.reaches("listening")
        assert console.faults == []


def test_a_server_that_restarts_is_found_again_and_told_what_was_said(playwright: Playwright, tmp_path: Path) -> None:
    with chromium(playwright) as context:
        with nano_server() as (server, _):
            console = Console.open(context, address(server))
            console.write("my name is david.")
            console.reaches("speaking")
            console.reaches("idle")
            before = console.page.locator("#said p").all_inner_texts()
        notice = console.page.locator("#notice")
        expect(notice).to_have_attribute("data-why", "reconnecting", timeout=PATIENCE_MS)
        with nano_server("--port", str(server.port)):
            expect(notice).to_be_hidden(timeout=PATIENCE_MS)
            console.write("what is the capital of france?")
            expect(console.page.locator("#said li[data-kind=answer]")).to_have_count(2, timeout=PATIENCE_MS)
            console.reaches("speaking")
            console.reaches("idle")
            happenings = console.session(tmp_path / "session.json")
        since = next(i for i, one in enumerate(happenings) if one["event"]["type"] == "page.closed")
        items = [event["item"] for event in events(happenings[since:], "conversation.item.create")]
        told = [(item["role"], item["content"][0]["text"]) for item in items]
        assert told == [("user", before[0]), ("assistant", before[1]), ("user", "what is the capital of france?")]
        assert events(happenings[since:], "error") == [] == console.faults
        assert events(happenings[since:], "response.done")[0]["response"]["status"] == "completed"
