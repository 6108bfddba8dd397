"""The gate in front of every request and socket: host, origin, key, rate, size; one error body for whatever fails.

A page of another site can make a browser send requests here, so a foreign `Origin` is refused; where no key is needed
the `Host` must be this machine's, or a name that points here from outside would be as good as being local. A body is
counted while it is read, a reader that reads nothing is given up, and whatever is raised inside becomes an error body.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from antiphon.errors import AntiphonError, BusyError, CapacityError
from antiphon.server.console import files
from antiphon.server.keys import Lease
from antiphon.server.limits import Busy
from antiphon.server.logs import note
from antiphon.server.protocol.refusal import TOO_LARGE, Refusal, http_error
from antiphon.server.protocol.wire import dumps
from antiphon.server.service import Service
from antiphon.server.settings import LOOPBACK

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY_PROTOCOL = "openai-insecure-api-key."  # how a browser sends its key with a socket
NO_KEY = ("/health/live", "/health/ready", "/health", "/version")
CODES = {404: "not_found", 405: "method_not_allowed"}


@dataclass
class Caller:
    """Who asks: the name of the key, the short-lived key's lease, and the number of the request."""

    name: str
    lease: Lease | None
    request: str
    left: int | None = None  # requests of this minute
    route: str = field(default="unknown")


class Disconnected(Exception):
    """The client has gone, or reads and writes nothing."""


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: App, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through, or refuse."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    # --- requests ------------------------------------------------------------------------------------------------

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, begun = Headers(scope=scope), time.monotonic()
        caller = Caller("nobody", None, self.service.ids.event().replace("event", "req"))
        reply = _Reply(send, caller, self._cors(headers), self.service.settings.send_timeout_s)
        try:
            self._admit(scope, headers, caller)
            if scope["method"] == "OPTIONS":
                raise Refusal("Nothing is to be asked for with OPTIONS.", code=CODES[405], status=405)
            body = _Body(receive, self.service.settings.max_body, self.service.settings.receive_timeout_s)
            await self.app(scope, body, reply)
        except Disconnected:
            reply.status = reply.status or 499
        except Exception as error:  # one of the three edges: nothing that is raised inside reaches the client bare
            await self._answer_error(error, reply)
        route = getattr(scope.get("route"), "path", "unknown")
        self.service.metrics.requests.labels(route, str(reply.status)).inc()
        self.service.metrics.request_seconds.labels(route).observe(time.monotonic() - begun)
        seconds = round(time.monotonic() - begun, 4)
        note("request", route=route, status=reply.status, seconds=seconds, key=caller.name, request=caller.request)

    async def _answer_error(self, error: Exception, reply: "_Reply") -> None:
        refusal = refused(error)
        self.service.metrics.errors.labels(refusal.code or "none").inc()
        if refusal.status >= 500 and not isinstance(refusal, Busy):
            note("failure", level=logging.ERROR, failure=True, request=reply.caller.request)
        if reply.status:
            return  # it has begun; it ends here
        try:
            await reply.error(refusal)
        except (Disconnected, OSError):
            pass

    def _admit(self, scope: Scope, headers: Headers, caller: Caller) -> None:
        """Who it is and whether it may come.

        Raises:
            Refusal: it may not.
        """
        scope["app"] = self.app  # so that the router raises what it does not find
        scope["antiphon"] = caller
        if self.service.settings.is_open:
            _check_host(headers.get("host", ""))
        self._check_origin(headers)
        if scope["path"] in NO_KEY or scope["path"] in files():
            return
        caller.name, caller.lease = self.service.keyring.owner(_secret(scope, headers))
        caller.left = self.service.rates.take(caller.name)
        if self.service.is_draining:
            raise Busy("The server is about to end; ask another one.", 1, status=503)

    def _check_origin(self, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is None or origin in self.service.settings.origins:
            return
        if urlsplit(origin).netloc != headers.get("host"):
            what = "The request comes from a page of another site; start the server with --origin to let it in."
            raise Refusal(what, code="origin_not_allowed", status=403)

    def _cors(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        origin = headers.get("origin", "")
        if origin not in self.service.settings.origins:
            return []
        return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"origin")]

    # --- sockets -------------------------------------------------------------------------------------------------

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        caller = Caller("nobody", None, self.service.ids.session())
        try:
            self._admit(scope, headers, caller)
            if scope["path"] != "/v1/realtime":
                raise Refusal("There is no socket of this name; open /v1/realtime.", code=CODES[404], status=404)
            with self.service.sessions.place(caller.name):
                await self.app(scope, receive, send)
        except Disconnected:
            pass
        except Refusal as refusal:
            self.service.metrics.errors.labels(refusal.code or "none").inc()
            await receive()  # websocket.connect
            reply = _Reply(send, caller, [], self.service.settings.send_timeout_s, kind="websocket.http.response")
            await reply.error(refusal)
            note("socket refused", status=refusal.status, key=caller.name)


def refused(error: Exception) -> Refusal:
    """Any error as a refusal: ours with their sentence, others without a word of what is inside."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, HTTPException):
        what = {404: "There is nothing at this address.", 405: "The address does not take this method."}
        return Refusal(
            what.get(error.status_code, "The request is not understood."),
            code=CODES.get(error.status_code),
            status=error.status_code,
        )
    if isinstance(error, BusyError):
        return Busy(_sentence(error), 1, status=503)
    if isinstance(error, CapacityError):
        return Refusal(_sentence(error), code="context_length_exceeded")
    if isinstance(error, AntiphonError):
        return Refusal(_sentence(error), code="invalid_value")
    return Refusal("Something failed inside the server; the request is in its log.", code=None, status=500)


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:1].upper() + text[1:]


def _check_host(host: str) -> None:
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name.strip("[]") not in LOOPBACK:
        what = "The request names another host than this machine; a server without keys answers this machine alone."
        raise Refusal(what, code="host_not_allowed", status=403)


def _secret(scope: Scope, headers: Headers) -> str | None:
    """The key that was sent: as a header or, with a socket, as a subprotocol."""
    kind, _, secret = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and secret.strip():
        return secret.strip()
    offered = scope.get("subprotocols", ())
    return next((p.removeprefix(KEY_PROTOCOL) for p in offered if p.startswith(KEY_PROTOCOL)), None)


class _Body:
    """A request's body, counted while it is read."""

    def __init__(self, receive: Receive, most: int, timeout_s: float) -> None:
        self.receive, self.most, self.timeout_s = receive, most, timeout_s
        self.count, self.is_whole = 0, False

    async def __call__(self) -> Message:
        if self.is_whole:
            return await self.receive()  # waits for the client to go
        try:
            message = await asyncio.wait_for(self.receive(), self.timeout_s)
        except asyncio.TimeoutError:
            what = f"Nothing of the body came for {self.timeout_s:g} s; send it faster."
            raise Refusal(what, code="request_timeout", status=408) from None
        if message["type"] == "http.disconnect":
            raise Disconnected
        self.count += len(message.get("body", b""))
        self.is_whole = not message.get("more_body", False)
        if self.count > self.most:
            what = f"The body has more than {self.most} bytes; send less."
            raise Refusal(what, code=TOO_LARGE, status=413)
        return message


class _Reply:
    """What is sent: its status is remembered, headers are added, and a reader has to read."""

    def __init__(
        self,
        send: Send,
        caller: Caller,
        headers: list[tuple[bytes, bytes]],
        timeout_s: float,
        kind: str = "http.response",
    ) -> None:
        self.send, self.caller, self.headers, self.timeout_s, self.kind = send, caller, headers, timeout_s, kind
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"].endswith(".start"):
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self.headers, *self._own()]
        try:
            await asyncio.wait_for(self.send(message), self.timeout_s)
        except asyncio.TimeoutError:
            raise Disconnected from None

    async def error(self, refusal: Refusal) -> None:
        body = dumps(http_error(refusal)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if isinstance(refusal, Busy):
            headers.append((b"retry-after", str(refusal.wait).encode()))
        if refusal.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if refusal.code == TOO_LARGE or refusal.status == 408:
            headers.append((b"connection", b"close"))  # the rest of the body is not read
        await self({"type": f"{self.kind}.start", "status": refusal.status, "headers": headers})
        await self({"type": f"{self.kind}.body", "body": body})

    def _own(self) -> list[tuple[bytes, bytes]]:
        own = [(b"x-request-id", self.caller.request.encode()), (b"x-content-type-options", b"nosniff")]
        if self.caller.left is not None:
            own.append((b"x-ratelimit-remaining-requests", str(self.caller.left).encode()))
        return own
