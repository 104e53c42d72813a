"""What the algebra of schemas is about: literals, and the shapes they make together.

Says      validates, or does not, against the schema at a location
Among     is one of these values, or none of them
Either    has at least one of these shapes
Shape     a set of literals that must all hold, with what has been found out about it
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from grammars.json_schema.locations import Location, Scope
from grammars.json_schema.values import Value


class Says(NamedTuple):
    """Validates (or, negative, does not validate) against the schema at `location`."""

    location: Location
    positive: bool
    scope: Scope = ()


class Among(NamedTuple):
    """Is (or, negative, is not) one of these values."""

    values: frozenset[Value]
    positive: bool


class Either(NamedTuple):
    """Has at least one of these shapes."""

    shapes: "frozenset[Shape]"


Literal = Says | Among | Either


class Stated(NamedTuple):
    """What a schema plainly says of its values; None where it does not say."""

    values: frozenset[Value] | None  # by `enum` and `const`
    types: frozenset[str] | None  # by `type`; "number" stands for integers, too


class Shape:
    """A set of literals that must all hold, with what has been found out about it. Interned by `Shapes`."""

    __slots__ = ("alive", "arrays", "different", "literals", "node", "objects", "ordered", "scalars", "weight")

    def __init__(self, literals: frozenset[Literal]) -> None:
        self.literals: Final = literals
        self.ordered: tuple[Literal, ...] | None = None  # see ShapeTable.in_order
        self.scalars: dict[tuple[int, bool], Any] = {}
        self.arrays: Sequence[Any] | None = None
        self.objects: Sequence[Any] | None = None
        self.different: Sequence[Any] | None = None  # objects, where some are excluded by value
        self.alive: bool | None = None
        self.weight = 0  # values in some value of it, at least
        self.node: Any = None

    def end(self) -> None:
        """Let go of what has been found out."""
        if self.node is not None:
            self.node.end()
        self.arrays = self.objects = self.different = self.ordered = self.node = None
        self.scalars.clear()


def cheapest_first(literal: Literal) -> int:
    """The order in which literals are combined: what leaves few alternatives comes first."""
    match literal:
        case Among(_, positive):
            return 0 if positive else 3
        case Says(_, positive):
            return 1 if positive else 2
        case Either():
            return 4
