"""The one door to the network: every tool that asks another machine asks through `fetch`.

    address ── https? ── looked up once ── open network? ── connect to that address ── answer, bounded
       ▲                                                                                  │
       └──────────────── redirected, at most three times, looked at again ────────────────┘

No proxy of the environment, no cookies; keys go to the origin that they are for, and nowhere else. Addresses that the
operator named (`Door.trusted`) may be private and plain; nothing that a model or a web page says can name one.
"""

import http.client
import json
import logging
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from antiphon.errors import ConfigError, ToolError
from antiphon.tools.addresses import Resolve, look_up, origin, parsed, place

KINDS = ("application/json", "text/html", "text/plain", "text/markdown", "application/xhtml+xml")
REDIRECTS = (301, 302, 303, 307, 308)
SOME = 64 << 10  # bytes read at a time
logger = logging.getLogger("antiphon.tools")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    kind: str  # its media type
    body: bytes
    url: str

    def json(self) -> Any:
        """The answer as JSON. Raises ToolError where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise ToolError("the answer is no JSON.", code="failed") from None


@dataclass(frozen=True, kw_only=True)
class Door:
    """What may be reached, and how much may come of it."""

    trusted: frozenset[tuple[str, str, int]] = frozenset()  # origins that the operator named
    most_bytes: int = 2 << 20
    timeout_s: float = 5.0
    redirects: int = 3
    resolve: Resolve = socket.getaddrinfo
    tls: ssl.SSLContext | None = field(default=None, repr=False)  # None: the machine's own

    @classmethod
    def to(cls, *urls: str, **options: Any) -> "Door":
        """A door that also leads to these addresses. Raises ConfigError for one that is none."""
        origins = set()
        for url in urls:
            try:
                origins.add(origin(parsed(url, may_be_plain=True)))
            except ToolError as error:
                raise ConfigError(f"the address {url[:200]!r} cannot be used: {error}") from None
        return cls(trusted=frozenset(origins), **options)

    def may(self, url: str) -> SplitResult:
        """The parts of an address that may be opened. Raises ToolError."""
        plain = parsed(url, may_be_plain=True)
        return plain if origin(plain) in self.trusted else parsed(url)


def fetch(
    url: str,
    door: Door,
    *,
    query: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Answer:
    """Ask one machine, by GET or (with a `body` of JSON) by POST; `headers` are for its origin alone.

    Raises ToolError whose code says what is the matter: denied, offline, timeout, quota, not_found or failed.
    """
    ends, first = time.monotonic() + door.timeout_s, door.may(url)
    target = url + ("&" if urlsplit(url).query else "?") + urlencode(query) if query else url
    for _ in range(door.redirects + 1):
        parts = door.may(target)
        own = dict(headers or {}) if origin(parts) == origin(first) else {}
        status, kind, content, location = _ask(parts, door, own, body, ends)
        if status not in REDIRECTS or not location:
            return _checked(Answer(status, kind, content, target))
        target = urljoin(target, location)
        body = body if status in (307, 308) and origin(door.may(target)) == origin(first) else None
    raise ToolError("an address leads to too many others.", code="denied")


def _ask(
    parts: SplitResult, door: Door, headers: dict[str, str], body: Mapping[str, Any] | None, ends: float
) -> tuple[int, str, bytes, str]:
    host, port = place(parts)
    address = look_up(host, port, origin(parts) in door.trusted, door.resolve)
    content = None if body is None else json.dumps(body).encode()
    sent = {"Accept": ", ".join(KINDS), "Accept-Encoding": "identity", "User-Agent": "antiphon", **headers}
    sent |= {} if content is None else {"Content-Type": "application/json"}
    connection = _Pinned(host, port, address, parts.scheme == "https", max(ends - time.monotonic(), 0.05), door.tls)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET" if content is None else "POST", path, content, sent)
        with connection.getresponse() as response:
            kind = response.headers.get_content_type()
            return response.status, kind, _read(response, connection, door, ends), response.getheader("Location") or ""
    except (TimeoutError, ssl.SSLError, http.client.HTTPException, OSError, ValueError) as error:
        logger.warning("%s did not answer: %r", host, error)
        if isinstance(error, TimeoutError):
            raise ToolError("no answer in time.", code="timeout", retryable=True) from None
        raise ToolError("no answer.", code="offline", retryable=True) from None
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, connection: "_Pinned", door: Door, ends: float) -> bytes:
    found = bytearray()
    while part := response.read1(SOME):
        found += part
        if len(found) > door.most_bytes:
            raise ToolError(f"the answer is longer than {door.most_bytes} bytes.", code="failed")
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if connection.sock is not None:
            connection.sock.settimeout(left)
    if response.length:
        raise http.client.IncompleteRead(bytes(found), response.length)
    return bytes(found)


def _checked(answer: Answer) -> Answer:
    code: Any = {401: "denied", 403: "denied", 402: "quota", 429: "quota", 404: "not_found"}.get(answer.status)
    if code is None and answer.status >= 500:
        code = "offline"
    if code is not None or answer.status >= 300:
        raise ToolError(f"the answer has the status {answer.status}.", code=code or "failed",
                        retryable=answer.status >= 500)  # fmt: skip
    if answer.kind not in KINDS:
        raise ToolError(f"the answer is {answer.kind[:80]}, not text.", code="failed")
    return answer


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, under the name by which it was found."""

    def __init__(
        self, host: str, port: int, address: str, is_tls: bool, timeout: float, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(host, port, timeout=timeout)
        self._address, self._is_tls, self._tls = address, is_tls, tls

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = plain
        if self._is_tls:
            context = self._tls or ssl.create_default_context()
            self.sock = context.wrap_socket(plain, server_hostname=self.host)
