"""Context-free productions without the texts that hold a certain mark.

    A -> x y        A[r, s] -> x[r, t] y[t, s]       for every t

`r` and `s` say how much of the mark has just been read, before a symbol and behind it. A name becomes
one name for every pair that some text of it joins (Y. Bar-Hillel, M. Perles, E. Shamir, *On formal
properties of simple phrase structure grammars*, 1961). The pairs of every symbol are found first, as
relations, so nothing is written that has no text. Where no text can hold the mark, which is usual,
the productions stay as they are.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from constrained.automata import algebra
from constrained.automata.dfa import REFUSES, START, Dfa
from constrained.errors import Unsatisfiable
from constrained.grammar import Terminal
from grammars.context_free import Body, Item

# Shapes: K bytes of the mark; k = 0..K of them have just been read, and K stays.

Relation = NDArray[np.bool_]  # (K + 1, K + 1) from, to


def without_mark(productions: dict[str, list[Body]], start: str, mark: bytes) -> dict[str, list[Body]]:
    """Productions of the texts of `start` that do not hold `mark`. Raises Unsatisfiable if there are none."""
    found = _Pairs(productions, mark)
    first = found.relation(start)[0]
    if not first[len(mark)]:
        return productions
    if not first[: len(mark)].any():
        raise Unsatisfiable(f"all texts hold {mark.decode()!r}, which ends them where they stand")
    return found.written(start)


class _Pairs:
    def __init__(self, productions: dict[str, list[Body]], mark: bytes) -> None:
        self._productions = productions
        self._size = len(mark) + 1
        self._reading = [_labelled(mark, read) for read in range(self._size)]
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
        """The productions, from the start on, that never read the whole mark."""
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


@lru_cache(maxsize=64)
def _steps(mark: bytes) -> NDArray[np.int32]:
    """(K + 1, 256) how much of the mark has been read after one more byte; see `holding`."""
    step = np.zeros((len(mark) + 1, 256), np.int32)
    fallback = 0
    for read, byte in enumerate(mark):
        step[read] = step[fallback]
        step[read, byte] = read + 1
        if read:
            fallback = int(step[fallback, byte])
    step[len(mark)] = len(mark)
    return step


@lru_cache(maxsize=64)
def holding(mark: bytes) -> Dfa:
    """The byte strings that hold `mark` (D. Knuth, J. Morris, V. Pratt, *Fast pattern matching in strings*, 1977)."""
    labels = np.full(len(mark) + 2, REFUSES, np.int32)
    labels[-1] = 0
    return algebra.from_table(_table(mark), labels)


def _labelled(mark: bytes, read: int) -> Dfa:
    """All byte strings, labelled with how much of the mark has been read behind them; `read` of it before."""
    table, size = _table(mark), len(mark) + 1
    start = table[read + 1]
    step = np.concatenate([table[:1], start[None], np.where(table[1:] > 0, table[1:] + 1, 0)])
    step[1] = np.where(start > 0, start + 1, 0)
    labels = np.concatenate([[REFUSES], [read], np.arange(size)])
    return algebra.from_table(step.astype(np.int32), labels.astype(np.int32))


def _table(mark: bytes) -> NDArray[np.int32]:
    """(K + 2, 256): row k + 1 has read k bytes of the mark; row 0 is DEAD."""
    return np.concatenate([np.zeros((1, 256), np.int32), _steps(mark) + np.int32(START)])
