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

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NewType, cast

import numpy as np
from numpy.typing import NDArray

from constrained.automata import tables
from constrained.automata.jit import address

Row = NewType("Row", int)
DEAD, START = Row(0), Row(1)  # rows 0 and 1 of every table
REFUSES = -1  # the label of a row that does not accept
NONE, MANY = -1, -2  # what a row reads next, when it is not one byte

# Shapes: S rows, C byte classes.


def flat(array: NDArray[Any]) -> Sequence[int]:
    """The array's cells in a row, for looking them up one by one (faster than through numpy)."""
    return cast(Sequence[int], np.ascontiguousarray(array).reshape(-1).data)


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
        return int(self.step.shape[0])

    @cached_property
    def where(self) -> NDArray[np.int64]:
        """(5,) where its tables lie, in the order of the fields, rows, columns: as edges of a net begin."""
        places = address(self.classes), address(self.step), address(self.labels), *self.step.shape
        return np.array(places, np.int64)

    @cached_property
    def columns(self) -> int:
        """Number of byte classes."""
        return int(self.step.shape[1])

    @property
    def is_empty(self) -> bool:
        """Does no text at all match? (Relies on the table being trim.)"""
        return len(self.step) == 2 and int(self.labels[START]) == REFUSES

    @cached_property
    def labels_used(self) -> tuple[int, ...]:
        """The labels that texts have, ascending."""
        used = self.labels[self.labels != REFUSES]
        if int(used.max(initial=0)) > len(self.labels):
            return tuple(np.unique(used).tolist())
        return tuple(np.flatnonzero(np.bincount(used)).tolist())  # without sorting them all

    @property
    def labels_end(self) -> int:
        """More than any label."""
        return max(self.labels_used, default=REFUSES) + 1

    @property
    def by_byte(self) -> NDArray[np.int32]:
        """(S, 256) int32: the table with one column per byte. Large, so it is not kept."""
        return np.ascontiguousarray(self.step[:, self.classes])

    @cached_property
    def _cells(self) -> Sequence[int]:
        return flat(self.step)

    @cached_property
    def _column(self) -> bytes:
        return self.classes.tobytes()

    @cached_property
    def _accepting(self) -> Sequence[int]:
        return flat(self.labels)

    @cached_property
    def _only(self) -> list[int]:
        """Row -> the one byte it can read; MANY or NONE otherwise."""
        count = self.ways()
        first = np.zeros(self.columns, np.intp)
        first[self.classes[::-1]] = np.arange(255, -1, -1)  # of several bytes the lowest is assigned last
        only = first[np.argmax(self.step != DEAD, axis=1)]
        return np.where(count == 1, only, np.where(count == 0, NONE, MANY)).tolist()

    def ways(self) -> NDArray[np.intp]:
        """(S,) how many bytes each row can read."""
        return (self.step != DEAD) @ np.bincount(self.classes, minlength=self.columns)

    # The questions the matcher asks about a row. `Counted` answers them too.

    def after(self, row: int, byte: int) -> int:
        """The row after `byte`; DEAD when refused."""
        return self._cells[row * self.columns + self._column[byte]]

    def label(self, row: int) -> int:
        """The label of `row`; REFUSES when it does not accept."""
        return self._accepting[row]

    @cached_property
    def begins(self) -> bool:
        """Can START read anything?"""
        return bool(self.step[START].any())

    def only_byte(self, row: int) -> int:
        """The one byte that `row` can read, NONE if it reads nothing more, MANY if several."""
        return self._only[row]

    def reads(self, row: int) -> bytes:
        """The bytes that `row` can read, ascending."""
        return np.flatnonzero(self.step[row][self.classes] != DEAD).astype(np.uint8).tobytes()

    def completion(self, row: int) -> bytes:
        """A shortest text that leads from `row` to acceptance."""
        return self._shortest if row == START else self._completion(row)

    @cached_property
    def _shortest(self) -> bytes:
        """A shortest text: what is missing of a long object asks for it a thousand times."""
        return self._completion(START)

    def _completion(self, row: int) -> bytes:
        text = bytearray()
        while self.distance[row] > 0:
            closer = self.distance[self.step[row]] == self.distance[row] - 1  # (C,)
            byte = int(np.argmax(closer[self.classes]))
            text.append(byte)
            row = self.after(row, byte)
        return bytes(text)

    @cached_property
    def distance(self) -> NDArray[np.int32]:
        """(S,) bytes in the shortest completion of each row; -1 for DEAD."""
        return tables.distances(self.step, self.labels)

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
        trim = tables.reachable(self.step) & (self.distance >= 0)
        if not trim[START + 1 :].all():
            raise ValueError(f"rows {np.flatnonzero(~trim[2:]) + 2} are not trim")

    def dump(self) -> str:
        """The table as text: one line a row, `*` before accepting ones. Stable."""
        lines = [
            f"{'*' if label != REFUSES else ' '} {row:3}: {' '.join(map(str, cells))}"
            for row, (cells, label) in enumerate(zip(self.step.tolist(), self.labels.tolist(), strict=True))
        ]
        return "\n".join(lines)
