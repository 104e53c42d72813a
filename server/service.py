"""From a job to its events: prompt and grammar beside the engine, then the sequences through it.

    prepare(job)    prompt (worker thread), grammar (worker thread or cache), limits     refusals end here
    events(job)     one sequence per choice --> TurnReader --> (choice, event)           failures are events

Everything that a request holds (room in the queue, sequences in the engine) is given back when the
iteration ends, however it ends: a client that goes away closes the iterator.
"""

import asyncio
import functools
import math
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from constrained.budget import Budgeted
from constrained.errors import BudgetTooSmall, GrammarError
from constrained.runtime import Adjustments, GeneratedToken, Sampler, SequenceEvent, SequenceRequest
from grammars.tools.compile import ToolGrammar
from grammars.tools.definitions import read_choice, read_tools
from grammars.tools.formats import ToolFormat
from grammars.tools.history import count_calls
from server.compilation import Compiler, GrammarCache
from server.engine import EngineThread
from server.errors import OVERLOADED, TIMED_OUT, UNAVAILABLE, Problem, RequestError, invalid, unsupported
from server.events import Event, Failed, Measured, Silent, Watched
from server.jobs import Job, Sampling
from server.metrics import Metrics
from server.prompts import Prompt, Prompts
from server.settings import Settings
from server.turn import Spell, TurnReader

_Queue = asyncio.Queue[tuple[int, SequenceEvent]]


@dataclass(frozen=True, slots=True)
class Model:
    """What is served: names, sizes (context, and tokens of the vocabulary) and defaults. The first name is its own."""

    names: tuple[str, ...]
    family: ToolFormat
    context: int
    tokens: int
    spell: Spell
    sampling: Sampling
    created: int
    vocabulary_size: int


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A job that can be answered."""

    job: Job
    prompt: Prompt
    grammar: ToolGrammar
    constraints: tuple[Budgeted, ...]  # one for each choice
    max_tokens: int

    @property
    def is_free(self) -> bool:
        """Is an answer without calls any text?"""
        return self.grammar.turn.answer is None


class Service:
    """Answers jobs. Its coroutines run in one event loop."""

    def __init__(
        self,
        model: Model,
        prompts: Prompts,
        compiler: Compiler,
        engine: EngineThread,
        settings: Settings,
        metrics: Metrics,
    ) -> None:
        self.model = model
        self.metrics = metrics
        self._prompts = prompts
        self._compiler = compiler
        self._grammars = GrammarCache(settings.grammar_cache_mb << 20)
        self._engine = engine
        self._settings = settings
        self._renderers = ThreadPoolExecutor(2, thread_name_prefix="prompt")
        self._room = settings.max_concurrency + settings.max_queue
        self._pending = 0
        self._seconds = 1.0  # of a recent answer, for Retry-After
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
        self._renderers.shutdown(wait=False, cancel_futures=True)
        self._compiler.close()

    # ------------------------------------------------------------------ room

    @asynccontextmanager
    async def admitted(self, count: int) -> AsyncGenerator[None]:
        """Hold room for so many answers. Raises RequestError when there is none: come again later."""
        if self.is_draining:
            raise RequestError(Problem(UNAVAILABLE, "the server is shutting down", code="shutting_down", retry_after=5))
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

    # ------------------------------------------------------------------ preparing

    async def prompt(self, job: Job) -> Prompt:
        """The prompt of a job. Raises RequestError and GrammarError for what is wrong with it."""
        self._check_model(job)
        loop = asyncio.get_running_loop()
        with _placed(job):
            return await loop.run_in_executor(self._renderers, self._render, job)

    async def prepare(self, job: Job) -> Prepared:
        """Find out whether and how a job can be answered; raises as `prompt`, and for its grammar and limits."""
        self._check_sampling(job)
        prompt = await self.prompt(job)
        grammar = await self._grammar(job, prompt)
        limit = self._limit(job, prompt)
        loop = asyncio.get_running_loop()
        try:
            constraints = await loop.run_in_executor(self._renderers, _constraints, grammar, limit, job.choices)
        except BudgetTooSmall as error:
            raise self._too_small(job, prompt, error) from error
        return Prepared(job, prompt, grammar, constraints, limit)

    def _check_sampling(self, job: Job) -> None:
        if job.thinking.budget is not None:
            raise unsupported("thinking_budget")
        if (largest := max(job.sampling.logit_bias, default=0)) >= self.model.tokens:
            raise invalid(f"there is no token {largest}: the model has {self.model.tokens}", "logit_bias")

    def _render(self, job: Job) -> Prompt:
        tools = read_tools(job.tools)
        read_choice(job.tool_choice, tools, parallel=job.parallel)
        return self._prompts.prompt(job.messages, tools, job.thinking)

    def _check_model(self, job: Job) -> None:
        if job.model is not None and job.model not in self.model.names:
            message = f"there is no model {job.model!r}; this server has {self.model.names[0]!r}"
            raise RequestError(Problem(404, message, "model", "model_not_found"))

    async def _grammar(self, job: Job, prompt: Prompt) -> ToolGrammar:
        calls = count_calls(job.messages) if self._compiler.is_numbered else 0
        key = self._compiler.key(job, prompt.reasoning, calls)
        with _placed(job), self.metrics.compiling(known=key in self._grammars):
            made = self._grammars.get(key, lambda: self._compiler.submit(job, prompt.reasoning, calls))
            try:
                async with asyncio.timeout(self._settings.compile_timeout):
                    return await asyncio.shield(asyncio.wrap_future(made))
            except TimeoutError:
                limit = f"{self._settings.compile_timeout:g}"
                message = f"the grammar of this request takes longer than {limit} seconds to compile"
                raise invalid(message, "tools" if job.tools else "response_format", "grammar_too_expensive") from None

    def _limit(self, job: Job, prompt: Prompt) -> int:
        """How many tokens the answer may have. Raises RequestError if the prompt leaves no room."""
        room = self.model.context - len(prompt.tokens)
        if room < 1:
            message = f"the prompt has {len(prompt.tokens)} tokens, and the context {self.model.context}"
            raise invalid(message, "messages", "context_length_exceeded")
        return min(job.max_tokens or self._settings.max_tokens, room)

    def _too_small(self, job: Job, prompt: Prompt, error: BudgetTooSmall) -> RequestError:
        """No valid answer fits: into what the request allows, or into what the prompt leaves of the context."""
        room = self.model.context - len(prompt.tokens)
        limit, least = error.budget - 1, error.minimum - 1  # without the end token
        message = f"{limit} tokens cannot hold a valid answer: it needs at least {least}"
        if limit == room:
            message += f" (the prompt leaves {room} of {self.model.context})"
            return invalid(message, "messages", "context_length_exceeded")
        return invalid(message, job.limited_by, "budget_too_small")

    # ------------------------------------------------------------------ generating

    async def events(self, prepared: Prepared, deadline: float) -> AsyncGenerator[tuple[int, Event]]:
        """The events of all choices, as they come. Each choice ends with `Measured`, or all with `Failed`.

        Whenever nothing happens for a while, that is an event too. `deadline` is in the loop's time.
        """
        job = prepared.job
        readers = [self._reader(prepared, choice) for choice in range(job.choices)]
        queue: _Queue = asyncio.Queue()
        requests = [self._request(prepared, choice) for choice in range(job.choices)]
        tickets = [
            self._engine.submit(request, functools.partial(_put, queue, choice))
            for choice, request in enumerate(requests)
        ]
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
            for ticket in tickets:
                self._engine.cancel(ticket)

    async def _next(self, queue: _Queue, deadline: float) -> tuple[int, SequenceEvent]:
        beat = asyncio.get_running_loop().time() + self._settings.heartbeat
        async with asyncio.timeout_at(min(beat, deadline)):
            return await queue.get()

    def _reader(self, prepared: Prepared, choice: int) -> TurnReader:
        budget = prepared.constraints[choice]
        return TurnReader(
            prepared.grammar.framer(),
            steered=lambda: budget.steered,
            prompt=len(prepared.prompt.tokens),
            spell=self.model.spell,
            is_free=prepared.is_free,
            stops=prepared.job.stop,
            scored=prepared.job.scores is not None,
            watch=None if prepared.job.observe is None else self._watched,
        )

    def _watched(self, token: GeneratedToken) -> Watched:
        seen, spell = token.observation, self.model.spell
        found = () if seen is None else (seen.wanted, *(one.token for one in seen.alternatives))
        names = {one: spell(one).decode("utf-8", "backslashreplace") for one in {token.id, *found}}
        allowed = round((1 - token.removed) * self.model.vocabulary_size)
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
            fast_forward=job.scores is None,  # a token that the model was not asked for has no probability
        )

    def _note(self, event: Event) -> None:
        if isinstance(event, Measured):
            self.metrics.measured(event)
            self._seconds += 0.2 * (event.prefill_seconds + event.decode_seconds - self._seconds)


def _constraints(grammar: ToolGrammar, limit: int, choices: int) -> tuple[Budgeted, ...]:
    """Complete after `limit` tokens: one more than that, the end token, says nothing and need not be generated."""
    return tuple(Budgeted(grammar.matcher(), limit + 1) for _ in range(choices))


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


# ---------------------------------------------------------------- places


class _placed:  # noqa: N801  reads as a word: with _placed(job)
    """Errors inside name places in the job's shape; outside they name those of the request."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, GrammarError):
            place = translate(error.where, self._job)
            if place != error.where:
                raise type(error)(error.message, where=place, hint=error.hint) from error


def translate(where: str, job: Job) -> str:
    """A place in a job's shape as a place in its request: the longest beginning that `places` knows is replaced."""
    known = [ours for ours in job.places if where.startswith(ours) and not where[len(ours) : len(ours) + 1].isalnum()]
    if not known:
        return where
    ours = max(known, key=len)
    return job.places[ours] + where[len(ours) :]
