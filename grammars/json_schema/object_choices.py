"""Conditions on keys that have nothing to do with each other, kept apart: n of them are n choices, not 2^n ways.

    if a is 1 then b must come, if c is 1 then d must come, ...

    choices   (a: 1, b required | a: not 1 | no a)      (c: 1, d required | c: not 1 | no c)      ...
    live      after "a": 1, the first of these          all of those

A state says of each choice which of its ways still hold, and reading a key that a choice speaks of tells them apart:
there is one way to go on for each shape that its live ways want. The choices of an object speak of different keys, and
each of named keys alone; so an object can be finished if, for each choice by itself, it can in one of the live ways.

What else counts keys, or ties one to another (`minProperties`, `dependentRequired`, ...), could forbid what each of two
choices allows; then all ways are told one by one, as far as they are not too many.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import TYPE_CHECKING

from constrained.automata.counted import UNBOUNDED
from grammars.json_schema.key_bits import bits
from grammars.json_schema.literals import Shape
from grammars.json_schema.object_nodes import ObjectPlan
from grammars.json_schema.object_states import ObjectState
from grammars.json_schema.object_ways import Clause, Obj, OneOf, told
from grammars.json_schema.shapes import MOST_ALTERNATIVES

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer

_MARKS = 4  # bytes of a comma and a colon


def are_independent(one: Obj) -> bool:
    """May the choices of an object be looked at one by one?"""
    return not (one.dependent or one.exists or one.low) and one.high >= UNBOUNDED


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """One way of a choice: what it says of keys, by their places, and the keys that it wants, as a bit set."""

    obj: Obj
    shapes: dict[int, Shape]
    required: int


class Choice:
    """One choice: its ways, and the places of the keys that they speak of."""

    def __init__(self, plan: "ChoosingPlan", choice: OneOf) -> None:
        index = {name: place for place, name in enumerate(plan.names)}
        self._plan = plan
        self.ways: list[_Way] = []
        for way in choice.ways:
            if way.required <= index.keys():
                spoken = sorted(way.named().intersection(index))
                shapes = {index[name]: plan.writer.objects.shape_of(way, name) for name in spoken}
                self.ways.append(_Way(way, shapes, sum(1 << index[name] for name in way.required)))
        self.places = sum(1 << index[name] for name in choice.keys.intersection(index))
        self.all = (1 << len(self.ways)) - 1
        self._viable: dict[tuple[int, int, int], int] = {}

    def viable(self, live: int, seen: int, place: int) -> int:
        """Those of the `live` ways in which an object can be finished, once some keys have come."""
        passed = (1 << place) - 1 & self.places
        key = live, seen & self.places, passed
        found = self._viable.get(key)
        if found is None:
            found = sum(1 << number for number in bits(live) if self._is_viable(self.ways[number], seen, passed))
            if not self._plan.writer.is_searching:
                self._viable[key] = found
        return found

    def _is_viable(self, way: _Way, seen: int, passed: int) -> bool:
        missing = way.required & ~seen
        alive = self._plan.writer.alive
        return not missing & passed and all(alive(self.shape(way, one)) for one in bits(missing))

    def closes(self, live: int, seen: int) -> bool:
        """Have all keys come that some live way wants?"""
        return any(not self.ways[number].required & ~seen for number in bits(live))

    def shape(self, way: _Way, place: int) -> Shape:
        """The shape of the value of a key, in one way."""
        shape = self._plan.shape(place)
        return self._plan.writer.shapes.both(shape, way.shapes[place]) if place in way.shapes else shape

    def apart(self, live: int, place: int) -> dict[Shape, int]:
        """The shapes that the value of a key may have, each with the live ways in which it has it."""
        found: dict[Shape, int] = {}
        for number in bits(live):
            shape = self.shape(self.ways[number], place)
            found[shape] = found.get(shape, 0) | 1 << number
        return found

    def cheapest(self, live: int, state: ObjectState) -> Obj:
        """The way in which what is missing is shortest."""
        viable = [self.ways[number] for number in bits(self.viable(live, state.seen, state.place))]
        return min(viable, key=lambda way: self._cost(way, state)).obj

    def _cost(self, way: _Way, state: ObjectState) -> float:
        plan = self._plan
        missing = (way.required & ~state.seen) | (plan.missing(state) & self.places)
        return sum(
            _MARKS + len(plan.written[one]) + plan.writer.short.size(self.shape(way, one)) for one in bits(missing)
        )


class ChoosingPlan(ObjectPlan):
    """How the objects of one alternative are written that has choices."""

    def __init__(self, obj: Obj, writer: "Writer") -> None:
        spoken = [name for choice in obj.choices for name in sorted(choice.keys)]
        declared = Clause(dict.fromkeys(spoken, writer.shapes.anything), (), writer.shapes.anything, False)
        super().__init__(replace(obj, choices=(), clauses=(*obj.clauses, declared)), writer)
        self._original = obj
        self._ways = obj.choices
        self._settled: dict[tuple[Obj, ...], ObjectPlan] = {}

    def told_by(self, writer: "Writer") -> ObjectPlan:
        """The same plan, as another writer sees it."""
        return ChoosingPlan(self._original, writer)

    @property
    def is_settled(self) -> bool:
        """Never: one of the ways may want what has no text."""
        return False

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """What is left open."""
        return tuple(Choice(self, choice) for choice in self._ways)

    @cached_property
    def _choice_of(self) -> dict[int, int]:
        return {place: number for number, choice in enumerate(self.choices) for place in bits(choice.places)}

    @cached_property
    def start(self) -> ObjectState:
        """Before the first member."""
        return replace(super().start, live=tuple(choice.all for choice in self.choices))

    @cached_property
    def is_simple(self) -> bool:
        """Never: what must come depends on what has come."""
        return False

    @cached_property
    def _remembered(self) -> int:
        return super()._remembered | sum(choice.places for choice in self.choices)

    def children(self) -> Iterator[Shape]:
        """The shapes that values may have."""
        yield from super().children()
        for choice in self.choices:
            yield from (shape for place in bits(choice.places) for shape in choice.apart(choice.all, place))

    def variety(self, enough: int) -> int:
        """How many such objects there are, at least."""
        return 1

    def can_finish(self, state: ObjectState) -> bool:
        """Can the object be closed some time from `state`?"""
        return super().can_finish(state) and all(self._is_viable(one, state) for one in range(len(self.choices)))

    def _is_viable(self, number: int, state: ObjectState) -> bool:
        return bool(self.choices[number].viable(state.live[number], state.seen, state.place))

    def may_close(self, state: ObjectState) -> bool:
        """May the object end here?"""
        return super().may_close(state) and all(
            choice.closes(live, state.seen) for choice, live in zip(self.choices, state.live, strict=True)
        )

    def members(self, state: ObjectState) -> Iterator[tuple[int, Shape, ObjectState]]:
        """The declared keys that may come next, once for each shape that a choice wants of their value."""
        missing = self.missing(state)
        for place in self.ahead(state):
            after = self.after(state, place)
            if self.possible(place) and super().can_finish(after):
                yield from ((place, shape, then) for shape, then in self._told_apart(place, after))
            if self.ordered and missing >> place & 1:
                return

    def _told_apart(self, place: int, after: ObjectState) -> Iterator[tuple[Shape, ObjectState]]:
        """The shapes that the value of a key may have, each with the state after it."""
        number = self._choice_of.get(place)
        others = [one for one in range(len(self.choices)) if one != number] if self.ordered else []  # left behind?
        if not all(self._is_viable(one, after) for one in others):
            return
        if number is None:
            yield self.shape(place), after
            return
        before, behind = after.live[:number], after.live[number + 1 :]
        for narrowed, live in self.choices[number].apart(after.live[number], place).items():
            then = replace(after, live=(*before, live, *behind))
            if self.writer.alive(narrowed) and self._is_viable(number, then):
                yield narrowed, then

    def settled(self, state: ObjectState) -> tuple[ObjectPlan, ObjectState]:
        """A plan without choices, in which the object can be finished in as few bytes, and its state."""
        ways = tuple(choice.cheapest(live, state) for choice, live in zip(self.choices, state.live, strict=True))
        if ways not in self._settled:
            obj = reduce(self._both, ways, self.obj)
            self._settled[ways] = ObjectPlan(obj, self.writer)
        return self._settled[ways], replace(state, live=())

    def _both(self, one: Obj, way: Obj) -> Obj:
        found = self.writer.objects.both(one, way)
        assert found is not None, "a way in which the object can be finished"
        return found


def plans_of(ways: Sequence[Obj], writer: "Writer") -> list[ObjectPlan]:
    """The plans of the ways to be an object. Raises LimitExceeded for too many."""
    found: list[ObjectPlan] = []
    for one in ways:
        if not one.choices:
            found.append(writer.object_plan(one))
        elif are_independent(one):
            found.append(ChoosingPlan(one, writer))
        else:
            found += [ObjectPlan(way, writer) for way in told(one, writer.objects.both, MOST_ALTERNATIVES)]
    return found
