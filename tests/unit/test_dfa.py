"""Tables: what a row knows, how it prints, and what `check` finds."""

import numpy as np
import pytest

from constrained.automata.algebra import Builder
from constrained.automata.dfa import MANY, NONE, REFUSES, START, Dfa
from constrained.automata.regex import compile_rust
from constrained.errors import InvalidGrammar, LimitExceeded, UnsupportedFeature


def ab_star() -> Dfa:
    return compile_rust("ab*")


def test_dump_is_stable():
    assert ab_star().dump() == "    0: 0 0 0\n    1: 0 2 0\n*   2: 0 0 2"


def test_a_row_knows_its_only_byte():
    dfa = compile_rust("a(b|c)d?")
    assert [dfa.only_byte(row) for row in range(dfa.rows)] == [NONE, ord("a"), MANY, ord("d"), NONE]


def test_completions_are_shortest():
    dfa = compile_rust("abc|ad")
    assert dfa.completion(START) == b"ad"
    assert dfa.completion(dfa.run(b"ab")) == b"c"
    assert dfa.completion(dfa.run(b"ad")) == b""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda dfa: dfa.step.__setitem__((0, 1), 1), "row 0"),
        (lambda dfa: dfa.labels.__setitem__(0, 0), "row 0"),
        (lambda dfa: dfa.step.__setitem__((1, 1), 99), "outside"),
        (lambda dfa: dfa.classes.__setitem__(0, 77), "outside"),
        (lambda dfa: dfa.labels.__setitem__(2, REFUSES), "not trim"),
    ],
)
def test_check_finds_what_is_broken(change, message):
    dfa = ab_star()
    broken = Dfa(dfa.classes.copy(), dfa.step.copy(), dfa.labels.copy())
    change(broken)
    with pytest.raises(ValueError, match=message):
        broken.check()


def test_check_finds_wrong_shapes():
    with pytest.raises(ValueError, match="shapes"):
        Dfa(np.zeros(255, np.uint8), np.zeros((2, 1), np.int32), np.zeros(2, np.int32)).check()


# ------------------------------------------------------------------ regular expressions


@pytest.mark.parametrize(
    ("pattern", "accepted", "refused"),
    [
        ("1|10", [b"1", b"10"], [b"", b"100"]),
        ("", [b""], [b"a"]),
        (r"a\z|b$", [b"a", b"b"], [b"ab"]),
        (r"\z", [b""], [b"z"]),
        ("(?s:.)*", [b"", b"\n", "é€😀".encode()], [b"\xff", b"\xed\xa0\x80", b"\xc3"]),
        (r"y[^\s\S]|x", [b"x"], [b"y", b"y "]),
        (r"[^\s\S]", [], [b"", b"a"]),
        (r"a(?i)b", [b"ab", b"aB"], [b"AB"]),
        (r"[^]()]+", [b"x", b"[["], [b"]", b"(", b")"]),
        (r"(?P<name>a)\)", [b"a)"], [b"a"]),
    ],
)
def test_the_whole_text_matches(pattern, accepted, refused):
    dfa = compile_rust(pattern)
    dfa.check()
    assert [text for text in [*accepted, *refused] if dfa.accepts(text)] == accepted
    assert dfa.is_empty == (not accepted)


@pytest.mark.parametrize("pattern", ["a)|(b", "(", "a{2", "[", ")(", "a)", r"(?-u:\xff)", "*"])
def test_a_malformed_pattern_is_refused(pattern):
    with pytest.raises(InvalidGrammar, match="not a regular expression"):
        compile_rust(pattern)


@pytest.mark.parametrize(("pattern", "what"), [("(?ix: a # )\n)", "flag x"), ("^a", "anchor"), (r"b|\Aa", "anchor")])
def test_what_depends_on_the_surroundings_is_refused(pattern, what):
    with pytest.raises(UnsupportedFeature, match=what):
        compile_rust(pattern)


def test_a_caret_in_a_class_is_no_anchor():
    assert compile_rust(r"[^a]\^[a^]").accepts(b"b^^")


def test_a_pattern_of_too_many_rows_is_refused():
    with pytest.raises(LimitExceeded, match="more than 1000"):
        compile_rust("[ab]*a[ab]{12}", limit=1000)


def test_an_automaton_by_hand():
    builder = Builder()
    builder.row(label=3)
    dfa = builder.finish()
    dfa.check()
    assert dfa.label(START) == 3
    assert dfa.accepts(b"")
