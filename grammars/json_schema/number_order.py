"""Comparing a number text with a constant, digit by digit.

`decimal_order(c)` accepts every decimal and says by its label where its value lies:

    BELOW  value < c        EQUAL  value = c        ABOVE  value > c

Idea, for c = 42.5.  The sign decides, or the number of digits does, or the first digit that
differs; so a row knows how many digits were read and how they compare with those of c:

    digits read     1                2                      3 or more
                    4     equal      42      equal          ABOVE
                    1..3  less       1x..41  less
                    5..9  more       43..9x  more

    at the end      BELOW            less BELOW, equal -> fraction, more ABOVE
    fraction        .  equal so far: compare with 5, then any zeros are EQUAL, anything else ABOVE

On the other side of zero the text is on one side of c whatever its digits; that side is called
*under* here, because its magnitudes count as less than |c|, and the other *over*.

`order(c)` reads *scientific* texts too, `-?[1-9](\\.[0-9]+)?[eE][+-]?[0-9]+`, the form in which
programs write very large and very small numbers: there the exponent decides, or else the mantissa.
Other texts with an exponent, such as `50e-1`, are not regular to compare, and refused.
"""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from constrained.automata.dfa import DEAD, REFUSES, START
from constrained.automata.remembered import remembered
from grammars.json_schema.number_text import (
    COLUMNS,
    DIGITS,
    EXPONENT,
    MINUS,
    NEGATIVE,
    NONZERO,
    PLUS,
    POINT,
    ZERO,
    Table,
    digits,
    either,
    of_dfa,
)

BELOW, EQUAL, ABOVE = 0, 1, 2

_LESS, _SAME, _MORE = 0, 1, 2  # how the digits read compare with the constant's

# The rows of `decimal_order` that do not depend on the constant. *_WHOLE, *_POINT and *_FRACTION
# are decimals already known to be on one side; FAR_* start with 0 on the other side of zero.
_FAR_ZERO, _FAR_POINT, _FAR_ZEROS = 3, 4, 5
_UNDER_WHOLE, _UNDER_POINT, _UNDER_FRACTION = 6, 7, 8
_OVER_WHOLE, _OVER_POINT, _OVER_FRACTION = 9, 10, 11
_NEAR_ZERO, _FRACTION = 12, 13


def _decimal_rows() -> NDArray[np.int32]:
    step = np.zeros((_FRACTION, COLUMNS), np.int32)
    step[START, MINUS] = NEGATIVE
    step[_FAR_ZERO, POINT] = _FAR_POINT
    step[[_FAR_POINT, _FAR_ZEROS], ZERO] = _FAR_ZEROS
    step[[_FAR_POINT, _FAR_ZEROS], NONZERO] = _UNDER_FRACTION
    for whole, point, fraction in (
        (_UNDER_WHOLE, _UNDER_POINT, _UNDER_FRACTION),
        (_OVER_WHOLE, _OVER_POINT, _OVER_FRACTION),
    ):
        step[whole, DIGITS] = whole
        step[whole, POINT] = point
        step[[point, fraction], DIGITS] = fraction
    return step


_DECIMAL_ROWS = _decimal_rows()
_DIGIT = np.arange(10, dtype=np.int32)


@remembered
def decimal_order(constant: Decimal) -> Table:
    """Every decimal, labelled BELOW, EQUAL or ABOVE the constant."""
    whole, fraction = digits(constant)
    length, chain = len(whole), max(1, len(fraction)) + 1
    block = _FRACTION + chain  # rows LESS, SAME, MORE after 1 digit, after 2, ...
    step = np.zeros((block + 3 * length, COLUMNS), np.int32)
    labels = np.empty(len(step), np.int32)
    step[:_FRACTION] = _DECIMAL_ROWS
    near, far = (NEGATIVE, START) if constant < 0 else (START, NEGATIVE)
    under, over = (ABOVE, BELOW) if constant < 0 else (BELOW, ABOVE)
    at_point = under if fraction else EQUAL  # the label of a text that ends with the constant's whole part

    step[far, ZERO] = _FAR_ZERO
    step[far, NONZERO] = _UNDER_WHOLE
    step[near, ZERO] = _NEAR_ZERO
    step[near, NONZERO] = _OVER_WHOLE
    step[_NEAR_ZERO, POINT] = _UNDER_POINT if whole else _FRACTION
    labels[:] = under
    labels[[DEAD, START, NEGATIVE, _FAR_POINT, _UNDER_POINT, _OVER_POINT, _FRACTION]] = REFUSES
    labels[_OVER_WHOLE] = labels[_OVER_FRACTION] = over
    if not constant:
        labels[[_FAR_ZERO, _FAR_ZEROS, _NEAR_ZERO]] = EQUAL
    _fill_chain(step[_FRACTION:block], _FRACTION, fraction, _UNDER_FRACTION, _OVER_FRACTION)
    labels[block - 1] = EQUAL
    if length:
        _fill_whole(step, block, near, whole)
        labels[-2:] = at_point, over
    return Table(step, labels)


def _fill_chain(rows: NDArray[np.int32], first: int, expected: tuple[int, ...], less: int, more: int) -> None:
    """Rows `first`, `first + 1`, ...: i digits read, all as expected; after the last, zeros loop."""
    wanted = np.zeros((len(rows), 1), np.int32)
    wanted[: len(expected), 0] = expected
    following = np.arange(first + 1, first + len(rows) + 1, dtype=np.int32)[:, None]
    following[-1] = first + len(rows) - 1
    rows[:, DIGITS] = np.where(wanted == _DIGIT, following, np.where(wanted > _DIGIT, less, more))


def _fill_whole(step: NDArray[np.int32], block: int, near: int, whole: tuple[int, ...]) -> None:
    """Rows from `block`: three for each number of digits read of the constant's whole part."""
    length = len(whole)
    rows = step[block:].reshape(length, 3, COLUMNS)
    compared = np.sign(_DIGIT - np.array(whole, np.int32)[:, None]) + 1  # (L, 10) LESS, SAME or MORE
    target = compared + np.arange(block, block + 3 * length, 3, dtype=np.int32)[:, None]  # (L, 10)
    step[near, NONZERO] = target[0, 1:]
    ahead = np.arange(block + 3, block + 3 * length, 3, dtype=np.int32)[:, None]  # (L - 1, 1)
    rows[:-1, _LESS, DIGITS] = ahead + _LESS
    rows[:-1, _SAME, DIGITS] = target[1:]
    rows[:-1, _MORE, DIGITS] = ahead + _MORE
    rows[:-1, :, POINT] = _UNDER_POINT
    rows[-1, :, DIGITS] = _OVER_WHOLE
    rows[-1, :, POINT] = _UNDER_POINT, _FRACTION, _OVER_POINT


@remembered
def order(constant: Decimal, scientific: Decimal | None = None) -> Table:
    """Every decimal and every scientific text, labelled BELOW, EQUAL or ABOVE the constant.

    Scientific texts are compared with `scientific` instead, where that is given.
    """
    return either(decimal_order(constant), _scientific_order(constant if scientific is None else scientific))


# The rows of `_scientific_order` that do not depend on the constant: after the first digit, the
# point, digits of the fraction, when it is known how the mantissa compares. FAR: whatever it is.
_FAR, _LESS_MANTISSA, _MORE_MANTISSA, _SAME_MANTISSA = 3, 6, 9, 12


def _scientific_rows() -> NDArray[np.int32]:
    step = np.zeros((_SAME_MANTISSA, COLUMNS), np.int32)
    step[START, MINUS] = NEGATIVE
    for first in (_FAR, _LESS_MANTISSA, _MORE_MANTISSA):
        step[first, POINT] = first + 1
        step[[first + 1, first + 2], DIGITS] = first + 2
    return step


_SCIENTIFIC_ROWS = _scientific_rows()


@remembered
def _scientific_order(constant: Decimal) -> Table:
    """Every scientific text, labelled BELOW, EQUAL or ABOVE the constant.

    The mantissa is compared first (rows of *_MANTISSA, then a chain), and one copy of the
    exponent's automaton follows for each outcome.
    """
    near, far = (NEGATIVE, START) if constant < 0 else (START, NEGATIVE)
    under, over = (ABOVE, BELOW) if constant < 0 else (BELOW, ABOVE)
    mantissa = _mantissa(constant)
    rest = mantissa[1:]
    chain = _SAME_MANTISSA + 1  # after the point; _SAME_MANTISSA itself is after the first digit
    tails = chain + max(1, len(rest)) + 1
    exponent = _exponent_order(constant.adjusted() if constant else 0)
    size = len(exponent.step) - 1
    tail = np.arange(tails, tails + 4 * size, size, dtype=np.int32)  # after `e`: FAR, LESS, MORE, SAME
    step = np.zeros((tails + 4 * size, COLUMNS), np.int32)
    labels = np.full(len(step), REFUSES, np.int32)
    step[:_SAME_MANTISSA] = _SCIENTIFIC_ROWS
    copies = step[tails:].reshape(4, size, COLUMNS)
    np.add(exponent.step[1:], tail[:, None, None] - 1, out=copies, where=exponent.step[1:] != 0)
    labels[tails:] = _OUTCOMES[under, over, bool(constant)][:, exponent.labels[1:]].ravel()

    step[far, NONZERO] = _FAR
    step[near, NONZERO] = np.where(_DIGIT[1:] < mantissa[0], _LESS_MANTISSA, _MORE_MANTISSA)
    if constant:
        step[near, ZERO + mantissa[0]] = _SAME_MANTISSA
    step[_SAME_MANTISSA, POINT] = chain
    _fill_chain(step[chain:tails], chain, rest, _LESS_MANTISSA + 2, _MORE_MANTISSA + 2)
    knowing = np.array([_FAR, _LESS_MANTISSA, _MORE_MANTISSA])
    step[knowing, EXPONENT] = step[knowing + 2, EXPONENT] = tail[:3]
    step[_SAME_MANTISSA, EXPONENT] = tail[1] if rest else tail[3]
    step[chain + 1 : tails, EXPONENT] = tail[1]  # a part of the mantissa is less than all of it
    step[tails - 1, EXPONENT] = tail[3]
    return Table(step, labels)


def _mantissa(constant: Decimal) -> tuple[int, ...]:
    read = constant.as_tuple().digits
    end = len(read)
    while end > 1 and read[end - 1] == 0:
        end -= 1
    return read[:end]


def _outcomes(under: int, over: int, nonzero: bool) -> NDArray[np.int32]:
    """(4, 4) mantissa FAR, LESS, MORE, SAME; exponent BELOW, EQUAL, ABOVE, REFUSES (-1) -> label."""
    if nonzero:
        less, same, more = ([under, label, over, REFUSES] for label in (under, EQUAL, over))
    else:  # no scientific text is 0, so the sign decides
        less = more = same = [over, over, over, REFUSES]
    return np.array([[under, under, under, REFUSES], less, more, same], np.int32)


_OUTCOMES = {
    (under, over, nonzero): _outcomes(under, over, nonzero)
    for under, over in ((BELOW, ABOVE), (ABOVE, BELOW))
    for nonzero in (True, False)
}


@remembered
def _exponent_order(constant: int) -> Table:
    """Every exponent `[+-]?[0-9]+`, labelled BELOW, EQUAL or ABOVE the constant; canonical.

    `decimal_order` without fractions, with a plus sign and with leading zeros.
    """
    whole = decimal_order(Decimal(constant)).without(POINT)
    step = np.vstack([whole.step, whole.step[START]])
    labels = np.append(whole.labels, np.int32(REFUSES))
    near, far = (NEGATIVE, START) if constant < 0 else (START, NEGATIVE)
    step[_NEAR_ZERO, DIGITS] = step[near, DIGITS]
    step[_FAR_ZERO, DIGITS] = step[far, DIGITS]
    step[-1, MINUS] = DEAD
    step[START, PLUS] = len(step) - 1
    return of_dfa(Table(step, labels).finish())
