"""Arrays of which some two items are equal: what `not` makes of `uniqueItems`.

    [0, 1, ...         owes: the items are remembered, and the array may not close
    [0, 1, 0, ...      paid: an array like any other

As long as an array owes, an item is *paying*, one of those that have come, or *new*: anything, remembered. No
dead ends: a new item is offered only if some two can still be equal after it, which is a question about two
positions; those behind all that is said of single positions are alike, so two of them are enough.

    prefix A B, rest C      (0, 1)  (0, 2)  (1, 2)  (2, 3)      [A and B, A and B, C...]   [A and C, B, A and C, C...]
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from grammars.json_schema.literals import Shape

if TYPE_CHECKING:
    from grammars.json_schema.array_nodes import ArrayPlan, ArrayState


def can_repeat(plan: "ArrayPlan", state: "ArrayState") -> bool:
    """Can the array be closed some time from `state`, in which it owes?"""
    known = plan.repeatable.get(state)
    if known is None:
        known = _can_pay(plan, state) or any(
            _finishes(plan, state, {first: shape, second: shape})
            for first, second in combinations(_positions(plan, state, 2), 2)
            for shape in _equal(plan, first, second)
        )
        if known or not plan.writer.is_searching:
            plan.repeatable[state] = known
    return known


def owing(plan: "ArrayPlan", state: "ArrayState") -> Iterator[tuple[Shape, "ArrayState"]]:
    """The shapes that the next item may have where the array owes, each with the state after it."""
    both, item = plan.writer.shapes.both, plan.array.item(state.index)
    if state.seen:
        paying = both(item, plan.writer.shapes.among(state.seen))
        paid = replace(state, owes=False, seen=frozenset())
        for shape, after in plan.counted(paid, paying):
            if plan.can_finish(after):
                yield shape, after
    for shape, after in plan.counted(state, item):
        if plan.can_finish(after):
            yield shape, after
            continue
        for later in _positions(plan, after, 1):  # only if this very item comes again
            for again in _equal(plan, state.index, later):
                new = both(shape, again)
                if plan.writer.alive(new) and _finishes(plan, after, {later: new}):
                    yield new, after


def _can_pay(plan: "ArrayPlan", state: "ArrayState") -> bool:
    """Can one of the items that have come come again?"""
    if not state.seen:
        return False
    both, seen = plan.writer.shapes.both, plan.writer.shapes.among(state.seen)
    return any(
        _finishes(plan, state, {later: shape})
        for later in _positions(plan, state, 1)
        for shape in _classes(plan, both(plan.array.item(later), seen))
    )


def _positions(plan: "ArrayPlan", state: "ArrayState", alike: int) -> range:
    """Those that come, as far as they differ, and so many more."""
    return range(state.index, min(max(state.index, plan.differ) + alike, plan.array.high))


def _equal(plan: "ArrayPlan", first: int, second: int) -> list[Shape]:
    """The shapes of a value at both positions."""
    return _classes(plan, plan.writer.shapes.both(plan.array.item(first), plan.array.item(second)))


def _classes(plan: "ArrayPlan", item: Shape) -> list[Shape]:
    """An item's values, apart by what they count for."""
    both, alive = plan.writer.shapes.both, plan.writer.alive
    ways = [item] if alive(item) else []
    for one in plan.array.contains:
        ways = [shape for way in ways for told in (one.shape, one.lacks) if alive(shape := both(way, told))]
    return ways


def _finishes(plan: "ArrayPlan", state: "ArrayState", shapes: dict[int, Shape]) -> bool:
    """Can the array be closed, with items of these shapes at these positions, but for what it owes?"""
    array, last = plan.array, max(shapes)
    prefix = [shapes.get(index, array.item(index)) for index in range(max(last + 1, len(array.prefix)))]
    pinned = replace(array, prefix=tuple(prefix), low=max(array.low, last + 1), repeats=False)
    return type(plan)(pinned, plan.writer).can_finish(replace(state, owes=False, seen=frozenset()))
