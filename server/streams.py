"""Answers on the wire: server-sent events, and noticing that nobody listens any more.

A server that only notices a closed connection when it next writes would generate for nobody while a
long prompt is read. So what the client does is watched beside what is sent to it.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.api.wire import Piece

T = TypeVar("T")

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Connection": "keep-alive"}


# Some clients cut a stream into lines at these, too (Python's str.splitlines does), in the middle of an event.
_LINE_ENDS = str.maketrans({end: f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"})


def to_json(value: object) -> bytes:
    """JSON as it is sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_LINE_ENDS).encode()


def encode(piece: Piece) -> bytes:
    """One server-sent event."""
    if piece.comment is not None:
        return f": {piece.comment.translate(_LINE_ENDS)}\n\n".encode()
    name = f"event: {piece.name}\n".encode() if piece.name else b""
    data = piece.data.encode() if isinstance(piece.data, str) else to_json(piece.data)
    return name + b"data: " + data + b"\n\n"


class JsonAnswer(Response):
    """One JSON object."""

    media_type = "application/json"

    def __init__(self, body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(to_json(body), status, headers)


class EventStream(Response):
    """Pieces as they come. `gone` is called if the client goes away before the last one."""

    media_type = "text/event-stream"

    def __init__(
        self, pieces: AsyncGenerator[list[Piece]], gone: Callable[[], None], headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(None, 200, {**HEADERS, **(headers or {})})
        del self.headers["content-length"]
        self._pieces = pieces
        self._gone = gone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if await _first(self._send(send), _disconnected(receive)) is not True:
            self._gone()

    async def _send(self, send: Send) -> bool:
        async with aclosing(self._pieces) as pieces:
            async for several in pieces:
                body = b"".join(map(encode, several))
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return True


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`. Raises ClientDisconnect, and cancels it, when the client goes away before."""
    done, result = await _first(_marked(work), _disconnected(request.receive))
    if not done:
        raise ClientDisconnect
    return result


async def _marked(work: Awaitable[T]) -> tuple[bool, T]:
    return True, await work


async def _disconnected(receive: Receive) -> Any:
    while (await receive())["type"] != "http.disconnect":
        pass
    return False, None


async def _first(*works: Awaitable[Any]) -> Any:
    """The result of whichever is done first; the others are cancelled, and have ended when this returns."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task.done()).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
