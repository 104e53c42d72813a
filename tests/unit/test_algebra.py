"""The corners of the algebra, by hand."""

import pytest

from constrained.automata import algebra
from constrained.automata.regex import compile_rust
from constrained.errors import LimitExceeded


def test_the_empty_language_has_two_rows():
    nothing = algebra.empty()
    nothing.check()
    assert nothing.is_empty
    assert nothing.rows == 2
    assert algebra.shortest(nothing) is None
    assert not algebra.literal(b"").is_empty


def test_a_builder_draws_later_edges_over_earlier_ones():
    builder = algebra.Builder()
    start, digits, end = builder.row(), builder.row(), builder.row(label=7)
    builder.edge(start, range(ord("0"), ord("9") + 1), digits)
    builder.edge(start, ord("0"), end)
    builder.edge(digits, b"xX", end)
    dfa = builder.finish()
    dfa.check()
    assert [dfa.accepts(text) for text in (b"0", b"5x", b"5X", b"0x", b"5")] == [True, True, True, False, False]
    assert dfa.labels.max() == 7


def test_a_product_stops_at_its_limit():
    a, b = compile_rust("(a{7})*"), compile_rust("(a{11})*")
    assert algebra.intersect(a, b, limit=100).rows == 78
    for product in (algebra.intersect, algebra.union, algebra.difference):
        with pytest.raises(LimitExceeded, match="more than 50 rows"):
            product(a, b, limit=50)
    with pytest.raises(LimitExceeded):
        algebra.concat(compile_rust("(a|b)*a"), compile_rust("(a|b){12}"), limit=1000)
    with pytest.raises(LimitExceeded):
        algebra.labelled_union([a, b, compile_rust("(a{13})*")], limit=500)


def test_all_bytes_at_once():
    every = bytes(range(256))
    assert algebra.literal(every).accepts(every)
    both = algebra.literals([every, every[::-1]])
    both.check()
    assert both.accepts(every[::-1])


def test_nothing_in_a_union_of_nothing():
    whole, members = algebra.labelled_union([])
    assert whole.is_empty
    assert members == ()


def test_within_all_its_bytes_an_automaton_is_itself():
    dfa = compile_rust("[ab]+")
    assert algebra.within(dfa, frozenset(b"abc")) is dfa
    assert algebra.within(dfa, frozenset(b"c")).is_empty
