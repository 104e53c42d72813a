"""Whole numbers within bounds of sums: found exactly when trying all of them finds some."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from grammars.json_schema.whole_numbers import Sum, solution

UNKNOWNS = 4
_sums = st.builds(Sum, st.frozensets(st.integers(0, UNKNOWNS - 1)), st.integers(0, 5), st.none() | st.integers(0, 5))


def _holds(one: Sum, values: tuple[int, ...] | list[int]) -> bool:
    total = sum(values[place] for place in one.of)
    return one.low <= total and (one.high is None or total <= one.high)


@given(st.lists(st.integers(0, 3), min_size=UNKNOWNS, max_size=UNKNOWNS), st.lists(_sums, max_size=5))
def test_a_solution_is_found_exactly_where_there_is_one(most: list[int], sums: list[Sum]):
    found = solution(most, sums)
    if found is None:
        every = product(*(range(high + 1) for high in most))
        assert not any(all(_holds(one, values) for one in sums) for values in every)
    else:
        assert all(0 <= value <= high for value, high in zip(found, most, strict=True))
        assert all(_holds(one, found) for one in sums)


def test_halves_are_no_solution():
    """Three unknowns of which each two are one together: a half each, and no whole numbers."""
    pairs = [Sum(frozenset(pair), 1, 1) for pair in ((0, 1), (1, 2), (0, 2))]
    assert solution([1, 1, 1], pairs) is None
    assert solution([1, 1, 1], pairs[:2]) in ([1, 0, 1], [0, 1, 0])


def test_large_numbers_take_no_longer():
    assert solution([10**9] * 3, [Sum(frozenset((0, 1)), 10**6, 10**6), Sum(frozenset((1, 2)), 999_999)]) is not None
