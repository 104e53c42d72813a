"""Which tokens lead on from a place in a text, without opening the places on the way.

A mask asks what may follow below some nodes of the trie, after a lexeme that ended there. Every lexeme
inside those tokens would be a parser stack of its own: hundreds of them for one mask, and none met
again when the stack below differs. But what happens on top of a stack does not depend on what lies
below, until a reduction gets there:

    stack   ... ( sum + | NAME          tokens  "x", "x * y"      decided above the bar
                          ^             tokens  "x)", "x) + 1"    reduce NAME .. sum, then ask what is below

So what can be read from a state of the parser below some nodes is a *summary*, which all stacks with that
state on top share: the tokens that lead on for sure, and those that do if the stack below lets a
terminal pass, by the reduction that gets there (*escapes*). A mask is then a few summaries, and the walk
of their escapes down the stack. Summaries of procedures of a pushdown system are due to M. Sharir and
A. Pnueli, *Two approaches to interprocedural data flow analysis*, 1981.

The judge of all this is `States.step`, byte by byte, as for every mask.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from constrained.automata import kinds as kernels
from constrained.automata.dfa import REFUSES, START, Dfa
from constrained.automata.walk import Nodes, Words
from constrained.reaching import KindWalker, NodeSet, Tokens
from grammars.lark.lalr import HOLE, Escape, Stack
from grammars.lark.lookahead import END
from grammars.lark.scanner import Guard, Outcome

if TYPE_CHECKING:
    from grammars.lark.machine import Machine

_SUMMARIES = 64 << 20  # bytes of summaries kept, before all are dropped
_SURE, _NEVER = 0, -1  # kinds of rows; others are indices into `_Shape.sets`, and one more


@dataclass(slots=True)
class _Load:
    """What depends on a terminal: `tokens` that lead on if it can be shifted, `nodes` at which it was read."""

    tokens: list[Tokens] = field(default_factory=list[Tokens])
    nodes: list[NodeSet] = field(default_factory=list[NodeSet])

    def add(self, other: "_Load") -> None:
        """All that `other` holds."""
        self.tokens += other.tokens
        self.nodes += other.nodes


_Key = tuple[Escape, Outcome]


@dataclass(slots=True)
class _Found:
    """What has been found: tokens that lead on, tokens in doubt, nodes where the text may end, and escapes."""

    tokens: list[Tokens] = field(default_factory=list[Tokens])
    doubtful: list[NodeSet] = field(default_factory=list[NodeSet])  # all tokens below these nodes
    unsure: list[Tokens] = field(default_factory=list[Tokens])
    ends: list[NodeSet] = field(default_factory=list[NodeSet])
    escapes: dict[_Key, _Load] = field(default_factory=dict[_Key, _Load])

    def escape(self, key: _Key, load: _Load) -> None:
        """One more, joined with those of its kind."""
        self.escapes.setdefault(key, _Load()).add(load)

    def settle(self, trie: KindWalker) -> None:
        """What is of a kind becomes one, so that summaries below it are shared."""
        self.tokens = trie.packed(self.tokens)
        for load in self.escapes.values():
            load.tokens = trie.packed(load.tokens)
            load.nodes = [trie.union(load.nodes)] if load.nodes else []

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        loads = self.escapes.values()
        tokens = [*self.tokens, *self.unsure, *(array for load in loads for array in load.tokens)]
        sets = [*self.doubtful, *self.ends, *(one for load in loads for one in load.nodes)]
        return 1000 + sum(array.nbytes for array in tokens) + 2 * sum(one.nodes.nbytes for one in sets)


@dataclass(frozen=True, eq=False, slots=True)
class _Shape:
    """The lexemes in a state of the parser, and what is known of their outcomes, whatever lies below.

    kinds   (S,) which tokens lead on that end in a row: all, none, or those of `sets[kind - 1]`
    sets    outcomes, by index
    behind  (O, 3) the bytes that can follow each outcome (kinds.py: bits_of)
    """

    dfa: Dfa
    outcomes: tuple[Outcome, ...]
    kinds: NDArray[np.int32]
    sets: tuple[tuple[int, ...], ...]
    behind: NDArray[np.uint64]


class Reach:
    """The summaries of one machine over one vocabulary."""

    def __init__(self, machine: "Machine", trie: KindWalker) -> None:
        self._machine = machine
        self._tables = machine.tables
        self._trie = trie
        self._bytes_behind: dict[Guard, NDArray[np.uint64]] = {}
        self._shapes: dict[tuple[int, Guard], _Shape] = {}
        self._summaries: dict[tuple[int, Guard, NodeSet], _Found] = {}
        self.size = 0  # bytes of the summaries

    def forget(self) -> None:
        """Drop the summaries."""
        self._summaries.clear()
        self._trie.forget()
        self.size = 0

    # ------------------------------------------------------------ questions of a mask

    def fill_at(self, stack: Stack, guard: Guard, nodes: Nodes, words: Words, doubtful: Words) -> Nodes | None:
        """`Reaching.fill_reached` of a place."""
        found = _Found()
        self._descend(found, stack, guard, self._trie.set_of(nodes))
        return self._fill(found, words, doubtful)

    def fill_after(self, stack: Stack, outcome: Outcome, nodes: Nodes, words: Words, doubtful: Words) -> Nodes | None:
        """`Reaching.fill_reached` from where `outcome` leads to."""
        found = _Found()
        load = _Load([], [self._trie.set_of(nodes)])
        self._pend(found, self._shift(stack, outcome[0]), outcome, load)
        return self._fill(found, words, doubtful)

    def _fill(self, found: _Found, words: Words, doubtful: Words) -> Nodes | None:
        self._trie.fill(words, found.tokens)
        self._trie.fill(doubtful, found.unsure, found.doubtful)
        ends = self._trie.union(found.ends).nodes if found.ends else None
        if self.size > _SUMMARIES:
            self.forget()
        return ends

    # ------------------------------------------------------------ going on

    def _descend(self, found: _Found, stack: Stack, guard: Guard, nodes: NodeSet) -> None:
        """A place is reached at `nodes`: the summary of its state, then its escapes, down the stack."""
        summary = self._summary(stack.state, guard, nodes)
        found.tokens += summary.tokens
        found.unsure += summary.unsure
        found.doubtful += summary.doubtful
        found.ends += summary.ends
        for (escape, outcome), load in summary.escapes.items():
            self._pend(found, self._tables.resume(stack.below, escape, outcome[0]), outcome, load)

    def _shift(self, stack: Stack, name: str) -> Stack | Escape | None:
        """What the parser makes of a lexeme."""
        return stack if name in self._machine.ignored else self._tables.resolve(stack, name)

    def _pend(self, found: _Found, after: Stack | Escape | None, outcome: Outcome, load: _Load) -> None:
        """A lexeme has been read, and led to `after`: on from there, if a text can go on from there."""
        if after is None:
            return
        if isinstance(after, Escape):
            found.escape((after, outcome), load)
        elif outcome[0] == END:
            found.ends += load.nodes
        elif self._leads_on(after, outcome[1]):
            found.tokens += load.tokens
            for nodes in load.nodes:
                self._descend(found, after, outcome[1], nodes)
        elif after.is_relative:
            found.unsure += load.tokens
            found.doubtful += load.nodes

    def _leads_on(self, stack: Stack, guard: Guard) -> bool:
        """For sure? Of a relative stack, that is known of free pairs only."""
        if stack.is_relative:
            return self._machine.is_free(stack.state, guard)
        return self._machine.alive(stack, guard)

    # ------------------------------------------------------------ summaries

    def _summary(self, state: int, guard: Guard, nodes: NodeSet) -> _Found:
        key = (state, guard, nodes)
        known = self._summaries.get(key)
        if known is not None:
            return known
        shape = self._shape(state, guard)
        found = _Found()
        stack = self._tables.push(HOLE, state)
        walked = self._trie.walk(shape.dfa, shape.kinds, shape.behind, nodes)
        loads: dict[int, _Load] = {}
        for kind, tokens in walked.tokens:
            if kind == _SURE:
                found.tokens.append(tokens)
                continue
            for index in shape.sets[kind - 1]:
                loads.setdefault(index, _Load()).tokens.append(tokens)
        for index, exits in walked.exits:
            loads.setdefault(index, _Load()).nodes.append(self._trie.set_of(exits))
        for index, load in loads.items():
            outcome = shape.outcomes[index]
            self._pend(found, self._shift(stack, outcome[0]), outcome, load)
        if END in self._tables.accepts[state] and not self._machine.is_alone:
            self._pend(found, self._tables.resolve(stack, END), (END, None), _Load([], [nodes]))
        found.settle(self._trie)
        self._summaries[key] = found
        self.size += found.size
        return found

    def _shape(self, state: int, guard: Guard) -> _Shape:
        found = self._shapes.get((state, guard))
        if found is None:
            found = self._shapes[state, guard] = self._find_shape(state, guard)
        return found

    def _find_shape(self, state: int, guard: Guard) -> _Shape:
        machine = self._machine
        lexing = machine.lexing(state, guard)
        dfa = machine.lexemes(lexing, frozenset(range(len(lexing.outcomes))))
        stack = self._tables.push(HOLE, state)
        sure = np.array([self._is_sure(stack, outcome) for outcome in lexing.outcomes], np.bool_)  # (O,)
        bits = kernels.reaching(dfa.step, dfa.labels, len(sure) // 64 + 1)
        ends = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little", count=len(sure)).astype(np.bool_)  # (S, O)
        kinds = np.where(ends[:, sure].any(axis=1), np.int32(_SURE), np.int32(_NEVER))
        number: dict[tuple[int, ...], int] = {}
        for row in np.flatnonzero((kinds == _NEVER) & ends.any(axis=1)).tolist():
            indices = tuple(np.flatnonzero(ends[row]).tolist())
            kinds[row] = 1 + number.setdefault(indices, len(number))
        behind = np.array([self._behind(guard) for _, guard in lexing.outcomes], np.uint64).reshape(-1, 3)
        return _Shape(dfa, lexing.outcomes, kinds, tuple(number), behind)

    def _behind(self, guard: Guard) -> NDArray[np.uint64]:
        """(3,) the bytes that a guard allows; all of them where another grammar may follow."""
        found = self._bytes_behind.get(guard)
        if found is not None:
            return found
        found = self._bytes_behind[guard] = np.full(3, ~np.uint64(0))
        if guard is not None and self._machine.is_alone:
            forbidden = guard.labels[guard.step[START][guard.classes]] != REFUSES  # (256,)
            found[0] &= ~_as_bits(forbidden[:64])
            found[1] &= ~_as_bits(forbidden[64:128])
            found[2] &= ~_as_bits(forbidden[128:].reshape(2, 64).all(axis=0))
        return found

    def _is_sure(self, stack: Stack, outcome: Outcome) -> bool:
        name, guard = outcome
        after = self._shift(stack, name)
        return isinstance(after, Stack) and self._machine.is_free(after.state, guard)


def _as_bits(flags: NDArray[np.bool_]) -> np.uint64:
    """(64,) as one number."""
    return np.packbits(flags, bitorder="little").view(np.uint64)[0]
