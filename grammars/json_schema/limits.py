"""What compiling a schema may cost, and the count of it.

Time is processor time of the compiling thread: wall time would refuse on a busy machine what it accepts
on an idle one. Memory is counted as the tables of automata that are drawn (constrained/automata/drawn.py);
all else grows with time.
"""

import time
from dataclasses import dataclass

from constrained.automata import drawn
from constrained.deadline import look
from constrained.errors import LimitExceeded
from grammars.json_schema.survey import SchemaLimits

HEAVIEST = 1 << 20  # values in one value: where more are needed, it is not written
EXTRA = 16  # what an undeclared key, or an item that must be different, weighs: it is compared with all others


@dataclass(frozen=True, slots=True)
class CompileLimits:
    """What compiling a schema may cost.

    seconds  of processor time
    memory   bytes of automata, those included that are only drawn on the way to others
    shapes   combinations of schemas, where they must all be looked at
    schema   of the document itself
    """

    seconds: float = 10.0
    memory: int = 512 << 20
    shapes: int = 20_000
    schema: SchemaLimits = SchemaLimits()


class Allowance:
    """What is left of time and memory. Memory counts at once, time from the first check: the clock takes as long as
    most of what is done before it."""

    def __init__(self, limits: CompileLimits) -> None:
        self._limits = limits
        self._latest = 0.0
        self._earliest = 0.0  # on the wall's clock: before then, not so much time can have passed
        self._most = drawn.bytes_of_tables() + limits.memory
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Is compiling over?"""
        return self._is_over

    def check(self) -> None:
        """Raise LimitExceeded where nothing is left. In the thread that compiles."""
        look()
        if self._is_over:
            return
        if (now := time.perf_counter()) > self._earliest:
            if not self._latest:
                self._latest = time.thread_time() + self._limits.seconds
            left = self._latest - time.thread_time()
            if left < 0:
                seconds = self._limits.seconds
                raise LimitExceeded(f"compiling takes longer than {seconds:g} s of processor time", where="#")
            self._earliest = now + left
        if drawn.bytes_of_tables() > self._most:
            raise LimitExceeded(f"compiling takes automata of more than {self._limits.memory >> 20} MiB", where="#")

    def end(self) -> None:
        """Compiling is over: what follows happens on the way, in any thread, and is not limited."""
        self._is_over = True
