"""Arguments as the literals of a programming language, or nearly.

    city='Paris', days=[1, 2], place={'x': 1.5, 'y': None}           Python
    city:<|"|>Paris<|"|>,days:[1,2],place:{x:1.5,y:null}             Gemma

The plans are JSON Schema's (object_nodes.py, array_nodes.py); only the hand differs. Python's strings
are JSON's with the quotes swapped: the same canonical escapes, which Python reads alike.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import cast

import numpy as np

from constrained.automata.counted import Counted, Meter
from constrained.automata.dfa import Dfa
from constrained.automata.lettered import in_bytes
from constrained.automata.regex import compile_rust
from constrained.errors import UnsupportedFeature
from constrained.finishing import joined, of_text
from constrained.grammar import UNKNOWN, Automaton, Captured, Completion, Sequence, Terminal
from grammars.json_schema import texts
from grammars.json_schema.array_nodes import ArrayPlan, ArrayState
from grammars.json_schema.literals import Shape
from grammars.json_schema.nodes import Writer
from grammars.json_schema.texts import Texts
from grammars.json_schema.values import value_of
from grammars.tools.arguments import Schema
from grammars.tools.formats import Literals
from grammars.tools.kinds import arrays_of, numbers_of, objects_of, raw, strings_of, words_of
from grammars.tools.markers import Marks, terminal
from grammars.tools.members import members_of
from grammars.tools.transcribe import python_value
from grammars.tools.written import AnyOf, completion_of

_BARE = r"[^\x00-\x20\x7f:=,<>(){}\[\]'\"|]+"
_BARE_KEY = re.compile(_BARE)
_SWAP = str.maketrans("'\"", "\"'")


def is_bare(name: str) -> bool:
    """Can `name` be a key without quotes?"""
    return _BARE_KEY.fullmatch(name) is not None


def literals_ban(literals: Literals, marks: Marks) -> tuple[bytes, ...]:
    """What no string may contain: the quote that ends it, where nothing is escaped."""
    return () if literals.escapes else marks.banned(literals.quote)


class Hand:
    """Writes values as literals."""

    def __init__(self, literals: Literals, marks: Marks, writer: Writer) -> None:
        self.literals = literals
        self.writer = writer
        self.comma = terminal(literals.comma.encode())
        names: tuple[str, ...] = ("null", "true", "false")
        self._words: dict[str, str] = dict(zip(names, literals.words, strict=True))
        self._quote = marks.sequence(literals.quote)
        self._banned = literals_ban(literals, marks)
        self._nodes: dict[Shape, LiteralNode] = {}
        self._items: dict[tuple[ArrayPlan, ArrayState], ItemsNode] = {}
        self.arguments = LiteralPen(self, literals.colon, b"", quoted=False)
        self.nested = LiteralPen(self, literals.nested_colon, b"}", quoted=literals.nested_quoted)

    def node(self, shape: Shape) -> "LiteralNode":
        """The values of a shape; one object per shape."""
        found = self._nodes.get(shape)
        if found is None:
            found = self._nodes.setdefault(shape, LiteralNode(shape, self))
        return found

    def items(self, plan: ArrayPlan, state: ArrayState) -> "ItemsNode":
        """The items from `state` on; one object per state."""
        found = self._items.get((plan, state))
        if found is None:
            found = self._items.setdefault((plan, state), ItemsNode(plan, state, self))
        return found

    def sequences(self, shape: Shape) -> Iterator[Sequence]:
        """The ways to write a value of a shape."""
        writer = self.writer
        for word in words_of(writer, shape):
            yield (terminal(self._words[word].encode()),)
        for strings in strings_of(writer, shape):
            yield from self._string(strings)
        number = numbers_of(writer, shape)
        if not number.is_empty:
            yield (_terminal(number),)
        for array in arrays_of(writer, shape):
            yield terminal(b"["), self.items(array, array.start)
        for plan in objects_of(writer, shape):
            yield terminal(b"{"), members_of(plan, self.nested, plan.start)

    def _string(self, strings: Texts) -> Iterator[Sequence]:
        if self.literals.escapes:
            yield (_terminal(quoted(strings, self.literals.quote)),)
            return
        text = raw(strings, self._banned)
        if not text.is_empty:
            yield (*self._quote, _terminal(text), *self._quote)

    def written(self, value: object) -> Completion:
        """One value."""
        match value:
            case None:
                return of_text(self._words["null"].encode())
            case bool():
                return of_text(self._words["true" if value else "false"].encode())
            case str() if self.literals.escapes:
                return of_text(self.key(value))
            case str():
                return joined([completion_of(self._quote), of_text(value.encode()), completion_of(self._quote)])
            case list():
                items = [self.written(item) for item in cast("list[object]", value)]
                return self._enclosed(b"[", items, b"]")
            case dict():
                nested = self.nested
                members = [
                    joined([of_text(nested.key(key)), of_text(self.literals.nested_colon.encode()), self.written(item)])
                    for key, item in cast("dict[str, object]", value).items()
                ]
                return self._enclosed(b"{", members, b"}")
            case _:
                return of_text(json.dumps(value).encode())

    def _enclosed(self, opens: bytes, entries: list[Completion], closes: bytes) -> Completion:
        comma = of_text(self.literals.comma.encode())
        parts = [part for entry in entries for part in (comma, entry)][1:]
        return joined([of_text(opens), *parts, of_text(closes)])

    def key(self, name: str) -> bytes:
        """A string, and so the key of an inner object where the language quotes it."""
        if self.literals.quote == '"':
            return json.dumps(name, ensure_ascii=False).encode()
        return json.dumps(name.translate(_SWAP), ensure_ascii=False).translate(_SWAP).encode()

    def name(self, key: bytes) -> str:
        """The string that was written as `key`."""
        if self.literals.quote == '"':
            return json.loads(key)
        return json.loads(key.decode().translate(_SWAP)).translate(_SWAP)

    def check(self) -> None:
        """Raise UnsupportedFeature for what cannot be written, or not be enforced, in this hand."""
        seen: set[Shape] = set()
        todo = [self.writer.shapes.root()]
        while todo:
            shape = todo.pop()
            if shape in seen:
                continue
            seen.add(shape)
            bare = shape is self.writer.shapes.root() or not self.literals.nested_quoted
            for plan in objects_of(self.writer, shape):
                todo.extend(plan.children())
                for name in plan.names if bare else ():
                    if not is_bare(name):
                        raise UnsupportedFeature(f"this tool format cannot write the name {name!r}", where="#")
            for array in arrays_of(self.writer, shape):
                todo.extend(array.children())
                if array.array.unique and not self.literals.escapes:
                    raise UnsupportedFeature("this tool format cannot enforce 'uniqueItems'", where="#")
            if self.writer.alive(shape) and not any(True for _ in self.sequences(shape)):
                raise UnsupportedFeature(f"all values contain {self.literals.quote!r}", where="#")


class LiteralPen:
    """How members are written: of the call itself, or of an inner object."""

    def __init__(self, hand: Hand, colon: str, closes: bytes, *, quoted: bool) -> None:
        self.opens: Sequence = ()
        self.between: Sequence = (hand.comma,)
        self.closes: Sequence = (terminal(closes),) if closes else ()
        self._hand = hand
        self._colon = terminal(colon.encode())
        self._quoted = quoted

    def key(self, name: str) -> bytes:
        """A key, bare or quoted."""
        return self._hand.key(name) if self._quoted else name.encode()

    def keys(self, names: Texts) -> Dfa:
        """Keys, bare or quoted."""
        if not self._quoted:
            return texts.decoded(texts.both(names, Texts(dfa=compile_rust(_BARE))))
        plain = texts.decoded(names)
        found = quoted(Texts(dfa=plain), self._hand.literals.quote)
        assert isinstance(found, Dfa)
        return found

    def name(self, key: bytes) -> str:
        """The name that was written as `key`."""
        return self._hand.name(key) if self._quoted else key.decode()

    def value(self, name: str | None, shape: Shape) -> Sequence:
        """Colon and value."""
        return self._colon, self._hand.node(shape)


class LiteralNode(AnyOf):
    """Any value of a shape."""

    __slots__ = ("_hand", "_shape")

    def __init__(self, shape: Shape, hand: Hand) -> None:
        super().__init__()
        self._shape = shape
        self._hand = hand

    def sequences(self) -> tuple[Sequence, ...]:
        """One sequence per scalar type, and per way to be an array or an object."""
        return tuple(self._hand.sequences(self._shape))

    def shortest_way(self) -> Completion:
        """A shortest value: the one that is shortest in JSON, in this hand."""
        return self._hand.written(json.loads(self._hand.writer.shortest(self._shape)))


class ItemsNode(AnyOf):
    """The items of an array from some state on, and the closing bracket."""

    __slots__ = ("_hand", "_plan", "_state")

    def __init__(self, plan: ArrayPlan, state: ArrayState, hand: Hand) -> None:
        super().__init__()
        self._plan = plan
        self._state = state
        self._hand = hand

    def sequences(self) -> tuple[Sequence, ...]:
        """Close, or one more item."""
        return tuple(self._sequences())

    def shortest_way(self) -> Completion:
        """A shortest way to close the array: the one that is shortest in JSON, in this hand."""
        rest = self._plan.node(self._state).shortest().lstrip(b", ")
        items = [self._hand.written(value) for value in json.loads(b"[" + rest)]
        comma = of_text(self._hand.literals.comma.encode())
        parts = [part for item in items for part in (comma, item)][self._state.first :]
        return joined([*parts, of_text(b"]")])

    def _sequences(self) -> Iterator[Sequence]:
        plan, state, hand = self._plan, self._state, self._hand
        if plan.may_close(state):
            yield (terminal(b"]"),)
        before: Sequence = () if state.first else (hand.comma,)
        for shape, after in plan.items(state):
            if plan.array.unique:
                yield (*before, UniqueLiteral(plan, shape, after, hand))
            else:
                yield (*before, hand.node(shape), hand.items(plan, after))


class UniqueLiteral(Captured):
    """An item that differs from those before; afterwards it is one of those."""

    __slots__ = ("_after", "_hand", "_plan", "body")

    def __init__(self, plan: ArrayPlan, shape: Shape, after: ArrayState, hand: Hand) -> None:
        self.body: Sequence = (hand.node(shape),)
        self._plan = plan
        self._after = after
        self._hand = hand

    def then(self, text: bytes) -> Sequence:
        """The items after this one."""
        seen = self._after.seen | {value_of(python_value(text, self._hand.literals))}
        return (self._hand.items(self._plan, replace(self._after, seen=seen)),)

    def sketch(self) -> Sequence:
        """What follows depends on what this item was."""
        return (UNKNOWN,)

    def refused(self) -> frozenset[bytes]:
        """Nothing: the body's shape excludes the items seen before."""
        return frozenset()

    @property
    def slack(self) -> int | None:
        """As for an item in JSON."""
        return self._plan.slack(self._after)


class LiteralArguments(AnyOf):
    """All arguments of a call, without the brackets around them."""

    __slots__ = ("_hand", "_schema")

    def __init__(self, schema: Schema, hand: Hand) -> None:
        super().__init__()
        self._schema = schema
        self._hand = hand

    def sequences(self) -> tuple[Sequence, ...]:
        """One alternative per way to be the arguments."""
        return tuple((members_of(plan, self._hand.arguments, plan.start),) for plan in self._schema.plans)


# ---------------------------------------------------------------------- quotes


@lru_cache(maxsize=1024)
def quoted(strings: Texts, quote: str) -> Automaton:
    """The string literals of some strings, in single or double quotes."""
    if quote == '"':
        return texts.automaton(strings)
    if strings.chosen is not None:
        swapped = frozenset(text.translate(_SWAP) for text in strings.chosen)
        return _swapped(texts.automaton(Texts(chosen=swapped)))
    dfa = None if strings.dfa is None else _swapped_dfa(in_bytes(strings.dfa))
    return _swapped(texts.automaton(replace(strings, dfa=dfa)))


def _swapped(automaton: Automaton) -> Automaton:
    """The same texts, with single and double quotes exchanged."""
    if isinstance(automaton, Counted):
        counter = _swapped_meter(automaton.meter)
        return Counted(counter, automaton.low, automaton.high)
    return _swapped_dfa(automaton)


@lru_cache(maxsize=1024)
def _swapped_meter(meter: Meter) -> Meter:
    return replace(meter, dfa=_swapped_dfa(meter.dfa))


@lru_cache(maxsize=1024)
def _swapped_dfa(dfa: Dfa) -> Dfa:
    classes = dfa.classes.copy()
    classes[[ord("'"), ord('"')]] = classes[[ord('"'), ord("'")]]
    return Dfa(np.ascontiguousarray(classes), dfa.step, dfa.labels)


@lru_cache(maxsize=4096)
def _terminal(automaton: Automaton) -> Terminal:
    return Terminal(automaton, "value")
