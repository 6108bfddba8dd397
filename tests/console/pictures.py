"""Pictures of the page in its eight states, at two sizes, in two colours:  python -m tests.console.pictures

A server that is played shows the page what it shows, so that every state stands still; the pictures lie in
`docs/console/`. `make pictures` does it.
"""

import base64
import json
import sys
from collections.abc import Callable
from itertools import count, repeat
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from playwright.sync_api import BrowserContext, Page, Playwright, Route, WebSocketRoute, expect, sync_playwright

from .browser import chromium
from .static import serving

FOLDER = Path(__file__).parents[2] / "docs" / "console"
SIZES = {"desk": (1280, 800), "telephone": (390, 844)}
THEMES = ("light", "dark")

Said = dict[str, Any]


def sound(seconds: float) -> str:
    """Base64 of a tone that swells and fades, so that there is something to see."""
    time = np.arange(int(24_000 * seconds)) / 24_000
    wave = np.sin(2 * np.pi * 180 * time) * np.abs(np.sin(2 * np.pi * 2.2 * time)) * 0.5
    return base64.b64encode((wave * 32_767).astype("<i2").tobytes()).decode()


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
    return [*told, {"type": "response.done", "response": response}] if is_whole else told


CALL = {"type": "response.function_call_arguments.done", "call_id": "call_1", "name": "clock"}
BEFORE = heard("u1", "what is the capital of france?") + answer("a1", "the capital of france is paris.", 0.2)
ASKED = heard("u2", "what time is it?")
LONG = "it is fourteen thirty five on a friday."
PAUSE = {"type": "page.pause"}  # what was said is played first

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
    "speaking": [*BEFORE, PAUSE, *ASKED, *answer("a2", LONG, 6)],
    "interrupted": [*BEFORE, PAUSE, *ASKED, *answer("a2", LONG, 6, is_whole=False)],
}


def given(body: Said) -> Callable[[Route], None]:
    """An answer to every request."""
    return lambda route: route.fulfill(json=body)


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
                while left and left[0] is not PAUSE:
                    socket.send(json.dumps(left.pop(0)))
                    begun["at"] = monotonic()
                if left and monotonic() - begun["at"] > 1.2:
                    left.pop(0)

        left = list(SCENES[state])
        socket.on_message(told)
        socket.send(json.dumps({"type": "session.created", "session": {}}))

    context.route_web_socket("**/v1/realtime", serve)
    name = 'antiphon_speculation_total{outcome="started"}'
    begun_ones = count() if state == "speculating" else repeat(0)
    context.route("**/metrics", lambda route: route.fulfill(body=f"{name} {next(begun_ones)}\n"))
    listed = {"/v1/models": {"data": [{"id": "nano"}]}, "/v1/audio/voices": {"voices": [{"id": "default"}]}}
    for path, body in listed.items():
        context.route(f"**{path}", given(body))


def take(page: Page, state: str) -> None:
    """Bring the page into a state."""
    if state == "idle":
        return
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


def picture(playwright: Playwright, state: str, size: str, theme: str, address: str, voice: Path) -> None:
    """One file."""
    width, height = SIZES[size]
    with chromium(playwright, voice, color_scheme=theme) as context:
        play(context, state)
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.goto(address)
        expect(page.locator("#talk")).to_have_text("Talk")
        take(page, state)
        page.screenshot(path=FOLDER / f"{state}-{size}-{theme}.png")


def main() -> None:
    """All of them, or those whose names begin with what is given."""
    voice = Path(__file__).parents[2] / "src" / "antiphon" / "presets" / "nano" / "question.wav"
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    with serving() as address, sync_playwright() as playwright:
        for state in SCENES:
            for size in SIZES:
                for theme in THEMES:
                    if f"{state}-{size}-{theme}".startswith(wanted):
                        picture(playwright, state, size, theme, address, voice)


if __name__ == "__main__":
    main()
