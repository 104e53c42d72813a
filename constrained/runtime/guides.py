"""What the grammars of a batch say about the next position, found by worker threads while the model runs.

rows      0 1 2 3 4 ...       one list for all workers: each takes the next row that nobody has taken
worker a  0   2 3 4           so known masks (microseconds) are one worker's, and a slow one (a
worker b    1                 millisecond) holds up nobody
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from constrained.runtime.constraint import Constraint, Guide, guide_of

WORKERS = max(1, min(4, os.cpu_count() or 1))

Answers = dict[int, Guide | Exception]  # uid -> guide, or what its constraint raised


class Guides:
    """Worker threads that ask constraints."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(WORKERS, "masks")

    def start(self, constraints: Mapping[int, Constraint | None]) -> "Asked":
        """Begin to ask; nobody else may touch the constraints until the answers are there."""
        rows = [(uid, constraint) for uid, constraint in constraints.items() if constraint is not None]
        answers: Answers = {}
        left = iter(rows)  # shared: `next` on a list's iterator is atomic
        return Asked(answers, [self._pool.submit(_ask, left, answers) for _ in range(min(WORKERS, len(rows)))])

    def close(self) -> None:
        """Stop the workers."""
        self._pool.shutdown()


class Asked:
    """Answers on their way, one for every row that has a constraint."""

    def __init__(self, answers: Answers, workers: list[Future[None]]) -> None:
        self._answers = answers
        self._workers = workers

    def wait(self) -> Answers:
        """All answers."""
        for worker in self._workers:
            worker.result()
        return self._answers


def _ask(left: Iterator[tuple[int, Constraint]], answers: Answers) -> None:
    for uid, constraint in left:
        try:
            answers[uid] = guide_of(constraint)
        except Exception as error:  # noqa: BLE001  a constraint that fails is the end of its row, not of the batch
            answers[uid] = error
