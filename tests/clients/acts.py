"""What every client is put through, and how it reports; the standard library alone, for each has its own environment.

    answer   a spoken question, answered aloud            tool     a function called, its result spoken
    memory   two turns, the second about the first        cut      the user speaks over a reply

A driver is started with the server's address and a folder of recordings (PCM16, 24 kHz), and prints one JSON object.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

RATE = 24_000
CHUNK_MS = 100
CHUNK = RATE * 2 * CHUNK_MS // 1000  # bytes
SILENCE = bytes(CHUNK)
AFTER_S = 1.0  # of silence behind a question
PATIENCE_S = 240.0  # for anything to happen, on a machine with other work
RESULT = "Friday 20 November 2026 14:35"
CLOCK = {
    "type": "object",
    "properties": {"what": {"type": "string", "enum": ["time", "day", "date"]}},
    "required": ["what"],
}
ABOUT_CLOCK = "Tell the date and the time."


class Stage:
    """The recordings, and what is reported."""

    def __init__(self, url: str, key: str, sounds: Path) -> None:
        self.url, self.key, self.sounds = url, key, sounds

    @property
    def websocket_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    def sound(self, name: str) -> bytes:
        return (self.sounds / f"{name}.pcm").read_bytes()


async def speak(send: Callable[[bytes], Awaitable[None]], sound: bytes, after_s: float = AFTER_S) -> None:
    """A recording as a microphone sends it: a tenth of a second at a time, silence behind."""
    sound += bytes(-len(sound) % CHUNK)
    chunks = [sound[i : i + CHUNK] for i in range(0, len(sound), CHUNK)]
    begun = time.monotonic()
    for number, chunk in enumerate([*chunks, *[SILENCE] * int(after_s * 1000 / CHUNK_MS)]):
        await asyncio.sleep(begun + number * CHUNK_MS / 1000 - time.monotonic())
        await send(chunk)


async def until(what: str, happened: Callable[[], bool]) -> None:
    """Wait for something."""
    ends = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > ends:
            raise TimeoutError(f"nothing in {PATIENCE_S:.0f} s: {what}")
        await asyncio.sleep(0.02)


def play(drive: Callable[[Stage], Awaitable[dict[str, object]]]) -> None:
    """Run a driver, print its report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("sounds", type=Path)
    given = parser.parse_args()
    report = asyncio.run(drive(Stage(given.url, given.key, given.sounds)))
    json.dump(report, sys.stdout)
