"""Can the counts of several `contains` still come out right? Looked for exactly, where the numbers are small.

    contains A 1..1, contains B 2..2, items A and B, or B alone        (0, 0) -> (1, 1) -> (1, 2)
                                                                              -> (0, 1) -> (1, 2)

An item counts for some of them and lacks the others: which of these *kinds* a position can have is a question about
shapes, and whether some row of kinds leads to where the array may close is one about numbers. Each array state is
looked at once.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from constrained.automata.counted import UNBOUNDED

if TYPE_CHECKING:
    from grammars.json_schema.array_nodes import ArrayPlan
    from grammars.json_schema.literals import Shape

_MOST_STATES = 20_000
_LONGEST = 120  # items to where nothing changes any more

_Place = tuple[int, tuple[int, ...]]  # how many items there are, and the counts; both as far as they matter
_Kind = tuple[bool, ...]  # for which of the `contains` an item counts


class Counting:
    """The counts of one plan."""

    def __init__(self, plan: "ArrayPlan") -> None:
        array = plan.array
        self._plan = plan
        self._most = [one.high if one.high < UNBOUNDED else one.low for one in array.contains]
        starts = max((one.start for one in array.contains), default=0)
        self._end = array.high if array.high < UNBOUNDED else max(array.low, len(array.prefix), starts)
        self._known: dict[_Place, bool] = {}
        self._kinds: dict[Shape, list[_Kind]] = {}
        states = self._end + 1
        for most in self._most:
            states *= most + 1
        self.is_small = states <= _MOST_STATES and self._end + sum(self._most) <= _LONGEST

    def can_close(self, index: int, counts: tuple[int, ...]) -> bool:
        """Can the array be closed, some time after `index` items with these counts?"""
        known = dict(self._known) if self._plan.writer.is_searching else self._known  # what is alive may not be known
        kinds = {} if self._plan.writer.is_searching else self._kinds
        return self._can_close((index, counts), known, kinds)

    def _can_close(self, place: _Place, known: dict[_Place, bool], kinds: "dict[Shape, list[_Kind]]") -> bool:
        if place not in known:
            known[place] = self._closes(place)
            known[place] = known[place] or any(
                after != place and self._can_close(after, known, kinds) for after in self._after(place, kinds)
            )
        return known[place]

    def _closes(self, place: _Place) -> bool:
        array, (index, counts) = self._plan.array, place
        enough = all(count >= one.low for one, count in zip(array.contains, counts, strict=True))
        return enough and index >= min(array.low, self._end)

    def _after(self, place: _Place, kinds: "dict[Shape, list[_Kind]]") -> Iterator[_Place]:
        array, (index, counts) = self._plan.array, place
        if index >= array.high:
            return
        item = array.item(index)
        if item not in kinds:
            kinds[item] = list(self._kinds_of(item))
        for kind in kinds[item]:
            found: list[int] = []
            for one, count, most, counted in zip(array.contains, counts, self._most, kind, strict=True):
                after = count + (counted and index >= one.start)
                if one.high < after:
                    break
                found.append(min(after, most))
            else:
                yield min(index + 1, self._end), tuple(found)

    def _kinds_of(self, item: "Shape") -> Iterator[_Kind]:
        """What an item of a shape can count for; what counts for most comes first."""
        alive = self._plan.writer.alive
        for shape, counts in self._plan.classes(item):
            if alive(shape):
                yield tuple(map(bool, counts))
