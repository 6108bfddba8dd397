"""What every client is put through, and how it reports; the standard library alone, for each has its own environment.

    answer   a spoken question, answered aloud            tool     a function called, its result spoken
    memory   two turns, the second about the first        cut      the user speaks over a reply

A driver is started with the server's address and a folder of recordings (PCM16, 24 kHz), and prints one JSON object.
"""

import argparse
import asyncio
import itertools
import json
import sys
import time
from array import array
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

RATE = 24_000
CHUNK_MS = 100
BYTES_PER_S = RATE * 2
CHUNK = BYTES_PER_S * CHUNK_MS // 1000
SILENCE = bytes(CHUNK)
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


class Microphone:
    """What is said, a tenth of a second at a time, and silence where nothing is: a microphone never stops."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._send, self._chunks = send, deque[bytes]()

    async def __aenter__(self) -> "Microphone":
        self._task = asyncio.ensure_future(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def say(self, sound: bytes) -> None:
        """Speak a recording, to its end."""
        sound += bytes(-len(sound) % CHUNK)
        self._chunks.extend(sound[i : i + CHUNK] for i in range(0, len(sound), CHUNK))
        await until("the microphone", lambda: not self._chunks or self._task.done())
        if self._task.done():
            await self._task  # it failed

    async def _run(self) -> None:
        begun = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(begun + number * CHUNK_MS / 1000 - time.monotonic())
            await self._send(self._chunks.popleft() if self._chunks else SILENCE)


class Loudspeaker:
    """Plays what comes, one piece after another, by the clock."""

    def __init__(self) -> None:
        self.sound = b""
        self._ends = 0.0

    @property
    def is_playing(self) -> bool:
        return time.monotonic() < self._ends

    def play(self, sound: bytes) -> None:
        self._ends = max(self._ends, time.monotonic()) + len(sound) / BYTES_PER_S
        self.sound += sound

    def stop(self) -> None:
        """What was not played never is."""
        self._ends = 0.0

    def heard_ms(self, since: int) -> int:
        """How much has sounded of what came behind the first `since` bytes."""
        left = max(self._ends - time.monotonic(), 0.0)
        return max(int((len(self.sound) - since) / BYTES_PER_S * 1000 - left * 1000), 0)

    def report(self, words: str, since: int = 0) -> dict[str, Any]:
        """The words of a reply, and its sound: how long, and how loud at most (1 is full scale)."""
        samples = array("h", self.sound[since:])
        return {"words": words, "seconds": len(samples) / RATE, "peak": max(map(abs, samples), default=0) / 32_768}


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
