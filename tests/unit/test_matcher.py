"""A matcher, question by question, over vocabularies small enough to read."""

import numpy as np
import pytest

from constrained import CompiledGrammar, Matcher, TokenRefused, Vocabulary
from constrained.automata.algebra import literals
from constrained.automata.counted import UNBOUNDED, Counted, string_meter
from constrained.automata.lift import any_text
from constrained.automata.regex import compile_rust
from constrained.grammar import Control, Rule, Symbol, Terminal
from constrained.matcher import replay
from tests.support.grammars import Different, Twice, tokens_of

#           0     1     2      3      4      5     6        7     8
TOKENS = [b"a", b"b", b"ab", b"ba", b"abb", None, b"ab", None, None]
END, CALL = 8, 7
VOCABULARY = Vocabulary.from_spellings(TOKENS, [END], {"<call>": CALL})


def matcher(symbol: Symbol | str, vocabulary: Vocabulary = VOCABULARY) -> Matcher:
    symbol = Terminal(compile_rust(symbol)) if isinstance(symbol, str) else symbol
    return CompiledGrammar(symbol, vocabulary).matcher()


def allowed(one: Matcher) -> list[int]:
    return tokens_of(one.bitmask())


@pytest.mark.parametrize(
    ("pattern", "tokens", "expected"),
    [
        ("ab*", [], [0, 2, 4, 6]),
        ("ab*", [0], [1, END]),
        ("ab*", [4], [1, END]),
        ("(ab)+", [0], [1, 3]),
        ("(ab)+", [6], [0, 2, 6, END]),
        ("", [], [END]),
        ("a?", [0], [END]),
    ],
)
def test_what_may_follow(pattern, tokens, expected):
    assert allowed(replay(matcher(pattern).grammar, tokens)) == expected


def test_both_ids_of_a_spelling_are_allowed():
    assert allowed(matcher("ab")) == [0, 2, 6]


def test_nothing_follows_an_end_token():
    one = replay(matcher("a").grammar, [0, END])
    assert one.is_finished
    assert not one.is_accepting
    assert allowed(one) == []
    assert not one.allows(END)
    with pytest.raises(TokenRefused, match="the text has ended"):
        one.advance(END)
    one.rollback(1)
    assert allowed(one) == [END]


def test_a_control_token_is_matched_by_id():
    rule = Rule("call", ((Control(frozenset({CALL, 99})), Terminal(compile_rust("a"))),))
    one = matcher(rule)
    assert allowed(one) == [CALL]
    assert one.allows(CALL)
    assert not one.allows(99)
    one.advance(CALL)
    assert allowed(one) == [0]


def test_an_end_token_that_the_grammar_names_is_the_only_one_that_ends_the_text():
    vocabulary = Vocabulary.from_spellings([b"a", None, None, None], eos_token_ids=[1, 2], control={"<call>": 3})
    ways = ((Terminal(compile_rust("a")),), (Control(frozenset({3})), Control(frozenset({2}))))
    grammar = CompiledGrammar(Rule("turn", ways), vocabulary)
    assert allowed(replay(grammar, [0])) == [1, 2]
    one = replay(grammar, [3])
    assert allowed(one) == [2]
    assert not one.allows(1)
    assert not one.is_accepting
    assert one.forced_tokens() == [2]
    assert one.shortest_tokens() == [2]
    one.advance(2)
    assert one.is_finished
    assert allowed(one) == []
    assert one.shortest_tokens() == one.forced_tokens() == []
    one.rollback(1)
    assert allowed(one) == [2]


def test_a_control_token_that_spells_something_is_text_here():
    rule = Rule("odd", ((Control(frozenset({0, CALL})),),))
    assert allowed(matcher(rule)) == [CALL]


@pytest.mark.parametrize(
    ("token", "reason"),
    [(1, r"b'b' does not continue"), (5, "control, end or unused"), (99, "has 9 tokens"), (-1, "has 9 tokens")],
)
def test_a_refusal_says_why(token, reason):
    one = matcher("ab*")
    with pytest.raises(TokenRefused, match=reason):
        one.advance(token)
    assert one.tokens == []


def test_rollback_of_more_than_there_is():
    one = replay(matcher("a*").grammar, [0, 0])
    with pytest.raises(ValueError, match="cannot take back 3 of 2"):
        one.rollback(3)


def test_masks_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        matcher("a*").bitmask()[0] = 0


def test_forced_bytes_stop_at_a_choice():
    assert matcher("ab(a|b)").forced_bytes() == b"ab"
    assert matcher("aba?").forced_bytes() == b"ab"
    assert matcher("a*").forced_bytes() == b""


def test_forced_bytes_go_through_nested_rules():
    inner = Rule("inner", ((Terminal(compile_rust("bb")),),))
    outer = Rule("outer", ((Terminal(compile_rust("a")), inner, Terminal(compile_rust("a|b"))),))
    assert matcher(outer).forced_bytes() == b"abb"


def test_equal_states_are_one_object():
    words = Rule("words")
    words.alternatives = ((), (Terminal(compile_rust("ab")), words))
    one = replay(matcher(words).grammar, [2])
    other = replay(one.grammar, [2, 0, 1, 6])
    assert one.bitmask().base is other.bitmask().base


# ------------------------------------------------------------------ ambiguity


def test_words_of_words_in_long_tokens():
    # Every letter may end a word, so exits lie below exits: 60 deep, and met again and again.
    vocabulary = Vocabulary.from_spellings([*(b"a" * n for n in range(1, 61)), None], [60])
    words = Rule("words")
    word = Terminal(compile_rust("a+"))
    words.alternatives = ((word,), (word, words))
    one = matcher(words, vocabulary)
    assert allowed(one) == list(range(60))
    one.advance(59)
    assert allowed(one) == list(range(61))


def test_ambiguity_does_not_multiply():
    # Two readings of every letter: 2 ** 100 ways to read a token of 100 letters.
    vocabulary = Vocabulary.from_spellings([*(b"a" * n for n in range(1, 101)), b"b", None], [101])
    word, twin = Terminal(compile_rust("a")), Terminal(compile_rust("a|ba"))
    words = Rule("words")
    words.alternatives = ((), (word, words), (twin, words))
    assert allowed(matcher(words, vocabulary)) == list(range(102))


# ------------------------------------------------------------------ counters


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 3), (2, 2), (2, 4), (5, UNBOUNDED), (0, UNBOUNDED)])
def test_counted_strings_let_pass_what_they_can_hold(low, high):
    spellings = [
        b'"',
        *(b"x" * n for n in range(1, 8)),
        b'x"',
        b'xx"',
        b'"x',
        b'""',
        "é".encode(),
        b"\xc3",
        b"\\n",
        b"x\\",
    ]
    vocabulary = Vocabulary.from_spellings(
        [*spellings, *(bytes([b]) for b in range(256)), None], [len(spellings) + 256]
    )
    meter = string_meter(any_text())
    assert meter is not None
    counted = Counted(meter, low, high)
    one = matcher(Terminal(counted), vocabulary)
    for _ in range(6):
        state = one._path[-1]
        (config,) = state.configs or (None,)
        expected = []
        for token, text in enumerate(vocabulary.spellings):
            row = config[1] if config and text else 0
            for byte in text or b"":
                row = counted.after(row, byte) if row else 0
            expected += [token] * bool(row)
        expected += list(vocabulary.eos_token_ids) * one.is_accepting
        assert allowed(one) == expected
        one.advance(next(token for token in [3, 1, 0, expected[-1]] if token in expected))
        if one.is_finished:
            break


# ------------------------------------------------------------------ captures


LIST = [b"a", b"b", b",", b"ab", b",b", b"a,", b"ab,", b"b,a", b"a,a", b"a,b,ab", b",a", None]
LISTS = Vocabulary.from_spellings(LIST, [11])


def words_of(one: Matcher) -> set[bytes | None]:
    return {one.grammar.vocabulary.spellings[token] for token in allowed(one)}


def listed(*words: bytes) -> Different:
    return Different((Terminal(literals(words)),), frozenset(words))


def test_a_refused_text_is_refused_wherever_it_lies_in_tokens():
    one = matcher(listed(b"a", b"b", b"ab"), LISTS)
    assert words_of(one) == {b"a", b"b", b"ab", b"a,", b"ab,", b"b,a", b"a,a", b"a,b,ab"}
    one.advance(5)  # a,
    assert words_of(one) == {b"b", b"a", b"ab", b"ab,", b"b,a"}  # `a` and `b,a` begin `ab`
    one.advance(0)
    assert words_of(one) == {b"b"}
    one.advance(1)
    assert words_of(one) == {b",", b",b", None}


def test_the_last_word_of_all_is_followed_by_nothing():
    one = replay(matcher(listed(b"a", b"b"), LISTS).grammar, [5])
    assert words_of(one) == {b"b"}
    assert one.forced_bytes() == b"b"
    one.advance(1)
    assert words_of(one) == {None}


def test_a_beginning_that_leads_only_to_refused_texts_is_refused():
    one = replay(matcher(listed(b"aa", b"ab", b"b"), LISTS).grammar, [0, 0, 2, 3, 2])
    assert one.forced_bytes() == b"b"
    assert words_of(one) == {b"b"}  # a leads to aa and ab alone, and both were there


def test_a_word_and_itself_again():
    one = matcher(Twice((Terminal(compile_rust("[ab]+")),)), LISTS)
    assert words_of(one) == {b"a", b"b", b"ab", b"a,", b"ab,", b"a,a"}
    one.advance(6)
    assert one.forced_bytes() == b"ab"


# ------------------------------------------------------------------ memory


def test_forgetting_frees_what_was_memoised():
    pair = Rule("pair")
    pair.alternatives = ((Terminal(compile_rust("a")), pair, Terminal(compile_rust("b"))), ())
    grammar = CompiledGrammar(pair, VOCABULARY, memo_bytes=500_000)
    one = grammar.matcher()
    most = 0
    for _ in range(2_000):
        one.bitmask()
        one.advance(0)
        most = max(most, len(grammar.states))
    assert 50 < most < 400
    assert allowed(one) == [0, 1, 2, 4, 6]
    np.testing.assert_array_equal(grammar.matcher().bitmask(), matcher(pair).bitmask())


def test_a_text_refused_for_one_reading_is_not_refused_for_another():
    # `ba`: either b and the refused word a, or the word ba.
    vocabulary = Vocabulary.from_spellings([b"a", b"b", b",", b"ba,", b"a,", b"ba", None], [6])
    rule = Rule(
        "rule",
        ((Terminal(compile_rust("b?")), Different((Terminal(compile_rust("[ab]+")),), None, frozenset({b"a"}))),),
    )
    one = matcher(rule, vocabulary)
    assert allowed(one) == [0, 1, 3, 5]
    one.advance(3)
    assert allowed(one) == [0, 1, 5]
