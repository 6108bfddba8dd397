"""The console as it is served: whole, fresh, under a strict policy, for whoever has no key, too."""

import gzip
import http.client
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.runtime.model import Model
from antiphon.server import console
from antiphon.server.keys import Key

from .running import Running, running

ROOT = Path(__file__).parents[2]
FIRST_LOAD = 300_000  # bytes, compressed


@pytest.fixture(scope="module")
def server(model: Model) -> Iterator[Running]:
    with running(model, keys=(Key.of("a-key"),)) as found:
        yield found


def test_the_built_page_is_that_of_its_sources() -> None:
    there = runpy.run_path(str(ROOT / "console" / "sources.py"))["sources"]()
    built = (console.FOLDER / console.SOURCES).read_text().strip()
    assert built == there, "the page is stale; run: make console"


def test_every_file_is_served_to_whoever_asks(server: Running) -> None:
    page = server.ask("GET", "/")
    assert page.status == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="\./([^"]+)"', page.body.decode())
    assert {"index.js", "index.css", "manifest.webmanifest"} <= set(named)
    for name in [*named, "worklet.js", "shell.js"]:
        answer = server.ask("GET", f"/{name}")
        assert (answer.status, answer.body) == (200, (console.FOLDER / name).read_bytes())
        assert answer.headers["content-type"].split(";")[0] in {kind.split(";")[0] for kind in console.KINDS.values()}
    assert server.ask("GET", f"/{console.SOURCES}").status == 401  # not of the page, so a key is needed to be refused
    assert server.ask("GET", "/v1/models").status == 401
    assert server.ask("POST", "/").status == 405


def test_the_policy_lets_nothing_in(server: Running) -> None:
    page = server.ask("GET", "/")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'" and policy["require-trusted-types-for"] == "'script'"
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*"} & set(" ".join(policy.values()).split())
    assert page.headers["x-content-type-options"] == "nosniff"
    text = page.body.decode()
    assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|https?://", text)


def test_a_page_that_is_known_is_not_sent_again(server: Running) -> None:
    first = server.ask("GET", "/index.js", headers={"accept-encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip"
    assert gzip.decompress(first.body) == (console.FOLDER / "index.js").read_bytes()
    again = server.ask("GET", "/index.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_the_first_load_is_light() -> None:
    assert sum(min(len(file.packed), len(file.body)) for file in console.files().values()) < FIRST_LOAD


def test_what_is_built_goes_with_the_package() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (patterns,) = re.findall(r"^antiphon = \[(.*)\]$", text, re.M)
    assert '"server/page/*"' in patterns


def test_a_name_that_is_no_file_of_the_page(server: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for path in ("/../settings.py", "/page/../settings.py", "/%2e%2e/settings.py", "/index.html/"):
        connection.request("GET", path, headers={"authorization": "Bearer a-key"})
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 404, path
    connection.close()
