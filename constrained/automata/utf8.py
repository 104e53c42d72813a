"""Automata over letters, spelled as automata over UTF-8 bytes.

An ASCII character is one byte: one cell of its state's row. The other characters share a trie of their
UTF-8 sequences, with letters at the leaves, of which every state gets a copy with its own targets at
the leaves; states that go the same way on all leaves below a node share one copy of that node.

    state 1 reads "a" to state 2, é and è to state 3      row 1:  61 -> 2   C3 -> row 4
                                                          row 4:  A8, A9 -> 3
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from constrained.automata import minimising, tables, tidying
from constrained.automata.algebra import renumbered
from constrained.automata.code_points import BEYOND, OUTSIDE, Alphabet
from constrained.automata.dfa import DEAD, REFUSES, Dfa
from constrained.automata.jit import kernel
from constrained.errors import LimitExceeded

# Shapes: S states or rows, M letters.
Step = Sequence[Sequence[int]] | NDArray[np.int32]  # step[state][letter] -> state, S of M; state 0 is dead, 1 the start
Accepts = Sequence[bool] | NDArray[np.bool_]  # which states accept, S


def spell(table: NDArray[np.int32], labels: NDArray[np.int32], letters: Alphabet, limit: int | None = None) -> Dfa:
    """The byte automaton of a minimal one over letters: `table` (S, M), `labels` (S,).

    Row 0 is dead and row 1 the start. Raises LimitExceeded beyond `limit` rows (twice as many on the way there).
    """
    S = len(table)
    trie, targets, copies, rows = _laid_out(table, letters)
    if limit is not None and rows >= 2 * limit:  # some copies may prove equal in the end
        raise too_many_rows(limit)
    used = list(dict.fromkeys(letters.ascii))
    column = {letter: index for index, letter in enumerate(used)}
    classes = np.array([*map(column.__getitem__, letters.ascii), *(len(used) + trie.classes)], np.uint8)
    out = np.zeros((rows, len(used) + trie.children.shape[1]), np.int32)
    padded = np.concatenate([table, np.zeros((S, 1), np.int32)], axis=1)  # column -1 is dead
    out[:S, : len(used)] = padded[:, used]
    _fill(trie.children, targets, copies, len(used), out)
    accepting = np.full(rows, REFUSES, np.int32)
    accepting[:S] = labels
    dfa = renumbered(classes, out, accepting)
    if limit is not None and dfa.rows > limit:
        raise too_many_rows(limit)
    return dfa


def rows_spelled(table: NDArray[np.int32], letters: Alphabet) -> int:
    """How many rows `spell` draws, of which some may prove equal in the end."""
    return _laid_out(table, letters)[3]


def _laid_out(table: NDArray[np.int32], letters: Alphabet) -> tuple["Trie", NDArray[np.int32], NDArray[np.int32], int]:
    """The trie of the letters, the targets (S, L) of its leaves, copies of its nodes (N, S), and rows with these."""
    leaves = list(dict.fromkeys(letter for _, letter in letters.beyond if letter != OUTSIDE))
    place = {letter: leaf for leaf, letter in enumerate(leaves)} | {OUTSIDE: OUTSIDE}
    trie = _trie(tuple((first, place[letter]) for first, letter in letters.beyond))
    targets = np.ascontiguousarray(table[:, leaves])  # (S, L)
    copies = np.zeros((len(trie.first_leaf) - 1, len(table)), np.int32)
    return trie, targets, copies, _copy(trie.leaves, trie.first_leaf, targets, copies, len(table))


def minimal(step: Step, accepts: Accepts, columns: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Trim and minimise an automaton over letters: table (S, M) and labels (S,)."""
    table = np.array(step, np.int32).reshape(len(step), columns)
    labels = np.where(np.array(accepts, np.bool_), np.int32(0), np.int32(REFUSES)).astype(np.int32)
    if columns == 0:
        return table, labels
    dead = tables.distances(table, labels) < 0
    table = np.where(dead[table], np.int32(DEAD), table)
    return minimising.renumber(table, labels, minimising.partition(table, labels))


def too_many_rows(limit: int) -> LimitExceeded:
    """The error of an automaton that grows too large."""
    return LimitExceeded(f"the pattern needs more than {limit} states", hint="shorten counted repeats or anchor it")


# ---------------------------------------------------------------- the trie

Run = tuple[int, int, int]  # children `first` to `last` (exclusive), and where they lead
_GONE = 1 << 30  # a child that leads nowhere
_SPREAD = 64  # values of a continuation byte


@dataclass(frozen=True, slots=True)
class Trie:
    """UTF-8 sequences beyond ASCII, as shared nodes.

    Node 0 is entered with a lead byte (child i is byte 0x80 + i), the others with a continuation
    byte (likewise). A child is a node, or leaf `~child` where negative, or `_GONE`. Nodes come after those
    that they lead to, but for node 0.

    classes   (128,) uint8   byte - 0x80 -> column: bytes that every node reads alike share one
    children  (N, K) int32   where the nodes lead, by column
    leaves    (M,) int32     the leaves below nodes: those of node n are first_leaf[n] to first_leaf[n + 1], (N + 1,)
    """

    classes: NDArray[np.uint8]
    children: NDArray[np.int32]
    leaves: NDArray[np.int32]
    first_leaf: NDArray[np.int32]


@lru_cache(maxsize=256)
def _trie(runs: tuple[tuple[int, int], ...]) -> Trie:
    """The trie of runs `(first code point, leaf)` that cover everything from 0x80 to `BEYOND`."""
    grown = _Growing([first for first, _ in runs], [leaf for _, leaf in runs])
    leads = [_GONE] * 0x42  # 0x80..0xC1 never lead
    leads += [grown.block(lead << 6, 1) for lead in range(2, 0x20)]
    leads += [grown.block(lead << 12, 2, 32 * (lead == 0)) for lead in range(0x10)]  # E0 80..9F: overlong
    leads += [grown.block(lead << 18, 3, 16 * (lead == 0)) for lead in range(5)]  # F0 80..8F: overlong
    root = grown.node((lead, lead + 1, child) for lead, child in enumerate(leads))
    if root != _GONE:  # the only node with so many children, so it came last
        grown.nodes[0], grown.leaves[0] = grown.nodes.pop(), grown.leaves.pop()
    children = np.full((len(grown.nodes), 128), _GONE, np.int32)
    for row, node in zip(children, grown.nodes, strict=True):
        for first, last, child in node:
            row[first:last] = child
    classes, chosen = tidying.compress(children)
    return Trie(
        classes,
        np.ascontiguousarray(children[:, chosen]),
        np.array([leaf for leaves in grown.leaves for leaf in leaves], np.int32),
        np.cumsum([0, *map(len, grown.leaves)], dtype=np.int32),
    )


class _Growing:
    """A trie under construction: equal nodes are made once."""

    def __init__(self, bounds: list[int], leaf_of: list[int]) -> None:
        self.nodes: list[tuple[Run, ...]] = [()]
        self.leaves: list[tuple[int, ...]] = [()]
        self._bounds, self._leaf_of = bounds, leaf_of
        self._number: dict[tuple[Run, ...], int] = {}
        self._uniform: dict[tuple[int, int], int] = {}

    def node(self, children: Iterable[Run]) -> int:
        """The node with these children."""
        runs: list[Run] = []
        for first, last, child in children:
            if runs and runs[-1][1] == first and runs[-1][2] == child:
                runs[-1] = (runs[-1][0], last, child)
            elif child != _GONE:
                runs.append((first, last, child))
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
            self._uniform[leaf, depth] = self.node([(0, _SPREAD, self.uniform(leaf, depth - 1))])
        return self._uniform[leaf, depth]

    def block(self, first: int, depth: int, skip: int = 0) -> int:
        """The node of the 64**depth characters from `first` on, `skip` children left out."""
        size = _SPREAD ** (depth - 1)
        children: list[Run] = []
        at, place = skip, first + skip * size
        while at < _SPREAD and place < BEYOND:
            run = bisect_right(self._bounds, place) - 1
            whole = min((self._bounds[run + 1] - place) // size, _SPREAD - at)
            child = self.uniform(self._leaf_of[run], depth - 1) if whole else self.block(place, depth - 1)
            last = at + max(whole, 1)
            children.append((at, last, child))
            place += (last - at) * size
            at = last
        return self.node(children)


# ---------------------------------------------------------------- its copies


@kernel
def _copy(
    leaves: NDArray[np.int32],
    first_leaf: NDArray[np.int32],
    targets: NDArray[np.int32],
    copies: NDArray[np.int32],
    rows: int,
) -> int:
    """Number the copies of nodes from `rows` on; returns the number after the last.

    copies[n, s] (N, S) is the copy of node n (but 0) for state s: where targets[s] (S, L) are the same on all leaves
    below n, states share it. DEAD where all of them are.
    """
    states = targets.shape[0]
    slots = 4
    while slots < 2 * states:
        slots *= 2
    for node in range(1, copies.shape[0]):
        begin, end = first_leaf[node], first_leaf[node + 1]
        where = np.zeros(slots, np.int32)  # open addressing: state + 1, 0 = free
        for state in range(states):
            key = np.uint64(0)
            alive = False
            for leaf in range(begin, end):
                target = targets[state, leaves[leaf]]
                alive = alive or target != 0
                key = (key ^ np.uint64(target)) * np.uint64(0x9E3779B97F4A7C15)
                key ^= key >> np.uint64(29)
            if not alive:
                continue
            slot = np.int64(key & np.uint64(slots - 1))
            while where[slot] != 0:
                other = where[slot] - 1
                same = True
                for leaf in range(begin, end):
                    same = same and targets[other, leaves[leaf]] == targets[state, leaves[leaf]]
                if same:
                    break
                slot = (slot + 1) & (slots - 1)
            if where[slot] == 0:
                where[slot] = state + 1
                copies[node, state] = rows
                rows += 1
            else:
                copies[node, state] = copies[node, where[slot] - 1]
    return rows


@kernel
def _fill(
    children: NDArray[np.int32],
    targets: NDArray[np.int32],
    copies: NDArray[np.int32],
    begins: int,
    out: NDArray[np.int32],
) -> None:
    """Let states, and the copies of nodes for them, read what the nodes read: into `out` (rows, begins + K).

    Copies that read alike become one: what they lead to comes first, so equal cells tell. The others are left
    where nothing leads to them. Then the table is minimal if that of the states is: what a copy reads begins with
    a continuation byte, which no state reads, and as many follow as there are nodes to pass.
    """
    nodes, states = copies.shape
    width = children.shape[1]
    same = np.zeros(out.shape[0], np.int32)
    slots = 4
    while slots < 2 * out.shape[0]:
        slots *= 2
    where = np.zeros(slots, np.int32)  # open addressing: the row of a copy, 0 = free
    for turn in range(1, nodes + 1):
        node = turn % nodes  # node 0 comes last
        filled = 0
        for state in range(states):
            row = state if node == 0 else copies[node, state]
            if (row <= filled and node > 0) or row == 0:
                continue
            filled = row
            key = np.uint64(0)
            for column in range(width):
                child = children[node, column]
                if child == _GONE:
                    continue
                target = targets[state, ~child] if child < 0 else same[copies[child, state]]
                out[row, begins + column] = target
                key = (key ^ np.uint64(target)) * np.uint64(0x9E3779B97F4A7C15)
                key ^= key >> np.uint64(29)
            if node == 0:
                continue
            slot = np.int64(key & np.uint64(slots - 1))
            while where[slot] != 0:
                equal = True
                for column in range(begins, begins + width):
                    equal = equal and out[where[slot], column] == out[row, column]
                if equal:
                    break
                slot = (slot + 1) & (slots - 1)
            if where[slot] == 0:
                where[slot] = row
            same[row] = where[slot]
