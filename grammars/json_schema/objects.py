"""Objects: what the object keywords of schemas say, and how it combines, as ways to be an object (object_ways.py).

    keywords      own, conditions, evaluated         values       among, not_among
    negation      negated                            exclusion    worlds, exclusive

Every way stands alone: an object has the shape if it is one of any of them. An intersection pairs
them off (`both`), and a negation is a way for each keyword that can be violated.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import cast

from constrained.automata.counted import UNBOUNDED
from constrained.automata.ecma import pattern_letters
from constrained.automata.lettered import Language
from grammars.json_schema import texts
from grammars.json_schema.declared import Declared
from grammars.json_schema.literals import Shape
from grammars.json_schema.locations import Location, Scope
from grammars.json_schema.object_ways import NO_KEYS, Clause, EvaluatedKeys, Exists, Obj, OneOf, choices_of_both
from grammars.json_schema.outline import Facts
from grammars.json_schema.scalars import TEXTS, WIDE, at_least, at_most, chosen, placed, types
from grammars.json_schema.shapes import MOST_ALTERNATIVES, Shapes
from grammars.json_schema.telling_apart import apart, plainly_empty, telling_values
from grammars.json_schema.texts import ANY_TEXT, Texts
from grammars.json_schema.together import Together
from grammars.json_schema.values import Members, Value, canonical

_MOST_REMEMBERED = 50_000  # shapes of keys
_MOST_UNTOLD = 3  # branches without constants, beside many with them

_TYPE = frozenset({"object"})
_ANYTHING = Obj()

# A schema without any of these says nothing about objects by itself.
_KEYWORDS = frozenset(
    "properties patternProperties additionalProperties propertyNames required minProperties maxProperties"
    " dependentRequired dependencies enum const".split()
)


class Objects:
    """The object side of `Shapes`; see `shapes.Structure`."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._anything = _ANYTHING
        self._empty: dict[Shape, bool] = {}
        self._shape_of: dict[tuple[Obj, str], Shape] = {}

    def end(self) -> None:
        """Let go of all that has been found out."""
        self._empty.clear()
        self._shape_of.clear()

    @property
    def names(self) -> frozenset[str]:
        """What `type` calls it."""
        return _TYPE

    @property
    def anything(self) -> Obj:
        """Every object."""
        return self._anything

    def both(self, a: Obj, b: Obj) -> Obj | None:
        """What satisfies both."""
        low, high = max(a.low, b.low), min(a.high, b.high)
        required = a.required | b.required
        if low > high or len(required) > high:
            return None
        choices: tuple[OneOf, ...] | None = a.choices or b.choices
        if a.choices and b.choices:
            choices = choices_of_both(a, b, self.both, MOST_ALTERNATIVES)
        if choices is None:
            return None
        values: dict[str, Shape] = {}
        for name in required:
            shape = values[name] = self._shapes.both(self.shape_of(a, name), self.shape_of(b, name))
            if self._hopeless(shape):
                return None
        both = Obj(
            tuple(dict.fromkeys(a.clauses + b.clauses)),
            required,
            low,
            high,
            texts.both(a.names, b.names),
            a.dependent + b.dependent,
            a.exists + b.exists,
            a.evaluated | b.evaluated,
            choices,
        )
        for name, shape in values.items():
            self._remember(both, name, shape)
        return both

    def put_off(self, ways: Sequence[Obj]) -> Obj | None:
        """One way that leaves open which of `ways` holds; None where they do not speak of named keys alone."""
        return Obj(choices=(OneOf.of(ways),)) if all(way.speaks_of_names() for way in ways) else None

    def _hopeless(self, shape: Shape) -> bool:
        """Is a shape plainly empty? What is not seen here is found out by `Writer.alive`."""
        found = self._empty.get(shape)
        if found is None:
            found = self._empty[shape] = shape is self._shapes.nothing or plainly_empty(self._shapes, shape)
        return found

    def shape_of(self, one: Obj, name: str) -> Shape:
        """The shape of the value of key `name`."""
        found = self._shape_of.get((one, name))
        if found is None:
            shapes: list[Shape] = []
            for clause in one.clauses:
                shapes += clause.shapes_of(name)
            found = self._shapes.both(*shapes)
            self._remember(one, name, found)
        return found

    def _remember(self, one: Obj, name: str, shape: Shape) -> None:
        if len(self._shape_of) >= _MOST_REMEMBERED:
            self._shape_of.clear()
        self._shape_of[one, name] = shape

    # ------------------------------------------------------------------ values

    def among(self, values: frozenset[Value]) -> list[Obj]:
        """The objects among `values`."""
        return [self._exactly(members) for members in _objects(values)]

    def _exactly(self, members: Mapping[str, Value]) -> Obj:
        properties = {name: self._shapes.among(frozenset({value})) for name, value in members.items()}
        return Obj((Clause(properties, (), self._shapes.nothing, False),), frozenset(members))

    def may_be(self, one: Obj, value: Value) -> bool:
        """May a value be such an object? Decided by how many members it has, and by those that are required."""
        if not isinstance(value, Members) or not one.low <= len(value.pairs) <= one.high:
            return False
        members = dict(value.pairs)
        return one.required <= members.keys() and not any(
            self._hopeless(self._shapes.both(self.shape_of(one, name), self._shapes.among(frozenset({members[name]}))))
            for name in one.required
        )

    def not_among(self, values: frozenset[Value]) -> list[Obj]:
        """The objects that differ from each of `values` somewhere.

        A tree over the keys: the value here is none of theirs, or the key is missing, or the value is
        that of some of them, and then the rest must differ from those. Its size is that of `values`.
        """
        objects = _objects(values)
        keys = sorted({key for members in objects for key in members})
        return self._differ(objects, keys, Obj())

    def _differ(self, objects: list[dict[str, Value]], keys: list[str], so_far: Obj) -> list[Obj]:
        shapes = self._shapes
        if not objects:
            return [so_far]
        if not keys:
            same = frozenset(objects[0])
            extra = Exists(texts.other(Texts(chosen=same)), shapes.anything)
            return [replace(so_far, exists=(*so_far.exists, extra))]
        key, *later = keys
        here = dict.fromkeys(members[key] for members in objects if key in members)
        found = self._differ(
            [m for m in objects if key not in m], later, self._with(so_far, key, shapes.nothing, False)
        )
        found += [self._with(so_far, key, shapes.among(frozenset(here), False), True)]
        for value in here:
            same_value = [members for members in objects if members.get(key) == value]
            narrowed = self._with(so_far, key, shapes.among(frozenset({value})), True)
            found += self._differ(same_value, later, narrowed)
        return found

    def _with(self, one: Obj, name: str, shape: Shape, required: bool) -> Obj:
        """`one`, and key `name` has `shape` (and is there)."""
        clause = Clause({name: shape}, (), self._shapes.anything, False)
        needed = one.required | {name} if required else one.required
        return replace(one, clauses=(*one.clauses, clause), required=needed)

    # ------------------------------------------------------------------ keywords

    def excluded(self, facts: Facts) -> bool:
        """Does `type` exclude objects?"""
        allowed = types(facts)
        return allowed is not None and "object" not in allowed

    def own(self, location: Location, facts: Facts, scope: Scope) -> list[Obj]:
        """What the object keywords of one schema leave."""
        if self.excluded(facts):
            return []
        if _KEYWORDS.isdisjoint(facts):
            return [self._anything]
        clause = self._clause(location, facts, scope)
        evaluated = EvaluatedKeys(
            frozenset(clause.properties),
            frozenset(pattern for pattern, _ in clause.patterns),
            "additionalProperties" in facts,
        )
        one = Obj(
            (clause,) if clause.properties or clause.explicit or clause.additional is not self._shapes.anything else (),
            frozenset(facts.get("required", ())),
            at_least(facts, "minProperties"),
            at_most(facts, "maxProperties"),
            self._names(location, facts, scope),
            tuple(self._dependent(facts)),
            (),
            evaluated if self._shapes.tracks_evaluated else NO_KEYS,
        )
        values = chosen(facts)
        if values is None:
            return [one]
        return [both for exact in self.among(values) if (both := self.both(exact, one)) is not None]

    def _clause(self, location: Location, facts: Facts, scope: Scope) -> Clause:
        of = self._shapes.of
        additional = self._shapes.anything
        if "additionalProperties" in facts:
            additional = of(location.child("additionalProperties"), scope)
        return Clause(
            Declared(location, scope, facts["properties"], self._shapes) if "properties" in facts else {},
            tuple(
                (self._pattern(location, name), of(location.child("patternProperties", name), scope))
                for name in facts.get("patternProperties", ())
            ),
            additional,
            "additionalProperties" in facts or bool(facts.get("patternProperties")),
        )

    def _pattern(self, location: Location, pattern: str) -> Language:
        return placed(location, "patternProperties", pattern_letters, pattern)

    def _names(self, location: Location, facts: Facts, scope: Scope) -> Texts:
        if "propertyNames" not in facts:
            return ANY_TEXT
        return self._shapes.language(TEXTS, self._shapes.of(location.child("propertyNames"), scope))

    def _dependent(self, facts: Facts) -> Iterator[tuple[str, frozenset[str]]]:
        for keyword in ("dependentRequired", "dependencies"):
            for name, needed in facts.get(keyword, {}).items():
                if isinstance(needed, list):
                    yield name, frozenset[str](cast(list[str], needed))
                elif isinstance(needed, str):
                    yield name, frozenset({needed})

    def _dependent_schemas(self, location: Location, facts: Facts) -> Iterator[tuple[str, Location]]:
        for keyword in ("dependentSchemas", "dependencies"):
            for name, schema in facts.get(keyword, {}).items():
                if not isinstance(schema, list | str):
                    yield name, location.child(keyword, name)

    def conditions(self, location: Location, facts: Facts, scope: Scope) -> list[Obj]:
        """`dependentSchemas`: the key is missing, or it is there and the schema holds."""
        together = Together(self._shapes, self, [self._anything])
        for name, at in self._dependent_schemas(location, facts):
            absent = self._with(self._anything, name, self._shapes.nothing, False)
            there = self._with(self._anything, name, self._shapes.anything, True)
            holds = self._shapes.alternatives(self, self._shapes.of(at, scope))
            together.add([absent, *self._shapes.cross(self, [there], holds)])
        return together.found

    def evaluated(self, found: list[Obj], location: Location, facts: Facts, scope: Scope) -> list[Obj]:
        """Apply `unevaluatedProperties`."""
        if "unevaluatedProperties" not in facts:
            return found
        left = self._shapes.of(location.child("unevaluatedProperties"), scope)
        return [self._spare(one, left) for one in found]

    def _spare(self, one: Obj, left: Shape) -> Obj:
        if one.evaluated.all:
            return one
        anything = self._shapes.anything
        spared = Clause(
            dict.fromkeys(sorted(one.evaluated.names), anything),
            tuple((pattern, anything) for pattern in one.evaluated_patterns()),
            left,
            True,
        )
        return replace(one, clauses=(*one.clauses, spared), evaluated=EvaluatedKeys(all=True))

    def unannotated(self, one: Obj) -> Obj:
        """`one` without what it has evaluated."""
        return one if one.evaluated == NO_KEYS else replace(one, evaluated=NO_KEYS)

    # ------------------------------------------------------------------ negation

    def negated(self, location: Location, facts: Facts, scope: Scope) -> list[Obj]:
        """The ways to violate one of the object keywords of a schema."""
        shapes, anything = self._shapes, self._anything
        required, properties = dict.fromkeys(facts.get("required", ())), facts.get("properties", {})
        found = [self._with(anything, name, shapes.nothing, False) for name in required if name not in properties]
        for name in properties:
            wrong = shapes.of(location.child("properties", name), scope, False)
            # a required key is missing or wrong: if it is there, it is wrong
            found.append(self._with(anything, name, wrong, name not in required))
        declared = Texts(chosen=frozenset(properties))
        for pattern in facts.get("patternProperties", ()):
            matching = Texts(dfa=self._pattern(location, pattern))
            wrong = shapes.of(location.child("patternProperties", pattern), scope, False)
            found.append(Obj(exists=(Exists(matching, wrong),)))
            declared = texts.either(declared, matching)
        if "additionalProperties" in facts:
            wrong = shapes.of(location.child("additionalProperties"), scope, False)
            found.append(Obj(exists=(Exists(texts.other(declared), wrong),)))
        if "unevaluatedProperties" in facts:
            found += self._left_wrong(location, scope)
        if "propertyNames" in facts:
            names = shapes.language(TEXTS, shapes.of(location.child("propertyNames"), scope), WIDE)
            found.append(Obj(exists=(Exists(texts.other(names), shapes.anything),)))
        if (low := at_least(facts, "minProperties")) > 0:
            found.append(Obj(high=low - 1))
        if (high := at_most(facts, "maxProperties")) < UNBOUNDED:
            found.append(Obj(low=high + 1))
        for name, needed in self._dependent(facts):
            there = self._with(anything, name, shapes.anything, True)
            found += [self._with(there, one, shapes.nothing, False) for one in sorted(needed)]
        for name, at in self._dependent_schemas(location, facts):
            there = self._with(anything, name, shapes.anything, True)
            found += shapes.cross(self, [there], shapes.alternatives(self, shapes.of(at, scope, False)))
        values = chosen(facts)
        return found if values is None else found + self.not_among(values)

    def _left_wrong(self, location: Location, scope: Scope) -> list[Obj]:
        """Violate `unevaluatedProperties`: some key that was not evaluated has a wrong value."""
        wrong = self._shapes.of(location.child("unevaluatedProperties"), scope, False)
        ways = self._shapes.told_apart(self, location, scope)
        left = [(way, Exists(way.unevaluated(), wrong)) for way in ways if not way.evaluated.all]
        if len({way.evaluated for way in ways}) == 1:  # what has been evaluated does not depend on the way
            left = [(self._anything, some) for _, some in left[:1]]
        return [replace(way, exists=(*way.exists, some)) for way, some in left]

    # ------------------------------------------------------------------ exclusion

    def worlds(self, branches: Sequence[Sequence[Obj]], *, each: bool = False) -> list[Obj]:
        """Without the key that tells the branches apart, and with it.

        With `each`, the latter is one world for every branch, and one for the values of none.
        """
        shapes = self._shapes
        declared = [{name for clause in one.clauses for name in clause.properties} for way in branches for one in way]
        for name in sorted(set[str]().union(*declared[:1]).intersection(*declared)):
            told = telling_values(shapes, [[self.shape_of(one, name) for one in branch] for branch in branches])
            if told is not None:
                others = shapes.among(frozenset[Value]().union(*told), False)
                kinds = [others, *map(shapes.among, told)] if each else [shapes.anything]
                missing = self._with(self._anything, name, shapes.nothing, False)
                return [missing, *(self._with(self._anything, name, kind, True) for kind in kinds)]
        return [self._anything]

    def exclusive(self, branches: Sequence[Sequence[Obj]]) -> bool:
        """Can no object be in two of the branches? Decided by a required key whose value tells."""
        if len(branches) > 2 and self._discriminated(branches):
            return True
        if len(branches) > 8:
            return False
        return all(self._disjoint(a, b) for one, two in combinations(branches, 2) for a in one for b in two)

    def _disjoint(self, a: Obj, b: Obj) -> bool:
        nothing = self._shapes.nothing
        if max(a.low, b.low) > min(a.high, b.high):
            return True
        for one, two in ((a, b), (b, a)):
            if any(self.shape_of(two, name) is nothing for name in one.required):
                return True
        return any(
            apart(self._shapes, self.shape_of(a, name), self.shape_of(b, name)) for name in a.required | b.required
        )

    def _discriminated(self, branches: Sequence[Sequence[Obj]]) -> bool:
        """Many branches: is there one key whose constants tell all of them apart, or all but a few?"""
        ways = [one.required for branch in branches for one in branch]
        everywhere = ways[0].intersection(*ways) if ways else frozenset[str]()
        return any(
            self._told_by([[self.shape_of(one, name) for one in branch] for branch in branches])
            for name in sorted(everywhere)
        )

    def _told_by(self, branches: Sequence[Sequence[Shape]]) -> bool:
        """Do these values exclude each other? A few branches may have any, if they are plainly none of the others'."""
        shapes = self._shapes
        told, others = list[Sequence[Shape]](), list[Sequence[Shape]]()
        for branch in branches:
            (others if telling_values(shapes, [branch]) is None else told).append(branch)
        if len(others) > _MOST_UNTOLD or telling_values(shapes, told) is None:
            return False
        pairs = [*combinations(others, 2), *((one, two) for one in others for two in told)]
        return all(apart(shapes, a, b) for one, two in pairs for a in one for b in two)


def _objects(values: frozenset[Value]) -> list[dict[str, Value]]:
    """The members of the objects among `values`."""
    return [dict(value.pairs) for value in sorted((one for one in values if isinstance(one, Members)), key=canonical)]
