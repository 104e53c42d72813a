"""A grammar as tables that kernels read, as far as somebody has been there.

    edge   (symbol, rest)      its automaton, and for each label the rest that follows
    rest                       the edges that stand in front of it

Everything has a number, is entered once, and is never changed; so a kernel may read while more is
entered. The layout of the tables is that of `automata/net_walk.py`.
"""

from collections.abc import Callable, Iterable
from itertools import count
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrained.automata import net_walk as layout
from constrained.automata.chosen import Chosen, Texts
from constrained.automata.counted import Counted
from constrained.automata.dfa import Dfa
from constrained.automata.jit import address
from constrained.closures import Reading, leave
from constrained.grammar import Automaton, Metered, Switch
from constrained.remains import Ending, emptied
from constrained.rests import Rest

Tables = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


Fronts = Iterable[tuple[tuple[Reading, int], Rest]]  # as in a closure: symbol and row, what follows it

_stamps = count()

_OF_TABLES = layout.COLUMNS + 1  # the columns that are those of `Dfa.where`

_LEAST = 64  # rows of a table with any

# Tables in which nothing has been entered. They have no cells, so that all nets begin with the same ones.
_NO_EDGES = np.zeros((0, layout.EDGE), np.int64)
_NO_RESTS = np.zeros((0, layout.REST), np.int32)
_NO_FRONTS = _NO_LEAVES = np.zeros(0, np.int32)

_NO_EDGE = np.zeros(layout.EDGE, np.int64)  # a row, to be copied


class Net:
    """Edges and rests of one grammar, numbered. `close` says what stands in front of a rest."""

    def __init__(self, close: Callable[[Rest], tuple[Fronts, int]]) -> None:
        self._close = close
        self._lock = Lock()
        self.stamp = next(_stamps).to_bytes(8, "little")  # of all nets there were, this one
        self._rests: dict[Rest, int] = {}
        self._edges: dict[tuple[Reading, Rest], int] = {}
        self._symbols: dict[Reading, NDArray[np.int64]] = {}
        self._texts: dict[Texts, NDArray[np.int64]] = {}
        self._kept: list[NDArray[Any]] = []  # whose addresses are in the tables
        self.rests: list[Rest] = []  # by number
        self.edges: list[tuple[Reading, Rest]] = []  # by number
        self.counts_tokens = False  # is any of their symbols `Metered`?
        self._edge_table = _NO_EDGES
        self._rest_table = _NO_RESTS
        self._fronts, self._fronts_used = _NO_FRONTS, 0
        self._leaves, self._leaves_used = _NO_LEAVES, 0

    @property
    def tables(self) -> Tables:
        """For kernels: edges (E, EDGE), rests (R, REST), fronts (F,), leave (L,)."""
        return self._edge_table, self._rest_table, self._fronts, self._leaves

    def end(self) -> Ending:
        """Let go of symbols and rests: nobody reads any more."""
        for known in (self._rests, self._edges, self._symbols, self._texts):
            yield from emptied(known)
        for listed in (self.rests, self.edges):
            while listed:
                listed.pop()
                yield

    # ------------------------------------------------------------------ numbers

    def rest(self, rest: Rest) -> int:
        """The number of a rest."""
        found = self._rests.get(rest)
        return self._enter_rest(rest) if found is None else found

    def edge(self, symbol: Reading, rest: Rest) -> int:
        """The number of a terminal followed by a rest."""
        found = self._edges.get((symbol, rest))
        return self._enter_edge(symbol, rest) if found is None else found

    def _enter_rest(self, rest: Rest) -> int:
        with self._lock:
            if rest in self._rests:
                return self._rests[rest]
            number = len(self.rests)
            self._rest_table = _with_room(self._rest_table, number + 1, -1)
            self.rests.append(rest)
            self._rests[rest] = number
            return number

    def _enter_edge(self, symbol: Reading, rest: Rest) -> int:
        with self._lock:
            edge = symbol, rest
            if edge in self._edges:
                return self._edges[edge]
            number = len(self.edges)
            self._edge_table = _with_room(self._edge_table, number + 1, 0)
            row = self._edge_table[number]
            row[:] = self._symbol(symbol)
            row[layout.LEAVE] = self._leaves_used
            self._leaves_used += _slots(symbol)
            self._leaves = _with_room(self._leaves, self._leaves_used, layout.UNKNOWN)
            self.edges.append(edge)
            self._edges[edge] = number
            return number

    def _symbol(self, symbol: Reading) -> NDArray[np.int64]:
        """(EDGE,) the columns of an edge that depend on its symbol alone."""
        found = self._symbols.get(symbol)
        if found is None:
            found = self._described(symbol.automaton)
            found[layout.STRIDE] = isinstance(symbol, Switch)
            found[layout.SYMBOL] = len(self._symbols)
            self.counts_tokens |= isinstance(symbol, Metered)
            self._symbols[symbol] = found
        return found

    def _described(self, automaton: Automaton) -> NDArray[np.int64]:
        """(EDGE,) those that depend on the automaton. Of many choices among the same texts, most is the same."""
        if isinstance(automaton, Dfa):  # whose symbol is kept, and it with that
            row = _NO_EDGE.copy()
            row[:_OF_TABLES] = automaton.where
            return row
        among = automaton.among if isinstance(automaton, Chosen) else None
        row = None if among is None else self._texts.get(among)
        if row is None:
            row = _NO_EDGE.copy()
            self._kept += _describe(automaton, row)
            if among is not None:
                self._texts[among] = row
        row = row.copy()
        if isinstance(automaton, Chosen):
            row[layout.BEFORE] = address(automaton.before)
            self._kept.append(automaton.before)
        return row

    # ------------------------------------------------------------------ what is missing

    def behind(self, edge: int, label: int) -> int:
        """The rest that follows a label of an edge."""
        row = self._edge_table[edge]
        slot = row[layout.LEAVE] + row[layout.STRIDE] * label
        if self._leaves[slot] == layout.UNKNOWN:
            self.fill(edge, label)
        return int(self._leaves[slot])

    def fill(self, rest_or_edge: int, label: int) -> None:
        """What `net_walk` found missing: the fronts of a rest (label -1), or the rest behind a label of an edge.

        A rest that is reached is about to be entered, so its fronts are found at once.
        """
        number = rest_or_edge
        if label >= 0:
            symbol, below = self.edges[rest_or_edge]
            number = self.rest(leave(symbol, label, below))
            row = self._edge_table[rest_or_edge]
            self._leaves[row[layout.LEAVE] + row[layout.STRIDE] * label] = number
        if self._rest_table[number, layout.FRONTS] < 0:
            self._fill_fronts(number)

    def _fill_fronts(self, number: int) -> None:
        closed, flags = self._close(self.rests[number])
        fronts = [self.edge(symbol, rest) for (symbol, _), rest in closed]
        with self._lock:
            first = self._fronts_used
            self._fronts_used += len(fronts)
            self._fronts = _with_room(self._fronts, self._fronts_used, 0)
            self._fronts[first : self._fronts_used] = fronts
            row = self._rest_table[number]
            row[layout.COUNT], row[layout.FLAGS] = len(fronts), flags
            row[layout.FRONTS] = first


def _with_room(array: NDArray[Any], size: int, blank: int) -> NDArray[Any]:
    """`array`, or a copy of twice the length if there is no room for `size`."""
    had = len(array)
    if size <= had:
        return array
    larger = np.empty((max(2 * size, _LEAST), *array.shape[1:]), array.dtype)
    if had:
        larger[:had] = array
    larger[had:] = blank
    return larger


def _slots(symbol: Reading) -> int:
    return symbol.automaton.labels_end if isinstance(symbol, Switch) else 1


def _describe(automaton: Counted | Chosen, row: NDArray[np.int64]) -> list[NDArray[Any]]:
    """Write an automaton's tables into the row (EDGE,) of an edge; the arrays that must be kept for it."""
    extra: dict[int, NDArray[Any]] = {}
    match automaton:
        case Counted(meter, low, high):
            dfa = meter.dfa
            row[layout.KIND], row[layout.LOW], row[layout.HIGH] = layout.COUNTED, low, high
            extra = {layout.COST: meter.cost, layout.LEAST: meter.least, layout.MOST: meter.most}
        case Chosen(among):
            dfa = among.dfa
            row[layout.KIND], row[layout.TEXTS] = layout.CHOSEN, len(among.texts)
            extra = {layout.FIRST: among.first, layout.LAST: among.last}  # BEFORE is each choice's own
    row[:_OF_TABLES] = dfa.where
    for column, array in extra.items():
        row[column] = address(array)
    return [dfa.classes, dfa.step, dfa.labels, *extra.values()]
