"""Which beginnings are known: against a list of everything that was kept."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from constrained.runtime.prefixes import Prefixes, common_prefix

TOKENS = st.lists(st.integers(0, 2), max_size=6)


@given(TOKENS, TOKENS)
def test_the_common_prefix_is_where_they_part(one, other):
    length = common_prefix(np.array(one, np.int64), np.array(other, np.int64))
    assert one[:length] == other[:length]
    assert one[length : length + 1] != other[length : length + 1] or length == len(one) == len(other)


@given(st.lists(st.tuples(TOKENS.filter(bool), st.booleans()), max_size=6), TOKENS.filter(bool))
def test_the_entry_that_knows_most_is_found(kept, prompt):
    prefixes = Prefixes(1 << 30)
    for number, (tokens, trimmable) in enumerate(kept):
        prefixes.keep(number, tokens, 1, trimmable=trimmable)
    known = [
        max((n for n in range(len(prompt)) if prompt[:n] == tokens[:n] and (trimmable or n == len(tokens))), default=0)
        for tokens, trimmable in kept
    ]
    found = prefixes.find(prompt)
    assert (found[1] if found else 0) == max(known, default=0)
    if found:
        assert known[found[0]] == found[1]


@given(st.lists(st.tuples(TOKENS, st.integers(0, 40)), max_size=12))
def test_the_bytes_are_bounded_and_add_up(kept):
    prefixes, sizes = Prefixes(100), {}
    for number, (tokens, size) in enumerate(kept):
        sizes[number] = size
        for dropped in prefixes.keep(number, tokens, size, trimmable=True):
            del sizes[dropped]
        assert prefixes.nbytes == sum(sizes.values()) <= 100


def test_the_entry_that_served_longest_ago_goes_first():
    prefixes = Prefixes(20)
    assert prefixes.keep(1, [1, 1], 10, trimmable=True) == []
    assert prefixes.keep(2, [2, 2], 10, trimmable=True) == []
    assert prefixes.find([1, 1, 5]) == (1, 2)
    assert prefixes.keep(3, [3, 3], 10, trimmable=True) == [2]


def test_an_entry_that_is_a_beginning_of_another_is_dropped_only_if_the_other_can_be_cut():
    prefixes = Prefixes(100)
    prefixes.keep(1, [1, 2], 10, trimmable=False)
    assert prefixes.keep(2, [1, 2, 3], 10, trimmable=False) == []
    assert prefixes.keep(3, [1, 2, 3, 4], 10, trimmable=True) == [1, 2]


def test_the_last_token_of_a_prompt_is_always_read():
    prefixes = Prefixes(100)
    prefixes.keep(1, [1, 2, 3], 10, trimmable=True)
    assert prefixes.find([1, 2, 3]) == (1, 2)
    assert prefixes.find([1]) is None
