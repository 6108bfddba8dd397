"""Who comes to a server in a soak: people who talk, and those who stall, vanish and flood.

Each visit is one session, from a connection to its end, whatever that is.
"""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

CHUNK_S, BYTES_PER_S = 0.1, 48_000
CHUNK = int(CHUNK_S * BYTES_PER_S)
PATIENCE_S = 90.0  # for an answer, on a machine with other work
WRITTEN = ("hello", "who are you?", "what is two plus three?", "what is the capital of france?")


class Stuck(Exception):
    """A session did not go on."""


@dataclass
class Visit:
    """One session, as its client sees it."""

    connection: ClientConnection
    question: bytes
    errors: list[dict[str, Any]] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    sound: int = 0  # bytes of the last reply
    item: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def read(self) -> None:
        """Everything that comes."""
        with suppress(ConnectionClosed):
            async for frame in self.connection:
                event = json.loads(frame)
                self.seen[event["type"]] += 1
                if event["type"] == "error":
                    self.errors.append(event["error"])
                elif event["type"] == "response.output_audio.delta":
                    self.sound = self.sound * (event["item_id"] == self.item) + len(event["delta"]) * 3 // 4
                    self.item = event["item_id"]
                self.news.set()

    async def until(self, kind: str, count: int) -> None:
        """So many events of a kind have come."""
        ends_at = asyncio.get_running_loop().time() + PATIENCE_S
        try:
            while self.seen[kind] < count:
                self.news.clear()
                await asyncio.wait_for(self.news.wait(), ends_at - asyncio.get_running_loop().time())
        except asyncio.TimeoutError:
            raise Stuck(f"{count} times {kind} did not come within {PATIENCE_S:.0f} s: {dict(self.seen)}") from None

    async def append(self, sound: bytes) -> None:
        await self.send("input_audio_buffer.append", audio=base64.b64encode(sound).decode())

    async def say(self, sound: bytes, silence_s: float = 1.0) -> None:
        """Speak, by the clock."""
        sound += bytes(int(silence_s / CHUNK_S) * CHUNK)
        begun = asyncio.get_running_loop().time()
        for number in range(0, len(sound), CHUNK):
            await self.append(sound[number : number + CHUNK])
            await asyncio.sleep(begun + (number // CHUNK + 1) * CHUNK_S - asyncio.get_running_loop().time())

    async def speak(self) -> None:
        """A spoken turn, and its answer."""
        done = self.seen["response.done"]
        await self.say(self.question)
        await self.rest()
        await self.until("response.done", done + 1)

    async def rest(self) -> None:
        """Be silent, for a microphone never stops, until every turn has ended and every reply is done."""
        quiet, ends_at = 0, asyncio.get_running_loop().time() + PATIENCE_S
        while quiet < 10:
            await self.say(bytes(CHUNK), 0.0)
            turns = self.seen["input_audio_buffer.speech_started"] - self.seen["input_audio_buffer.speech_stopped"]
            replies = self.seen["response.created"] - self.seen["response.done"]
            quiet = 0 if turns or replies else quiet + 1
            if asyncio.get_running_loop().time() > ends_at:
                raise Stuck(f"turns and replies did not end within {PATIENCE_S:.0f} s: {dict(self.seen)}")

    async def write(self, text: str) -> None:
        """A written turn, and its answer."""
        done = self.seen["response.done"]
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.send("conversation.item.create", item=item)
        await self.send("response.create")
        await self.until("response.done", done + 1)

    async def interrupt(self) -> None:
        """Speak into a reply, as well-behaved clients do: what was heard of it is told."""
        deltas = self.seen["response.output_audio.delta"]
        await self.say(self.question)
        await self.until("response.output_audio.delta", deltas + 1)
        begun = self.seen["input_audio_buffer.speech_started"]
        await self.say(self.question, 0.0)
        if self.seen["input_audio_buffer.speech_started"] > begun:
            heard_ms = min(self.sound * 1000 // BYTES_PER_S, 200)
            await self.send("conversation.item.truncate", item_id=self.item, content_index=0, audio_end_ms=heard_ms)
        await self.say(b"")
        await self.rest()


@asynccontextmanager
async def visit(address: str, question: bytes) -> AsyncIterator[Visit]:
    """A session, from its beginning to its polite end."""
    async with connect(address, max_size=None, open_timeout=PATIENCE_S, ping_interval=None) as connection:
        guest = Visit(connection, question)
        reader = asyncio.ensure_future(guest.read())
        try:
            await guest.until("session.created", 1)
            yield guest
        finally:
            reader.cancel()


async def talks(address: str, question: bytes, chance: Random) -> str:
    """Somebody well-behaved. Raises AssertionError for any error event, Stuck for an answer that does not come."""
    async with visit(address, question) as guest:
        for _ in range(chance.randint(2, 6)):
            act = chance.random()
            if act < 0.6:
                await guest.speak()
            elif act < 0.8:
                await guest.write(chance.choice(WRITTEN))
            else:
                await guest.interrupt()
            await asyncio.sleep(chance.uniform(0, 2))
        assert not guest.errors, guest.errors
    return "talked"


async def vanishes(address: str, question: bytes, chance: Random) -> str:
    """Somebody whose connection breaks, at any time."""
    async with visit(address, question) as guest:
        turn = asyncio.ensure_future(guest.speak())
        await asyncio.sleep(chance.uniform(0.2, 6))
        turn.cancel()
        guest.connection.transport.abort()
    return "vanished"


async def stalls(address: str, question: bytes, chance: Random) -> str:
    """Somebody who asks for a lot and reads nothing for a while."""
    async with connect(address, max_size=None, ping_interval=None, max_queue=1) as connection:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": chance.choice(WRITTEN)}]}
        with suppress(ConnectionClosed):
            for _ in range(chance.randint(1, 30)):
                await connection.send(json.dumps({"type": "conversation.item.create", "item": item}))
                await connection.send(json.dumps({"type": "response.create"}))
            await asyncio.sleep(chance.uniform(1, 25))
        connection.transport.abort()
    return "stalled"


async def floods(address: str, question: bytes, chance: Random) -> str:
    """Somebody who sends more than anyone can say, and what nobody understands."""
    async with visit(address, question) as guest:
        with suppress(ConnectionClosed):
            for _ in range(chance.randint(10, 60)):
                act = chance.random()
                if act < 0.4:
                    await guest.append(question * chance.randint(1, 4))
                elif act < 0.6:
                    await guest.connection.send(chance.randbytes(chance.randint(1, 4_000)))
                elif act < 0.8:
                    await guest.send(chance.choice(["response.create", "response.cancel", "input_audio_buffer.commit"]))
                else:
                    await guest.send("conversation.item.create", item={"type": "message", "role": "nobody"})
            await asyncio.sleep(chance.uniform(0, 3))
    return "flooded"


async def seat(guests: list[Any], address: str, question: bytes, chance: Random, until_s: float) -> Counter[str]:
    """One guest after another, in turn, until a moment of the loop's clock; what they did."""
    done: Counter[str] = Counter()
    for guest in cycle(guests):
        if asyncio.get_running_loop().time() >= until_s:
            break
        try:
            done[await guest(address, question, chance)] += 1
        except (ConnectionClosed, InvalidStatus, OSError):
            if guest is talks:
                raise
            done["refused"] += 1
    return done
