"""Requests over HTTP are replies of the engine: in its batch, ended with their client, refused when it is full."""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import AsyncGenerator

import pytest

from antiphon.errors import BusyError, CapacityError, InputError
from antiphon.runtime.engine import Request, Step, Token
from antiphon.runtime.model import Model
from tests.runtime.inline import InlineEngine

from .running import Running, running
from .socket_client import opened

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]


def test_a_request_is_a_reply_of_the_engine_that_sessions_have(gate: Running) -> None:
    before = gate.service.engine.stats()
    short = {"model": "m", "messages": HELLO, "max_completion_tokens": 5, "seed": 3}
    first = gate.post(CHAT, **short).json
    stats = gate.service.engine.stats()
    assert stats.requests_total == before.requests_total + 1
    assert stats.reply_tokens_total - before.reply_tokens_total >= first["usage"]["completion_tokens"] > 0
    patience = time.monotonic() + 20.0
    while gate.service.engine.stats().conversations_held > before.conversations_held and time.monotonic() < patience:
        time.sleep(0.01)  # the engine's thread forgets it between two steps
    assert gate.service.engine.stats().conversations_held == before.conversations_held  # nothing of it is kept
    with opened(gate) as socket:  # in company the same
        socket.ask("session.update", "session.updated", session={"output_modalities": ["text"]})
        socket.write("hello")
        socket.send("response.create", response={"max_output_tokens": 200})
        socket.until("response.created")
        assert gate.post(CHAT, **short).json["choices"] == first["choices"]


class Failing(InlineEngine):
    """An engine that fails by what it is told to."""

    error: Exception

    async def generate(self, request: Request) -> AsyncGenerator[Step, None]:
        raise self.error
        yield  # it is a generator


def test_errors_of_the_engine_have_their_status(model: Model) -> None:
    engine = Failing(model)
    with running(model, engine=engine) as server:
        for error, status, code in (
            (BusyError("too many; try again later."), 503, "server_overloaded"),
            (CapacityError("the prompt is too long; shorten it."), 400, "context_length_exceeded"),
            (InputError("that cannot be said; say something else."), 400, "invalid_value"),
            (RuntimeError("a secret of ours"), 500, None),
        ):
            engine.error = error
            for stream in (False, True):  # nothing was sent: a stream fails as the whole does
                answer = server.post(CHAT, model="m", messages=HELLO, stream=stream)
                assert (answer.status, answer.error["code"]) == (status, code)
                assert ("retry-after" in answer.headers) == (status == 503)
                assert "secret" not in answer.error["message"]


class Endless(InlineEngine):
    """An engine that says one word for ever, until nobody listens."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.ended, self.has_forgotten = threading.Event(), threading.Event()

    async def generate(self, request: Request) -> AsyncGenerator[Step, None]:
        (word, *_) = self.model.parts.tokenizer.encode("a")
        try:
            while True:
                await asyncio.sleep(0.005)
                yield Token(word, 0, 0.0, 0.0)
        finally:
            self.ended.set()

    def forget(self, conversation: str) -> None:
        self.has_forgotten.set()


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_ends_with_its_client(model: Model, stream: bool) -> None:
    engine = Endless(model)
    with running(model, engine=engine) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        body = json.dumps({"model": "m", "messages": HELLO, "stream": stream})
        connection.request("POST", CHAT, body, {"content-type": "application/json"})
        if stream:
            assert connection.getresponse().readline().startswith(b"data: ")
        else:
            while not server.service.requests.taken:
                pass
        assert not engine.ended.is_set()
        connection.close()
        assert engine.ended.wait(60) and engine.has_forgotten.wait(60)
