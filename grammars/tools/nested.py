"""Arguments as tags all the way down: every value has a tag that says its kind; objects and lists hold tags again.

<cofl:value name="place" type="dict"><cofl:value name="x" type="json">1.5</cofl:value></cofl:value>
|- opens --|--- name ---|--- kind ---|---------------- members -----------------|--- closes ---|
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import cast

from constrained.automata.dfa import Dfa
from constrained.automata.regex import compile_rust
from constrained.errors import UnsupportedFeature
from constrained.finishing import joined
from constrained.grammar import Automaton, Completion, Sequence, Symbol, Terminal
from grammars.json_schema import texts
from grammars.json_schema.array_nodes import ArrayPlan, ArrayState
from grammars.json_schema.nodes import Writer
from grammars.json_schema.shapes import Shape
from grammars.json_schema.texts import Texts
from grammars.tools.arguments import Schema
from grammars.tools.formats import Nested
from grammars.tools.kinds import arrays_of, numbers_of, objects_of, raw, strings_of, words_of
from grammars.tools.markers import Marks, terminal
from grammars.tools.members import members_of
from grammars.tools.written import AnyOf, completion_of

_KEY_PATTERN = r'[^\x00-\x1f<>"&]+'  # a key stands in quotes, and nothing in it is escaped
_KEY = re.compile(_KEY_PATTERN)


def can_be_tag(name: str) -> bool:
    """Can a tag have this name?"""
    return _KEY.fullmatch(name) is not None


def nested_ban(nested: Nested, marks: Marks) -> tuple[bytes, ...]:
    """What no string may contain: the tag that ends it."""
    return marks.banned(nested.closes)


class NestedHand:
    """Writes the shapes of one writer as tags; nodes are made once, so that states are shared."""

    def __init__(self, nested: Nested, marks: Marks, writer: Writer) -> None:
        self.nested = nested
        self.writer = writer
        self.opens = marks.sequence(nested.opens)
        self.closes = marks.sequence(nested.closes)
        self.kinds = {kind: marks.sequence(nested.kind_of(kind)) for kind in nested.words}
        self._marks = marks
        self._banned = nested_ban(nested, marks)
        self._nodes: dict[Shape, NestedValue] = {}
        self._items: dict[tuple[ArrayPlan, ArrayState], NestedItems] = {}
        self.arguments = NestedPen(self, marks, ())
        self.members = NestedPen(self, marks, self.closes)

    def node(self, shape: Shape) -> "NestedValue":
        """The values of a shape, from their kind on; one object per shape."""
        found = self._nodes.get(shape)
        if found is None:
            found = self._nodes.setdefault(shape, NestedValue(shape, self))
        return found

    def items(self, plan: ArrayPlan, state: ArrayState) -> "NestedItems":
        """The items from `state` on; one object per state."""
        found = self._items.get((plan, state))
        if found is None:
            found = self._items.setdefault((plan, state), NestedItems(plan, state, self))
        return found

    def sequences(self, shape: Shape) -> Iterator[Sequence]:
        """The ways to write a value of a shape, its kind first."""
        writer, kinds = self.writer, self.kinds
        for strings in strings_of(writer, shape):
            text = raw(strings, self._banned)
            if not text.is_empty:
                yield (*kinds["string"], _terminal(text), *self.closes)
        for word in words_of(writer, shape):
            yield (*kinds["scalar"], terminal(word.encode()), *self.closes)
        number = numbers_of(writer, shape)
        if not number.is_empty:
            yield (*kinds["scalar"], _terminal(number), *self.closes)
        for array in arrays_of(writer, shape):
            yield (*kinds["array"], self.items(array, array.start))
        for plan in objects_of(writer, shape):
            yield (*kinds["object"], members_of(plan, self.members, plan.start))

    def written(self, value: object) -> Sequence:
        """One value, its kind first."""
        match value:
            case str():
                return (*self.kinds["string"], terminal(value.encode()), *self.closes)
            case list():
                items = cast("list[object]", value)
                written = [symbol for item in items for symbol in (*self.opens, *self.written(item))]
                return (*self.kinds["array"], *written, *self.closes)
            case dict():
                members: list[Symbol] = []
                for key, item in cast("dict[str, object]", value).items():
                    members += self._marks.sequence(self.nested.opens + self.nested.named(key))
                    members += self.written(item)
                return (*self.kinds["object"], *members, *self.closes)
            case _:
                return (*self.kinds["scalar"], terminal(json.dumps(value).encode()), *self.closes)

    def check(self) -> None:
        """Raise UnsupportedFeature for what cannot be written, or not be enforced, in this hand."""
        seen: set[Shape] = set()
        todo = [self.writer.shapes.root()]
        while todo:
            shape = todo.pop()
            if shape in seen:
                continue
            seen.add(shape)
            for plan in objects_of(self.writer, shape):
                todo.extend(plan.children())
                for name in plan.names:
                    if not can_be_tag(name):
                        raise UnsupportedFeature(f"this tool format cannot write the name {name!r}", where="#")
            for array in arrays_of(self.writer, shape):
                todo.extend(array.children())
                if array.array.unique:
                    raise UnsupportedFeature("this tool format cannot enforce 'uniqueItems'", where="#")
            if self.writer.alive(shape) and not any(True for _ in self.sequences(shape)):
                raise UnsupportedFeature(f"all values contain {self.nested.closes!r}", where="#")


class NestedPen:
    """How members are written: those of the call, or of an object in a tag of its own."""

    def __init__(self, hand: NestedHand, marks: Marks, closes: Sequence) -> None:
        before, self._after = hand.nested.name
        self.opens: Sequence = marks.sequence(hand.nested.opens + before)
        self.between: Sequence = ()
        self.closes: Sequence = closes
        self._hand = hand
        self._colon = marks.sequence(self._after)

    def key(self, name: str) -> bytes:
        """The name itself."""
        return name.encode()

    def keys(self, names: Texts) -> Dfa:
        """The names that can be written."""
        return texts.decoded(texts.both(names, Texts(dfa=compile_rust(_KEY_PATTERN))))

    def name(self, key: bytes) -> str:
        """The key itself."""
        return key.decode()

    def value(self, name: str | None, shape: Shape) -> Sequence:
        """The end of the name, then kind and value."""
        return (*self._colon, self._hand.node(shape))


class NestedValue(AnyOf):
    """Any value of a shape."""

    __slots__ = ("_hand", "_shape")

    def __init__(self, shape: Shape, hand: NestedHand) -> None:
        super().__init__()
        self._shape = shape
        self._hand = hand

    def sequences(self) -> tuple[Sequence, ...]:
        """One sequence per kind of scalar, and per way to be an array or an object."""
        return tuple(self._hand.sequences(self._shape))

    def shortest_way(self) -> Completion:
        """The value that is shortest in JSON, in this hand."""
        return completion_of(self._hand.written(json.loads(self._hand.writer.shortest(self._shape))))


class NestedItems(AnyOf):
    """The items of an array from some state on, and its closing tag."""

    __slots__ = ("_hand", "_plan", "_state")

    def __init__(self, plan: ArrayPlan, state: ArrayState, hand: NestedHand) -> None:
        super().__init__()
        self._plan = plan
        self._state = state
        self._hand = hand

    def sequences(self) -> tuple[Sequence, ...]:
        """Close, or one more item."""
        plan, state, hand = self._plan, self._state, self._hand
        closing = [hand.closes] if plan.may_close(state) else []
        more = [(*hand.opens, hand.node(shape), hand.items(plan, after)) for shape, after in plan.items(state)]
        return (*closing, *more)

    def shortest_way(self) -> Completion:
        """The way to close the array that is shortest in JSON, in this hand."""
        rest = self._plan.node(self._state).shortest().lstrip(b", ")
        items = [completion_of((*self._hand.opens, *self._hand.written(item))) for item in json.loads(b"[" + rest)]
        return joined([*items, completion_of(self._hand.closes)])


class NestedArguments(AnyOf):
    """All arguments of a call."""

    __slots__ = ("_hand", "_schema")

    def __init__(self, schema: Schema, hand: NestedHand) -> None:
        super().__init__()
        self._schema = schema
        self._hand = hand

    def sequences(self) -> tuple[Sequence, ...]:
        """One alternative per way to be the arguments."""
        return tuple((members_of(plan, self._hand.arguments, plan.start),) for plan in self._schema.plans)


@lru_cache(maxsize=4096)
def _terminal(automaton: Automaton) -> Terminal:
    return Terminal(automaton, "value")
