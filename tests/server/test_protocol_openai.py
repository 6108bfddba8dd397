"""Everything that the server says fits the typed models of OpenAI's own client, where that is installed."""

from typing import Any, get_args

import pytest

from antiphon.server.protocol import audio_http, chat
from antiphon.server.protocol.server_events import ServerEvent
from antiphon.server.protocol.wire import write

from .filled import every

realtime = pytest.importorskip("openai.types.realtime")


@pytest.mark.parametrize("kind", get_args(ServerEvent), ids=lambda k: k.__name__)
def test_every_server_event_fits_the_clients_model(kind: Any) -> None:
    from pydantic import TypeAdapter

    (model,) = [m for m in get_args(get_args(realtime.RealtimeServerEvent)[0]) if _name(m) == _name_of(kind)]
    for event in every(kind):
        TypeAdapter(model).validate_python(write(event), strict=True)


@pytest.mark.parametrize(
    ("kind", "where", "name"),
    [
        (chat.Completion, "openai.types.chat", "ChatCompletion"),
        (chat.Chunk, "openai.types.chat", "ChatCompletionChunk"),
        (audio_http.Transcript, "openai.types.audio", "Transcription"),
        (audio_http.VerboseTranscript, "openai.types.audio", "TranscriptionVerbose"),
        (audio_http.TranscriptDelta, "openai.types.audio", "TranscriptionTextDeltaEvent"),
        (audio_http.TranscriptDone, "openai.types.audio", "TranscriptionTextDoneEvent"),
        (audio_http.ModelCard, "openai.types", "Model"),
    ],
)
def test_every_body_fits_the_clients_model(kind: Any, where: str, name: str) -> None:
    model = getattr(pytest.importorskip(where), name)
    for body in every(kind):
        model.model_validate(write(body), strict=True)


def _name(model: Any) -> str:
    return str(get_args(model.model_fields["type"].annotation)[0])


def _name_of(kind: Any) -> str:
    return str(kind.__dataclass_fields__["type"].default)
