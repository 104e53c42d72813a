"""compile_regex and compile_choice: what they accept, and what they say when they do not."""

import random
import time

import pytest

from constrained import GrammarError, InvalidGrammar, LimitExceeded, Unsatisfiable, UnsupportedFeature, Vocabulary
from constrained.automata.rust_parse import parse_rust
from constrained.grammar import Node, Terminal
from constrained.matcher import CompiledGrammar, replay
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
        (r"(?P<year>\d)(?<month>a)", ["1a"], ["a1"]),
        (r"(?i:ab)c", ["ABc"], ["ABC"]),
        (r"(?i)a(?-i)b", ["Ab"], ["AB"]),
        (r"(?is)a.", ["A\n"], ["a"]),
        (r"(?U)a+?b", ["aab"], ["b"]),
        (r"(?-u:\w)(?u)\w", ["aé"], ["éa"]),
        (r"\Aab\z", ["ab"], ["a"]),
        (r"a\b b|", ["a b", ""], ["ab"]),
        (r"[a-z--[aeiou]]\PL\p{scx=Greek}", ["b1α"], ["a1α", "bbα", "b1b"]),
    ],
)
def test_the_whole_text_matches(pattern, accepted, refused):
    grammar = compile_regex(pattern, BYTES)
    assert [text for text in [*accepted, *refused] if accepts(grammar, text)] == accepted


@pytest.mark.parametrize(
    ("pattern", "flags", "accepted", "refused"),
    [
        (r"\d{4}", "", ["2026"], ["٢٠٢٦", "202", "x2026"]),
        (r"^(?!no)\w+$", "", ["yes", "on"], ["no", "not", "é"]),
        (r"(?<year>\d\d)-(?<=5-)x", "", ["25-x"], ["26-x"]),
        ("straße", "i", ["STRAßE", "straẞe"], ["strasse"]),
        ("a.b", "s", ["a\nb", "a😀b"], ["ab"]),
        (r"^a$\n^b$", "m", ["a\nb"], ["ab", "a\n"]),
        (r"[^\n]{1,3000}x", "", ["x" * 3001], ["x", "y" * 3001]),
        (r"\u{1f600}\p{Lu}", "u", ["😀É"], ["😀é"]),
        (r"(?i:a)b", "", ["Ab"], ["AB"]),
        (r"[^]\cA\x41\u0041", "", ["\n\x01AA"], ["\x01AA"]),
        (r".*(?<!a)b", "", ["cb", "b"], ["ab"]),
    ],
)
def test_the_whole_text_matches_in_javascripts_syntax(pattern, flags, accepted, refused):
    grammar = compile_regex(pattern, BYTES, syntax="ecma", flags=flags)
    assert [text for text in [*accepted, *refused] if accepts(grammar, text)] == accepted


@pytest.mark.parametrize(
    ("pattern", "flags", "message"),
    [
        (r"(.)\1", "", r"back-reference \\1 is not supported at offset 3"),
        (r"(?<n>a+)\k<n>", "", r"back-reference \\1 is not supported at offset 8"),
        ("a", "v", "flag 'v' is not supported"),
        ("a", "g", "flag 'g' is not supported"),
    ],
)
def test_what_is_not_supported_of_javascripts_syntax(pattern, flags, message):
    with pytest.raises(UnsupportedFeature, match=message):
        compile_regex(pattern, BYTES, syntax="ecma", flags=flags)


def test_syntaxes_are_told_apart():
    rust, ecma = compile_regex(r"\d", BYTES), compile_regex(r"\d", BYTES, syntax="ecma")
    assert rust.fingerprint != ecma.fingerprint
    assert accepts(rust, "٣")
    assert not accepts(ecma, "٣")
    with pytest.raises(UnsupportedFeature, match="flags beside a pattern") as caught:
        compile_regex("a", BYTES, flags="i")
    assert caught.value.hint == "write them inside: (?i)"


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


def test_a_hundred_thousand_choices():
    choices = [f"{number:x}-{number * 7919 % 100_003}" for number in range(100_000)]
    grammar = compile_choice(choices, BYTES)
    assert accepts(grammar, choices[12_345])
    assert not accepts(grammar, choices[12_345] + "0")
    assert replay(grammar, list(choices[-1].encode())).shortest_completion() == b""


LONG = [
    (r"[a-z]{1,3000}", ["a", "z" * 3000], ["", "z" * 3001, "aB"]),
    (r"^(?s).{400,}$", ["é" * 400, "\n" * 1000], ["é" * 399]),
    (r"a{300}|b{400}c", ["a" * 300, "b" * 400 + "c"], ["a" * 299, "b" * 399 + "c", "b" * 400]),
    (r"(?:[a-z]{1,300}-){2,400}x?", ["a-b-", "abc-" * 400 + "x"], ["a-", "a-b-xx", "abc-" * 401]),
    (r"(?:ab|cd|\d\d){300}", ["abcd12" * 100], ["abcd12" * 99, "abcd12" * 100 + "ab", "abc" * 100]),
    (r"x(?s).{0,9000}y", ["xy", "xyy", "x" + "y" * 9000 + "y"], ["x", "x" + "y" * 9002]),
    (r"(?i)(?:aab|b){257,258}", ["b" * 257, "Aab" * 257, "bB" * 129], ["b" * 256, "b" * 259, "aa" * 257]),
    (r"(?:\p{L}{2}\.){500}", ["αβ." * 500], ["αβ." * 499, "α.β" * 500]),
]


@pytest.mark.parametrize(("pattern", "accepted", "refused"), LONG)
def test_long_repeats_are_counted(pattern, accepted, refused):
    grammar = compile_regex(pattern, BYTES)
    assert isinstance(grammar.start, Node)
    assert [text for text in [*accepted, *refused] if accepts(grammar, text)] == accepted
    shortest = grammar.matcher().shortest_completion().decode()
    assert accepts(grammar, shortest)
    assert len(shortest) == min(map(len, accepted))


@pytest.mark.parametrize("pattern", [r"(?:a|aa){300}", r"(?:[a-z]+ ?){3,90}", r"(?:a?){300}", r"\b[a-z]{300}\b"])
def test_repeats_of_what_does_not_tell_its_end_are_written_out(pattern):
    assert isinstance(compile_regex(pattern, BYTES).start, Terminal)


@pytest.mark.parametrize(
    "pattern",
    [
        r"[a-z]{1,300}",
        r"(?s).{300,}",
        r"a{300}|b{400}c",
        r"(?:[a-c]{1,300}-){2,3}x?",
        r"(?:ab|cd|\d\d){300}",
        r"x(?s).{0,300}y",
        r"(?i)(?:aab|b){257,258}",
        r"(?:[αβéλ]{2}\.){150}",
    ],
)
def test_a_counted_pattern_is_the_one_that_is_written_out(pattern):
    counted, chance = compile_regex(pattern, BYTES), random.Random(3)
    assert isinstance(counted.start, Node)
    written = CompiledGrammar(Terminal(pattern_dfa(pattern)), BYTES)
    for _ in range(2):
        one, other = counted.matcher(), written.matcher()
        for _ in range(320):
            allowed = tokens_of(one.bitmask())
            assert allowed == tokens_of(other.bitmask())
            if allowed == [256]:
                break
            token = chance.choice([token for token in allowed if token != 256])
            one.advance(token)
            other.advance(token)
