"""What only expanding shows, looked at when compiling: whatever is refused is refused now.

Two refusals come from making shapes: the negation of `uniqueItems`, and too many alternatives. Most of a
schema cannot lead to either, and is left to the matcher:

    wild    a schema that negates (`not`, `if`, a oneOf whose branches may hold at once, ...), or combines
            alternatives with others
    near    a schema that is wild, or brings in one that is, at whatever depth

    {"properties": {"a": {"not": {...}}, "b": {...}}}      near; its "a" is wild
                                         ^-- not near: nobody looks in here

A shape is expanded if one of its literals is near, or is a negation. Of other schemas only the scalars are
looked at (`settle`): where several facts meet, their automaton may be too large.
"""

from collections.abc import Iterator
from typing import Any

from constrained.errors import GrammarError, LimitExceeded
from grammars.json_schema import texts
from grammars.json_schema.documents import Location
from grammars.json_schema.literals import Among, Either, Literal, Says, Shape
from grammars.json_schema.nodes import Writer
from grammars.json_schema.scalars import NUMBERS, TEXTS
from grammars.json_schema.structures import Structure
from grammars.json_schema.values import Items, Members

_NEGATING = frozenset({"not", "if", "maxContains", "dependentSchemas"})

# Keywords that bring several facts about the same string or number; and those that do beside others.
_COMBINING = frozenset({"allOf", "anyOf", "oneOf", "not", "if"})
_COMBINED = frozenset({"$ref", "minLength", "maxLength", "multipleOf"})


def explore(writer: Writer, most: int) -> None:
    """Look at every shape of which expanding may be refused, and at every other schema's scalars.

    Raises as `compile_json_schema`; LimitExceeded for more than `most` shapes.
    """
    explorer = _Explorer(writer)
    if explorer.near:
        explorer.expand(writer.shapes.root(), most)
    else:
        for location in explorer.said:
            explorer.settle(writer.shapes.of(location, ()))


class _Explorer:
    """One look over a document."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._shapes = writer.shapes
        self.said = writer.shapes.document.reachable()
        self.near = self._near()
        self._settled: set[Location] = set()

    # ------------------------------------------------------------------ where

    def _near(self) -> set[Location]:
        shapes, said = self._shapes, self.said
        if shapes.is_dynamic:  # what is brought in depends on the way
            return set(said)
        branching = any(keyword == "anyOf" for parts in said.values() for keyword, _ in parts)
        todo = [location for location in said if self._is_wild(location, branching)]
        near = set(todo)
        if not todo:
            return near
        above: dict[Location, list[Location]] = {}
        for location, parts in said.items():
            for _, below in parts:
                above.setdefault(below, []).append(location)
        while todo:
            for location in above.get(todo.pop(), ()):
                if location not in near:
                    near.add(location)
                    todo.append(location)
        return near

    def _is_wild(self, location: Location, branching: bool) -> bool:
        facts = self._shapes.facts(location)
        if not _NEGATING.isdisjoint(facts) or (branching and "allOf" in facts):
            return True
        if any(not isinstance(needs, list) for needs in facts.get("dependencies", {}).values()):
            return True
        return "oneOf" in facts and not (
            self._told_apart(self._writer.objects, location) and self._told_apart(self._writer.arrays, location)
        )

    def _told_apart(self, domain: Structure[Any], location: Location) -> bool:
        """Do the branches of oneOf exclude each other, so that it is but an anyOf?"""
        shapes = self._shapes
        branches = shapes.branches(location, shapes.facts(location), "oneOf")
        try:
            ways = [shapes.alternatives(domain, shapes.of(branch, ())) for branch in branches]
            return domain.exclusive([one for one in ways if one])
        except GrammarError:
            shapes.allowance.check()
            return False

    # ------------------------------------------------------------------ looking

    def expand(self, root: Shape, most: int) -> None:
        """Expand `root` and what may be inside of it, where that may be refused."""
        seen, todo = {root}, [root]
        while todo:
            self._shapes.allowance.check()
            here = todo.pop()
            self.settle(here)
            if not any(map(self._may_be_refused, here.literals)):
                for location in _locations(here):
                    self._settle_below(location)
                continue
            for plan in self._writer.structured(here):
                for shape in plan.children():
                    if shape not in seen:
                        seen.add(shape)
                        todo.append(shape)
            if len(seen) > most:
                raise LimitExceeded(f"more than {most} combinations of schemas", where="#")

    def _may_be_refused(self, literal: Literal) -> bool:
        match literal:
            case Says(location, positive):
                return not positive or location in self.near
            case Among(values, positive):
                return not positive and any(isinstance(value, Items | Members) for value in values)
            case Either(shapes):
                return any(self._may_be_refused(one) for shape in shapes for one in shape.literals)

    def settle(self, shape: Shape) -> None:
        """Combine the languages of a shape's scalars where several facts meet: one may be too large."""
        if len(shape.literals) > 1 or any(map(self._combines, shape.literals)):
            texts.is_empty(self._shapes.language(TEXTS, shape))
            self._shapes.language(NUMBERS, shape)

    def _settle_below(self, start: Location) -> None:
        """Settle a schema that is not near, and those that it brings in."""
        todo = [start]
        while todo:
            location = todo.pop()
            if location not in self._settled:
                self._settled.add(location)
                self.settle(self._shapes.of(location, ()))
                todo += [below for _, below in self.said[location]]

    def _combines(self, literal: Literal) -> bool:
        if not isinstance(literal, Says):
            return False
        location = literal.location
        while (facts := self._shapes.facts(location)) and set(facts) == {"$ref"}:
            location = location.reference("$ref")
        return not _COMBINING.isdisjoint(facts) or (len(facts) > 1 and not _COMBINED.isdisjoint(facts))


def _locations(shape: Shape) -> Iterator[Location]:
    """The schemas that a shape without negations is made of."""
    for literal in shape.literals:
        if isinstance(literal, Says):
            yield literal.location
        elif isinstance(literal, Either):
            for one in literal.shapes:
                yield from _locations(one)
