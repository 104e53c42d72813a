"""How forced runs are spread over passes: against all arrangements, tried out."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrained.runtime.passes import arrange, cost
from constrained.runtime.slots import WIDEST

AVAILABLE = st.lists(st.integers(1, 40), min_size=1, max_size=8)
BASES = st.floats(0, 200)


def gain(passes, rows: int, base: float) -> float:
    """What `arrange` maximises, as its docstring says it."""
    return (base + rows) / rows * sum(count for one in passes for _, count in one) - cost(passes, rows, base)


@given(AVAILABLE, BASES)
def test_every_row_reads_something_once_and_nothing_it_does_not_have(available, base):
    read = sorted(pair for one in arrange(available, base) for pair in one)
    assert [row for row, _ in read] == list(range(len(available)))
    assert all(1 <= count <= available[row] for row, count in read)


@given(AVAILABLE, BASES)
def test_nothing_costs_more_than_reading_one_by_one(available, base):
    assert gain(arrange(available, base), len(available), base) >= -1e-6


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), BASES)
def test_no_other_arrangement_in_one_pass_gains_more(available, base):
    best = gain(arrange(available, base), len(available), base)
    for counts in product(*(range(1, one + 1) for one in available)):
        assert gain([list(enumerate(counts))], len(available), base) <= best + 1e-6


def test_a_single_sequence_reads_all_at_once():
    assert arrange([30], 1.0) == [[(0, 30)]]


def test_where_passes_are_cheap_and_tokens_dear_forced_tokens_are_read_one_by_one():
    assert arrange([5, 1, 1, 1], 0.5) == [[(0, 1), (1, 1), (2, 1), (3, 1)]]


def test_where_passes_are_dear_padding_is_cheap():
    assert arrange([5, 1, 1, 1], 200.0) == [[(0, 5), (1, 1), (2, 1), (3, 1)]]


def test_a_long_run_is_read_apart():
    assert arrange([1, 40, 1, 1], 16.0) == [[(0, 1), (2, 1), (3, 1)], [(1, 40)]]


def test_no_pass_is_wider_than_a_ring_allows():
    assert arrange([10_000], 16.0) == [[(0, WIDEST)]]


@pytest.mark.parametrize("rows", range(1, 33))
def test_ties_are_read_plainly(rows):
    assert arrange([1] * rows, 16.0) == [[(row, 1) for row in range(rows)]]
