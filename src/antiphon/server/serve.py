"""Running the application: uvicorn, told to end gently.

The first SIGTERM makes the server refuse what is new (`/health/ready` says so) while it finishes what is under way, at
most `drain_s` seconds; then, or at a second signal, it ends.
"""

import asyncio
import signal
import socket
import time
from types import FrameType

import uvicorn

from antiphon.errors import ConfigError
from antiphon.runtime.memory import give_back
from antiphon.server.app import make_app
from antiphon.server.logs import note
from antiphon.server.protocol.refusal import Refusal
from antiphon.server.protocol.wire import MAX_FRAME
from antiphon.server.service import OpenSession, Service
from antiphon.server.settings import Settings

LAST_WORD_S = 2.0  # for the error event and the closing of a socket
TICKS, MOST_TICKS = 100, 600  # tenths of a second between two times that freed memory is given back: idle, or at all


class Server(uvicorn.Server):
    """uvicorn, with a drain before its shutdown."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service
        self._told: set[OpenSession] = set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains; another one ends."""
        if self.service.is_draining or sig == signal.SIGINT:
            super().handle_exit(sig, frame)
            return
        self.service.is_draining = True
        note("draining", running=self.service.requests.taken.total(), sessions=self.service.sessions.taken.total())

    async def on_tick(self, counter: int) -> bool:
        """Called every tenth of a second: gives memory back; ends when what was under way is done."""
        self._ticks += 1
        if self._ticks >= (TICKS if self.service.is_idle else MOST_TICKS):
            self._ticks = 0
            await asyncio.to_thread(give_back)
        if self.service.is_draining and not self.should_exit:
            if self._drained_at is None:
                self._drained_at = time.monotonic() + self.service.settings.drain_s
            is_idle = not self.service.requests.taken.total() and not self.service.is_speaking()
            if is_idle or time.monotonic() >= self._drained_at:
                self._end_sessions()
                self.should_exit = not self.service.open or time.monotonic() >= self._drained_at + LAST_WORD_S
        return await super().on_tick(counter)

    _drained_at: float | None = None
    _ticks = 0

    def _end_sessions(self) -> None:
        for session in self.service.open - self._told:
            self._told.add(session)
            session.end(Refusal("The server ends; open a session elsewhere.", code="server_ends", status=503), 1001)


def make_server(service: Service) -> Server:
    """A server that has not begun to listen."""
    settings = service.settings
    config = uvicorn.Config(
        make_app(service),
        host=settings.host,
        port=settings.port,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME + (1 << 16),
        ws_per_message_deflate=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
        limit_concurrency=1024,
        h11_max_incomplete_event_size=1 << 16,
    )
    return Server(config, service)


def listen(settings: Settings) -> socket.socket:
    """The socket to listen on. Raises ConfigError for an address that cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    taken = socket.socket(family)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((settings.host, settings.port))
        taken.listen(128)
    except OSError as error:
        taken.close()
        where = f"{settings.host}:{settings.port}"
        raise ConfigError(f"{where} cannot be listened on ({error}); give another --host or --port.") from None
    return taken


async def _run(service: Service, taken: socket.socket) -> None:
    """Serve on a socket; the engine ends with it, and what it has begun elsewhere."""
    try:
        await make_server(service).serve(sockets=[taken])
    finally:
        await service.engine.close()


def serve(service: Service) -> None:
    """Serve until told to end."""
    service.warm()
    with listen(service.settings) as taken:
        host, port = taken.getsockname()[:2]
        note("listening", address=f"http://{host}:{port}", model=service.model.name)
        print(f"http://{host}:{port}", flush=True)
        asyncio.run(_run(service, taken))
    service.close()
    note("ended")
