"""`/openapi.json`: what the HTTP side takes and gives, made from the same dataclasses that read and write it.

A client, a proxy or a fuzzer learns from it what is refused before it is sent. Sockets and calls have no place in it.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from antiphon.server.client_secrets import Secret, SecretRequest
from antiphon.server.protocol import audio_http, chat
from antiphon.server.protocol.wire import Base64, Pattern, Range, Size

Schema = dict[str, Any]
PLAIN: Mapping[Any, Schema] = {
    str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"},
    bytes: {"type": "string", "contentEncoding": "base64"}, type(None): {"type": "null"}, object: {}, Any: {},
}  # fmt: skip
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {name: {"type": ["string", "null"]} for name in ("message", "type", "param", "code")},
        }
    },
}
REFUSED = {"400": "the request is wrong", "401": "the key is wrong", "403": "not from here", "404": "not found",
           "405": "not by this method", "408": "too slow", "413": "too large", "415": "not this kind of body",
           "429": "too often", "503": "too busy"}  # fmt: skip


class Schemas:
    """Schemas of annotations; dataclasses are named once, and referred to."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of what an annotation allows."""
        origin, args = get_origin(kind), get_args(kind)
        if origin is Annotated:
            found = dict(self.of(args[0]))
            for bound in args[1:]:
                found |= _bound(bound, found)
            return found
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(arg) for arg in args]}
        if origin is Literal:
            return {"enum": list(args)}
        if origin is tuple:
            return {"type": "array", "items": self.of(args[0])}
        if origin is Mapping:
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if is_dataclass(kind):
            return self._object(kind)
        return dict(PLAIN[kind])

    def _object(self, kind: Any) -> Schema:
        name = kind.__name__
        if name not in self.named:
            self.named[name] = {}  # it may hold itself
            hints = get_type_hints(kind, include_extras=True)
            needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
            self.named[name] = {
                "type": "object",
                "properties": {f.name: self.of(hints[f.name]) for f in fields(kind)},
                "additionalProperties": False,
            } | ({"required": needed} if needed else {})
        return {"$ref": f"#/components/schemas/{name}"}


def _bound(bound: Any, base: Schema) -> Schema:
    if isinstance(bound, Range):
        return {"minimum": bound.low, "maximum": bound.high}
    if isinstance(bound, Size):
        unit = {"string": "Length", "array": "Items", "object": "Properties"}.get(base.get("type", "string"), "Length")
        return {f"min{unit}": bound.least, f"max{unit}": bound.most}
    if isinstance(bound, Pattern):
        return {"pattern": f"^(?:{bound.regex})$"}
    if isinstance(bound, Base64):
        return {"type": "string", "contentEncoding": "base64", "maxLength": (bound.most + 2) // 3 * 4}
    return {}


def document() -> Schema:
    """The whole description, OpenAPI 3.1."""
    schemas = Schemas()

    def json_of(kind: Any) -> Schema:
        return {"application/json": {"schema": schemas.of(kind)}}

    def form_of(kind: Any) -> Schema:
        whole = schemas.of(kind)
        named = schemas.named[kind.__name__]
        file = {"type": "string", "contentMediaType": "application/octet-stream"}
        named["properties"] = {"file": file} | named["properties"]
        named["required"] = ["file", *named.get("required", ())]
        return {"multipart/form-data": {"schema": whole}}

    forms = ("mpeg", "ogg", "aac", "flac", "wav", "pcm")
    sound: Schema = {f"audio/{form}": {} for form in forms}
    events: Schema = {"text/event-stream": {}}
    words = {**json_of(audio_http.Transcript | audio_http.VerboseTranscript), "text/plain": {}, **events}
    answer = json_of(object) | events
    paths = {
        "/v1/chat/completions": _post("Answer a conversation", json_of(chat.ChatRequest), answer),
        "/v1/audio/speech": _post("Say a text", json_of(audio_http.SpeechRequest), sound | events),
        "/v1/audio/transcriptions": _post("Write down a recording", form_of(audio_http.TranscriptionRequest), words),
        "/v1/audio/translations": _post("Write it down in English", form_of(audio_http.TranslationRequest), words),
        "/v1/realtime/client_secrets": _post("A short-lived key", json_of(SecretRequest), json_of(object)),
        "/v1/models": _get("The models", json_of(audio_http.ModelList)),
        "/v1/tasks": _get("The released tasks", json_of(audio_http.TaskList)),
        "/v1/audio/voices": _get("The voices", json_of(object)),
        "/health/live": _get("Whether the process answers", json_of(object)),
        "/health/ready": _get("Whether it takes work", json_of(object)),
        "/version": _get("Which antiphon", json_of(object)),
    }
    schemas.of(Secret)
    return {
        "openapi": "3.1.0",
        "info": {"title": "antiphon", "version": "1", "description": "Speech to speech, in OpenAI's forms."},
        "paths": paths,
        "security": [{"key": []}, {}],
        "components": {
            "schemas": {name: schemas.named[name] for name in sorted(schemas.named)},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _post(summary: str, body: Schema, content: Schema) -> Schema:
    return {"post": {"summary": summary, "requestBody": {"required": True, "content": body}, **_replies(content)}}


def _get(summary: str, content: Schema) -> Schema:
    return {"get": {"summary": summary, **_replies(content)}}


def _replies(content: Schema) -> Schema:
    refused = {"application/json": {"schema": ERROR}}
    errors = {status: {"description": what, "content": refused} for status, what in REFUSED.items()}
    return {"responses": {"200": {"description": "done", "content": content}, **errors}}
