"""What breaks ends what it carried, in one clean error, and nothing else; who starts again serves again."""

import os
import signal
import socket as sockets
import threading
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from .running import Running, children, nano_server
from .socket_client import Socket, opened

WRITTEN = {"type": "realtime", "output_modalities": ["text"]}


def begin(socket: Socket, **wish: object) -> None:
    """Ask for a long reply, and wait for its beginning."""
    socket.ask("session.update", "session.updated", session={**WRITTEN, "max_output_tokens": 2048})
    socket.write("hello")
    socket.send("response.create", response=wish)
    socket.until("response.created")


def breaks_down() -> None:
    raise SystemExit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_ends_the_replies_under_way_and_no_session(gate: Running) -> None:
    with opened(gate) as speaks, opened(gate) as speaks_too, opened(gate) as listens:
        begun, duty = threading.Event(), gate.service.engine._duty
        duty.post(lambda: begun.wait(30) and None)  # or a reply may be over before it breaks
        begin(speaks), begin(speaks_too)
        duty.post(breaks_down)
        begun.set()
        for socket in (speaks, speaks_too):
            response = socket.until("response.done")[-1]["response"]
            assert response["status"] == "failed"
            assert "broke down" in response["status_details"]["error"]["message"] or "failed inside" in str(response)
            assert [event for event in socket.seen if event["type"] == "error"] == []
        for socket in (listens, speaks, speaks_too):
            socket.ask("session.update", "session.updated", session={**WRITTEN, "max_output_tokens": 5})
            socket.write("hello")
            socket.send("response.create")
            assert socket.until("response.done")[-1]["response"]["status"] in ("completed", "incomplete")
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": 5}
    results: list[int] = []
    requests = [threading.Thread(target=lambda: results.append(gate.post("/v1/chat/completions", **asked).status))]
    for request in requests:
        request.start()
    gate.service.engine._duty.post(breaks_down)
    for request in requests:
        request.join(30)
    assert results[0] in (200, 500) and gate.post("/v1/chat/completions", **asked).status == 200


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are read from /proc")
def test_a_sound_process_that_is_killed_ends_the_reply_that_it_spoke_and_no_session() -> None:
    with nano_server("--apart") as (server, process), opened(server) as socket:
        for status in ("failed", "completed"):
            socket.write("what is the capital of france?")
            socket.send("response.create")
            socket.until("response.output_audio.delta")
            (child,) = children(process.pid)
            if status == "failed":
                os.kill(child, signal.SIGKILL)
            done = socket.until("response.done")[-1]["response"]
            assert done["status"] == status
            if status == "failed":
                assert "has ended; ask again" in done["status_details"]["error"]["message"]
        assert [event for event in socket.seen if event["type"] == "error"] == []
        (child,) = children(process.pid)
        process.kill()
        deadline = time.monotonic() + 30
        while Path(f"/proc/{child}/statm").exists() and Path(f"/proc/{child}/statm").read_text()[0] != "0":
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.slow
def test_a_process_that_is_killed_under_load_serves_again_when_it_is_started_again() -> None:
    with sockets.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with nano_server("--port", port) as (server, process), opened(server) as one, opened(server) as other:
        for socket in (one, other):
            socket.write("what is the capital of france?")
            socket.send("response.create")
            socket.until("response.created")
        process.kill()
        for socket in (one, other):
            with pytest.raises(ConnectionClosed):
                while True:
                    socket.take()
        assert process.wait(30) < 0
    begun = time.monotonic()
    with nano_server("--port", port) as (server, _), opened(server) as socket:
        assert server.port == int(port) and time.monotonic() - begun < 120
        socket.ask("session.update", "session.updated", session=WRITTEN)
        socket.write("what is the capital of france?")
        socket.send("response.create")
        assert socket.until("response.done")[-1]["response"]["status"] == "completed"
