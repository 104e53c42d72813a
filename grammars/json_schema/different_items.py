"""Can the items that must still come all be different? Values are given out to positions, as in a matching.

    prefix   {a, b, c}  {a, b}  {a, b}        a b _, b a _ and c _ _ ...: after c there are values for the others,
                                              after a there are not, so a and b are *spoiling* for the first one

A position is *rich* where it has more values than there are items: whatever the others take, one is left. For the
others, all values are known, and a matching is found along augmenting paths (H. Kuhn, 1955).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from grammars.json_schema.values import Value

if TYPE_CHECKING:
    from grammars.json_schema.array_nodes import ArrayPlan, ArrayState


def can_differ(plan: "ArrayPlan", state: "ArrayState") -> bool:
    """Is there a value for each item that must come, different from all others and from those that have come?"""
    return _matches(list(_poor(plan, state, state.index)), state.seen)


def spoiling(plan: "ArrayPlan", state: "ArrayState") -> frozenset[Value]:
    """The values that the next item may not take, as later ones need them."""
    if not plan.array.prefix:  # items of one kind: whatever is taken, the others are as many
        return frozenset()
    poor = list(_poor(plan, state, state.index + 1))
    candidates = frozenset[Value]().union(*poor) - state.seen
    return frozenset(value for value in candidates if not _matches(poor, state.seen | {value}))


def _poor(plan: "ArrayPlan", state: "ArrayState", start: int) -> Iterator[Sequence[Value]]:
    """Of the items that must come from `start` on, those that have few values, with all of them."""
    array, items = plan.array, len(state.seen) + max(0, plan.array.low - state.index)
    differ = len(array.prefix)
    for index in range(start, min(array.low, differ)):
        if (values := plan.writer.few_values(array.item(index), items)) is not None:
            yield values
    rest = array.low - max(start, differ)
    if rest > 0 and (values := plan.writer.few_values(array.rest, items)) is not None:
        yield from [values] * (rest if rest <= len(values) else len(values) + 1)


def _matches(positions: Sequence[Sequence[Value]], taken: frozenset[Value]) -> bool:
    """Can every position have one of its values, none twice, and none of those that are taken?"""
    given: dict[Value, int] = {}
    return all(_give(position, positions, taken, given, set()) for position in range(len(positions)))


def _give(
    position: int,
    positions: Sequence[Sequence[Value]],
    taken: frozenset[Value],
    given: dict[Value, int],
    tried: set[Value],
) -> bool:
    for value in positions[position]:
        if value in taken or value in tried:
            continue
        tried.add(value)
        if value not in given or _give(given[value], positions, taken, given, tried):
            given[value] = position
            return True
    return False
