"""Items that differ from those before them. The simplest of four ways that fits the items of an array:

    listed    a few texts: those that are left are a choice, and what was chosen is in the state
    endless   strings of which there are always infinitely many more: a `Fresh`, and a `Seen` behind the items
    spelled   every value has one text: any item is read, and texts that came before are refused where they end
    other     numbers, arrays, objects: the shape of the next item excludes the values that came before

The first two are the fast ones: nothing has to be remembered of the text while it is read, or nothing but a
set of texts that masks are computed without (constrained/sketches.py).
"""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING

from constrained.automata.chosen import Chosen, Texts
from constrained.automata.dfa import Dfa
from constrained.grammar import UNKNOWN, Captured, Fresh, Rule, Sequence, Switch, Symbol, Terminal, Unknown
from grammars.json_schema import texts
from grammars.json_schema.extra_keys import is_endless
from grammars.json_schema.scalars import BOOLEANS, NULLS, NUMBERS, TEXTS
from grammars.json_schema.values import Flag, Null, Text, Value, as_compared, json_key, parse_value

if TYPE_CHECKING:
    from grammars.json_schema.array_nodes import ArrayPlan, ArrayState

_MOST_LISTED = 4096
_ENOUGH = 1 << 20  # different items, more than will ever come


class Way(Enum):
    """How unique items are told apart."""

    LISTED = auto()
    ENDLESS = auto()
    SPELLED = auto()
    OTHER = auto()


class UniqueItems:
    """The items of one array that must be unique."""

    def __init__(self, plan: "ArrayPlan") -> None:
        self._plan = plan
        self._item = plan.array.rest

    @cached_property
    def way(self) -> Way:
        """The simplest that fits."""
        array, of, alive = self._plan.array, self._plan.writer.shapes.language, self._plan.writer.alive
        if array.prefix or array.contains or not alive(self._item) or not of(NUMBERS, self._item).is_empty:
            return Way.OTHER
        writer = self._plan.writer
        arrays, objects = writer.ways_of_arrays(self._item), writer.ways_of_objects(self._item)
        if any(one.alive() for one in arrays) or any(one.alive() for one in objects):
            return Way.OTHER
        if self._listed is not None:
            return Way.LISTED
        return Way.ENDLESS if array.low <= 1 and self._is_endless() else Way.SPELLED

    def _is_endless(self) -> bool:
        of = self._plan.writer.shapes.language
        if of(NULLS, self._item) or of(BOOLEANS, self._item):
            return False
        strings = of(TEXTS, self._item)
        automaton = None if strings.also else texts.automaton(strings)
        return isinstance(automaton, Dfa) and is_endless(automaton)

    @cached_property
    def _listed(self) -> dict[bytes, Value] | None:
        """The items as they are written, with their values, if somebody has listed them."""
        of = self._plan.writer.shapes.language
        strings = of(TEXTS, self._item)
        chosen = frozenset[str]() if texts.is_empty(strings) else None if strings.also else strings.chosen
        if chosen is None or len(chosen) > _MOST_LISTED:
            return None
        values: list[Value] = [Null()] if of(NULLS, self._item) else []
        values += [Flag(bool(flag)) for flag in of(BOOLEANS, self._item)]
        values += [Text(text) for text in chosen if json_key(text) is not None]
        return {written(value): value for value in values}

    # ------------------------------------------------------------------ the next item

    def next(self, state: "ArrayState") -> Iterator[Symbol]:
        """The next item, with all that follows it."""
        plan, way = self._plan, self.way
        if way is Way.OTHER:
            for shape, after in plan.items(state):
                yield UniqueItem(plan, plan.writer.node(shape), after)
            return
        after = plan.after(state)
        if state.index >= plan.array.high or len(state.seen) >= self._supply or not plan.can_finish(after):
            return
        match way:
            case Way.LISTED:
                yield self._choice(after)
            case Way.ENDLESS:
                yield Fresh(self._body, frozenset(), (plan.node(after),))
            case Way.SPELLED:
                yield SpelledItem(plan, plan.writer.node(self._item), after)

    @cached_property
    def _supply(self) -> int:
        """How many different items there are."""
        return self._plan.writer.variety(self._item, _ENOUGH)

    @cached_property
    def _body(self) -> Terminal:
        return Terminal(texts.automaton(self._plan.writer.shapes.language(TEXTS, self._item)), "item")

    @cached_property
    def _texts(self) -> Texts:
        return Texts(self._listed or ())

    @cached_property
    def _labels(self) -> dict[Value, int]:
        listed = self._listed or {}
        return {listed[text]: label for label, text in enumerate(self._texts.texts)}

    def _choice(self, after: "ArrayState") -> Switch:
        came = {self._labels[value] for value in after.seen}
        left = frozenset(range(len(self._texts.texts))) - came
        return Switch(Chosen(self._texts, left), _Chosen(self._plan, self._texts, after), "item")


class _Chosen:
    """What follows each of some listed items."""

    def __init__(self, plan: "ArrayPlan", items: Texts, after: "ArrayState") -> None:
        self._plan = plan
        self._items = items
        self._after = after

    def __getitem__(self, label: int) -> Sequence:
        with self._plan.writer.lock:
            return (self._plan.node(_having(self._after, self._items.texts[label])),)


class UniqueItem(Captured):
    """An item whose shape excludes those before; afterwards it is one of those."""

    __slots__ = ("_sketch", "after", "body", "plan")

    def __init__(self, plan: "ArrayPlan", item: Symbol, after: "ArrayState") -> None:
        self.body: Sequence = (item,)
        self.plan = plan
        self.after = after
        self._sketch: Rule | None = None

    def then(self, text: bytes) -> Sequence | None:
        """The items after this one."""
        return (self.plan.node(_having(self.after, text)),)

    def sketch(self) -> Sequence:
        """Close, or a comma: the item after it depends on what this one was."""
        if self._sketch is None:
            with self.plan.writer.lock:
                self._sketch = self._sketched()
        return (self._sketch,)

    def least(self) -> Sequence:
        """The end of the array, and another item where one is needed."""
        marks = self.plan.writer.marks
        return (marks.close_array,) if self.plan.may_close(self.after) else (*self._another(), marks.close_array)

    def _another(self) -> Sequence:
        plan = self.plan
        with plan.writer.lock:
            item = plan.array.item(self.after.index)
            return (plan.writer.marks.comma, plan.writer.node(item)) if plan.writer.alive(item) else ()

    def _sketched(self) -> Rule:
        plan, after = self.plan, self.after
        marks, more = plan.writer.marks, len(after.seen) + 2
        ways: list[Sequence] = []
        if plan.may_close(after):
            ways.append((marks.close_array,))
        if after.index < plan.array.high:
            told = plan.array.contains or plan.array.prefix
            endless = not told and plan.writer.variety(plan.array.rest, more) >= more
            ways.append((marks.comma, UNKNOWN) if endless else (Unknown(marks.comma.automaton),))
        return Rule("after a unique item", tuple(ways))

    def refused(self) -> frozenset[bytes]:
        """Nothing: the body's shape excludes the items seen before."""
        return frozenset()

    @property
    def slack(self) -> int | None:
        """See the plan."""
        return self.plan.slack(self.after)


class NewItem(UniqueItem):
    """An item of an array where one of the items must come again, later than here: so there is a comma."""

    __slots__ = ()

    def then(self, text: bytes) -> Sequence | None:
        """The items after this one, which may be it again, whatever number it is."""
        return (self.plan.node(replace(self.after, seen=self.after.seen | {parse_value(text)})),)

    def sketch(self) -> Sequence:
        """A comma: the items after it depend on what this one was."""
        return (self.plan.writer.marks.comma, UNKNOWN)

    @property
    def slack(self) -> int | None:
        """Nobody knows: the item may be the one that comes again."""
        return None


class SpelledItem(UniqueItem):
    """Any item; refused are the texts of those before."""

    __slots__ = ("_refused",)

    def __init__(self, plan: "ArrayPlan", item: Symbol, after: "ArrayState") -> None:
        super().__init__(plan, item, after)
        self._refused = frozenset(map(written, after.seen))

    def then(self, text: bytes) -> Sequence | None:
        """The items after this one, if it is new."""
        return None if text in self._refused else super().then(text)

    def refused(self) -> frozenset[bytes]:
        """The items that came before."""
        return self._refused


def written(value: Value) -> bytes:
    """The one text of a string, null or a boolean."""
    match value:
        case Null():
            return b"null"
        case Flag(flag):
            return b"true" if flag else b"false"
        case Text(text):
            found = json_key(text)
            assert found is not None, "a lone surrogate is no item"
            return found
        case _:
            raise ValueError("numbers, arrays and objects have several texts")


def _having(after: "ArrayState", text: bytes) -> "ArrayState":
    """`after`, where an item was written as `text`."""
    return replace(after, seen=after.seen | {as_compared(parse_value(text))})
