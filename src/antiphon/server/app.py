"""The application: which address is answered by whom."""

import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute

from antiphon.server.calls import Calls
from antiphon.server.client_secrets import ClientSecrets
from antiphon.server.completions import Completions
from antiphon.server.console import routes as console_routes
from antiphon.server.guard import Guard
from antiphon.server.openapi import document
from antiphon.server.protocol.audio_http import ModelCard, ModelList
from antiphon.server.protocol.refusal import Refusal
from antiphon.server.realtime import Realtime
from antiphon.server.replies import as_json
from antiphon.server.service import Service
from antiphon.server.speech import Speech
from antiphon.server.tasks import Tasks
from antiphon.server.transcripts import Transcripts
from antiphon.server.voices import Voices


def make_app(service: Service) -> Guard:
    """Everything that is served, behind the guard."""
    about, speech, transcripts = About(service), Speech(service), Transcripts(service)
    calls = Calls(service)
    routes: list[BaseRoute] = [
        *console_routes(),
        Route("/health", about.live),
        Route("/health/live", about.live),
        Route("/health/ready", about.ready),
        Route("/metrics", about.metrics),
        Route("/version", about.version),
        Route("/openapi.json", about.openapi),
        WebSocketRoute("/v1/realtime", Realtime(service).open),
        Route("/v1/realtime/calls", calls.begin, methods=["POST"]),
        Route("/v1/realtime/calls/{name}/hangup", calls.hang_up, methods=["POST"]),
        Route("/v1/realtime/client_secrets", ClientSecrets(service).answer, methods=["POST"]),
        Route("/v1/models", about.models),
        Route("/v1/models/{name:path}", about.model),
        Route("/v1/tasks", Tasks(service).answer),
        Route("/v1/chat/completions", Completions(service).answer, methods=["POST"]),
        Route("/v1/audio/speech", speech.answer, methods=["POST"]),
        Route("/v1/audio/voices", Voices(service.cast).show),
        Route("/v1/audio/voices", Voices(service.cast).take, methods=["POST"]),
        Route("/v1/audio/transcriptions", transcripts.transcribe, methods=["POST"]),
        Route("/v1/audio/translations", transcripts.translate, methods=["POST"]),
    ]
    return Guard(Router(routes, redirect_slashes=False), service)


@dataclass(frozen=True)
class About:
    """What the server says of itself."""

    service: Service

    async def live(self, request: Request) -> Response:
        """The process answers."""
        return as_json({"status": "live"})

    async def ready(self, request: Request) -> Response:
        """Whether it takes work."""
        if self.service.is_draining:
            return as_json({"status": "draining"}, 503)
        return as_json({"status": "ready", "time": int(time.time())})

    async def metrics(self, request: Request) -> Response:
        """Figures for Prometheus."""
        return Response(self.service.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def version(self, request: Request) -> Response:
        """Which antiphon."""
        try:
            return as_json({"version": version("antiphon")})
        except PackageNotFoundError:
            return as_json({"version": "unknown"})

    async def openapi(self, request: Request) -> Response:
        """What the addresses take and give."""
        return as_json(document())

    async def models(self, request: Request) -> Response:
        """The one model; other names mean it, too."""
        return as_json(ModelList(data=(self._card(),)))

    async def model(self, request: Request) -> Response:
        """The card of one model."""
        name = request.path_params["name"]
        if name != self.service.model.name:
            what = f"There is no model {name[:60]!r}; this server has {self.service.model.name!r}."
            raise Refusal(what, code="model_not_found", param="model", status=404)
        return as_json(self._card())

    def _card(self) -> ModelCard:
        return ModelCard(id=self.service.model.name, created=self.service.created)
