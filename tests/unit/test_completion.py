"""The shortest way to finish, by hand."""

import pytest

from constrained import CompiledGrammar, Unsatisfiable, Vocabulary
from constrained.automata.algebra import empty, literals
from constrained.automata.counted import Counted, string_meter
from constrained.automata.lift import any_text
from constrained.automata.regex import compile_rust
from constrained.completion import Shortest, solve
from constrained.errors import LimitExceeded
from constrained.grammar import Control, Node, Rule, Sequence, Switch, Symbol, Terminal
from constrained.matcher import Matcher, replay
from constrained.segments import fewest_tokens, longest_tokens
from tests.support.grammars import Different, Twice, terminal

TEXT = 'abc,":[]{}012é'
SPELLINGS = [*(bytes([byte]) for byte in range(256)), b"true", b"ru", b"tr", None, None]
CALL, END = 259, 260
VOCABULARY = Vocabulary.from_spellings(SPELLINGS, [END], {"<call>": CALL})


def matcher(symbol: Symbol) -> Matcher:
    return CompiledGrammar(symbol, VOCABULARY).matcher()


def after(symbol: Symbol, text: bytes) -> Matcher:
    return replay(CompiledGrammar(symbol, VOCABULARY), list(text))


def test_the_way_out_of_nested_lists():
    value = Rule("value")
    value.alternatives = ((terminal("true|0"),), (terminal(r"\["), value, terminal(r"\]")))
    assert matcher(value).shortest_completion() == b"0"
    assert after(value, b"[[tr").shortest_completion() == b"ue]]"
    assert after(value, b"[" * 3000).shortest_completion() == b"0" + b"]" * 3000


@pytest.mark.interpreted
def test_the_limit_is_of_one_search_not_of_all(monkeypatch):
    monkeypatch.setattr("constrained.completion.SYMBOL_LIMIT", 10)
    shortest = Shortest()
    for number in range(40):
        word = Rule("word", ((terminal("a"), terminal(f"b{{{number}}}")),))
        assert shortest.of_symbol(word) == (b"a" + b"b" * number,)
    with pytest.raises(LimitExceeded):
        shortest.of_symbol(Rule("long", (tuple(terminal(f"c{{{number}}}") for number in range(20)),)))


def test_nothing_is_needed_where_the_text_may_end():
    assert matcher(terminal("a*")).shortest_completion() == b""
    assert matcher(terminal("a*")).shortest_tokens() == [END]


def test_fewest_tokens():
    assert matcher(terminal("true")).shortest_tokens() == [256, END]
    assert after(terminal("true"), b"t").shortest_tokens() == [257, ord("e"), END]
    assert fewest_tokens(VOCABULARY, b"") == []


def test_a_switch_chooses_by_what_follows():
    switch = Switch(literals({b"a": 0, b"bb": 1, b"ac": 2}), ((terminal("c{9}"),), (terminal("c"),), ()))
    assert matcher(switch).shortest_completion() == b"ac"
    assert after(switch, b"a").shortest_completion() == b"c"
    assert after(switch, b"b").shortest_completion() == b"bc"


def test_control_tokens_count_and_are_tokens():
    rule = Rule("call", ((Control(frozenset({CALL})), terminal("abc")), (terminal("a{5}"),)))
    assert matcher(rule).shortest_tokens() == [CALL, *b"abc", END]
    assert matcher(rule).shortest_completion() == b"abc"
    short = Rule("call", ((Control(frozenset({CALL})), terminal("abc")), (terminal("a{3}"),)))
    assert matcher(short).shortest_tokens() == [*b"aaa", END]


@pytest.mark.parametrize(
    ("text", "low", "high", "read", "expected"),
    [
        (any_text(), 0, 9, b"", b'""'),
        (any_text(), 3, 9, b"", b'"   "'),
        (any_text(), 3, 9, '"é\\'.encode(), b'" "'),
        (compile_rust("(éé|aaa)*"), 4, 9, b"", b'"aaaaaa"'),
        (compile_rust("(éé|aaa)*"), 4, 4, b"", '"éééé"'.encode()),
        (compile_rust("(éé|aaa)*"), 5, 5, b'"aaa', 'éé"'.encode()),
        (compile_rust("a(éé)*|b*"), 5, 1 << 29, b"", b'"bbbbb"'),
    ],
)
def test_counted_strings_finish_in_the_fewest_bytes(text, low, high, read, expected):
    counted = Terminal(Counted(string_meter(text), low, high))
    assert after(counted, read).shortest_completion() == expected


def test_a_refused_text_is_not_the_shortest():
    words = Terminal(compile_rust("[ab]+"))
    listed = Different((words,), None)
    assert after(listed, b"a,").shortest_completion() == b"b"
    assert after(listed, b"a,b,").shortest_completion() == b"aa"
    assert after(listed, b"aa,ab,a,b,a").shortest_completion() == b"aa"
    assert (
        after(Rule("list", ((terminal("c"), Different((words,), None, frozenset({b"a"}))),)), b"").shortest_completion()
        == b"cb"
    )


def test_an_endless_list_that_nobody_waits_for_is_not_followed():
    words = Different((Terminal(compile_rust("[ab]+")),), None)
    shortest = Shortest()
    assert not shortest.has_text((Rule("nothing", ((words, Terminal(empty())),)),))
    assert shortest.of_symbol(words) == (b"a",)
    assert shortest.of_symbol(Rule("both", ((words, terminal("c{300}")),))) == (b"a" + b"c" * 300,)


def test_a_captured_text_decides_the_completion():
    assert after(Twice((terminal("[ab]+"),)), b"ab").shortest_completion() == b",ab"


def test_other_nodes_are_asked():
    class Odd(Node):
        def expand(self) -> list[Sequence]:
            return [(terminal("abc"), Control(frozenset({CALL})))]

        def shortest(self) -> bytes:
            return b"abc"

        def completion(self) -> tuple[bytes | int, ...]:
            return b"abc", CALL

    rule = Rule("rule", ((terminal("a"), Odd()),))
    solve(rule)
    assert rule.solved == (b"aabc", CALL)
    assert rule.shortest() == b"aabc"


# ------------------------------------------------------------------ solving


def test_alternatives_without_a_text_are_taken_out():
    dead = Rule("dead")
    dead.alternatives = ((terminal("a"), dead),)
    none = Terminal(empty(), "none")
    start = Rule("start", ((dead,), (none,), (terminal("b"),), (terminal("a"), dead)))
    solve(start)
    assert start.alternatives == ((terminal("b"),),)
    assert start.solved == (b"b",)


@pytest.mark.parametrize("nested", [False, True])
def test_a_rule_without_a_text_is_named(nested):
    loop = Rule("loop")
    loop.alternatives = ((terminal("a"), loop),)
    with pytest.raises(Unsatisfiable, match="rule 'loop'"):
        solve(Rule("start", ((terminal("b"), loop),)) if nested else loop)


def test_a_terminal_without_a_text_is_named():
    with pytest.raises(Unsatisfiable, match="none"):
        Shortest().of_symbol(Terminal(empty(), "none"))
    with pytest.raises(Unsatisfiable, match="no text matches the grammar"):
        solve(Terminal(empty()))


# ------------------------------------------------------------------ cutting


def test_the_longest_tokens_stop_where_more_could_follow():
    vocabulary = Vocabulary.from_spellings([b"a", b"ab", b"abc", b"b", b"c", b"bcd", b"d", None], [7])
    assert longest_tokens(vocabulary, b"abcd") == [2, 6]
    assert longest_tokens(vocabulary, b"ab") == []
    assert longest_tokens(vocabulary, b"cab") == [4]
    assert longest_tokens(vocabulary, b"cx") == [4]
