"""What is refused, as what, and with which hint: malformed, not regular, or too large."""

import pytest

from constrained.automata.ecma import parse, pattern_dfa
from constrained.errors import GrammarError, InvalidGrammar, LimitExceeded, UnsupportedFeature


@pytest.mark.parametrize(
    ("pattern", "offset"),
    [
        ("^(abc]", 1),
        ("a)", 1),
        ("[a", 0),
        ("a[b-a]", 2),
        ("*a", 0),
        ("a|*", 2),
        ("^*", 0),
        (r"\b+", 0),
        ("a**", 2),
        ("a{2}{3}", 4),
        ("{2}", 0),
        ("a{3,2}", 1),
        ("a\\", 1),
        (r"\u{110000}", 0),
        (r"\u12", 0),
        (r"\xg0", 0),
        (r"\p{Greek}", 0),
        (r"\p{letter}", 0),
        (r"\p{Script=Klingon}", 0),
        (r"\pL", 0),
        (r"x\i", 1),
        (r"\07", 0),
        (r"\2(a)", 0),
        (r"\k<m>(?<n>a)", 0),
        (r"(?<n>a)\kn", 7),
        (r"[\B]", 1),
        ("(?<1>a)", 0),
        ("(?<a", 3),
        ("(?=a", 0),
        ("(?y)a", 0),
        ("a(?i)b", 1),
    ],
)
def test_malformed_patterns_name_the_offset(pattern: str, offset: int) -> None:
    with pytest.raises(GrammarError) as caught:
        parse(pattern)
    assert isinstance(caught.value, InvalidGrammar | UnsupportedFeature)
    assert f"at offset {offset} of the pattern" in caught.value.message


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("a{,5}", "write {0,5}"),
        ("[]a]", r"escape a ] inside a class: \]"),
        ("[^]a]", r"escape a ] inside a class: \]"),
        ("[[:alpha:]]", "write the ranges out"),
        (r"\h", r"write [ \t]"),
        (r"\p{Greek}", r"scripts are written \p{Script=Greek}"),
        ("a(?i)b", "write (?i:...)"),
    ],
)
def test_dialects_that_disagree_are_refused_with_a_hint(pattern: str, hint: str) -> None:
    with pytest.raises(InvalidGrammar) as caught:
        parse(pattern)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (r"(a*)\1", r"back-reference \1"),
        (r"(.)\1", r"back-reference \1"),
        (r"(?<n>a+)\k<n>", r"back-reference \1"),
        ("(?P<n>.)(?P=n)", r"back-reference \1"),
        (r"(\bx)\1", r"back-reference \1"),
        (r"(a|b)+\1", "to a group that is repeated or looked for"),
        (r"(?=(a|b))\1", "to a group that is repeated or looked for"),
        (r"(?:(?<n>a)|(?<n>b))\k<n>", "a back-reference to one of several groups 'n'"),
        ("(?>a)", "an atomic group"),
        ("a++", "a possessive quantifier"),
        ("a{2}+", "a possessive quantifier"),
        ("(?R)", "recursion"),
        ("(?1)", "recursion"),
        ("(?(1)a|b)", "a conditional group"),
        ("(?x)a b", "the inline flag 'x'"),
        ("(?<=a(?=b))", "a look-ahead inside a look-behind"),
    ],
)
def test_what_is_not_regular_is_refused_by_name(pattern: str, what: str) -> None:
    with pytest.raises(UnsupportedFeature, match=r"is not supported") as caught:
        pattern_dfa(pattern)
    assert what in caught.value.message


def test_unknown_flags_are_refused() -> None:
    with pytest.raises(UnsupportedFeature, match="flag 'v'"):
        parse("a", "v")


@pytest.mark.parametrize(
    "pattern",
    [
        "a{1000000000}",
        "^(?:a{1,1000}){1,1000}$",
        "^(?:a|b)*a(?:a|b){20}$",
        "^(?:(?:a{0,50}){0,50}b?){0,50}$",
        r"^\p{L}{1,15000}$",
        "[a-z]{5000}",
        "^(?:a?){5000}$",
        "^(?:(?!a.{15}b).)*$",
        "(?=.*a.{12}$)(?=.*b.{12}$)x",
        r"(?<=a.{15})b",
        "(" * 1000 + ")" * 1000,
        "".join(f"(?:(?=.*{chr(97 + i)})|(?!.*{chr(65 + i)}))" for i in range(16)),
        "".join(f"(?=.*{chr(0x100 + i)})" for i in range(40)),
        "^" + "".join(f"(?=.*{chr(97 + i % 26)}{i})" for i in range(30)) + ".*$",
    ],
)
def test_patterns_that_explode_are_stopped(pattern: str) -> None:
    with pytest.raises(LimitExceeded):
        pattern_dfa(pattern)


def test_the_limit_is_the_callers() -> None:
    assert pattern_dfa("^a{50}$", limit=60).rows <= 60
    with pytest.raises(LimitExceeded):
        pattern_dfa("^a{50}$", limit=40)


def test_nested_quantifiers_compile_at_once() -> None:
    assert pattern_dfa("^(?:(?:a+)+)+$").rows == pattern_dfa("^a+$").rows
