"""Number restrictions accept a text exactly if its value satisfies them."""

from decimal import Decimal

import numpy as np
import pytest

from constrained.automata.algebra import equivalent, minimise, shortest
from constrained.automata.dfa import Dfa
from constrained.errors import InvalidGrammar, LimitExceeded
from grammars.json_schema.number_multiples import divisible
from grammars.json_schema.numbers import (
    NumberBounds,
    any_number,
    as_decimal,
    at_least,
    at_most,
    decimals,
    integers,
    multiple_of,
    number_dfa,
    one_of,
)


def accepted(dfa: Dfa, texts: str) -> str:
    """Those of the texts, separated by spaces, that the automaton accepts."""
    return " ".join(text for text in texts.split() if dfa.accepts(text.encode()))


def between(low: str | None, high: str | None, **exclusive: bool) -> NumberBounds:
    return NumberBounds(
        low=None if low is None else Decimal(low), high=None if high is None else Decimal(high), **exclusive
    )


NOT_NUMBERS = "+1 01 -01 00 1. .5 -.5 - -- 1.2.3 1e 1e+ e5 0x1 1_000 ١ 1,5 NaN Infinity"


@pytest.mark.parametrize(
    ("universe", "yes", "no"),
    [
        (any_number(), "0 -0 7 -12 0.5 10.250 -0.0 1e5 1E+5 0e-07 12.5e007", NOT_NUMBERS),
        (decimals(), "0 -0 7 -12 0.5 10.250 -0.0", NOT_NUMBERS + " 1e5 1E+5"),
        (integers(), "0 -0 7 -12 1000", NOT_NUMBERS + " 1.0 1e5"),
        (integers(decimal_spelling=True), "0 -0 7 7.0 -0.00 1e5 2E+07 3.0e12", NOT_NUMBERS + " 1.5 1e-1 1.5e1 1e100"),
    ],
    ids=["any number", "decimals", "integers", "integers, decimal spelling"],
)
def test_universes(universe, yes, no):
    assert accepted(universe, yes) == yes
    assert accepted(universe, no) == ""


@pytest.mark.parametrize(
    ("dfa", "yes", "no"),
    [
        (at_least(Decimal(0)), "0 -0 0.0 -0.00 0.001 5 99999999999999999999", "-1 -0.001 -0.0001"),
        (at_least(Decimal(0), exclusive=True), "0.001 0.0001000 1", "0 -0 0.0 -0.0 -0.1 -1"),
        (at_most(Decimal(0)), "0 -0 0.0 -0.00 -0.001 -7", "0.001 1 10"),
        (at_most(Decimal(0), exclusive=True), "-0.001 -7", "0 -0 0.0 -0.0 0.1"),
        (at_least(Decimal(100)), "100 100.0 100.01 101 999 1000", "99 99.99 9 0 10 -100 -1000 0.100"),
        (at_least(Decimal(100), exclusive=True), "100.0001 101 1000", "100 100.00 99.9"),
        (at_most(Decimal(100)), "100 100.00 99.9999 9 0 -5 -1000", "100.001 101 1000"),
        (at_least(Decimal("-90.5")), "-90.5 -90.50 -90.49 -90 -9 0 90.51", "-90.51 -90.500001 -91 -100 -900"),
        (at_most(Decimal("-90.5")), "-90.5 -90.500 -90.51 -91 -100", "-90.49 -90 -9 -0 0 100"),
        (at_least(Decimal("0.1")), "0.1 0.10 0.100000001 0.2 1", "0.0999999 0.09 0 -0.1 -1"),
        (at_most(Decimal("0.1")), "0.1 0.10 0.0999999 0 -5", "0.1000001 0.11 1"),
        (at_least(Decimal("0.00120")), "0.0012 0.00120 0.01 1", "0.001 0.00119 0 0.0"),
        (one_of(frozenset({Decimal("1.50")})), "1.5 1.50 1.500", "1 1.05 15 -1.5 1.51"),
        (one_of(frozenset({Decimal(0)})), "0 -0 0.0 -0.00", "00 0. - 0.01 10"),
        (one_of(frozenset({Decimal("1e3")})), "1000 1000.0", "100 10000 1000.01"),
        (one_of(frozenset({Decimal(5), Decimal("5.03"), Decimal(-1)})), "5 5.0 5.00 5.03 5.030 -1 -1.0", "5. 5.3 1"),
        (one_of(frozenset()), "", "0 1"),
        (multiple_of(Decimal("0.01")), "0 1 -2 0.1 0.01 99.99 1.010 3.14000", "0.001 0.015 1.0001"),
        (multiple_of(Decimal("2.5")), "0 2.5 5 -7.5 10.0 12.50", "1 2 2.25 0.5 3.5 2.51"),
        (multiple_of(Decimal(7)), "0 7 -14 21.0 700 49", "1 8 7.7 0.7 71"),
        (multiple_of(Decimal(1_000_000)), "0 -0 1000000 23000000.00", "1 100000 10000001 1000000.5 0.1"),
        (multiple_of(Decimal("1e-8")), "1 0.00000001 -0.12345678 0.123456780", "0.000000001 0.123456789"),
        (multiple_of(Decimal("0.3")), "0 0.3 -0.60 1.2 3 30", "0.1 1 0.33 0.03 10"),
        (multiple_of(Decimal("1e2")), "0 100 -200.0", "10 150 1"),
    ],
)
def test_predicates_ignore_the_spelling(dfa, yes, no):
    assert accepted(dfa, yes) == yes
    assert accepted(dfa, no) == ""
    assert accepted(dfa, NOT_NUMBERS) == ""


@pytest.mark.parametrize(
    ("bounds", "yes", "no"),
    [
        (between("0", "100"), "0 -0 1 9 10 99 100", "-1 101 1000 200 00 5.0 1e1"),
        (between("1", "65535"), "1 9 65535 65529 9999 10000", "0 -0 65536 65540 66000 70000 100000"),
        (between("-5", "12"), "-5 -1 -0 0 9 10 12", "-6 -10 13 20 100"),
        (between("-1000", "-99"), "-99 -100 -999 -1000", "-98 -9 -1001 0 99 100"),
        (between("0.5", "3.5"), "1 2 3", "0 4 -1 30"),
        (between("0", "10", low_exclusive=True, high_exclusive=True), "1 9", "0 -0 10"),
        (
            between(None, "9007199254740991"),
            "9007199254740991 -99999999999999999 0",
            "9007199254740992 10000000000000000",
        ),
        (between("7", "7"), "7", "6 8 70 77 -7"),
    ],
)
def test_integer_ranges(bounds, yes, no):
    dfa = number_dfa(integer=True, bounds=bounds)
    assert accepted(dfa, yes) == yes
    assert accepted(dfa, no) == ""


@pytest.mark.parametrize(
    ("bounds", "yes", "no"),
    [
        (between("0", None), "1e5 1e-400 5e-324 1.7976931348623157e+308 9E0", "-1e5 -1e-5 10e5 0.1e5 0e0"),
        (between("0", None, low_exclusive=True), "1e5 1e-300 2.3e-308", "-1e5 1e-400 5e-324"),
        (between("1e-9", "4.3"), "1e-9 1e-09 1.0E-9 4.3e0 4.30e+00 2e-1", "9.99e-10 1e-10 4.31e0 1e1 1e+100"),
        (between("-250", "-0.5"), "-5e-1 -2.5e2 -2.49e+02 -1e-0", "-4.9e-1 -2.51e2 -1e3 1e0 5e-1"),
        (between("-0.02", "30"), "-2e-2 1e-9 3e1 -1e-99", "-2.1e-2 -3e-2 -1e-1 3.1e1 1e2"),
    ],
)
def test_bounds_alone_allow_scientific_texts(bounds, yes, no):
    dfa = number_dfa(integer=False, bounds=bounds)
    assert accepted(dfa, yes) == yes
    assert accepted(dfa, no) == ""


@pytest.mark.parametrize(
    ("restrictions", "yes", "no"),
    [
        ({"multiples": frozenset({Decimal(5)})}, "0 5 10", "1 1e1 5e0 5.0"),
        ({"multiples": frozenset({Decimal("2.5"), Decimal(4)})}, "0 20 -40", "10 4 5 20.0"),
        ({"multiples": frozenset({Decimal(3)}), "bounds": between("10", "20")}, "12 15 18", "9 10 21 12.0"),
        ({"decimal_integers": True, "bounds": between("0", "3")}, "0 1.0 -0.0 3.00", "4 1.5 3.01 1e0"),
        ({"decimal_integers": True}, "0 1.0 1e2", "1.5 15e-1"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_integers_under_other_restrictions(restrictions, yes, no):
    dfa = number_dfa(integer=True, **restrictions)
    assert accepted(dfa, yes) == yes
    assert accepted(dfa, no) == ""


@pytest.mark.parametrize(
    ("chosen", "yes", "no"),
    [
        ("1e196", "1e196 1E+196 1.0e196 1" + 196 * "0", "1e195 1e0196 10e195 1e-196 1.1e196"),
        ("-2.5e-7", "-2.5e-7 -2.500E-07 -0.00000025 -2.5e-007", "2.5e-7 -2.5e7 -25e-8 -2.5e-0007"),
        ("1", "1 1.0 1e0 1.00E-0 1e+00", "10e-1 0.1e1 1e1"),
        ("0", "0 -0 0.0", "0e0 0e5 1e-999"),
        ("5 5.03 50 5000", "5e0 5.00e0 5.03e0 5.030E0 5e1 5.0e3 5.00e03", "5.03e1 5e2 5.3e0 5.003e0"),
        ("1e1500", "1" + 1500 * "0", "1e150 1e1500 1e500"),
    ],
    ids=["large", "small", "one", "zero", "along the digits of another", "beyond three digits"],
)  # fmt: skip
def test_constants_are_written_in_scientific_texts_too(chosen, yes, no):
    values = frozenset(map(Decimal, chosen.split()))
    assert accepted(one_of(values), yes) == yes
    assert accepted(one_of(values), no) == ""


@pytest.mark.parametrize(
    ("exact", "wide", "told", "not_told"),
    [
        (one_of(frozenset({Decimal(5)})), one_of(frozenset({Decimal(5)}), wide=True), "5 5.0 5e0 4 4e0", "50e-1 40e-1"),
        (
            number_dfa(integer=False, bounds=between("0", None, low_exclusive=True)),
            number_dfa(integer=False, bounds=between("0", None, low_exclusive=True), wide=True),
            "0 1 1e-9 -1 -1e5",
            "0.1e5 -10e1 1e-400 -1e-400",
        ),
        (
            number_dfa(integer=False, multiples=frozenset({Decimal(3)})),
            number_dfa(integer=False, multiples=frozenset({Decimal(3)}), wide=True),
            "3 3.0 4 -1.5",
            "3e0 4e0 30e-1",
        ),
        (number_dfa(integer=True), number_dfa(integer=True, wide=True), "3 1.5 3.0", "3e0 15e-1"),
    ],
    ids=["constants", "bounds", "multiples", "integers"],
)
def test_what_cannot_be_told_is_in_the_wide_form_alone(exact, wide, told, not_told):
    assert accepted(exact, told) == accepted(wide, told)
    assert accepted(exact, not_told) == ""
    assert accepted(wide, not_told) == not_told


def test_nothing_restricts_means_any_number():
    assert number_dfa(integer=False) is any_number()
    assert number_dfa(integer=False, bounds=NumberBounds(low_exclusive=True)) is any_number()
    assert equivalent(number_dfa(integer=True), integers())


@pytest.mark.parametrize(
    ("integer", "restrictions"),
    [
        (False, {"bounds": between("3", "3", high_exclusive=True)}),
        (False, {"bounds": between("3", "2.99")}),
        (True, {"bounds": between("2.1", "2.9")}),
        (True, {"bounds": between("3", "4", low_exclusive=True, high_exclusive=True)}),
        (True, {"bounds": between("1", "6"), "multiples": frozenset({Decimal(7)})}),
        (False, {"bounds": between("0", "0", low_exclusive=True)}),
    ],
)
def test_contradictions_are_empty(integer, restrictions):
    dfa = number_dfa(integer=integer, **restrictions)
    dfa.check()
    assert dfa.is_empty
    assert dfa.rows == 2


def test_bounds_less_than_a_millionth_apart_leave_room():
    dfa = number_dfa(integer=False, bounds=between("3", "3.0000001", low_exclusive=True, high_exclusive=True))
    assert shortest(dfa) == b"3.00000001"


@pytest.mark.parametrize("bound", ["1e308", "-1e308", "1e-308", "123456789" * 30, "-0." + "123456789" * 30])
def test_huge_and_tiny_bounds(bound):
    text = format(Decimal(bound), "f").encode()
    for dfa in (
        at_least(Decimal(bound)),
        at_most(Decimal(bound)),
        number_dfa(integer=False, bounds=between(bound, bound)),
    ):
        dfa.check()
        assert dfa.accepts(text)
    assert not at_least(Decimal(bound), exclusive=True).accepts(text)


@pytest.mark.parametrize(
    "build",
    [
        lambda: at_least(Decimal("1e50000")),
        lambda: at_most(Decimal("1e-999999999")),
        lambda: one_of(frozenset({Decimal("1e999999")})),
        lambda: multiple_of(Decimal(100_003)),
        lambda: multiple_of(Decimal(2**61 - 1)),
        lambda: multiple_of(Decimal("0.123456789123456789")),
        lambda: number_dfa(integer=True, multiples=frozenset(map(Decimal, (997, 991, 983)))),
    ],
)
def test_too_many_rows_are_refused(build):
    with pytest.raises(LimitExceeded):
        build()


def test_steps_are_positive():
    with pytest.raises(InvalidGrammar):
        multiple_of(Decimal(0))


@pytest.mark.parametrize(
    ("step", "rows"), [(1, 7), (2, 8), (4, 9), (5, 8), (7, 13), (10, 8), (12, 13), (96, 36), (1000, 10), (10**6, 13)]
)
def test_divisibility_is_built_with_no_more_rows_than_it_needs(step, rows):
    assert len(divisible(Decimal(step)).step) == rows == multiple_of(Decimal(step)).rows


@pytest.mark.parametrize(
    "dfa",
    [
        any_number(),
        decimals(),
        integers(decimal_spelling=True),
        at_least(Decimal("-90.5")),
        one_of(frozenset(map(Decimal, ("1", "1.5", "15", "0", "-2e3")))),
        multiple_of(Decimal("0.3")),
        number_dfa(integer=False, bounds=between("-1.5", "30")),
        number_dfa(integer=True, bounds=between("1", "65535")),
    ],
)
def test_automata_are_trim_and_canonical(dfa):
    dfa.check()
    canonical = minimise(dfa)
    np.testing.assert_array_equal(dfa.classes, canonical.classes)
    np.testing.assert_array_equal(dfa.step, canonical.step)
    np.testing.assert_array_equal(dfa.labels, canonical.labels)


@pytest.mark.parametrize(
    ("number", "value"),
    [(0.1, "0.1"), (1e308, "1e308"), (5, "5"), (-0.0, "0"), (10**400, "1e400"), (Decimal("1.10"), "1.1")],
)
def test_a_number_means_what_the_schema_wrote(number, value):
    assert as_decimal(number) == Decimal(value)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), Decimal("Infinity")])
def test_infinity_is_not_a_number(number):
    with pytest.raises(InvalidGrammar):
        as_decimal(number)


def test_equal_restrictions_are_built_once():
    bounds = between("0", "255")
    assert number_dfa(integer=True, bounds=bounds) is number_dfa(integer=True, bounds=between("0.0", "255"))


def test_thousands_of_values():
    values = frozenset(Decimal(number * 7919 % 1_000_003) for number in range(3_000))
    dfa = one_of(values)
    assert all(dfa.accepts(str(value).encode()) for value in values)
    assert sum(dfa.accepts(str(number).encode()) for number in range(2_000)) == sum(v < 2_000 for v in values)
