"""Some of many texts: one tree for all, and beside it which of them may come.

    texts     0 "ab"   1 "ac"   2 "b"          row      1  2  3  4  5
                                               read     -  a  ab ac b
    START -a-> 2 -b-> 3                        texts    0  0  0  1  2   first[row] ..
                 `-c-> 4                                3  2  1  2  3   .. last[row]
          `b-> 5                               chosen   {0, 2}: before = 0 1 1 2

The keys of an object are such texts: after each member others may come, and there are as many sets of
them as orders in which keys can be written. The texts below a row are a run of the sorted texts, so
`before`, which counts the chosen texts before each, tells whether any of them is below: a row is alive
iff `before[last[row]] > before[first[row]]`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from constrained.automata.algebra import literals
from constrained.automata.dfa import DEAD, MANY, NONE, REFUSES, Dfa
from constrained.automata.jit import kernel


class Texts:
    """Different texts, none of them empty, in a tree. Label k is the k-th of them in ascending order."""

    first: NDArray[np.int32]  # (S,), as the next two: see `_spans`
    last: NDArray[np.int32]
    depth: NDArray[np.int32]

    def __init__(self, texts: Iterable[bytes]) -> None:
        self.texts: list[bytes] = sorted(texts)
        self.dfa: Dfa = literals({text: label for label, text in enumerate(self.texts)}, minimal=False)
        self.first, self.last, self.depth = _spans(self.dfa.step, self.dfa.labels)

    @cached_property
    def beginning(self) -> "tuple[Dfa, Dfa] | None":
        """The byte that all texts begin with, and one of those that may follow, or of more; or None."""
        if len({text[0] for text in self.texts}) != 1 or min(map(len, self.texts)) < 2:
            return None
        second = frozenset(text[1] for text in self.texts)
        return one_of(frozenset(self.texts[0][:1])), one_of(WORD if second <= WORD else second)


WORD = frozenset(b"0123456789_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@lru_cache(maxsize=256)
def one_of(some: frozenset[int]) -> Dfa:
    """One byte of `some`."""
    return literals([bytes((byte,)) for byte in sorted(some)])


@dataclass(frozen=True, eq=False)
class Chosen:
    """Those of `among` whose labels are `chosen`."""

    among: Texts
    chosen: Collection[int]

    @cached_property
    def before(self) -> NDArray[np.int32]:
        """(K + 1,) how many chosen texts come before each."""
        marks = np.zeros(len(self.among.texts) + 1, np.int32)
        marks[[label + 1 for label in self.chosen]] = 1
        return marks.cumsum(dtype=np.int32)

    @cached_property
    def table(self) -> Dfa:
        """The chosen texts as an automaton with the rows of the tree, those of other texts unreachable."""
        dfa, before = self.among.dfa, self.before
        alive = before[self.among.last] > before[self.among.first]  # (S,)
        wanted = np.isin(dfa.labels, list(self.chosen))
        labels = np.where(wanted, dfa.labels, np.int32(REFUSES))
        return Dfa(dfa.classes, np.where(alive[dfa.step], dfa.step, np.int32(DEAD)), labels)

    @property
    def is_empty(self) -> bool:
        """Does no text at all match?"""
        return not self.chosen

    @property
    def labels_used(self) -> tuple[int, ...]:
        """The labels that texts have, ascending."""
        return tuple(sorted(self.chosen))

    @property
    def labels_end(self) -> int:
        """More than any label."""
        return len(self.among.texts)

    def _alive(self, row: int) -> bool:
        return bool(self.before[self.among.last[row]] > self.before[self.among.first[row]])

    def after(self, row: int, byte: int) -> int:
        """The row after `byte`; DEAD when refused."""
        target = self.among.dfa.after(row, byte)
        return target if target != DEAD and self._alive(target) else int(DEAD)

    def label(self, row: int) -> int:
        """The label of `row`; REFUSES when it does not accept."""
        label = self.among.dfa.label(row)
        return label if label != REFUSES and label in self.chosen else REFUSES

    @property
    def begins(self) -> bool:
        """Can START read anything?"""
        return bool(self.chosen)

    def only_byte(self, row: int) -> int:
        """The one byte that `row` can read, NONE if it reads nothing more, MANY if several."""
        among, before = self.among, self.before
        depth, first = int(among.depth[row]), int(among.first[row])
        rank, end = before[first], before[among.last[row]]
        if rank < end and among.dfa.labels[row] == first and before[first + 1] > rank:
            rank += 1  # the text that ends here
        if rank == end:
            return NONE
        texts = among.texts
        lowest, highest = (int(before.searchsorted(one)) - 1 for one in (rank + 1, end))
        only = texts[lowest][depth]
        return only if only == texts[highest][depth] else MANY

    def reads(self, row: int) -> bytes:
        """The bytes that `row` can read, ascending."""
        return bytes(byte for byte in self.among.dfa.reads(row) if self.after(row, byte) != DEAD)

    def ahead(self, row: int) -> list[tuple[int, bytes]]:
        """The labels that can still come, each with the text that leads to it."""
        among = self.among
        begun = range(among.first[row], among.last[row])
        return [(label, among.texts[label][among.depth[row] :]) for label in begun if label in self.chosen]

    def spread(self) -> Dfa:
        """The chosen texts with their labels, as an automaton of their own."""
        return literals({self.among.texts[label]: label for label in self.chosen}, minimal=False)

    def completion(self, row: int) -> bytes:
        """A shortest text that leads from `row` to acceptance."""
        return min((text for _, text in self.ahead(row)), key=len)


@kernel
def _spans(
    step: NDArray[np.int32], labels: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """(S,) each: the run of labels below every row of a tree, and the bytes read up to it.

    Rows come after the rows that lead to them.
    """
    rows, columns = step.shape
    first = np.full(rows, rows, np.int32)
    last = np.zeros(rows, np.int32)
    depth = np.zeros(rows, np.int32)
    for row in range(1, rows):
        for column in range(columns):
            if step[row, column] != 0:
                depth[step[row, column]] = depth[row] + 1
    for row in range(rows - 1, 0, -1):
        if labels[row] >= 0:
            first[row] = min(first[row], labels[row])
            last[row] = max(last[row], labels[row] + 1)
        for column in range(columns):
            below = step[row, column]
            if below != 0:
                first[row] = min(first[row], first[below])
                last[row] = max(last[row], last[below])
    first[0] = 0
    return first, last, depth
