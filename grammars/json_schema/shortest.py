"""Shortest texts of shapes, and many different ones.

A shape's shortest text is made of others', and with recursion they hang on each other: a least fixpoint.
Texts are ropes: lengths are known however long they are.

    list   an object of one key: "b" brings "c" along, whose value is a list; others have any value

        known: nothing      {"b": 0, "c": ?}  is begun in vain, as is any way that comes to a list
        known: {"": 0}      what is begun now may come to one

So while a text is looked for, only what has a text already may be chosen, and what leads to nothing else may not:
that is the question whether anything is left, asked of less. The plans of arrays and objects answer it as ever, to
a writer for which a shape is alive as soon as it has a text (`KnowingWriter`). Both fixpoints are found by the same
rules, so in the end what is alive has a text.
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
from grammars.json_schema.listings import Listing, frames_of
from grammars.json_schema.literals import Shape
from grammars.json_schema.numbers import other_spellings
from grammars.json_schema.ropes import Rope, size
from grammars.json_schema.values import Value, parse_value

if TYPE_CHECKING:
    from grammars.json_schema.nodes import KnowingWriter, Plan, Writer


def _cost(found: Rope | int) -> int:
    return found if isinstance(found, int) else size(found)


class Circular(Exception):
    """A text is needed that is not known yet, as it is being looked for; never leaves `Writer`."""


class Shortest:
    """The shortest texts of one document's shapes. To be asked under the writer's lock."""

    def __init__(self, writer: "Writer") -> None:
        self._writer = writer
        self._knowing: KnowingWriter | None = None  # made when it is needed
        self._texts = Fixpoint[Shape | Listing, Rope | int](self._look, _cost, frames_of)

    def _look(self, thing: Shape | Listing) -> Rope | int | None:
        self._writer.shapes.allowance.check()
        if isinstance(thing, Listing):
            return self.knowing.look(thing)
        return min(self._short_texts(thing), key=size, default=None)

    @property
    def knowing(self) -> "KnowingWriter":
        """The writer to which that is alive of which a text is known."""
        if self._knowing is None:
            self._knowing = self._writer.knowing(self)
        return self._knowing

    def known(self, listing: Listing) -> int:
        """Minus so many values of a shape are listed of which a text is known."""
        found = self._texts.of(listing)
        return found if isinstance(found, int) else 0

    def text(self, shape: Shape) -> Rope:
        """A shortest text of a shape that is alive.

        Raises Circular where none is known while it is being looked for: whoever needs it has none yet either, and is
        asked again when there is one.
        """
        found = self._texts.of(shape)
        if found is None or isinstance(found, int):
            raise Circular
        return found

    def end(self) -> None:
        """Let go of all shapes."""
        self._texts.end()
        if self._knowing is not None:
            self._knowing.forget()
            self._knowing = None

    def _short_texts(self, shape: Shape) -> Iterator[Rope]:
        """The shortest scalars of a shape; without any, texts of its plans, a shortest among them."""
        scalars = [one.completion(START) for one in self._writer.scalars(shape)]
        yield from scalars
        best = inf
        plans = [] if scalars else [(plan.bound(), plan) for plan in self._writer.structured(shape)]
        for bound, plan in sorted(plans, key=itemgetter(0)):
            if bound >= best:
                break
            with suppress(Circular):
                found = self._text_of(plan)
                if found is not None:
                    best = min(best, size(found))
                    yield found

    def _text_of(self, plan: "Plan") -> Rope | None:
        """A shortest text of a plan, of what is known; None without any. May raise Circular."""
        if plan.is_settled:
            return plan.text() if plan.alive() else None
        known = self.knowing.told(plan)
        return known.text() if known.alive() else None

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
