"""What the grammars of a batch are asked, by worker threads: which tokens may come next, what a token leads to.

todo      0 1 2 3 4 ...       one list for all workers: each takes the next row that nobody has taken
worker a  0   2 3 4           so known masks (microseconds) are one worker's, and a slow one (a
worker b    1 . . . . .       millisecond) holds up nobody

An answer that takes longer than `PATIENCE` is late: the others of the batch go on without it, and its row goes on
when it is there. While all workers are busy with late ones there is another worker, so that a grammar
that thinks for seconds costs its neighbours processor time, and not their turns; one that thinks for longer is
stopped (constrained/deadline.py).
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from threading import Condition
from typing import Generic, TypeVar

from constrained.deadline import within

WORKERS = max(1, min(4, os.cpu_count() or 1))
PATIENCE = 0.05  # seconds: a slow mask of an honest grammar takes a tenth of that

T = TypeVar("T")


class Workers(Generic[T]):
    """Worker threads that ask questions, one at a time for each sequence. Called in one thread.

    limit    seconds of processor time for an answer; without one, OutOfTime is the answer
    seconds  that workers have spent
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._todo: deque[tuple[int, Callable[[], T]]] = deque()
        self._asked: set[int] = set()  # those that have not been collected
        self._answers: dict[int, T | Exception] = {}
        self._lock = threading.Lock()
        self._wanted = Condition(self._lock)  # there is more to do, or nothing any more
        self._changed = Condition(self._lock)  # there is an answer
        self._idle = 0  # workers that wait for something to do
        self._is_closed = False
        self.seconds = 0.0

    def ask(self, questions: Mapping[int, Callable[[], T]]) -> None:
        """Begin to ask those (uid -> question) that are not being asked; an exception is an answer, too."""
        rows = [(uid, one) for uid, one in questions.items() if uid not in self._asked]
        self._asked.update(uid for uid, _ in rows)
        with self._lock:
            self._todo.extend(rows)
            self._wanted.notify(min(WORKERS, len(rows)))
            for _ in range(self._idle, min(WORKERS, len(rows))):
                self._begin_worker()

    def collect(self, uids: Collection[int], *, idle: bool = False) -> dict[int, T | Exception]:
        """The answers that are there. Waits for those of `uids`, or for any if there is nothing else to do (`idle`).

        Not for long: see PATIENCE.
        """
        with self._lock:
            if not self._changed.wait_for(lambda: self._has(uids, idle), PATIENCE) and self._todo:
                self._begin_worker()
            found, self._answers = self._answers, {}
        self._asked.difference_update(found)
        return found

    def close(self) -> None:
        """Stop the workers; one that is busy ends with its answer."""
        with self._lock:
            self._is_closed = True
            self._wanted.notify_all()

    def _has(self, uids: Collection[int], idle: bool) -> bool:
        if idle and not uids:
            return bool(self._answers) or not self._asked
        return all(uid in self._answers or uid not in self._asked for uid in uids)

    # ------------------------------------------------------------------ workers

    def _begin_worker(self) -> None:
        threading.Thread(target=self._work, name="grammars", daemon=True).start()

    def _work(self) -> None:
        while (row := self._next()) is not None:
            uid, question = row
            began = time.perf_counter()
            answer = self._answer_of(question)
            with self._lock:
                self._answers[uid] = answer
                self.seconds += time.perf_counter() - began
                if not self._todo:  # before, somebody is missing in any case
                    self._changed.notify()

    def _next(self) -> tuple[int, Callable[[], T]] | None:
        """What to ask; None ends the worker: all is over, or there are enough others."""
        with self._lock:
            while not self._todo:
                if self._is_closed or self._idle >= WORKERS:
                    return None
                self._idle += 1
                self._wanted.wait()
                self._idle -= 1
            return self._todo.popleft()

    def _answer_of(self, question: Callable[[], T]) -> T | Exception:
        try:
            with within(self._limit):
                return question()
        except Exception as error:  # noqa: BLE001  a grammar that fails is the end of its row, not of the batch
            return error
