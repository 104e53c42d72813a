"""compile_regex and compile_choice: what they accept, and what they say when they do not."""

import time

import pytest

from constrained import GrammarError, InvalidGrammar, LimitExceeded, Unsatisfiable, UnsupportedFeature, Vocabulary
from constrained.automata.rust_parse import parse_rust
from constrained.matcher import replay
from grammars.choice import compile_choice
from grammars.regex import compile_regex, pattern_dfa
from tests.support.grammars import tokens_of

BYTES = Vocabulary.from_spellings([*(bytes([byte]) for byte in range(256)), None], [256])
LETTERS = Vocabulary.from_spellings([b"a", b"b", b"ab\xc3", b"ba", None], [4])


def accepts(grammar, text: str) -> bool:
    matcher = grammar.matcher()
    for byte in text.encode():
        if not matcher.allows(byte):
            return False
        matcher.advance(byte)
    return matcher.is_accepting


@pytest.mark.parametrize(
    ("pattern", "accepted", "refused"),
    [
        (r"\d{4}-\d\d-\d\d", ["2026-11-23", "٢٠٢٦-11-23"], ["2026-11-2", "x2026-11-23"]),
        ("^yes|no$", ["yes", "no"], ["y", "yesno"]),
        (r"(?i)straße", ["STRAßE", "straẞe"], ["strasse"]),
        (".+", ["a", "é😀"], ["", "\n"]),
        ("(?s).", ["\n"], [""]),
        (r"[[:alpha:]&&[^x]]+", ["abc"], ["abx"]),
        (r"\p{Greek}\u{1F600}\x41", ["α😀A"], ["a😀A"]),
        (r"a{2,3}?b", ["aab"], ["ab", "aaaab"]),
        ("]}", ["]}"], ["]"]),
    ],
)
def test_the_whole_text_matches(pattern, accepted, refused):
    grammar = compile_regex(pattern, BYTES)
    assert [text for text in [*accepted, *refused] if accepts(grammar, text)] == accepted


@pytest.mark.parametrize(
    ("pattern", "error", "message"),
    [
        ("a)|(b", InvalidGrammar, "closed, but not opened, at offset 1"),
        ("(a", InvalidGrammar, "opened, but not closed, at offset 0"),
        ("[a", InvalidGrammar, "class is opened"),
        ("a{", InvalidGrammar, r"not \{n\}"),
        ("a{,3}", InvalidGrammar, r"not \{n\}"),
        ("a{3,1}", InvalidGrammar, "ends before it begins"),
        ("*a", InvalidGrammar, "nothing to repeat at offset 0"),
        ("(?i)*", InvalidGrammar, "nothing to repeat"),
        (r"\q", InvalidGrammar, "no character or class"),
        ("[z-a]", InvalidGrammar, "no character or class"),
        ("(?=a)", InvalidGrammar, "group of an unknown kind"),
        ("(?k)a", InvalidGrammar, "unknown flag k"),
        ("a\\", InvalidGrammar, "ends in a backslash"),
        ("\ud800", InvalidGrammar, "surrogate"),
        ("(?x)a b", UnsupportedFeature, "flag x"),
        ("(?m)^a", UnsupportedFeature, "under the flag m"),
        (r"\b{start}a", UnsupportedFeature, "boundary with a side"),
        ("a{1000000000}", LimitExceeded, "a billion"),
        ("(" * 101 + "a" + ")" * 101, LimitExceeded, "nested groups"),
        (r"[^\s\S]", Unsatisfiable, "no text matches the pattern"),
        (r"a\bb", Unsatisfiable, "no text matches the pattern"),
    ],
)
def test_a_refusal_says_why(pattern, error, message):
    with pytest.raises(error, match=message):
        compile_regex(pattern, BYTES)


@pytest.mark.parametrize(
    "pattern",
    [
        "((a{1,100}){1,100}){1,100}",
        "(a|b)*a(a|b){40}",
        "(a?){4000}a{4000}",
        r"(?:\w|\d|[a-z]|é){1,100}",
        "(.{0,50}b){0,50}",
        "(a{0,140}){0,140}",
        "(a|ab|abc|abcd|bcd){1,500}",
        "(" * 50_000,
    ],
)
def test_hostile_patterns_are_refused_soon(pattern):
    before = time.perf_counter()
    with pytest.raises(GrammarError):
        pattern_dfa(pattern)
    assert time.perf_counter() - before < 10


def test_equal_patterns_share_masks():
    one, other = compile_regex("[a-z]+", BYTES), compile_regex("[a-z]+", BYTES)
    assert one.start.automaton is other.start.automaton
    assert one.fingerprint == other.fingerprint != compile_regex("[a-y]+", BYTES).fingerprint
    assert parse_rust("a") is parse_rust("a")


def test_a_vocabulary_that_lacks_bytes_offers_what_it_can_spell():
    matcher = compile_regex("[a-c]{2}|(ab)*é", LETTERS).matcher()
    assert tokens_of(matcher.bitmask()) == [0, 1, 3]  # not 2: nothing spells what would have to follow
    with pytest.raises(Unsatisfiable, match="cannot spell"):
        compile_regex("ac", LETTERS)


# ------------------------------------------------------------------ choices


def test_exactly_the_choices():
    grammar = compile_choice(["yes", "no", "yes", "né", "yesterday", ""], BYTES)
    texts = ["yes", "no", "né", "yesterday", "", "y", "yester", "nono"]
    assert [text for text in texts if accepts(grammar, text)] == ["yes", "no", "né", "yesterday", ""]


@pytest.mark.parametrize(
    ("choices", "error"), [([], Unsatisfiable), (["\ud800"], InvalidGrammar), (["c", "d"], Unsatisfiable)]
)
def test_choices_that_cannot_be_made(choices, error):
    with pytest.raises(error):
        compile_choice(choices, LETTERS)


def test_the_place_of_a_bad_choice():
    with pytest.raises(InvalidGrammar) as caught:
        compile_choice(["a", "b\udfff"], BYTES)
    assert caught.value.where == "#/1"


def test_many_choices():
    choices = [f"{number:x}-{number * 7919 % 100_003}" for number in range(30_000)]
    before = time.perf_counter()
    grammar = compile_choice(choices, BYTES)
    assert time.perf_counter() - before < 5
    assert accepts(grammar, choices[12_345])
    assert not accepts(grammar, choices[12_345] + "0")
    assert replay(grammar, list(choices[-1].encode())).shortest_completion() == b""
