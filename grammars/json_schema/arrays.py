"""Arrays: what schemas say about them, as alternatives.

    Arr(prefix, rest, low, high, unique, repeats, contains)

    prefix    the shapes of the first items           rest      the shape of every later one
    low, high how many items                          unique    no two equal
    contains  so many items have a certain shape      repeats   some two equal
    evaluated which items unevaluatedItems spares

An intersection keeps one of each; a negation needs "some item is not ...", which is a `contains`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from constrained.automata.counted import UNBOUNDED
from grammars.json_schema.literals import Shape
from grammars.json_schema.locations import Location, Scope
from grammars.json_schema.outline import Facts
from grammars.json_schema.scalars import at_least, at_most, chosen, types
from grammars.json_schema.shapes import Shapes
from grammars.json_schema.values import Items, Value, canonical


@dataclass(frozen=True, slots=True, eq=False)
class Contains:
    """`low..high` of the items from index `start` on have `shape`; `lacks` is its complement."""

    shape: Shape
    lacks: Shape
    low: int
    high: int
    start: int = 0


@dataclass(frozen=True, slots=True)
class EvaluatedItems:
    """The first `count` items (or all), and those that have one of `shapes`."""

    count: int = 0
    all: bool = False
    shapes: frozenset[Shape] = frozenset()


NO_ITEMS = EvaluatedItems()

_LIKE = 256

_TYPE = frozenset({"array"})

# A schema without any of these says nothing about arrays by itself.
_KEYWORDS = frozenset("items prefixItems additionalItems minItems maxItems uniqueItems contains enum const".split())


@dataclass(frozen=True, slots=True, eq=False)
class Arr:
    """One way to be an array."""

    prefix: tuple[Shape, ...]
    rest: Shape
    low: int = 0
    high: int = UNBOUNDED
    unique: bool = False
    repeats: bool = False
    contains: tuple[Contains, ...] = ()
    evaluated: EvaluatedItems = NO_ITEMS

    def item(self, index: int) -> Shape:
        """The shape of the item at `index`."""
        return self.prefix[index] if index < len(self.prefix) else self.rest


class Arrays:
    """The array side of `Shapes`; see `shapes.Structure`."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._anything = Arr((), shapes.anything)

    @property
    def names(self) -> frozenset[str]:
        """What `type` calls it."""
        return _TYPE

    @property
    def anything(self) -> Arr:
        """Every array."""
        return self._anything

    def both(self, a: Arr, b: Arr) -> Arr | None:
        """What satisfies both."""
        low, high = max(a.low, b.low), min(a.high, b.high)
        length = max(len(a.prefix), len(b.prefix))
        prefix = tuple(self._shapes.both(a.item(index), b.item(index)) for index in range(length))
        rest = self._shapes.both(a.rest, b.rest)
        unique, repeats = a.unique or b.unique, a.repeats or b.repeats
        if low > high or (unique and repeats):
            return None
        evaluated = EvaluatedItems(
            max(a.evaluated.count, b.evaluated.count),
            a.evaluated.all or b.evaluated.all,
            a.evaluated.shapes | b.evaluated.shapes,
        )
        return Arr(prefix, rest, low, high, unique, repeats, a.contains + b.contains, evaluated)

    def put_off(self, ways: Sequence[Arr]) -> Arr | None:
        """Nothing is left open: conditions are on keys."""
        return None

    # ------------------------------------------------------------------ values

    def among(self, values: frozenset[Value]) -> list[Arr]:
        """The arrays among `values`."""
        return [self._exactly(items) for items in _arrays(values)]

    def _exactly(self, items: tuple[Value, ...]) -> Arr:
        prefix = tuple(self._shapes.among(frozenset({item})) for item in items)
        return Arr(prefix, self._shapes.nothing, len(items), len(items))

    def may_be(self, one: Arr, value: Value) -> bool:
        """May a value be such an array? Decided by its length."""
        return isinstance(value, Items) and one.low <= len(value.values) <= one.high

    def not_among(self, values: frozenset[Value]) -> list[Arr]:
        """The arrays that differ from each of `values` somewhere.

        A tree over the positions: the item here is none of theirs, or is that of some of them, and
        then the rest must differ from those. Its size is that of `values`. Who is like one of them for
        `_LIKE` items is not told from it any more, and is left out.
        """
        shapes, found = self._shapes, list[Arr]()
        todo: list[tuple[list[tuple[Value, ...]], tuple[Shape, ...]]] = [(_arrays(values), ())]
        while todo:
            arrays, before = todo.pop()
            index = len(before)
            if not arrays:
                found.append(Arr(before, shapes.anything, low=index))
                continue
            if not any(len(items) == index for items in arrays):
                found.append(Arr(before, shapes.nothing, index, index))
            longer = [items for items in arrays if len(items) > index]
            here = dict.fromkeys(items[index] for items in longer)
            found.append(Arr((*before, shapes.among(frozenset(here), False)), shapes.anything, low=index + 1))
            if index < _LIKE:
                for value in reversed(here):
                    same = [items for items in longer if items[index] == value]
                    todo.append((same, (*before, shapes.among(frozenset({value})))))
        return found

    # ------------------------------------------------------------------ keywords

    def excluded(self, facts: Facts) -> bool:
        """Does `type` exclude arrays?"""
        allowed = types(facts)
        return allowed is not None and "array" not in allowed

    def own(self, location: Location, facts: Facts, scope: Scope) -> list[Arr]:
        """What the array keywords of one schema leave."""
        if self.excluded(facts):
            return []
        if _KEYWORDS.isdisjoint(facts):
            return [self._anything]
        of = self._shapes.of
        prefix_at, rest_at = self._items(location, facts)
        prefix = tuple(of(at, scope) for at in prefix_at)
        rest = self._shapes.anything if rest_at is None else of(rest_at, scope)
        contains: tuple[Contains, ...] = ()
        evaluated = EvaluatedItems(len(prefix), rest_at is not None)
        if "contains" in facts:
            found = self._contains(location, facts, scope)
            contains = (found,)
            if location.dialect.number >= 2020:
                evaluated = replace(evaluated, shapes=frozenset({found.shape}))
        one = Arr(
            prefix,
            rest,
            at_least(facts, "minItems"),
            at_most(facts, "maxItems"),
            facts.get("uniqueItems") is True,
            contains=contains,
            evaluated=evaluated if self._shapes.tracks_evaluated else NO_ITEMS,
        )
        values = chosen(facts)
        if values is None:
            return [one]
        return [both for exact in self.among(values) if (both := self.both(exact, one)) is not None]

    def _items(self, location: Location, facts: Facts) -> tuple[list[Location], Location | None]:
        """Where the schemas of the first items are, and that of the rest."""
        if "prefixItems" in facts:
            prefix = self._shapes.branches(location, facts, "prefixItems")
        elif isinstance(facts.get("items"), list):
            prefix = self._shapes.branches(location, facts, "items")
            return prefix, location.child("additionalItems") if "additionalItems" in facts else None
        else:
            prefix = []
        return prefix, location.child("items") if "items" in facts else None

    def _contains(self, location: Location, facts: Facts, scope: Scope) -> Contains:
        at = location.child("contains")
        return Contains(
            self._shapes.of(at, scope),
            self._shapes.of(at, scope, False),
            at_least(facts, "minContains", 1),
            at_most(facts, "maxContains"),
        )

    def conditions(self, location: Location, facts: Facts, scope: Scope) -> list[Arr]:
        """Arrays have no conditional keywords."""
        return [self._anything]

    def evaluated(self, found: list[Arr], location: Location, facts: Facts, scope: Scope) -> list[Arr]:
        """Apply `unevaluatedItems`."""
        if "unevaluatedItems" not in facts:
            return found
        left = self._shapes.of(location.child("unevaluatedItems"), scope)
        return [spared for one in found if (spared := self._spare(one, left)) is not None]

    def _spare(self, one: Arr, left: Shape) -> Arr | None:
        if one.evaluated.all:
            return one
        shapes = self._shapes
        rest = shapes.either(left, *one.evaluated.shapes)
        spared = Arr((shapes.anything,) * one.evaluated.count, rest, evaluated=EvaluatedItems(all=True))
        return self.both(one, spared)

    def unannotated(self, one: Arr) -> Arr:
        """`one` without what it has evaluated."""
        return one if one.evaluated == NO_ITEMS else replace(one, evaluated=NO_ITEMS)

    # ------------------------------------------------------------------ negation

    def negated(self, location: Location, facts: Facts, scope: Scope) -> list[Arr]:
        """The ways to violate one of the array keywords of a schema."""
        shapes, anything = self._shapes, self._shapes.anything
        found = self._left_wrong(location, scope) if "unevaluatedItems" in facts else []
        if facts.get("uniqueItems") is True:
            found.append(Arr((), anything, low=2, repeats=True))
        prefix_at, rest_at = self._items(location, facts)
        for index, at in enumerate(prefix_at):
            prefix = (anything,) * index + (shapes.of(at, scope, False),)
            found.append(Arr(prefix, anything, low=index + 1))
        if rest_at is not None:
            right, wrong = shapes.of(rest_at, scope), shapes.of(rest_at, scope, False)
            found.append(Arr((), anything, contains=(Contains(wrong, right, 1, UNBOUNDED, len(prefix_at)),)))
        if (low := at_least(facts, "minItems")) > 0:
            found.append(Arr((), anything, high=low - 1))
        if (high := at_most(facts, "maxItems")) < UNBOUNDED:
            found.append(Arr((), anything, low=high + 1))
        if "contains" in facts:
            has = self._contains(location, facts, scope)
            if has.low > 0:
                found.append(Arr((), anything, contains=(replace(has, low=0, high=has.low - 1),)))
            if has.high < UNBOUNDED:
                found.append(Arr((), anything, contains=(replace(has, low=has.high + 1, high=UNBOUNDED),)))
        values = chosen(facts)
        return found if values is None else found + self.not_among(values)

    def _left_wrong(self, location: Location, scope: Scope) -> list[Arr]:
        """Violate `unevaluatedItems`: some item that was not evaluated is wrong."""
        shapes = self._shapes
        at = location.child("unevaluatedItems")
        ways = shapes.told_apart(self, location, scope)
        independent = len({way.evaluated for way in ways}) == 1  # of the way
        found: list[Arr] = []
        for way in ways[:1] if independent else ways:
            if way.evaluated.all:
                continue
            lacking = [has.lacks for has in way.contains if has.shape in way.evaluated.shapes]
            wrong = shapes.both(shapes.of(at, scope, False), *lacking)
            right = shapes.either(shapes.of(at, scope), *way.evaluated.shapes)
            some = Contains(wrong, right, 1, UNBOUNDED, way.evaluated.count)
            around = self._anything if independent else way
            found.append(replace(around, contains=(*around.contains, some)))
        return found

    def worlds(self, branches: Sequence[Sequence[Arr]], *, each: bool = False) -> list[Arr]:
        """Arrays are all in one."""
        return [self._anything]

    def exclusive(self, branches: Sequence[Sequence[Arr]]) -> bool:
        """Can no array be in two of the branches?"""
        return all(self._disjoint(a, b) for one, two in combinations(branches, 2) for a in one for b in two)

    def _disjoint(self, a: Arr, b: Arr) -> bool:
        if (a.unique and b.repeats) or (a.repeats and b.unique):
            return True
        return max(a.low, b.low) > min(a.high, b.high)


def _arrays(values: frozenset[Value]) -> list[tuple[Value, ...]]:
    """The items of the arrays among `values`."""
    return [value.values for value in sorted((one for one in values if isinstance(one, Items)), key=canonical)]
