"""Internationalised host names (RFC 5890 to 5893): a regular language inside the valid ones.

    例え.テスト   παράδειγμα.com   שלום.il      label, or label separator label; separators . 。 ． ｡

What makes a U-label valid is partly regular and partly arithmetic:

    allowed code points, contexts (l·l, virama + joiner, ...), bidi rule    regular: the expressions below
    normalised (NFC)                                                        kept by the choice of marks
    its A-label (`xn--` and Punycode) has at most 63 octets                 arithmetic: bounded below
    a label already spelled `xn--...` decodes to a valid U-label            arithmetic: refused

Length.  Punycode spends digits on the distances between code points, so few code points are always
short: no label of up to 14 characters up to U+D7A3 has an A-label of more than 63 octets (a unit test
computes the worst case). A label of ASCII alone may use all 63.

Direction (RFC 5893).  Names without right-to-left letters have no bidi condition. Otherwise all labels
must obey the rule, so such a name is made of right-to-left labels (letters, digits of one kind, inner
hyphens) and of ASCII labels that start with a letter.

Refused though valid: A-labels, a third label, labels beyond ASCII of more than 14 characters, capitals,
neighbouring hyphens, scripts and marks not listed here (among them Armenian, Georgian, Bengali, Tamil, Hebrew
points, Arabic vowel signs), code points beyond U+D7A3. They are regular too, but the table has 3,000 rows already.
"""

from collections.abc import Iterator

from constrained.automata import algebra
from constrained.automata.dfa import Dfa
from constrained.automata.regex import compile_rust
from grammars.json_schema.formats_build import walked
from grammars.json_schema.formats_kept import kept


def _odd(first: int, last: int) -> str:
    """Every second code point: blocks where small letters follow their capitals."""
    return "".join(rf"\u{{{point:X}}}" for point in range(first, last + 1, 2))


# Character sets, written for the inside of [...]: letters and digits of category L and N that are PVALID
# in RFC 5892, are stable under NFC whatever surrounds them, and have direction L (or R, AL, as named).
_LATIN = (
    rf"ß-öø-ÿ{_odd(0x101, 0x131)}ĵķ{_odd(0x13A, 0x13E)}{_odd(0x142, 0x148)}{_odd(0x14B, 0x177)}{_odd(0x17A, 0x17E)}"
)
_GREEK = "ΐά-ώ"
_CYRILLIC = "а-џґ"
_IDEOGRAPHS = r"々-〇\u{4E00}-\u{9FFF}"
_KANA = r"\u{3041}-\u{3096}ゝゞ\u{30A1}-\u{30FA}ー-ヾ"
_JAPANESE = r"\u{3041}-\u{3096}\u{30A1}-\u{30FA}\u{4E00}-\u{9FFF}"  # of script Hiragana, Katakana or Han
_HANGUL = r"\u{AC00}-\u{D7A3}"
_TIBETAN_TSHEG = r"\u{F0B}"
_EXTENDED_DIGITS = "۰-۹"  # direction EN, like ASCII digits
_HEBREW = r"\u{5D0}-\u{5EA}"
_ARABIC = r"\u{620}-\u{63F}\u{641}-\u{64A}\u{671}-\u{674}\u{679}-\u{6D3}\u{6D5}\u{6FA}-\u{6FF}"
_ARABIC_DIGITS = r"\u{660}-\u{669}"
_DUAL_JOINING = (
    r"\u{626}\u{628}\u{62A}-\u{62E}\u{633}-\u{63A}\u{641}-\u{647}\u{649}\u{64A}\u{679}-\u{687}\u{69A}-\u{6BF}\u{6CC}"
)
_RIGHT_JOINING = r"\u{622}-\u{625}\u{627}\u{629}\u{62F}-\u{632}\u{648}\u{688}-\u{699}"

_DEVANAGARI = r"\u{904}-\u{939}\u{93D}\u{950}\u{960}\u{961}\u{966}-\u{96F}\u{971}-\u{97F}"
_DEVANAGARI_SIGNS = r"\u{900}-\u{903}\u{93A}\u{93B}\u{93E}-\u{94C}\u{94E}\u{94F}\u{955}-\u{957}\u{962}\u{963}"
_VIRAMA, _JOINERS = r"\u{94D}", r"\u{200C}\u{200D}"
_THAI = r"\u{E01}-\u{E30}\u{E32}\u{E40}-\u{E46}\u{E50}-\u{E59}"
_THAI_VOWELS, _THAI_LOW, _THAI_TONES = (
    r"\u{E31}\u{E34}-\u{E37}\u{E47}\u{E4C}-\u{E4E}",
    r"\u{E38}\u{E39}",
    r"\u{E48}-\u{E4B}",
)

_LETTERS = (
    f"{_LATIN}{_GREEK}{_CYRILLIC}{_EXTENDED_DIGITS}{_IDEOGRAPHS}{_KANA}{_HANGUL}{_TIBETAN_TSHEG}{_DEVANAGARI}{_THAI}"
)
_SEPARATOR = "[.。．｡]"
_LABELS = 2


def _label(*units: str) -> str:
    """Units one after the other, with single hyphens between them."""
    unit = f"(?:{'|'.join(units)})"
    return f"{unit}(?:-?{unit})*"


def _name(*labels: str) -> str:
    label = f"(?:{'|'.join(labels)})"
    return f"{label}(?:{_SEPARATOR}{label}){{0,{_LABELS - 1}}}"


def _left_to_right() -> str:
    """Names without right-to-left letters."""
    low_and_tone = f"[{_THAI_LOW}]?[{_THAI_TONES}]?"  # in canonical order; the other vowels have combining class 0
    label = _label(
        f"[a-z0-9{_LETTERS}]",
        "l(?:·l)+",  # a middle dot stands between two l, the keraia before a Greek letter
        f"͵[{_GREEK}]",
        rf"・*[{_JAPANESE}]・*",  # the katakana middle dot needs kana or Han in its label
        f"[{_DEVANAGARI}](?:[{_DEVANAGARI_SIGNS}]|{_VIRAMA}[{_JOINERS}]?)*",
        f"[{_THAI}](?:{low_and_tone}[{_THAI_VOWELS}])*{low_and_tone}",
    )
    return _name(label)


def _right_to_left() -> str:
    """Names whose labels all obey the bidi rule: no mixed kinds of digits, no digit first."""
    letter = rf"[{_HEBREW}][׳״]?|(?:[{_DUAL_JOINING}]\u{{200C}})*[{_DUAL_JOINING}{_RIGHT_JOINING}]|[{_ARABIC}]"
    with_digits = (
        f"(?:{letter})(?:-?(?:{letter}|[{digits}]))*" for digits in (_ARABIC_DIGITS, f"0-9{_EXTENDED_DIGITS}")
    )
    return _name(*with_digits, "[a-z](?:-?[a-z0-9])*")


LONGEST = (63, 14)  # code points of a label: of ASCII, of anything

# Two separators begin with EF, which begins nothing else here; the third is E3 80 82, among the signs
# and kana of E3. The regexes see to the rest of UTF-8.
_DOT, _ASCII, _LEAD = b".", bytes(set(range(0x80)) - {0x2E}), bytes(set(range(0xC2, 0xEF)) - {0xE3})
_CONTINUATION = bytes(range(0x80, 0xC0))
_LengthState = tuple[int, int, bool, int]  # (label, code points in it, beyond ASCII, bytes of E3 80 just read)


def _length_edges(state: _LengthState) -> Iterator[tuple[bytes, _LengthState]]:
    """Count a character at its first byte; one of E3 when it turns out not to be a separator."""
    label, length, beyond, pending = state
    more, separated = length < LONGEST[True], (label + 1, 0, False, 0)
    if pending:
        separator = {1: 0x80, 2: 0x82}[pending]
        if more:
            yield bytes(set(_CONTINUATION) - {separator}), (label, length + 1, True, 0)
        if pending == 1:
            yield bytes([separator]), (label, length, beyond, 2)
        elif label + 1 < _LABELS:
            yield bytes([separator]), separated
        return
    yield _CONTINUATION, state
    yield b"\xe3", (label, length, beyond, 1)
    if length < LONGEST[beyond]:
        yield _ASCII, (label, length + 1, beyond, 0)
    if more:
        yield _LEAD, (label, length + 1, True, 0)
    if label + 1 < _LABELS:
        yield _DOT + b"\xef", separated


@kept
def idn_hostname() -> Dfa:
    """Names of one or two labels; see the module for what is refused."""
    lengths = walked((0, 0, False, 0), _length_edges, lambda state: state[3] == 0)
    return algebra.intersect(compile_rust(f"{_left_to_right()}|{_right_to_left()}"), lengths)
