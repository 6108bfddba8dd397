"""What the page holds and how soon it is there: two hundred turns, and a first load from this machine."""

from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import CDPSession, Playwright, expect

from .browser import Console, chromium, events
from .played import Answering, Said, lists, play, sound

TURNS = 200
SETTLED = 40  # turns after which the latest that is kept is full, and everything that is made once is there
READINGS, PAUSE_MS = 8, 250
GROWTH = 1.10
NOT_COMPILED = "--js-flags=--jitless"  # machine code is in the heap, too: it grows for a minute, whatever is held
USABLE_MS = 1000

# Writes, and waits until the answer to it is there and has sounded; so many times.
HOLD = """
async ([first, last]) => {
  const idle = () => document.getElementById("state").dataset.state === "idle";
  const words = () => [...document.querySelectorAll("#said li[data-kind=answer] p")].at(-1)?.textContent;
  for (let turn = first; turn <= last; turn++) {
    document.getElementById("words").value = `question ${turn}`;
    document.getElementById("write").requestSubmit();
    while (words() !== `answer ${turn}.` || !idle()) await new Promise((done) => setTimeout(done, 20));
  }
}
"""

pytestmark = pytest.mark.console


def heap(console: Console, session: CDPSession) -> float:
    """Bytes of the page's objects that something still holds: the least of some readings.

    What a frame or a message that is under way holds for a moment comes and goes between them, and what a blob held is
    free only a task after the blob is; what is kept for good is in every one.
    """
    sizes = list[float]()
    for _ in range(READINGS):
        console.page.wait_for_timeout(PAUSE_MS)
        session.send("HeapProfiler.collectGarbage")
        sizes.append(float(session.send("Runtime.getHeapUsage")["usedSize"]))
    return min(sizes)


def spoken() -> Answering:
    """Spoken answers, each with its words, its sound, its figures."""
    answer = sound(0.06)
    number = 0

    def answering(event: Said, tell: Callable[[Said], None]) -> None:
        nonlocal number
        if event["type"] != "response.create":
            return
        number += 1
        item, reply = f"item_{number}", f"resp_{number}"
        tell({"type": "response.created", "response": {"id": reply}})
        tell({"type": "response.output_audio_transcript.delta", "item_id": item, "delta": f"answer {number}."})
        tell({"type": "response.output_audio.delta", "response_id": reply, "item_id": item, "delta": answer})
        tell({"type": "response.output_audio.done", "item_id": item})
        response = {"id": reply, "status": "completed", "output": [{"id": item}], "usage": {"output_tokens": 9}}
        tell({"type": "response.done", "response": response, "antiphon": {"figures": {"first_byte_ms": 40}}})

    return answering


@pytest.mark.slow
def test_two_hundred_turns_do_not_grow_the_heap(playwright: Playwright, page_alone: str) -> None:
    with chromium(playwright, None, NOT_COMPILED) as context:
        play(context, spoken())
        console = Console.open(context, page_alone)
        session = context.new_cdp_session(console.page)
        console.page.evaluate("() => (document.getElementById('waves').hidden = true)")  # a picture, drawn all the time
        console.page.evaluate(HOLD, [1, SETTLED])
        before = heap(console, session)
        console.page.evaluate(HOLD, [SETTLED + 1, SETTLED + TURNS])
        after = heap(console, session)
        assert after < before * GROWTH, f"{before / 1e6:.2f} MB became {after / 1e6:.2f} MB"
        assert console.faults == []


def test_what_is_old_is_found_and_saved(playwright: Playwright, page_alone: str, tmp_path: Path) -> None:
    """The log shows the latest; what was long ago is found by a word, opened, and in the file."""
    turns = 45
    with chromium(playwright) as context:
        play(context, spoken())
        console = Console.open(context, page_alone)
        console.page.evaluate(HOLD, [1, turns])
        happenings = console.session(tmp_path / "session.json")
        assert len(happenings) > 450 and [one["at"] for one in happenings] == sorted(one["at"] for one in happenings)
        written = [event["text"] for event in events(happenings, "page.wrote")]
        assert written == [f"question {turn}" for turn in range(1, turns + 1)]
        assert len(events(happenings, "response.done")) == turns
        console.look("events")
        lines = console.page.locator("#log li")
        expect(lines).to_have_count(300)
        console.page.fill("#filter", '"answer 2."')
        expect(lines).to_have_count(1)
        lines.locator("summary").click()
        expect(lines.locator("pre")).to_contain_text('"item_id": "item_2"')
        console.page.fill("#filter", "")
        expect(lines).to_have_count(300)
        assert console.faults == []


def test_it_is_usable_within_a_second(playwright: Playwright, page_alone: str) -> None:
    """From the first byte asked for to the button that can be pressed: the middle one of five loads."""
    times = list[float]()
    with chromium(playwright) as context:
        lists(context)
        for _ in range(5):
            console = Console.open(context, page_alone)
            times.append(float(console.page.evaluate("() => performance.getEntriesByName('usable')[0].startTime")))
            console.page.close()
    assert median(times) < USABLE_MS, times
