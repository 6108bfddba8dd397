"""SIGTERM: what is being said is finished, what is new is refused, the process ends by itself."""

import http.client
import json
from contextlib import closing

import pytest

from .running import nano_server
from .socket_client import opened


@pytest.mark.slow
def test_a_server_that_is_told_to_end_finishes_what_it_says() -> None:
    with nano_server("--drain", "100") as (server, process), opened(server) as socket:
        socket.write("what is the capital of france?")
        socket.send("response.create")
        socket.until("response.created")
        asked = {"messages": [{"role": "user", "content": "what is the capital of france?"}], "stream": True}
        wish = {"model": "m", **asked, "modalities": ["text", "audio"], "audio": {"voice": "a", "format": "pcm16"}}
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)) as connection:
            connection.request("POST", "/v1/chat/completions", json.dumps(wish))
            reply = connection.getresponse()
            assert reply.status == 200 and reply.readline()
            process.terminate()
            while (ready := server.ask("GET", "/health/ready").status) == 200:
                pass
            assert ready == 503 and server.ask("GET", "/v1/models").status == 503
            assert reply.read().rstrip().endswith(b"data: [DONE]")
        told = socket.until("error")
        assert told[-1]["error"]["code"] == "server_ends"
        assert [e["response"]["status"] for e in told if e["type"] == "response.done"] == ["completed"]
        assert process.wait(60) == 0
