"""What is left of dropped grammars, until somebody has the time to take it apart.

    grammar dropped  -->  put off   ...   a first mask of the next   ...   steps behind it, some pieces each

What is in a grammar leads to one another. Whoever drops one is often about to ask for the first mask of the next, and
somebody waits for its first token; so it is done in steps behind that. A large grammar takes as long as hundreds of
steps: each takes a few pieces apart, the more the more is waiting. What is put off is bounded.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

_MOST = 12  # that are put off: states, masks and documents of four grammars
_PIECES = 24  # that a step takes apart for each of them: some ten microseconds

Ending = Iterator[None]  # cuts what leads to one another in something that nobody uses, piece by piece


put_off: Final[deque[Ending]] = deque()


def keep(ending: Ending) -> None:
    """Take it apart later; the oldest is, if there are many."""
    put_off.append(ending)
    if len(put_off) > _MOST:
        _end(put_off.popleft())


def take_apart() -> None:
    """Take apart what was put off, and what only that has kept."""
    for _ in range(2 * _MOST):
        try:
            ending = put_off.popleft()
        except IndexError:
            return
        _end(ending)


def take_some_apart() -> None:
    """The same, but only as much as fits into a step."""
    left = _PIECES * len(put_off)
    while left > 0:
        try:
            ending = put_off.popleft()  # so that no other thread goes on with it
        except IndexError:
            return
        for _ in ending:
            left -= 1
            if left == 0:
                put_off.appendleft(ending)
                return


def emptied(known: dict[Any, Any]) -> Ending:
    """Let go of what is in a dictionary, the last entry first."""
    while known:
        known.popitem()
        yield


def _end(ending: Ending) -> None:
    for _ in ending:
        pass
