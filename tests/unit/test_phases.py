"""Free text, a marker, a grammar: what is read, where a limit closes, what is refused."""

import itertools
import re

import pytest

from constrained import Budgeted, Limited, LimitedGrammar, TokenRefused, Vocabulary
from constrained.errors import InvalidGrammar, UnsupportedFeature
from grammars import FreeText, compile_json_schema, compile_phases, compile_regex
from tests.support.grammars import tokens_of
from tests.unit.test_budget import CITY, CLOSE, END, OPEN, SPELLINGS, VOCABULARY, finish


def accepts(grammar, text: bytes) -> bool:
    state = grammar.states.read(grammar.states.start, text)
    return state is not None and state.accepting


def by_definition(text: str, marker: str, rest: str, *, optional: bool) -> bool:
    place = text.find(marker)
    return optional if place < 0 else re.fullmatch(rest, text[place + len(marker) :]) is not None


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("marker", [">", ">>", ">a>", "aa"])
@pytest.mark.parametrize("rest", ["b+", "a?b", "(a|>)*"])
def test_the_grammar_begins_behind_the_first_marker(marker, rest, optional):
    phases = [FreeText(until=marker, optional=optional), compile_regex(rest, VOCABULARY)]
    grammar = compile_phases(phases, VOCABULARY)
    for size in range(7):
        for letters in itertools.product("ab>", repeat=size):
            text = "".join(letters)
            assert accepts(grammar, text.encode()) == by_definition(text, marker, rest, optional=optional), text


def test_what_stands_behind_the_grammar_is_read_too():
    city = compile_json_schema(CITY, VOCABULARY)
    grammar = compile_phases([FreeText(until="```json\n"), city, "\n```", FreeText()], VOCABULARY)
    fenced = 'Hm: ```json\n{"city": "```json"}\n```'
    assert accepts(grammar, fenced.encode())
    assert accepts(grammar, f"{fenced} That is it. ```".encode())
    assert not accepts(grammar, fenced[:-1].encode())
    assert not accepts(grammar, b'Hm: {"city": "x"}')


def test_a_token_may_reach_from_one_phase_into_the_next():
    pieces = [b"a", b"b", b"a>b", b">", b">bb"]
    vocabulary = Vocabulary.from_spellings([*pieces, None], [5])
    matcher = compile_phases([FreeText(until=">"), compile_regex("bb", vocabulary)], vocabulary).matcher()
    assert tokens_of(matcher.bitmask()) == [0, 1, 2, 3, 4]
    matcher.advance(2)
    assert tokens_of(matcher.bitmask()) == [1]


def test_a_marker_may_be_a_control_token():
    grammar = compile_phases(["<think>", FreeText(until="</think>"), compile_regex("yes|no", VOCABULARY)], VOCABULARY)
    matcher = grammar.matcher()
    for token in (OPEN, *b"</think> is text here", CLOSE, *b"no", END):
        matcher.advance(token)
    assert matcher.is_finished


@pytest.mark.parametrize("first", [[], ["<think>"]], ids=["opened by the prompt", "opened here"])
def test_at_its_limit_the_marker_is_written_for_the_model(first):
    phases = [*first, FreeText(until="</think>", max_tokens=3), compile_regex("yes|no", VOCABULARY)]
    grammar = compile_phases(phases, VOCABULARY)
    assert isinstance(grammar, LimitedGrammar)
    matcher = grammar.matcher()
    for token in [OPEN] * len(first) + [*b"abc"]:
        matcher.advance(token)
    assert matcher.forced_tokens() == [CLOSE]
    with pytest.raises(TokenRefused, match="closed after 3 tokens"):
        matcher.advance(ord("d"))
    matcher.advance(CLOSE)
    assert tokens_of(matcher.bitmask()) == [ord("n"), ord("y")]


@pytest.mark.parametrize("extra", range(0, 12, 3))
def test_a_budget_leaves_room_for_the_phases_that_must_come(extra):
    phases = [FreeText(until="<json>", max_tokens=4), compile_json_schema(CITY, VOCABULARY), "</json>"]
    matcher = compile_phases(phases, VOCABULARY).matcher()
    assert isinstance(matcher, Limited)
    minimum = Budgeted(matcher.matcher.fork(), 1000).minimum
    limited = matcher.with_budget(minimum + extra)
    text = finish(limited, lambda allowed: max(allowed, key=lambda token: (token == ord("x"), token)))
    assert re.fullmatch(rb'.*<json>\{"city": ".*"\}</json>', text, re.DOTALL)
    assert len(limited.tokens) <= minimum + extra


def test_free_text_to_the_end_is_any_text():
    matcher = compile_phases([FreeText()], VOCABULARY).matcher()
    allowed = set(tokens_of(matcher.bitmask()))
    assert END in allowed
    assert {token for token, text in enumerate(SPELLINGS) if text and text.isascii()} <= allowed
    assert OPEN not in allowed


OTHER = Vocabulary.from_spellings([b"a", None], [1])
REFUSED = [
    ([], InvalidGrammar, "not empty"),
    ("<json>", InvalidGrammar, "must be a list"),
    ([FreeText(until="")], InvalidGrammar, "#/0/until: an empty text"),
    (["a", ""], InvalidGrammar, "#/1: an empty text"),
    ([FreeText(), "x"], InvalidGrammar, "#/0: free text without a marker"),
    ([FreeText(optional=True)], InvalidGrammar, "#/0: free text to the end"),
    ([FreeText(max_tokens=5)], InvalidGrammar, "give a budget"),
    ([FreeText(until="x", max_tokens=-1)], InvalidGrammar, "#/0/max_tokens"),
    ([compile_regex("a", OTHER)], InvalidGrammar, "#/0: this grammar was compiled for another vocabulary"),
    ([FreeText(until="x", max_tokens=1), FreeText(until="y", max_tokens=1)], UnsupportedFeature, "#/1/max_tokens: two"),
    ([FreeText(until="x"), FreeText(until="y", max_tokens=1)], UnsupportedFeature, "#/1/max_tokens: a limit"),
    ([FreeText(until="x"), "y", FreeText(until="z", max_tokens=1)], UnsupportedFeature, "it must be first"),
]


@pytest.mark.parametrize(("phases", "error", "said"), REFUSED)
def test_what_has_no_meaning_is_refused_with_its_place(phases, error, said):
    with pytest.raises(error, match=said):
        compile_phases(phases, VOCABULARY)
