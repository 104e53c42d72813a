"""What the algebra must know about a type whose values have parts: arrays (arrays.py) or objects (objects.py)."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from grammars.json_schema.locations import Location, Scope
from grammars.json_schema.outline import Facts
from grammars.json_schema.values import Value

A = TypeVar("A")


class Structure(Protocol[A]):
    """Arrays or objects: what one schema's own keywords leave, and how alternatives combine."""

    @property
    def names(self) -> frozenset[str]:
        """What `type` calls it."""
        ...

    @property
    def anything(self) -> A:
        """Every value of the type."""
        ...

    def both(self, a: A, b: A) -> A | None:
        """What satisfies both; None where that is obviously nothing."""
        ...

    def put_off(self, ways: Sequence[A]) -> A | None:
        """One alternative that leaves open which of `ways` holds; None where that cannot be said."""
        ...

    def among(self, values: frozenset[Value]) -> list[A]:
        """The values of the type among `values`."""
        ...

    def may_be(self, one: A, value: Value) -> bool:
        """May a value be such? False only where it plainly is not."""
        ...

    def not_among(self, values: frozenset[Value]) -> list[A]:
        """The values of the type that are not among `values`."""
        ...

    def own(self, location: Location, facts: Facts, scope: Scope) -> list[A]:
        """What the type's own keywords leave."""
        ...

    def conditions(self, location: Location, facts: Facts, scope: Scope) -> list[A]:
        """What conditional keywords (dependentSchemas) leave."""
        ...

    def evaluated(self, found: list[A], location: Location, facts: Facts, scope: Scope) -> list[A]:
        """`found`, with unevaluated* applied."""
        ...

    def unannotated(self, one: A) -> A:
        """`one` without what it has evaluated: a violated schema annotates nothing."""
        ...

    def excluded(self, facts: Facts) -> bool:
        """Does `type` exclude the type altogether?"""
        ...

    def negated(self, location: Location, facts: Facts, scope: Scope) -> list[A]:
        """The ways to violate one of the type's own keywords, or a conditional one."""
        ...

    def worlds(self, branches: Sequence[Sequence[A]], *, each: bool = False) -> list[A]:
        """Ways that together are every value of the type, and in each of which branches are easier to tell apart.

        With `each`, so many that a value of one world can be in one of the branches at most, where possible.
        """
        ...

    def exclusive(self, branches: Sequence[Sequence[A]]) -> bool:
        """Can no value be in two of the branches? (False when unsure.)"""
        ...
