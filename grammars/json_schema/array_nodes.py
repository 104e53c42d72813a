"""The array automaton: which item may come next, and when the array may close.

    ArrayState(first, index, counts, owes, seen)
        index    of the next item, as far as it matters: capped where nothing changes any more
        counts   per `contains`, how many items were counted for it
        owes     must two equal items still come?
        seen     the items so far, where they must be unique and the state says so (unique_items.py), or one of
                 them must come again

An item is *counted* for a `contains` by choice: one configuration takes it as a witness (its shape and
the one looked for), another does not (its shape alone, or, where that would matter or be too much, its shape
and not the one looked for). The matcher carries both.

No dead ends: an item is offered only if it can be completed, and if after it the array can still be
closed (`can_finish`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from constrained.automata.counted import UNBOUNDED
from constrained.errors import LimitExceeded
from constrained.grammar import Node, Seen, Sequence
from constrained.remains import Ending, emptied
from grammars.json_schema.array_endings import ending
from grammars.json_schema.array_variety import variety
from grammars.json_schema.arrays import Arr, Contains
from grammars.json_schema.counting import Counting
from grammars.json_schema.different_items import can_differ, spoiling
from grammars.json_schema.limits import EXTRA, HEAVIEST
from grammars.json_schema.literals import Shape
from grammars.json_schema.repeated_items import can_repeat, owing
from grammars.json_schema.ropes import Rope, joined, written
from grammars.json_schema.telling_apart import apart
from grammars.json_schema.unique_items import NewItem, UniqueItems, Way
from grammars.json_schema.values import Value

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer

FEW_CONTAINS = 4  # whose ways to count are all kept apart; of more, there may be too many
_FEW_COUNTED = 4  # items that may be counted or not, which are as many counts at once
_MOST_WAYS = 256  # in which one item may count for them

_MOST_NODES = 20_000  # interned per plan, before they are dropped


@dataclass(frozen=True, slots=True)
class ArrayState:
    """Where in an array we are, between two items."""

    first: bool = True
    index: int = 0
    counts: tuple[int, ...] = ()
    owes: bool = False
    seen: frozenset[Value] = frozenset()


class ArrayPlan:
    """How the arrays of one alternative are written."""

    def __init__(self, array: Arr, writer: "Writer") -> None:
        self.array = array
        self.writer = writer
        self._nodes: dict[ArrayState, ArrayNode] = {}
        self.repeatable: dict[ArrayState, bool] = {}  # see repeated_items.py

    def end(self) -> Ending:
        """Let the nodes let go of each other."""
        for node in self._nodes.values():
            node.end()
            yield
        yield from emptied(self._nodes)

    @cached_property
    def start(self) -> ArrayState:
        """Before the first item."""
        return ArrayState(counts=(0,) * len(self.array.contains), owes=self.array.repeats)

    def alive(self) -> bool:
        """Is there any such array that can be written?"""
        weight = self.weight()
        return weight is not None and weight <= HEAVIEST

    def weight(self) -> int | None:
        """How many values such an array holds at least, roughly; None where there is no such array."""
        if not self.can_finish(self.start):
            return None
        array, weight = self.array, self.writer.weight
        least = max(array.low, sum(one.low for one in array.contains))
        items = sum(max(1, weight(item)) for item in array.prefix[:least])
        rest = max(0, least - len(array.prefix))
        return 1 + items + (rest * max(1, weight(array.rest)) if rest else 0) + (EXTRA * least if array.unique else 0)

    def children(self) -> Iterator[Shape]:
        """The shapes that items may have. Raises LimitExceeded for too many `contains`."""
        array, both = self.array, self.writer.shapes.both
        for item in (*array.prefix, array.rest):
            yield item
            if array.repeats:
                for other in (*array.prefix, array.rest):
                    if other is not item:
                        yield both(item, other)
            for one in array.contains:
                yield both(item, one.shape)
                if one.high < UNBOUNDED or self._tells(one):
                    yield both(item, one.lacks)
        if len(array.contains) > 1:
            for item in dict.fromkeys((*array.prefix, array.rest)):
                for shape, _ in self.classes(item):
                    yield shape

    def told_by(self, writer: "Writer") -> "ArrayPlan":
        """The same plan, as another writer sees it."""
        return ArrayPlan(self.array, writer)

    def sequence(self) -> Sequence:
        """How one is written."""
        items = self.writer.marks.open_array, self.node(self.start)
        return (*items, Seen()) if self.array.unique and self.unique.way is Way.ENDLESS else items

    @cached_property
    def unique(self) -> UniqueItems:
        """How items are told apart that must be."""
        return UniqueItems(self)

    def node(self, state: ArrayState) -> "ArrayNode":
        """What follows from `state`; one object per state."""
        found = self._nodes.get(state)
        if found is None:
            if len(self._nodes) >= _MOST_NODES:
                self._nodes.clear()
            found = self._nodes[state] = ArrayNode(self, state)
        return found

    # ------------------------------------------------------------------ liveness

    def can_finish(self, state: ArrayState) -> bool:
        """Can the array be closed some time from `state`?"""
        array, alive = self.array, self.writer.alive
        if array.low > array.high:
            return False
        if state.owes:
            return can_repeat(self, state)
        if not all(alive(array.item(index)) for index in range(state.index, min(array.low, len(array.prefix) + 1))):
            return False
        if array.contains:
            return self.counting.can_close(state)
        return not array.unique or can_differ(self, state)

    def _reach(self, index: int) -> int:
        """How many items there can be at most, if there are `index` already."""
        array, alive = self.array, self.writer.alive
        for at in range(index, len(array.prefix)):
            if not alive(array.prefix[at]):
                return min(at, array.high)
        return array.high if alive(array.rest) else min(max(index, len(array.prefix)), array.high)

    @cached_property
    def counting(self) -> Counting:
        """How the counts of `contains` go together."""
        return Counting(self)

    def variety(self, enough: int) -> int:
        """How many such arrays there are, counted up to `enough`; never more than there are."""
        array, writer = self.array, self.writer
        if array.contains or array.unique or array.repeats:
            return variety(self, enough)
        if array.high >= UNBOUNDED and writer.alive(array.rest):
            return enough
        total, ways = 0, 1
        for length in range(self._reach(0) + 1):
            total += ways if length >= array.low else 0
            if min(total, ways) >= enough:
                return enough
            ways = min(ways * writer.variety(array.item(length), enough), enough)
        return max(1, min(total, enough))

    @property
    def is_settled(self) -> bool:
        """Is no choice of an item better than another for what else must come?"""
        array = self.array
        return not (array.contains or array.repeats or (array.unique and array.low))

    def bound(self) -> int:
        """No such array has fewer bytes."""
        items = max(self.array.low, 2 * self.array.repeats, *(one.low for one in self.array.contains), 0)
        return 2 + items + max(0, items - 1)

    def text(self) -> Rope:
        """A shortest such array."""
        return joined([self.writer.text(self.writer.marks.open_array), ending(self, self.start)])

    def shortest(self) -> bytes:
        """The same, as bytes."""
        return written(self.text())

    # ------------------------------------------------------------------ moves

    def may_close(self, state: ArrayState) -> bool:
        """May the array end here?"""
        if state.owes:
            return False
        counted = zip(self.array.contains, state.counts, strict=True)
        return state.index >= min(self.array.low, self._cap) and all(count >= one.low for one, count in counted)

    def slack(self, after: ArrayState) -> int | None:
        """How much more is needed behind a unique item than behind the shortest, which later ones miss most.

        None where later items are not of one shape.
        """
        return None if not self.may_close(after) and (self.array.prefix or self.array.contains) else 0

    def items(self, state: ArrayState) -> Iterator[tuple[Shape, ArrayState]]:
        """The shapes that the next item may have, each with the state after it."""
        both, among = self.writer.shapes.both, self.writer.shapes.among
        if state.index >= self.array.high:
            return
        if state.owes:
            yield from owing(self, state)
            return
        array, item = self.array, self.array.item(state.index)
        if array.unique:
            kept = frozenset[Value]() if array.contains else spoiling(self, state)
            item = both(item, among(state.seen | kept, False))
        for shape, after in self.counted(state, item):
            if self.can_finish(after):
                kept = self.counting.spoiling(after) if array.unique and array.contains else frozenset[Value]()
                left = both(shape, among(kept, False)) if kept else shape
                if left is shape or self.writer.alive(left):
                    yield left, after

    def counted(self, state: ArrayState, item: Shape) -> Iterator[tuple[Shape, ArrayState]]:
        """The ways an item of a shape may count for each `contains`."""
        after = self.after(state)
        for shape, counts in self._counted(item, state):
            if self.writer.alive(shape):
                yield shape, replace(after, counts=counts)

    def classes(self, item: Shape) -> list[tuple[Shape, tuple[int, ...]]]:
        """The shapes of an item by what it counts for, each with the counts of it alone."""
        return self._counted(item, replace(self.start, index=max(one.start for one in self.array.contains)))

    def _counted(self, item: Shape, state: ArrayState) -> list[tuple[Shape, tuple[int, ...]]]:
        """The shapes of an item by what it counts for, with the counts after it.

        What is dead is dropped on the way where there are many, and what an item counts for may say already that it
        lacks others: a thousand constants are not 2^1000 shapes, nor is each of them a thousand conditions.
        Raises LimitExceeded beyond `_MOST_WAYS`.
        """
        shapes, alive, contains = self.writer.shapes, self.writer.alive, self.array.contains
        ways: list[tuple[Shape, list[Contains], tuple[int, ...]]] = [(item, [], ())]
        for place, one in enumerate(contains):
            counting = list(self._counting(state, place))
            ways = [
                (
                    shapes.both(shape, one.shape) if told is one.shape else shape,
                    [*lacking, one] if told is one.lacks else lacking,
                    (*counts, count),
                )
                for shape, lacking, counts in ways
                for told, count in counting
            ]
            if place >= FEW_CONTAINS:
                ways = [way for way in ways if alive(way[0])]
            if len(ways) > _MOST_WAYS:
                raise LimitExceeded(f"more than {_MOST_WAYS} ways in which an item counts for several 'contains'")
        return [
            (
                shapes.both(shape, *(one.lacks for one in lacking if not apart(shapes, shape, one.shape))),
                counts,
            )
            for shape, lacking, counts in ways
        ]

    def after(self, state: ArrayState) -> ArrayState:
        """The state after one more item, but for what it counts for."""
        return replace(state, first=False, index=min(state.index + 1, self._cap))

    def _counting(self, state: ArrayState, place: int) -> Iterator[tuple[Shape | None, int]]:
        """The ways the next item may count for one `contains`: (what it must be, the count after it)."""
        one, count = self.array.contains[place], state.counts[place]
        if state.index < one.start:
            yield None, count
            return
        if count < one.high and (one.high < UNBOUNDED or count < one.low):
            yield one.shape, count + 1
        yield one.lacks if one.high < UNBOUNDED or (self._tells(one) and count < one.low) else None, count

    def _tells(self, one: Contains) -> bool:
        """Does what counts for `one` always count, as long as it matters?

        Not to count is never better, but takes what others need to differ, and the matcher carries all counts at once.
        """
        return self.array.unique or len(self.array.contains) > FEW_CONTAINS or one.low > _FEW_COUNTED

    @cached_property
    def _cap(self) -> int:
        """The index from which on nothing changes any more."""
        return self.array.high if self.array.high < UNBOUNDED else max(self.differ, self.array.low)

    @property
    def differ(self) -> int:
        """The index from which on all positions are alike."""
        return max(len(self.array.prefix), *(one.start for one in self.array.contains), 0)


class ArrayNode(Node):
    """The items from some state on, and the closing bracket."""

    __slots__ = ("_expanded", "plan", "state")

    def __init__(self, plan: ArrayPlan, state: ArrayState) -> None:
        self.plan = plan
        self.state = state
        self._expanded: tuple[Sequence, ...] | None = None

    def expand(self) -> tuple[Sequence, ...]:
        """Close, or one more item."""
        if self._expanded is None:
            with self.plan.writer.lock:
                self._expanded = tuple(self._sequences())
        return self._expanded

    def end(self) -> None:
        """Let go of what stands in it."""
        self._expanded = None

    def owed(self) -> int:
        """The items that are missing, where nothing but their number matters."""
        array, state = self.plan.array, self.state
        if array.unique or array.contains or state.owes or state.first or state.index < len(array.prefix):
            return 0
        return max(0, array.low - state.index)

    def behind(self, count: int) -> "ArrayNode":
        """The node after `count` more items."""
        with self.plan.writer.lock:
            return self.plan.node(replace(self.state, index=self.state.index + count))

    def _sequences(self) -> Iterator[Sequence]:
        plan, state = self.plan, self.state
        marks = plan.writer.marks
        if plan.may_close(state):
            yield (marks.close_empty_array if state.first else marks.close_array,)
        before: Sequence = () if state.first else (marks.comma,)
        if plan.array.unique:
            for item in plan.unique.next(state):
                yield (*before, item)
            return
        for shape, after in plan.items(state):
            item = plan.writer.node(shape)
            yield (*before, NewItem(plan, item, after)) if after.owes else (*before, item, plan.node(after))

    def shortest(self) -> bytes:
        """A shortest way to close the array."""
        with self.plan.writer.lock:
            return written(ending(self.plan, self.state))
