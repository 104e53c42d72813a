"""What is left of dropped grammars, until somebody has the time to take it apart.

    grammar dropped  -->  put off   ...   a first mask of the next   ...   a step behind it  -->  end()

What is in a grammar leads to one another. Whoever drops one is often about to ask for the first mask of the next, and
somebody waits for its first token; so it is done in a step behind that. What is put off is bounded.
"""

from collections import deque
from typing import Final, Protocol

_MOST = 8  # that are put off


class Remains(Protocol):
    """What can be taken apart, as nobody uses it."""

    def end(self) -> None:
        """Cut what leads to one another in it."""
        ...


put_off: Final[deque[Remains]] = deque()


def keep(remains: Remains) -> None:
    """Take it apart later; the oldest is, if there are many."""
    put_off.append(remains)
    if len(put_off) > _MOST:
        take_apart(1)


def take_apart(most: int = 2 * _MOST) -> None:
    """Take apart what was put off, and what only that has kept."""
    for _ in range(most):
        try:
            one = put_off.popleft()
        except IndexError:
            return
        one.end()
