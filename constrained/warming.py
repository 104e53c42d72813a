"""Compile, or load from numba's cache on disk, everything that the first request would wait for.

A kernel is compiled once per machine (a few seconds for all of them) and loaded once per process (some
tens of milliseconds). `warm_up` calls each of them on something tiny, the way the engine does.
"""

from functools import cache

import numpy as np

from constrained.automata import algebra, tidying, walk_beside
from constrained.automata.chosen import Chosen, Texts
from constrained.automata.counted import Counted, string_meter
from constrained.automata.ecma import pattern_dfa
from constrained.automata.joint import behind, side_by_side
from constrained.automata.kinds import reaching
from constrained.automata.lettered import ANY_CHARACTERS, NO_CHARACTERS, accepted, intersect
from constrained.automata.lift import any_string, any_text
from constrained.automata.tables import reachable
from constrained.grammar import UNKNOWN, Captured, Fresh, Rule, Seen, Sequence, Switch, Terminal
from constrained.mask import Masks
from constrained.matcher import CompiledGrammar
from constrained.reaching import KindWalker
from constrained.vocabulary.vocabulary import Vocabulary


def warm_up(vocabulary: Vocabulary | None = None) -> None:
    """Make the first mask as fast as the second.

    With a vocabulary, also the pieces of masks that most JSON grammars share are made for it.
    """
    _load_kernels()
    if vocabulary is not None:
        _visit_vocabulary(vocabulary)


@cache
def _load_kernels() -> None:
    """Once is enough for a process."""
    _visit_algebra()
    _visit_kinds()
    _visit_agreement()
    spellings = [*(bytes((byte,)) for byte in range(256)), b"aa", b'a"', b'"a"', b"aa", None]
    _visit_vocabulary(Vocabulary.from_spellings(spellings, [len(spellings) - 1]))


def _visit_vocabulary(vocabulary: Vocabulary) -> None:
    grammar = CompiledGrammar(_grammar(), vocabulary)
    for text in (b"", b"a", b'"', b'"a', b'"a"'):
        _visit(grammar, text)


def _visit(grammar: CompiledGrammar, text: bytes) -> None:
    """Ask a matcher everything after `text`."""
    matcher = grammar.matcher()
    for byte in text:
        token = grammar.vocabulary.trie.find(bytes((byte,)))
        if token < 0 or not matcher.allows(int(grammar.vocabulary.trie.token[token])):
            return
        matcher.advance(int(grammar.vocabulary.trie.token[token]))
    matcher.bitmask()
    Masks(grammar.states, grammar.masks.walker, most=0).make(matcher.state)
    if len(grammar.vocabulary.alphabet) == 256:
        matcher.shortest_tokens()
        grammar.steering.reserve(matcher.state)
        grammar.steering.allowed(matcher.state, 2)


class _Word(Captured):
    """A word, refused if it is `a`: something of every kind that a capture may lead to."""

    def __init__(self) -> None:
        self.body: Sequence = (Terminal(algebra.literals([b"a", b"aa", b"ab"])),)

    def then(self, text: bytes) -> Sequence | None:
        """Nothing."""
        return None if text == b"a" else ()

    def sketch(self) -> Sequence:
        """What nobody knows."""
        return (Rule("after a word", ((UNKNOWN,), ())),)

    def refused(self) -> tuple[bytes, ...]:
        """`a` alone."""
        return (b"a",)


def _grammar() -> Rule:
    """A grammar that takes every road through the engine."""
    string, letter = Terminal(any_string()), Terminal(algebra.literal(b"a"))
    switch = Switch(algebra.literals({b"a": 0, b"ab": 1}), ((), (string,)))
    chosen = Switch(Chosen(Texts([b"a", b"ab", b"b"]), frozenset({0, 1})), ((), (string,)))
    counted = Terminal(Counted(string_meter(any_text()), 1, 9))
    again = Rule("fresh ones")
    again.alternatives = (), (Fresh(Terminal(any_string()), frozenset({b'"a"'}), (letter, again)),)
    fresh = again, Seen(frozenset({b'""'}))
    ways = (switch,), (chosen,), (counted,), (letter, counted), (letter, chosen), (string, letter), (_Word(),), fresh
    return Rule("everything", ways)


def _visit_agreement() -> None:
    """What is asked of the rows of automata from which many tokens pass."""
    a = algebra.literals([b"a", b"ab"])
    walk_beside.printable(a.classes, a.step, 1)
    walk_beside.agreement(a.classes, a.step, a.labels, 1, 1, *np.zeros((2, a.rows), np.int32))


def _visit_kinds() -> None:
    """The walks of reaching.py."""
    trie = Vocabulary.from_spellings([b"a", b"ab", b"b", None], [3]).trie
    walker = KindWalker(trie, 1)
    automaton = algebra.literals([b"a", b"ab"])
    kinds = np.zeros(automaton.rows, np.int32)
    walked = walker.walk(automaton, kinds, np.full((1, 3), ~np.uint64(0)), walker.set_of(np.array([-1], np.int32)))
    walker.fill(np.zeros(1, np.uint32), [tokens for _, tokens in walked.tokens])
    reaching(automaton.step, automaton.labels, 1)


def _visit_algebra() -> None:
    a, b = algebra.literals([b"a", b"ab"]), algebra.literal(b"ab")
    for product in (algebra.union, algebra.intersect, algebra.difference, algebra.concat):
        product(a, b).check()
    intersect(ANY_CHARACTERS, NO_CHARACTERS)
    ANY_CHARACTERS.has_between(1, 2)
    reachable(a.step)
    tidying.columns_of(a.step, np.zeros(1, np.int32))
    accepted(a, ["a", "b"])
    side_by_side([a, b], 1, 100)
    behind(a.step, a.labels >= 0, 1)
    string_meter(a).decides(1, 1)  # closer bounds than the costs of any way to end: gaps are looked for
    pattern_dfa("[é-ü]+")
    pattern_dfa("^a{0,9}b$")  # rows that only texts of many bytes tell apart
