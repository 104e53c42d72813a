"""Every feature of Lark's language, one row each, and Lark itself as the judge of both lexings."""

import re
from pathlib import Path

import lark
import pytest
from lark import Lark
from lark.exceptions import UnexpectedInput

from constrained.errors import GrammarError, InvalidGrammar, Unsatisfiable, UnsupportedFeature
from grammars.lark.compiler import compile_lark
from tests.support.walks import BYTES, accepts

# What is written, texts of it, and others.
FEATURES = {
    "no text at all": ('start: "a"?', ["", "a"], ["aa"]),
    "an empty alternative": ('start: "x" a "y"\na: | "b"', ["xy", "xby"], ["xbby"]),
    "alternatives on lines of their own": ('start: "a"\n     | "b"\n     // or\n     | "c"', ["a", "b", "c"], ["ab"]),
    "comments": ('// one\nstart: "a" // two\n# three\n  | "b" # four\n', ["a", "b"], ["/", "#"]),
    "a rule kept with one child": ('?start: "a" | x\n!x: "b" "c" -> y', ["a", "bc"], ["b"]),
    "rules and terminals that are left out of trees": ('start: _a _B\n_a: "x"+\n_B: "b"', ["xb", "xxb"], ["x"]),
    "a mark of both kinds": ('start: x\n!?x: "a" | x "b"', ["a", "abb"], ["b"]),
    "priority of a rule": ('start: a\na.2: "x" b\nb.-1: "y"', ["xy"], ["x"]),
    "a group repeated": ('start: ("a" "b"?)~2..3 "c"', ["aac", "abac", "ababac"], ["ac", "aaaac"]),
    "a repeat of none": ('start: "x"~0..2 "y"', ["y", "xxy"], ["xxxy"]),
    "a repeat of many": ('start: "x"~30..60', ["x" * 30, "x" * 60], ["x" * 29, "x" * 61]),
    "a repeat of a terminal's part": ('start: A\nA: "x"~2 ("y" | "z")~1..2', ["xxy", "xxzy"], ["xy", "xxyyy"]),
    "an optional sequence": ('start: ["a" ["b"]] "c"', ["c", "ac", "abc"], ["bc"]),
    "nested groups": ('start: (("a" | ("b" "c")*) "d")+', ["d", "ad", "bcbcdad"], ["bd", "a"]),
    "a range of characters": ('start: ("a".."f")+ "0".."9"', ["f0", "abc9"], ["g0", "a"]),
    "a range beyond ASCII": ('start: A+\nA: "\\u0430".."\\u044f" | "😀".."😎"', ["дом", "😁"], ["x", "ѐ"]),
    "escapes in strings": ('start: "\\n\\t\\x41\\u00e9\\"\\\\"', ['\n\tAé"\\'], ["ntAé"]),
    "a string without case": ('start: "Größe"i', ["GRÖßE", "größe"], ["grosse"]),
    "a terminal without case": ('start: A\nA: "ab"i "c"', ["ABc", "aBc"], ["ABC"]),
    "flag i": ("start: /[a-c]é/i", ["Bé", "cÉ"], ["dé"]),
    "flag s": ("start: /a.b/s", ["a\nb", "axb"], ["ab"]),
    "no flag s": ("start: /a.b/", ["axb"], ["a\nb"]),
    "flag x": ("start: /a b  [ ] # c\n/x", ["ab "], ["a b", "ab"]),
    "flags together": ("start: /a . b/isx", ["A\nB"], ["a . b"]),
    "flags inside": ("start: /(?i:a)b(?s:.)/", ["Ab\n", "abx"], ["AB\n"]),
    "classes of a pattern": (r"start: /\d\w\s[^\W\d_]/", ["٣é\u2003ñ", "1_ a"], ["a1 a", "1_ 1"]),
    "groups of a pattern": (r"start: /(?P<x>a|b){2}(?:c)??d/", ["abd", "bacd"], ["ad"]),
    "a slash in a pattern": (r"start: /\/\/[a-z]*\//", ["//a/"], ["/a/"]),
    "a look-behind at the terminal's own text": (r"start: /aa[ab]*(?<=ab)c/", ["aabc"], ["aac"]),
    "a terminal of terminals": ('start: N\nN: S? D+ ("." D+)?\nS: "-"\nD: "0".."9"', ["-1.5", "7"], [".5", "1."]),
    "a template": ('start: sep{X, ","}\nsep{x, s}: x (s x)*\nX: /[0-9]/', ["1", "1,2,3"], ["1,", "12"]),
    "a template in a template": (
        'start: two{list{"x"}}\ntwo{t}: t ";" t\nlist{t}: "[" t* "]"',
        ["[];[x]", "[xx];[]"],
        ["[]", "[];x"],
    ),
    "a template of itself": ('start: n{"x"}\nn{t}: t | "(" n{t} ")"', ["x", "((x))"], ["(x", "()"]),
    "a template of a terminal": ('start: quoted{/[a-z]+/}\nquoted{t}: "<" t ">"', ["<ab>"], ["<>"]),
    "imports, many": ("%import common (LETTER, DIGIT)\nstart: LETTER DIGIT+", ["a1", "Z99"], ["1a", "a"]),
    "an import renamed": ("%import common.SIGNED_INT -> N\nstart: N", ["+1", "-23", "4"], ["+"]),
    "a rule imported": ('%import lark.name\nstart: "@" name', ["@abc", "@ABC"], ["@", "@1"]),
    "an import of Unicode": ("%import unicode.WS_INLINE -> W\nstart: /x/ W /y/", ["x\xa0y", "x y"], ["xy"]),
    "ignored text": ('start: "a" "b"\n%ignore " "', ["ab", " a  b "], ["a\tb"]),
    "two kinds of ignored text": (
        "start: N+\nN: /[0-9]+/\n%ignore /[ ]+/\n%import common.SH_COMMENT\n%ignore SH_COMMENT\n%ignore /\\n/",
        ["1 2", "1 # x\n 2", "#\n1"],
        ["#", "1 x"],
    ),
    "a rule overridden": ('%import lark.name\nstart: "@" name\n%override name: "x"', ["@x"], ["@y"]),
    "a rule extended": ('%import lark.name\nstart: "@" name\n%extend name: "1"', ["@x", "@1"], ["@2"]),
    "a terminal overridden": ('%import common.DIGIT\n%override DIGIT: "x"\nstart: DIGIT', ["x"], ["1"]),
    "right recursion": ('start: a\na: "x" a | "y"', ["y", "xxy"], ["x"]),
    "left recursion": ('start: a\na: a "x" | "y"', ["y", "yxx"], ["x", "yxy"]),
    "left recursion through others": (
        'start: a\na: b "x" | "1"\nb: c "y" | "2"\nc: a "z" | "3"',
        ["1", "2x", "3yx", "1zyx", "3yxzyx"],
        ["3x", "1z"],
    ),
    "recursion in the middle": ('start: p\np: "(" p ")" | "x"', ["x", "((x))"], ["(x", "x)"]),
    "all marks and imports of a long name": (
        '?start: _x\n!_x.3: _y\n_y: "a" _Z\n_Z.-2: /b/i\n%import lark.STRING\n%ignore STRING',
        ["aB", '"s"ab'],
        ["a"],
    ),
    "rules that call each other": (
        'start: a\na: "1" b | "x"\nb: "2" a | "y"',
        ["x", "1y", "12x", "121y"],
        ["y", "12"],
    ),
}
AMBIGUOUS = {
    "hidden left recursion": ('start: a\na: b a "x" | "y"\nb: | "z"', ["y", "yxx", "zyx", "zzyxx"], ["zy", "x"]),
    "left recursion behind ignored text": ('start: a\na: _e a "x" | "y"\n_e:\n%ignore " "', ["y x", " yxx "], ["x"]),
    "a rule that is itself": ('start: a\na: a | a a | "x"', ["x", "xxx"], ["", "y"]),
    "a rule of itself or nothing": ('start: a "."\na: a a | "x"?', [".", "xxx."], ["x"]),
    "a sum without priorities": ('start: e\ne: e "+" e | e "*" e | "1"', ["1", "1+1*1"], ["1+", "+1"]),
    "a dangling else": (
        'start: s\ns: "if" s | "if" s "else" s | "x"',
        ["ifx", "ififxelsex", "ififxelsexelsex"],
        ["if", "xelsex"],
    ),
    "palindromes": ('start: p\np: "a" p "a" | "b" p "b" | "a" | "b"', ["a", "aba", "babab"], ["ab", ""]),
    "two ways to cut a word": ('start: (A | B)+\nA: "ab"\nB: "a" | "b" "a"', ["ab", "aba", "aab"], ["b", "abb"]),
}

# In greedy lexing the better terminal wins, whatever the parser would like.
PREFERENCES = {
    "a higher priority": ('start: A "!" | B "?"\nA.2: /[a-z]/\nB.1: /[a-z]+/', ["a!", "ab?"][:1], ["ab?", "a?"]),
    "a longer pattern": ('start: A "!" | B "?"\nA: /a/\nB: /[a-z]/', ["a?", "b?"], ["a!"]),
    "a string before a pattern": ('start: "if" "!" | NAME "?"\nNAME: /[a-z]+/', ["if!", "iff?"], ["if?"]),
    "a pattern of a higher priority": ('start: "if" "!" | NAME "?"\nNAME.1: /[a-z]+/', ["if?"], ["if!"]),
    "a longer string": ('start: "a" "ab" | "aa" "b"', ["aab"], ["a"]),
    "only what the parser accepts here": ('start: A "x" "y"\nA: /a+/\nb: /x+/', ["aaxy"], ["aaxxy"]),
    "a keyword where it is one": ('start: "get" NAME\nNAME: /[a-z]+/\n%ignore " "', ["get get", "getx"], ["get"]),
    "a lexeme as long as it can be": ("start: A B\nA: /a+/\nB: /a?b/", ["aab"], ["b", "a"]),
    "a lazy repeat as short as it can be": ('start: A "b"\nA: /a.*?b/', ["abb", "acbb"], ["abab"]),
    "ignored text before others": ("start: A A\nA: /-?a/\nD: /-/\n%ignore D", ["aa", "-aa", "a-a", "--aa"], ["a"]),
}


def check(judge: Lark, grammar: str, good: list[str], bad: list[str], lexer: str) -> None:
    compiled = compile_lark(grammar, BYTES, lexer=lexer)
    assert [text for text in [*good, *bad] if parses(judge, text)] == good, "the row is wrong"
    assert [text for text in [*good, *bad] if accepts(compiled, text)] == good


def parses(judge: Lark, text: str) -> bool:
    try:
        judge.parse(text)
    except UnexpectedInput:
        return False
    return True


@pytest.mark.parametrize(("grammar", "good", "bad"), (FEATURES | PREFERENCES).values(), ids=FEATURES | PREFERENCES)
def test_greedy_lexing_is_that_of_larks_lalr_parser(grammar, good, bad):
    check(Lark(grammar, parser="lalr"), grammar, good, bad, "greedy")


@pytest.mark.parametrize(("grammar", "good", "bad"), (FEATURES | AMBIGUOUS).values(), ids=FEATURES | AMBIGUOUS)
def test_dynamic_lexing_is_that_of_larks_earley_parser(grammar, good, bad):
    check(Lark(grammar, parser="earley", lexer="dynamic_complete"), grammar, good, bad, "dynamic")


COMMON = {
    "DIGIT": (["0"], ["00", "a"]),
    "HEXDIGIT": (["a", "F", "9"], ["g"]),
    "INT": (["0", "0123"], ["-1", ""]),
    "SIGNED_INT": (["-1", "+12", "3"], ["--1"]),
    "DECIMAL": (["1.", "1.5", ".5"], ["1", "."]),
    "FLOAT": (["1e5", "1.5E-3", ".5"], ["1", "e5"]),
    "SIGNED_FLOAT": (["-1e5", "+.5"], ["-1"]),
    "NUMBER": (["1", "1.5", "1e9"], ["-1"]),
    "SIGNED_NUMBER": (["-1", "+1.5e+3"], ["1-"]),
    "ESCAPED_STRING": (['""', '"a\\"b"', '"\\\\"'], ['"', '"\\"', '"a"b"']),
    "LCASE_LETTER": (["a"], ["A", "é"]),
    "UCASE_LETTER": (["A"], ["a"]),
    "LETTER": (["a", "Z"], ["1"]),
    "WORD": (["aZ"], ["a1", ""]),
    "CNAME": (["_", "a1_"], ["1a"]),
    "WS_INLINE": ([" \t "], ["\n"]),
    "WS": ([" \n\r\f"], ["x", ""]),
    "CR": (["\r"], ["\n"]),
    "LF": (["\n"], ["\r"]),
    "NEWLINE": (["\n", "\r\n\n"], ["\r"]),
    "SH_COMMENT": (["#", "# a"], ["#\n", "a"]),
    "CPP_COMMENT": (["// a"], ["/ a"]),
    "C_COMMENT": (["/* a\n */", "/***/"], ["/*/", "/**/*/"]),
    "SQL_COMMENT": (["-- a"], ["- a"]),
}


@pytest.mark.parametrize(("name", "good", "bad"), [(name, *texts) for name, texts in COMMON.items()], ids=COMMON)
def test_terminals_of_larks_library(name, good, bad):
    grammar = f"%import common.{name} -> IT\nstart: IT"
    check(Lark(grammar, parser="lalr"), grammar, good, bad, "greedy")


def test_the_library_is_tested_whole():
    written = (Path(lark.__file__).parent / "grammars" / "common.lark").read_text()
    assert set(re.findall(r"^([A-Z]\w*) *:", written, re.MULTILINE)) == COMMON.keys()


# ---------------------------------------------------------------- refusals

BEHIND = 'start: "x" b\nb: '  # what comes next stands in line 2, column 4
RULE = 'start: "x" t\nt'  # what comes next stands in line 2, column 2
REFUSED = [
    *(
        (f"{BEHIND}/{pattern}/", UnsupportedFeature, what, "line 2, column 4")
        for pattern, what in [
            ("a(?=b)", "look-ahead"),
            ("a(?!b)", "look-ahead"),
            ("(?<=x)a", "look-behind that looks in front"),
            ("(?<!x)a", "look-behind that looks in front"),
            ("^a", "anchor"),
            ("a$", "anchor"),
            (r"\Aa", "anchor"),
            (r"a\b", "anchor"),
            (r"a\B", "anchor"),
            (r"(a)\1", "back-reference"),
            ("(?P<n>a)(?P=n)", "back-reference"),
            ("(?>a)b", "atomic group"),
            ("a++b", "possessive"),
            ("(a)?(?(1)b|c)", "conditional group"),
        ]
    ),
    *(
        (f"{BEHIND}{written}", InvalidGrammar, what, "line 2, column 4")
        for written, what in [
            ("/[z-a]/", "bad character range"),
            ('"z".."a"', "bad character range"),
            ('"ab".."c"', "a range is from one character to another"),
            (r"/\p{L}/", "bad escape"),
            ("/a{3,1}/", "min repeat greater"),
            ('""', "Empty terminals"),
            ("c", "Rule 'c' used but not defined"),
            ('c{"x"}', "Template 'c' used but not defined"),
            ('p{"x"}\np{a, c}: a c', "Wrong number of template arguments"),
            ('"y"\n b', None),
        ]
        if what
    ),
    (f"{BEHIND}/\ud800/", InvalidGrammar, "half of a surrogate pair", "line 2, column 5"),
    (f'{BEHIND}"\\x4"', InvalidGrammar, r"not a string: \\x4", "line 2, column 5"),
    (f"{BEHIND}'y'", InvalidGrammar, "Unexpected input", "line 2, column 4"),
    (f'{BEHIND}"y" ~ 3..', InvalidGrammar, "unexpected end of the line", "line 2, column 13"),
    (f'{BEHIND}"y" )', InvalidGrammar, r"unexpected '\)'", "line 2, column 8"),
    (f'{BEHIND}"y"\nb: "z"', InvalidGrammar, "Rule 'b' defined more than once", "line 3, column 1"),
    (f'{BEHIND}A\nA: "z"\nA: "z"', InvalidGrammar, "Terminal 'A' defined more than once", "line 4, column 1"),
    (f'{BEHIND}A\nA: "a" A', InvalidGrammar, "Recursion in terminal 'A'", "line 2, column 4"),
    ('start: "x"\n%extend b: "y"', InvalidGrammar, "Can't extend rule b", "line 2, column 9"),
    ('start: "x"\n%override B: "y"', InvalidGrammar, "nonexisting terminal B", "line 2, column 11"),
    ('start: "x"\n%ignore B', InvalidGrammar, "were not defined", "line 2, column 9"),
    ('start: "x"\n%ignore b\nb: "y"', InvalidGrammar, "Rules aren't allowed inside terminals", "line 2, column 9"),
    ('start: "x"\n%foo y', InvalidGrammar, "Unexpected input", "line 2, column 1"),
    ('start: "x"\n%import common', InvalidGrammar, "Nothing was imported", "line 2, column 1"),
    ("start: b\n%declare A b", InvalidGrammar, "only terminals can be", "line 2, column 12"),
    ('start: "a" b\nb: "\\ud800"', Unsatisfiable, r'no text matches the terminal "\\ud800"', "line 2, column 4"),
    (f'{RULE}[temperature=0.5]: "y"', UnsupportedFeature, "'temperature'", "line 2, column 3"),
    (f'{RULE}[stop_capture="c"]: "y"', UnsupportedFeature, "'stop_capture'", "line 2, column 3"),
    (f'{RULE}[nonsense]: "y"', UnsupportedFeature, "'nonsense'", "line 2, column 3"),
    (f"{RULE}[stop]: /y/", InvalidGrammar, "stop needs a string or a regular expression", "line 2, column 3"),
    (f"{RULE}[lazy stop]: /y/", InvalidGrammar, "malformed rule attributes", "line 2, column 3"),
    (f'{BEHIND}%lark {{start: "y"}}', UnsupportedFeature, "%lark inside a grammar", "line 2, column 4"),
    (f"{BEHIND}%regex /y/", InvalidGrammar, "%regex needs a JSON value", "line 2, column 4"),
    (f"{BEHIND}<[^3]>", UnsupportedFeature, "the token set", "line 2, column 4"),
]


@pytest.mark.parametrize(("grammar", "kind", "says", "where"), REFUSED, ids=[repr(row[0]) for row in REFUSED])
def test_what_is_refused_is_named_with_its_place(grammar, kind, says, where):
    with pytest.raises(GrammarError, match=says) as caught:
        compile_lark(grammar, BYTES)
    assert type(caught.value) is kind
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("grammar", "says", "where"),
    [
        ('start: "a" b\nb: %json {}', "%json needs dynamic lexing", "line 2, column 4"),
        ('start: "a" t\nt[stop="x"]: /a*/', r't\[stop="x"\] needs dynamic lexing', "line 2, column 1"),
        ('start: "a" t\nt[lazy]: /a*b/', r"t\[lazy\] needs dynamic lexing", "line 2, column 1"),
        ('start: "a" | b\nb: "c" b', "no text matches rule 'b'", "line 2, column 1"),
        ('start: e\ne: e "+" e | "1"', "LALR", "line 2, column 1"),
    ],
)
def test_what_greedy_lexing_cannot_do_is_named_with_its_place(grammar, says, where):
    with pytest.raises(UnsupportedFeature, match=says) as caught:
        compile_lark(grammar, BYTES, lexer="greedy")
    assert caught.value.where == where
