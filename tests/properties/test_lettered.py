"""Automata over letters are the automata over bytes that they are spelled as."""

from itertools import islice

import hypothesis.strategies as st
import pytest
from hypothesis import given

from constrained.automata import algebra, lettered
from constrained.automata.code_points import ANY, Ranges, complement, ranges
from constrained.automata.dfa import Dfa
from constrained.automata.ecma import pattern_dfa, pattern_letters
from constrained.automata.lettered import (
    ANY_CHARACTERS,
    NO_CHARACTERS,
    Lettered,
    by_parts,
    characters,
    in_bytes,
    matches,
    one_of,
)
from constrained.automata.lift import any_text
from constrained.automata.listing import texts_by_length
from constrained.errors import LimitExceeded

LETTERS = "aß文斈😀"
TEXTS = st.text(LETTERS, max_size=4)
OPERATIONS = st.sampled_from(["intersect", "union", "difference"])


def same(a: Dfa, b: Dfa) -> bool:
    """Canonical automata of one language are one table."""
    return a.dump() == b.dump() and a.classes.tobytes() == b.classes.tobytes()


def patterns() -> st.SearchStrategy[str]:
    wide = ["[à-ÿ]", "[^文]", r"[\u3000-\u{1ffff}]", r"\S", "."]
    atoms = st.sampled_from(["a", "ß", "文", "斈", "😀", *wide, "^", "$"])
    return st.recursive(
        atoms,
        lambda parts: st.one_of(
            st.lists(parts, min_size=2, max_size=3).map("".join),
            st.lists(parts, min_size=2, max_size=3).map(lambda options: f"(?:{'|'.join(options)})"),
            st.builds("(?:{}){}".format, parts, st.sampled_from(["*", "?", "{2}", "{1,3}"])),
        ),
        max_leaves=6,
    )


def sets() -> st.SearchStrategy[Lettered]:
    def of_letters(pattern: str) -> Lettered:
        found = pattern_letters(pattern)
        assert isinstance(found, Lettered)
        return found

    lengths = st.tuples(st.integers(0, 3), st.none() | st.integers(3, 5)).map(lambda pair: characters(ANY, *pair))
    few = st.lists(TEXTS, max_size=4).map(one_of)
    return st.one_of(patterns().map(of_letters), lengths, few, st.just(ANY_CHARACTERS), st.just(NO_CHARACTERS)).filter(
        lambda found: found is not None
    )


@given(sets(), sets(), OPERATIONS, TEXTS)
def test_the_algebra_is_that_of_bytes(a: Lettered, b: Lettered, name: str, text: str) -> None:
    found = getattr(lettered, name)(a, b)
    expected = getattr(algebra, name)(in_bytes(a), in_bytes(b))
    assert isinstance(found, Lettered)
    assert same(in_bytes(found), expected)
    assert found.is_empty == expected.is_empty
    assert found.has(text) == expected.accepts(text.encode())
    assert lettered.rows_in_bytes(found) >= expected.rows
    # With bytes on one side, the other is spelled.
    assert same(in_bytes(getattr(lettered, name)(a, in_bytes(b))), expected)


@given(sets(), OPERATIONS, sets(), OPERATIONS, sets())
def test_results_are_operands(a: Lettered, name: str, b: Lettered, again: str, c: Lettered) -> None:
    found = getattr(lettered, again)(getattr(lettered, name)(a, b), c)
    expected = getattr(algebra, again)(getattr(algebra, name)(in_bytes(a), in_bytes(b)), in_bytes(c))
    assert same(in_bytes(found), expected)


@given(sets())
def test_the_shortest_text_is_counted_in_characters(language: Lettered) -> None:
    shortest = algebra.shortest(in_bytes(language))
    assert (language.shortest < 0) == (shortest is None)
    if shortest is not None:
        within = lettered.intersect(language, characters(ANY, 0, language.shortest))
        assert not within.is_empty
    if language.shortest > 0:
        assert lettered.intersect(language, characters(ANY, 0, language.shortest - 1)).is_empty


@given(sets(), st.integers(0, 6), st.integers(0, 6))
def test_texts_of_some_length_are_found(language: Lettered, low: int, more: int) -> None:
    within = lettered.intersect(language, characters(ANY, low, low + more))
    assert language.has_between(low, low + more) is not within.is_empty


@given(st.lists(st.text(max_size=3), max_size=8))
def test_some_texts(texts: list[str]) -> None:
    written = [text for text in texts if not any("\ud800" <= character <= "\udfff" for character in text)]
    found = one_of(written)
    assert found is not None
    assert same(in_bytes(found), algebra.literals([text.encode() for text in written]))


@given(sets(), st.integers(0, 4))
def test_few_texts_are_listed_as_they_are_when_spelled(language: Lettered, most: int) -> None:
    found = [text.decode() for text in islice(texts_by_length(in_bytes(language)), most + 1)]
    assert language.listed(most) == (frozenset(found) if len(found) <= most else None)


@given(st.lists(sets(), max_size=7), TEXTS)
def test_each_text_is_in_one_set_by_the_parts_that_have_it(parts: list[Lettered], text: str) -> None:
    having = frozenset(index for index, part in enumerate(parts) if part.has(text))
    assert [which for which, found in by_parts(parts) if matches(found, text)] == [having]


def test_the_parts_may_be_spelled_ones() -> None:
    ends, begins = pattern_dfa("a$"), pattern_letters("^a")
    found = dict(by_parts([ends, begins]))
    assert [which for text in ("a", "ba", "ab", "") for which in found if matches(found[which], text)] == [
        frozenset({0, 1}),
        frozenset({0}),
        frozenset({1}),
        frozenset(),
    ]


def test_the_same_texts_are_the_same_object() -> None:
    a, b = pattern_letters("a"), pattern_letters("b")
    assert lettered.intersect(a, lettered.intersect(a, b)) is lettered.intersect(b, a)
    assert lettered.difference(lettered.union(a, b), b) is lettered.difference(a, b)


@pytest.mark.parametrize("text", ["a", "aßa", "文😀", "x" * 40])
def test_a_pattern_of_one_text_is_that_text(text: str) -> None:
    assert same(pattern_dfa(f"^{text}$"), algebra.literals([text.encode()]))


@pytest.mark.parametrize("points", [ANY, ranges([(97, 99)]), complement(ranges([(0xE9, 0xE9)]))])
@pytest.mark.parametrize(("low", "high"), [(0, None), (3, None), (0, 0), (0, 2), (2, 4), (3, 3)])
def test_lengths_are_the_pattern_that_says_so(points: Ranges, low: int, high: int | None) -> None:
    written = "".join(f"\\u{{{first:x}}}-\\u{{{last:x}}}" for first, last in points)
    pattern = f"^[{written}]{{{low},{'' if high is None else high}}}$"
    assert same(in_bytes(characters(points, low, high)), pattern_dfa(pattern))


def test_all_and_nothing() -> None:
    assert same(in_bytes(ANY_CHARACTERS), any_text())
    assert same(in_bytes(NO_CHARACTERS), algebra.empty())


def test_too_many_letters_are_spelled() -> None:
    many = "".join(map(chr, range(0x4E00, 0x4F10)))
    twice = [2 * one for one in many]
    assert one_of(twice) is None
    assert isinstance(pattern_letters("|".join(twice)), Dfa)
    some, others = one_of(twice[:200]), one_of(twice[150:])
    assert some is not None
    assert others is not None
    joint = lettered.union(some, others)
    assert isinstance(joint, Dfa)
    assert same(joint, algebra.literals([one.encode() for one in twice]))


def test_what_takes_too_many_rows_to_spell_is_refused_before() -> None:
    pattern = r"^(?:\p{L}+[^é]){1,400}$"
    with pytest.raises(LimitExceeded):
        pattern_letters(pattern, limit=1000)
