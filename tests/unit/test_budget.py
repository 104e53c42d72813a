"""A budget, by hand: what it refuses, removes, forces and takes back."""

import numpy as np
import pytest

from constrained import BudgetTooSmall, CompiledGrammar, TokenRefused, Vocabulary, VocabularyError, segments, written
from constrained.automata.lift import any_string
from constrained.budget import Budgeted
from constrained.fewest import WORK, Work
from constrained.grammar import Control, Rule, Terminal
from grammars import compile_json_schema
from grammars.tools.compile import compile_tools
from tests.support.grammars import Twice, terminal, tokens_of

PIECES = [b'"}', b'{"', b'": ', b"true", b"hello", b"city", b"Paris", b'": "', b"}}", b'{"name": "']
CALL, OPEN, CLOSE, END = 266, 267, 268, 269
SPELLINGS = [*(bytes([byte]) for byte in range(256)), *PIECES, None, None, None, None]
VOCABULARY = Vocabulary.from_spellings(SPELLINGS, [END], {"<call>": CALL, "<think>": OPEN, "</think>": CLOSE})
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def grammar(symbol) -> CompiledGrammar:
    return CompiledGrammar(symbol, VOCABULARY)


def finish(budgeted: Budgeted, choose) -> bytes:
    """Take the tokens that `choose` picks, to the end; the text."""
    while not budgeted.is_finished:
        allowed = tokens_of(budgeted.bitmask())
        budgeted.advance(choose(allowed))
    return b"".join(SPELLINGS[token] or b"" for token in budgeted.tokens)


def test_the_fewest_tokens_need_not_be_the_shortest_text():
    words = grammar(terminal("xq|hello"))
    assert words.matcher().shortest_tokens() == [*b"xq", END]
    assert Budgeted(words.matcher(), 2).minimum == 2
    assert finish(Budgeted(words.matcher(), 2), min) == b"hello"


def test_a_budget_that_is_too_small_names_the_smallest():
    with pytest.raises(BudgetTooSmall, match="max_tokens=4 cannot hold a valid output: it needs at least 5") as refused:
        Budgeted(compile_json_schema(CITY, VOCABULARY).matcher(), 4)
    assert (refused.value.budget, refused.value.minimum) == (4, 5)


def test_the_smallest_budget_leaves_one_way_of_that_length():
    budgeted = Budgeted(compile_json_schema(CITY, VOCABULARY).matcher(), 5)
    assert finish(budgeted, max) == b'{"city": ""}'
    assert budgeted.left == 0
    assert budgeted.steered


@pytest.mark.parametrize(
    ("items", "each"),
    [({"enum": ["true", "hello"]}, 5), ({"type": "integer"}, 3), (CITY, 6)],
)
def test_a_thousand_items_are_not_looked_for_one_by_one(items, each):
    few, many = (
        compile_json_schema({"type": "array", "items": items, "minItems": count}, VOCABULARY) for count in (20, 1020)
    )
    least = Budgeted(few.matcher(), 1000).minimum
    most = Budgeted(many.matcher(), 100_000).minimum
    assert most == least + 1000 * each
    fewest, work = many.steering.fewest, Work(WORK)
    assert fewest.way(many.matcher().state, most - 1, work=work) is None
    assert work.left > 0
    budgeted = Budgeted(many.matcher(), most)
    for _ in range(20):
        allowed = tokens_of(budgeted.bitmask())
        assert allowed
        budgeted.advance(allowed[0])
    with pytest.raises(BudgetTooSmall) as refused:
        Budgeted(many.matcher(), most - 1)
    assert refused.value.minimum == most


def test_where_the_work_is_used_up_the_shortest_text_is_taken():
    state = grammar(terminal("xq|hello")).matcher()
    fewest = state.grammar.steering.fewest
    assert fewest.way(state.state, 2, work=Work(0)) is None
    assert fewest.way(state.state, 3, work=Work(0)) == [*b"xq", END]
    assert fewest.way(state.state, 2, work=Work(9)) == [260, END]


def test_a_text_that_would_never_end_is_finished_in_time():
    budgeted = Budgeted(compile_json_schema(CITY, VOCABULARY).matcher(), 60)
    text = finish(budgeted, lambda allowed: ord("x") if ord("x") in allowed else max(allowed))
    assert text == b'{"city": "' + b"x" * 55 + b'"}'
    assert len(budgeted.tokens) == 60


def test_far_from_the_end_nothing_is_removed():
    matcher = compile_json_schema(CITY, VOCABULARY).matcher()
    budgeted = Budgeted(matcher.fork(), 200)
    for token in [257, 261, 263, *b"Paris", 256]:
        np.testing.assert_array_equal(budgeted.bitmask(), matcher.bitmask())
        assert budgeted.unsteered() is None
        budgeted.advance(token)
        matcher.advance(token)
    assert not budgeted.steered


def test_what_was_removed_is_told_and_refused():
    budgeted = Budgeted(grammar(Terminal(any_string())).matcher(), 4)
    budgeted.advance(ord('"'))
    assert not budgeted.steered
    budgeted.advance(ord("a"))
    assert tokens_of(budgeted.bitmask()) == [ord('"'), 257]
    assert budgeted.steered
    removed = budgeted.unsteered()
    assert removed is not None
    np.testing.assert_array_equal(removed, budgeted.matcher.bitmask())
    assert not budgeted.allows(ord("a"))
    with pytest.raises(TokenRefused, match="the 1 tokens left after it would not be enough to finish"):
        budgeted.advance(ord("a"))
    budgeted.advance(ord('"'))
    assert tokens_of(budgeted.bitmask()) == [END]


def test_tokens_are_taken_back_with_what_they_used():
    budgeted = Budgeted(grammar(Terminal(any_string())).matcher(), 4)
    for token in b'"a':
        budgeted.advance(token)
    budgeted.bitmask()
    fork = budgeted.fork()
    budgeted.rollback(1)
    assert (budgeted.left, budgeted.tokens, budgeted.steered) == (3, [ord('"')], False)
    assert ord("a") in tokens_of(budgeted.bitmask())
    assert (fork.left, fork.tokens, fork.steered) == (2, [*b'"a'], True)
    with pytest.raises(ValueError, match="cannot take back 2 of 1"):
        budgeted.rollback(2)


def test_a_budget_begins_where_the_matcher_is():
    matcher = compile_json_schema(CITY, VOCABULARY).matcher()
    for token in [257, 261, 263, *b"Pa"]:
        matcher.advance(token)
    assert Budgeted(matcher.fork(), 50).minimum == 2
    assert finish(Budgeted(matcher, 4), max).startswith(b'{"city": "Pa')


def test_control_tokens_count():
    call = Rule(
        "call", ((Control(frozenset({CALL})), terminal("aaaa"), Control(frozenset({CLOSE}))), (terminal("a{9}"),))
    )
    assert Budgeted(grammar(call).matcher(), 20).minimum == 7
    assert tokens_of(Budgeted(grammar(call).matcher(), 7).bitmask()) == [CALL]


def test_forced_tokens_are_given_only_if_there_are_enough_left():
    word = grammar(terminal("hello"))
    assert Budgeted(word.matcher(), 9).forced_tokens() == [260, END]
    apart = Vocabulary.from_spellings([*SPELLINGS[:256], b"abc", b"ab", None], [258])
    forced = CompiledGrammar(Rule("r", ((terminal("x|yy"), terminal("abc")),)), apart).matcher()
    forced.advance(ord("x"))
    assert Budgeted(forced, 2).forced_tokens() == [256, 258]


@pytest.mark.parametrize("extra", [0, 1, 3, 10])
def test_tool_calls_with_reasoning_are_finished_in_time(extra):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": CITY}}]
    turn = compile_tools(tools, VOCABULARY, format="hermes", tool_choice="required", reasoning="opened")
    minimum = Budgeted(turn.matcher(), 1000).minimum
    for seed in range(3):
        random = np.random.default_rng(seed)
        budgeted = Budgeted(turn.matcher(), minimum + extra)
        finish(budgeted, lambda allowed, random=random: int(random.choice(allowed)))
        assert len(budgeted.tokens) <= minimum + extra
        framer = turn.framer()
        events = [event for token in budgeted.tokens for event in framer.feed_token(token)] + framer.finish()
        assert "CallFinished" in {type(event).__name__ for event in events}


def test_a_capture_that_nobody_knows_is_tried_token_by_token():
    repeated = grammar(Twice((terminal("[ab]+"),)))
    for budget in range(4, 9):
        text = finish(Budgeted(repeated.matcher(), budget), min)
        word, _, again = text.partition(b",")
        assert word == again
        assert len(text) < budget


@pytest.mark.interpreted
def test_a_long_literal_is_cut_once_and_not_from_every_place(monkeypatch):
    cuts: list[bytes] = []
    cut = written.ends_of
    monkeypatch.setattr(written, "ends_of", lambda vocabulary, text: cuts.append(text) or cut(vocabulary, text))
    text = "hello Paris, " * 40
    budgeted = Budgeted(compile_json_schema({"const": text}, VOCABULARY).matcher(), 1000)
    assert finish(budgeted, min) == f'"{text}"'.encode()
    assert sum(map(len, cuts)) <= 3 * len(text)


def test_the_ends_of_a_text_are_cut_as_if_each_stood_alone():
    text = b'{"city": "Paris", "true": {"name": "hello"}}'
    ends = segments.ends_of(VOCABULARY, text)
    for place in range(len(text) + 1):
        alone = segments.fewest_tokens(VOCABULARY, text[place:])
        assert ends.tokens(place) == alone
        assert ends.counts[place] == len(alone)
    some = Vocabulary.from_spellings([b"a", b"ab", None], [2])
    ends = segments.ends_of(some, b"abba")
    assert ends.chosen.tolist() == [-1, -1, -1, 0]
    with pytest.raises(VocabularyError, match="no tokens for b'bba'"):
        ends.tokens(1)
