"""Automata over the text of JSON numbers: bounds, multipleOf, const and any combination.

    number_dfa(integer=True, bounds=NumberBounds(low=Decimal(0), high=Decimal(255)))

    text      -?(0|[1-9][0-9]*)  (\\.[0-9]+)?  ([eE][+-]?[0-9]+)?
              integers           decimals     any number

Texts stand for values, so a restriction accepts every spelling of a value or none: 1, 1.0 and 1.00;
-0 wherever 0 is. All restrictions are exact on decimals. With an exponent it depends:

    nothing restricts the value     every exponent of at most three digits
    bounds, values                  scientific texts, with one digit other than 0 before the point:
                                    1e-9, 6.02e+23, exponents likewise. Not 60e1, which would take a counter
    multiples                       none
    integers                        none, or with `decimal_integers` 1e2, if only `integer` restricts

What an automaton cannot tell it refuses. A complement would let it through, so each restriction also has a
`wide` form, which accepts what it cannot tell: the complement of that is right.

    both(any_number(), complement of one_of({5}, wide=True))      every number but 5, as 4, 4.0 or 4e0, not 40e-1

Reading order: number_text (the alphabet), number_order (comparison with a constant),
number_multiples (divisibility), number_values (constants).
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, reduce

import numpy as np

from constrained.automata.algebra import Builder, difference, intersect, union
from constrained.automata.dfa import REFUSES, Dfa
from constrained.automata.regex import compile_rust
from constrained.automata.remembered import remembered
from constrained.errors import InvalidGrammar
from grammars.json_schema.number_multiples import common_multiple, divisible
from grammars.json_schema.number_order import ABOVE, BELOW, EQUAL, decimal_order, order
from grammars.json_schema.number_text import BYTES, MOST_ZEROS, POINT, Table, both, either, of_dfa
from grammars.json_schema.number_values import LONGEST_EXPONENT, decimal_texts, scientific_texts

_DIGITS = b"0123456789"
# In scientific texts, more than 0 means at least the smallest number that doubles hold with full
# precision: programs read 1e-400 as 0.
_LEAST = Decimal("2.2250738585072014e-308")

_LONG = 345  # digits: no double is written with more, however small or large


def as_decimal(number: int | float | Decimal) -> Decimal:
    """The value of a number as its text in the schema says: 0.1 is one tenth.

    Raises InvalidGrammar for infinity (what Python reads for 1e400) and NaN.
    """
    value = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    if not value.is_finite():
        raise InvalidGrammar(f"{number} is not a finite number", hint="numbers beyond 1.8e308 are not supported")
    return value


@dataclass(frozen=True, slots=True)
class NumberBounds:
    """low <= value <= high, or < where exclusive; None where there is no bound."""

    low: Decimal | None = None
    low_exclusive: bool = False
    high: Decimal | None = None
    high_exclusive: bool = False


@lru_cache(maxsize=1)
def any_number() -> Dfa:
    """Every JSON number text with an exponent of at most three digits: more than any reader can hold."""
    return _number_texts(fraction=_DIGITS, exponent_sign=b"+-", longest_exponent=LONGEST_EXPONENT)


@lru_cache(maxsize=1)
def decimals() -> Dfa:
    """Every JSON number text without an exponent."""
    return _number_texts(fraction=_DIGITS)


@lru_cache(maxsize=2)
def integers(decimal_spelling: bool = False) -> Dfa:
    """Number texts of integers: 7, -0; with `decimal_spelling` also 7.0, 7e2 and 7.00E+02.

    Exponents have no sign but plus and two digits at most, so that they stay integers for readers
    who take them for doubles.
    """
    if decimal_spelling:
        return _number_texts(fraction=b"0", exponent_sign=b"+", longest_exponent=2)
    return _number_texts()


def _number_texts(fraction: bytes = b"", exponent_sign: bytes = b"", longest_exponent: int = 0) -> Dfa:
    """`-?(0|[1-9][0-9]*)`, then a fraction of those digits, then an exponent of 0 to that many digits."""
    draw = Builder()
    start, minus, zero, whole = draw.row(), draw.row(), draw.row(0), draw.row(0)
    ends = [zero, whole]
    draw.edge(start, b"-", minus)
    for row in (start, minus):
        draw.edge(row, b"0", zero)
        draw.edge(row, _DIGITS[1:], whole)
    draw.edge(whole, _DIGITS, whole)
    if fraction:
        point, decimal = draw.row(), draw.row(0)
        for row in (zero, whole):
            draw.edge(row, b".", point)
        for row in (point, decimal):
            draw.edge(row, fraction, decimal)
        ends.append(decimal)
    if longest_exponent != 0:
        letter, sign = draw.row(), draw.row()
        for row in ends:
            draw.edge(row, b"eE", letter)
        draw.edge(letter, exponent_sign, sign)
        digits = [draw.row(0) for _ in range(longest_exponent)]
        for row, after in zip((letter, sign, *digits), (digits[0], *digits), strict=False):
            draw.edge(row, _DIGITS, after)
    return draw.finish()


@remembered
def at_least(bound: Decimal, *, exclusive: bool = False) -> Dfa:
    """The decimals >= bound, or > bound. Raises LimitExceeded for thousands of digits."""
    return _keep(decimal_order(bound), ABOVE, None if exclusive else EQUAL).finish()


@remembered
def at_most(bound: Decimal, *, exclusive: bool = False) -> Dfa:
    """The decimals <= bound, or < bound. Raises LimitExceeded for thousands of digits."""
    return _keep(decimal_order(bound), BELOW, None if exclusive else EQUAL).finish()


@lru_cache(maxsize=1)
def _comparable() -> Dfa:
    """Decimals and scientific texts."""
    return both(order(Decimal(0)), _all_numbers()).finish()


@lru_cache(maxsize=1)
def incomparable() -> Dfa:
    """Number texts that are not compared with constants: such as 50e-1, and scientific ones so small that
    programs may read them as 0."""
    near = both(_keep(order(_LEAST), BELOW), _keep(order(-_LEAST), ABOVE))
    tiny = difference(both(near, _all_numbers()).finish(), decimals())
    return union(tiny, difference(any_number(), _comparable()))


@lru_cache(maxsize=1)
def _with_exponent() -> Dfa:
    return difference(any_number(), decimals())


@lru_cache(maxsize=1)
def other_spellings() -> Dfa:
    """All texts of numbers but one of each: 1.5 and not 1.50 or 15e-1, 0 and not -0."""
    return difference(any_number(), compile_rust(r"0|-?[1-9][0-9]*|-?(0|[1-9][0-9]*)\.[0-9]*[1-9]"))


def is_long(value: Decimal) -> bool:
    """Has a number so many digits, written without an exponent, that it is not told from others like it?"""
    return _has_more_digits(value, _LONG)


def is_huge(value: Decimal) -> bool:
    """Has a number more digits, written without an exponent, than any automaton is made for?"""
    return _has_more_digits(value, MOST_ZEROS)


def _has_more_digits(value: Decimal, many: int) -> bool:
    if not value or abs(value.adjusted()) > many:
        return bool(value)  # 0e999 is 0
    _, found, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    return max(len(found), -exponent) > many


@lru_cache(maxsize=1)
def perhaps_long() -> Dfa:
    """The texts that may stand for a long number, or cannot be compared: in others, no digit is so far out."""
    draw = Builder()
    row = draw.row()
    for index in range(_LONG - 100 + 1):
        row, before = draw.row(0 if index == _LONG - 100 else REFUSES), row
        draw.edge(before, BYTES[1:] + b"E", row)
    draw.edge(row, BYTES[1:] + b"E", row)
    of_two_digits = _number_texts(_DIGITS, b"+-", 2)
    long = intersect(any_number(), draw.finish())
    return reduce(union, (difference(any_number(), of_two_digits), long, incomparable()))


@remembered
def one_of(chosen: frozenset[Decimal], *, wide: bool = False) -> Dfa:
    """The decimals and scientific texts that stand for one of `chosen`, which may be thousands."""
    found = either(decimal_texts(chosen), scientific_texts(chosen)).finish()
    return union(found, incomparable()) if wide and chosen else found


@remembered
def multiple_of(step: Decimal) -> Dfa:
    """The decimals that are a positive `step` times an integer. Raises LimitExceeded where that takes too many rows."""
    return divisible(step).finish()


@remembered
def number_dfa(
    *,
    integer: bool,
    bounds: NumberBounds | None = None,
    multiples: frozenset[Decimal] = frozenset(),
    decimal_integers: bool = False,
    wide: bool = False,
) -> Dfa:
    """Number texts that satisfy all of it; `is_empty` where none does.

    integer           only integers; `decimal_integers` allows them to be written 1.0
    bounds            the value lies between
    multiples         each of these positive steps divides the value
    wide              what cannot be told is accepted

    Raises LimitExceeded beyond `number_text.LIMIT` rows, InvalidGrammar for a step of 0.
    """
    if bounds is None:
        bounds = NumberBounds()
    if bounds.low is None and bounds.high is None and not multiples:
        found = integers(decimal_integers) if integer else any_number()
        return union(found, _with_exponent()) if wide and integer else found
    whole_only = integer and not decimal_integers
    by_value = integer or bool(multiples)
    parts = _bounded(bounds, scientific=not by_value)
    if steps := multiples | {Decimal(1)} if integer else multiples:
        step = common_multiple(steps)
        if step != 1 or not whole_only:  # without a fraction, 1 divides every text
            parts.append(divisible(step))
    table = reduce(both, parts or [of_dfa(decimals())])
    if whole_only:
        table = table.without(POINT)
    found = table.finish()
    return union(found, _with_exponent() if by_value else incomparable()) if wide else found


def _bounded(bounds: NumberBounds, *, scientific: bool) -> list[Table]:
    parts: list[Table] = []
    for bound, exclusive, side in (
        (bounds.low, bounds.low_exclusive, ABOVE),
        (bounds.high, bounds.high_exclusive, BELOW),
    ):
        if bound is None:
            continue
        if not scientific:
            compared = decimal_order(bound)
        elif exclusive and bound == 0:
            compared = order(bound, _LEAST if side == ABOVE else -_LEAST)
        else:
            compared = order(bound)
        parts.append(_keep(compared, side, None if exclusive else EQUAL))
    if scientific and parts:
        parts.append(_all_numbers())
    return parts


@lru_cache(maxsize=1)
def _all_numbers() -> Table:
    return of_dfa(any_number())


def _keep(table: Table, *labels: int | None) -> Table:
    """The texts with one of these labels, labelled 0."""
    names = np.full(4, REFUSES, np.int32)  # indexed by BELOW, EQUAL, ABOVE; REFUSES (-1) is the last
    names[[label for label in labels if label is not None]] = 0
    return Table(table.step, names[table.labels])
