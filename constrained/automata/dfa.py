"""Deterministic automata over bytes, as one dense table.

Idea.  Row = state, column = byte class, cell = next row, so a token of k bytes is k look-ups:

    a(b)*      classes: a -> 1, b -> 2, rest -> 0
               row      0  1  2   label
               DEAD     0  0  0    -1
               START    0  2  0    -1
               2        0  0  2     0     accepts

Invariants (checked by `Dfa.check`, relied on by walk.py and by the matcher).
    1. Row 0 is DEAD: it loops to itself and never accepts.
    2. Row 1 is START.
    3. Every row after DEAD is reachable, and can still reach an accepting row: the table is
       *trim*. So "not DEAD" means "some continuation is valid"; without it a mask could offer a
       token that leads nowhere. (START alone is exempt: in the empty language it is a dead end.)

A row accepts when its label is not `REFUSES`. One label, 0, is enough for a plain language; a
labelled automaton tells *which* of several languages matched (see `algebra.labelled_union`).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NewType

import numpy as np
from numpy.typing import NDArray

Row = NewType("Row", int)
DEAD, START = Row(0), Row(1)  # rows 0 and 1 of every table
REFUSES = -1  # the label of a row that does not accept

# Shapes: S rows, C byte classes.


@dataclass(frozen=True, slots=False, eq=False)
class Dfa:
    """An immutable table; share it freely between threads and requests.

    classes (256,) uint8   byte -> column
    step    (S, C) int32   row, column -> next row
    labels  (S,)   int32   label of an accepting row, `REFUSES` elsewhere
    """

    classes: NDArray[np.uint8]
    step: NDArray[np.int32]
    labels: NDArray[np.int32]

    @property
    def rows(self) -> int:
        """Number of rows, DEAD and START included."""
        return self.step.shape[0]

    @property
    def is_empty(self) -> bool:
        """Does no text at all match? (Relies on the table being trim.)"""
        return not bool((self.labels != REFUSES).any())

    @cached_property
    def by_byte(self) -> NDArray[np.int32]:
        """(S, 256) int32: the table with one column per byte."""
        return np.ascontiguousarray(self.step[:, self.classes])

    def run(self, text: bytes, row: Row = START) -> Row:
        """The row after reading `text` from `row`; DEAD when refused on the way."""
        for byte in text:
            row = Row(int(self.step[row, self.classes[byte]]))
        return row

    def accepts(self, text: bytes) -> bool:
        """Does the whole of `text` match?"""
        return bool(self.labels[self.run(text)] != REFUSES)

    def check(self) -> None:
        """Raise ValueError where an invariant of the module does not hold."""
        rows, columns = self.step.shape
        if self.classes.shape != (256,) or self.labels.shape != (rows,) or rows < 2:
            raise ValueError("shapes do not fit together")
        if int(self.classes.max()) >= columns or int(self.step.min()) < 0 or int(self.step.max()) >= rows:
            raise ValueError("an entry points outside the table")
        if self.step[DEAD].any() or self.labels[DEAD] != REFUSES:
            raise ValueError("row 0 must loop to itself and refuse")
        from constrained.automata.algebra import live_rows, reachable_rows

        trim = reachable_rows(self) & live_rows(self)
        if not trim[START + 1 :].all():
            raise ValueError(f"rows {np.flatnonzero(~trim[2:]) + 2} are not trim")

    def dump(self) -> str:
        """The table as text: one line a row, `*` before accepting ones. Stable."""
        lines = [
            f"{'*' if label != REFUSES else ' '} {row:3}: {' '.join(map(str, cells))}"
            for row, (cells, label) in enumerate(zip(self.step.tolist(), self.labels.tolist(), strict=True))
        ]
        return "\n".join(lines)
