"""A model from a hub: the real client of huggingface_hub against a hub on this machine that serves a random folder."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import random_folder

REPOSITORY, COMMIT = "someone/a-model", "0" * 39 + "1"
SCRIPT = """
import sys, antiphon
model = antiphon.load(sys.argv[1])
print(model.parts.config.lm.decoder.width, len(model.parts.tokenizer.encode("a fox")))
"""


class Hub(ThreadingHTTPServer):
    """What of the hub's interface a snapshot needs: the commit, the tree, the files. Remembers what it served."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder, self.served = folder, list[str]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        folder, path = self.server.folder, self.path.split("?")[0]
        wanted = folder / path.removeprefix(f"/{REPOSITORY}/resolve/{COMMIT}/")
        if path.startswith(f"/api/models/{REPOSITORY}"):
            names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
            tree = [{"type": "file", "path": n, "size": (folder / n).stat().st_size, "oid": "0" * 40} for n in names]
            told = {"id": REPOSITORY, "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}
            content, kind = json.dumps(tree if "/tree/" in path else told).encode(), "application/json"
        elif path.startswith(f"/{REPOSITORY}/resolve/{COMMIT}/") and wanted.is_file():
            content, kind = wanted.read_bytes(), "application/octet-stream"
            if body:
                self.server.served.append(wanted.name)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            return
        self.send_response(200)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = random_folder.make(tmp_path_factory.mktemp("hub") / "model", random_folder.config(scale=16, layers=1))
    (folder / "modeling_step.py").write_text("raise SystemExit('code of the repository was run')")
    server = Hub(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ask(name: str, cache: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Load a model by its hub id in a process of its own: the client reads its settings when it is imported."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    environment = kept | {"HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", **more}
    command = [sys.executable, "-c", SCRIPT, name]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_a_hub_id_is_fetched_once_without_code_and_then_works_offline(hub: Hub, tmp_path: Path) -> None:
    first = ask(REPOSITORY, tmp_path, HF_ENDPOINT=hub.address)
    assert first.returncode == 0, first.stderr
    assert first.stdout.split()[0] == str(random_folder.config(scale=16, layers=1).lm.decoder.width)
    served = list(hub.served)
    assert "config.json" in served and "flow.pt" in served and not [name for name in served if name.endswith(".py")]
    offline = ask(REPOSITORY, tmp_path, HF_ENDPOINT=hub.address, HF_HUB_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr
    assert offline.stdout == first.stdout and hub.served == served
    assert "%|" not in first.stderr  # bars are for terminals


def test_an_unknown_repository_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    done = ask("someone/else", tmp_path, HF_ENDPOINT=hub.address)
    assert done.returncode == 1 and "WeightsError: someone/else was not found" in done.stderr.splitlines()[-1]
