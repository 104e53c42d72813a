"""Tables over the texts of JSON numbers, before they are minimised into a `Dfa`.

All automata about numbers read the same fifteen kinds of bytes, so that they can be combined
without looking for common byte classes:

    column   0      1  2  3  4 ... 13   14
    reads    other  +  -  .  0 ... 9    e E

*Decimals* are number texts without an exponent, `-?(0|[1-9][0-9]*)(\\.[0-9]+)?`. They are the
universe in which predicates live: whether a decimal satisfies one depends on its value alone, so
`1`, `1.0` and `1.00` stand or fall together, and `-0` with `0`.

A `Table` is an automaton in the making: rows may be unreachable, useless or equal. `finish` makes
it canonical.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from constrained.automata import tables
from constrained.automata.algebra import canonical
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.errors import LimitExceeded

COLUMNS = 15
PLUS, MINUS, POINT, ZERO, EXPONENT = 1, 2, 3, 4, 14
DIGITS = slice(ZERO, ZERO + 10)
NONZERO = slice(ZERO + 1, ZERO + 10)
NEGATIVE = 2  # by convention, the row after a minus sign
LIMIT = 50_000  # rows of one table
LONGEST = 10_000  # digits of a number in a schema, zeros between them and the point included

BYTES = b"\x00+-.0123456789e"  # (15,) column -> one of its bytes
CLASSES = np.zeros(256, np.uint8)  # (256,) byte -> column
CLASSES[list(BYTES[1:])] = np.arange(1, COLUMNS)
CLASSES[ord("E")] = EXPONENT
_EACH = np.arange(COLUMNS, dtype=np.uint8)

_COLUMN = {byte: column for column, byte in enumerate(BYTES.decode())}


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """step (S, 15) int32, labels (S,) int32; row 0 is DEAD and row 1 START, as in a `Dfa`."""

    step: NDArray[np.int32]
    labels: NDArray[np.int32]

    def finish(self) -> Dfa:
        """The canonical automaton."""
        return canonical(CLASSES, self.step, self.labels)

    def without(self, *columns: int) -> "Table":
        """The texts that read none of `columns`."""
        step = self.step.copy()
        step[:, columns] = DEAD
        return Table(step, self.labels)


def of_dfa(dfa: Dfa) -> Table:
    """The table of an automaton that reads nothing but number texts."""
    return Table(np.ascontiguousarray(dfa.step[:, dfa.classes[list(BYTES)]]), dfa.labels)


def both(a: Table, b: Table) -> Table:
    """Texts of both, labelled as in `a`."""
    step, pairs = _pairs(a, b, needs_a=True, needs_b=True)
    labels = a.labels[pairs[:, 0]]
    labels[b.labels[pairs[:, 1]] == REFUSES] = REFUSES
    return Table(step, labels)


def either(a: Table, b: Table) -> Table:
    """Texts of one of two that have none in common, labelled as there."""
    step, pairs = _pairs(a, b, needs_a=False, needs_b=False)
    return Table(step, np.maximum(a.labels[pairs[:, 0]], b.labels[pairs[:, 1]]))


def first_only(a: Table, b: Table) -> Table:
    """Texts of `a` that are none of `b`, labelled as in `a`."""
    step, pairs = _pairs(a, b, needs_a=True, needs_b=False)
    labels = a.labels[pairs[:, 0]]
    labels[b.labels[pairs[:, 1]] != REFUSES] = REFUSES
    return Table(step, labels)


def _pairs(a: Table, b: Table, *, needs_a: bool, needs_b: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    step, pairs, count = tables.product(a.step, b.step, _EACH, _EACH, needs_a, needs_b, 2 * LIMIT)
    if count == tables.FULL:
        raise too_many_rows("a combination of restrictions on one number")
    return step, pairs


def too_many_rows(what: str) -> LimitExceeded:
    """The error for a table beyond `LIMIT`."""
    return LimitExceeded(f"{what} needs an automaton of more than {LIMIT} rows", hint="use numbers of fewer digits")


def values(chosen: Iterable[Decimal]) -> Table:
    """The decimals that stand for one of `chosen`: a trie of their texts, each followed by any zeros.

    {5, 0.5}:   5 -> (5)   . -> point   0 -> (zeros), which loops
                0 -> 0     . -> 0.      5 -> (0.5)   0 -> (zeros)         () accepts
    """
    cells: list[list[int]] = [[0] * COLUMNS for _ in range(4)]
    labels = [REFUSES, REFUSES, REFUSES, 0]
    point, zeros = 2, 3  # after the point of an integer; after one more zero
    cells[point][ZERO] = cells[zeros][ZERO] = zeros

    def child(row: int, column: int) -> int:
        if not cells[row][column]:
            cells[row][column] = len(cells)
            cells.append([0] * COLUMNS)
            labels.append(REFUSES)
        return cells[row][column]

    ends: list[tuple[int, bool]] = []  # (row, has a fraction)
    for text in sorted({text for value in chosen for text in _spellings(value)}):
        row = int(START)
        for letter in text:
            row = child(row, _COLUMN[letter])
        labels[row] = 0
        ends.append((row, "." in text))
    for row, fraction in ends:
        # follow zeros through the trie, as "5.0" leads towards "5.03", until they leave it
        if not fraction:
            if not cells[row][POINT]:
                cells[row][POINT] = point
                continue
            row = cells[row][POINT]
        while cells[row][ZERO] not in (DEAD, zeros):
            row = cells[row][ZERO]
            labels[row] = 0
        cells[row][ZERO] = zeros
    return Table(np.array(cells, np.int32), np.array(labels, np.int32))


def _spellings(value: Decimal) -> tuple[str, ...]:
    """The texts of `value` without needless zeros: one, or `0` and `-0`."""
    whole, fraction = digits(value)
    sign = "-" if value < 0 else ""
    text = "".join(map(str, whole)) or "0"
    if fraction:
        text += "." + "".join(map(str, fraction))
    return (sign + text,) if value else ("0", "-0")


def digits(value: Decimal) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Digits of |value| before and after the point, without needless zeros: 0.50 -> ((), (5,)).

    Raises LimitExceeded where there would be too many.
    """
    _, read, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is not a finite number")
    while read and read[-1] == 0:
        read, exponent = read[:-1], exponent + 1
    if not read:
        return (), ()
    if len(read) + abs(exponent) > LONGEST:
        raise LimitExceeded(f"a number with {len(read) + abs(exponent)} digits, more than {LONGEST}")
    before = len(read) + exponent  # digits before the point; negative: zeros after it
    whole = read[: max(0, before)] + (0,) * exponent
    return whole, (0,) * -before + read[max(0, before) :]
