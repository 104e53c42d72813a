"""Least fixpoints, found as far as somebody asks: what is known of a thing hangs on others, and on itself.

    list = null | [list, list]        weight of list = 1, or 1 + 2 * weight of list

Nothing has a value at first. To *look* for one is to ask for others with the best that is known of them; when one
of these becomes better, whoever has used it looks again, until nothing does. So no thing is looked at once for each
way that leads to it, which are as many as paths in a graph, but once and once for each change of what it has used.

Looking asks depth first, as most answers are final then, but no deeper than `_DEEP`: what is below waits for its turn.
Things of which looking asks much else by itself count for several.
Of those that wait, who has used the best goes first (D. Knuth, *A generalization of Dijkstra's algorithm*, 1977).
"""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_DEEP = 24  # things of which each is being looked at for the one before; a few stack frames each


class Fixpoint(Generic[K, V]):
    """Values of things, each of least cost; None for what has none. For one thread at a time."""

    def __init__(
        self, look: Callable[[K], V | None], cost: Callable[[V], int], frames: Callable[[K], int] | None = None
    ) -> None:
        self._look_at = look
        self._cost = cost
        self._frames = frames
        self._depth = 0
        self._settled: dict[K, V | None] = {}
        self._so_far: dict[K, V | None] = {}  # the best of those that are not settled
        self._users: dict[K, dict[K, None]] = {}  # who has used what of them
        self._looking: list[K] = []  # each is asked for by the one before
        self._waiting: dict[K, int] = {}  # to be looked at (again), and the cost of the best that they have used
        self._order: list[tuple[int, int, K]] = []  # the same, as a heap; with some that do not wait any more
        self._numbers = count()

    @property
    def is_open(self) -> bool:
        """Is anything being looked for? Then what has no value may still get one."""
        return bool(self._looking)

    def of(self, key: K) -> V | None:
        """The value of a thing; while something is being looked for, the best one so far."""
        if key in self._settled:
            return self._settled[key]
        if not self._looking:
            self._settle(key)
            return self._settled[key]
        if key not in self._so_far:
            if self._depth < _DEEP:
                self._look(key)
            else:
                self._so_far[key] = None
                self._wait(key, 0)
        self._users.setdefault(key, {})[self._looking[-1]] = None
        return self._so_far[key]

    def end(self) -> None:
        """Let go of all things."""
        self._settled.clear()

    def _settle(self, key: K) -> None:
        try:
            self._look(key)
            while self._order:
                _, _, waiting = heapq.heappop(self._order)
                if waiting in self._waiting:
                    self._look(waiting)
            self._settled |= self._so_far
        finally:
            for noted in (self._so_far, self._users, self._looking, self._waiting, self._order):
                noted.clear()
            self._depth = 0

    def _wait(self, key: K, cost: int) -> None:
        if key not in self._waiting or cost < self._waiting[key]:
            self._waiting[key] = cost
            heapq.heappush(self._order, (cost, next(self._numbers), key))

    def _look(self, key: K) -> None:
        before = self._so_far.setdefault(key, None)
        self._waiting.pop(key, None)
        frames = 1 if self._frames is None else self._frames(key)
        self._looking.append(key)
        self._depth += frames
        try:
            found = self._look_at(key)
        finally:
            self._depth -= frames
            self._looking.pop()
        if found is not None and (before is None or self._cost(found) < self._cost(before)):
            self._so_far[key] = found
            for user in self._users.pop(key, ()):
                self._wait(user, self._cost(found))
