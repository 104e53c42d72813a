"""What satisfies one of each of several lists of alternatives: pairwise, as long as that makes few.

(a | b) and (c | d)                         a and c, a and d, b and c, b and d
(a | b) and (c | d) and ... thirty of them  one alternative, which leaves open which of each list holds
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from constrained.errors import LimitExceeded
from grammars.json_schema.structures import Structure

if TYPE_CHECKING:
    from grammars.json_schema.shapes import Shapes

A = TypeVar("A")

FEW = 64  # ways that several lists make together, each told by itself


class Together(Generic[A]):
    """The lists that were added one by one."""

    def __init__(self, shapes: "Shapes", domain: Structure[A], given: list[A]) -> None:
        self.found = given
        self._shapes = shapes
        self._domain = domain
        self._given = given
        self._parts: list[Sequence[A]] = []
        self._is_apart = False

    def add(self, ways: Sequence[A]) -> None:
        """One of `ways` holds besides."""
        if not self.found:
            return
        self._parts.append(ways)
        if self._is_apart:
            self.found = self._with(self.found, ways)
            return
        many = len(self.found) * len(ways) > FEW and not self._shapes.tracks_evaluated
        apart = self._apart() if many else None
        if apart is not None and len(apart) < len(self.found):
            self.found, self._is_apart = apart, True
        else:
            self.found = self._shapes.cross(self._domain, self.found, ways)

    def _with(self, found: list[A], ways: Sequence[A]) -> list[A]:
        put_off = self._domain.put_off(ways) if len(ways) > 1 else None
        return self._shapes.cross(self._domain, found, ways if put_off is None else [put_off])

    def _apart(self) -> list[A] | None:
        """All of the lists, kept apart; None for too many ways even so."""
        try:
            found = self._given
            for ways in self._parts:
                found = self._with(found, ways)
        except LimitExceeded:
            self._shapes.allowance.check()
            return None
        return found
