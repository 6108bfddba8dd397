"""The realtime socket with nano behind it. Most is written, which is quick; one turn is spoken."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from antiphon.audio.wave import Audio
from antiphon.server.protocol.formats import Pcmu, decode, encode
from antiphon.tools.clock import FUNCTION

from .running import Running
from .socket_client import Socket, opened

WRITTEN = {"type": "realtime", "output_modalities": ["text"]}
CLOCK = {"type": "function", **FUNCTION}
PARIS = "the capital of france is paris."


@pytest.fixture
def socket(server: Running) -> Any:
    with opened(server) as found:
        found.ask("session.update", "session.updated", session=WRITTEN)
        yield found


def answered(socket: Socket, **wish: Any) -> list[dict[str, Any]]:
    socket.send("response.create", response=wish)
    return socket.until("response.done")


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


def test_a_reply_is_told_in_order(socket: Socket) -> None:
    socket.write("what is the capital of france?")
    events = answered(socket, metadata={"mine": "7"})
    kinds = [event["type"] for event in events]
    deltas = kinds.count("response.output_text.delta")
    assert kinds == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * deltas,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert text_of(events) == PARIS and deltas > 3
    response = events[-1]["response"]
    assert response["status"] == "completed"
    assert response["metadata"] == {"mine": "7"} == events[0]["response"]["metadata"]
    assert response["output"][0]["content"] == [{"type": "output_text", "text": PARIS}]
    assert response["usage"]["output_tokens"] >= deltas and response["usage"]["input_tokens"] > 10
    assert socket.take()["type"] == "rate_limits.updated"
    item = socket.ask("conversation.item.retrieve", "conversation.item.retrieved", item_id=response["output"][0]["id"])
    assert item["item"] == response["output"][0]
    assert len({event["event_id"] for event in socket.seen}) == len(socket.seen)


def test_a_tool_is_called_and_its_result_is_told(socket: Socket) -> None:
    socket.ask("session.update", "session.updated", session={"tools": [CLOCK]})
    socket.write("what time is it?")
    events = answered(socket)
    (told,) = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    assert told["name"] == "clock" and json.loads(told["arguments"]) == {"what": "time"}
    call = events[-1]["response"]["output"][-1]
    assert (call["type"], call["call_id"], call["arguments"]) == ("function_call", told["call_id"], told["arguments"])
    result = {"type": "function_call_output", "call_id": told["call_id"], "output": "Friday 20 November 2026 14:35"}
    socket.ask("conversation.item.create", "conversation.item.done", item=result)
    assert "fourteen thirty five" in text_of(answered(socket))
    assert told["arguments"] not in text_of(answered(socket, tool_choice="none"))


def test_items_come_go_and_change_the_answer(socket: Socket) -> None:
    first = socket.write("what is the capital of france?", id="mine")
    assert first["id"] == "mine"
    second = socket.write("hello")
    assert socket.ask("conversation.item.delete", "conversation.item.deleted", item_id=second["id"])
    assert text_of(answered(socket)) == PARIS
    aside = answered(socket, conversation="none", input=[{"type": "item_reference", "id": "mine"}])
    assert text_of(aside) == PARIS and aside[-1]["response"]["conversation_id"] is None
    assert not [event for event in aside if event["type"].startswith("conversation.item")]


def test_what_cannot_be_is_one_error_and_the_session_goes_on(socket: Socket) -> None:
    socket.write("hello", id="mine")
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}], "id": "mine"}
    picture = {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}
    orphan = {"type": "function_call_output", "call_id": "call_none", "output": ""}
    nothing = socket.error("response.cancel")
    assert nothing["message"].startswith("Cancellation failed")  # which LiveKit looks for
    codes = [
        nothing["code"],
        socket.error("conversation.item.retrieve", item_id="item_none")["code"],
        socket.error("conversation.item.delete", item_id="item_none")["code"],
        socket.error("conversation.item.create", item=item)["code"],
        socket.error("conversation.item.create", item=orphan)["code"],
        socket.error("conversation.item.create", item=picture)["code"],
        socket.error("conversation.item.truncate", item_id="mine", content_index=0, audio_end_ms=5)["code"],
        socket.error("input_audio_buffer.commit")["code"],
        socket.error("output_audio_buffer.clear")["code"],
        socket.error("session.update", session={"tools": [{"type": "mcp", "server_label": "other"}]})["code"],
    ]
    assert codes[:4] == [
        "response_cancel_not_active",
        "item_retrieve_invalid_item_id",
        "item_delete_invalid_item_id",
        "item_create_duplicate_item_id",
    ]
    assert codes[7] == "input_audio_buffer_commit_empty" and None not in codes
    assert text_of(answered(socket))


def test_one_reply_at_a_time_and_it_can_be_cancelled(socket: Socket) -> None:
    socket.write("what is the capital of france?")
    socket.send("response.create")
    socket.send("response.create", event_id="second")
    error = socket.until("error")[-1]["error"]
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "second")
    if socket.seen[-1]["type"] != "response.done":
        socket.send("response.cancel")
    done = socket.until("response.done")[-1]["response"]
    assert done["status"] in ("cancelled", "completed")
    if done["status"] == "cancelled":
        assert done["status_details"]["reason"] == "client_cancelled"


def test_the_older_names(server: Running) -> None:
    with opened(server, OpenAI_Beta="realtime=v1") as socket:
        updated = socket.ask("session.update", "session.updated", session={"modalities": ["text"], "voice": "x"})
        assert updated["session"]["modalities"] == ["text"] and updated["session"]["voice"] == "x"
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        socket.ask("conversation.item.create", "conversation.item.created", item=item)
        events = answered(socket)
        assert "response.text.delta" in [event["type"] for event in events]
        assert not [event for event in events if event["type"].startswith("response.output_text")]


def test_a_telephone_asks_and_hears_the_answer(server: Running, question: bytes) -> None:
    """G.711, the client's own turns, then a cut: what was not heard is gone."""
    form = {"format": {"type": "audio/pcmu"}}
    audio = {"input": {**form, "turn_detection": None, "transcription": {"model": "whisper-1"}}, "output": form}
    wave = Audio.read(question).first().at(8_000)
    with opened(server) as socket:
        socket.ask("session.update", "session.updated", session={"type": "realtime", "audio": audio})
        socket.append(encode(Pcmu(), _samples(wave)))
        turn = socket.ask("input_audio_buffer.commit", "input_audio_buffer.committed")["item_id"]
        socket.send("response.create")
        events = socket.until("response.done")
        transcripts = [e for e in socket.seen if e["type"].endswith("input_audio_transcription.completed")]
        if not transcripts:
            transcripts = [socket.until("conversation.item.input_audio_transcription.completed")[-1]]
        said = [event for event in events if event["type"] == "response.output_audio.delta"]
        sound = b"".join(base64.b64decode(event["delta"]) for event in said)
        words = "".join(e["delta"] for e in events if e["type"] == "response.output_audio_transcript.delta")
        assert words == PARIS and transcripts[0]["item_id"] == turn and "france" in transcripts[0]["transcript"]
        assert 1.0 < len(sound) / 8_000 < 4.0 and abs(decode(Pcmu(), sound)).max() > 2_000
        assert max(len(event["delta"]) for event in said) < 1 << 16  # far below any client's bound
        place = {"item_id": said[0]["item_id"], "content_index": 0}
        assert socket.error("conversation.item.truncate", **place, audio_end_ms=60_000)["param"] == "audio_end_ms"
        socket.ask("conversation.item.truncate", "conversation.item.truncated", **place, audio_end_ms=900)
        kept = socket.ask("conversation.item.retrieve", "conversation.item.retrieved", item_id=place["item_id"])
        (part,) = kept["item"]["content"]
        assert PARIS.startswith(part["transcript"]) and 3 < len(part["transcript"]) < len(PARIS)


def test_it_speaks_faster_and_what_was_heard_is_counted_at_that_speed(server: Running) -> None:
    pytest.importorskip("av")
    lasted, kept = [], []
    for speed, cut_ms in ((1.0, 900), (1.5, 600)):
        with opened(server) as socket:
            socket.ask("session.update", "session.updated", session={"audio": {"output": {"speed": speed}}})
            socket.write("what is the capital of france?")
            said = [event for event in answered(socket) if event["type"] == "response.output_audio.delta"]
            lasted.append(sum(len(base64.b64decode(event["delta"])) for event in said) // 2)
            place = {"item_id": said[0]["item_id"], "content_index": 0}
            late = lasted[-1] // 24 + 1
            assert socket.error("conversation.item.truncate", **place, audio_end_ms=late)["param"] == "audio_end_ms"
            socket.ask("conversation.item.truncate", "conversation.item.truncated", **place, audio_end_ms=cut_ms)
            item = socket.ask("conversation.item.retrieve", "conversation.item.retrieved", item_id=place["item_id"])
            kept.append(item["item"]["content"][0]["transcript"])
    assert lasted[1] == int(lasted[0] / 1.5)
    assert kept[0] == kept[1] and 3 < len(kept[0]) < len(PARIS)


def test_sessions_and_requests_at_the_same_time_get_what_each_gets_alone(server: Running) -> None:
    questions = ["hello", "who are you?"]

    def spoken(question: str) -> str:
        with opened(server) as socket:
            socket.write(question)
            events = answered(socket)
            return "".join(event["delta"] for event in events if event["type"] == "response.output_audio.delta")

    def requested(question: str) -> str:
        messages = [{"role": "user", "content": question}]
        answer = server.post("/v1/chat/completions", model="m", messages=messages).json
        return str(answer["choices"][0]["message"]["content"])

    alone = [*map(spoken, questions), *map(requested, questions)]
    assert len(set(alone)) == len(alone) and all(alone)
    with ThreadPoolExecutor(4) as pool:
        aloud, written = pool.map(spoken, questions), pool.map(requested, questions)
        assert [*aloud, *written] == alone


def _samples(wave: Audio) -> Any:
    import numpy as np

    return np.frombuffer(wave.to_pcm16(), "<i2").astype(np.int16)
