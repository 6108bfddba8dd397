"""`/v1/realtime`: a live conversation behind a socket, in OpenAI's realtime protocol.

    frames ──> Connection ── client events ──> Talking ──> Live        one after another, in the order they came
    frames <── sender  <──── server events <── Telling <─────┘         a queue; who does not read it is let go

Every frame is answered by its effect or by one `error` event; the socket stays open. Sound is heard by at most a second
before others have their turn. Nothing of the model is computed here.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from starlette.datastructures import Headers, QueryParams
from starlette.websockets import WebSocket, WebSocketDisconnect

from antiphon.runtime.clock import AsyncClock
from antiphon.runtime.live import Live
from antiphon.runtime.live_events import LiveEvent
from antiphon.runtime.memory import give_back
from antiphon.server.guard import Caller, refused
from antiphon.server.live_settings import live_settings
from antiphon.server.logs import note
from antiphon.server.protocol import beta
from antiphon.server.protocol import server_events as wire
from antiphon.server.protocol.client_events import client_event_id, read_event
from antiphon.server.protocol.event_parts import ConversationHead, RateLimit
from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal, error_event
from antiphon.server.protocol.session import Session, new_session
from antiphon.server.protocol.wire import dumps, parse_object, write
from antiphon.server.service import Service
from antiphon.server.stages import Rounds
from antiphon.server.talking import Talking
from antiphon.server.watching import Watching

LIFETIME_S = 3600.0
MOST_WAITING = 8 << 20  # characters that wait for a slow reader
NORMAL, GOING_AWAY, FAILED, TRY_LATER = 1000, 1001, 1011, 1013


@runtime_checkable
class Line(Protocol):
    """What a connection talks through: a socket, or a call that has the face of one."""

    scope: MutableMapping[str, Any]

    @property
    def headers(self) -> Headers: ...

    @property
    def query_params(self) -> QueryParams: ...

    async def accept(self, subprotocol: str | None = None) -> None: ...

    async def receive(self) -> MutableMapping[str, Any]: ...

    async def send_text(self, text: str, /) -> None: ...

    async def close(self, code: int = NORMAL) -> None: ...


class Realtime:
    """The endpoint."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def open(self, socket: WebSocket) -> None:
        """One socket, from its beginning to its end."""
        await self.talk(socket, socket.scope["antiphon"])

    async def talk(self, line: Line, caller: Caller, patch: Mapping[str, Any] | None = None) -> None:
        """One conversation, from its beginning to its end; `patch`: what its session begins with."""
        connection = Connection(self.service, line, caller, patch)
        metrics, begun = self.service.metrics, time.monotonic()
        metrics.sessions_total.inc()
        note("session opened", key=caller.name, session=caller.request)
        self.service.open.add(connection)
        try:
            with metrics.sessions.track_inprogress():
                await connection.run()
        finally:
            self.service.open.discard(connection)
            seconds = time.monotonic() - begun
            metrics.session_seconds.observe(seconds)
            note("session closed", key=caller.name, session=caller.request, seconds=round(seconds, 3))
            asyncio.get_running_loop().run_in_executor(None, give_back)


class Connection:
    """One client."""

    def __init__(
        self, service: Service, socket: Line, caller: Caller, patch: Mapping[str, Any] | None = None
    ) -> None:
        self.service, self.socket, self.caller, self._patch = service, socket, caller, patch
        self.ids, self.is_beta = service.ids, beta.asks_for_beta(socket.headers)
        self.rounds = rounds = Rounds(time.monotonic)
        self.watching = Watching(service.metrics, time.monotonic, stages=lambda: rounds.latest)
        self._outgoing: asyncio.Queue[str | int] = asyncio.Queue()
        self._waiting, self._is_full = 0, False  # characters in it; whether it is given up
        self._talking: Talking | None = None

    @property
    def is_speaking(self) -> bool:
        """Whether a reply is under way."""
        return self._talking is not None and self._talking.live.active is not None

    async def run(self) -> None:
        """Until either side ends it."""
        offered = self.socket.scope.get("subprotocols", ())
        await self.socket.accept(subprotocol="realtime" if "realtime" in offered else None)
        tasks = [asyncio.ensure_future(self._send()), asyncio.ensure_future(self._listen())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._talking is not None:
                self._talking.live.leave()
                self.watching.speculations(self._talking.live.counts)

    def end(self, refusal: Refusal, code: int) -> None:
        """Tell the client why, and close behind what waits for it."""
        self._error(refusal)
        self._outgoing.put_nowait(code)

    # --- what comes ----------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        ends_at = time.monotonic() + LIFETIME_S
        try:
            while self._begin() if self._talking is None else True:
                await self._hear(await asyncio.wait_for(self._frame(), ends_at - time.monotonic()))
        except WebSocketDisconnect:
            return
        except asyncio.TimeoutError:
            what = f"The session has lasted {LIFETIME_S / 60:.0f} minutes; open another one."
            self.end(Refusal(what, code="session_expired"), NORMAL)
        except Exception:  # one of the three edges: our mistake ends this session, and no other
            note("failure", level=logging.ERROR, failure=True, session=self.caller.request)
            what = "Something failed inside the server; open another session."
            self.end(Refusal(what, code=None, status=500), FAILED)
        await asyncio.sleep(self.service.settings.send_timeout_s)  # the sender ends it before

    def _begin(self) -> bool:
        try:
            session = self._session()
            tools = self.service.tools
            live_settings(session, tools)
            self._talking = Talking(self.ids, session, self._say, self._open_live, self.service.cast, tools)
        except Refusal as refusal:
            self.end(refusal, NORMAL)
            return False
        self._say(wire.SessionCreated(event_id=self.ids.event(), session=session))
        if self.is_beta:
            head = ConversationHead(id=self._talking.telling.conversation_id)
            self._say(wire.ConversationCreated(event_id=self.ids.event(), conversation=head))
        self._talking.list_tools()
        return True

    def _session(self) -> Session:
        """The session as the client begins it: by its address, and by its short-lived key."""
        query = self.socket.query_params
        if "call_id" in query:
            raise Refusal("There are no calls to join here; open a session of its own.", code=INVALID_VALUE)
        lease = self.caller.lease
        patch: dict[str, Any] = dict(self._patch or ({} if lease is None else lease.session))
        if query.get("intent") == "transcription":
            patch["type"] = "transcription"
        elif "model" in query and "model" not in patch:
            patch["model"] = query["model"][:256]
        return new_session(patch, self.ids.session(), int(time.time() + LIFETIME_S))

    def _open_live(self, tell: Any) -> Live:
        def watched(event: LiveEvent) -> None:
            self.watching.see(event)
            tell(event)

        return self.service.open_live(AsyncClock(), watched, self.rounds)

    async def _frame(self) -> str | bytes:
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", NORMAL))
        frame: str | bytes | None = message.get("text")
        return message.get("bytes") or b"" if frame is None else frame

    async def _hear(self, frame: str | bytes) -> None:
        """One frame: its effect, or one error."""
        message: dict[str, Any] = {}
        assert self._talking is not None
        try:
            message = parse_object(frame)
            self.is_beta = self.is_beta or beta.looks_like_beta(message)
            await self._talking.do(read_event(beta.from_beta(message) if self.is_beta else message))
        except Exception as error:
            refusal = refused(error)
            if refusal.status >= 500:
                note("failure", level=logging.ERROR, failure=True, session=self.caller.request)
            self._error(refusal, client_event_id(message))
        self.watching.speculations(self._talking.live.counts)

    # --- what leaves ---------------------------------------------------------------------------------------------

    def _error(self, refusal: Refusal, client_id: str | None = None) -> None:
        self.service.metrics.errors.labels(refusal.code or "none").inc()
        self._say(error_event(refusal, self.ids, client_id))

    def _say(self, event: wire.ServerEvent) -> None:
        """Put an event behind those that wait; too much of them is a client that does not read."""
        if isinstance(event, wire.ResponseDone) and event.response.conversation_id is not None:
            event = replace(event, antiphon=self.watching.addition)
        message = write(event)
        if self.is_beta:
            message = beta.to_beta(message)
            if message is None:
                return
        text = dumps(message)
        if self._is_full:
            return
        self._waiting += len(text)
        if self._waiting > MOST_WAITING:
            self._is_full = True
            self._outgoing.put_nowait(TRY_LATER)
            return
        self._outgoing.put_nowait(text)
        if isinstance(event, wire.ResponseDone):
            self._say(wire.RateLimitsUpdated(event_id=self.ids.event(), rate_limits=self._limits()))

    def _limits(self) -> tuple[RateLimit, ...]:
        most = self.service.settings.requests_per_minute
        return (RateLimit(name="requests", limit=most, remaining=self.caller.left or 0, reset_seconds=60.0),)

    async def _send(self) -> None:
        try:
            while True:
                item = await self._outgoing.get()
                timeout = self.service.settings.send_timeout_s
                if isinstance(item, int):
                    await asyncio.wait_for(self.socket.close(item), timeout)
                    return
                self._waiting -= len(item)
                await asyncio.wait_for(self.socket.send_text(item), timeout)
        except (WebSocketDisconnect, asyncio.TimeoutError, OSError, RuntimeError):
            return  # gone, or reads nothing
