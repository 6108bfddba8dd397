"""What goes wrong around the page is said in a sentence, and nothing of it is believed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright, WebSocketRoute, expect

from antiphon.runtime.model import Model
from antiphon.server.keys import Key

from ..server.running import Running, running
from .browser import PATIENCE_MS, Console, chromium, events
from .played import Said, lists, play, sound

KEY = "a-key-of-the-tests"
HTML = "<img src=x onerror=\"document.title='caught'\"><b>bold</b>"

pytestmark = pytest.mark.console


@pytest.fixture(scope="module")
def locked(random_model: object) -> Iterator[Running]:
    """A server that asks for a key; what it answers does not matter."""
    from antiphon.runtime.model import load

    model: Model = load(random_model)  # type: ignore[arg-type]
    with running(model, keys=(Key.of(KEY),)) as found:
        yield found


def test_a_microphone_that_is_refused(playwright: Playwright, page_alone: str) -> None:
    with chromium(playwright, None, "--deny-permission-prompts") as context:
        play(context, lambda event, tell: None)
        console = Console.open(context, page_alone)
        console.page.click("#talk")
        notice = console.page.locator("#notice")
        expect(notice).to_have_attribute("data-why", "refused")
        expect(notice).to_contain_text("Allow it")
        expect(console.page.locator("#talk")).to_have_text("Talk")
        assert console.faults == []


def test_an_insecure_page_and_a_key(playwright: Playwright, locked: Running) -> None:
    """By the name of another host: no microphone there; and this server wants a key, which the page asks for."""
    with chromium(playwright, None, "--host-resolver-rules=MAP console.test 127.0.0.1") as context:
        console = Console.open(context, f"http://console.test:{locked.port}/")
        notice = console.page.locator("#notice")
        expect(notice).to_have_attribute("data-why", "insecure")
        console.page.fill("#key", KEY)
        console.page.click("#key-form button")
        expect(console.page.locator("#key-form")).to_be_hidden()
        console.page.click("#talk")
        expect(notice).to_have_attribute("data-why", "insecure")
        console.look("session")
        expect(console.page.locator("#config")).to_contain_text('"sess_')  # the line is open all the same
        assert console.faults == []


def mocked(context: BrowserContext, address: str, events: list[object]) -> Console:
    """The page with a server that says `events` to the first thing that is asked."""

    left = list(events)

    def serve(socket: WebSocketRoute) -> None:
        def told(message: str | bytes) -> None:
            kind = json.loads(message)["type"]
            if kind == "session.update":
                socket.send(json.dumps({"type": "session.updated", "session": {}}))
            if kind == "response.create":
                while left:
                    event = left.pop(0)
                    socket.send(event if isinstance(event, str) else json.dumps(event))

        socket.on_message(told)
        socket.send(json.dumps({"type": "session.created", "session": {}}))

    lists(context)
    context.route_web_socket("**/v1/realtime", serve)
    return Console.open(context, address)


def test_html_is_text_wherever_it_comes_from(playwright: Playwright, page_alone: str) -> None:
    call = {"type": "response.function_call_arguments.done", "call_id": "c", "name": HTML, "arguments": HTML}
    said = {"type": "response.output_text.delta", "item_id": "a", "delta": HTML}
    error = {"type": "error", "error": {"message": HTML}}
    done = {"type": "response.done", "response": {"status": "completed"}}
    with chromium(playwright) as context:
        console = mocked(context, page_alone, [said, call, error, done])
        console.write(HTML)
        expect(console.page.locator("#said .card")).to_have_attribute("data-state", "failed")
        console.look("events")
        console.page.locator("#log summary").first.click()
        assert console.page.locator("#said img, #said li p b, #log img").count() == 0
        assert console.page.locator("#said").inner_text().count(HTML) >= 4
        assert console.page.title() == "antiphon console" and console.faults == []


def test_what_no_server_should_send(playwright: Playwright, page_alone: str) -> None:
    """Unknown events, events without their fields, no JSON at all, sound after the end: and the page goes on."""
    odd: list[object] = [
        "no json",
        "[1]",
        {"type": "of.another.century"},
        {"type": "constructor"},
        {"type": "response.created"},
        {"type": "response.output_audio.delta", "item_id": "late"},
        {"type": "response.output_audio.delta", "item_id": "late", "delta": "%%%"},
        {"type": "response.function_call_arguments.done"},
        {"type": "conversation.item.retrieved", "item": "none"},
        {"type": "response.done", "response": None},
        {"type": "response.output_text.delta", "item_id": "last", "delta": "still here"},
        {"type": "response.done", "response": {"status": "failed", "status_details": {"error": {"message": "no"}}}},
    ]
    with chromium(playwright) as context:
        console = mocked(context, page_alone, odd)
        console.write("hello")
        expect(console.page.locator("#said")).to_contain_text("still here")
        assert console.faults == []
        console.look("events")
        console.page.fill("#filter", "century")
        expect(console.page.locator("#log li")).to_have_count(1)


def test_a_file_that_is_no_session(playwright: Playwright, page_alone: str) -> None:
    with chromium(playwright) as context:
        lists(context)
        console = Console.open(context, page_alone)
        for body in (b"{}", b"\x00\xff", b'{"kind": "antiphon.session", "happenings": 3}'):
            console.look("session")
            file = {"name": "a.json", "mimeType": "application/json", "buffer": body}
            console.page.set_input_files("#replay", [file])  # type: ignore[list-item]
        expect(console.page.locator("#notice")).to_have_attribute("data-why", "not_a_session")
        assert console.faults == []


def test_a_server_that_says_nothing(playwright: Playwright, page_alone: str) -> None:
    """To a question; and once it speaks again, the sentence goes."""
    tells: list[Callable[[Said], None]] = []
    with chromium(playwright) as context:
        play(context, lambda event, tell: tells.append(tell))
        console = Console.open(context, page_alone)
        console.write("hello?")
        notice = console.page.locator("#notice")
        expect(notice).to_have_attribute("data-why", "silent", timeout=PATIENCE_MS)
        expect(notice).to_contain_text("ask again")
        tells[-1]({"type": "response.output_text.delta", "item_id": "a", "delta": "here"})
        expect(notice).to_be_hidden()
        expect(console.page.locator("#said")).to_contain_text("here")
        assert console.faults == []


def test_a_microphone_that_is_unplugged(playwright: Playwright, page_alone: str, nano: Path) -> None:
    """It is said, the conversation stays, and another press of the button opens it again."""
    keep = """
    const given = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wish) => (window.microphone = await given(wish));
    """
    with chromium(playwright, nano / "question.wav") as context:
        play(context, lambda event, tell: None)
        context.add_init_script(keep)
        console = Console.open(context, page_alone)
        console.page.click("#talk")
        console.reaches("listening")
        console.page.evaluate("() => window.microphone.getTracks()[0].dispatchEvent(new Event('ended'))")
        expect(console.page.locator("#notice")).to_have_attribute("data-why", "unplugged")
        expect(console.page.locator("#talk")).to_have_text("Talk")
        expect(console.page.locator("#end")).to_be_visible()  # the line is still open
        console.page.click("#talk")
        console.reaches("listening")
        expect(console.page.locator("#notice")).to_be_hidden()
        assert console.faults == []


def test_sound_that_comes_after_the_cut_is_not_played(playwright: Playwright, page_alone: str, tmp_path: Path) -> None:
    """What was on its way when somebody pressed Interrupt, and what comes behind the reply's end."""
    second = sound(1.0)

    def answering(event: Said, tell: Callable[[Said], None]) -> None:
        delta = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "a", "delta": second}
        if event["type"] == "response.create":
            tell({"type": "response.created", "response": {"id": "r"}})
            for _ in range(4):
                tell(delta)
        elif event["type"] == "response.cancel":
            tell(delta)
            tell({"type": "response.done", "response": {"id": "r", "status": "cancelled", "output": [{"id": "a"}]}})
            tell(delta)

    with chromium(playwright) as context:
        play(context, answering)
        console = Console.open(context, page_alone)
        console.write("go on")
        console.reaches("speaking")
        console.page.keyboard.press("Escape")
        console.reaches("idle")
        console.page.wait_for_timeout(1500)
        assert console.states[-1] == "idle" and console.states.count("speaking") == 1
        happenings = console.session(tmp_path / "session.json")
        assert len(events(happenings, "page.started")) == len(events(happenings, "page.cut")) == 1
        assert console.faults == []
