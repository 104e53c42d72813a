"""Grammars of turns, compiled beside the engine and kept by content.

    job --> key (a hash of all that decides the grammar) --> cache --> ToolGrammar
                                                    `--> worker thread: compile, first mask

Agents send the same tools with every request, so a grammar is compiled once. Two requests that need
the same one at the same time share the work. What a grammar remembers while it is used grows, so the
cache is bounded by that, not by the number of grammars.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from constrained.budget import Budgeted
from constrained.deadline import within
from constrained.errors import GrammarError, OutOfTime
from constrained.runtime.constraint import Constraint
from constrained.sections import Limited
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.json_schema.options import JsonSchemaOptions
from grammars.tools.compile import ToolGrammar, compile_tools
from grammars.tools.definitions import read_tools
from grammars.tools.formats import Slot, ToolFormat
from grammars.tools.hands import write_arguments
from grammars.tools.turns import Reasoning
from server.jobs import Job

LEAST_BYTES = 1 << 20  # what a grammar costs before it is used: a guess, on the safe side
WORKERS = 16  # more than there are processors: the costly share them with the others, and do not go first

T = TypeVar("T")


class Compiler:
    """The grammars of one model's turns. All work has so many seconds of processor time, and ends with OutOfTime."""

    def __init__(self, vocabulary: Vocabulary, family: ToolFormat, *, relax: bool) -> None:
        self._vocabulary = vocabulary
        self._family = family
        self._relax = relax
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="compile")

    def submit(self, job: Job, reasoning: Reasoning | None, calls_before: int, seconds: float) -> "Future[ToolGrammar]":
        """Compile in a worker thread. The future raises GrammarError, with the place in the job's shape."""
        return self._pool.submit(_within, seconds, lambda: self._compile(job, reasoning, calls_before))

    def constraints(
        self, grammar: ToolGrammar, limit: int, thoughts: int | None, count: int, seconds: float
    ) -> "Future[tuple[Constraint, ...]]":
        """Constraints that are complete after `limit` tokens, with at most `thoughts` of reasoning.

        One token more than that, the end token, says nothing and need not be generated. The future raises
        BudgetTooSmall, and GrammarError.
        """

        def one() -> Constraint:
            budget = Budgeted(grammar.matcher(), limit + 1)
            section = grammar.reasoning
            return budget if thoughts is None or section is None else Limited(budget, section, thoughts)

        return self._pool.submit(_within, seconds, lambda: tuple(one() for _ in range(count)))

    def key(self, job: Job, reasoning: Reasoning | None, calls_before: int) -> str:
        """Equal keys mean equal grammars."""
        numbered = calls_before if self.is_numbered else 0
        parts = [job.tools, job.tool_choice, job.parallel, job.answer, reasoning, numbered]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def is_numbered(self) -> bool:
        """Does the family count calls through the conversation?"""
        return bool(self._family.call_id) or any(Slot.INDEX in form.call for form in self._family.forms)

    def close(self) -> None:
        """Begin nothing more; what runs ends by its own limits."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _compile(self, job: Job, reasoning: Reasoning | None, calls_before: int) -> ToolGrammar:
        self._write_tools(job)
        grammar = compile_tools(
            job.tools,
            self._vocabulary,
            tool_choice=job.tool_choice,
            parallel_tool_calls=job.parallel,
            format=self._family,
            response_format=job.answer,
            reasoning=reasoning,
            first_index=calls_before if self.is_numbered else 0,
            relax=self._relax,
        )
        grammar.matcher().bitmask()
        return grammar

    def _write_tools(self, job: Job) -> None:
        """Compile tool by tool (what is found is kept): what costs too much can be named."""
        for tool in read_tools(job.tools):
            try:
                write_arguments(tool, self._family.arguments, self._vocabulary, JsonSchemaOptions())
            except OutOfTime as error:
                raise OutOfTime(error.message, where=tool.where) from error
            except GrammarError:
                if not self._relax:
                    raise


def _within(seconds: float, work: Callable[[], T]) -> T:
    with within(seconds):
        return work()


class GrammarCache:
    """Compiled grammars by key, those used longest ago dropped first. For all threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._futures: OrderedDict[str, Future[ToolGrammar]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str, make: "Callable[[], Future[ToolGrammar]]") -> "Future[ToolGrammar]":
        """The grammar of a key, or the promise of it; `make` begins to compile it. Failures are not kept."""
        with self._lock:
            found = self._futures.get(key)
            if found is not None:
                self._futures.move_to_end(key)
                return found
            found = self._futures[key] = make()
        found.add_done_callback(lambda done: self._settle(key, done))
        return found

    def _settle(self, key: str, done: "Future[ToolGrammar]") -> None:
        with self._lock:
            if (done.cancelled() or done.exception() is not None) and self._futures.get(key) is done:
                del self._futures[key]
            sizes = {one: _size(future) for one, future in self._futures.items()}
            total = sum(sizes.values())
            for one in list(self._futures):
                if total <= self._max_bytes or one == key:
                    break
                if self._futures[one].done():
                    del self._futures[one]
                    total -= sizes[one]

    def __contains__(self, key: str) -> bool:
        return key in self._futures

    def __len__(self) -> int:
        return len(self._futures)


def _size(future: "Future[ToolGrammar]") -> int:
    """What a grammar and its memory of states and masks take, roughly."""
    if not future.done() or future.cancelled() or future.exception() is not None:
        return LEAST_BYTES
    return LEAST_BYTES + future.result().memo_size
