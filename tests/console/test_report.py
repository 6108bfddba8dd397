"""The report of an evaluation in a real browser: 2,000 items from a file, few of them painted, in two languages."""

import json
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, Playwright, expect

from antiphon.audio.wave import Audio
from antiphon.eval.benchmark import Answer
from antiphon.eval.benchmarks.asking import LISTEN, heard_item
from antiphon.eval.benchmarks.catalogue import chosen
from antiphon.eval.folder import Folder, Run
from antiphon.eval.items import Sound
from antiphon.eval.report.write import write_report
from antiphon.eval.scoring import Scored
from tests.eval.test_suite import Unheard

from .browser import PATIENCE_MS, chromium

ITEMS, NAME = 2000, "asr.manifest"
MOST_ROWS = 60  # that a window of 800 pixels shows, and those above and below which are ready
MEGABYTE = 1_000_000
FRAMES = """
async () => {
  const list = document.getElementById("list"), gaps = [], rows = [];
  let last = performance.now();
  for (let step = 0; step < 60; step++) {
    list.scrollTop = step * (list.scrollHeight - list.clientHeight) / 59;
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    gaps.push(performance.now() - last); last = performance.now();
    rows.push(document.querySelectorAll("#list .row").length);
  }
  return [Math.max(...rows), gaps.sort((a, b) => a - b)[30]];
}
"""

pytestmark = pytest.mark.console
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of many items, each with a recording that was heard and one that was said."""
    place = tmp_path_factory.mktemp("report")
    (place / "run" / "audio").mkdir(parents=True)
    for name in ("heard.wav", "run/audio/said.wav"):
        Audio(torch.sin(torch.arange(24_000) ** 1.2)[None] * 0.3, 16_000).write(place / name)
    (bench,) = chosen([NAME])
    rows, answers = [], []
    for number in range(ITEMS):
        words = [f"word{number * step % 997}" for step in range(1, 15)]
        sound = Sound(path=str(place / "heard.wav"), sha256="0", end_s=1.5 - number / 4000, seconds=1.0)
        item = heard_item(f"item-{number:04d}", sound, LISTEN, " ".join(words), "en")
        answer = Answer(texts=(" ".join(words[: 14 - number % 9]),), audio=("said.wav",))
        rows.append(bench.scorer.verdict(item, answer, Unheard()))
        answers.append(answer)
    results = tuple(bench.scorer.results(rows))
    scored = Scored(bench, tuple(rows), tuple(answers), results, 0, 0, 0, ())
    folder = Folder(place / "run")
    folder.begin(Run(model="oracle", fingerprint="0" * 64, benches=(NAME,)))
    return write_report(place / "html", folder, {NAME: scored}, with_audio=False)


def opened(page: Page, path: Path) -> list[str]:
    """The listening page, opened as a file; what goes wrong in it is kept."""
    faults = list[str]()
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(request.url))
    page.goto((path.parent / f"{NAME}.html").as_uri())
    return faults


def test_many_items_are_small_and_few_are_painted(playwright: Playwright, report: Path) -> None:
    size = sum(path.stat().st_size for path in report.parent.rglob("*") if path.is_file())
    assert size < 10 * MEGABYTE and not list(report.parent.rglob("*.wav"))
    with chromium(playwright) as context:
        page = context.new_page()
        faults = opened(page, report)
        expect(page.locator("#count")).to_have_text(f"{ITEMS} of {ITEMS}")
        most, gap_ms = page.evaluate(FRAMES)
        print(f"{size / MEGABYTE:.1f} MB; at most {most} rows painted, {gap_ms:.1f} ms a step of two frames")
        assert 10 < most <= MOST_ROWS
        assert page.locator("#list .row").last.get_attribute("aria-posinset") == str(ITEMS)
        assert not faults


def test_items_by_keyboard_are_worst_first_and_overruled(playwright: Playwright, report: Path, tmp_path: Path) -> None:
    with chromium(playwright, accept_downloads=True) as context:
        page = context.new_page()
        faults = opened(page, report)
        first = page.locator("#detail h2").inner_text()
        assert int(first.removeprefix("item-")) % 9 == 8, "eight of fourteen words are missing"
        page.locator("#list").focus()
        page.keyboard.press("PageDown")
        page.keyboard.press("j")
        expect(page.locator("#list [aria-selected=true]")).to_have_attribute("aria-posinset", "12")
        page.keyboard.press("1")
        expect(page.locator("#detail .verdict")).to_have_text("right, by you")
        judged = page.locator("#detail h2").inner_text()
        with page.expect_download() as download:
            page.click("#save")
        download.value.save_as(tmp_path / "overrides.jsonl")
        row = json.loads((tmp_path / "overrides.jsonl").read_text(encoding="utf-8"))
        assert (row["bench"], row["id"], row["right"]) == (NAME, judged, True)
        page.fill("#find", "item-0042")
        expect(page.locator("#count")).to_have_text(f"1 of {ITEMS}")
        assert not faults


def test_the_pages_in_both_languages_and_colours(playwright: Playwright, report: Path) -> None:
    with chromium(playwright) as context:
        page = context.new_page()
        faults = opened(page, report)
        english, light = page.locator("body").inner_text(), page.evaluate("getComputedStyle(document.body).color")
        page.select_option("#language", "zh")
        expect(page.locator("#save")).to_have_text("保存您的评判")
        chinese = page.locator("body").inner_text()
        assert "应说" in chinese and "instruction" in english and "instruction" not in chinese
        assert page.locator("#list").get_attribute("aria-label") == "题目，最差的在前"
        page.goto(report.as_uri())
        expect(page.locator("nav")).to_have_attribute("aria-label", "评测项目")
        assert page.locator("html").get_attribute("lang") == "zh-Hans", "the choice is kept from page to page"
        page.emulate_media(color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).color") != light and not faults
