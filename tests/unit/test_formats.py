"""Formats accept what their standards have, and nothing the official suite calls invalid."""

from collections import Counter
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from constrained.automata.dfa import Dfa
from grammars.json_schema import formats_idn
from grammars.json_schema.formats import FORMATS, NUMBER_FORMATS, base64_dfa, format_dfa
from grammars.json_schema.formats_build import at_most, joined, walked
from tests.support import schema_suite


def accepted(dfa: Dfa, texts: list[str]) -> list[str]:
    return [text for text in texts if dfa.accepts(text.encode())]


LABEL = "a" * 63
EXAMPLES = {
    "date": (
        ["2024-02-29", "2000-02-29", "2023-02-28", "0001-01-01", "9999-12-31"],
        ["2023-02-29", "1900-02-29", "2024-04-31", "0000-01-01", "2024-1-1", "2024-01-01Z", ""],
    ),
    "time": (
        ["00:00:00Z", "23:59:59z", "12:00:00.123456789+05:30", "12:00:00-00:00"],
        ["12:00:00", "12:00Z", "24:00:00Z", "12:60:00Z", "12:00:60Z", "12:00:00.Z", "12:00:00+24:00"],
    ),
    "date-time": (
        ["2024-02-29T12:00:00Z", "2024-01-01t00:00:00.5+01:00"],
        ["2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "2023-02-29T12:00:00Z", "2024-01-01T00:00:00Z\n"],
    ),
    "duration": (["P1Y2M3DT4H5M6S", "PT36H", "P2W", "P007D"], ["P", "PT", "P1Y2D", "PT1H2S", "P1W2D", "PT0.5S"]),
    "hostname": (
        ["a", "localhost", "A-1.example", "1.2.3.4", "a--b", LABEL, f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}"],
        [
            "",
            ".",
            "a.",
            "-a",
            "a-",
            "a_b",
            "xn--nxasmq6b",
            "a.XN--b",
            f"{LABEL}a",
            f"{LABEL}.{LABEL}.{LABEL}.{'a' * 62}",
        ],
    ),
    "email": (
        [
            "a@b",
            "first.last+tag@example.com",
            '"a b"@example.com',
            "a@[127.0.0.1]",
            "a@[IPv6:2001:db8::1]",
            "a@xn--b.c",
        ],
        ["a", "@b", "a@", "a@b@c", ".a@b", "a..b@c", "a b@c", "a@b_c", "a@[300.0.0.1]", f"{'a' * 65}@b", "é@b"],
    ),
    "idn-email": (["é@bücher.example", "a@b", "用户@例子.公司"], ["é", "é@", "@é", "é é@b"]),
    "idn-hostname": (
        ["bücher.example", "例え.テスト", "ジョン・スミス", "שלום", "l·l", "www．日本", "ผู้ใหญ่", "क्‍ष"],
        ["", "-ü", "ü-", "·l", "a·l", "・", "ー・", "0.ש", "אa", "Ü", "xn--bcher-kva", "\u0301a", "ü" * 64, "a\u0301"],
    ),
    "ipv4": (["0.0.0.0", "255.255.255.255"], ["256.0.0.0", "01.0.0.0", "1.2.3", "1.2.3.4.5", "1.2.3.4\n"]),
    "ipv6": (
        ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4"],
        [":", ":1", "1:", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::1%eth0", "::01.2.3.4"],
    ),
    "uri": (
        ["http://a", "a:", "urn:x:y", "http://[::1]:80/p?q#f", "http://u:p@h:1/", "file:///a", "a:/b//c", "a:?#"],
        ["", "a", "/a", "http://a b", "http://[::1", "a:%zz", "a:[", "1a:b", "http://é", "a:#b#c", "http://h:x/"],
    ),
    "uri-reference": (["", "a", "/a?b#c", "//h", "#f", "./a:b", "//[::1]/"], ["1:a", "a b", "\\a", "#a#b", "[::1]"]),
    "iri": (["http://é/ü?\ue000#ö", "a:"], ["é", "a:\ue000", "a:\u202e", "a:\ufffe"]),
    "iri-reference": (["", "é", "//é"], ["é b", "\u200e"]),
    "uri-template": (
        ["", "a{b}", "{+a,b*}", "{?x:999,y}", "{a.b}", "%41", "é"],
        ["{", "}", "{}", "{a", "{a,}", "{a:0}", "{a..b}", "{=a}", "a b", "%4", "{a*:1}"],
    ),
    "uuid": (
        ["123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"],
        ["123e4567e89b12d3a456426614174000", "{123e4567-e89b-12d3-a456-426614174000}", "urn:uuid:0", ""],
    ),
    "json-pointer": (["", "/", "/a~0b/~1", "//é\n"], ["a", "/~", "/~2", "#/a"]),
    "relative-json-pointer": (["0", "0#", "1/a", "10/~0"], ["", "a", "/a", "01", "0##", "-1"]),
    "regex": (
        ["", "^[a-z]{1,3}$", r"\d+(?:\.\d*)?", "(?=.*[0-9])(a|b)*?", "((x))", "[^^&-]", "a{10,15}", "[+-]", r"\u00e9"],
        ["(", ")", "[", "[a", "a**", "*", "a{2,1}", "[z-a]", r"\a", "(?i)a", "(?P<n>a)", "((((a))))", "{", "(?=a)*"],
    ),
    "byte": (["", "QQ==", "QUI=", "QUJD"], ["Q", "QQ", "QR==", "QUJ=", "QUJD\n", "-_-_"]),
    "binary": (["", "\x00é"], []),
    "password": (["", "p w"], []),
    "char": (["a", "é", "\n"], ["", "ab"]),
    "color": (["red", "Red", "#fff", "#A0b1C2"], ["", "reddish", "#ff", "#ffff", "ſnow"]),
    "url": (["https://schema.org"], ["schema.org"]),
    "ip-address": (["1.2.3.4"], ["::1"]),
    "host-name": (["a.b"], ["a_b"]),
}


def test_every_format_has_examples():
    assert EXAMPLES.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name):
    valid, invalid = EXAMPLES[name]
    dfa = FORMATS[name].dfa()
    dfa.check()
    assert accepted(dfa, valid) == valid
    assert accepted(dfa, invalid) == []


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("time", ["23:59:60Z", "01:29:60.5+01:30", "15:59:60-08:00"], ["23:59:60+01:00", "22:59:60Z", "23:59:61Z"]),
        ("date-time", ["1998-12-31T23:59:60Z"], ["1998-12-31T23:58:60Z"]),
        ("uri", ["http://[V1.fe]"], ["http://[X1.fe]"]),
        ("uri-template", ["{v:1000}", "{%41}"], ["{v:10000}", "{%4}"]),
        ("relative-json-pointer", ["100/a"], ["010"]),
        (
            "regex",
            ["(?<=a+)b", "[]", "[^]", r"\cA", "(?<name>x)", "((?<$1>(a))?)"],
            ["(?<a", r"\c1", "(?<>a)", "(?<1>a)", "(?<a>x)(?<a>x)", "(?<a>(?=x))"],
        ),
    ],
)
def test_the_standard_reading_has_what_jsonschema_refuses(name, valid, invalid):
    assert accepted(FORMATS[name].dfa("common"), valid) == []
    assert accepted(FORMATS[name].dfa("standard"), valid) == valid
    assert accepted(FORMATS[name].dfa("standard"), invalid) == []


def test_an_unknown_format_is_an_annotation():
    assert format_dfa("my-format") is None
    assert format_dfa("date") is FORMATS["date"].dfa()


def test_number_formats_are_ranges():
    assert NUMBER_FORMATS["int32"] == (Decimal(-(2**31)), Decimal(2**31 - 1))
    assert NUMBER_FORMATS["uint8"] == (Decimal(0), Decimal(255))
    assert NUMBER_FORMATS["double"] is None
    assert "number" not in NUMBER_FORMATS


def test_base64_has_one_spelling_of_each_value():
    assert accepted(base64_dfa(), ["TWE=", "TWF=", "TQ==", "TR=="]) == ["TWE=", "TQ=="]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("date-time", 60),
        ("date", 40),
        ("time", 25),
        ("uuid", 40),
        ("ipv4", 30),
        ("uri", 200),
        ("iri-reference", 400),
        ("hostname", 1_000),
        ("email", 1_500),
        ("regex", 3_000),
        ("idn-email", 3_500),
        ("idn-hostname", 3_500),
    ],
)
def test_tables_stay_small(name, rows):
    assert FORMATS[name].dfa().rows <= rows


# What the official suite calls valid and we refuse, by format: (common reading, standard reading).
REFUSED = {
    "date-time": (10, 0),  # leap seconds
    "time": (18, 0),
    "hostname": (47, 47),  # A-labels
    "idn-hostname": (15, 15),  # an A-label; Greek labels of 52 letters
    "iri": (3, 0),  # an upper-case IPvFuture
    "regex": (18, 3),  # what Python does not compile; references to named groups
    "relative-json-pointer": (3, 0),  # a zero before another digit
    "uri-template": (8, 0),  # a long prefix, a percent-encoded name
}


@pytest.mark.shared
@pytest.mark.parametrize("reading", ["common", "standard"])
def test_the_official_suite(reading):
    refused, wrongly_accepted = Counter[str](), list[str]()
    for draft in schema_suite.DRAFTS:
        for group in schema_suite.groups(draft):
            name = group.schema.get("format") if group.file.startswith("optional/format/") else None
            for test in group.tests if name in FORMATS else ():
                if not isinstance(test["data"], str):
                    continue
                fits = FORMATS[name].dfa(reading).accepts(test["data"].encode())
                refused[name] += test["valid"] and not fits
                if fits and not test["valid"]:
                    wrongly_accepted.append(f"{name}: {test['data']!r}")
    assert wrongly_accepted == []
    expected = {name: counts[reading == "standard"] for name, counts in REFUSED.items()}
    assert +refused == +Counter(expected)


# ---------------------------------------------------------------------- lengths of internationalised labels


def adapted(delta: int, points: int, first: bool) -> int:
    """RFC 3492, section 6.1."""
    delta = delta // 700 if first else delta // 2
    delta += delta // points
    rounds = 0
    while delta > 455:
        delta, rounds = delta // 35, rounds + 36
    return rounds + 36 * delta // (delta + 38)


def digits(delta: int, bias: int) -> int:
    """How many digits RFC 3492, section 6.3, spends on a delta."""
    count, weight = 1, 36
    while delta >= (threshold := min(max(weight - bias, 1), 26)):
        delta, count, weight = (delta - threshold) // (36 - threshold), count + 1, weight + 36
    return count


@cache
def changes(bias: int, points: int, first: bool, greatest: int) -> list[tuple[int, int, int]]:
    """(delta, digits, next bias) wherever one of the two changes; both grow with the delta."""

    def key(delta: int) -> tuple[int, int]:
        return digits(delta, bias), adapted(delta, points, first)

    found, delta = list[tuple[int, int, int]](), 0
    while delta <= greatest:
        found.append((delta, *key(delta)))
        low, high = delta, greatest + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if key(middle) == key(delta) else (low, middle)
        delta = high
    return found


def longest_a_label(basic: int, beyond: int, greatest: int) -> int:
    """Octets of the longest A-label of that many characters, none after `greatest`.

    For every bias and number of digits so far only the least span of code points used matters:
    least[bias][digits] (128,).
    """
    span, never = greatest - 0x80, 1 << 40
    least = {72: np.where(np.arange(128) == 0, 0, never)}
    for handled in range(basic, basic + beyond):
        points, following = handled + 1, dict[int, np.ndarray]()
        for bias, used in least.items():
            for delta, spent, adapted_bias in changes(bias, points, handled == basic, span * points + handled):
                needs = used + max(0, -(-(delta - handled) // points))
                needs = np.where(needs <= span, needs, never)
                row = following.setdefault(adapted_bias, np.full(128, never))
                np.minimum(row[spent:], needs[: 128 - spent], out=row[spent:])
        least = following
    most = max(int(np.flatnonzero(used < never).max(initial=0)) for used in least.values())
    return len("xn--") + basic + bool(basic) + most


def test_the_worst_case_of_punycode_is_right_on_a_small_range():
    measured = max(len(f"{chr(a)}{chr(b)}".encode("punycode")) for a in range(0x80, 0x100) for b in range(0x80, 0x100))
    assert longest_a_label(0, 2, 0xFF) == measured + len("xn--")


@pytest.mark.parametrize("beyond", [5, 14])
def test_labels_of_the_greatest_length_have_short_a_labels(beyond):
    assert longest_a_label(formats_idn.LONGEST[True] - beyond, beyond, 0xD7A3) <= 63


# ---------------------------------------------------------------------- how automata are drawn


def test_joining_needs_an_end_that_the_byte_decides():
    word, number = at_most(3), FORMATS["uuid"].dfa()
    with pytest.raises(ValueError, match="may go on"):
        joined(word, ord("-"), number)


def test_length_limits_count_bytes_or_code_points():
    assert accepted(at_most(2), ["", "a", "ab", "é", "abc", "éé"]) == ["", "a", "ab", "é"]
    assert accepted(at_most(2, of="code points"), ["éé", "😀a", "éée"]) == ["éé", "😀a"]


def test_later_edges_replace_earlier_ones():
    even = walked(0, lambda state: [(b"ab", 1 - state), (b"b", state)], lambda state: state == 0)
    assert accepted(even, ["", "aa", "b", "aba", "a", "ab"]) == ["", "aa", "b", "aba"]
