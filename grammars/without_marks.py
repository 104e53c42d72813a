"""Context-free productions without the texts that hold one of some marks.

    A -> x y        A[r, s] -> x[r, t] y[t, s]       for every t

`r` and `s` say how much of a mark has just been read, before a symbol and behind it. A name becomes
one name for every pair that some text of it joins (Y. Bar-Hillel, M. Perles, E. Shamir, *On formal
properties of simple phrase structure grammars*, 1961). The pairs of every symbol are found first, as
relations, so nothing is written that has no text. Where no text can hold a mark, which is usual,
the productions stay as they are.
"""

from collections import deque
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from constrained.automata import algebra
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.errors import Unsatisfiable
from constrained.grammar import Terminal
from grammars.context_free import Body, Item

Marks = tuple[bytes, ...]

# Shapes: what has been read of the marks is one of K + 1 things; 0: nothing, K: all of one, which stays.

Relation = NDArray[np.bool_]  # (K + 1, K + 1) from, to


def without_marks(productions: dict[str, list[Body]], start: str, marks: Marks) -> dict[str, list[Body]]:
    """Productions of the texts of `start` that hold none of `marks`. Raises Unsatisfiable if there are none."""
    found = _Pairs(productions, marks)
    first = found.relation(start)[0]
    if not first[-1]:
        return productions
    if not first[:-1].any():
        raise Unsatisfiable(f"all texts hold {describe(marks)}, which cannot be written where they stand")
    return found.written(start)


def describe(marks: Marks) -> str:
    """Marks for an error message."""
    return " or ".join(repr(mark.decode()) for mark in marks)


class _Pairs:
    def __init__(self, productions: dict[str, list[Body]], marks: Marks) -> None:
        self._productions = productions
        self._size = len(reading(marks)) - 1
        self._reading = [_labelled(marks, read) for read in range(self._size)]
        self._relations: dict[Item, Relation] = {}
        self._terminals: dict[tuple[Terminal, int, int], Terminal] = {}
        self._read_terminals()
        self._settle()

    def relation(self, item: Item) -> Relation:
        """Which texts lead from where to where."""
        return self._relations[item]

    def _read_terminals(self) -> None:
        for item in {item for bodies in self._productions.values() for body in bodies for item in body}:
            if isinstance(item, str):
                continue
            assert isinstance(item, Terminal)
            assert isinstance(item.automaton, Dfa)
            relation = self._relations[item] = np.zeros((self._size, self._size), np.bool_)
            for before in range(self._size):
                both = algebra.intersect(self._reading[before], item.automaton)
                for after in sorted({*both.labels.tolist()} - {REFUSES}):
                    relation[before, after] = True
                    labels = np.where(both.labels == after, np.int32(0), np.int32(REFUSES))
                    only = algebra.canonical(both.classes, both.step, labels)
                    self._terminals[item, before, after] = Terminal(only, item.name)

    def _settle(self) -> None:
        """The relations of all names: the least ones that their bodies call for."""
        for name in self._productions:
            self._relations[name] = np.zeros((self._size, self._size), np.bool_)
        changed = True
        while changed:
            changed = False
            for name, bodies in self._productions.items():
                known = self._relations[name]
                found = known.copy()
                for body in bodies:
                    found |= self._along(body)
                if (found != known).any():
                    self._relations[name] = found
                    changed = True

    def _along(self, body: Body) -> Relation:
        relation = np.eye(self._size, dtype=np.bool_)
        for item in body:
            relation = relation @ self._relations[item]
        return relation

    def written(self, start: str) -> dict[str, list[Body]]:
        """The productions, from the start on, that never read a whole mark."""
        found: dict[str, list[Body]] = {start: []}
        todo: list[tuple[str, list[Body], int, int]] = []

        def named(name: str, bodies: list[Body], before: int, after: int) -> str:
            key = f"{name} {before}-{after}"
            if key not in found:
                found[key] = []
                todo.append((key, bodies, before, after))
            return key

        def item_at(item: Item, before: int, after: int) -> Item:
            if isinstance(item, str):
                return named(item, self._productions[item], before, after)
            assert isinstance(item, Terminal)
            return self._terminals[item, before, after]

        whole = self._size - 1
        found[start] = [(item_at(start, 0, after),) for after in range(whole) if self._relations[start][0, after]]
        while todo:
            key, bodies, before, after = todo.pop()
            for index, body in enumerate(bodies):
                if not body:
                    found[key] += [()] * (before == after)
                    continue
                first, rest = body[0], body[1:]
                behind = self._along(rest)
                for between in np.flatnonzero(self._relations[first][before] & behind[:, after]).tolist():
                    if between == whole:
                        continue
                    written = item_at(first, before, between)
                    tail = (named(f"{key.rpartition(' ')[0]}/{index}", [rest], between, after),) if rest else ()
                    found[key].append((written, *tail))
        return found


@lru_cache(maxsize=256)
def holding(marks: Marks) -> Dfa:
    """The byte strings that hold one of `marks`."""
    step = reading(marks)
    labels = np.full(len(step), REFUSES, np.int32)
    labels[-1] = 0
    return algebra.from_table(step, labels)


def _labelled(marks: Marks, read: int) -> Dfa:
    """All byte strings, labelled with what has been read of the marks behind them; begun at `read`."""
    step = reading(marks)
    rows = np.concatenate([[DEAD], [read + 1], np.arange(1, len(step))])  # one row in front: the start
    moved = np.where(step > DEAD, step + np.int32(1), np.int32(DEAD))
    labels = np.concatenate([[REFUSES], [read], np.arange(len(step) - 1)])
    return algebra.from_table(moved[rows].astype(np.int32), labels.astype(np.int32))


@lru_cache(maxsize=256)
def reading(marks: Marks) -> NDArray[np.int32]:
    """(K + 2, 256): which row follows which byte (A. Aho, M. Corasick, *Efficient string matching*, 1975).

    Row 0 is DEAD, row 1 START, and each row stands for the longest end of what was read that begins a mark.
    The last one is for texts that hold a mark, and stays.
    """
    step = [[int(DEAD)] * 256, [int(DEAD)] * 256]  # the trie's own edges first
    complete = set[int]()
    for mark in marks:
        row = int(START)
        for byte in mark:
            if step[row][byte] == DEAD:
                step[row][byte] = len(step)
                step.append([int(DEAD)] * 256)
            row = step[row][byte]
        complete.add(row)
    _link(step, complete)
    number = np.zeros(len(step), np.int32)
    left = [row for row in range(len(step)) if row not in complete]
    number[left] = np.arange(len(left))
    number[sorted(complete)] = len(left)
    table = number[np.array(step, np.int32)[left]]
    return np.concatenate([table, np.full((1, 256), len(left), np.int32)])


def _link(step: list[list[int]], complete: set[int]) -> None:
    """Fill the edges that leave the trie: where to go on when a mark breaks off."""
    fallback = {int(START): int(START)}
    todo = deque([int(START)])
    while todo:
        row = todo.popleft()
        if fallback[row] in complete:
            complete.add(row)
        for byte in range(256):
            elsewhere = int(START) if row == START else step[fallback[row]][byte]
            target = step[row][byte]
            if target != DEAD:
                fallback[target] = elsewhere
                todo.append(target)
            else:
                step[row][byte] = elsewhere
