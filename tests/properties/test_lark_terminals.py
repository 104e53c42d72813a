"""Automata of terminals against Python's `re`, which is what Lark matches terminals with."""

import itertools
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrained.errors import GrammarError, InvalidGrammar, UnsupportedFeature
from grammars.lark.preferred import preferred, repeated, shortest_only

PATTERNS = [
    r'".*?"',
    r"a|ab",
    r"(?:a|ab)(?:c|bcd)?",
    r"(?:|a)b",
    r"\w+",
    r"(?i:ab)c",
    r"\".*?(?<!\\)(\\\\)*?\"",
    r"[^\W\d]\w*",
    r"a{2,3}?b*",
    r"(a*)*b?",
    r"(?:a|b)*?c",
    r"[^a]b|(?i:[k])",
    r"(?s:.)*?b",
    r"a(?<=a)b(?<!aa)",
]
ALPHABET = 'ab"\\c'


def ends(pattern, text):
    """Where `match` ends on some beginning of `text`."""
    compiled = re.compile(pattern)
    return {found.end() for cut in range(len(text) + 1) if (found := compiled.match(text[:cut]))}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_terminal_may_end_where_pythons_match_does(pattern):
    dfa = preferred(pattern)
    for length in range(6):
        for letters in itertools.product(ALPHABET, repeat=length):
            text = "".join(letters)
            found = {cut for cut in range(length + 1) if dfa.accepts(text[:cut].encode())}
            whole = re.match(pattern, text)
            assert max(found, default=-1) == (whole.end() if whole else -1)
            if whole:
                assert found == ends(pattern, text)


atoms = st.sampled_from(["a", "b", "ab", "[ab]", "[^a]", "."])
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{1,2}", "{2}?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(patterns)
def test_random_patterns_end_where_pythons_match_does(pattern):
    dfa = preferred(pattern)
    for length in range(6):
        for letters in itertools.product("ab", repeat=length):
            text = "".join(letters)
            whole = re.match(pattern, text)
            longest = max((cut for cut in range(length + 1) if dfa.accepts(text[:cut].encode())), default=-1)
            assert longest == (whole.end() if whole else -1)


@pytest.mark.parametrize(
    "pattern", [r"[^\W\d]", "(?i:[k-s])", r"(?a:\w)", r"[^a\s]", "(?i:é)", "(?i:[^a-z])", r"(?i)\d|ß"]
)
def test_sets_of_characters_are_pythons(pattern):
    dfa, compiled = preferred(pattern), re.compile(pattern)
    chance = random.Random(1)
    codes = [*range(0x250), 0x212A, 0x1E9E, *(chance.randrange(0x110000) for _ in range(3000))]
    for character in (chr(code) for code in codes if not 0xD800 <= code < 0xE000):
        assert dfa.accepts(character.encode()) == bool(compiled.fullmatch(character)), character


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("[", InvalidGrammar),
        ("(?P<n>a)(?P=n)", UnsupportedFeature),
        ("a(?=b)", UnsupportedFeature),
        (r"\bx", UnsupportedFeature),
        ("^a", UnsupportedFeature),
        ("(?<=a)b", UnsupportedFeature),
        ("(?>a*)b", UnsupportedFeature),
        ("a++", UnsupportedFeature),
    ],
)
def test_refuses_what_is_not_regular_here(pattern, kind):
    with pytest.raises(GrammarError) as caught:
        preferred(pattern)
    assert type(caught.value) is kind


def test_changes_languages():
    assert shortest_only(preferred("a+b?")).accepts(b"a")
    assert not shortest_only(preferred("a+b?")).accepts(b"aa")
    again = repeated(preferred("ab|c"))
    assert [again.accepts(text) for text in (b"", b"ab", b"cab", b"abcab", b"a", b"ca")] == [True] * 4 + [False] * 2
