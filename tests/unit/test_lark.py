"""Lark grammars: what the language offers, how texts are cut, extensions, errors with line and column."""

import random

import numpy as np
import pytest
from lark import Lark

from constrained import Vocabulary
from constrained.errors import GrammarError, InvalidGrammar, LimitExceeded, Unsatisfiable, UnsupportedFeature
from grammars.lark.compiler import compile_lark
from grammars.lark.machine import Place
from grammars.lark.report import control_tokens
from tests.support.walks import BYTES, accepts, walk

PATCH = r"""start: begin_patch hunk+ end_patch
begin_patch: "*** Begin Patch" LF
end_patch: "*** End Patch" LF?

hunk: add_hunk | delete_hunk | update_hunk
add_hunk: "*** Add File: " filename LF add_line+
delete_hunk: "*** Delete File: " filename LF
update_hunk: "*** Update File: " filename LF change_move? change?

filename: /(.+)/
add_line: "+" /(.*)/ LF -> line

change_move: "*** Move to: " filename LF
change: (change_context | change_line)+ eof_line?
change_context: ("@@" | "@@ " /(.+)/) LF
change_line: ("+" | "-" | " ") /(.*)/ LF
eof_line: "*** End of File" LF

%import common.LF
"""


def only(grammar, good, bad, **options):
    """Check a grammar by texts of it and others."""
    compiled = compile_lark(grammar, BYTES, **options)
    assert [text for text in good if not accepts(compiled, text)] == []
    assert [text for text in bad if accepts(compiled, text)] == []
    return compiled


@pytest.mark.parametrize("lexer", ["greedy", "dynamic"])
@pytest.mark.parametrize(
    ("grammar", "good", "bad"),
    [
        ('start: "a"~2 "b"~1..3 "c"?', ["aab", "aabbbc"], ["ab", "aabbbb"]),
        ('start: "a"* ("b" | "c")+', ["b", "aacb"], ["a", ""]),
        ('start: ["x"] "y"', ["y", "xy"], ["x"]),
        ('start: A\nA: "a".."c" | "é"', ["b", "é"], ["d"]),
        ('start: A\nA: /x+y/i "."', ["XxY."], ["xy"]),
        ('start: "select"i NAME\nNAME: /[a-z]+/\n%ignore " "', ["SeLect x"], ["sel x"]),
        ('start: pair{X, Y}\npair{a, b}: a b | b a\nX: "x"\nY: "y"', ["xy", "yx"], ["xx"]),
        ('?start: sum\n!sum: sum "+" _n -> add | _n\n_n.2: /[0-9]/', ["1", "1+2+3"], ["1+", "+"]),
        ('start: a\na: b "x" | "q"\nb: a "y" | "z"', ["q", "zx", "qyx", "zxyx"], ["zy", "qx"]),
        ("%import common (INT, WS)\nstart: INT+\n%ignore WS", ["1", " 12 3 "], ["a"]),
        ('%import common.INT -> N\n%override N: "7"\nstart: N', ["7"], ["8"]),
        ('%import common.DIGIT -> D\n%extend D: "x"\nstart: D', ["7", "x"], ["y"]),
        ('start: S\nS: /"(?:[^"\\\\]|\\\\.)*?"/', ['"a\\"b"'], ['"a"b"']),
        (
            'start: item ("," item)*\nitem: ESCAPED_STRING\n%import common.ESCAPED_STRING',
            ['"a","b\\\\"', '"\\""'],
            ['"a\\"'],
        ),
        ('start: X /y*/ "z"\nX: "x"', ["xz", "xyyz"], ["yz", "x"]),
    ],
)
def test_accepts_the_texts_of_a_grammar(grammar, good, bad, lexer):
    only(grammar, good, bad, lexer=lexer)


def test_names_that_spell_keywords_are_keywords_where_lexing_is_greedy():
    grammar = 'start: "if" NAME | NAME "=" NAME\nNAME: /[a-z]+/\n%ignore " "'
    only(grammar, ["if x", "iffy=x", "if iffy", "if if"], ["ifx", "if=x"])
    only(grammar, ["if x", "iffy=x", "ifx", "if=x", "if if"], ["if", "x"], lexer="dynamic")


def test_a_lexeme_is_as_long_as_it_can_be_where_lexing_is_greedy():
    grammar = "start: A B\nA: /a+/\nB: /a?b/"
    only(grammar, ["aab", "ab"], ["b"])
    only("start: A B\nA: /a+/\nB: /ab/", ["aab"], ["ab"], lexer="dynamic")
    with pytest.raises(Unsatisfiable):
        compile_lark("start: A B\nA: /a+/\nB: /ab/", BYTES, lexer="greedy")


def test_lexing_is_greedy_exactly_where_the_grammar_is_lalr():
    assert isinstance(compile_lark("start: A+\nA: /a/", BYTES).start, Place)
    assert not isinstance(compile_lark('start: e\ne: e "+" e | "1"', BYTES).start, Place)
    with pytest.raises(UnsupportedFeature, match="LALR"):
        compile_lark('start: e\ne: e "+" e | "1"', BYTES, lexer="greedy")


def test_the_patch_grammar_of_coding_agents():
    good = [
        "*** Begin Patch\n*** Add File: a.py\n+x = 1\n+\n"
        "*** Update File: b\n*** Move to: c\n@@ def f\n-a\n+b\n c\n*** End Patch",
        "*** Begin Patch\n*** Delete File: x y\n*** End Patch\n",
        "*** Begin Patch\n*** Update File: x\n@@\n+*** End Patch\n*** End of File\n*** End Patch",
    ]
    bad = [
        "*** Begin Patch\n*** End Patch",
        good[0] + "x",
        good[1].replace("Delete", "delete"),
        "*** Begin Patch\n*** Add File: a\nx\n*** End Patch",
    ]
    only(PATCH, good, bad)
    only(PATCH, good, bad, lexer="dynamic")


# ---------------------------------------------------------------- extensions


def test_a_json_schema_inside_a_rule():
    schema = '{\n  "type": "object", "properties": {"a": {"type": "integer"}}\n}'
    grammar = f'start: "call " NAME "(" %json {schema} ")"\nNAME: /[a-z]+/'
    only(grammar, ['call f({"a": 1})', "call f({})"], ['call f({"a": "1"})', "call f()", "call f(1)"])


def test_control_tokens_are_matched_by_id():
    vocabulary = Vocabulary.from_spellings([b"a", b"<", b"|", b"x", b">", None, None, None], [7], {"<|x|>": 5})
    for lexer in ("greedy", "dynamic"):
        matcher = compile_lark("start: <|x|> A+ <[5]>\nA: /a/", vocabulary, lexer=lexer).matcher()
        assert [token for token in range(8) if matcher.allows(token)] == [5]
        for token in (5, 0, 0, 5):
            matcher.advance(token)
        assert matcher.is_accepting
        assert matcher.grammar.start.completion() == (5, b"a", 5)


@pytest.mark.parametrize("lexer", ["greedy", "dynamic"])
def test_declared_terminals_are_the_control_tokens_that_the_program_says(lexer):
    def allowed(matcher):
        return [token for token in range(8) if matcher.allows(token)]

    vocabulary = Vocabulary.from_spellings([b"a", b"<", b"|", b"x", b">", None, None, None], [7], {"<|x|>": 5})
    grammar = "start: CALL A+ END?\nA: /a/\n%declare CALL END"
    compiled = compile_lark(grammar, vocabulary, lexer=lexer, declared={"CALL": "<|x|>", "END": "<[6]>"})
    matcher = compiled.matcher()
    assert allowed(matcher) == [5]
    matcher.advance(5)
    assert allowed(matcher) == [0]
    matcher.advance(0)
    assert allowed(matcher) == [0, 6, 7]
    other = compile_lark(grammar, vocabulary, lexer=lexer, declared={"CALL": "<[6]>", "END": "<|x|>"})
    assert allowed(other.matcher()) == [6]
    assert other.fingerprint != compiled.fingerprint


@pytest.mark.parametrize(
    ("declared", "says", "where"),
    [
        ({"A": "x"}, "not how control tokens are written", ""),
        ({"A": "<[5-]>"}, "not how control tokens are written", ""),
        ({"A": "<|x|>", "B": "<|x|>"}, "terminal B is not declared", ""),
        ({"A": "<|nobody|>"}, "nobody", "line 2, column 10"),
        ({"A": "<[99]>"}, "token 99 is no control token", "line 2, column 10"),
    ],
)
def test_declarations_that_mean_nothing_are_refused(declared, says, where):
    with pytest.raises(InvalidGrammar, match=says) as caught:
        compile_lark('start: "a" A\n%declare A', BYTES, declared=declared)
    assert caught.value.where == where


def test_rules_that_end_at_a_text():
    only('start: t "!"\nt[stop="END"]: /(?s:.)*/', ["END!", "a\nEND!"], ["aEND", "ENDEND!", "a!"])
    only('start: t "!"\nt[suffix=/[.;]/]: /.*/', ["a;!", ".!"], ["a;;!"])
    only('start: t "!"\nt[lazy]: /.*<\\/b>/', ["x</b>!"], ["</b></b>!"])


def test_pieces_of_a_text():
    only(
        'start: "q: " %regex {"substring_words": "the cat and the cart"}',
        ["q: cat and", "q: the ", "q: "],
        ["q: ca", "q: cat the"],
    )
    only('start: %regex {"substring_chars": "abcab"}', ["", "cab", "abcab"], ["ac", "abca b"])
    only('start: %regex {"substring_chunks": ["a", "ab", "b"]}', ["a", "aab", "abb", "aabb"], ["ba"])


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("grammar", "kind", "where"),
    [
        ('start: "a', InvalidGrammar, "line 1, column 8"),
        ('start: "a"\nb: (', InvalidGrammar, "line 2, column 5"),
        ("start: a", InvalidGrammar, "line 1, column 8"),
        ('start: A\nA: b\nb: "x"', InvalidGrammar, "line 2, column 4"),
        ('start: "a"\nA: A', InvalidGrammar, "line 2, column 1"),
        ('x: "a"', InvalidGrammar, ""),
        ('start: "a".."bc"', InvalidGrammar, "line 1, column 8"),
        ("%import nowhere.X\nstart: X", InvalidGrammar, "line 1, column 1"),
        ('%import python (number)\nstart: "x" number', UnsupportedFeature, "line 1, column 1"),
        ('start: "x"\n  | A~3..1\nA: "a"', InvalidGrammar, "line 2, column 6"),
        ("start: /a/q", InvalidGrammar, "line 1, column 11"),
        ("start: a -> b c", InvalidGrammar, "line 1, column 15"),
        ('start: "x"\nA: "a" -> b', InvalidGrammar, "line 2, column 8"),
        ("start: A\nA: <|x|>", UnsupportedFeature, "line 2, column 4"),
        ("start: <[99999]>", InvalidGrammar, "line 1, column 8"),
        ("start: <[9-3]>", InvalidGrammar, "line 1, column 8"),
        ("%import .files.X\nstart: X", UnsupportedFeature, "line 1, column 1"),
        ("start: A\n%declare A", UnsupportedFeature, "line 1, column 8"),
        ('start: "x" A\nA: /a(?=b)/', UnsupportedFeature, "line 2, column 1"),
        ('start: "x"\n  | /[/', InvalidGrammar, "line 2, column 5"),
        ("start: /a{100000}/", LimitExceeded, "line 1, column 8"),
        ('start: "b" x\nx: "a" x', Unsatisfiable, "line 2, column 1"),
        ("start[temperature=3]: /x/", UnsupportedFeature, "line 1, column 7"),
        ("start: %json {", InvalidGrammar, "line 1, column 8"),
        ('start: "a" %json {"type": "nope"}', InvalidGrammar, "line 1, column 12, #/type"),
        ("start: <|x|>", InvalidGrammar, "line 1, column 8"),
        ("start: @other", UnsupportedFeature, "line 1, column 8"),
        ('%llguidance {"no_forcing": true}\nstart: "a"', UnsupportedFeature, "line 1, column 1"),
        ('start: %json {"type":\n "object"} foo\n\nb: )', InvalidGrammar, "line 4, column 4"),
        ('start: %regex {"substring_words": 1}', UnsupportedFeature, "line 1, column 8"),
    ],
)
def test_refuses_with_line_and_column(grammar, kind, where):
    with pytest.raises(GrammarError) as caught:
        compile_lark(grammar, BYTES)
    assert type(caught.value) is kind
    assert caught.value.where == where


def test_what_is_refused_bears_the_names_that_the_user_wrote():
    with pytest.raises(InvalidGrammar, match=r"Rules aren't allowed inside terminals .* in t\[lazy\]") as caught:
        compile_lark('start: t\nt[lazy]: u\nu: "a"', BYTES)
    assert caught.value.where == "line 2, column 10"
    with pytest.raises(InvalidGrammar, match="token 99999 is no control token"):
        compile_lark("start: <[99999]>", BYTES)


# ---------------------------------------------------------------- long texts


@pytest.mark.parametrize("lexer", ["greedy", "dynamic"])
def test_a_long_list_comes_back_to_the_same_states(lexer):
    grammar = 'start: value\nvalue: "[" [value ("," value)*] "]" | N\nN: /[0-9]+/\n%ignore " "'
    states = compile_lark(grammar, BYTES, lexer=lexer).states
    state = states.read(states.start, b"[1, [2, [3]], ")
    before = None
    for _ in range(200):
        state = states.read(state, b"[4, [5], 67], 8, [[[9]]], ")
        before = before or len(states)
    assert len(states) == before
    assert states.read(state, b"0]").accepting


def test_the_stack_of_a_long_sum_stays_flat():
    states = compile_lark('start: e\ne: e "+" e | e "*" e | "-" e | "(" e ")" | /[0-9]/', BYTES).states
    state = states.read(states.start, b"1" + b"+2*-3" * 2000)
    assert state.accepting
    assert len(states) < 40


def test_shortest_completions_are_texts_of_the_grammar():
    grammar = (
        'start: s+\ns: "if" N "then" s+ "end" | N "=" e ";"\ne: N | e "+" N | "(" e ")"\nN: /[a-z]+/\n%ignore / +/'
    )
    judge, compiled = Lark(grammar, parser="lalr"), compile_lark(grammar, BYTES)
    chance = random.Random(3)
    for _ in range(10):
        text = walk(compiled, chance, 40)
        for cut in range(len(text)):
            matcher = compiled.matcher()
            for byte in text[:cut]:
                matcher.advance(byte)
            judge.parse((text[:cut] + matcher.shortest_completion()).decode())
    assert compiled.matcher().shortest_completion() == b"a=a;"


def test_shortest_completions_of_deep_texts_are_found_from_those_met_before():
    compiled = compile_lark('start: e\ne: e "+" t | t\nt: N | "(" e ")" | "[" e "]"\nN: /[0-9]+/\n%ignore " "', BYTES)
    matcher = compiled.matcher()
    for depth in range(1, 400):
        matcher.advance(ord("([("[depth % 3]))
        if depth % 40 == 0:
            closed = bytes(b")])"[one % 3] for one in range(depth, 0, -1))
            assert matcher.shortest_completion() == b"0" + closed


# ---------------------------------------------------------------- ambiguity


@pytest.mark.parametrize(
    ("grammar", "text", "wrong"),
    [
        ('start: s\ns: s s | s s s | s s s s | "a"', "a" * 60, "b"),
        ('start: s\ns: s s "b"? | s s s? | "a" s | "a"', "a" * 60 + "b", "c"),
        ('start: p+\np: "a" p "a" | "b" p "b" | "a" | "b" | p p', "ab" * 30, "c"),
        ('start: (/[ab]*a[ab]{9}/ | s)+\ns: "a" s? "b"? s?', "a" * 60, "c"),
    ],
)
def test_ways_to_read_a_text_may_double_with_every_token(grammar, text, wrong):
    matcher = compile_lark(grammar, BYTES).matcher()
    for token in text.encode():
        assert matcher.bitmask()[token >> 5] >> np.uint32(token & 31) & 1
        matcher.advance(token)
    assert matcher.is_accepting
    assert not matcher.allows(ord(wrong))


# ---------------------------------------------------------------- reports


@pytest.mark.parametrize(
    ("grammar", "wanted"),
    [
        ('start: a\na: "x"', ["line 1, column 1  start  greedy"]),
        ('  start: a?\n  a: "x"\n\t?old: a', ["line 1, column 3  start  greedy", "line 3, column 2  old  unused"]),
        ('start: A "b"\nA: /a*/\nB: "b"', ["line 1, column 1  start  greedy", "line 2, column 1  A  optional"]),
        ("start: a a\na: /x/ | a a", ["line 1, column 1  start  dynamic"]),
        ('start: x{"a"}\nx{t}: t t\n%import common.WS\n%ignore WS', ["line 1, column 1  start  greedy"]),
        ('start: %json {} "a"', ["line 1, column 1  start  dynamic"]),
    ],
)
def test_a_report_says_how_texts_are_cut_and_what_is_not_used(grammar, wanted):
    report = [str(finding) for finding in compile_lark(grammar, BYTES).report]
    assert len(report) == len(wanted)
    assert all(line.startswith(begin) for line, begin in zip(report, wanted, strict=True)), report


def test_a_report_says_why_a_grammar_is_dynamic():
    (finding,) = compile_lark("start: a a\na: /x/ | a a", BYTES).report
    assert "LALR(1)" in finding.note
    assert "<a : a a>" in finding.note
    assert "as asked for" in compile_lark('start: "a"', BYTES, lexer="dynamic").report[0].note


def test_control_tokens_of_a_grammar_are_found():
    assert control_tokens('start: <|a|> "<|b|>" <c> <[7,20-30]> | <|a|>') == (("<|a|>", "<c>"), 31)
