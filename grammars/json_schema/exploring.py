"""What only expanding shows, looked at when compiling: whatever is refused is refused now.

Two refusals come from making shapes: too many alternatives, and too large automata. Most of a schema cannot
lead to either, and is left to the matcher:

    wild    a schema that negates (`not`, `if`, a oneOf whose branches may hold at once, ...), or combines
            alternatives with others; where automata are large (sizes.py), also one that puts schemas together
    near    a schema that is wild, or brings in one that is, at whatever depth

    {"properties": {"a": {"not": {...}}, "b": {...}}}      near; its "a" is wild
                                         ^-- not near: nobody looks in here

What is near is told from above, where it can be (bounds.py). Where not, a shape is expanded if one of its literals is
near, or is a negation, or where schemas have been put together and automata are large. Of other schemas only the
scalars are looked at (`settle`): where several facts meet, or numbers are multiples of one with many digits, their
automaton may be too large.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from constrained.automata.ecma import pattern_letters
from constrained.automata.lettered import rows_in_bytes
from constrained.errors import LimitExceeded
from grammars.json_schema import texts
from grammars.json_schema.array_nodes import FEW_CONTAINS
from grammars.json_schema.bounds import WIDEST, Bounds, Bundle
from grammars.json_schema.forms import LENGTHS, OF_NUMBERS, OF_TEXTS
from grammars.json_schema.literals import Among, Either, Literal, Says, Shape
from grammars.json_schema.locations import Location
from grammars.json_schema.nodes import Writer
from grammars.json_schema.outline import Facts, Speech
from grammars.json_schema.scalars import BOOLEANS, NULLS, NUMBERS, TEXTS
from grammars.json_schema.sizes import LONG, MANY, Together, has_large_step
from grammars.json_schema.sketches import Unclear
from grammars.json_schema.trees import Trees
from grammars.json_schema.values import Items, Members

R = TypeVar("R")

_NEGATING = frozenset({"not", "if", "maxContains", "dependentSchemas"})

_PERHAPS_WILD = _NEGATING | {"oneOf", "allOf", "dependencies", "propertyNames", "patternProperties"}

# Facts of which several may make a large automaton. A negation makes one of one fact.
_OF_TEXTS = OF_TEXTS | LENGTHS

# Keywords that, with others, may have a say about one member or item.
_OVERLAPPING = frozenset({"contains", "unevaluatedProperties", "unevaluatedItems"})
_MOST_ALONE = 1000  # rows of a pattern for keys that stands alone

_IN_PLACE = frozenset("$ref $dynamicRef $recursiveRef allOf anyOf oneOf not if dependentSchemas dependencies".split())
_ALTERNATIVES = ({"anyOf"}, {"oneOf"})

_TELLING = _OF_TEXTS | OF_NUMBERS | _NEGATING | {"oneOf", "enum", "const", "$dynamicRef", "$recursiveRef"}


def explore(writer: Writer, most: int) -> None:
    """Look at every shape of which expanding may be refused, and at every other schema's scalars.

    Raises as `compile_json_schema`; LimitExceeded for more than `most` shapes.
    """
    explorer = Explorer(writer)
    try:
        if not explorer.near:
            explorer.settle_all()
        elif not explorer.bounds.hold(writer.shapes.root()):
            explorer.expand(writer.shapes.root(), most)
    finally:
        explorer.bounds.end()  # which knows the explorer, which knows it


class Explorer:
    """One look over a document."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._shapes = writer.shapes
        self._together = Together(writer.shapes.outline)
        self._trees = Trees(self._shapes, self._together)
        self._settled: set[Location] = set()
        self._told_of: dict[Location, _Told] = {}
        self.bounds = Bounds(self._shapes, self._leave, self._together.keys_may_be_large)
        self.near = self._near()

    # ------------------------------------------------------------------ where

    def _near(self) -> set[Location]:
        shapes, said = self._shapes, self._shapes.outline
        if shapes.is_dynamic:  # what is brought in depends on the way
            return set(said)
        branching = any("anyOf" in one.facts for one in said.values())
        # All arrays count: their `contains` may meet in one.
        branching |= sum("contains" in one.facts for one in said.values()) > FEW_CONTAINS
        todo = [location for location, one in said.items() if self._is_wild(location, one.facts, branching)]
        near = set(todo)
        if not todo:
            return near
        above: dict[Location, list[Location]] = {}
        for location, one in said.items():
            for below in (*one.in_place, *one.inside):
                above.setdefault(below, []).append(location)
        while todo:
            for location in above.get(todo.pop(), ()):
                if location not in near:
                    near.add(location)
                    todo.append(location)
        return near

    def _puts_together(self, said: Speech) -> bool:
        """May it make one schema of several for what is inside of a value?

        Alternatives do not, if there is nothing else: one of them counts, or several, but for the same value.
        """
        if not said.inside:
            return len(said.in_place) > 1 and (said.facts.keys() & _IN_PLACE) not in _ALTERNATIVES
        return bool(said.in_place) or _overlap(said.facts)

    def _is_wild(self, location: Location, facts: Facts, branching: bool) -> bool:
        together = self._together.any_may_be_large and self._puts_together(self._shapes.outline[location])
        if together and self._together.may_be_large([location]):
            return True
        if _PERHAPS_WILD.isdisjoint(facts):
            return False
        if not _NEGATING.isdisjoint(facts) or (branching and "allOf" in facts):
            return True
        if "propertyNames" in facts:  # together with patterns, the names may be too large
            return True
        if any(not isinstance(needs, list) for needs in facts.get("dependencies", {}).values()):
            return True
        if "oneOf" not in facts:
            return False
        rivals = self.bounds.sketches.profiles.rivals(self._shapes.branches(location, facts, "oneOf"))
        return rivals is None or any(rivals)

    # ------------------------------------------------------------------ looking

    def expand(self, root: Shape, most: int) -> None:
        """Expand `root` and what may be inside of it, where that may be refused."""
        seen, todo = {root}, [root]
        while todo:
            self._shapes.allowance.check()
            here = todo.pop()
            self.settle(here)
            if not self._are_large(here) and not any(map(self._may_be_refused, here.literals)):
                for location in _locations(here):
                    self._settle_below(location)
                continue
            if self.bounds.hold(here):
                continue
            for shape in self._below(here):
                if shape not in seen:
                    seen.add(shape)
                    todo.append(shape)
            if len(seen) > most:
                raise LimitExceeded(f"more than {most} combinations of schemas", where="#")

    def _leave(self, bundle: Bundle) -> bool:
        """Settle the scalars of a bundle. Raises Unclear where their automata may be large."""
        if len(bundle) == 1:
            (says,) = bundle
            if says.positive and says.location not in self.near:
                self._settle_below(says.location)
                return True
        if self._trees.bounded(bundle, WIDEST):
            return True
        if len(bundle) == 1:
            self.settle(self._shapes.intern(bundle))
        elif not self._together.all_is_small and self._together.scalars_may_be_large(
            (says.location for says in bundle), negated=_all(list(map(self._told, bundle))).negated
        ):
            raise Unclear
        return False

    def _are_large(self, here: Shape) -> bool:
        """Have schemas been put together in a shape whose automata may be large together?"""
        if len(here.literals) < 2 or not self._together.any_may_be_large:
            return False
        said = [literal.location for literal in here.literals if isinstance(literal, Says)]
        return len(said) < len(here.literals) or self._together.may_be_large(said)

    def _below(self, here: Shape) -> list[Shape]:
        """The shapes inside of the values of a shape."""
        return self._placed(
            here, lambda: [shape for plan in self._writer.structured(here) for shape in plan.children()]
        )

    def _placed(self, here: Shape, look: Callable[[], R]) -> R:
        """What `look` finds; a limit that it exceeds gets the place of the shape, if it has none."""
        try:
            return look()
        except LimitExceeded as error:
            said = [literal for literal in self._shapes.in_order(here) if isinstance(literal, Says)]
            where = error.where or (said[0].location.where if said else "#")
            raise LimitExceeded(error.message, where=where, hint=error.hint) from error

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
        if self._together.all_is_small and self._is_static(shape):
            return
        self._settle(shape, _all([self._told(literal) for literal in shape.literals]))

    def settle_all(self) -> None:
        """Settle every schema, where none is near (so what they say does not depend on the way to them)."""
        if not self._together.all_is_small:
            for location in self._shapes.outline:
                self.settle_schema(location)

    def settle_schema(self, location: Location) -> None:
        """Settle one schema."""
        told = self._told_by(location)
        if told is _NOTHING:
            return
        if self._shapes.is_dynamic or self._together.scalars_may_be_large([location], negated=told.negated):
            self._settle(self._shapes.of(location, ()), told)

    def _settle(self, shape: Shape, told: "_Told") -> None:
        locations = [literal.location for literal in shape.literals if isinstance(literal, Says)]
        if self._is_static(shape) and not self._together.scalars_may_be_large(locations, negated=told.negated):
            return
        if told.texts > 1 or (told.texts and told.negated):
            self._placed(shape, lambda: texts.is_empty(self._shapes.language(TEXTS, shape)))
        if told.numbers > 1 or (told.numbers and told.negated):
            self._placed(shape, lambda: self._shapes.language(NUMBERS, shape))
        if self._shapes.is_dynamic:  # a schema may come back to itself for one type alone
            self._shapes.language(TEXTS, shape)
            self._shapes.language(NUMBERS, shape)
            self._shapes.language(BOOLEANS, shape)
            self._shapes.language(NULLS, shape)

    def _is_static(self, shape: Shape) -> bool:
        """Is a shape made of schemas alone, that mean the same on every way to them?"""
        return not self._shapes.is_dynamic and all(isinstance(literal, Says) for literal in shape.literals)

    def _settle_below(self, start: Location) -> None:
        """Settle a schema that is not near, and those that it brings in."""
        todo, fresh = [start], set[Location]()
        while todo:
            location = todo.pop()
            if location not in self._settled and location not in fresh:
                fresh.add(location)
                if not self._together.all_may_be_large(location):
                    continue
                self.settle_schema(location)
                todo += self._shapes.outline[location].in_place
                todo += self._shapes.outline[location].inside
        self._settled |= fresh  # all of them, or none where one is refused

    # ------------------------------------------------------------------ what is told about scalars

    def _told(self, literal: Literal) -> "_Told":
        match literal:
            case Says(location, positive):
                told = self._told_by(location)
                return told if positive else replace(told, negated=True)
            case Among(values, positive):
                many = 2 * (len(values) > MANY)
                return _Told(many, many, not positive)
            case Either(shapes):
                return _all([self._told(one) for shape in shapes for one in shape.literals])

    def _told_by(self, location: Location) -> "_Told":
        found = self._told_of.get(location)
        if found is None:
            said = self._shapes.outline[location]
            found = _own(said.facts)
            if said.in_place:
                self._told_of[location] = _Told(2, 2, False)  # for a schema that comes back to itself
                found = _all([found, *map(self._told_by, said.in_place)])
            self._told_of[location] = found
        return found


@dataclass(frozen=True, slots=True)
class _Told:
    """How many facts about strings and numbers may meet in one value, and is any of them negated?"""

    texts: int = 0
    numbers: int = 0
    negated: bool = False


_NOTHING = _Told()


def _all(parts: Sequence[_Told]) -> _Told:
    told = [part for part in parts if part is not _NOTHING]
    if len(told) < 2:
        return told[0] if told else _NOTHING
    return _Told(
        sum(part.texts for part in told), sum(part.numbers for part in told), any(part.negated for part in told)
    )


def _own(facts: Facts) -> _Told:
    """What a schema tells by itself."""
    if _TELLING.isdisjoint(facts):
        return _NOTHING
    if "$dynamicRef" in facts or "$recursiveRef" in facts:
        return _Told(2, 2, True)
    many = 2 * any(_is_much(facts[name]) for name in ("enum", "const") if name in facts)
    return _Told(
        len(_OF_TEXTS.intersection(facts)) + many,
        len(OF_NUMBERS.intersection(facts)) + many + has_large_step(facts),
        not _NEGATING.isdisjoint(facts) or "oneOf" in facts,
    )


def _overlap(facts: Facts) -> bool:
    """May several keywords have a say about one member or item, or two patterns match one key?"""
    patterns = facts.get("patternProperties", ())
    if not _OVERLAPPING.isdisjoint(facts) or len(patterns) > 1 or (patterns and facts.get("properties")):
        return True
    return any(rows_in_bytes(pattern_letters(pattern)) > _MOST_ALONE for pattern in patterns)


def _is_much(constant: Any) -> bool:
    """Are there so many constants, or so long ones, that their automaton may be large?"""
    if isinstance(constant, list):
        values = cast(list[Any], constant)
        return len(values) > MANY or any(isinstance(value, str) and len(value) > LONG for value in values)
    return isinstance(constant, str) and len(constant) > LONG


def _locations(shape: Shape) -> Iterator[Location]:
    """The schemas that a shape without negations is made of."""
    for literal in shape.literals:
        if isinstance(literal, Says):
            yield literal.location
        elif isinstance(literal, Either):
            for one in literal.shapes:
                yield from _locations(one)
