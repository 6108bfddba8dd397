"""Servers on this machine that speak as those of the open network do: a search engine, the weather, and some traps."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass
class Reply:
    """What goes back."""

    body: Any = ""
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """One that listens; `asked` is all that came."""

    url: str
    port: int
    asked: list[Asked]


@contextmanager
def serving(answer: Callable[[Asked], Reply]) -> Iterator[Server]:
    """A server on a free port of this machine."""
    asked = list[Asked]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            request = Asked(self.command, parts.path, query, dict(self.headers), body)
            asked.append(request)
            reply = answer(request)
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.kind, "Content-Length": len(content), **reply.headers}.items():
                self.send_header(name, str(value))
            try:
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # who asked has had enough

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", server.server_port, asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def searxng(rows: list[dict[str, Any]], has_json: bool = True) -> Callable[[Asked], Reply]:
    """SearXNG's `/search`, as it answers `format=json`: twenty rows a page at most, no bound that a client may set."""

    def answer(asked: Asked) -> Reply:
        if asked.path != "/search" or not asked.query.get("q"):
            return Reply("no", 400, "text/html")
        if asked.query.get("format") != "json" or not has_json:
            return Reply("Forbidden", 403, "text/html")
        results = [
            {
                "url": row["url"], "title": row["title"], "content": row["content"], "thumbnail": None,
                "engine": "mojeek", "engines": ["mojeek"], "positions": [n], "score": 1 / n, "category": "general",
                "parsed_url": list(urlsplit(row["url"])), "template": "default.html",
                "publishedDate": row.get("publishedDate"),
            }
            for n, row in enumerate(rows, 1)
        ]  # fmt: skip
        return Reply({
            "query": asked.query["q"], "number_of_results": 0, "results": results[:20], "answers": [],
            "corrections": [], "infoboxes": [], "suggestions": [], "unresponsive_engines": [],
        })  # fmt: skip

    return answer
