"""Tables over the texts of JSON numbers, before they are minimised into a `Dfa`.

All automata about numbers read the same fifteen kinds of bytes, so that they can be combined
without looking for common byte classes:

    column   0      1  2  3  4 ... 13   14
    reads    other  +  -  .  0 ... 9    e E

*Decimals* are number texts without an exponent, `-?(0|[1-9][0-9]*)(\\.[0-9]+)?`. Whether one satisfies a
predicate depends on its value alone, so `1`, `1.0` and `1.00` stand or fall together, and `-0` with `0`.

*Scientific* texts are those with an exponent and one digit other than 0 before the point,
`-?[1-9](\\.[0-9]+)?[eE][+-]?[0-9]+`: the form in which programs write very large and very small numbers.

A `Table` is an automaton in the making: rows may be unreachable, useless or equal. `finish` makes
it canonical.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from constrained.automata.algebra import canonical
from constrained.automata.dfa import DEAD, REFUSES, Dfa
from constrained.automata.products import FULL, product
from constrained.errors import LimitExceeded

COLUMNS = 15
PLUS, MINUS, POINT, ZERO, EXPONENT = 1, 2, 3, 4, 14
DIGITS = slice(ZERO, ZERO + 10)
NONZERO = slice(ZERO + 1, ZERO + 10)
NEGATIVE = 2  # by convention, the row after a minus sign
LIMIT = 50_000  # rows of one table
MOST_ZEROS = 10_000  # between the digits of a number and its point

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
    step, pairs = _pairs(a, b, needed=True)
    labels = a.labels[pairs[:, 0]]
    labels[b.labels[pairs[:, 1]] == REFUSES] = REFUSES
    return Table(step, labels)


def either(a: Table, b: Table) -> Table:
    """Texts of one of two that have none in common, labelled as there."""
    step, pairs = _pairs(a, b, needed=False)
    return Table(step, np.maximum(a.labels[pairs[:, 0]], b.labels[pairs[:, 1]]))


def _pairs(a: Table, b: Table, *, needed: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    step, pairs, count = product(a.step, b.step, _EACH, _EACH, needed, needed, 2 * LIMIT)
    if count == FULL:
        raise too_many_rows("a combination of restrictions on one number")
    return step, pairs


def too_many_rows(what: str) -> LimitExceeded:
    """The error for a table beyond `LIMIT`."""
    return LimitExceeded(f"{what} needs an automaton of more than {LIMIT} rows", hint="use numbers of fewer digits")


def columns(text: str) -> list[int]:
    """The columns that a text reads."""
    return [_COLUMN[letter] for letter in text]


def digits(value: Decimal) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Digits of |value| before and after the point, without needless zeros: 0.50 -> ((), (5,)).

    Raises LimitExceeded where more than `MOST_ZEROS` would have to be written that are not in its own text.
    """
    _, read, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is not a finite number")
    end = len(read)
    while end and read[end - 1] == 0:
        end -= 1
    if not end:
        return (), ()
    read, exponent = read[:end], exponent + len(read) - end
    before = end + exponent  # digits before the point; negative: zeros after it
    if before - len(value.as_tuple().digits) > MOST_ZEROS or -before > MOST_ZEROS:
        raise LimitExceeded(f"a number with an exponent of {value.adjusted()}, beyond {MOST_ZEROS}")
    whole = read[: max(0, before)] + (0,) * exponent
    return whole, (0,) * -before + read[max(0, before) :]
