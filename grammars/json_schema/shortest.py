"""Shortest texts of shapes, and many different ones.

A shortest text never holds the same shape inside itself, so the search that meets a shape again takes
another way (`Circular`). Texts are ropes: lengths are known however long they are.
"""

from collections.abc import Iterator
from contextlib import suppress
from heapq import merge
from math import inf
from typing import TYPE_CHECKING

from constrained.automata.algebra import difference
from constrained.automata.dfa import START, Dfa
from constrained.automata.listing import texts_by_length
from grammars.json_schema.literals import Shape
from grammars.json_schema.numbers import incomparable
from grammars.json_schema.ropes import Rope, size
from grammars.json_schema.values import Value, parse_value

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer


class Circular(Exception):
    """A shortest text was asked for while it is being looked for; never leaves `Writer`."""


class Shortest:
    """The shortest texts of one document's shapes. To be asked under the writer's lock."""

    def __init__(self, writer: "Writer") -> None:
        self._writer = writer
        self._found: dict[Shape, Rope] = {}
        self._writing: set[Shape] = set()
        self._circular = False

    def text(self, shape: Shape) -> Rope:
        """A shortest text of a shape that is alive.

        Raises Circular while that shape is being looked for inside itself: a shortest text never
        needs that, so whoever has a choice takes another.
        """
        known = self._found.get(shape)
        if known is not None:
            return known
        if shape in self._writing:
            self._circular = True
            raise Circular
        outer, self._circular = self._circular, False
        self._writing.add(shape)
        try:
            found = min(self._short_texts(shape), key=size, default=None)
        finally:
            self._writing.discard(shape)
            circular, self._circular = self._circular, self._circular or outer
        if found is None:
            raise Circular
        if not circular or not self._writing:
            self._found[shape] = found  # otherwise it is a shortest only among those that were possible
        return found

    def _short_texts(self, shape: Shape) -> Iterator[Rope]:
        """The shortest scalars of a shape; without any, the shortest text of each plan."""
        scalars = [one.completion(START) for one in self._writer.scalars(shape)]
        yield from scalars
        for plan in () if scalars else self._writer.structured(shape):
            if plan.alive():
                with suppress(Circular):
                    yield plan.text()

    def size(self, shape: Shape) -> float:
        """Bytes of a shortest text; infinite while it is being looked for inside itself."""
        try:
            return size(self.text(shape))
        except Circular:
            return inf

    def scalars(self, shape: Shape) -> Iterator[tuple[bytes, Value]]:
        """Scalars of a shape, shorter ones first, no value twice, numbers in a form that can be told from others.

        Strings of counted length are left out.
        """
        automata = [difference(one, incomparable()) for one in self._writer.scalars(shape) if isinstance(one, Dfa)]
        seen: set[Value] = set()
        for text in merge(*map(texts_by_length, automata), key=len):
            value = parse_value(text)
            if value not in seen:
                seen.add(value)
                yield text, value
