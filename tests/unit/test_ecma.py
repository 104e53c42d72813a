"""Which texts does an ECMA-262 pattern match? One table a subject; the JSON Schema sense of "match"."""

import pytest

from constrained.automata.ecma import counted_whole, pattern_dfa


def matches(pattern: str, text: str, flags: str = "", *, search: bool = True) -> bool:
    return pattern_dfa(pattern, flags, search=search).accepts(text.encode())


def check(pattern: str, accepted: list[str], refused: list[str], flags: str = "") -> None:
    assert [text for text in accepted if not matches(pattern, text, flags)] == []
    assert [text for text in refused if matches(pattern, text, flags)] == []


SEARCH = [
    ("foo", ["foo", "a foo b"], ["", "fo", "FOO"]),
    ("", ["", "x"], []),
    ("^foo", ["foo", "foobar"], ["a foo"]),
    ("foo$", ["foo", "a foo"], ["foo\n", "foobar"]),
    ("^foo$", ["foo"], ["foo\n", "\nfoo", "foofoo"]),
    ("^$", [""], ["\n", "a"]),
    ("(^a|b$)", ["ab", "ax", "xb"], ["ba", "xax"]),
    ("^a|b|c$", ["ax", "xbx", "xc"], ["xa", "cx"]),
    ("(?:^|,)x(?:,|$)", ["x", "a,x", "x,a", "a,x,b"], ["ax", "xa", ""]),
    ("^(?:(?:^-|a)b)+$", ["-b", "ab", "-bab"], ["ab-b", "-b-b"]),
    ("a^b", [], ["ab", "a^b", ""]),
    ("$^", [""], ["a"]),
    ("^a*^$", [""], ["a"]),
    (r"\Aa\Z", ["a"], ["ab", "a\n"]),
]

QUANTIFIERS = [
    ("[ab]{2,2000}$", ["xab", "aba"], ["a", "xaxb", "ab "]),  # what is beyond the least belongs to what surrounds it
    ("x*[ab]{1,900}y{2,}", ["xayy", "abyyy-"], ["ay", "xyy"]),
    ("^a{2}$", ["aa"], ["a", "aaa"]),
    ("^a{2,}$", ["aa", "aaaaa"], ["a"]),
    ("^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]),
    ("^a{0}$", [""], ["a"]),
    ("^a{0,0}b$", ["b"], ["ab"]),
    ("^(?:ab){1,2}?c$", ["abc", "ababc"], ["c", "abababc"]),
    ("^a+?b*?c??$", ["a", "aab", "abc"], ["", "b", "acc"]),
    ("^(a|b)*$", ["", "abba"], ["c"]),
    ("^(?:a?){3}$", ["", "aaa"], ["aaaa"]),
    ("^(?:a*)*b$", ["b", "aab"], ["a"]),
    ("^(|a)+$", ["", "aa"], ["b"]),
]

CHARACTERS = [
    (r"^\d\D$", ["1a", "1٣"], ["٣a", "11"]),
    (r"^\w\W$", ["_é", "a-"], ["é-", "ab"]),
    (r"^\s$", [*"\t\n\v\f\r \xa0\u1680\u2003\u2028\u2029\u3000\ufeff"], ["\x1c", "\x85", "\u200b", "a"]),
    (r"^\S$", ["a", "\x85", "\x1c", "🐲"], [" ", "\ufeff", ""]),
    ("^.$", ["a", "é", "🐲", "\x85", "\v"], ["", "\n", "\r", "\u2028", "\u2029", "ab"]),
    ("^[a-c_]$", ["a", "c", "_"], ["d", "-", ""]),
    ("^[^a-c]$", ["d", "\n", "🐲"], ["a", "c", "", "dd"]),
    ("^[]$", [], ["", "a"]),
    ("^[^]$", ["a", "\n", "🐲"], ["", "ab"]),
    (r"^[\w.-]$", ["a", ".", "-"], ["é", "\\"]),
    (r"^[\w-.]$", ["a", ".", "-"], ["/"]),
    (r"^[a-]$", ["a", "-"], ["b"]),
    (r"^[\]\\^-]$", ["]", "\\", "^", "-"], ["["]),
    (r"^[[a]$", ["[", "a"], ["]"]),
    (r"^[\b]$", ["\b"], ["b"]),
    (r"^\t\n\v\f\r$", ["\t\n\v\f\r"], ["tnvfr"]),
    (r"^\cC\cj\0$", ["\x03\n\0"], ["\x03j0"]),
    (r"^\x41\u0042\u{43}\u{1F432}$", ["ABC🐲"], ["abc🐲"]),
    (r"^\ud83d\udc32$", ["🐲"], ["🐳"]),
    (r"^[\ud83d\udc32-\ud83d\udc33]$", ["🐲", "🐳"], ["🐴"]),
    (r"\ud83d", [], ["", "🐲"]),
    (r"^[^\ud83d]$", ["a", "🐲"], [""]),
    (r"^[\ud800-\udfff]?$", [""], ["a"]),
    ("^🐲*$", ["", "🐲🐲"], ["🐲D"]),
    (r"^\/\-\@\"\_\#\ \%$", ['/-@"_# %'], ["\\/"]),
    ("^{a}]$", ["{a}]"], ["a"]),
    ("^a{b{,}$", ["a{b{,}"], ["ab"]),
    ("^(?#note)a$", ["a"], ["note"]),
    ("^(?<year>a)(?P<month>b)$", ["ab"], ["a"]),
]

PROPERTIES = [
    (r"^\p{Letter}+$", ["aéßж漢"], ["1", "a1", ""]),
    (r"^\p{Lu}\p{gc=Ll}\P{Lu}$", ["Éé1"], ["ééé", "ÉéÉ"]),
    (r"^\p{digit}+$", ["42", "৪২"], ["a"]),
    (r"^\p{Script=Greek}\p{sc=Cyrillic}\p{scx=Deva}$", ["λжक"], ["lжक"]),
    (r"^[\p{L}\p{Nd}_-]+$", ["é-4_৪"], ["a b"]),
    (r"^[^\p{L}]$", ["1", "🐲"], ["a", "漢"]),
    (r"^\p{Emoji_Presentation}$", ["🐲"], ["a"]),
    (r"^\p{Any}$", ["a", "\U0010ffff"], [""]),
    (r"^\p{Cs}$", [], ["a", ""]),
]

WORDS = [
    (r"\bfoo\b", ["foo", "a foo.", "éfooé"], ["foox", "_foo", "foo1"]),
    (r"\Boo\B", ["fooo"], ["foo", "oo", "foo oo"]),
    (r"^\b", ["a"], ["", "-"]),
    (r"\b$", ["a", "-a"], ["", "a-"]),
    (r"^\B$", [""], ["a", "-a"]),
    (r"^(?:\b[a-z]+\b ?){2}$", ["ab cd", "ab cd "], ["abcd", "ab"]),
]

LOOK_AROUND = [
    (r"^(?!foo)(?=.*bar).{3,}$", ["bar", "xbar"], ["foobar", "foo", "xx"]),
    (r"^(?=.*[A-Z])(?=.*\d)(?=.*[^\w\s]).{8,12}$", ["Passw0rd!"], ["Passw0rd", "P0!", "passw0rd!"]),
    (r"^[^=]+$(?<!\s)", ["ab", "a b"], ["ab ", "a=b"]),
    (r"^(?=[^=]+$)(?!\s+$)(.|\n)+$", ["ab", " a"], [" ", "a=b", ""]),
    (r"^(?:(?!--)[a-z-])+$", ["a-b", "-"], ["a--b", "--", ""]),
    (r"^(?:(?!foo).)*$", ["", "fo", "of oo"], ["foo", "xfoox"]),
    (r"a(?=b(?!c))", ["ab", "abb"], ["abc", "a"]),
    (r"(?=(?=a).b)", ["ab", "xab"], ["bb"]),
    (r"(?<=\$)\d", ["$1", "a$1"], ["1", "$a1"]),
    (r"(?<!\$)\b\d", ["1", "€1"], ["$1"]),
    (r"(?<=^|,)[a-z]+(?=,|$)", ["ab", "1,ab", "ab,1"], ["1ab", "ab1"]),
    (r"(?<=a.{2,3})x", ["a12x", "a123x"], ["a1x", "a1234x"]),
    (r"(?<=(?<!x)a)b", ["ab", "yab"], ["xab", "b"]),
    (r"^(?!.*--)(?!-)[a-z-]{1,5}(?<!-)$", ["a-b", "abcde"], ["-a", "a-", "a--b", "abcdef"]),
    (r"(?=a){0}b", ["b"], ["a"]),
    (r"(?:(?=a)a|b)+$", ["ab"], ["c"]),
    (r"(?!)", [], ["", "a"]),
    (r"^(?=)$", [""], ["a"]),
    (r"(?!^)a", ["ba"], ["a", "ab"]),
    (r"^(?!con$|aux$)[a-z]+$", ["cons", "a"], ["con", "aux"]),
]


@pytest.mark.parametrize(("pattern", "accepted", "refused"), SEARCH)
def test_searches_unless_anchored(pattern: str, accepted: list[str], refused: list[str]) -> None:
    check(pattern, accepted, refused)


@pytest.mark.parametrize(("pattern", "accepted", "refused"), QUANTIFIERS)
def test_repeats_within_bounds_lazy_or_not(pattern: str, accepted: list[str], refused: list[str]) -> None:
    check(pattern, accepted, refused)


@pytest.mark.parametrize(("pattern", "accepted", "refused"), CHARACTERS)
def test_reads_characters_as_the_standard_does(pattern: str, accepted: list[str], refused: list[str]) -> None:
    check(pattern, accepted, refused)


@pytest.mark.parametrize(("pattern", "accepted", "refused"), PROPERTIES)
def test_knows_unicode_properties(pattern: str, accepted: list[str], refused: list[str]) -> None:
    check(pattern, accepted, refused)


@pytest.mark.parametrize(("pattern", "accepted", "refused"), WORDS)
def test_word_edges_are_ascii(pattern: str, accepted: list[str], refused: list[str]) -> None:
    check(pattern, accepted, refused)


@pytest.mark.parametrize(("pattern", "accepted", "refused"), LOOK_AROUND)
def test_look_around_is_exact_wherever_it_stands(pattern: str, accepted: list[str], refused: list[str]) -> None:
    check(pattern, accepted, refused)


@pytest.mark.parametrize(
    ("pattern", "flags", "accepted", "refused"),
    [
        ("^straße$", "i", ["STRAßE", "straẞe"], ["strasse"]),
        ("^k[s]$", "i", ["KS", "\u212as", "k\u017f"], ["ka"]),
        (r"^\w$", "i", ["a", "\u017f"], ["é"]),
        (r"^\W$", "i", ["é"], ["a", "\u017f"]),
        (r"^\P{Lu}$", "i", ["a", "A", "1"], []),
        ("^[^k]$", "i", ["a"], ["k", "K", "\u212a"]),
        ("^Σ$", "i", ["σ", "ς", "Σ"], ["s"]),
        ("^a$", "m", ["a", "b\na\rc", "a\u2028"], ["ba", "ab"]),
        ("^.$", "s", ["\n", "a"], [""]),
        ("(?i)^abc$", "", ["ABC", "aBc"], ["ab"]),
        ("^(?i:a)b$", "", ["Ab", "ab"], ["aB"]),
        ("^(?-i:a)b$", "i", ["aB"], ["AB"]),
        ("(?is)^a.$", "", ["A\n"], ["A"]),
    ],
)
def test_flags_change_characters_and_anchors(pattern: str, flags: str, accepted: list[str], refused: list[str]) -> None:
    check(pattern, accepted, refused, flags)


def test_a_whole_match_ignores_what_search_would_find() -> None:
    assert matches("a|ab", "ab", search=False)
    assert matches("^a$", "a", search=False)
    assert not matches("a", "ba", search=False)
    assert not matches("a(?=b)", "ab", search=False)


def test_no_text_that_is_not_utf8_is_accepted() -> None:
    anything = pattern_dfa("")
    for text in [b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf"]:
        assert not anything.accepts(text)
    for text in [b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xff", b"\xe2\x82", b"a\xc3"]:
        assert not anything.accepts(text)


@pytest.mark.parametrize("pattern", ["^[^a]$", r"^\p{L}$", r"^\S$", "^.$", "^[\\ud7f0-\\ue010\\u{ffff}-\\u{10010}]$"])
def test_the_automaton_is_trim_and_minimal(pattern: str) -> None:
    dfa = pattern_dfa(pattern)
    dfa.check()
    assert len({(tuple(row), label) for row, label in zip(dfa.step.tolist(), dfa.labels.tolist(), strict=True)}) == (
        dfa.rows
    )


@pytest.mark.parametrize(
    ("pattern", "characters", "least", "most"),
    [
        ("^[a-z]{1,5000}$", "az", 1, 5000),
        ("^.{0,9}$", "a🐲", 0, 9),
        (r"^(?:\S)+$", "a🐲", 1, None),
        (r"^(\d*)$", "09", 0, None),
        ("(^[ab]{3,}$)", "ab", 3, None),
        ("^x$", "x", 1, 1),
    ],
)
def test_a_counted_character_is_recognised(pattern: str, characters: str, least: int, most: int | None) -> None:
    found = counted_whole(pattern)
    assert found is not None
    points, low, high = found
    assert (low, high) == (least, most)
    assert all(any(low <= ord(one) <= high for low, high in points) for one in characters)


@pytest.mark.parametrize(
    "pattern", ["[a-z]{1,9}", "^[a-z]{1,9}", "^(?:ab){1,9}$", "^[a-z]{1,9}x$", "^a|b$", "^(?!a).*$"]
)
def test_other_patterns_are_not_counted(pattern: str) -> None:
    assert counted_whole(pattern) is None
