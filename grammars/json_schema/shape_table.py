"""The shapes of one document, each once: interned, so that recursion is a shape that meets itself."""

from typing import Final

from grammars.json_schema.dialects import Kind, Role
from grammars.json_schema.documents import Document, Location, Scope
from grammars.json_schema.literals import Among, Either, Literal, Says, Shape
from grammars.json_schema.scalars import Facts
from grammars.json_schema.values import Value


class ShapeTable:
    """All shapes of one document."""

    def __init__(self, document: Document) -> None:
        self.document: Final = document
        self.anything: Final = Shape(frozenset())
        self.nothing: Final = Shape(frozenset({Among(frozenset(), True)}))
        self.nothing.alive, self.anything.alive = False, True
        self._shapes: dict[frozenset[Literal], Shape] = {
            shape.literals: shape for shape in (self.anything, self.nothing)
        }
        self._facts: dict[Location, Facts] = {}
        self._spokesmen: dict[Location, Location] = {}
        self._first: dict[tuple[str, str], Location] = {}

    def facts(self, location: Location) -> Facts:
        """The keywords that restrict at `location`, by its dialect."""
        found = self._facts.get(location)
        if found is None:
            kind = location.dialect.kind
            found = self._facts[location] = {
                keyword: value
                for keyword, value in location.keywords.items()
                if kind(keyword) in (Kind.CONSTRAINT, Kind.REFERENCE)
            }
        return found

    def intern(self, literals: frozenset[Literal]) -> Shape:
        """The shape of these literals."""
        found = self._shapes.get(literals)
        if found is None:
            found = self._shapes[literals] = Shape(literals)
        return found

    def root(self) -> Shape:
        """The shape of the whole document."""
        return self.of(self.document.root, ())

    def of(self, location: Location, scope: Scope, positive: bool = True) -> Shape:
        """The shape of one schema, entered from `scope`."""
        if location.value is positive or (positive and not self.facts(location) and location.value is not False):
            return self.anything
        if isinstance(location.value, bool) or not self.facts(location):
            return self.nothing
        spokesman = self._spokesman(location)
        if spokesman is not None:
            return self.intern(frozenset({Says(spokesman, positive)}))
        return self.intern(frozenset({Says(location, positive, self.enter(location, scope))}))

    def _spokesman(self, location: Location) -> Location | None:
        """The first schema that says the same, for those without schemas in them; None for others.

        `{"type": "integer"}` at a thousand places is one shape, and its negation is seen to exclude it.
        """
        found = self._spokesmen.get(location)
        if found is None:
            facts = self.facts(location)
            rules = location.dialect.rules
            if any(keyword in rules and rules[keyword].role not in (Role.PLAIN, Role.SIZE) for keyword in facts):
                return None
            found = self._first.setdefault((location.dialect.name, repr(sorted(facts.items()))), location)
            self._spokesmen[location] = found
        return found

    def enter(self, location: Location, scope: Scope) -> Scope:
        """The dynamic scope at `location`."""
        return location.resource.enter(scope) if self.document.is_dynamic else ()

    def among(self, values: frozenset[Value], positive: bool = True) -> Shape:
        """One of these values, or none of them."""
        if not values:
            return self.nothing if positive else self.anything
        return self.intern(frozenset({Among(values, positive)}))

    def both(self, *shapes: Shape) -> Shape:
        """All of these shapes at once."""
        literals = frozenset[Literal]().union(*(shape.literals for shape in shapes))
        found = self._shapes.get(literals)
        if found is None:
            found = self._shapes[literals] = self.nothing if self._contradict(literals) else Shape(literals)
        return found

    def _contradict(self, literals: frozenset[Literal]) -> bool:
        """Do literals exclude each other at first sight?"""
        for one in literals:
            if isinstance(one, Says) and one.positive and Says(one.location, False, one.scope) in literals:
                return True
        return self.nothing.literals <= literals

    def either(self, *shapes: Shape) -> Shape:
        """At least one of these shapes."""
        if self.anything in shapes:
            return self.anything
        chosen = frozenset(shapes) - {self.nothing}
        if len(chosen) <= 1:
            return next(iter(chosen), self.nothing)
        return self.intern(frozenset({Either(chosen)}))
