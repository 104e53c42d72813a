"""Divisibility of a number text, digit by digit.

Let step = p / 10^k. A text is a multiple when its digits, with the fraction padded or cut to k
digits (only zeros may be cut), form a multiple of p. The textbook automaton has p rows, the
remainders; far fewer tell remainders apart. For p = 10^6, k = 0 it is the number of zeros at the
end, 0 to 6, that matters.

Idea.  Say that n was read. What matters is which digits may follow: for each l, which w < 10^(l+k)
(l more digits and the fraction's k) make n 10^(l+k) + w a multiple of p. Those are the w that leave
the remainder

    c(l) = -n 10^(l+k) mod p

Up to the first L with 10^(L+k) >= p there is at most one such w, namely c(l) itself, or none when
c(l) has too many digits; from L on every remainder occurs, and c(L) decides about all that follow. So

    row of n = (c(0), ..., c(L))      c(l) replaced by None where it is no w < 10^(l+k)

and two texts share a row exactly if the same continuations are right. The row after one more digit
d follows from the row before: c'(l) = c(l + 1) - d 10^(l+k). In the fraction l = 0 is all that is
left, with fewer and fewer digits to come: (digits to come, c).

    p = 4, k = 0, L = 1           p = 1, k = 2 (step 0.01), L = 0
    2, 6   (None, 0)              any whole part  (0)
    1, 3   (None, 2)              .               (2, 0)      .5     (1, 0)
    0, 4   (0, 0)                 .50             (0, 0) and any zeros

The minimal automata, built in another way, are in B. Alexeev, *Minimal DFA for testing
divisibility* (2004).
"""

from collections.abc import Iterable
from decimal import Decimal
from math import gcd, lcm

import numpy as np

from constrained.automata.dfa import DEAD, REFUSES, START
from constrained.automata.remembered import remembered
from constrained.errors import InvalidGrammar
from grammars.json_schema.number_text import (
    COLUMNS,
    DIGITS,
    LIMIT,
    MINUS,
    NEGATIVE,
    POINT,
    ZERO,
    Table,
    digits,
    too_many_rows,
)

_ZERO = 3  # the row after a 0 that starts the text

Whole = tuple[int | None, ...]  # c(0), ..., c(L)
Fraction = tuple[int, int, bool]  # digits to come until only zeros may follow, c, a digit was read


def scaled(step: Decimal) -> tuple[int, int]:
    """(p, k) with step = p / 10^k and k as small as it can be: 2.50 -> (25, 1)."""
    whole, fraction = digits(step)
    p = 0
    for digit in whole + fraction:
        p = 10 * p + digit
    return p, len(fraction)


def common_multiple(steps: Iterable[Decimal]) -> Decimal:
    """The smallest number that is a multiple of all steps: 0.4, 1 -> 2."""
    pairs = [scaled(step) for step in steps]
    k = max((k for _, k in pairs), default=0)
    p = lcm(*(p * 10 ** (k - less) for p, less in pairs))
    return Decimal((0, Decimal(p).as_tuple().digits, -k))


@remembered
def divisible(step: Decimal) -> Table:
    """The decimals that are multiples of `step`, which is positive.

    Raises InvalidGrammar for 0, LimitExceeded where the automaton needs too many rows.
    """
    p, k = scaled(step)
    if p == 0:
        raise InvalidGrammar("multipleOf must be more than 0")
    _refuse_large(p, k, step)
    if k == 0 and gcd(p, 10) == 1:
        return _by_remainder(p)
    power = [10**k]  # power[l] = 10^(l+k), for l = 0 ... L
    while power[-1] < p:
        power.append(10 * power[-1])
    rows = _Rows()
    nothing: Whole = (0,) * len(power)
    whole = rows.whole(nothing)
    for read in rows.wholes:
        row = rows.cells[rows.whole(read)]
        for digit in range(10):
            row[ZERO + digit] = rows.whole(_whole_after(read, digit, power, p))
        if read[0] is not None:
            row[POINT] = rows.fraction((k, read[0], False))
    for left, c, began in rows.fractions:
        row = rows.cells[rows.fraction((left, c, began))]
        for digit in range(10):
            after = _fraction_after(left, c, digit, p)
            if after is not None:
                row[ZERO + digit] = rows.fraction(after)

    cells = rows.cells
    cells[START][DIGITS] = cells[NEGATIVE][DIGITS] = cells[whole][DIGITS]
    cells[START][ZERO] = cells[NEGATIVE][ZERO] = _ZERO
    cells[START][MINUS] = NEGATIVE
    cells[_ZERO][POINT] = cells[whole][POINT]
    return Table(np.array(cells, np.int32), np.array(rows.labels, np.int32))


def _by_remainder(p: int) -> Table:
    """Multiples of a whole number that 2 and 5 do not divide: no two remainders are alike, so they are the rows."""
    first = _ZERO + 1  # the row of remainder 0
    point, zeros = first + p, first + p + 1
    step = np.full((zeros + 1, COLUMNS), DEAD, np.int32)
    step[first:point, DIGITS] = first + (10 * np.arange(p)[:, None] + np.arange(10)) % p
    step[START, DIGITS] = step[NEGATIVE, DIGITS] = step[first, DIGITS]
    step[START, ZERO] = step[NEGATIVE, ZERO] = _ZERO
    step[START, MINUS] = NEGATIVE
    step[[_ZERO, first], POINT] = point
    step[[point, zeros], ZERO] = zeros
    labels = np.full(len(step), REFUSES, np.int32)
    labels[[_ZERO, first, zeros]] = 0
    return Table(step, labels)


class _Rows:
    """Rows found so far; `wholes` and `fractions` grow while they are iterated over."""

    def __init__(self) -> None:
        self.cells: list[list[int]] = [[DEAD] * COLUMNS for _ in range(_ZERO + 1)]
        self.labels: list[int] = [REFUSES, REFUSES, REFUSES, 0]
        self.wholes: list[Whole] = []
        self.fractions: list[Fraction] = []
        self._number: dict[Whole | tuple[Fraction], int] = {}

    def whole(self, read: Whole) -> int:
        """The row of a text without a point."""
        row = self._number.get(read)
        if row is None:
            row = self._number[read] = self._add(read[0] == 0)
            self.wholes.append(read)
        return row

    def fraction(self, read: Fraction) -> int:
        """The row of a text with a point."""
        row = self._number.get((read,))
        if row is None:
            row = self._number[(read,)] = self._add(read[1] == 0 and read[2])
            self.fractions.append(read)
        return row

    def _add(self, accepts: bool) -> int:
        if len(self.cells) >= LIMIT:
            raise too_many_rows("multipleOf")
        self.cells.append([DEAD] * COLUMNS)
        self.labels.append(0 if accepts else REFUSES)
        return len(self.cells) - 1


def _whole_after(read: Whole, digit: int, power: list[int], p: int) -> Whole:
    last = read[-1]
    assert last is not None  # c(L) always is a w < 10^(L+k)
    after: list[int | None] = []
    for c, bound in zip(read[1:], power, strict=False):
        less = None if c is None else (c - digit * bound) % p
        after.append(less if less is not None and less < bound else None)
    after.append((10 * last - digit * power[-1]) % p)
    return tuple(after)


def _fraction_after(left: int, c: int, digit: int, p: int) -> Fraction | None:
    if left == 0:
        return (0, 0, True) if digit == 0 else None
    bound = 10 ** (left - 1)
    less = (c - digit * bound) % p
    return (left - 1, less, True) if less < bound else None


def _refuse_large(p: int, k: int, step: Decimal) -> None:
    """Raise LimitExceeded where rows are sure to exceed the limit, without building them.

    c(L) alone takes p / gcd(p, 10^(L+k)) values.
    """
    longest = 10 ** max(k, len(str(p)))
    if p // gcd(p, longest) > LIMIT:
        raise too_many_rows(f"multipleOf {step}")
