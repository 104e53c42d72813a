r"""A grammar inside something else: a string literal, or a tag.

    text of the grammar     in a literal                  in a tag
    say "hi"⏎               {"input": "say \"hi\"\n"}     <parameter=input>⏎say "hi"⏎⏎</parameter>

In a literal, every byte that cannot stand there has one spelling, and all others stand for themselves.
So texts and what is written correspond one to one, and concatenation, choice and recursion stay what
they are: it is enough to escape each terminal, whether the language as a whole is regular or not.
In a tag texts stand as they are, and cannot hold the mark that ends them.
"""

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import assert_never
from weakref import WeakValueDictionary

from constrained.automata.chosen import Chosen
from constrained.automata.counted import Counted, escaped_counted
from constrained.automata.dfa import Dfa
from constrained.automata.lift import escape, escaped
from constrained.errors import UnsupportedFeature
from constrained.finishing import text_of
from constrained.grammar import (
    Automaton,
    Captured,
    Completion,
    Control,
    Fresh,
    Metered,
    Node,
    Seen,
    Sequence,
    Switch,
    Symbol,
    Targets,
    Terminal,
    Unknown,
)
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.without_marks import describe


@dataclass(frozen=True)
class Enclosure:
    """What stands around a text: the `quote` of a literal, so it is escaped; or `marks` that it cannot hold."""

    quote: bytes = b""
    marks: tuple[bytes, ...] = ()

    def spelled(self, dfa: Dfa) -> Dfa:
        """The texts of an automaton as they are written here."""
        return _spelled(dfa, self.quote[0]) if self.quote else dfa

    def written(self, automaton: Automaton) -> Automaton:
        """As `spelled`, for automata with counters, too."""
        return _automaton(automaton, self.quote[0]) if self.quote else automaton

    def alphabet(self, vocabulary: Vocabulary) -> frozenset[int]:
        """The bytes that texts may be made of, so that they can be written."""
        known = frozenset(vocabulary.alphabet)
        if not self.quote:
            return known
        return frozenset(byte for byte in range(256) if known.issuperset(escape(bytes((byte,)), self.quote[0])))

    def leaf(self, node: Node) -> Node:
        """The texts of a node of another grammar as they are written here."""
        if self.marks:
            raise UnsupportedFeature(f"a schema within a grammar whose texts cannot hold {describe(self.marks)}")
        found = self._lift.symbol(node) if self.quote else node
        assert isinstance(found, Node)
        return found

    @cached_property
    def _lift(self) -> "_Lift":
        return _Lift(self.quote[0])


BARE = Enclosure()


@lru_cache(maxsize=4096)
def _spelled(dfa: Dfa, quote: int) -> Dfa:
    return escaped(dfa, quote)


# ---------------------------------------------------------------------- nodes in a literal


class _Lift:
    """Symbols in a literal. One for one, as long as somebody holds it: equal states stay equal."""

    def __init__(self, quote: int) -> None:
        self.quote = quote
        self._lifted: WeakValueDictionary[Symbol, Symbol] = WeakValueDictionary()

    def symbol(self, symbol: Symbol) -> Symbol:
        if isinstance(symbol, Unknown):
            return symbol
        if isinstance(symbol, Seen):
            return Seen(frozenset(escape(text, self.quote) for text in symbol.texts))
        found = self._lifted.get(symbol)
        if found is None:
            found = self._lifted.setdefault(symbol, self._lift(symbol))
        return found

    def sequence(self, sequence: Sequence) -> Sequence:
        return tuple(map(self.symbol, sequence))

    def _lift(self, symbol: Terminal | Switch | Control | Node | Fresh | Captured) -> Symbol:
        match symbol:
            case Metered():
                raise UnsupportedFeature(f"the token limit of {symbol.name} inside a text")
            case Terminal(automaton, name):
                return Terminal(_automaton(automaton, self.quote), name)
            case Switch(automaton, targets, name):
                return Switch(_automaton(automaton, self.quote), _LiftedTargets(targets, self), name)
            case Node():
                return _LiftedNode(symbol, self)
            case Fresh(body, refused, then):
                lifted = self.symbol(body)
                assert isinstance(lifted, Terminal)
                return Fresh(lifted, frozenset(escape(text, self.quote) for text in refused), self.sequence(then))
            case Captured():
                return _LiftedCapture(symbol, self)
            case Control():
                raise UnsupportedFeature(f"control token {symbol.name} inside a text")
            case _:
                assert_never(symbol)


@lru_cache(maxsize=4096)
def _automaton(automaton: Automaton, quote: int) -> Automaton:
    match automaton:
        case Dfa():
            return _spelled(automaton, quote)
        case Counted():
            return escaped_counted(automaton, quote)
        case Chosen():
            return _spelled(automaton.spread(), quote)


class _LiftedTargets:
    def __init__(self, targets: Targets, lift: _Lift) -> None:
        self._targets = targets
        self._lift = lift

    def __getitem__(self, label: int) -> Sequence:
        return self._lift.sequence(self._targets[label])


class _LiftedNode(Node):
    __slots__ = ("__weakref__", "_expanded", "_lift", "_node")

    def __init__(self, node: Node, lift: _Lift) -> None:
        self._node = node
        self._lift = lift
        self._expanded: tuple[Sequence, ...] | None = None

    def expand(self) -> tuple[Sequence, ...]:
        """The node's alternatives."""
        if self._expanded is None:
            self._expanded = tuple(map(self._lift.sequence, self._node.expand()))
        return self._expanded

    def shortest(self) -> bytes:
        """A shortest of the node's texts; escaped, it may be a few bytes longer than another."""
        return escape(self._node.shortest(), self._lift.quote)

    def completion(self) -> Completion:
        """As `shortest`: there are no control tokens here."""
        text = self.shortest()
        return (text,) if text else ()

    def completion_beside(self, seen: frozenset[bytes]) -> Completion:
        """As `completion`."""
        text = text_of(self._node.completion_beside(frozenset(map(unescape, seen))))
        return (escape(text, self._lift.quote),) if text else ()


class _LiftedCapture(Captured):
    __slots__ = ("__weakref__", "_capture", "_lift", "body")

    def __init__(self, capture: Captured, lift: _Lift) -> None:
        self._capture = capture
        self._lift = lift
        self.body: Sequence = lift.sequence(capture.body)

    def then(self, text: bytes) -> Sequence | None:
        """What follows the text that is written `text`."""
        follows = self._capture.then(unescape(text))
        return None if follows is None else self._lift.sequence(follows)

    def sketch(self) -> Sequence:
        """The capture's."""
        return self._lift.sequence(self._capture.sketch())

    def least(self) -> Sequence:
        """The capture's."""
        return self._lift.sequence(self._capture.least())

    def refused(self) -> Collection[bytes]:
        """The capture's, as they are written."""
        return [escape(text, self._lift.quote) for text in self._capture.refused()]


# ---------------------------------------------------------------------- and back

_MEANT = {b"b"[0]: b"\b", b"f"[0]: b"\f", b"n"[0]: b"\n", b"r"[0]: b"\r", b"t"[0]: b"\t"}
_BACKSLASH, _U = b"\\u"


def unescaping(emit: Callable[[bytes], None]) -> Generator[None, int]:
    """Send it the bytes of a literal, after `next`; it emits what they stand for, as soon as that is known."""
    while True:
        byte = yield
        if byte != _BACKSLASH:
            emit(bytes((byte,)))
            continue
        letter = yield
        if letter == _U:
            digits = bytes([(yield), (yield), (yield), (yield)])
            emit(chr(int(digits, 16)).encode())
        else:
            emit(_MEANT.get(letter) or bytes((letter,)))


def unescape(text: bytes) -> bytes:
    """What `text` stands for in a literal."""
    found = bytearray()
    reader = unescaping(found.extend)
    next(reader)
    for byte in text:
        reader.send(byte)
    return bytes(found)
