"""Shortest texts of shapes, and many different ones.

A shape's shortest text is made of others', and with recursion they hang on each other: a least fixpoint.
Texts are ropes: lengths are known however long they are.
"""

from collections.abc import Iterator
from contextlib import suppress
from heapq import merge
from math import inf
from operator import itemgetter
from typing import TYPE_CHECKING

from constrained.automata.algebra import difference
from constrained.automata.dfa import START, Dfa
from constrained.automata.listing import texts_by_length
from grammars.json_schema.fixpoint import Fixpoint
from grammars.json_schema.literals import Shape
from grammars.json_schema.numbers import other_spellings
from grammars.json_schema.ropes import Rope, size
from grammars.json_schema.values import Value, parse_value

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer


class Circular(Exception):
    """A text was asked for that is not known yet, as it is being looked for; never leaves `Writer`."""


class Shortest:
    """The shortest texts of one document's shapes. To be asked under the writer's lock."""

    def __init__(self, writer: "Writer") -> None:
        self._writer = writer
        self._texts = Fixpoint[Shape, Rope](lambda shape: min(self._short_texts(shape), key=size, default=None), size)

    def text(self, shape: Shape) -> Rope:
        """A shortest text of a shape that is alive.

        Raises Circular where none is known while it is being looked for: whoever has a choice takes another,
        and is asked again when there is one.
        """
        found = self._texts.of(shape)
        if found is None:
            raise Circular
        return found

    def end(self) -> None:
        """Let go of all shapes."""
        self._texts.end()

    def _short_texts(self, shape: Shape) -> Iterator[Rope]:
        """The shortest scalars of a shape; without any, texts of its plans, a shortest among them."""
        scalars = [one.completion(START) for one in self._writer.scalars(shape)]
        yield from scalars
        best = inf
        plans = [] if scalars else [(plan.bound(), plan) for plan in self._writer.structured(shape) if plan.alive()]
        for bound, plan in sorted(plans, key=itemgetter(0)):
            if bound >= best:
                break
            with suppress(Circular):
                found = plan.text()
                best = min(best, size(found))
                yield found

    def size(self, shape: Shape) -> float:
        """Bytes of a shortest text; infinite while it is being looked for inside itself."""
        try:
            return size(self.text(shape))
        except Circular:
            return inf

    def scalars(self, shape: Shape) -> Iterator[tuple[bytes, Value]]:
        """Scalars of a shape, shorter ones first, no value twice.

        Strings of counted length are left out.
        """
        automata = [difference(one, other_spellings()) for one in self._writer.scalars(shape) if isinstance(one, Dfa)]
        seen: set[Value] = set()
        for text in merge(*map(texts_by_length, automata), key=len):
            value = parse_value(text)
            if value not in seen:
                seen.add(value)
                yield text, value
