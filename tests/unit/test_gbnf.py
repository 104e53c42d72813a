"""GBNF: texts that belong to a grammar and texts that do not; what is refused, and where."""

import pytest

from constrained import Vocabulary
from constrained.errors import InvalidGrammar, LimitExceeded, Unsatisfiable, UnsupportedFeature
from grammars.gbnf import compile_gbnf
from tests.support.walks import BYTES, accepts

JSON = r"""
# JSON, as in llama.cpp's examples
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"""


@pytest.mark.parametrize(
    ("grammar", "good", "bad"),
    [
        (JSON, ['{"a": [1, -2.5e3, {"b\\u00e9": null}]}', "{}"], ['{"a" 1}', "[]", "{", '{"a": 01}']),
        ('root ::= "a" | root "b"', ["a", "abbb"], ["", "b", "aab"]),
        ('root ::= x y? z*\nx ::= "x"\ny::= "y" # comment\nz ::= [0-9]', ["x", "xy", "xy12"], ["y", "xyy"]),
        ('root ::= "a"{2} "b"{1,2} "c"{2,}', ["aabcc", "aabbccc"], ["abcc", "aabbbcc", "aabc"]),
        ("root ::= x{2}\nx ::= [a] x [b] | [c]", ["cc", "acbc"], ["c", "acb"]),
        ('root ::= "a" |\n  "b"\n  | "c"', ["a", "b", "c"], ["ab"]),
        ("root ::= [^a-c\\]] .", ["d\n", "zé"], ["aa", "]x", "d"]),
        ('root ::= "\\x41\\u00e9\\U0001F600\\n"', ["Aé😀\n"], ["A"]),
        ('root ::= "" | "a"', ["", "a"], ["aa"]),
        ('root ::= ("a" "b")+ ("c" | )', ["ab", "ababc"], ["abcc"]),
        ("root ::= a-b_1\na-b_1 ::= [-a-]", ["-", "a"], ["b"]),
        ('root ::= e\ne ::= e "+" e | "(" e ")" | [0-9]+', ["1+(2+3)", "12"], ["1+", "()"]),
    ],
)
def test_accepts_the_texts_of_a_grammar(grammar, good, bad):
    compiled = compile_gbnf(grammar, BYTES)
    assert [text for text in good if not accepts(compiled, text)] == []
    assert [text for text in bad if accepts(compiled, text)] == []


@pytest.mark.parametrize(
    ("grammar", "kind", "where"),
    [
        ('root ::= "a', InvalidGrammar, "line 1, column 10"),
        ('root ::= "a"\n  "b"', InvalidGrammar, "line 2, column 3"),
        ("root ::= [a", InvalidGrammar, "line 1, column 10"),
        ("root ::= x", InvalidGrammar, "line 1, column 10"),
        ('root ::= ("a"', InvalidGrammar, "line 1, column 10"),
        ('root ::= "\\q"', InvalidGrammar, "line 1, column 11"),
        ('root = "a"', InvalidGrammar, "line 1, column 6"),
        ("root ::= [z-a]", InvalidGrammar, ""),
        ("x ::= [a]", InvalidGrammar, ""),
        ("root ::= <nope>", InvalidGrammar, "line 1, column 10"),
        ("root ::= !<nope>", UnsupportedFeature, "line 1, column 10"),
        ("root ::= x\nx ::= [a] x", Unsatisfiable, "line 2, column 1"),
        ("root ::= (x [b]){5000}\nx ::= [a] x | [c]", LimitExceeded, "line 1, column 1"),
        ("root ::= [a]\nroot ::= [b]", InvalidGrammar, "line 2, column 1"),
    ],
)
def test_refuses_with_line_and_column(grammar, kind, where):
    with pytest.raises(kind) as caught:
        compile_gbnf(grammar, BYTES)
    if where:
        assert caught.value.where == where


def test_tokens_are_matched_by_id():
    vocabulary = Vocabulary.from_spellings([b"a", None, None, None], [3], {"<call>": 1})
    matcher = compile_gbnf("root ::= <call> [a]+ <[1]>", vocabulary).matcher()
    assert matcher.allows(1)
    assert not matcher.allows(0)
    for token in (1, 0, 0, 1):
        matcher.advance(token)
    assert matcher.is_accepting
