"""The character sets that ECMA-262 names: `\\d \\w \\s .`, Unicode properties, and case folding.

`\\d` and `\\w` are ASCII, `\\s` is Unicode's white space with the line terminators and U+FEFF. The
property tables are those of Rust's regex engine, read off the automaton of a single `\\p{...}`.
"""

from functools import cache, lru_cache

from constrained.automata.code_points import ANY, NONE, Ranges, complement, merge, ranges, union
from constrained.automata.dfa import DEAD, START, Dfa, Row
from constrained.automata.regex import compile_rust
from constrained.errors import InvalidGrammar

DIGIT = ranges([(0x30, 0x39)])
WORD = ranges([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
LINE_TERMINATOR = ranges([(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)])
SPACE = ranges(
    [
        (0x09, 0x0D),
        (0x20, 0x20),
        (0xA0, 0xA0),
        (0x1680, 0x1680),
        (0x2000, 0x200A),
        (0x2028, 0x2029),
        (0x202F, 0x202F),
        (0x205F, 0x205F),
        (0x3000, 0x3000),
        (0xFEFF, 0xFEFF),
    ]
)
DOT = complement(LINE_TERMINATOR)
SHORTHAND = {
    "d": DIGIT,
    "D": complement(DIGIT),
    "w": WORD,
    "W": complement(WORD),
    "s": SPACE,
    "S": complement(SPACE),
}

# ECMA-262 table "Value aliases and canonical values for General_Category".
_CATEGORIES = frozenset(
    """
    C Other Cc Control cntrl Cf Format Cn Unassigned Co Private_Use Cs Surrogate L Letter LC Cased_Letter
    Ll Lowercase_Letter Lm Modifier_Letter Lo Other_Letter Lt Titlecase_Letter Lu Uppercase_Letter
    M Mark Combining_Mark Mc Spacing_Mark Me Enclosing_Mark Mn Nonspacing_Mark N Number Nd Decimal_Number
    digit Nl Letter_Number No Other_Number P Punctuation punct Pc Connector_Punctuation
    Pd Dash_Punctuation Pe Close_Punctuation Pf Final_Punctuation Pi Initial_Punctuation
    Po Other_Punctuation Ps Open_Punctuation S Symbol Sc Currency_Symbol Sk Modifier_Symbol
    Sm Math_Symbol So Other_Symbol Z Separator Zl Line_Separator Zp Paragraph_Separator
    Zs Space_Separator
    """.split()
)
# ECMA-262 table "Binary Unicode property aliases and their canonical property names".
_BINARY = frozenset(
    """
    ASCII ASCII_Hex_Digit AHex Alphabetic Alpha Any Assigned Bidi_Control Bidi_C Bidi_Mirrored Bidi_M
    Case_Ignorable CI Cased Changes_When_Casefolded CWCF Changes_When_Casemapped CWCM
    Changes_When_Lowercased CWL Changes_When_NFKC_Casefolded CWKCF Changes_When_Titlecased CWT
    Changes_When_Uppercased CWU Dash Default_Ignorable_Code_Point DI Deprecated Dep Diacritic Dia Emoji
    Emoji_Component EComp Emoji_Modifier EMod Emoji_Modifier_Base EBase Emoji_Presentation EPres
    Extended_Pictographic ExtPict Extender Ext Grapheme_Base Gr_Base Grapheme_Extend Gr_Ext Hex_Digit Hex
    IDS_Binary_Operator IDSB IDS_Trinary_Operator IDST ID_Continue IDC ID_Start IDS Ideographic Ideo
    Join_Control Join_C Logical_Order_Exception LOE Lowercase Lower Math Noncharacter_Code_Point NChar
    Pattern_Syntax Pat_Syn Pattern_White_Space Pat_WS Quotation_Mark QMark Radical Regional_Indicator RI
    Sentence_Terminal STerm Soft_Dotted SD Terminal_Punctuation Term Unified_Ideograph UIdeo Uppercase
    Upper Variation_Selector VS White_Space space XID_Continue XIDC XID_Start XIDS
    """.split()
)
_CATEGORY_KEYS = ("General_Category", "gc")
_SCRIPT_KEYS = {"Script": "sc", "sc": "sc", "Script_Extensions": "scx", "scx": "scx"}


@lru_cache(maxsize=128)
def unicode_property(text: str) -> Ranges | None:
    """The characters of `\\p{text}`; None where ECMA-262 or the tables do not know it."""
    key, separator, value = text.partition("=")
    if separator and key in _CATEGORY_KEYS and value in _CATEGORIES:
        text = value
    elif separator and key in _SCRIPT_KEYS and value.replace("_", "").isalpha():
        return _table(f"{_SCRIPT_KEYS[key]}={value}")
    elif separator or (text not in _CATEGORIES and text not in _BINARY):
        return None
    if text in ("Cs", "Surrogate"):
        return NONE
    return _table(f"gc={text}" if text in _CATEGORIES else text)


def _table(query: str) -> Ranges | None:
    try:
        return characters(compile_rust(rf"\p{{{query}}}"))
    except InvalidGrammar:
        return None


@lru_cache(maxsize=1024)
def fold(points: Ranges) -> Ranges:
    """The set closed under Unicode's simple case folding."""
    if points and points[-1][1] < 0x80:
        letters = {chr(c) for low, high in points for c in range(low, high + 1) if chr(c).isalpha()}
        both = {c.lower() for c in letters} | {c.upper() for c in letters}
        special = [0x17F] * ("s" in both) + [0x212A] * ("k" in both)  # long s, Kelvin sign
        return union(points, ranges((code, code) for code in [*map(ord, both), *special]))
    if points in (NONE, ANY):
        return points
    listed = "".join(rf"\x{{{low:x}}}-\x{{{high:x}}}" for low, high in points)
    return characters(compile_rust(f"(?i:[{listed}])"))


def characters(one: Dfa) -> Ranges:
    """The set whose one-character texts the automaton `one` accepts."""
    table = one.by_byte.tolist()

    @cache
    def below(row: Row, more: int) -> Ranges:
        """Values of `more` continuation bytes accepted from `row`."""
        if more == 0:
            return ((0, 0),)
        return _spread(table[row][0x80:0xC0], more)

    def _spread(targets: list[Row], more: int) -> Ranges:
        weight = 64 ** (more - 1)
        return merge(
            (place * weight + low, place * weight + high)
            for place, target in enumerate(targets)
            if target != DEAD
            for low, high in below(target, more - 1)
        )

    start = table[START]
    found = [(byte, byte) for byte in range(0x80) if start[byte] != DEAD]
    for lead, last, more in ((0xC0, 0xE0, 1), (0xE0, 0xF0, 2), (0xF0, 0xF5, 3)):
        for byte in range(lead, last):
            if start[byte] != DEAD:
                base = (byte - lead) << (6 * more)
                found += [(base + low, base + high) for low, high in below(start[byte], more)]
    return ranges(found)
