"""A real Chromium, without a window, whose microphone is a recording; and what the tests do in the page."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

PATIENCE_MS = 90_000  # for anything to happen, on a machine with other work
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WATCH = """
() => {
  const badge = document.getElementById("state");
  window.states = [badge.dataset.state];
  const changed = () => window.states.push(badge.dataset.state);
  new MutationObserver(changed).observe(badge, { attributeFilter: ["data-state"] });
}
"""


@contextmanager
def launched(playwright: Playwright, microphone: Path | None = None, *flags: str) -> Iterator[Browser]:
    """A browser; its microphone plays a recording once, from when it is opened, and without one it is refused."""
    given = ["--no-sandbox", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required", *flags]
    if microphone is not None:
        given += ["--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=given)
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def chromium(
    playwright: Playwright, microphone: Path | None = None, *flags: str, **context: Any
) -> Iterator[BrowserContext]:
    """One window of a browser of its own."""
    with launched(playwright, microphone, *flags) as browser:
        yield browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB", **context)


@dataclass
class Console:
    """The page, opened."""

    page: Page
    faults: list[str]

    @classmethod
    def open(cls, context: BrowserContext, address: str) -> "Console":
        page = context.new_page()
        console = cls(page, [])
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: console.faults.append(str(error)))
        page.goto(address)
        expect(page.locator("#talk")).to_have_text("Talk")
        page.evaluate(WATCH)
        return console

    def write(self, words: str) -> None:
        self.page.fill("#words", words)
        self.page.press("#words", "Enter")

    def reaches(self, state: str) -> None:
        expect(self.page.locator("#state")).to_have_attribute("data-state", state, timeout=PATIENCE_MS)

    def shows(self, selector: str, words: str) -> None:
        expect(self.page.locator(selector).last).to_have_text(words, timeout=PATIENCE_MS)

    @property
    def states(self) -> list[str]:
        """Every state that the badge has shown."""
        return list(self.page.evaluate("() => window.states"))

    @property
    def said(self) -> list[str]:
        return self.page.locator("#said > li").all_inner_texts()

    def look(self, tab: str) -> None:
        self.page.click(f"#tab-{tab}")

    def save(self, button: str, path: Path) -> Path:
        """What a button downloads."""
        self.look("session")
        with self.page.expect_download() as download:
            self.page.click(button)
        download.value.save_as(path)
        return path

    def session(self, path: Path) -> list[dict[str, Any]]:
        """Everything that happened."""
        saved = json.loads(self.save("#save", path).read_text())
        assert saved["kind"] == "antiphon.session"
        return list(saved["happenings"])


def events(happenings: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Those of one type."""
    return [one["event"] for one in happenings if one["event"]["type"] == kind]


def follows(states: list[str], wanted: list[str]) -> bool:
    """Whether `wanted` (one state, or several with `|` of which one is due) were shown in this order, whatever was in
    between."""
    rest = iter(states)
    return all(any(state in one.split("|") for state in rest) for one in wanted)


def peaks(file: Path) -> tuple[float, float]:
    """How loud the two channels of a recording are at most."""
    samples, rate = soundfile.read(file, always_2d=True)
    assert rate == 24_000 and samples.shape[1] == 2
    left, right = abs(samples).max(axis=0)
    return float(left), float(right)
