"""Whatever is sent: one error of the right shape, nothing opened, nobody else disturbed."""

import asyncio
import base64
import http.client
import io
import json
import sys
import wave
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed

from antiphon.server.guard import Caller
from antiphon.server.protocol.client_events import KINDS
from antiphon.server.protocol.refusal import Refusal
from antiphon.server.realtime import MOST_WAITING, TRY_LATER, Connection
from antiphon.server.sound import read_sound

from .running import Running
from .socket_client import Socket, opened

CHAT = "/v1/chat/completions"
PLACES = ["/etc/passwd", "file:///etc/passwd", "http://169.254.169.254/latest", "../../etc/passwd", "\\\\host\\share",
          "concat:/etc/passwd", "https://example.org/a.wav", "data:audio/wav;base64,/etc/passwd%"]  # fmt: skip


def wav(samples: np.ndarray, rate: int = 16_000, form: str = "WAV", subtype: str | None = None) -> bytes:
    held = io.BytesIO()
    soundfile.write(held, samples, rate, format=form, subtype=subtype)
    return held.getvalue()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"model": 1}', b'{"model":"m"}', b'{"model":"m","messages":[]}',
     b'{"model":"m","messages":[{"role":"king","content":"a"}]}', b"[" * 100_000, b'{"a":' * 99 + b"1" + b"}" * 99,
     b'{"model":"m","messages":[{"role":"user","content":"a"}],"n":2}',
     b'{"model":"m","messages":[{"role":"user","content":"a"}],"modalities":["audio"]}',
     b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}',
     b'{"model":"m","messages":[{"role":"assistant","audio":{"id":"audio_none"}}]}',
     b'{"model":"m","messages":[{"role":"user","content":"a"}],"tool_choice":"required"}'],
)  # fmt: skip
def test_broken_bodies(gate: Running, body: bytes) -> None:
    answer = gate.ask("POST", CHAT, body)
    assert answer.status in (400, 404, 413) and answer.error["type"] == "invalid_request_error"


def test_unknown_addresses_and_methods(gate: Running) -> None:
    assert gate.ask("GET", "/v1/none").error["code"] == "not_found"
    assert gate.ask("GET", CHAT).status == 405 and gate.ask("OPTIONS", CHAT).status == 405
    assert gate.ask("GET", "/v1/realtime").status == 404
    assert gate.ask("GET", "/v1/models/../../etc/passwd").status == 404


@pytest.mark.parametrize("place", PLACES)
def test_no_path_and_no_address_is_ever_opened(gate: Running, place: str) -> None:
    opened_paths = list[str]()
    sys.addaudithook(lambda name, args: opened_paths.append(str(args[0])) if name == "open" else None)
    part = {"type": "input_audio", "input_audio": {"data": place, "format": "wav"}}
    answer = gate.post(CHAT, model="m", messages=[{"role": "user", "content": [part]}])
    assert answer.status == 400 and answer.error["param"].endswith("data")
    for kind in ("audio_url", "audio"):
        message = {"role": "user", "content": [{"type": kind, kind: {"url": place}}]}
        assert gate.post(CHAT, model="m", messages=[message]).status == 400
    with opened(gate) as socket:
        item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": place}]}
        assert socket.error("conversation.item.create", item=item)["param"] == "item.content[0].audio"
    assert not [path for path in opened_paths if "passwd" in path or "example" in path]


BOMBS = {
    "hours in a small file": lambda: wav(np.zeros(16_000 * 60, np.float32), form="FLAC"),
    "too many channels": lambda: wav(np.zeros((100, 255), np.float32)),
    "too fast": lambda: wav(np.zeros(1000, np.float32), rate=768_000),
    "no sound at all": lambda: b"MZ" + bytes(1000),
    "a header alone": lambda: wav(np.zeros(0, np.float32)),
    "cut in the header": lambda: wav(np.zeros(1000, np.float32))[:30],
    "numbers that are none": lambda: wav(np.full(1000, np.nan, np.float32), subtype="FLOAT"),
    "louder than anything": lambda: wav(np.full(1000, 1e30, np.float32), subtype="FLOAT"),
    "another form": lambda: wav(np.zeros(1000, np.float32), form="AIFF"),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused(gate: Running, name: str) -> None:
    data = BOMBS[name]()
    assert len(data) < 1 << 20
    answer = gate.upload("/v1/audio/transcriptions", data, model="m")
    assert answer.status in (400, 413) and answer.error["param"] == "file"


def test_a_header_that_claims_hours_is_not_believed() -> None:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    lying = held.getvalue()[:40] + b"\xff\xff\xff\x7f" + held.getvalue()[44:]
    assert read_sound(lying, 5.0, "file").duration_s == 1.0
    with pytest.raises(Refusal) as refused:
        read_sound(wav(np.zeros(16_000 * 6, np.float32)), 5.0, "file")
    assert refused.value.status == 413


def test_broken_forms(gate: Running) -> None:
    assert gate.upload("/v1/audio/transcriptions", None, model="m").error["param"] == "file"
    assert gate.upload("/v1/audio/transcriptions", b"x").error["code"] == "missing_required_parameter"
    assert gate.upload("/v1/audio/transcriptions", b"x", model="m", color="red").error["param"] == "color"
    assert gate.post("/v1/audio/transcriptions", model="m").status == 400
    broken = gate.ask("POST", "/v1/audio/transcriptions", b"--x", {"content-type": "multipart/form-data; boundary=cut"})
    assert broken.status == 400


def test_bodies_that_are_too_large_or_never_end(gate: Running) -> None:
    large = gate.ask("POST", CHAT, b"x" * (2 << 20))
    assert large.status == 413 and large.error["code"] == "request_too_large"
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=30)
    connection.putrequest("POST", CHAT)
    connection.putheader("content-length", "100")
    connection.endheaders(b"{")
    assert connection.getresponse().status == 408
    connection.close()


FRAMES: list[Any] = [
    "", "{", "[]", "1", "[" * 50_000, '{"type":5}', '{"type":"none"}', "{}", '{"type":"response.create","response":[]}',
    '{"type":"input_audio_buffer.append"}', '{"type":"input_audio_buffer.append","audio":"%%%"}',
    '{"type":"input_audio_buffer.append","audio":"AA=="}', '{"type":"session.update","session":7}',
    '{"type":"session.update","session":{"audio":{"input":{"format":{"type":"audio/mp3"}}}}}',
    '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[]},"previous_item_id":"x"}',
    '{"type":"conversation.item.create","item":{"type":"function_call","name":"f","arguments":"no"}}',
    b"\x00\xff", json.dumps({"type": "session.update", "session": {"instructions": "a" * 300_000}}),
    json.dumps({"type": "session.update", "event_id": "e" * 9999, "session": {}}),
]  # fmt: skip


def alive(socket: Socket) -> None:
    """It still answers, and nothing else came before."""
    assert socket.ask("input_audio_buffer.clear", "input_audio_buffer.cleared")
    assert len([event for event in socket.seen if event["type"] == "error"]) <= len(socket.seen)


def test_every_broken_frame_is_one_error(gate: Running) -> None:
    with opened(gate) as socket:
        for frame in FRAMES:
            socket.connection.send(frame)
            event = socket.take()
            assert event["type"] == "error" and event["error"]["message"], frame
        alive(socket)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["session", "audio", "item", "item_id", "response", "content_index", "audio_end_ms", "event_id"]
EVENTS = st.tuples(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))


@pytest.mark.filterwarnings("ignore:Do not use the .random. module")  # the sockets' threads do
def test_random_events_never_end_a_session(gate: Running) -> None:
    with opened(gate) as socket:

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(EVENTS)
        def send(event: tuple[str, dict[str, Any]]) -> None:
            kind, fields = event
            if kind != "response.create":  # which may be right, and has the model work
                socket.send(kind, **fields)
                since = len(socket.seen)
                alive(socket)
                assert len([e for e in socket.seen[since:] if e["type"] == "error"]) <= 1

        send()


def test_a_frame_beyond_all_bounds_ends_its_session_alone(gate: Running) -> None:
    with opened(gate) as other, opened(gate) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.connection.send("x" * (20 << 20))
            while True:
                socket.take()
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1009  # the frame may be cut before it is read
        alive(other)


def test_who_reads_nothing_is_let_go(gate: Running) -> None:
    """What waits for a slow reader is bounded; beyond it the session is closed, and the rest is forgotten."""

    async def never() -> Any:
        await asyncio.Event().wait()

    async def flood() -> list[object]:
        scope = {"type": "websocket", "headers": [], "path": "/v1/realtime", "query_string": b""}
        connection = Connection(gate.service, WebSocket(scope, never, never), Caller("me", None, "sess"))
        for _ in range(200):
            connection.end(Refusal("a" * 100_000, code=None), 1000)
        return [connection._outgoing.get_nowait() for _ in range(connection._outgoing.qsize())]

    left = asyncio.run(flood())
    assert TRY_LATER in left and sum(len(item) for item in left if isinstance(item, str)) <= 2 * MOST_WAITING


def test_sound_within_the_frame_bound_is_heard_in_parts(gate: Running) -> None:
    with opened(gate) as socket:
        socket.ask("session.update", "session.updated", session={"audio": {"input": {"turn_detection": None}}})
        sound = base64.b64encode(bytes(48_000 * 30)).decode()
        socket.send("input_audio_buffer.append", audio=sound)
        alive(socket)
