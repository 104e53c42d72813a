"""The texts of an automaton in order, and how many they are."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrained.automata.dfa import Dfa
from constrained.automata.listing import count_between, count_texts, texts_by_length
from constrained.automata.regex import compile_rust
from tests.support.automata import LENGTH, automata, language


@given(automata())
def test_every_text_is_listed_once_and_shorter_ones_first(automaton: Dfa):
    expected = sorted(language(automaton), key=len)  # of at most LENGTH bytes
    listed = list(islice(texts_by_length(automaton), len(expected)))
    assert sorted(listed) == sorted(expected)
    assert [len(text) for text in listed] == [len(text) for text in expected]


@given(automata(), st.integers(1, 40))
def test_texts_are_counted_up_to_what_is_enough(automaton: Dfa, enough: int):
    assert count_texts(automaton, enough) == sum(1 for _ in islice(texts_by_length(automaton), enough))


@pytest.mark.parametrize(
    ("pattern", "count"),
    [("", 1), ("a{0,3}", 4), ("(ab|cd|x)?", 4), ("é|ab{1,5}", 6), ("a*", 1 << 30), ("[a-z]{300,600}", 1 << 30)],
)
def test_long_and_endless_languages_are_counted_at_once(pattern: str, count: int):
    assert count_texts(compile_rust(pattern)) == count


def test_the_listing_of_a_finite_language_ends():
    assert list(texts_by_length(compile_rust("[ab]{2}|c"))) == [b"c", b"aa", b"ab", b"ba", b"bb"]
    assert LENGTH >= 2


@given(automata(), st.integers(0, 4), st.integers(0, LENGTH), st.integers(1, 50))
def test_texts_between_two_lengths_are_counted(automaton: Dfa, shortest: int, longest: int, most: int):
    found = [text for text in language(automaton) if shortest <= len(text) <= longest]
    assert count_between(automaton, shortest, longest, most) == min(len(found), most)
