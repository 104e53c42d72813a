"""What must be true before a job is answered: its prompt, its grammar, its limits.

    job --worker thread--> prompt --cache, or worker thread--> grammar --worker thread--> constraints
                             |                                   |                           |
    refused:       messages, tools, template             schemas, patterns, time    max_tokens too small

Everything that can be refused is refused here, so what the engine gets can be answered.
"""

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from constrained.errors import BudgetTooSmall, GrammarError, LimitExceeded, OutOfTime
from constrained.runtime.constraint import Constraint
from grammars.tools.compile import ToolGrammar
from grammars.tools.conversation import count_calls
from grammars.tools.definitions import read_choice, read_tools
from grammars.tools.formats import ToolFormat
from server.compilation import Compiler, GrammarCache
from server.errors import NOT_FOUND, Problem, RequestError, invalid
from server.jobs import Job, Sampling
from server.metrics import Metrics
from server.prompts import Prompt, Prompts
from server.settings import Settings
from server.turn import Spell

MOST_NAME = 256  # characters of a tool's name; OpenAI allows 64

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A job that can be answered."""

    job: Job
    prompt: Prompt
    grammar: ToolGrammar
    constraints: tuple[Constraint, ...]  # one for each choice
    max_tokens: int

    @property
    def is_free(self) -> bool:
        """Is an answer without calls any text?"""
        return self.grammar.turn.answer is None


class Preparation:
    """Prepares jobs. Its coroutines run in one event loop, the work in threads."""

    def __init__(
        self, model: Model, prompts: Prompts, compiler: Compiler, settings: Settings, metrics: Metrics
    ) -> None:
        self.model = model
        self._prompts = prompts
        self._compiler = compiler
        self._settings = settings
        self._metrics = metrics
        self._grammars = GrammarCache(settings.grammar_cache_mb << 20)
        self._renderers = ThreadPoolExecutor(2, thread_name_prefix="prompt")

    def close(self) -> None:
        """Stop the workers."""
        self._renderers.shutdown(wait=False, cancel_futures=True)
        self._compiler.close()

    async def prompt(self, job: Job) -> Prompt:
        """The prompt of a job. Raises RequestError and GrammarError for what is wrong with it."""
        self._check_model(job)
        loop = asyncio.get_running_loop()
        with _placed(job):
            return await loop.run_in_executor(self._renderers, self._render, job)

    async def prepare(self, job: Job, within: float | None = None) -> Prepared:
        """Find out whether and how a job can be answered; raises as `prompt`, and for its grammar and limits.

        `within`: seconds for each step of compiling, where the setting does not apply.
        """
        self._check_sampling(job)
        seconds = within or self._settings.compile_timeout
        prompt = await self.prompt(job)
        grammar = await self._grammar(job, prompt, seconds)
        limit = self._limit(job, prompt)
        try:
            made = self._compiler.constraints(grammar, limit, job.thinking.budget, job.choices, seconds)
            with _placed(job):
                constraints = await _in_time(job, asyncio.wrap_future(made), seconds)
        except BudgetTooSmall as error:
            raise self._too_small(job, prompt, error) from error
        return Prepared(job, prompt, grammar, constraints, limit)

    def _check_sampling(self, job: Job) -> None:
        if (largest := max(job.sampling.logit_bias, default=0)) >= self.model.tokens:
            raise invalid(f"there is no token {largest}: the model has {self.model.tokens}", "logit_bias")

    def _render(self, job: Job) -> Prompt:
        tools = read_tools(job.tools)
        for tool in tools:
            if len(tool.name) > MOST_NAME:
                place = f"{tool.where.rpartition('.')[0]}.name"
                raise LimitExceeded(f"a tool's name has at most {MOST_NAME} characters", where=place)
        read_choice(job.tool_choice, tools, parallel=job.parallel)
        return self._prompts.prompt(job.messages, tools, job.thinking)

    def _check_model(self, job: Job) -> None:
        if job.model is not None and job.model not in self.model.names:
            message = f"there is no model {job.model!r}; this server has {self.model.names[0]!r}"
            raise RequestError(Problem(NOT_FOUND, message, "model", "model_not_found"))

    async def _grammar(self, job: Job, prompt: Prompt, seconds: float) -> ToolGrammar:
        calls = count_calls(job.messages) if self._compiler.is_numbered else 0
        key = self._compiler.key(job, prompt.reasoning, calls)
        with _placed(job), self._metrics.compiling(known=key in self._grammars):
            made = self._grammars.get(key, lambda: self._compiler.submit(job, prompt.reasoning, calls, seconds))
            return await _in_time(job, asyncio.shield(asyncio.wrap_future(made)), seconds)

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


async def _in_time(job: Job, work: Awaitable[T], seconds: float) -> T:
    """The result of `work` on the grammar of a job. Raises RequestError if it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise OutOfTime(f"the grammar costs more than {seconds:g} seconds", where=_grammar_of(job)) from None
    except (OutOfTime, LimitExceeded) as error:
        raise type(error)(error.message, where=error.where or _grammar_of(job), hint=error.hint) from error


def _grammar_of(job: Job) -> str:
    """The field, in the job's shape, that costs the most where it is not known which does."""
    return "tools" if job.tools else "response_format"


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
