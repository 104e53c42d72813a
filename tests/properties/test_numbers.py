"""A text is accepted exactly if its value satisfies the restrictions: exact fractions are the judge."""

import re
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from constrained.automata.algebra import shortest
from constrained.automata.dfa import START, Dfa, Row
from constrained.errors import LimitExceeded
from grammars.json_schema.numbers import NumberBounds, at_least, at_most, multiple_of, number_dfa, one_of

DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
SCIENTIFIC = re.compile(r"-?[1-9](\.[0-9]+)?[eE][+-]?[0-9]+")

wholes = st.one_of(st.just("0"), st.integers(1, 12_000).map(str), st.integers(0, 6).map(lambda n: str(10**n)))
fractions = st.one_of(
    st.just(""),
    st.text("0123456789", min_size=1, max_size=4).map(lambda digits: "." + digits),
    st.text("0", min_size=1, max_size=3).map(lambda digits: "." + digits),
)
decimal_texts = st.builds("{}{}{}".format, st.sampled_from(["", "-"]), wholes, fractions)
decimal_values = decimal_texts.map(Decimal)
bounds = st.builds(
    NumberBounds,
    low=st.none() | decimal_values,
    low_exclusive=st.booleans(),
    high=st.none() | decimal_values,
    high_exclusive=st.booleans(),
)
steps = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.one_of(st.integers(1, 60), st.sampled_from([100, 125, 1000, 1024, 10**6, 7000])),
    st.integers(0, 3),
)


def satisfies(value: Fraction, limits: NumberBounds) -> bool:
    above = limits.low is None or value > limits.low or (value == limits.low and not limits.low_exclusive)
    below = limits.high is None or value < limits.high or (value == limits.high and not limits.high_exclusive)
    return above and below


def divides(step: Decimal, value: Fraction) -> bool:
    return (value / Fraction(step)).denominator == 1


@st.composite
def texts_near(draw: st.DrawFn, *values: Decimal | None) -> str:
    """A decimal text, often one of the values or a little off, spelled with zeros or not."""
    center = draw(st.sampled_from([value for value in values if value is not None] or [Decimal(0)]))
    offset = draw(st.sampled_from(["0", "0", "1", "-1", "0.1", "-0.1", "0.001", "-0.0001", "10"]))
    spelled = format(center + Decimal(offset), "f")
    zeros = draw(st.sampled_from(["", "0", "000"]))
    near = spelled + (zeros if "." in spelled or not zeros else "." + zeros)
    text = draw(st.sampled_from([near, near, spelled[:-1], spelled + "5"]) | decimal_texts)
    assume(DECIMAL.fullmatch(text))
    return text


@given(st.data(), decimal_values, st.booleans())
def test_bounds_compare_values(data, bound, exclusive):
    text = data.draw(texts_near(bound))
    value = Decimal(text)
    assert at_least(bound, exclusive=exclusive).accepts(text.encode()) == (
        value > bound if exclusive else value >= bound
    )
    assert at_most(bound, exclusive=exclusive).accepts(text.encode()) == (
        value < bound if exclusive else value <= bound
    )
    assert one_of(frozenset({bound})).accepts(text.encode()) == (value == bound)


@given(st.data(), steps)
def test_multiples_divide(data, step):
    times = data.draw(st.integers(-50, 50))
    text = data.draw(texts_near(step * times))
    assert multiple_of(step).accepts(text.encode()) == divides(step, Fraction(text))


@given(st.data(), st.frozensets(decimal_values, max_size=8))
def test_one_of_means_one_of(data, values):
    text = data.draw(texts_near(*values))
    assert one_of(values).accepts(text.encode()) == (Decimal(text) in values)


@given(
    st.data(),
    st.booleans(),
    bounds,
    st.frozensets(steps, max_size=2),
    st.booleans(),
)
def test_restrictions_combine(data, integer, limits, multiples, decimal_integers):
    try:
        dfa = number_dfa(
            integer=integer,
            bounds=limits,
            multiples=multiples,
            decimal_integers=decimal_integers,
        )
    except LimitExceeded:
        return
    dfa.check()
    for _ in range(8):
        text = data.draw(texts_near(limits.low, limits.high, *multiples))
        value = Fraction(text)
        expected = (
            satisfies(value, limits)
            and all(divides(step, value) for step in multiples)
            and (not integer or (value.denominator == 1 and (decimal_integers or "." not in text)))
        )
        assert dfa.accepts(text.encode()) == expected, text


@given(st.data(), bounds, st.frozensets(decimal_values, max_size=3))
def test_scientific_texts_compare_by_value(data, limits, chosen):
    """Zero itself is left out: beyond the range of doubles an exclusive 0 is stricter, by design."""
    mantissa = data.draw(
        st.integers(1, 99_999).map(str) | st.sampled_from([str(limits.low), str(limits.high), *map(str, chosen)])
    )
    digits = mantissa.lstrip("-").replace(".", "").lstrip("0")
    assume(digits.isdigit())
    sign = data.draw(st.sampled_from(["", "-"]))
    exponent = data.draw(st.sampled_from(["0", "1", "2", "3", "4", "5", "6", "7", "12"]))
    exponent = data.draw(st.sampled_from(["", "-", "+"])) + data.draw(st.sampled_from(["", "0"])) + exponent
    text = f"{sign}{digits[0]}{'.' + digits[1:] if digits[1:] else ''}{data.draw(st.sampled_from('eE'))}{exponent}"
    assert SCIENTIFIC.fullmatch(text)
    accepts = number_dfa(integer=False, bounds=limits).accepts(text.encode())
    assert accepts == satisfies(Fraction(Decimal(text)), limits), text
    assert one_of(chosen).accepts(text.encode()) == (Decimal(text) in chosen), text


@given(bounds, st.booleans(), st.frozensets(steps, max_size=1))
def test_every_row_leads_to_a_number_that_satisfies(limits, integer, multiples):
    """No dead ends: the shortest way out of every row is right, too."""
    try:
        dfa = number_dfa(integer=integer, bounds=limits, multiples=multiples)
    except LimitExceeded:
        return
    for row, text in texts_that_lead_to_rows(dfa).items():
        rest = shortest(dfa, Row(row))
        assert rest is not None or dfa.is_empty
        if rest is not None:
            value = Fraction(Decimal((text + rest).decode()))
            assert satisfies(value, limits)
            assert all(divides(step, value) for step in multiples)


def texts_that_lead_to_rows(dfa: Dfa) -> dict[int, bytes]:
    """Breadth first; the first hundred rows."""
    texts = {int(START): b""}
    todo = [*texts]
    for row in todo:
        for byte in b"-0123456789.e":
            target = int(dfa.by_byte[row, byte])
            if target and target not in texts and len(texts) < 100:
                texts[target] = texts[row] + bytes([byte])
                todo.append(target)
    return texts
