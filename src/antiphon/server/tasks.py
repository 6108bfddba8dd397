"""`GET /v1/tasks`: the released tasks, so that whoever asks for one by chat completions asks in the released words.

Beside them stands what a request may hold: a client refuses a recording that is too large before it sends it.
"""

from starlette.requests import Request
from starlette.responses import Response

from antiphon.runtime.loaded import Loaded
from antiphon.server.protocol.audio_http import Bounds, TaskCard, TaskList
from antiphon.server.replies import as_json
from antiphon.server.service import Service
from antiphon.text.prompts import PROMPTS

READERS = frozenset({"speak", "speak_translated"})  # done on a text; every other task is done on a recording


class Tasks:
    """The endpoint."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def answer(self, request: Request) -> Response:
        """Every task, and the bounds of a request."""
        settings = self.service.settings
        bounds = Bounds(body_bytes=settings.max_body, heard_seconds=settings.max_heard_s)
        return as_json(TaskList(data=tuple(_card(self.service.model, name) for name in PROMPTS), bounds=bounds))


def _card(model: Loaded, name: str) -> TaskCard:
    variant = model.variant
    has_learnt = variant.tasks is None or name in variant.tasks
    task = variant.learnt(name) if has_learnt else PROMPTS[name]
    return TaskCard(
        id=name,
        instructions=task.base_text if variant.style == "base" else task.system,
        takes="text" if name in READERS else "audio",
        gives="audio" if task.reply == "speech" and model.speaks else "text",
        is_learnt=has_learnt,
        is_released=task.released,
        temperature=task.temperature,
        top_p=task.top_p,
        repetition_penalty=task.repetition_penalty,
        max_tokens=task.max_tokens,
    )
