"""How many values a shape has, and which, where they are few.

    {"enum": [1, 2]}    2: 1, 2            {"type": "boolean"}    2: false, true           {"type": "string"}    enough

Who asks wants to know whether values run out: items or members that must differ, or that are excluded one by one. So
counting goes up to what is `enough`, and what it says is never more than there is.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Listed
from itertools import islice
from typing import TYPE_CHECKING

from constrained.automata.algebra import difference
from constrained.automata.dfa import START, Dfa
from constrained.automata.listing import count_texts
from grammars.json_schema import texts
from grammars.json_schema.array_nodes import ArrayPlan
from grammars.json_schema.different_objects import DifferentObjects
from grammars.json_schema.literals import Shape
from grammars.json_schema.numbers import other_spellings
from grammars.json_schema.object_nodes import ObjectPlan
from grammars.json_schema.ropes import written
from grammars.json_schema.scalars import BOOLEANS, NULLS, NUMBERS
from grammars.json_schema.shortest import Shortest
from grammars.json_schema.telling_apart import stated_values
from grammars.json_schema.values import Text, Value, as_compared, canonical, parse_value

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer

_DEEPEST = 3  # shapes, the values of each counted for those of the one before
_FEW_TEXTS = 4096
_FAR = 200  # bytes of a number; where all are longer, they are not told from each other (numbers.is_long)


class Variety:
    """The values of one document's shapes. To be asked under the writer's lock."""

    def __init__(self, writer: "Writer") -> None:
        self._writer = writer
        self._counted = set[Shape]()  # right now
        self._at_least: dict[Shape, int] = {}  # values of it that there are
        self._listing = set[Shape]()  # right now
        self._few: dict[Shape, Listed[Value]] = {}

    def end(self) -> None:
        """Let go of all shapes."""
        self._at_least.clear()
        self._few.clear()

    def of(self, shape: Shape, enough: int) -> int:
        """How many values have this shape, counted up to `enough`; not more than there are.

        A shape whose values hold others of it is thought to have enough of these.
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

    def few(self, shape: Shape, enough: int) -> Listed[Value] | None:
        """All values of a shape that has fewer than `enough`; None where it has as many.

        A shape whose values hold others of it has enough of them, and one whose values are being listed is thought to.
        """
        found = self._few.get(shape)
        if found is None:
            if shape in self._listing:
                return None
            if len(self._listing) >= _DEEPEST:  # then scalars have to do
                return list(islice(self._scalars(shape, self._writer.short), enough))
            self._listing.add(shape)
            try:
                if self.of(shape, enough) >= enough:
                    return None
                found = list(islice(self._listed(shape), enough))
            finally:
                self._listing.discard(shape)
            if len(found) >= enough:
                self._at_least[shape] = enough
            elif not self._writer.is_searching:
                self._few[shape] = found
        return found if len(found) < enough else None

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
            arrays, objects = writer.ways_of_arrays(shape), writer.ways_of_different_objects(shape)
            found += _together(arrays, enough, writer.arrays.exclusive([[plan.array] for plan in arrays]))
            found += _together(objects, enough, writer.objects.exclusive([[plan.obj] for plan in objects]))
        return min(found, enough)

    def _listed(self, shape: Shape) -> Iterator[Value]:
        """The values of a shape, no one twice: scalars as they are listed, others each as one that is left."""
        writer, shapes = self._writer, self._writer.shapes
        stated = stated_values(shapes, shape)
        if stated is not None:
            for one in sorted(stated, key=canonical):
                if writer.alive(shapes.both(shape, shapes.among(frozenset({one})))):
                    yield one
            return
        # What is alive may not be known: no text that is found now is the shortest for ever.
        short = Shortest(writer) if writer.is_searching else writer.short
        seen: dict[Value, None] = {}
        for value in map(as_compared, self._scalars(shape, short)):
            if value not in seen:
                seen[value] = None
                yield value
        while any(plan.alive() for plan in writer.structured(shape)):
            shapes.allowance.check()
            left = shapes.both(shape, shapes.among(frozenset(seen), False))
            if not writer.alive(left):
                return
            value = as_compared(parse_value(written(short.text(left))))
            if value in seen:
                return
            seen[value] = None
            yield value

    def _scalars(self, shape: Shape, short: Shortest) -> Iterator[Value]:
        for _, value in short.scalars(shape):
            yield value
        for part in self._writer.strings(shape).parts:
            if not texts.is_empty(part) and not isinstance(texts.automaton(part), Dfa):
                yield from map(Text, sorted(texts.listed(part, _FEW_TEXTS) or ()))


def _together(plans: Listed[ArrayPlan | ObjectPlan | DifferentObjects], enough: int, exclusive: bool) -> int:
    """How many values there are of some ways, at least; counted up to `enough`."""
    found = 0
    for plan in plans:
        if found < enough and plan.alive():
            here = plan.variety(enough)
            found = found + here if exclusive else max(found, here)
    return found
