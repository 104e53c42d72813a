"""EBNF in both notations: texts that belong to a grammar and texts that do not; errors with their place."""

import pytest

from constrained.errors import InvalidGrammar, LimitExceeded, Unsatisfiable, UnsupportedFeature
from grammars.ebnf import compile_ebnf
from tests.support.walks import BYTES, accepts

ISO = """
(* a small language *)
program = { statement, ";" } ;
statement = name, ":=", expression ;
expression = [ "-" ], term, { ("+" | "-"), term } ;
term = name | number | "(", expression, ")" ;
name = letter, { letter | digit } ;
number = digit, { digit } ;
letter = "a" | "b" | 'c' ;
digit = "0" | "1" ;
"""
XML = """
/* elements, from the XML specification */
[1] element ::= '<' Name (S Name '="' (Char - '"')* '"')* '/>' | '<' Name '>' content '</' Name '>'
[2] content ::= (Char - [<&])* (element (Char - [<&])*)*
[3] Name ::= [A-Za-z_] [A-Za-z0-9_.-]*
[4] S ::= #x20+
[5] Char ::= #x9 | #xA | [#x20-#xD7FF]
"""


@pytest.mark.parametrize(
    ("grammar", "good", "bad"),
    [
        (ISO, ["", "a:=1;", "ab1:=-(a+10)-b;c:=0;"], ["a:=1", "a:=;", "1:=a;", "a := 1;"]),
        (XML, ["<a/>", '<a>x<c b="1 2"/>y</a>', "<a></b>"], ["<a>", '<a b="">', "<a>&</a>", '<a b="""/>']),
        ("x ::= 'a'? 'b'+ [^c-e]", ["bx", "abbb"], ["a", "bc"]),
        ("x ::= y | x 'b'\ny ::= \"a\"", ["a", "abb"], ["b"]),
        ('x = 3 * "a", 2 * ("b" | "c");', ["aaabc"], ["aab", "aaabcc"]),
        ("x = letters - ( 'ab' | 'ba' ); letters = { 'a' | 'b' };", ["", "a", "aba"], ["ab", "ba", "c"]),
        ("two words = 'a' , two words | ;", ["", "aaa"], ["b"]),
    ],
)
def test_accepts_the_texts_of_a_grammar(grammar, good, bad):
    compiled = compile_ebnf(grammar, BYTES)
    assert [text for text in good if not accepts(compiled, text)] == []
    assert [text for text in bad if accepts(compiled, text)] == []


@pytest.mark.parametrize(
    ("grammar", "kind", "where"),
    [
        ("x ::= 'a", InvalidGrammar, "line 1, column 8"),
        ("x ::= (y", InvalidGrammar, "line 1, column 7"),
        ("x ::= 'a'\ny ::= z", InvalidGrammar, "line 2, column 7"),
        ("x ::= 'a'\nx ::= 'b'", InvalidGrammar, "line 2, column 1"),
        ("x = 'a'", InvalidGrammar, "line 1, column 8"),
        ("x = ? any ?;", UnsupportedFeature, "line 1, column 5"),
        ("x = y - 'a'; y = 'a' | '(', y, ')';", UnsupportedFeature, "line 1, column 5"),
        ("x = 'a', x;", Unsatisfiable, "line 1, column 1"),
        ("", InvalidGrammar, ""),
    ],
)
def test_refuses_with_line_and_column(grammar, kind, where):
    with pytest.raises(kind) as caught:
        compile_ebnf(grammar, BYTES)
    assert caught.value.where == where


def test_starts_where_asked():
    compiled = compile_ebnf("x ::= y y\ny ::= 'a'", BYTES, start="y")
    assert accepts(compiled, "a")
    assert not accepts(compiled, "aa")


@pytest.mark.parametrize("head", ["root =", "root ::="])
def test_parentheses_nested_too_deeply_are_refused(head: str):
    with pytest.raises(LimitExceeded, match="nested too deeply"):
        compile_ebnf(f"{head} {'(' * 100_000}'a'{')' * 100_000};", BYTES)
