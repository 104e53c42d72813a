"""The application: routes, each a few lines, and the one way from a job to an answer.

request --read--> body --adapter--> Job --service--> events --reply--> JSON or a stream
                                                               adapter
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, aclosing
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

import constrained
from constrained.errors import ConstrainedError
from server.api.bodies import Body, read_body
from server.api.chat_reply import ChatReply
from server.api.chat_request import ChatRequest, chat_job
from server.api.messages_reply import MessagesReply
from server.api.messages_request import CountRequest, MessagesRequest, count_job, messages_job
from server.api.models import list_models, show_model
from server.api.responses_reply import ResponsesReply
from server.api.responses_request import Earlier, ResponsesRequest, input_items, responses_job
from server.api.tool_types import Ignorable
from server.api.wire import Origin, Piece, Reply
from server.description import described, request_of
from server.errors import NOT_FOUND, Problem, RequestError, invalid, problem_of
from server.events import Failed
from server.gate import Gate, body_of, read_raw
from server.jobs import Job
from server.playground import page
from server.preparation import Prepared
from server.service import Service, timed_out
from server.settings import Settings
from server.stored import ResponseStore
from server.streams import EventStream, JsonAnswer, unless_gone

B = TypeVar("B", bound=Body)

CLIENT_GONE = 499


class Api:
    """What routes share: how a body is read, and how a job is answered."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service = service
        self.settings = settings
        self.store = ResponseStore(settings.stored_responses)
        self.ignorable = Ignorable(frozenset()) if settings.refuse_hosted_tools else Ignorable()

    async def body(self, request: Request, kind: type[B]) -> B:
        """The checked body of a request."""
        return read_body(await read_raw(request, self.settings), kind, frozenset(self.settings.ignore_field))

    def origin(self) -> Origin:
        """A new answer's id and time; the model's own name, whatever the client called it."""
        return Origin(self.service.model.names[0])

    async def answer(
        self, request: Request, job: Job, reply: Reply, done: Callable[[], None] = lambda: None
    ) -> Response:
        """Answer a job; `done` is called once the answer is complete. Raises RequestError while there is none."""
        deadline = asyncio.get_running_loop().time() + self.settings.timeout
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.service.admitted(job.choices))
            try:
                async with asyncio.timeout_at(deadline):
                    prepared = await unless_gone(request, self.service.prepare(job))
            except TimeoutError:
                raise RequestError(timed_out(self.settings)) from None
            headers = _headers(prepared)
            if job.stream:
                pieces = self._stream(prepared, reply, deadline, done, stack.pop_all())
                return EventStream(pieces, self.service.metrics.disconnects.inc, headers)
            await unless_gone(request, self._collect(prepared, reply, deadline))
            done()
            return JsonAnswer(reply.result(), headers=headers)

    async def _stream(
        self, prepared: Prepared, reply: Reply, deadline: float, done: Callable[[], None], held: AsyncExitStack
    ) -> AsyncGenerator[list[Piece]]:
        async with held, aclosing(self.service.events(prepared, deadline)) as events:
            yield list(reply.begin(len(prepared.prompt.tokens)))
            try:
                async for choice, event in events:
                    if pieces := list(reply.feed(choice, event)):
                        yield pieces
                    if isinstance(event, Failed):
                        return
                done()
                yield list(reply.end())
            # The status is sent already, so whatever goes wrong now can only be said in the stream.
            except Exception as error:
                yield list(reply.fail(problem_of(error)))
                raise

    async def _collect(self, prepared: Prepared, reply: Reply, deadline: float) -> None:
        async with aclosing(self.service.events(prepared, deadline)) as events:
            async for choice, event in events:
                if isinstance(event, Failed):
                    raise RequestError(event.problem)
                _exhaust(reply.feed(choice, event))


def _exhaust(pieces: Iterable[Piece]) -> None:
    for _ in pieces:
        pass


def _headers(prepared: Prepared) -> dict[str, str]:
    notes = [*prepared.job.notes, *(f"relaxed {one.tool}: {one.reason}" for one in prepared.grammar.report)]
    text = "; ".join(notes).encode("ascii", "replace").decode().replace("\n", " ")
    return {"x-constrained-warning": text[:2000]} if notes else {}


# ---------------------------------------------------------------- routes


def create_app(service: Service, settings: Settings) -> FastAPI:
    """The application around a running service."""
    app = FastAPI(title="constrained-mlx", version=constrained.__version__, docs_url=None, redoc_url=None)
    api = Api(service, settings)
    _add_wire_formats(app, api)
    _add_stored_responses(app, api)
    _add_information(app, service)
    _add_errors(app, service)
    app.openapi = lambda: described(app)  # FastAPI's documented way
    if settings.cors_origin:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(settings.cors_origin), allow_methods=["*"], allow_headers=["*"]
        )
    app.add_middleware(Gate, settings=settings, metrics=service.metrics)
    return app


def _add_wire_formats(app: FastAPI, api: Api) -> None:
    @app.post("/v1/chat/completions", openapi_extra=request_of(ChatRequest))
    async def chat_completions(request: Request) -> Response:
        body = await api.body(request, ChatRequest)
        job = chat_job(body, api.ignorable)
        usage = body.stream_options is not None and bool(body.stream_options.include_usage)
        scores = job.scores is not None
        return await api.answer(
            request, job, ChatReply(api.origin(), choices=job.choices, include_usage=usage, scores=scores)
        )

    @app.post("/v1/responses", openapi_extra=request_of(ResponsesRequest))
    async def responses(request: Request) -> Response:
        body = await api.body(request, ResponsesRequest)
        earlier = _earlier(api, body.previous_response_id)
        reply = ResponsesReply(api.origin(), body)

        def keep() -> None:
            if body.store is not False:
                api.store.put(reply.result(), earlier.items, input_items(body))

        return await api.answer(request, responses_job(body, api.ignorable, earlier), reply, keep)

    @app.post("/v1/messages", openapi_extra=request_of(MessagesRequest))
    async def messages(request: Request) -> Response:
        body = await api.body(request, MessagesRequest)
        return await api.answer(request, messages_job(body, api.ignorable), MessagesReply(api.origin()))

    @app.post("/v1/messages/count_tokens", openapi_extra=request_of(CountRequest))
    async def count_tokens(request: Request) -> Response:
        body = await api.body(request, CountRequest)
        prompt = await api.service.prompt(count_job(body, api.ignorable))
        return JsonAnswer({"input_tokens": len(prompt.tokens)})


def _earlier(api: Api, response_id: str | None) -> Earlier:
    if response_id is None:
        return Earlier()
    stored = api.store.get(response_id)
    if stored is None:
        message = f"there is no response {response_id!r} (any more): responses are kept in memory"
        raise invalid(message, "previous_response_id", "previous_response_not_found")
    return Earlier(stored.items)


def _add_stored_responses(app: FastAPI, api: Api) -> None:
    @app.get("/v1/responses/{response_id}")
    async def get_response(response_id: str) -> Response:
        stored = api.store.get(response_id)
        if stored is None:
            raise RequestError(Problem(NOT_FOUND, f"there is no response {response_id!r}", "response_id", "not_found"))
        return JsonAnswer(stored.response)

    @app.delete("/v1/responses/{response_id}")
    async def delete_response(response_id: str) -> Response:
        if not api.store.drop(response_id):
            raise RequestError(Problem(NOT_FOUND, f"there is no response {response_id!r}", "response_id", "not_found"))
        return JsonAnswer({"id": response_id, "object": "response", "deleted": True})


def _add_information(app: FastAPI, service: Service) -> None:
    @app.get("/")
    async def root(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return page("/")
        return JsonAnswer(
            {"name": "constrained-mlx", "version": constrained.__version__, "model": service.model.names[0]}
        )

    @app.get("/playground.css", include_in_schema=False)
    @app.get("/playground.js", include_in_schema=False)
    async def part(request: Request) -> Response:
        return page(request.url.path)

    @app.get("/health")
    async def health() -> Response:
        healthy = service.is_healthy
        body: dict[str, Any] = {"status": "ok" if healthy else "failed", "pending": service.pending}
        return JsonAnswer(body, 200 if healthy else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return PlainTextResponse(service.metrics_text(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/models")
    async def models() -> Response:
        return JsonAnswer(list_models(service.model))

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> Response:
        return JsonAnswer(show_model(service.model, name))


def _add_errors(app: FastAPI, service: Service) -> None:
    async def refused(request: Request, error: Exception) -> Response:
        problem = problem_of(error)
        return JsonAnswer(body_of(problem, request.url.path), problem.status, problem.headers)

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        problem = Problem(error.status_code, str(error.detail), code="not_found" if error.status_code == 404 else None)
        return JsonAnswer(body_of(problem, request.url.path), problem.status, error.headers)

    async def gone(request: Request, error: Exception) -> Response:
        service.metrics.disconnects.inc()
        return Response(status_code=CLIENT_GONE)

    app.add_exception_handler(ConstrainedError, refused)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, refused)
