"""`POST /v1/realtime/calls`: a client's offer (SDP) becomes a live conversation over WebRTC; the answer is returned.

The offer is the body, or the field `sdp` of a form whose field `session` says what the session begins with.
"""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from antiphon.server.guard import Caller
from antiphon.server.live_settings import live_settings
from antiphon.server.protocol.refusal import Refusal
from antiphon.server.protocol.session import new_session
from antiphon.server.protocol.wire import parse_object
from antiphon.server.realtime import Realtime
from antiphon.server.replies import caller
from antiphon.server.service import Service

if TYPE_CHECKING:  # its libraries are an extra
    from antiphon.server.webrtc import Call

MOST_SDP = 100_000  # characters of an offer


@dataclass
class Calls:
    """The endpoint, and the calls that are open."""

    service: Service
    open: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    async def begin(self, request: Request) -> Response:
        """Answer an offer; the call goes on behind it."""
        try:
            from antiphon.server.webrtc import Call
        except ImportError:
            what = "This server has no WebRTC; install antiphon[webrtc], or open the socket /v1/realtime."
            raise Refusal(what, code="webrtc_not_installed", status=501) from None
        offer, patch = await self._asked(request)
        session = new_session(patch, self.service.ids.session(), 0)
        live_settings(session, self.service.tools)  # refused before anything is opened
        who = caller(request)
        with ExitStack() as stack:
            stack.enter_context(self.service.sessions.place(who.name))
            call = Call(self.service.ids, dict(request.query_params))
            answer = await call.answer(offer)
            name = self.service.ids.session().replace("sess", "rtc", 1)
            held = stack.pop_all()  # the place is given back with the call's end
        task = asyncio.ensure_future(self._run(name, call, who, patch, held))
        self.open[name] = task
        return Response(answer, 201, {"location": f"/v1/realtime/calls/{name}"}, media_type="application/sdp")

    async def hang_up(self, request: Request) -> Response:
        """End a call."""
        task = self.open.get(request.path_params["name"])
        if task is None:
            raise Refusal("There is no such call.", code="not_found", status=404)
        task.cancel()
        return Response(status_code=200)

    async def _run(self, name: str, call: "Call", who: Caller, patch: dict[str, Any], held: ExitStack) -> None:
        try:
            await Realtime(self.service).talk(call, who, patch)
        finally:
            self.open.pop(name, None)
            held.close()
            await call.close()

    async def _asked(self, request: Request) -> tuple[str, dict[str, Any]]:
        """The offer, and the session as it shall begin.

        Raises:
            Refusal: there is no offer, or too much of one.
        """
        lease = caller(request).lease
        patch: dict[str, Any] = {} if lease is None else dict(lease.session)
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form(max_files=2, max_fields=4, max_part_size=MOST_SDP) as form:
                parts = {key: await _text(form[key]) for key in ("sdp", "session") if key in form}
            offer = parts.get("sdp", "")
            patch |= parse_object(parts["session"]) if parts.get("session") else {}
        else:
            offer = (await request.body()).decode("utf-8", "replace")
        if not offer.strip() or len(offer) > MOST_SDP:
            what = f"An offer in SDP of at most {MOST_SDP} characters was expected as the body or as the field sdp."
            raise Refusal(what, code="invalid_value", param="sdp")
        if "model" in request.query_params:
            patch.setdefault("model", request.query_params["model"][:256])
        return offer, patch


async def _text(part: Any) -> str:
    return part if isinstance(part, str) else (await part.read()).decode("utf-8", "replace")
