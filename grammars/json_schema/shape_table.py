"""The shapes of one document, each once: interned, so that recursion is a shape that meets itself.

A shape is a set, and whoever goes through its literals goes by an order that the document alone decides
(`in_order`): with the same options, a schema has the same grammar in every process.
"""

import marshal
from typing import Final

from constrained.remains import Ending, emptied
from grammars.json_schema.documents import Document
from grammars.json_schema.literals import Among, Either, Literal, Says, Shape, cheapest_first
from grammars.json_schema.locations import Location, Scope
from grammars.json_schema.outline import Facts, Outline, Speech
from grammars.json_schema.outline import speech as speech_of
from grammars.json_schema.plain_documents import is_plain
from grammars.json_schema.values import Members, Value, canonical

_NO_VALUE: frozenset[Literal] = frozenset({Among(frozenset(), True)})


class ShapeTable:
    """All shapes of one document."""

    def __init__(self, document: Document) -> None:
        self.document: Final = document
        self.is_plain: Final = is_plain(document)
        self.outline: Final[Outline] = {} if self.is_plain else document.outline()  # if plain: of those asked for
        self.is_dynamic: Final = not self.is_plain and document.is_dynamic
        self.anything: Final = Shape(frozenset())
        self.nothing: Final = Shape(_NO_VALUE)
        self.nothing.alive, self.anything.alive = False, True
        self._shapes: dict[frozenset[Literal], Shape] = {
            shape.literals: shape for shape in (self.anything, self.nothing)
        }
        self._shapes_at: tuple[dict[Location, Shape], dict[Location, Shape]] = ({}, {})  # violated, satisfied
        self._spokesmen: dict[Location, Location] = {}
        self._first: dict[str, Location] = {}
        self._words: dict[Location, str] = {}  # of a spokesman: what it says
        self._is_of_one_resource: Final = document.is_one_resource and not self.is_dynamic
        self._begun: dict[tuple[str | None, ...], Location | None] = {}  # see `_first_copy`
        self._copies: dict[bytes, Location] = {}

    def facts(self, location: Location) -> Facts:
        """The keywords that restrict at `location`, by its dialect."""
        return self.speech(location).facts

    def speech(self, location: Location) -> Speech:
        """What one schema says."""
        found = self.outline.get(location)
        if found is None:
            found = speech_of(location)
            if self.is_plain:
                self.outline[location] = found
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
        if self.is_dynamic:
            return self._of(location, scope, positive)
        known = self._shapes_at[positive]
        found = known.get(location)
        if found is None:
            found = known[location] = self._of(location, (), positive)
        return found

    def _of(self, location: Location, scope: Scope, positive: bool) -> Shape:
        said = self.speech(location)
        if said.is_reference and not self.is_dynamic:
            return self.of(said.in_place[0], (), positive)
        if not said.facts:  # true, false, or {}
            return self.nothing if (location.value is False) is positive else self.anything
        if said.is_leaf:
            return self.intern(frozenset({Says(self._spokesman(location, said.facts), positive)}))
        if self._is_of_one_resource and location.resource.document is self.document:
            location = self._first_copy(location)
        return self.intern(frozenset({Says(location, positive, self.enter(location, scope))}))

    def _spokesman(self, location: Location, facts: Facts) -> Location:
        """The first schema that says the same; for those without schemas in them.

        `{"type": "integer"}` at a thousand places is one shape, and its negation is seen to exclude it.
        """
        found = self._spokesmen.get(location)
        if found is None:
            type_ = facts["type"] if len(facts) == 1 and "type" in facts else None
            said = type_ if isinstance(type_, str) else sorted(facts.items())
            words = f"{location.dialect.name} {said!r}"
            found = self._first.setdefault(words, location)
            self._words[found] = words
            self._spokesmen[location] = found
        return found

    def _first_copy(self, location: Location) -> Location:
        """The first schema that is written the same, in a document in which the same references lead to the same.

        People copy schemas with all that is in them. What one of them satisfies, the other does, so that neither
        violates it. Texts are made only where another schema begins alike: in the order in which shapes are asked for,
        that is once for a whole copy.
        """
        found = self._spokesmen.get(location)
        if found is None:
            value = location.value
            assert isinstance(value, dict), "a schema with schemas in it"
            begins = (location.dialect.name, *value, None, *self.facts(location).get("properties", ()))
            found = location
            if begins not in self._begun:
                self._begun[begins] = location
            else:
                if (first := self._begun[begins]) is not None:
                    self._copies[marshal.dumps(first.value, 2)] = first
                    self._begun[begins] = None
                found = self._copies.setdefault(marshal.dumps(value, 2), location)
            self._spokesmen[location] = found
        return found

    def words(self, shape: Shape) -> str | None:
        """What a shape says that is one schema without schemas in it: in all documents the same; None for others."""
        if len(shape.literals) != 1:
            return None
        (literal,) = shape.literals
        return self._words.get(literal.location) if isinstance(literal, Says) and literal.positive else None

    def enter(self, location: Location, scope: Scope) -> Scope:
        """The dynamic scope at `location`."""
        return location.resource.enter(scope) if self.is_dynamic else ()

    def among(self, values: frozenset[Value], positive: bool = True) -> Shape:
        """One of these values, or none of them."""
        if not values:
            return self.nothing if positive else self.anything
        return self.intern(frozenset({Among(values, positive)}))

    def both(self, *shapes: Shape) -> Shape:
        """All of these shapes at once."""
        first, others = self.anything, list[Shape]()
        for shape in shapes:
            if first is self.anything:
                first = shape
            elif shape is not first and shape is not self.anything:
                others.append(shape)
        if not others:
            return first
        literals = first.literals.union(*[shape.literals for shape in others])
        found = self._shapes.get(literals)
        if found is None:
            found = self._shapes[literals] = self.nothing if self._contradict(literals) else Shape(literals)
        return found

    def without_objects(self, shape: Shape) -> tuple[Shape, frozenset[Members]]:
        """A shape without the objects that it excludes by their values, and these objects."""
        excluded, kept = set[Members](), set[Literal]()
        for literal in shape.literals:
            match literal:
                case Among(values, False):
                    objects = frozenset(value for value in values if isinstance(value, Members))
                    excluded |= objects
                    kept |= {Among(values - objects, False)} if len(objects) < len(values) else set[Literal]()
                case _:
                    kept.add(literal)
        return (self.intern(frozenset(kept)), frozenset(excluded)) if excluded else (shape, frozenset())

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

    def excludes(self, shape: Shape, names: frozenset[str]) -> bool:
        """Does `type` exclude values of these types from a shape, at first sight?"""
        for literal in shape.literals:
            if isinstance(literal, Says) and literal.positive:
                declared = self.facts(literal.location).get("type")
                if declared is not None and (
                    declared not in names if isinstance(declared, str) else names.isdisjoint(declared)
                ):
                    return True
        return False

    def only_type(self, shape: Shape) -> str | None:
        """The one type of all values of a shape, where a schema in it names one."""
        for literal in shape.literals:
            if isinstance(literal, Says) and literal.positive:
                declared = self.speech(literal.location).facts.get("type")
                if isinstance(declared, str):
                    return declared
        return None

    def end(self) -> Ending:
        """Let go of all shapes and schemas, and let these let go of each other."""
        for shape in self._shapes.values():
            shape.end()
            yield
        for said in self.outline.values():
            said.end()
            yield
        for known in (self._shapes, *self._shapes_at, self._spokesmen, self._first, self._words, self.outline):
            yield from emptied(known)
        self._begun.clear()
        self._copies.clear()
        yield from self.document.library.end()

    # ------------------------------------------------------------------ order

    def in_order(self, shape: Shape) -> tuple[Literal, ...]:
        """The literals of a shape: cheapest first, and those of equal cost by what they say."""
        found = shape.ordered
        if found is None:
            alike: dict[int, list[Literal]] = {}
            for literal in shape.literals:
                alike.setdefault(cheapest_first(literal), []).append(literal)
            groups = [alike[cost] for cost in sorted(alike)]
            found = tuple(one for group in groups for one in (group if len(group) == 1 else self._sorted(group)))
            shape.ordered = found
        return found

    def shapes_in_order(self, shapes: frozenset[Shape]) -> list[Shape]:
        """Several shapes, by what they say."""
        return sorted(shapes, key=self._name)

    def _sorted(self, literals: list[Literal]) -> list[Literal]:
        return sorted(literals, key=self._spelled)

    def _name(self, shape: Shape) -> str:
        return f"({' and '.join(map(self._spelled, self.in_order(shape)))})"

    def _spelled(self, literal: Literal) -> str:
        """A literal in words that no other literal of the document has."""
        match literal:
            case Says(location, positive, scope):
                words = self._words.get(location)
                entered = [str(resource.root.where) for resource in scope]
                return repr((not positive, str(location.where) if words is None else words, entered))
            case Among(values, positive):
                return repr((not positive, sorted(map(canonical, values))))
            case Either(shapes):
                return repr([self._name(shape) for shape in self.shapes_in_order(shapes)])
