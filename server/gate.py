"""What every request passes first: where it comes from, its key, its size. And what is counted of it.

Host      on a loopback address only names of this machine, so that no web page can rebind its own to it
Origin    a web page that was not allowed gets nothing, not even by requests that need no permission; the server's
          own page, the playground, is allowed
key       Authorization: Bearer KEY, or x-api-key: KEY; compared in constant time
"""

import hmac
import time
from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import TOO_LARGE, UNAUTHORIZED, Problem, RequestError
from server.metrics import Metrics
from server.playground import PAGES
from server.settings import Settings
from server.streams import JsonAnswer

FORBIDDEN = 403
OPEN_PATHS = ("/health", *PAGES)
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Gate:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 499  # the client was gone before anything was sent

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            problem = self._problem(Request(scope))
            if problem is None:
                await self._app(scope, receive, counted)
            else:
                await JsonAnswer(body_of(problem, scope["path"]), problem.status)(scope, receive, counted)
        finally:
            path = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(path, str(status)).inc()
            self._metrics.seconds.labels(path).observe(time.monotonic() - began)

    def _problem(self, request: Request) -> Problem | None:
        headers, settings = request.headers, self._settings
        name = headers.get("host", "localhost").lower()
        name = name if name.endswith("]") else name.rpartition(":")[0] or name
        if settings.is_local and not settings.api_key and name not in LOCAL_NAMES:
            return Problem(FORBIDDEN, f"this server answers to names of this machine, not to {name!r}", code="host")
        origin, host = headers.get("origin"), headers.get("host", "")
        allowed = {*settings.cors_origin, f"http://{host}", f"https://{host}"}
        if origin is not None and not {origin, "*"} & allowed:
            return Problem(FORBIDDEN, f"pages of {origin} may not call this server (--cors-origin)", code="origin")
        if settings.api_key and request.url.path not in OPEN_PATHS and not _has_key(headers, settings.api_key):
            return Problem(UNAUTHORIZED, "missing or wrong API key", code="invalid_api_key")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > settings.max_body_mb << 20:
            return too_large(settings)
        return None


def _has_key(headers: Mapping[str, str], key: str) -> bool:
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    given = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    return hmac.compare_digest(given.encode(), key.encode())


def too_large(settings: Settings) -> Problem:
    """The body is larger than allowed."""
    return Problem(TOO_LARGE, f"the body is larger than {settings.max_body_mb} MiB", code="request_too_large")


def body_of(problem: Problem, path: str) -> Mapping[str, object]:
    """A problem in the shape that clients of a path read."""
    return problem.anthropic() if path.startswith("/v1/messages") else problem.openai()


async def read_raw(request: Request, settings: Settings) -> bytes:
    """The body, however it is sent. Raises RequestError beyond the limit."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > settings.max_body_mb << 20:
            raise RequestError(too_large(settings))
        pieces.append(piece)
    return b"".join(pieces)
