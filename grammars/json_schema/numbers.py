"""Automata over the text of JSON numbers: bounds, multipleOf, const and any combination.

    number_dfa(integer=True, bounds=NumberBounds(low=Decimal(0), high=Decimal(255)))

    text      -?(0|[1-9][0-9]*)  (\\.[0-9]+)?  ([eE][+-]?[0-9]+)?
              integers           decimals     any number

Texts stand for values, so a restriction accepts every spelling of a value or none: 1, 1.0 and 1.00;
-0 wherever 0 is. All restrictions are exact on decimals. With an exponent it depends:

    nothing restricts the value     every exponent of at most three digits
    only bounds                     scientific texts, with one digit other than 0 before the point:
                                    1e-9, 6.02e+23, exponents likewise. Not 60e1, which would take a counter
    multiples, excluded values      none
    integers                        none, or with `decimal_integers` 1e2, if only `integer` restricts

Because of this, complements are to be asked for here (bounds the other way round, `excluded`,
`not_multiples`) or taken within `decimals()`: `difference(any_number(), ...)` would let exponents
through. Intersections of automata made here are exact.

Reading order: number_text (the alphabet), number_order (comparison with a constant),
number_multiples (divisibility).
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, reduce

import numpy as np

from constrained.automata.algebra import Builder
from constrained.automata.dfa import REFUSES, Dfa
from constrained.automata.remembered import remembered
from constrained.errors import InvalidGrammar
from grammars.json_schema.number_multiples import common_multiple, divisible
from grammars.json_schema.number_order import ABOVE, BELOW, EQUAL, decimal_order, order
from grammars.json_schema.number_text import POINT, Table, both, first_only, of_dfa, values

_DIGITS = b"0123456789"
# In scientific texts, more than 0 means at least the smallest number that doubles hold with full
# precision: programs read 1e-400 as 0.
_LEAST = Decimal("2.2250738585072014e-308")


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
    return _number_texts(fraction=_DIGITS, exponent_sign=b"+-", longest_exponent=3)


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


def equal_to(value: Decimal) -> Dfa:
    """The decimals that stand for `value`: 5, 5.0, 5.00."""
    return one_of(frozenset((value,)))


@remembered
def one_of(chosen: frozenset[Decimal]) -> Dfa:
    """The decimals that stand for one of `chosen`, which may be thousands."""
    return values(chosen).finish()


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
    excluded: frozenset[Decimal] = frozenset(),
    not_multiples: frozenset[Decimal] = frozenset(),
    decimal_integers: bool = False,
) -> Dfa:
    """Number texts that satisfy all of it; `is_empty` where none does.

    integer           only integers; `decimal_integers` allows them to be written 1.0
    bounds            the value lies between
    multiples         each of these positive steps divides the value
    excluded          the value is none of these
    not_multiples     none of these steps divides the value: {1} for "not an integer"

    Raises LimitExceeded beyond `number_text.LIMIT` rows, InvalidGrammar for a step of 0.
    """
    if bounds is None:
        bounds = NumberBounds()
    by_value = bool(multiples or excluded or not_multiples)
    if bounds.low is None and bounds.high is None and not by_value:
        return integers(decimal_integers) if integer else any_number()
    whole_only = integer and not decimal_integers
    parts = _bounded(bounds, scientific=not integer and not by_value)
    if steps := multiples | {Decimal(1)} if integer else multiples:
        step = common_multiple(steps)
        if step != 1 or not whole_only:  # without a fraction, 1 divides every text
            parts.append(divisible(step))
    table = reduce(both, parts or [_all_decimals()])
    if excluded:
        table = first_only(table, values(excluded))
    for step in sorted(not_multiples):
        table = first_only(table, divisible(step))
    if whole_only:
        table = table.without(POINT)
    return table.finish()


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


@lru_cache(maxsize=1)
def _all_decimals() -> Table:
    return of_dfa(decimals())


def _keep(table: Table, *labels: int | None) -> Table:
    """The texts with one of these labels, labelled 0."""
    names = np.full(4, REFUSES, np.int32)  # indexed by BELOW, EQUAL, ABOVE; REFUSES (-1) is the last
    names[[label for label in labels if label is not None]] = 0
    return Table(table.step, names[table.labels])
