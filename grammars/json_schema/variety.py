"""How many values a shape has, and which, where they are few.

    {"enum": [1, 2]}    2: 1, 2            {"type": "boolean"}    2: false, true           {"type": "string"}    enough

Who asks wants to know whether values run out: items or members that must differ, or that are excluded one by one. So
counting goes up to what is `enough`, and what it says is never more than there is.

    boxes = 0 | [one of boxes]                              0, [0], [[0]], ... as one holds any other, there are enough
    pairs = 0 | [two of pairs that differ]                  0 alone: there is no other one for a pair to hold

How many values there are tells what is alive, and what is alive tells how many there are. So values are listed in the
least fixpoint in which weights are found (`Listing`): one is there as soon as it is known, what was found without it
is looked for again, and none is thought to be there which would have to be there before.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from constrained.automata.algebra import difference
from constrained.automata.dfa import START, Dfa
from constrained.automata.listing import count_texts
from grammars.json_schema import texts
from grammars.json_schema.array_nodes import ArrayPlan
from grammars.json_schema.different_objects import DifferentObjects
from grammars.json_schema.listings import Listing
from grammars.json_schema.literals import Shape
from grammars.json_schema.numbers import other_spellings
from grammars.json_schema.object_nodes import ObjectPlan
from grammars.json_schema.ropes import written
from grammars.json_schema.scalars import BOOLEANS, NULLS, NUMBERS
from grammars.json_schema.shortest import Circular, Shortest
from grammars.json_schema.telling_apart import stated_values
from grammars.json_schema.values import Text, Value, as_compared, canonical, parse_value

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer

_FEW_TEXTS = 4096
_FAR = 200  # bytes of a number; where all are longer, they are not told from each other (numbers.is_long)


class Variety:
    """The values of one document's shapes. To be asked under the writer's lock."""

    def __init__(self, writer: "Writer") -> None:
        self._writer = writer
        self._counted = set[Shape]()  # right now
        self._at_least: dict[Shape, int] = {}  # values of it that there are
        self._found: dict[Shape, dict[Value, None]] = {}  # the same, one by one
        self._all: dict[Shape, Sequence[Value]] = {}  # there are no others

    def end(self) -> None:
        """Let go of all shapes."""
        for memo in (self._at_least, self._found, self._all):
            memo.clear()

    # ------------------------------------------------------------------ how many

    def of(self, shape: Shape, enough: int) -> int:
        """How many values have this shape, counted up to `enough`; not more than there are.

        A shape has enough values if some of them hold others of it: any of these may be put into such a one, and a
        value into itself, again and again.
        """
        if shape in self._counted or self._at_least.get(shape, 0) >= enough:
            return enough
        self._counted.add(shape)
        try:
            found = self._count(shape, enough)
        finally:
            self._counted.discard(shape)
        self._at_least[shape] = max(found, self._at_least.get(shape, 0))
        return found

    def _count(self, shape: Shape, enough: int) -> int:
        writer, of = self._writer, self._writer.shapes.language
        found = len(of(NULLS, shape)) + len(of(BOOLEANS, shape))
        strings, numbers = writer.strings(shape), of(NUMBERS, shape)
        if strings.is_everything or numbers is NUMBERS.everything:
            return enough
        found += max(texts.count(part, enough) for part in strings.parts)
        if not numbers.is_empty:
            is_far = numbers.distance[START] > _FAR
            found += 1 if is_far else max(1, count_texts(difference(numbers, other_spellings()), enough))
        if found < enough:
            found += self._others(shape, enough)
        return min(found, enough)

    def _others(self, shape: Shape, enough: int) -> int:
        """How many arrays and objects have a shape of fewer than `enough` scalars."""
        writer = self._writer
        arrays, objects = writer.ways_of_arrays(shape), writer.ways_of_different_objects(shape)
        found = _together(arrays, enough, writer.arrays.exclusive([[plan.array] for plan in arrays]))
        return found + _together(objects, enough, writer.objects.exclusive([[plan.obj] for plan in objects]))

    # ------------------------------------------------------------------ which

    def few(self, shape: Shape, enough: int) -> Sequence[Value] | None:
        """All values of a shape that are known, where there are fewer than `enough`; None where there are as many."""
        found = self._all.get(shape)
        if found is None:
            if self._at_least.get(shape, 0) >= enough or (self._writer.known(Listing(shape, enough)) or 0) <= -enough:
                return None
            found = tuple(self._found.get(shape, ()))
            if not self._writer.is_searching:
                self._all[shape] = found
        return found if len(found) < enough else None

    def look(self, listing: Listing) -> int:
        """List values until there are enough, or no others are known."""
        shape, enough = listing
        counted, self._counted = self._counted, set[Shape]()  # what is being counted now may turn out to have none
        try:
            if self.of(shape, enough) >= enough:
                return -enough
        finally:
            self._counted = counted
        found = self._found.setdefault(shape, {})
        if stated_values(self._writer.shapes, shape) is not None:
            self._fill_stated(shape, found)
        else:
            self._fill_listed(shape, found, enough)
        self._at_least[shape] = max(len(found), self._at_least.get(shape, 0))
        return -len(found)

    def _fill_stated(self, shape: Shape, found: dict[Value, None]) -> None:
        writer, both, among = self._writer, self._writer.shapes.both, self._writer.shapes.among
        for one in sorted(stated_values(writer.shapes, shape) or (), key=canonical):
            if one not in found and writer.alive(both(shape, among(frozenset({one})))):
                found[one] = None

    def _fill_listed(self, shape: Shape, found: dict[Value, None], enough: int) -> None:
        """Scalars as they are listed, then others, each as one that is left."""
        short = self._short()
        self._fill_written(shape, found, enough, short)
        self._end(short)

    def _fill_written(self, shape: Shape, found: dict[Value, None], enough: int, short: Shortest) -> None:
        writer = self._writer
        found |= dict.fromkeys(islice(map(as_compared, self._scalars(shape, short)), enough))
        while len(found) < enough and any(plan.alive() for plan in writer.structured(shape)):
            writer.shapes.allowance.check()
            left = writer.shapes.both(shape, writer.shapes.among(frozenset(found), False))
            if not writer.alive(left):
                return
            try:
                value = as_compared(parse_value(written(short.text(left))))
            except Circular:
                return
            if value in found:
                return
            found[value] = None

    def _short(self) -> Shortest:
        return Shortest(self._writer)  # what is alive may not be known: no text is for ever

    def _end(self, short: Shortest) -> None:
        short.end()

    def _scalars(self, shape: Shape, short: Shortest) -> Iterator[Value]:
        for _, value in short.scalars(shape):
            yield value
        for part in self._writer.strings(shape).parts:
            if not texts.is_empty(part) and not isinstance(texts.automaton(part), Dfa):
                yield from map(Text, sorted(texts.listed(part, _FEW_TEXTS) or ()))


class KnownVariety(Variety):
    """The values of which a text is known. To be asked while texts are looked for."""

    def _others(self, shape: Shape, enough: int) -> int:
        """None where not one of them has a text, even if there are some: a way to them may just be looked at."""
        scalars = frozenset(islice(map(as_compared, self._scalars(shape, self._short())), enough))
        shapes = self._writer.shapes
        left = shapes.both(shape, shapes.among(scalars, False)) if scalars else shape
        return super()._others(shape, enough) if self._writer.alive(left) else 0

    def _short(self) -> Shortest:
        return self._writer.short

    def _end(self, short: Shortest) -> None:
        pass


def _together(plans: Sequence[ArrayPlan | ObjectPlan | DifferentObjects], enough: int, exclusive: bool) -> int:
    """How many values there are of some ways, at least; counted up to `enough`."""
    found = 0
    for plan in plans:
        if found < enough and plan.alive():
            here = plan.variety(enough)
            found = found + here if exclusive else max(found, here)
    return found
