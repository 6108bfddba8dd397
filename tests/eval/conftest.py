"""Small data sets in every layout, made once; a run of some of them in a few words."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from antiphon.eval.lookalike import build
from antiphon.eval.running import run_benches, score_run
from antiphon.eval.scoring import Report

Measure = Callable[..., Report]


@pytest.fixture(scope="session")
def look(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets and their oracle."""
    folder = tmp_path_factory.mktemp("lookalikes")
    build(folder)
    return folder


@pytest.fixture
def measure(look: Path, tmp_path: Path) -> Measure:
    """Run and score benchmarks with an oracle that errs in some way."""

    def made(names: list[str], way: str = "perfect", data: Path = look, judge: str = "stub") -> Report:
        out = tmp_path / f"run-{way}"
        run_benches(data, out, names, f"oracle:{look / 'oracle.jsonl'}#{way}", cache=tmp_path / "cache", quiet=True)
        return score_run(out, judge, "oracle", cache=tmp_path / "cache")

    return made


class Judging(BaseHTTPRequestHandler):
    """An endpoint that says the same to everything, and remembers what it was asked."""

    said: Any = "yes"
    asked: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        self.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        body = self.said if isinstance(self.said, bytes) else json.dumps(
            {"choices": [{"message": {"content": self.said}}]}).encode()  # fmt: skip
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def judging() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Judging)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    Judging.asked = []
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
