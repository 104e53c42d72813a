"""Results worth keeping, as long as they fit: a cache that is bounded in bytes, not in entries.

    young   results of this generation       full (half of the bytes): it becomes the old one,
    old     those of the one before          and what is still asked for there moves back to young

Automata differ in size by five orders of magnitude, so a number of entries says nothing. All functions
share one memory, and a result is found in it without a lock.
"""

from collections.abc import Callable
from functools import wraps
from itertools import count
from threading import Lock
from typing import Any, Final, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")

MEMORY_BYTES = 256 << 20
_ENTRY_BYTES = 500  # of a key and small things
_ROW_BYTES = 64  # what a row's derived tables take
_HOLDERS = ("dfa", "meter", "automaton")  # the attribute that holds it
_MISSING: Final = object()
_numbers = count()  # of functions: Python's collector leaves keys alone in which there are no functions


class Memory:
    """Results of functions, by their arguments."""

    def __init__(self, most_bytes: int) -> None:
        self._generation_bytes = most_bytes // 2
        self._young: dict[object, Any] = {}
        self._old: dict[object, Any] = {}
        self._bytes = self._old_bytes = 0
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        return self._bytes + self._old_bytes

    def limit(self, most_bytes: int) -> None:
        """Keep at most so much from now on; what is there goes if it is more."""
        with self._lock:
            self._generation_bytes = most_bytes // 2
            if self._bytes > self._generation_bytes:
                self._young, self._bytes = {}, 0
            if self._old_bytes > self._generation_bytes:
                self._old, self._old_bytes = {}, 0

    def remembered(self, function: Callable[P, R]) -> Callable[P, R]:
        """`function`, whose results are kept here; its arguments must be hashable."""

        number = next(_numbers)

        @wraps(function)
        def remembering(*arguments: P.args, **named: P.kwargs) -> R:
            key = (number, arguments, *sorted(named.items())) if named else (number, arguments)
            found = self._young.get(key, _MISSING)
            if found is _MISSING:
                found = self._made(key, lambda: function(*arguments, **named), arguments)
            return found

        return remembering

    def of(self, key: object, make: Callable[[], R]) -> R:
        """What is kept under a key, or what is made then."""
        found = self._young.get(key, _MISSING)
        return self._made(key, make, ()) if found is _MISSING else found

    def _made(self, key: object, make: Callable[[], R], held: tuple[object, ...]) -> R:
        """The same, if it is not young; `held` are the automata in the key."""
        found = self._old.get(key, _MISSING)
        if found is _MISSING:
            found = make()
        self._keep(key, found, _ENTRY_BYTES + sum(map(size_of, (found, *held))))
        return found

    def _keep(self, key: object, result: object, size: int) -> None:
        with self._lock:
            if size > self._generation_bytes:
                return
            if self._bytes + size > self._generation_bytes:
                self._young, self._old = {}, self._young
                self._bytes, self._old_bytes = 0, self._bytes
            self._young[key] = result
            self._bytes += size


memory = Memory(MEMORY_BYTES)
remembered = memory.remembered


def size_of(part: object) -> int:
    """Bytes of the tables of an automaton, or of what holds one or several."""
    if isinstance(part, tuple):
        return sum(map(size_of, cast(tuple[object, ...], part)))
    step: NDArray[np.int32] | None = getattr(part, "step", None)
    if step is not None:
        return step.nbytes + _ROW_BYTES * len(step)
    return next((size_of(held) for name in _HOLDERS if (held := getattr(part, name, None)) is not None), 0)
