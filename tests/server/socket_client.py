"""A plain client of the realtime socket: send events, take what comes."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from .running import Running

PATIENCE_S = 120
TRAILING = ("rate_limits.updated",)  # what may follow a reply that is done


class Socket:
    """One session."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.seen: list[dict[str, Any]] = []

    def send(self, kind: str, **fields: Any) -> None:
        self.connection.send(json.dumps({"type": kind, **fields}))

    def take(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.connection.recv(timeout=PATIENCE_S))
        self.seen.append(event)
        return event

    def until(self, kind: str) -> list[dict[str, Any]]:
        """Everything up to the first event of a kind, which is the last."""
        events = [self.take()]
        while events[-1]["type"] != kind:
            events.append(self.take())
        return events

    def ask(self, kind: str, answer: str, **fields: Any) -> dict[str, Any]:
        """Send an event; the first event of the kind that answers it."""
        self.send(kind, **fields)
        return self.until(answer)[-1]

    def error(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send an event; the error that must be the next thing that comes, and that names the event."""
        self.send(kind, event_id="mine", **fields)
        event = self.take()
        while event["type"] in TRAILING:
            event = self.take()
        assert event["type"] == "error" and event["error"]["event_id"] == "mine", event
        return dict(event["error"])

    def write(self, text: str, **fields: Any) -> dict[str, Any]:
        """A message of the user."""
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **fields}
        return dict(self.ask("conversation.item.create", "conversation.item.done", item=item)["item"])

    def append(self, sound: bytes) -> None:
        self.send("input_audio_buffer.append", audio=base64.b64encode(sound).decode())


@contextmanager
def opened(server: Running, query: str = "?model=m", **headers: str) -> Iterator[Socket]:
    """A session, from `session.created` on."""
    address = f"ws://127.0.0.1:{server.port}/v1/realtime{query}"
    named: Mapping[str, str] = {name.replace("_", "-"): value for name, value in headers.items()}
    with connect(address, additional_headers=named, max_size=None, open_timeout=PATIENCE_S) as connection:
        socket = Socket(connection)
        assert socket.take()["type"] == "session.created"
        yield socket
