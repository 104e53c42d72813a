"""What several benchmarks do: compile a schema to its first mask, and follow a text token by token."""

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any

from constrained import CompiledGrammar


def settle() -> None:
    """As the server does when it is ready: what is loaded is not looked through by every collection."""
    gc.collect()
    gc.freeze()


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Microseconds, and what came of it."""
    before = time.perf_counter_ns()
    made = run()
    return (time.perf_counter_ns() - before) / 1000, made


def first_mask(compiled: Callable[[], CompiledGrammar]) -> tuple[float, CompiledGrammar]:
    """From source to the first mask."""
    before = time.perf_counter_ns()
    grammar = compiled()
    grammar.matcher().bitmask()
    return (time.perf_counter_ns() - before) / 1000, grammar


def follow(grammar: CompiledGrammar, tokens: Sequence[int]) -> list[float]:
    """Microseconds of mask and advance, token by token."""
    matcher = grammar.matcher()
    times: list[float] = []
    for token in tokens:
        before = time.perf_counter_ns()
        matcher.bitmask()
        matcher.advance(token)
        times.append((time.perf_counter_ns() - before) / 1000)
    return times
