"""A server that is played: the built page under its policy, lists as a real one gives them, and a socket by hand."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from playwright.sync_api import BrowserContext, Route, WebSocketRoute

from antiphon.text.prompts import PROMPTS

Said = dict[str, Any]
Answering = Callable[[Said, Callable[[Said], None]], None]  # what was told, and how to tell


def sound(seconds: float) -> str:
    """Base64 of a tone that swells and fades, so that there is something to see."""
    time = np.arange(int(24_000 * seconds)) / 24_000
    wave = np.sin(2 * np.pi * 180 * time) * np.abs(np.sin(2 * np.pi * 2.2 * time)) * 0.5
    return base64.b64encode((wave * 32_767).astype("<i2").tobytes()).decode()


def card(name: str) -> Said:
    """A task as `/v1/tasks` tells of it."""
    task = PROMPTS[name]
    return {
        "id": name,
        "instructions": task.system,
        "takes": "text" if name.startswith("speak") else "audio",
        "gives": "audio" if task.reply == "speech" else "text",
        "is_learnt": True,
        "temperature": task.temperature,
        "max_tokens": task.max_tokens,
    }


LISTS: dict[str, Said] = {
    "/v1/models": {"data": [{"id": "mini"}]},
    "/v1/audio/voices": {"voices": ["default", "mei"]},
    "/v1/tasks": {"data": [card(name) for name in PROMPTS], "bounds": {"body_bytes": 26 << 20, "heard_seconds": 600.0}},
}


def given(body: Said) -> Callable[[Route], None]:
    """An answer to every request."""
    return lambda route: route.fulfill(json=body)


def lists(context: BrowserContext) -> None:
    """Everything that the page asks for beside the socket."""
    for path, body in LISTS.items():
        context.route(f"**{path}", given(body))
    context.route("**/metrics", lambda route: route.fulfill(body=""))


def play(context: BrowserContext, answering: Answering) -> None:
    """Be the server: every session is begun and updated, and `answering` hears the rest of what is told."""

    def serve(socket: WebSocketRoute) -> None:
        def tell(event: Said) -> None:
            socket.send(json.dumps(event))

        def told(message: str | bytes) -> None:
            event = json.loads(message)
            if event["type"] == "session.update":
                tell({"type": "session.updated", "session": {**event["session"], "id": "sess_1"}})
            answering(event, tell)

        socket.on_message(told)
        tell({"type": "session.created", "session": {}})

    lists(context)
    context.route_web_socket("**/v1/realtime", serve)
