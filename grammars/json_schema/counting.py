"""Can an array with `contains` still be closed? A question about whole numbers, answered exactly.

    contains A 1..1, contains B 2..2            x items A and B, y only B        x = 1, x + y = 2
    unique items, of A are left a and b         x of a and b, y of others        x <= 2

An item counts for some `contains` and lacks the others: that is its *kind*. Which kinds there are at a position is a
question about shapes. Where items must differ, a kind is *rich* if it has more values than there will ever be items:
whatever others take, one is left. Of the others all values are known; one may be of several kinds and fit at several
positions, and those that fit alike are as one, a *pool* of so many values that have not come. Unknown is how many
items of which kind, out of which pool, come at positions that are alike (whole_numbers.py).

An array that ends within its prefix is tried length by length; behind it, positions are alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from constrained.automata.counted import UNBOUNDED
from grammars.json_schema.values import Value
from grammars.json_schema.whole_numbers import Sum, solution

if TYPE_CHECKING:
    from grammars.json_schema.array_nodes import ArrayPlan, ArrayState
    from grammars.json_schema.literals import Shape

_MOST_KNOWN = 20_000

_Kind = tuple[bool, ...]  # for which of the `contains` an item counts
_Pool = int | None  # None of rich kinds
_Way = tuple[_Kind, _Pool]
_Question = tuple[int, tuple[int, ...], tuple[int, ...]]  # index, counts, and how many are left in each pool


@dataclass(frozen=True, slots=True)
class _Items:
    """What the items of one array can be."""

    ways: "dict[Shape, list[_Way]]"
    pools: list[list[Value]]


class Counting:
    """The counts of one plan."""

    def __init__(self, plan: "ArrayPlan") -> None:
        array = plan.array
        self._plan = plan
        self._differ = plan.differ
        needed = sum(one.low for one in array.contains)
        self._most = max(array.low, self._differ) + needed  # no more items are of use
        self._enough = min(array.high, self._most + needed)  # values: so many of a kind come while they are of use
        self._known: dict[_Question, bool] = {}
        self._surely: set[tuple[int, tuple[int, ...]]] = set()  # index and counts, where no item has come that matters
        self._known_items: _Items | None = None

    def can_close(self, state: "ArrayState") -> bool:
        """Can the array be closed, some time after `state`?"""
        array = self._plan.array
        if array.low > array.high or any(one.low > one.high for one in array.contains):
            return False
        place = state.index, state.counts
        if not state.seen or not array.unique:  # what can be closed can be, whatever else turns out to be alive
            if place not in self._surely and self._may_close(state):
                self._surely.add(place)
            return place in self._surely
        return self._may_close(state)

    def _may_close(self, state: "ArrayState") -> bool:
        array = self._plan.array
        if array.unique and not array.prefix and not state.seen:  # one item of each kind may do, and they differ
            items = self._once()
            if self._can_close(items, (state.index, state.counts, (1,) * len(items.pools))):
                return True
        items = self._items()
        return self._can_close(items, (state.index, state.counts, self._left(items, state.seen)))

    def spoiling(self, after: "ArrayState") -> frozenset[Value]:
        """The values that an item may not take with which `after` is reached, as later ones need them."""
        items = self._items()
        left = self._left(items, after.seen)
        found: set[Value] = set()
        for pool, values in enumerate(items.pools):
            fewer = (*left[:pool], left[pool] - 1, *left[pool + 1 :])
            if left[pool] and not self._can_close(items, (after.index, after.counts, fewer)):
                found.update(values)
        return frozenset(found) - after.seen

    def _can_close(self, items: _Items, question: _Question) -> bool:
        known = self._known if items is self._known_items else {}  # else what is alive may not be known
        if question not in known:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[question] = any(self._fits(items, question, *length) for length in self._lengths(question[0]))
        return known[question]

    def _lengths(self, index: int) -> Iterator[tuple[int, int, int]]:
        """How an array may go on from `index`: up to where, and how many more items, at least and at most."""
        array, differ = self._plan.array, max(index, self._differ)
        if array.high >= differ:
            yield differ, max(0, array.low - differ), min(array.high, differ + self._most) - differ
        for end in range(max(index, array.low), min(differ, array.high + 1)):
            yield end, 0, 0

    # ------------------------------------------------------------------ what items can be

    def _items(self) -> _Items:
        if self._known_items is not None:
            return self._known_items
        array = self._plan.array
        kinds = {shape: list(self._kinds(shape)) for shape in dict.fromkeys((*array.prefix, array.rest))}
        fitting: dict[Value, list[tuple[Shape, int]]] = {}  # to each value of a poor kind, where it fits
        for shape, found in kinds.items():
            for number, (_, values) in enumerate(found):
                for value in values or ():
                    fitting.setdefault(value, []).append((shape, number))
        alike: dict[tuple[tuple[Shape, int], ...], list[Value]] = {}
        for value, fits in fitting.items():
            alike.setdefault(tuple(fits), []).append(value)
        ways: dict[Shape, list[_Way]] = {
            shape: [(kind, None) for kind, values in found if values is None] for shape, found in kinds.items()
        }
        for pool, places in enumerate(alike):
            for shape, number in places:
                ways[shape].append((kinds[shape][number][0], pool))
        items = _Items(ways, list(alike.values()))
        if not self._plan.writer.is_searching:
            self._known_items = items
        return items

    def _once(self) -> _Items:
        """The kinds of items that are all alike, each in a pool of its own."""
        plan, shape = self._plan, self._plan.array.rest
        kinds = [tuple(map(bool, counts)) for kind, counts in plan.classes(shape) if plan.writer.alive(kind)]
        return _Items({shape: [(kind, pool) for pool, kind in enumerate(kinds)]}, [[] for _ in kinds])

    def _kinds(self, item: "Shape") -> "Iterator[tuple[_Kind, Sequence[Value] | None]]":
        """The kinds of items of a shape, each with its values where they are few."""
        plan = self._plan
        for shape, counts in plan.classes(item):
            if plan.writer.alive(shape):
                few = plan.writer.few_values(shape, self._enough) if plan.array.unique else None
                yield tuple(map(bool, counts)), few

    def _left(self, items: _Items, seen: frozenset[Value]) -> tuple[int, ...]:
        return tuple(len(values) - len(seen.intersection(values)) for values in items.pools)

    # ------------------------------------------------------------------ numbers

    def _fits(self, items: _Items, question: _Question, end: int, least: int, most: int) -> bool:
        """Are there items for all positions up to `end`, and `least` to `most` more?"""
        index, counts, left = question
        places = self._places(items, index, end, least, most)
        unknowns = [(place, way) for place, (ways, _, _) in enumerate(places) for way in ways]
        of = range(len(unknowns))
        sums = [
            Sum(frozenset(one for one in of if unknowns[one][0] == place), low, high)
            for place, (_, low, high) in enumerate(places)
        ]
        for number, (one, count) in enumerate(zip(self._plan.array.contains, counts, strict=True)):
            counted = frozenset(each for each in of if unknowns[each][1][0][number])
            sums.append(Sum(counted, max(0, one.low - count), one.high - count if one.high < UNBOUNDED else None))
        for pool, number in enumerate(left):
            taking = frozenset(each for each in of if unknowns[each][1][1] == pool)
            sums.append(Sum(taking, 0, number))
        return solution([places[place][2] for place, _ in unknowns], sums) is not None

    def _places(
        self, items: _Items, index: int, end: int, least: int, most: int
    ) -> list[tuple[tuple[_Way, ...], int, int]]:
        """The ways to be an item at positions that are alike, and how many of these positions there are."""
        array = self._plan.array
        found: dict[tuple[_Way, ...], list[int]] = {}
        for at in range(index, end):
            counted = found.setdefault(self._ways_at(items, at), [0, 0])
            counted[0] += 1
            counted[1] += 1
        places = [(ways, low, high) for ways, (low, high) in found.items()]
        return [*places, (tuple(items.ways[array.rest]), least, most)] if most else places

    def _ways_at(self, items: _Items, index: int) -> tuple[_Way, ...]:
        array = self._plan.array
        starts = [one.start <= index for one in array.contains]
        ways = (
            (tuple(counts and begun for counts, begun in zip(kind, starts, strict=True)), pool)
            for kind, pool in items.ways[array.item(index)]
        )
        return tuple(dict.fromkeys(ways))
