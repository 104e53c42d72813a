"""Shortest ways to end an array: the items that are missing.

runs        nothing but their number matters: each item as short as its shape allows
different   unique items: each the shortest that has not come
one by one  `contains`, or two equal items: the item that counts most, then the shortest
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from grammars.json_schema.different_items import spoiling
from grammars.json_schema.literals import Shape
from grammars.json_schema.ropes import Rope, joined, written
from grammars.json_schema.shortest import Circular
from grammars.json_schema.values import Value, parse_value

if TYPE_CHECKING:
    from grammars.json_schema.array_nodes import ArrayPlan, ArrayState

_Run = tuple[Rope, int]  # an item, so many times


def ending(plan: "ArrayPlan", state: "ArrayState") -> Rope:
    """A shortest way to close an array of `plan` from `state`."""
    marks, text = plan.writer.marks, plan.writer.text
    parts: list[Rope] = []
    for item, times in _missing(plan, state):
        if state.first and not parts:
            parts.append(item)
            times -= 1
        parts.append(joined([text(marks.comma), item], times))
    close = marks.close_empty_array if state.first and not parts else marks.close_array
    return joined([*parts, text(close)])


def _missing(plan: "ArrayPlan", state: "ArrayState") -> Iterator[_Run]:
    if plan.array.contains or state.owes:
        return _one_by_one(plan, state)
    return _different(plan, state) if plan.array.unique else _runs(plan, state)


def _runs(plan: "ArrayPlan", state: "ArrayState") -> Iterator[_Run]:
    array, short = plan.array, plan.writer.short
    for index in range(state.index, min(array.low, len(array.prefix))):
        yield short.text(array.prefix[index]), 1
    if (times := array.low - max(state.index, len(array.prefix))) > 0:
        yield short.text(array.rest), times


def _different(plan: "ArrayPlan", state: "ArrayState") -> Iterator[_Run]:
    array, writer = plan.array, plan.writer
    seen = set(state.seen)
    scalars: dict[Shape, Iterator[tuple[bytes, Value]]] = {}
    for index in range(state.index, array.low):
        shape = array.item(index)
        kept = spoiling(plan, replace(state, index=index, seen=frozenset(seen))) if array.prefix else frozenset[Value]()
        listed = writer.short.scalars(shape) if kept else scalars.setdefault(shape, writer.short.scalars(shape))
        text = next((text for text, value in listed if value not in seen and value not in kept), None)
        if text is None:
            others = writer.shapes.among(kept.union(seen), False)
            text = written(writer.short.text(writer.shapes.both(shape, others)))
        seen.add(parse_value(text))
        yield text, 1


def _one_by_one(plan: "ArrayPlan", state: "ArrayState") -> Iterator[_Run]:
    short, array = plan.writer.short, plan.array
    while not plan.may_close(state):
        if not (array.contains or state.owes):
            yield from _runs(plan, state)
            return
        moves = [
            (after.owes, short.size(shape), -sum(after.counts), shape, after)
            for shape, after in plan.items(state)
            if state.owes or after.index > state.index or after.counts != state.counts
        ]
        if not moves:
            raise Circular  # there are some, but as long as it is being found out what is alive, none may be known
        *_, shape, after = min(moves, key=lambda move: (move[0], move[2], move[1]))
        item = short.text(shape)
        yield item, 1
        remembers = array.unique or after.owes
        before, state = state, replace(after, seen=state.seen | {parse_value(written(item))}) if remembers else after
        if state == before:
            raise Circular  # an item must come again, and it is not known yet that it can
