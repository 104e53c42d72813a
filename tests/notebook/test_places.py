"""The map of a grammar has exactly the grammar's texts; what is cut or coarse says so."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrained import CompiledGrammar, Vocabulary
from constrained.automata.regex import compile_rust
from constrained.grammar import Control, Rule, Terminal
from constrained.notebook.places import Map, explore
from grammars import compile_choice, compile_json, compile_json_schema, compile_regex

LETTERS = Vocabulary.from_spellings(
    [*(bytes([b]) for b in range(256)), None, None], eos_token_ids=[256], control={"<call>": 257}
)

atoms = st.sampled_from(["a", "b", "é", "[ab]", "[a-c]", "[^a]", "ab", "東"])


def combined(patterns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(patterns, min_size=1, max_size=3).map("".join),
        st.lists(patterns, min_size=2, max_size=3).map(lambda options: f"(?:{'|'.join(options)})"),
        st.builds("(?:{}){}".format, patterns, st.sampled_from(["*", "+", "?", "{2}"])),
    )


def has(found: Map, text: str) -> bool:
    """Does a way from the start to an end spell `text`?"""
    reached = {(0, 0)}
    todo = [(0, 0)]
    for place, position in todo:
        for way in found.ways:
            length = 1 if way.kind == "characters" else len(way.label)
            fits = _reads(way.label, text[position : position + 1]) if way.kind == "characters" else None
            fits = text.startswith(way.label, position) if fits is None else fits
            after = (way.target, position + length)
            if way.source == place and fits and after not in reached:
                reached.add(after)
                todo.append(after)
    return any(position == len(text) and found.places[place].ends for place, position in reached)


def _reads(label: str, character: str) -> bool:
    """Labels of sets are written as in patterns."""
    left_out = label.removeprefix("any but ")
    pattern = left_out if left_out == label else f"[^{left_out[1:-1]}]"
    return bool(re.fullmatch("." if label == "any character" else pattern, character))


@given(st.recursive(atoms, combined, max_leaves=6))
def test_a_map_has_exactly_the_texts_of_the_pattern(pattern):
    found = explore(compile_regex(pattern, LETTERS))
    if any(place.reads for place in found.places):
        return  # a region: coarser on purpose
    for length in range(4):
        for letters in product("abé東", repeat=length):
            text = "".join(letters)
            assert has(found, text) == bool(re.fullmatch(pattern, text)), text


def drawn(grammar: CompiledGrammar) -> list[tuple[int, str, int]]:
    return [(way.source, way.label, way.target) for way in explore(grammar).ways]


@pytest.mark.parametrize(
    ("grammar", "ways"),
    [
        (compile_choice(["Paris", "Rome"], LETTERS), [(0, "Paris", 1), (0, "Rome", 1)]),
        (compile_choice(["a b\n"], LETTERS), [(0, "a␣b⏎", 1)]),
        (compile_regex("(?:ab|c)*d", LETTERS), [(0, "ab", 0), (0, "c", 0), (0, "d", 1)]),
        (compile_regex("[0-9a-f]", LETTERS), [(0, "[0-9a-f]", 1)]),
        (compile_regex(r"[^\x00-\x1f]", LETTERS), [(0, "any but control characters", 1)]),
        (
            CompiledGrammar(Rule("call", ((Control(frozenset({257})), Terminal(compile_rust("x"))),)), LETTERS),
            [(0, "<call>", 1), (1, "x", 2)],
        ),
    ],
)
def test_texts_sets_and_control_tokens_are_drawn_as_one_way_each(grammar, ways):
    assert drawn(grammar) == ways


def test_of_many_ways_between_two_places_some_are_drawn():
    cities = [f"{letter}{letter}" for letter in "ABCDEFGHIJ"]
    assert drawn(compile_choice(cities, LETTERS)) == [(0, "AA | BB | CC | DD | 6 more", 1)]


def test_a_string_is_a_region_however_long_it_may_be():
    for limit in ({}, {"maxLength": 5_000}, {"minLength": 3, "maxLength": 40}):
        schema = {"type": "object", "properties": {"a": {"type": "string", **limit}}, "required": ["a"]}
        found = explore(compile_json_schema(schema, LETTERS), most=40)
        assert found.is_complete
        assert [place.reads for place in found.places if place.reads] == ["any but control characters"], limit


def test_a_grammar_without_end_is_cut_and_says_so():
    found = explore(compile_json(LETTERS), most=5)
    assert not found.is_complete
    assert len(found.places) < 50


def test_behind_a_terminal_that_is_too_large_the_map_goes_on():
    long = {"type": "string", "pattern": "^(?:[a-f]{50}[0-9]|[g-z]{150}){1,3}$"}
    schema = {"type": "object", "properties": {"a": long, "b": {"const": "last"}}}
    found = explore(compile_json_schema(schema | {"required": ["a", "b"]}, LETTERS))
    (region,) = (number for number, place in enumerate(found.places) if place.reads)
    assert found.places[region].open
    assert any("last" in way.label for way in found.ways)
    assert found.places[-1].ends


@pytest.mark.parametrize(
    ("text", "expected"), [("", 0), ("{", "inside"), ('{"a": "xyz', "region"), ('{"a": "xyz"}', "end")]
)
def test_the_matchers_place_is_marked(text, expected):
    grammar = compile_json_schema({"type": "object", "properties": {"a": {"maxLength": 9, "type": "string"}}}, LETTERS)
    matcher = grammar.matcher()
    for byte in text.encode():
        matcher.advance(byte)
    found = explore(grammar, matcher.state)
    (current,) = (number for number, place in enumerate(found.places) if place.current)
    match expected:
        case "region":
            assert found.places[current].reads
        case "end":
            assert found.places[current].ends
        case "inside":
            assert [way.label for way in found.ways if way.target == current] == ["{"]
        case _:
            assert current == expected
