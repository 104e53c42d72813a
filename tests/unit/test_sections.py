"""A limit on reasoning: counted in tokens, closed cleanly, whatever the text is in the middle of."""

import pytest

from constrained import TokenRefused
from constrained.budget import Budgeted
from constrained.grammar import Control, Rule
from constrained.matcher import CompiledGrammar
from constrained.sections import Limited, Section
from grammars.tools.compile import compile_tools
from tests.support.grammars import terminal, tokens_of
from tests.unit.test_budget import CITY, CLOSE, END, OPEN, SPELLINGS, VOCABULARY

THINK = Section((OPEN,), (CLOSE,))
OPENED = Section((OPEN,), (CLOSE,), is_open=True)
WORDS = Section((b"<t>",), (b"</t>",), is_open=True)
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": CITY}}]


def turn(reasoning: str) -> CompiledGrammar:
    return compile_tools(TOOLS, VOCABULARY, format="hermes", tool_choice="required", reasoning=reasoning)


def test_the_section_is_closed_at_the_limit_and_the_grammar_goes_on():
    limited = Limited(turn("opened").matcher(), OPENED, 3)
    for token in b"abc":
        assert limited.in_section
        limited.advance(token)
    assert tokens_of(limited.bitmask()) == [CLOSE]
    assert limited.forced_tokens() == [CLOSE]
    with pytest.raises(TokenRefused, match="closed after 3 tokens"):
        limited.advance(ord("d"))
    limited.advance(CLOSE)
    assert not limited.in_section
    assert ord("<") in tokens_of(limited.bitmask())


def test_a_section_that_the_model_closes_itself_is_left_alone():
    limited = Limited(turn("opened").matcher(), OPENED, 3)
    for token in (ord("a"), CLOSE, *b"<tool_call>"):
        limited.advance(token)
    assert not limited.in_section


def test_none_at_all():
    assert tokens_of(Limited(turn("opened").matcher(), OPENED, 0).bitmask()) == [CLOSE]


def test_a_section_that_may_come_is_counted_from_its_opening():
    limited = Limited(turn("free").matcher(), THINK, 2)
    assert not limited.in_section
    for token in (OPEN, *b"ab"):
        limited.advance(token)
    assert tokens_of(limited.bitmask()) == [CLOSE]


def test_a_character_that_has_begun_is_finished_first():
    limited = Limited(turn("opened").matcher(), OPENED, 2)
    for token in (ord("a"), "é".encode()[0]):
        limited.advance(token)
    (only,) = tokens_of(limited.bitmask())
    assert 0x80 <= only < 0xC0
    limited.advance(only)
    assert tokens_of(limited.bitmask()) == [CLOSE]


def test_markers_that_are_text_are_closed_too_but_not_found_in_the_answer():
    rule = Rule("r", ((terminal("[a-z]*"), terminal("</t>"), terminal("[a-z<>/]*")),))
    limited = Limited(CompiledGrammar(rule, VOCABULARY).matcher(), WORDS, 2)
    for token in b"ab":
        limited.advance(token)
    assert limited.forced_tokens() == [*b"</t>"]
    for token in b"</t><t>abcdef":
        limited.advance(token)
    assert not limited.in_section
    assert limited.matcher.is_accepting


def test_tokens_are_taken_back_with_what_they_counted():
    limited = Limited(turn("opened").matcher(), OPENED, 2)
    for token in b"ab":
        limited.advance(token)
    fork = limited.fork()
    limited.rollback(1)
    assert ord("b") in tokens_of(limited.bitmask())
    assert tokens_of(fork.bitmask()) == [CLOSE]
    limited.advance(CLOSE)
    limited.rollback(2)
    assert limited.in_section
    with pytest.raises(ValueError, match="cannot take back 1 of 0"):
        limited.rollback(1)


@pytest.mark.parametrize("most", [0, 1, 5, 100])
@pytest.mark.parametrize("extra", [0, 1, 4, 30])
def test_with_a_budget_both_are_kept(most, extra):
    grammar = turn("opened")
    minimum = Budgeted(grammar.matcher(), 1000).minimum
    limited = Limited(grammar.matcher(), OPENED, most).with_budget(minimum + extra)
    thought = 0
    while not limited.is_finished:
        allowed = tokens_of(limited.bitmask())
        limited.advance(ord("x") if ord("x") in allowed else max(allowed))
        thought += limited.in_section
    assert len(limited.tokens) <= minimum + extra
    assert thought == min(most, extra) or limited.tokens.count(CLOSE) == 1
    assert thought <= most
    text = b"".join(SPELLINGS[token] or b"" for token in limited.tokens)
    assert text.rstrip().endswith(b"</tool_call>")
    assert limited.tokens[-1] == END


def test_control_markers_are_counted_wherever_they_come():
    text, think, done = terminal("[a-z]*"), Control(frozenset({OPEN})), Control(frozenset({CLOSE}))
    rule = Rule("r")
    rule.alternatives = ((text,), (text, think, text, done, rule))
    limited = Limited(CompiledGrammar(rule, VOCABULARY).matcher(), THINK, 1)
    for token in (*b"ab", OPEN, ord("x"), CLOSE, ord("c"), OPEN, ord("y")):
        limited.advance(token)
    assert tokens_of(limited.bitmask()) == [CLOSE]
