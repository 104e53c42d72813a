"""Automata over letters, spelled as automata over UTF-8 bytes.

An ASCII character is one byte: one cell of its state's row. The other characters share a trie of their
UTF-8 sequences, with letters at the leaves, of which every state gets a copy with its own targets at
the leaves; states that go the same way on all leaves below a node share one copy of that node.

    state 1 reads "a" to state 2, é and è to state 3      row 1:  61 -> 2   C3 -> row 4
                                                          row 4:  A8, A9 -> 3
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from constrained.automata import tables
from constrained.automata.algebra import from_table
from constrained.automata.code_points import BEYOND, OUTSIDE, Alphabet
from constrained.automata.dfa import DEAD, REFUSES, Dfa
from constrained.errors import LimitExceeded

# Shapes: S states or rows, M letters.


def spell(step: Sequence[Sequence[int]], accepts: Sequence[bool], letters: Alphabet, limit: int) -> Dfa:
    """The byte automaton of an automaton over letters.

    `step[state][letter]` is a state; state 0 is dead and state 1 the start. Raises LimitExceeded
    beyond `limit` rows (twice as many on the way there).
    """
    table, labels = minimal(step, accepts, len(letters.members))
    S = len(table)
    leaves = list(dict.fromkeys(letter for _, letter in letters.beyond if letter != OUTSIDE))
    place = {letter: leaf for leaf, letter in enumerate(leaves)} | {OUTSIDE: OUTSIDE}
    copies = _Copies(_trie(tuple((first, place[letter]) for first, letter in letters.beyond)), S, limit)
    for row, targets in enumerate(table[:, leaves].tolist()):
        if any(targets):
            copies.fill(row, 0, targets)
    out = np.zeros((copies.rows, 256), np.int32)
    padded = np.concatenate([table, np.zeros((S, 1), np.int32)], axis=1)  # column -1 is dead
    out[:S, :128] = padded[:, letters.ascii]
    for row, first, last, target in copies.fills:
        out[row, first:last] = target
    accepting = np.full(copies.rows, REFUSES, np.int32)
    accepting[:S] = labels
    dfa = from_table(out, accepting)
    if dfa.rows > limit:
        raise too_many_rows(limit)
    return dfa


def minimal(
    step: Sequence[Sequence[int]], accepts: Sequence[bool], columns: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Trim and minimise an automaton over letters: table (S, M) and labels (S,)."""
    table = np.array(step, np.int32).reshape(len(step), columns)
    labels = np.where(np.array(accepts, np.bool_), np.int32(0), np.int32(REFUSES)).astype(np.int32)
    if columns == 0:
        return table, labels
    dead = tables.distances(table, labels) < 0
    table = np.where(dead[table], np.int32(DEAD), table)
    return tables.renumber(table, labels, tables.partition(table, labels))


def too_many_rows(limit: int) -> LimitExceeded:
    """The error of an automaton that grows too large."""
    return LimitExceeded(f"the pattern needs more than {limit} states", hint="shorten counted repeats or anchor it")


# ---------------------------------------------------------------- the trie

Run = tuple[int, int, int]  # children `first` to `last` (exclusive), and where they lead
_GONE = 1 << 30  # a child that leads nowhere
_SPREAD = 64  # values of a continuation byte


@dataclass(frozen=True, slots=True)
class Trie:
    """UTF-8 sequences beyond ASCII, as shared nodes whose children lie in runs.

    nodes[0] is entered with a lead byte (child i is byte 0x80 + i), the others with a continuation
    byte (likewise). A run leads to a node, or to leaf `~target` where negative; children in no run
    are dead. leaves[n] lists the leaves below node n.
    """

    nodes: tuple[tuple[Run, ...], ...]
    leaves: tuple[tuple[int, ...], ...]


@lru_cache(maxsize=256)
def _trie(runs: tuple[tuple[int, int], ...]) -> Trie:
    """The trie of runs `(first code point, leaf)` that cover everything from 0x80 to `BEYOND`."""
    grown = _Growing([first for first, _ in runs], [leaf for _, leaf in runs])
    leads = [_GONE] * 0x42  # 0x80..0xC1 never lead
    leads += [grown.block(lead << 6, 1) for lead in range(2, 0x20)]
    leads += [grown.block(lead << 12, 2, 32 * (lead == 0)) for lead in range(0x10)]  # E0 80..9F: overlong
    leads += [grown.block(lead << 18, 3, 16 * (lead == 0)) for lead in range(5)]  # F0 80..8F: overlong
    root = grown.node(leads)
    if root != _GONE:
        grown.nodes[0], grown.leaves[0] = grown.nodes[root], grown.leaves[root]
    return Trie(tuple(grown.nodes), tuple(grown.leaves))


class _Growing:
    """A trie under construction: equal nodes are made once."""

    def __init__(self, bounds: list[int], leaf_of: list[int]) -> None:
        self.nodes: list[tuple[Run, ...]] = [()]
        self.leaves: list[tuple[int, ...]] = [()]
        self._bounds, self._leaf_of = bounds, leaf_of
        self._number: dict[tuple[Run, ...], int] = {}
        self._uniform: dict[tuple[int, int], int] = {}

    def node(self, children: list[int]) -> int:
        """The node with these children."""
        runs: list[Run] = []
        for place, child in enumerate(children):
            if runs and runs[-1][1] == place and runs[-1][2] == child:
                runs[-1] = (runs[-1][0], place + 1, child)
            elif child != _GONE:
                runs.append((place, place + 1, child))
        if not runs:
            return _GONE
        key = tuple(runs)
        if key not in self._number:
            self._number[key] = len(self.nodes)
            self.nodes.append(key)
            below = {leaf for _, _, child in runs for leaf in (self.leaves[child] if child >= 0 else (~child,))}
            self.leaves.append(tuple(sorted(below)))
        return self._number[key]

    def uniform(self, leaf: int, depth: int) -> int:
        """The node below which `depth` continuation bytes all lead to one leaf."""
        if leaf == OUTSIDE or depth == 0:
            return _GONE if leaf == OUTSIDE else ~leaf
        if (leaf, depth) not in self._uniform:
            self._uniform[leaf, depth] = self.node([self.uniform(leaf, depth - 1)] * _SPREAD)
        return self._uniform[leaf, depth]

    def block(self, first: int, depth: int, skip: int = 0) -> int:
        """The node of the 64**depth characters from `first` on, `skip` children left out."""
        size = _SPREAD ** (depth - 1)
        children, place = [_GONE] * skip, first + skip * size
        while len(children) < _SPREAD and place < BEYOND:
            run = bisect_right(self._bounds, place) - 1
            whole = min((self._bounds[run + 1] - place) // size, _SPREAD - len(children))
            if whole:
                children += [self.uniform(self._leaf_of[run], depth - 1)] * whole
            else:
                children.append(self.block(place, depth - 1))
            place += max(whole, 1) * size
        return self.node(children)


class _Copies:
    """Copies of a trie's nodes, one for each way its leaves are filled in."""

    def __init__(self, trie: Trie, rows: int, limit: int) -> None:
        self.rows = rows
        self.fills: list[tuple[int, int, int, int]] = []  # row, first byte, last byte + 1, target
        self._trie, self._limit = trie, limit
        self._copies: dict[tuple[int, ...], int] = {}

    def fill(self, row: int, node: int, targets: Sequence[int]) -> None:
        """Let `row` read what `node` reads; leaf i leads to `targets[i]`."""
        for first, last, child in self._trie.nodes[node]:
            target = targets[~child] if child < 0 else self._copy(child, targets)
            self.fills.append((row, first + 0x80, last + 0x80, target))

    def _copy(self, node: int, targets: Sequence[int]) -> int:
        key = (node, *[targets[leaf] for leaf in self._trie.leaves[node]])
        if not any(key[1:]):
            return DEAD
        if key not in self._copies:
            if self.rows >= 2 * self._limit:  # some copies may prove equal in the end
                raise too_many_rows(self._limit)
            self._copies[key] = self.rows
            self.rows += 1
            self.fill(self._copies[key], node, targets)
        return self._copies[key]
