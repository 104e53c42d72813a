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

LIST = r"""root ::= item+

# characters other than ends of lines
item ::= "- " [^\r\n\x0b\x0c\x85\u2028\u2029]+ "\n"
"""
CHESS = r"""
# moves in pairs, numbered
root ::= "1. " move " " move "\n" ([1-9] [0-9]? ". " move " " move "\n")+
move ::= (pawn | nonpawn | castle) [+#]?

# piece type, optional file/rank, optional capture, dest file & rank
nonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
pawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
castle ::= "O-O" "-O"?
"""
ARITHMETIC = r"""
root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \t\n]*
"""
JAPANESE = r"""
root     ::= jp-char+ ([ \t\n] jp-char+)*
jp-char  ::= hiragana | katakana | punctuation | cjk
hiragana ::= [ぁ-ゟ]
katakana ::= [ァ-ヿ]
punctuation ::= [、-〾]
cjk      ::= [一-鿿]
"""
C = r"""
root ::= (declaration)*
declaration ::= dataType identifier "(" parameter? ")" "{" statement* "}"
dataType ::= "int" ws | "float" ws | "char" ws
identifier ::= [a-zA-Z_] [a-zA-Z_0-9]*
parameter ::= dataType identifier
statement ::=
    ( dataType identifier ws "=" ws expression ";" ) |
    ( identifier ws "=" ws expression ";" ) |
    ( "return" ws expression ";" ) |
    ( "while" "(" condition ")" "{" statement* "}" ) |
    ( singleLineComment ) |
    ( multiLineComment )
condition ::= expression relationOperator expression
relationOperator ::= ("<=" | "<" | "==" | "!=" | ">=" | ">")
expression ::= term (("+" | "-") term)*
term ::= factor(("*" | "/") factor)*
factor ::= identifier | number | unaryTerm | "(" expression ")"
unaryTerm ::= "-" factor
number ::= [0-9]+
singleLineComment ::= "//" [^\n]* "\n"
multiLineComment ::= "/*" ( [^*] | ("*" [^/]) )* "*/"
ws ::= ([ \t\n]+)
"""


@pytest.mark.parametrize(
    ("grammar", "good", "bad"),
    [
        (LIST, ["- a\n", "- one\n- é 😀\n"], ["", "- \n", "- a", "- a\u2028\n"]),
        (CHESS, ["1. e4 e5\n2. Nf3 O-O-O\n", "1. exd5 Qh4#\n10. e8=Q Rad1+\n"], ["1. e4 e5\n", "1. e9 e5\n2. a1 a2\n"]),
        (ARITHMETIC, ["1=a\n", "(1*(b))/2= 3\n", "x1 +(2) = 3 \n1=2\n"], ["1=\n", "1+=2\n"]),
        (JAPANESE, ["ひらがな カタカナ", "漢字、です。"], ["", " 漢", "a", "漢  字"]),
        (
            C,
            ["", "int f(){return\t-1;}", "int f(char c){int x = (1+2)*c;while(x<=3){x = x-1;}//a\n/*b*/}"],
            ["int f(){return 1}", "f(){}", "int f(){/*b}"],
        ),
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


def test_parentheses_nested_too_deeply_are_refused():
    with pytest.raises(LimitExceeded, match="nested too deeply"):
        compile_gbnf(f"root ::= {'(' * 100_000}[a]{')' * 100_000}", BYTES)
