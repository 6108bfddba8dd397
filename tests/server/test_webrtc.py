"""Calls over WebRTC, from the other end of the line: nano hears by Opus, answers by Opus, and stops when it is cut."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiortc")

from antiphon.audio.wave import Audio  # noqa: E402

from .running import Running  # noqa: E402
from .webrtc_client import Caller, called  # noqa: E402

ENDED = "response.done"


def talked(server: Running, talk: Callable[[Caller], Coroutine[Any, Any, None]]) -> Caller:
    """A whole call."""

    async def call() -> Caller:
        async with called(server) as caller:
            await talk(caller)
            return caller

    return asyncio.run(call())


def test_a_spoken_question_is_answered_aloud(server: Running, nano: Path) -> None:
    async def talk(caller: Caller) -> None:
        caller.microphone.say(Audio.read(nano / "question.wav"))
        await caller.until("input_audio_buffer.speech_started")
        await caller.until("output_audio_buffer.started")
        done = await caller.until(ENDED)
        assert done["response"]["status"] == "completed"
        assert "paris" in done["response"]["output"][0]["content"][0]["transcript"]
        await caller.until("output_audio_buffer.stopped")

    caller = talked(server, talk)
    kinds = [event["type"] for event in caller.seen]
    assert "response.output_audio.delta" not in kinds  # sound comes by the track
    assert caller.loudness(last=150) > 0.05


def test_who_clears_the_buffer_hears_nothing_more(server: Running) -> None:
    async def talk(caller: Caller) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "what is your name?"}]}
        caller.send("conversation.item.create", item=item)
        caller.send("response.create")
        await caller.until("output_audio_buffer.started")
        await caller.until(ENDED)
        caller.send("output_audio_buffer.clear")
        await caller.until("output_audio_buffer.cleared")
        cut = await caller.until("conversation.item.truncated")
        assert cut["audio_end_ms"] < 2000
        await asyncio.sleep(1.0)
        assert caller.loudness(last=10) < 0.001

    talked(server, talk)


def test_hanging_up_ends_the_session(server: Running) -> None:
    async def talk(caller: Caller) -> None:
        hung = await asyncio.to_thread(server.ask, "POST", f"{caller.place}/hangup")
        assert hung.status == 200
        for _ in range(100):
            if caller.peer.connectionState in ("closed", "failed") or caller.channel.readyState == "closed":
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the call goes on")

    caller = talked(server, talk)
    assert server.ask("POST", f"{caller.place}/hangup").status == 404


@pytest.mark.parametrize("offer", ["", "hello", "v=0\r\n", "x" * 200_000])
def test_what_is_no_offer_is_refused(server: Running, offer: str) -> None:
    answer = server.ask("POST", "/v1/realtime/calls", offer, {"content-type": "application/sdp"})
    assert answer.status == 400 and "offer" in answer.error["message"]
