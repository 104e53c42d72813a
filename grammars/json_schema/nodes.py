"""From shapes to grammar: how a value of a shape is written, and whether there is any.

    ShapeNode   shape_nodes.py       null | true | false | string | number | [ ... ] | { ... }
    ArrayNode   array_nodes.py       the items from some index on
    ObjectNode  object_nodes.py      the members after some others

`Writer` answers the question behind every "no dead ends": is anything left of this shape
(`alive`)? It is the least fixpoint: a shape that needs itself to be alive is not.

Nodes expand while masks are computed, in several threads at once. What a writer notes while it looks
for a fixpoint is for one thread alone, so it finds things out under its `lock`, and so do nodes.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Listed
from functools import reduce
from math import isinf

from constrained import remains
from constrained.automata.algebra import literal, union
from constrained.automata.dfa import START, Dfa
from constrained.automata.remembered import memory, remembered
from constrained.grammar import Automaton, Sequence, Terminal
from grammars.json_schema import texts
from grammars.json_schema.array_nodes import ArrayPlan
from grammars.json_schema.arrays import Arr, Arrays
from grammars.json_schema.different_objects import DifferentObjects
from grammars.json_schema.fixpoint import Fixpoint
from grammars.json_schema.limits import HEAVIEST
from grammars.json_schema.listings import Listing, frames_of
from grammars.json_schema.literals import Shape
from grammars.json_schema.object_choices import plans_of
from grammars.json_schema.object_nodes import ObjectPlan
from grammars.json_schema.object_ways import Obj
from grammars.json_schema.objects import Objects
from grammars.json_schema.options import punctuation
from grammars.json_schema.plain_values import PlainValues
from grammars.json_schema.rivals import Came
from grammars.json_schema.ropes import written
from grammars.json_schema.scalars import BOOLEANS, NULLS, NUMBERS, TEXTS
from grammars.json_schema.shape_nodes import ShapeNode
from grammars.json_schema.shapes import Shapes
from grammars.json_schema.shortest import Shortest
from grammars.json_schema.telling_apart import stated_types
from grammars.json_schema.texts import Texts
from grammars.json_schema.values import Value
from grammars.json_schema.variety import KnownVariety, Variety

Plan = ArrayPlan | ObjectPlan | DifferentObjects

STRUCTURED = frozenset({"array", "object"})

NULL, TRUE, FALSE = (literal(text) for text in (b"null", b"true", b"false"))


@remembered
def _either(parts: tuple[Dfa, ...]) -> Dfa:
    return reduce(union, parts)


class Writer:
    """Writes the values of one document's shapes."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self.lock = shapes.lock
        self.options = shapes.options
        self.marks = punctuation(shapes.options.whitespace)
        self.arrays = Arrays(shapes)
        self.objects = Objects(shapes)
        self.plain_values = PlainValues(shapes)
        self._terminals: dict[object, Terminal] = {}
        self._array_plans: dict[Arr, ArrayPlan] = {}
        self._object_plans: dict[Obj, ObjectPlan] = {}
        self._searching: Fixpoint[Shape | Listing, int] | None = None  # as soon as something is not plain
        self._came: Came | None = None
        self._counting: Variety | None = None
        self._short: Shortest | None = None
        self.too_long: Shape | None = None  # it has values, but none that anyone could write

    def end(self) -> remains.Ending:
        """Cut what leads to one another: nobody asks any more. Python's collector would have to find it."""
        for array_plan in self._array_plans.values():
            yield from array_plan.end()
        for object_plan in self._object_plans.values():
            yield from object_plan.end()
        for memo in (self._array_plans, self._object_plans, self._terminals):
            yield from remains.emptied(memo)
        if self._searching is not None:
            self._searching.end()
        if self._counting is not None:
            self._counting.end()
        if self._short is not None:
            self._short.end()
        self.objects.end()
        self.plain_values.end()
        yield from self.shapes.end()

    # ------------------------------------------------------------------ alternatives

    def ways_of_arrays(self, shape: Shape) -> list[ArrayPlan]:
        """The ways to be an array, as plans."""
        if shape.arrays is None:
            with self.lock:
                shape.arrays = [self._array_plan(one) for one in self.shapes.alternatives(self.arrays, shape)]
        return list(shape.arrays)

    def ways_of_objects(self, shape: Shape) -> list[ObjectPlan]:
        """The ways to be an object, as plans."""
        if shape.objects is None:
            with self.lock:
                shape.objects = plans_of(self.shapes.alternatives(self.objects, shape), self)
        return list(shape.objects)

    def ways_of_different_objects(self, shape: Shape) -> "Listed[ObjectPlan | DifferentObjects]":
        """The same, but that objects which are excluded by their values are told apart while they are written."""
        if shape.different is None:
            with self.lock:
                base, excluded = self.shapes.without_objects(shape)
                plans: Listed[ObjectPlan | DifferentObjects] = self.ways_of_objects(base)
                if excluded:
                    if self._came is None:
                        self._came = Came()
                    rivals = self._came.rivals(excluded)
                    plans = [DifferentObjects(plan, rivals) for plan in self.ways_of_objects(base)]
                shape.different = plans
        return shape.different

    def _array_plan(self, one: Arr) -> ArrayPlan:
        return self._array_plans.setdefault(one, ArrayPlan(one, self))

    def object_plan(self, one: Obj) -> ObjectPlan:
        """The plan of a way without choices; one object per way."""
        return self._object_plans.setdefault(one, ObjectPlan(one, self))

    # ------------------------------------------------------------------ is anything left?

    def alive(self, shape: Shape) -> bool:
        """Does any value have this shape?"""
        if shape.alive is not None:
            return shape.alive
        with self.lock:
            if (plain := self.plain_values.weight(shape)) > 0:
                shape.alive, shape.weight = True, plain
                return True
            weights = self._weights
            found = weights.of(shape) is not None
            if not found and not weights.is_open:
                shape.alive = False
            return found

    @property
    def is_searching(self) -> bool:
        """Is it being found out what is alive? Then what seems not to be may still turn out to be."""
        return self._searching is not None and self._searching.is_open

    @property
    def _weights(self) -> Fixpoint[Shape | Listing, int]:
        if self._searching is None:
            self._searching = Fixpoint(self._look, int, frames_of)
        return self._searching

    def known(self, listing: Listing) -> int | None:
        """Minus so many values are listed."""
        return self._weights.of(listing)

    def _look(self, thing: Shape | Listing) -> int | None:
        return self._variety().look(thing) if isinstance(thing, Listing) else self._find_weight(thing)

    def _find_weight(self, shape: Shape) -> int | None:
        self.shapes.allowance.check()
        weight = 1 if not self._is_structured(shape) and self._has_scalar(shape) else self._lightest(shape)
        if weight is not None:
            shape.alive, shape.weight = True, weight
        return weight

    def plainly_possible(self, obj: Obj, names: Listed[str]) -> int:
        """Bit set of those keys of an object that plainly can have a value."""
        return self.plain_values.possible(obj, names)

    def weight(self, shape: Shape) -> int:
        """How many values there are at least in a value of this shape, roughly."""
        return shape.weight if self.alive(shape) else 0

    def _lightest(self, shape: Shape) -> int | None:
        """The weight of some array or object of the shape that is not too long; None without any."""
        for plan in self.structured(shape):
            if (weight := plan.weight()) is not None:
                if weight <= HEAVIEST:
                    return weight
                self.too_long = self.too_long or shape
        return None

    def _has_scalar(self, shape: Shape) -> bool:
        of = self.shapes.language
        return (
            bool(of(NULLS, shape))
            or bool(of(BOOLEANS, shape))
            or not of(NUMBERS, shape).is_empty
            or not texts.is_empty(self.strings(shape))
        )

    def strings(self, shape: Shape) -> Texts:
        """The strings of a shape, unless they are too long for anyone."""
        found = self.shapes.language(TEXTS, shape)
        if all(part.low <= texts.LONGEST for part in found.parts):
            return found
        self.too_long = self.too_long or shape
        return texts.joined([part for part in found.parts if part.low <= texts.LONGEST])

    def structured(self, shape: Shape) -> Iterator[Plan]:
        """The ways to be an array or an object, as plans."""
        only = self.shapes.only_type(shape)
        allowed = stated_types(self.shapes, shape) if only is None else {only}
        if allowed is None or "array" in allowed:
            yield from self.ways_of_arrays(shape)
        if allowed is None or "object" in allowed:
            yield from self.ways_of_different_objects(shape)

    def _is_structured(self, shape: Shape) -> bool:
        """Are all values of a shape arrays or objects, as the types that it states alone tell?"""
        if (only := self.shapes.only_type(shape)) is not None:
            return only in STRUCTURED
        allowed = stated_types(self.shapes, shape)
        return allowed is not None and allowed <= STRUCTURED

    # ------------------------------------------------------------------ writing

    def node(self, shape: Shape) -> ShapeNode:
        """The grammar of a shape; one object per shape."""
        if shape.node is None:
            shape.node = ShapeNode(shape, self)
        return shape.node

    def sequences(self, shape: Shape) -> Iterator[Sequence]:
        """The alternatives of a shape's node; none of them is empty.

        Scalars of all types are one terminal: fewer configurations, and the same terminal for the many
        places where anything goes.
        """
        scalars = self.scalars(shape)
        plain = tuple(one for one in scalars if isinstance(one, Dfa))
        yield from ((self._terminal(one),) for one in scalars if not isinstance(one, Dfa))
        if plain:
            yield (self._terminal(_either(plain)),)
        plans = list(self.structured(shape))
        sure = len(plans) == 1 and not scalars and bool(shape.alive)
        for plan in plans:
            if sure or plan.alive():
                yield plan.sequence()

    def scalars(self, shape: Shape) -> tuple[Automaton, ...]:
        """The automata of the scalar values of a shape. Where no document matters, they are remembered."""
        if self._is_structured(shape):
            return ()
        words, options = self.shapes.words(shape), self.options
        if words is None:
            return tuple(self._find_scalars(shape))
        key = "scalars", words, options.formats, options.decimal_integers
        return memory.of(key, lambda: tuple(self._find_scalars(shape)))

    def _find_scalars(self, shape: Shape) -> Iterator[Automaton]:
        of = self.shapes.language
        if of(NULLS, shape):
            yield NULL
        for flag in sorted(bool(flag) for flag in of(BOOLEANS, shape)):
            yield TRUE if flag else FALSE
        strings, numbers = self.strings(shape), of(NUMBERS, shape)
        if not texts.is_empty(strings):
            yield from map(texts.automaton, strings.parts)
        if not numbers.is_empty:
            yield numbers

    def _terminal(self, automaton: Automaton) -> Terminal:
        found = self._terminals.get(automaton)
        if found is None:
            found = self._terminals[automaton] = Terminal(automaton, "value")
        return found

    # ------------------------------------------------------------------ shortest texts

    @property
    def short(self) -> Shortest:
        """The shortest texts of shapes. To be asked under the `lock`."""
        if self._short is None:
            self._short = Shortest(self)
        return self._short

    def text(self, terminal: Terminal) -> bytes:
        """The shortest text of a terminal."""
        return terminal.automaton.completion(START)

    def shortest(self, shape: Shape) -> bytes:
        """A shortest text of a shape that is alive. Raises LimitExceeded beyond `ropes.LONGEST` bytes."""
        with self.lock:
            return written(self.short.text(shape))

    def knowing(self, short: Shortest) -> "KnowingWriter":
        """A writer to which only that is alive of which `short` knows a text."""
        return KnowingWriter(self, short)

    # ------------------------------------------------------------------ counting

    def variety(self, shape: Shape, enough: int) -> int:
        """How many values have this shape, counted up to `enough`; not more than there are."""
        with self.lock:
            return self._variety().of(shape, enough)

    def few_values(self, shape: Shape, enough: int) -> Listed[Value] | None:
        """All values of a shape that has fewer than `enough`; None where it has as many."""
        with self.lock:
            return self._variety().few(shape, enough)

    def _variety(self) -> Variety:
        if self._counting is None:
            self._counting = Variety(self)
        return self._counting


class KnowingWriter(Writer):
    """A writer to which nothing is alive but what `short` knows a text of.

    More and more is, so nothing that is noted may say that something is not: it is always searching.
    """

    def __init__(self, writer: Writer, short: Shortest) -> None:
        super().__init__(writer.shapes)
        self.arrays, self.objects = writer.arrays, writer.objects
        self._short, self._counting = short, KnownVariety(self)
        self._writer = writer
        self._known_arrays: dict[ArrayPlan, ArrayPlan] = {}
        self._known_objects: dict[ObjectPlan, ObjectPlan] = {}
        self._known_others: dict[DifferentObjects, DifferentObjects] = {}

    def forget(self) -> None:
        """Let go of all plans."""
        self._known_arrays.clear()
        self._known_objects.clear()
        self._known_others.clear()

    def told(self, plan: Plan) -> Plan:
        """A plan as this writer sees it."""
        match plan:
            case ArrayPlan():
                return self._array(plan)
            case ObjectPlan():
                return self._object(plan)
            case DifferentObjects():
                return self._other(plan)

    def _array(self, plan: ArrayPlan) -> ArrayPlan:
        found = self._known_arrays.get(plan)
        if found is None:
            found = self._known_arrays[plan] = plan.told_by(self)
        return found

    def _object(self, plan: ObjectPlan) -> ObjectPlan:
        found = self._known_objects.get(plan)
        if found is None:
            found = self._known_objects[plan] = plan.told_by(self)
        return found

    def _other(self, plan: DifferentObjects) -> DifferentObjects:
        found = self._known_others.get(plan)
        if found is None:
            found = self._known_others[plan] = plan.told_by(self)
        return found

    def ways_of_arrays(self, shape: Shape) -> list[ArrayPlan]:
        """The ways to be an array."""
        return [self._array(plan) for plan in self._writer.ways_of_arrays(shape)]

    def ways_of_objects(self, shape: Shape) -> list[ObjectPlan]:
        """The ways to be an object."""
        return [self._object(plan) for plan in self._writer.ways_of_objects(shape)]

    def ways_of_different_objects(self, shape: Shape) -> "Listed[ObjectPlan | DifferentObjects]":
        """The same, but that objects which are excluded by their values are told apart."""
        return [
            self._object(plan) if isinstance(plan, ObjectPlan) else self._other(plan)
            for plan in self._writer.ways_of_different_objects(shape)
        ]

    @property
    def is_searching(self) -> bool:
        """Always."""
        return True

    def alive(self, shape: Shape) -> bool:
        """Has a shape a text that is known?"""
        return self._writer.alive(shape) and not isinf(self.short.size(shape))

    def plainly_possible(self, obj: Obj, names: Listed[str]) -> int:
        """None: the texts have to be found first."""
        return 0

    def known(self, listing: Listing) -> int | None:
        """Minus so many values are listed of which a text is known."""
        return self.short.known(listing)

    def look(self, listing: Listing) -> int:
        """List values of which a text is known."""
        return self._variety().look(listing)
