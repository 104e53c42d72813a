"""From a job to its events: room, preparation, then the sequences through the engine.

    admitted(n)        room for n answers, or "come again later"
    prepare(job)       everything that can be refused (preparation.py)
    events(prepared)   one sequence per choice --> TurnReader --> (choice, event)      failures are events

Everything that a request holds (room in the queue, sequences in the engine) is given back when the
iteration ends, however it ends: a client that goes away closes the iterator.
"""

import asyncio
import functools
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from constrained.runtime import (
    Adjustments,
    GeneratedToken,
    Sampler,
    SequenceEvent,
    SequenceFailed,
    SequenceRequest,
)
from server.engine import EngineThread
from server.errors import OVERLOADED, TIMED_OUT, UNAVAILABLE, Problem, RequestError
from server.events import Event, Failed, Measured, Silent, Watched
from server.jobs import Sampling
from server.metrics import Metrics
from server.preparation import Preparation, Prepared
from server.settings import Settings
from server.turn import TurnReader

_Queue = asyncio.Queue[tuple[int, SequenceEvent]]

SHUTTING_DOWN = Problem(UNAVAILABLE, "the server is shutting down", code="shutting_down", retry_after=5)


class Service:
    """Answers jobs. Its coroutines run in one event loop."""

    def __init__(self, preparation: Preparation, engine: EngineThread, settings: Settings, metrics: Metrics) -> None:
        self.model = preparation.model
        self.metrics = metrics
        self.prompt = preparation.prompt
        self.prepare = preparation.prepare
        self._preparation = preparation
        self._engine = engine
        self._settings = settings
        self._room = settings.max_concurrency + settings.max_queue
        self._pending = 0
        self._submitted = 0  # of these, those that the engine knows
        engine.coming = lambda: self._pending - self._submitted
        self._seconds = 1.0  # of a recent answer, for Retry-After
        self._queues: set[_Queue] = set()  # of the answers that are being generated
        self.is_draining = False

    @property
    def pending(self) -> int:
        """Answers that are being prepared, waiting or generated."""
        return self._pending

    @property
    def is_healthy(self) -> bool:
        """Is there an engine to answer?"""
        return self._engine.is_alive

    def close(self) -> None:
        """Stop the workers."""
        self._preparation.close()

    def metrics_text(self) -> bytes:
        """What /metrics answers."""
        self.metrics.engine(self._engine.mask_seconds, self._engine.waiting)
        return self.metrics.text()

    def end(self) -> None:
        """Tell all answers that are being generated that they end here: the server has waited long enough."""
        for queue in self._queues:
            queue.put_nowait((0, SequenceFailed(0, RequestError(SHUTTING_DOWN))))

    # ------------------------------------------------------------------ room

    @asynccontextmanager
    async def admitted(self, count: int) -> AsyncGenerator[None]:
        """Hold room for so many answers. Raises RequestError when there is none: come again later."""
        if self.is_draining:
            raise RequestError(SHUTTING_DOWN)
        if self._pending + count > self._room:
            waiting = max(self._pending - self._settings.max_concurrency, 0) + 1
            wait = math.ceil(waiting * self._seconds / self._settings.max_concurrency)
            problem = Problem(
                OVERLOADED,
                f"{self._pending} answers are waiting or generated, and {self._room} is the limit",
                code="queue_full",
                retry_after=min(max(wait, 1), 60),
            )
            raise RequestError(problem)
        self._pending += count
        self.metrics.pending.set(self._pending)
        try:
            yield
        finally:
            self._pending -= count
            self.metrics.pending.set(self._pending)

    # ------------------------------------------------------------------ generating

    async def events(self, prepared: Prepared, deadline: float) -> AsyncGenerator[tuple[int, Event]]:
        """The events of all choices, as they come. Each choice ends with `Measured`, or all with `Failed`.

        Whenever nothing happens for a while, that is an event too. `deadline` is in the loop's time.
        """
        job = prepared.job
        readers = [self._reader(prepared) for _ in range(job.choices)]
        queue: _Queue = asyncio.Queue()
        requests = [self._request(prepared, choice) for choice in range(job.choices)]
        self._submitted += job.choices  # before: the engine waits while others are coming
        tickets = [
            self._engine.submit(request, functools.partial(_put, queue, choice))
            for choice, request in enumerate(requests)
        ]
        self._queues.add(queue)
        try:
            while not all(reader.is_over for reader in readers):
                try:
                    choice, happened = await self._next(queue, deadline)
                except TimeoutError:
                    if asyncio.get_running_loop().time() < deadline:
                        yield 0, Silent()
                        continue
                    yield 0, Failed(timed_out(self._settings))
                    return
                if readers[choice].is_over:
                    continue
                for event in readers[choice].feed(happened):
                    self._note(event)
                    yield choice, event
                    if isinstance(event, Failed):
                        return
                if readers[choice].is_over:
                    self._engine.cancel(tickets[choice])
        finally:
            self._submitted -= job.choices
            self._queues.discard(queue)
            for ticket in tickets:
                self._engine.cancel(ticket)

    async def _next(self, queue: _Queue, deadline: float) -> tuple[int, SequenceEvent]:
        beat = asyncio.get_running_loop().time() + self._settings.heartbeat
        async with asyncio.timeout_at(min(beat, deadline)):
            return await queue.get()

    def _reader(self, prepared: Prepared) -> TurnReader:
        return TurnReader(
            prepared.grammar.framer(),
            prompt=len(prepared.prompt.tokens),
            spell=self.model.spell,
            ends=prepared.grammar.vocabulary.eos_token_ids,
            is_free=prepared.is_free,
            stops=prepared.job.stop,
            scored=prepared.job.scores is not None,
            watch=None if prepared.job.observe is None else self._watched,
        )

    def _watched(self, token: GeneratedToken) -> Watched:
        seen, spell = token.observation, self.model.spell
        found = () if seen is None else (seen.wanted, *(one.token for one in seen.alternatives))
        names = {one: spell(one).decode("utf-8", "backslashreplace") for one in {token.id, *found}}
        allowed = round((1 - token.removed) * self.model.tokens)
        return Watched(names[token.id], token.text, token.origin, allowed, seen, names)

    def _request(self, prepared: Prepared, choice: int) -> SequenceRequest:
        job = prepared.job
        return SequenceRequest(
            prompt=prepared.prompt.tokens,
            constraint=prepared.constraints[choice],
            sampler=_sampler(job.sampling, self.model.sampling, choice),
            max_tokens=prepared.max_tokens,
            adjustments=_adjustments(job.sampling),
            top_logprobs=job.scores or 0,
            observe=job.observe or 0,
            logprobs_of_forced=job.scores is not None,
        )

    def _note(self, event: Event) -> None:
        if isinstance(event, Measured):
            self.metrics.measured(event)
            self._seconds += 0.2 * (event.prefill_seconds + event.decode_seconds - self._seconds)


def _put(queue: _Queue, choice: int, event: SequenceEvent) -> None:
    queue.put_nowait((choice, event))


def timed_out(settings: Settings) -> Problem:
    """The request took too long. Sending it again would take as long, so SDKs are told not to."""
    return Problem(TIMED_OUT, f"no complete answer within {settings.timeout:g} seconds", code="timeout")


# ---------------------------------------------------------------- sampling


def _sampler(asked: Sampling, default: Sampling, choice: int) -> Sampler:
    """How a choice's tokens are drawn; choices of one request differ."""
    top_p = _first(asked.top_p, default.top_p, 1.0)
    return Sampler(
        temperature=_first(asked.temperature, default.temperature, 1.0),
        top_p=max(top_p, 1e-9),  # 0 means the likeliest token
        top_k=_first(asked.top_k, default.top_k, 0),
        min_p=_first(asked.min_p, default.min_p, 0.0),
        seed=None if asked.seed is None else (asked.seed + choice) % (1 << 64),
    )


def _adjustments(asked: Sampling) -> Adjustments:
    return Adjustments(
        logit_bias=asked.logit_bias,
        repetition_penalty=asked.repetition_penalty,
        presence_penalty=asked.presence_penalty,
        frequency_penalty=asked.frequency_penalty,
    )


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
