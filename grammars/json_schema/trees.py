"""Schemas that neither choose nor put together: how they combine is told at a glance, for all that is in them at once.

    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"items": {"required": ["c", "d"]}}}}

    ways to violate a schema in it    2, at most
    rows of an automaton              1, at most

What satisfies such schemas is one alternative, and what violates one is as many as it has members. At every value, each
of several of them has its say, so what they make together is no more than the product of the most that each makes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from grammars.json_schema.literals import Says
from grammars.json_schema.locations import Location
from grammars.json_schema.outline import Facts
from grammars.json_schema.scalars import at_least, chosen
from grammars.json_schema.shapes import Shapes
from grammars.json_schema.sizes import SMALL, Together
from grammars.json_schema.values import Items, Members

_NOT_IN_TREES = frozenset("patternProperties propertyNames contains uniqueItems".split())


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """The most at any place of a schema."""

    violations: int
    rows: int


class Trees:
    """Those of one document's schemas that are trees."""

    def __init__(self, shapes: Shapes, together: Together) -> None:
        self._shapes = shapes
        self._together = together
        self._found: dict[Location, Tree | None] = {}

    def bounded(self, bundle: Iterable[Says], most: int) -> bool:
        """Are all these schemas trees, that make no more than `most` alternatives together, and small automata?"""
        ways = rows = 1
        for says in bundle:
            tree = self._tree(says.location)
            if tree is None:
                return False
            ways *= 1 if says.positive else tree.violations
            rows *= tree.rows
        return ways <= most and rows <= SMALL

    def _tree(self, location: Location) -> Tree | None:
        if location in self._found:
            return self._found[location]
        self._found[location] = None  # as long as it is not told, and where it comes back to itself
        said = self._shapes.speech(location)
        found: Tree | None = None
        if said.is_reference:
            found = self._tree(said.in_place[0])
        elif not said.in_place and _NOT_IN_TREES.isdisjoint(said.facts) and not has_parts(said.facts):
            inside = [self._tree(one) for one in said.inside]
            trees = [tree for tree in inside if tree is not None]
            if len(trees) == len(inside):
                found = Tree(
                    max([violations(said.facts), *(tree.violations for tree in trees)]),
                    max([self._together.rows_of(location), *(tree.rows for tree in trees)]),
                )
        self._found[location] = found
        return found


def has_parts(facts: Facts) -> bool:
    """Is an array or an object among the constants?"""
    return any(isinstance(value, Items | Members) for value in chosen(facts) or ())


_OF_ANY = frozenset({"type", "enum", "const"})
_OF_PARTS = frozenset(
    "properties patternProperties additionalProperties propertyNames required minProperties maxProperties"
    " dependentRequired dependencies items prefixItems additionalItems contains uniqueItems minItems maxItems".split()
)
_LISTED = ("properties", "patternProperties", "prefixItems")  # violated in one of their schemas
_ALONE = frozenset("additionalProperties propertyNames uniqueItems enum const maxProperties maxItems".split())


def violations(facts: Facts) -> int:
    """In how many ways own keywords about arrays, or those about objects, can be violated."""
    if _OF_PARTS.isdisjoint(facts):
        return int(not _OF_ANY.isdisjoint(facts))
    found = sum(len(facts[name]) for name in _LISTED if name in facts)
    found += len(_ALONE.intersection(facts)) + 2 * ("contains" in facts)
    found += len(set(facts.get("required", ())).difference(facts.get("properties", ())))
    found += sum(at_least(facts, name) > 0 for name in ("minItems", "minProperties"))
    for name in ("items", "additionalItems"):
        found += len(facts[name]) if isinstance(facts.get(name), list) else name in facts
    for keyword in ("dependentRequired", "dependencies"):
        for needed in facts.get(keyword, {}).values():
            found += 1 if isinstance(needed, str) else len(cast(list[str], needed)) if isinstance(needed, list) else 0
    return max(found, 1) if "type" in facts else found
