"""A refusal: what a client asked for and cannot have, in the shape that OpenAI's clients expect.

Inside the protocol layer it is raised; at its doors it becomes an `error` event or an HTTP body with a status.
"""

from dataclasses import dataclass

from antiphon.errors import ProtocolError
from antiphon.server.protocol.ids import Ids

ACTIVE_RESPONSE = "conversation_already_has_active_response"
NOTHING_TO_CANCEL = "response_cancel_not_active"
EMPTY_COMMIT = "input_audio_buffer_commit_empty"
FROZEN_VOICE = "cannot_update_voice"
INVALID_JSON = "invalid_json"
INVALID_TYPE = "invalid_type"
INVALID_VALUE = "invalid_value"
MISSING = "missing_required_parameter"
TOO_LARGE = "request_too_large"
UNKNOWN = "unknown_parameter"

TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class Refusal(ProtocolError):
    """What a client sent cannot be served.

    `param` is the path of the offending field (`session.tools[0].name`), `code` one of OpenAI's words for what is
    wrong, `status` the HTTP status that it becomes outside a socket.
    """

    def __init__(self, message: str, *, code: str | None, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message, self.code, self.param, self.status = message, code, param, status

    @property
    def type(self) -> str:
        return "server_error" if self.status >= 500 else TYPES.get(self.status, "invalid_request_error")

    def below(self, path: str) -> "Refusal":
        """The same refusal, its `param` seen from further up."""
        parts = [part for part in (path, self.param) if part]
        return Refusal(self.message, code=self.code, param=".".join(parts) or None, status=self.status)


@dataclass(frozen=True, kw_only=True)
class ErrorDetail:
    """What went wrong, inside a realtime `error` event; `event_id` is the client's."""

    type: str
    message: str
    code: str | None = None
    param: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorEvent:
    """`error`: the session stays open."""

    event_id: str
    type: str = "error"
    error: ErrorDetail


@dataclass(frozen=True, kw_only=True)
class HttpErrorDetail:
    message: str
    type: str
    param: str | None = None
    code: str | None = None


@dataclass(frozen=True, kw_only=True)
class HttpError:
    """The body of every HTTP error."""

    error: HttpErrorDetail


def error_event(refusal: Refusal, ids: Ids, client_event_id: str | None = None) -> ErrorEvent:
    """A refusal as the one event that answers it."""
    detail = ErrorDetail(
        type=refusal.type,
        message=refusal.message,
        code=refusal.code,
        param=refusal.param,
        event_id=client_event_id,
    )
    return ErrorEvent(event_id=ids.event(), error=detail)


def http_error(refusal: Refusal) -> HttpError:
    """A refusal as an HTTP body; its status is `refusal.status`."""
    detail = HttpErrorDetail(message=refusal.message, type=refusal.type, param=refusal.param, code=refusal.code)
    return HttpError(error=detail)
