"""A real server on a free port of this machine, and a plain client for it.

`nano_server` is the command `antiphon serve`, a process of its own, for in this one every call is checked. `running` is
a thread of this one, around a model that answers noise: for what has to do with the gate, not with answers.
"""

import asyncio
import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

from antiphon.runtime.engine import Engine
from antiphon.runtime.model import Model
from antiphon.server.serve import listen, make_server
from antiphon.server.service import Service
from antiphon.server.settings import Settings
from antiphon.tools.tool import Tool

BOUNDARY = "cut-here"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error, which has exactly the four fields of OpenAI's."""
        assert self.headers["content-type"] == "application/json", self
        (error,) = self.json.values()
        assert set(error) == {"message", "type", "param", "code"} and error["message"]
        return dict(error)

    @property
    def events(self) -> list[Any]:
        """The server-sent events; the last one is `[DONE]`, as it stands."""
        assert self.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in self.body.decode().split("\n\n") if line]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    port: int
    of: Service | None = None  # what is behind it, where it runs in this process

    @property
    def service(self) -> Service:
        assert self.of is not None
        return self.of

    def ask(
        self, method: str, path: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            return Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def post(self, path: str, headers: Mapping[str, str] | None = None, /, **fields: Any) -> Answer:
        """JSON."""
        return self.ask("POST", path, json.dumps(fields), {"content-type": "application/json", **(headers or {})})

    def upload(self, path: str, file: bytes | None, **fields: str) -> Answer:
        """A form with a file."""
        parts = [f'content-disposition: form-data; name="{k}"\r\n\r\n{v}'.encode() for k, v in fields.items()]
        if file is not None:
            parts.append(b'content-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + file)
        body = b"".join(b"--cut-here\r\n" + part + b"\r\n" for part in parts) + b"--cut-here--\r\n"
        return self.ask("POST", path, body, {"content-type": f"multipart/form-data; boundary={BOUNDARY}"})


def children(process: int) -> list[int]:
    """The processes that one has started."""
    threads = Path(f"/proc/{process}/task").iterdir()
    return [int(number) for thread in threads for number in (thread / "children").read_text().split()]


@contextmanager
def running(
    model: Model, tools: tuple[Tool, ...] = (), engine: Engine | None = None, **settings: Any
) -> Iterator[Running]:
    """A server around a model, ended with the block; `engine` makes the tokens of its sessions in place of its own."""
    service = Service(model, Settings(port=0, **settings), tools)
    service.engine = engine or service.engine
    with listen(service.settings) as taken:
        server = make_server(service)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[taken])))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Running(taken.getsockname()[1], service)
        finally:
            server.should_exit = True
            thread.join(30)
            service.close()
    assert not thread.is_alive()


@contextmanager
def nano_server(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[tuple[Running, Popen[str]]]:
    """The command, ended with the block if it has not ended by itself."""
    command = [sys.executable, "-m", "antiphon.cli.main", "serve", "--port", "0", *arguments]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})}
    with Popen(command, stdout=PIPE, stderr=PIPE, text=True, env=variables) as process:
        assert process.stdout is not None and process.stderr is not None
        log = list[str]()
        reader = threading.Thread(target=lambda: log.extend(process.stderr or ()))
        reader.start()
        try:
            address = process.stdout.readline()
            assert address.startswith("http://127.0.0.1:"), log
            yield Running(int(address.rsplit(":", 1)[1])), process
        finally:
            process.terminate()
            process.wait(30)
            reader.join(5)
        assert not [line for line in log if not line.startswith("{")], log  # every line is JSON
