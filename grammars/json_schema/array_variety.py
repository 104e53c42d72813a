"""How many arrays there are of a plan, at least: as many as there are ways to fill one position.

    unique, prefix [0, A], rest B       1 at the first position, what A has at the second, what B has behind

Whatever else is in an array: as long as there is one at all, the item at a position may be any other of its shape, but
those that are in the array already. So a position is worth its values, less the others that must come.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from grammars.json_schema.literals import Shape

if TYPE_CHECKING:
    from grammars.json_schema.array_nodes import ArrayPlan


def variety(plan: "ArrayPlan", enough: int) -> int:
    """How many arrays of a plan there are whose items must differ, or be counted; counted up to `enough`."""
    found, writer = 1, plan.writer
    for shape, _ in plan.items(plan.start):  # each may be the first item that is offered as such
        found = max(found, writer.variety(shape, enough) + plan.may_close(plan.start))
        if found >= enough:
            return enough
    array = plan.array
    others = plan.differ + array.low + sum(one.low for one in array.contains) + 1
    for shape in _later(plan):
        found = max(found, writer.variety(shape, enough + others) - others)
        if found >= enough:
            return enough
    return found


def _later(plan: "ArrayPlan") -> Iterator[Shape]:
    """The shapes that items behind the first may have, where positions are not all alike."""
    array, writer = plan.array, plan.writer
    for index in range(1, min(plan.differ + 1, array.high)):
        item = array.item(index)
        for shape in [shape for shape, _ in plan.classes(item)] if array.contains else [item]:
            if not writer.alive(shape):
                continue
            prefix = (*map(array.item, range(index)), shape, *array.prefix[index + 1 :])
            if type(plan)(replace(array, prefix=prefix, low=max(array.low, index + 1)), writer).can_finish(plan.start):
                yield shape
