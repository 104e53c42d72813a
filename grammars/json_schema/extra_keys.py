"""Undeclared keys: which texts they are, and how they avoid the keys that came before.

The patterns of an object cut the keys into classes, by which of them match; the values of one class
have one shape. A key may not be one that is declared or came before. Two ways to say so:

    endless   from every point inside the key, infinitely many keys can still be reached, so a refused
              text is never the only way on: the key is read by the automaton of the class, shared by
              all objects, and refused texts are refused at the closing quote (`Captured.refused`)
    finite    otherwise (maxLength, enum, `^x[0-9]$`): the refused texts are taken out of the automaton. That makes
              another automaton with each key that comes, so it is done only where a refused text might be the
              only way on: where that is as long as keys may be, say, but not where one can still write on
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from constrained.automata.algebra import difference, literals
from constrained.automata.dfa import DEAD, START, Dfa
from constrained.automata.lettered import Language, Lettered, by_parts
from constrained.automata.lift import json_string
from constrained.automata.listing import count_texts, texts_by_length
from constrained.automata.remembered import remembered
from constrained.grammar import Terminal
from grammars.json_schema import texts
from grammars.json_schema.literals import Shape
from grammars.json_schema.object_ways import Obj
from grammars.json_schema.texts import Texts
from grammars.json_schema.values import json_key

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer

_MANY = 1 << 30
_FEW = 32  # more conditions than this on one object are not met


@dataclass(frozen=True)
class KeyClass:
    """Undeclared keys that the patterns treat alike."""

    names: Texts
    shape: Shape
    declared: tuple[str, ...]

    @cached_property
    def endless(self) -> bool:
        """Can refused texts simply be refused at their end?"""
        return _is_endless(self.names)

    def with_names(self, names: Texts) -> "KeyClass":
        """The keys of the class that are among `names`."""
        return self if names is self.names else replace(self, names=names)

    def terminal(self, extras: frozenset[bytes]) -> Terminal | None:
        """The automaton to read a key with, after `extras` have come; None when no key is left."""
        if self.endless or leaves_ways(_written(self.names), self._declared | extras):
            return _terminal(self.names)
        left = self._left(extras)
        return None if left.is_empty else Terminal(left, "key")

    def _left(self, extras: frozenset[bytes]) -> Dfa:
        return difference(_written(self.names), literals([*self._declared, *extras]))

    @cached_property
    def _declared(self) -> frozenset[bytes]:
        return frozenset(key for name in self.declared if (key := json_key(name)) is not None)

    def variety(self, extras: frozenset[bytes]) -> int:
        """How many keys are left."""
        return _MANY if self.endless else count_texts(self._left(extras))

    def few(self, extras: frozenset[bytes]) -> list[bytes] | None:
        """The keys that are left, where they are so few that they can run out; None where they are many."""
        if self.endless or _size(self.names) > _FEW + len(extras) + len(self.declared):
            return None
        return list(self.listed(extras.union(self._declared)))

    def listed(self, refused: frozenset[bytes]) -> Iterator[bytes]:
        """The keys that are not refused, shorter ones first."""
        for key in texts_by_length(_written(self.names)):
            if key not in refused:
                yield key

    def shortest(self, refused: frozenset[bytes]) -> bytes:
        """A shortest key that is not refused; there is one."""
        return next(self.listed(refused))


@remembered
def _terminal(names: Texts) -> Terminal:
    return Terminal(_written(names) if names.also else texts.automaton(names), "key")


@remembered
def _written(names: Texts) -> Dfa:
    return json_string(texts.decoded(names))


@remembered
def _size(names: Texts) -> int:
    return count_texts(texts.decoded(names), 1 << 16)  # of each one string


@remembered
def _is_endless(names: Texts) -> bool:
    """The same, of the strings with these texts. Those of an automaton over letters need not be spelled for it."""
    if isinstance(names.dfa, Lettered) and not names.is_counted and not names.also:
        return bool(_circling(names.dfa.dfa)[START:].all())
    automaton = texts.automaton(names) if not names.also else _written(names)
    return isinstance(automaton, Dfa) and is_endless(automaton)


@remembered
def is_endless(automaton: Dfa) -> bool:
    """Does every row but the last lead to infinitely many texts, that is, to a cycle?"""
    circling = _circling(automaton)
    ends = (automaton.step == DEAD).all(axis=1)
    return bool((circling | ends)[START:].all()) and bool(circling[START])


def _circling(automaton: Dfa) -> NDArray[np.bool_]:
    """The rows that lead to a cycle."""
    circling = np.ones(automaton.rows, np.bool_)
    circling[DEAD] = False
    while True:
        further = circling & circling[automaton.step].any(axis=1)
        if (further == circling).all():
            return circling
        circling = further


@remembered
def _ways_of(automaton: Dfa) -> NDArray[np.intp]:
    """(S,) how many bytes each row can read."""
    return automaton.ways()


def leaves_ways(automaton: Dfa, refused: Set[bytes]) -> bool:
    """Has every beginning of a text that is refused another end? Looked at is whether one leads away from them."""
    onwards: dict[bytes, set[int]] = {}
    for text in refused:
        if automaton.accepts(text):
            for place, byte in enumerate(text):
                onwards.setdefault(text[:place], set()).add(byte)
    ways, alive = _ways_of(automaton), set[bytes]()
    for read in sorted(onwards, key=len, reverse=True):
        after = onwards[read]
        if ways[automaton.run(read)] > len(after) or any(read + bytes((byte,)) in alive for byte in after):
            alive.add(read)
        else:
            return False
    return True


def key_classes(obj: Obj, declared: tuple[str, ...], writer: "Writer") -> tuple[KeyClass, ...]:
    """The classes of undeclared keys of an object that have a value at all."""
    found: list[KeyClass] = []
    patterns = obj.patterns()
    if not patterns:
        shape = writer.shapes.both(*(clause.additional for clause in obj.clauses))
        found.append(KeyClass(obj.names, shape, declared))
    else:
        for matching, texts_of in _by_patterns(tuple(patterns)):
            shapes: list[Shape] = []
            for clause in obj.clauses:
                shapes += [shape for pattern, shape in clause.patterns if pattern in matching] or [clause.additional]
            names = texts.both(obj.names, texts_of)
            found.append(KeyClass(names, writer.shapes.both(*shapes), declared))
    return tuple(one for one in found if not texts.is_empty(one.names) and one.shape is not writer.shapes.nothing)


@remembered
def _by_patterns(patterns: tuple[Language, ...]) -> tuple[tuple[frozenset[Language], Texts], ...]:
    """All texts, by which of the patterns they match."""
    return tuple((frozenset(patterns[one] for one in which), Texts(dfa=found)) for which, found in by_parts(patterns))
