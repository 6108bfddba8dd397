"""The console: a page that talks with the model, served as it lies in the package.

`page/` is built from `console/` by `make console` and ships with the package, so that nothing but Python is needed to
serve it. Its files are read once. The page may load from this server and talk to it, and nothing else: no script
stands in it, nothing comes from elsewhere, no other page may frame it.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).parent / "page"
INDEX = "index.html"
SOURCES = "sources.sha256"  # what the page was built from; not served
KINDS: Mapping[str, str] = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".webmanifest": "application/manifest+json",
    }
)
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src blob:",
        "connect-src 'self'",  # its own sockets, too
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types antiphon",
    )
)
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": POLICY,
        "permissions-policy": "microphone=(self), screen-wake-lock=(self), camera=(), geolocation=()",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-cache",  # asked for each time, answered with 304
        "vary": "accept-encoding",
    }
)


@dataclass(frozen=True)
class File:
    """One file of the page."""

    name: str
    body: bytes

    @cached_property
    def tag(self) -> str:
        """Changes with the bytes."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    @cached_property
    def packed(self) -> bytes:
        """The same, compressed."""
        return gzip.compress(self.body, mtime=0)

    async def answer(self, request: Request) -> Response:
        """The bytes, or that they have not changed."""
        headers = {**HEADERS, "etag": self.tag}
        if request.headers.get("if-none-match") == self.tag:
            return Response(status_code=304, headers=headers)
        body = self.body
        if "gzip" in request.headers.get("accept-encoding", "") and len(self.packed) < len(body):
            headers["content-encoding"], body = "gzip", self.packed
        return Response(body, headers=headers, media_type=KINDS[Path(self.name).suffix])


@cache
def files() -> Mapping[str, File]:
    """Every file by its address; `/` is the page itself."""
    there = sorted(path for path in FOLDER.iterdir() if path.suffix in KINDS)
    found = {f"/{path.name}": File(path.name, path.read_bytes()) for path in there}
    return MappingProxyType({"/": found[f"/{INDEX}"], **found})


def routes() -> list[Route]:
    """Where they are served."""
    return [Route(address, file.answer) for address, file in files().items()]
