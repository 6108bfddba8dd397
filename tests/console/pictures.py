"""Pictures of the page in its eight states and of comparing, two sizes, two colours:  python -m tests.console.pictures

A server that is played shows the page what it shows, so that every state stands still; the pictures lie in
`docs/console/`. `make pictures` does it.
"""

import json
import sys
from itertools import count, product, repeat
from pathlib import Path
from time import monotonic

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Route,
    ViewportSize,
    WebSocketRoute,
    expect,
    sync_playwright,
)

from antiphon.text.prompts import PROMPTS

from .browser import launched
from .played import Said, lists, sound
from .static import serving

FOLDER = Path(__file__).parents[2] / "docs" / "console"
SIZES = {"desk": (1280, 800), "telephone": (390, 844)}
THEMES = ("light", "dark")


def heard(item: str, words: str) -> list[Said]:
    """A turn of the user, as the server tells of it."""
    return [
        {"type": "input_audio_buffer.speech_started", "item_id": item, "audio_start_ms": 0},
        {"type": "input_audio_buffer.speech_stopped", "item_id": item, "audio_end_ms": 1500},
        {"type": "input_audio_buffer.committed", "item_id": item},
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": item,
            "content_index": 0,
            "transcript": words,
        },
    ]


FIGURES = {
    "endpoint_ms": 512,
    "begun_ms": 0,
    "encoded_ms": 18,
    "first_token_ms": 60,
    "first_codes_ms": 110,
    "first_wave_ms": 230,
    "first_text_ms": 64,
    "first_byte_ms": 231,
}


def answer(item: str, words: str, seconds: float, is_whole: bool = True) -> list[Said]:
    """A reply."""
    response = {"id": f"resp_{item}", "status": "completed", "output": [{"id": item}], "usage": {"output_tokens": 60}}
    told: list[Said] = [
        {"type": "response.created", "response": {**response, "status": "in_progress"}},
        {"type": "response.output_audio_transcript.delta", "item_id": item, "delta": words},
    ]
    if seconds:
        told.append({"type": "response.output_audio.delta", "item_id": item, "delta": sound(seconds)})
        told.append({"type": "response.output_audio.done", "item_id": item})
    done = {"type": "response.done", "response": response, "antiphon": {"figures": FIGURES}}
    return [*told, done] if is_whole else told


CALL = {"type": "response.function_call_arguments.done", "call_id": "call_1", "name": "clock"}
MOMENT = {"type": "page.pause", "s": 0.24}  # as long as the figures say
BEFORE = [*heard("u1", "what is the capital of france?"), MOMENT, *answer("a1", "the capital of france is paris.", 0.2)]
ASKED = heard("u2", "what time is it?")
LONG = "it is fourteen thirty five on a friday."
PAUSE = {"type": "page.pause", "s": 1.2}  # what was said is played first

SCENES: dict[str, list[Said]] = {
    "idle": [],
    "listening": [*BEFORE, PAUSE],
    "hearing": [*BEFORE, PAUSE, ASKED[0]],
    "speculating": [*BEFORE, PAUSE, ASKED[0]],
    "thinking": [*BEFORE, PAUSE, *ASKED],
    "tool": [
        *BEFORE,
        PAUSE,
        *ASKED,
        *answer("a2", "let me check.", 0.1, is_whole=False),
        {**CALL, "arguments": '{"what": "time"}'},
        PAUSE,
    ],
    "speaking": [*BEFORE, PAUSE, *ASKED, MOMENT, *answer("a2", LONG, 6)],
    "interrupted": [*BEFORE, PAUSE, *ASKED, MOMENT, *answer("a2", LONG, 6, is_whole=False)],
}


COMPARE = "compare"
ANSWERS = {
    "transcribe": "what is the capital of france?",
    "translate_zh": "法国的首都是哪里？",
    "analyse": "The speaker is a woman of about thirty. The voice is high, she speaks slowly, and she sounds calm. "
    "You can hear a clock in the room.",
    "talk": "The capital of France is Paris.",
}


def answer_files(route: Route) -> None:
    """Be the server of questions about recordings."""
    asked = route.request.post_data_json
    system = asked["messages"][0]["content"]
    task = next(name for name in ANSWERS if PROMPTS[name].system == system)
    is_spoken = "audio" in asked["modalities"] if "modalities" in asked else False
    delta = {"audio": {"transcript": ANSWERS[task], "data": sound(2)}} if is_spoken else {"content": ANSWERS[task]}
    route.fulfill(content_type="text/event-stream", body=f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n")


def compare(page: Page, voice: Path) -> None:
    """Two recordings and four tasks, answered."""
    page.click("#to-compare")
    page.set_input_files("#recordings", [voice, voice.with_name("voice.wav")])
    for task in ANSWERS:
        page.check(f"#tasks [value={task}]")
    page.click("#ask")
    expect(page.locator("article[data-state=done]")).to_have_count(2 * len(ANSWERS), timeout=30_000)
    page.wait_for_timeout(500)


def play(context: BrowserContext, state: str) -> None:
    """Be the server of one scene."""
    begun: dict[str, float] = {}

    def serve(socket: WebSocketRoute) -> None:
        def told(message: str | bytes) -> None:
            event = json.loads(message)
            if event["type"] == "session.update":
                socket.send(json.dumps({"type": "session.updated", "session": {**event["session"], "id": "sess_1"}}))
            elif event["type"] == "conversation.item.retrieve":
                kept = {"id": "a2", "content": [{"type": "output_audio", "transcript": "it is fourteen "}]}
                socket.send(json.dumps({"type": "conversation.item.retrieved", "item": kept}))
            elif event["type"] == "input_audio_buffer.append" and left:
                begun.setdefault("at", monotonic())
                while left and left[0]["type"] != "page.pause":
                    socket.send(json.dumps(left.pop(0)))
                    begun["at"] = monotonic()
                if left and monotonic() - begun["at"] > left[0]["s"]:
                    left.pop(0)

        left = list(SCENES.get(state, []))
        socket.on_message(told)
        socket.send(json.dumps({"type": "session.created", "session": {}}))

    lists(context)
    context.route("**/v1/chat/completions", answer_files)
    context.route_web_socket("**/v1/realtime", serve)
    name = 'antiphon_speculation_total{outcome="started"}'
    begun_ones = count() if state == "speculating" else repeat(0)
    context.route("**/metrics", lambda route: route.fulfill(body=f"{name} {next(begun_ones)}\n"))


# The page's clock stands still from when it is in a state that passes.
FREEZE = """
(state) => {
  const badge = document.getElementById("state");
  new MutationObserver(() => {
    if (badge.dataset.state !== state) return;
    const at = performance.now();
    performance.now = () => at;
  }).observe(badge, { attributeFilter: ["data-state"] });
}
"""


def take(page: Page, state: str) -> None:
    """Bring the page into a state."""
    if state == "idle":
        return
    if state in ("tool", "interrupted"):
        page.evaluate(FREEZE, state)
    page.click("#talk")
    badge = page.locator("#state")
    if state == "interrupted":
        page.locator("#said li[data-kind=user]").nth(1).wait_for()
        expect(badge).to_have_attribute("data-state", "speaking", timeout=30_000)
        page.locator("#said mark").wait_for()
        page.wait_for_timeout(1200)
        page.keyboard.press("Escape")
        page.locator("#said s").wait_for()
        return
    if state == "listening":
        page.wait_for_timeout(3000)
    else:
        page.locator("#said li[data-kind=user]").nth(1).wait_for()
    expect(badge).to_have_attribute("data-state", state, timeout=30_000)
    page.wait_for_timeout(1500 if state == "speaking" else 200)


def picture(browser: Browser, state: str, size: str, theme: str, address: str, voice: Path) -> None:
    """One file."""
    width, height = SIZES[size]
    viewport: ViewportSize = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, locale="en-GB")
    play(context, state)
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(address)
    expect(page.locator("#talk")).to_have_text("Talk")
    if state == COMPARE:
        compare(page, voice)
    else:
        take(page, state)
    page.screenshot(path=FOLDER / f"{state}-{size}-{theme}.png")
    context.close()


def main() -> None:
    """All of them, or those whose names begin with one of what is given."""
    voice = Path(__file__).parents[2] / "src" / "antiphon" / "presets" / "nano" / "question.wav"
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = tuple(sys.argv[1:]) or ("",)
    with serving() as address, sync_playwright() as playwright, launched(playwright, voice) as browser:
        for state, size, theme in product((*SCENES, COMPARE), SIZES, THEMES):
            if f"{state}-{size}-{theme}".startswith(wanted):
                picture(browser, state, size, theme, address, voice)


if __name__ == "__main__":
    main()
