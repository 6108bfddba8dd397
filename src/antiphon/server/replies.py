"""Answers of the HTTP side: JSON, bytes, streams of events; and the work behind them, given up with the connection."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from antiphon.server.guard import Caller, Disconnected
from antiphon.server.protocol.wire import dumps

T = TypeVar("T")


def caller(request: Request) -> Caller:
    """Who asks; the guard has written it there."""
    found: Caller = request.scope["antiphon"]
    return found


def as_json(value: Any, status: int = 200) -> Response:
    """A message as the body."""
    return Response(dumps(value), status, media_type="application/json")


async def as_stream(parts: AsyncGenerator[Any, None], media_type: str) -> Response:
    """A body in parts, as they come. The first is waited for, so that what fails at once is an error body."""
    begun = await anext(parts, b"")

    async def body() -> AsyncIterator[bytes | str]:
        async with aclosing(parts) as rest:
            yield begun
            async for part in rest:
                yield part

    return StreamingResponse(body(), media_type=media_type, headers={"cache-control": "no-store"})


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of some work, which is given up when the client goes."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Disconnected
        return await task
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
