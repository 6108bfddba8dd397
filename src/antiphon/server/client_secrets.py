"""`POST /v1/realtime/client_secrets`: a key for a browser, which opens one kind of session and soon ends."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from antiphon.server.live_settings import live_settings
from antiphon.server.protocol.refusal import Refusal
from antiphon.server.protocol.session import Session, new_session
from antiphon.server.protocol.wire import Range, parse_object, read
from antiphon.server.replies import as_json, caller
from antiphon.server.service import Service


@dataclass(frozen=True, kw_only=True)
class Expiry:
    """When the key ends."""

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Range(10, 7200)] = 600


@dataclass(frozen=True, kw_only=True)
class SecretRequest:
    """`session` holds what the session begins with, unread: `new_session` reads it."""

    expires_after: Expiry = Expiry()
    session: object = None


@dataclass(frozen=True, kw_only=True)
class Secret:
    """The key; it is told once."""

    value: str
    expires_at: int
    session: Session


@dataclass(frozen=True)
class ClientSecrets:
    """The endpoint."""

    service: Service

    async def answer(self, request: Request) -> Response:
        """A new key of the caller's."""
        asked = read(SecretRequest, parse_object(await request.body() or b"{}"))
        if caller(request).lease is not None:
            raise Refusal("A short-lived key makes no others; use the one that it comes from.", code=None, status=403)
        patch: dict[str, Any] = dict(asked.session) if isinstance(asked.session, dict) else {}
        session = new_session(patch if asked.session is None else asked.session, self.service.ids.session(), 0)
        live_settings(session, self.service.tools)
        value, lease = self.service.keyring.lend(caller(request).name, float(asked.expires_after.seconds), patch)
        return as_json(Secret(value=value, expires_at=int(lease.expires_at), session=session))
