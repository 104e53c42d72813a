"""URIs, IRIs, URI templates and JSON pointers.

    scheme ":" "//" userinfo "@" host ":" port  path  "?" query  "#" fragment       RFC 3986, appendix A
                                  [IPv6]

The grammar of the RFCs is regular except that it is long: everything but the bracketed host is one
regular expression; the brackets are joined in, since the automaton of IPv6 is drawn by hand.

    without literal   scheme:(//(userinfo@)?reg-name(:port)?path|path)...       one expression
    with literal      scheme://(userinfo@)?  [  literal  ]  (:port)?path...     three automata

An IRI (RFC 3987) has `ucschar` where a URI has unreserved characters, and `iprivate` in its query;
the bidi formatting characters its section 4.1 forbids are left out.

Common and standard reading.  `jsonschema` refuses an upper-case V in `[V1.x]`, prefixes of four digits
(`{v:1000}`) and names that begin with a percent sign in templates, and `100/a` as relative pointer (no
digit may follow a zero there); the common reading does too.
"""

from functools import cache

from constrained.automata import algebra
from constrained.automata.dfa import Dfa
from constrained.automata.regex import compile_rust
from grammars.json_schema.formats_build import joined
from grammars.json_schema.formats_kept import kept
from grammars.json_schema.formats_net import ipv6

_PERCENT = "%[0-9A-Fa-f]{2}"
_UNRESERVED, _SUB_DELIMS = r"A-Za-z0-9._~\-", "!$&'()*+,;="
_UCSCHAR = r"\u{A0}-\u{200D}\u{2010}-\u{2029}\u{202F}-\u{D7FF}\u{F900}-\u{FDCF}\u{FDF0}-\u{FFEF}" + "".join(
    rf"\u{{{plane:X}{'1' if plane == 0xE else '0'}000}}-\u{{{plane:X}FFFD}}" for plane in range(1, 0xF)
)
_IPRIVATE = r"\u{E000}-\u{F8FF}\u{F0000}-\u{FFFFD}\u{100000}-\u{10FFFD}"
_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]*:"


def _characters(allowed: str) -> str:
    """The regex of one character of a set, or a percent-encoded byte."""
    return f"(?:[{allowed}]|{_PERCENT})"


@kept
def _reference(*, beyond: str, private: str, relative: bool, future: str) -> Dfa:
    """The reference grammar with `beyond` as further unreserved characters.

    `private` may stand in a query; `relative` references too, or only those with a scheme;
    `future` spells the letter of an IPvFuture literal.
    """
    plain = _UNRESERVED + _SUB_DELIMS + beyond
    segment, first = _characters(plain + ":@"), _characters(plain + "@")
    tail = rf"(?:\?{_characters(plain + ':@/?' + private)}*)?(?:#{_characters(plain + ':@/?')}*)?"
    slashes = f"(?:/{segment}*)*"
    authority_path = f"(?::[0-9]*)?{slashes}"
    absolute = f"/(?:{segment}+{slashes})?"
    userinfo = f"(?:{_characters(plain + ':')}*@)?"
    authority = f"//{userinfo}{_characters(plain)}*{authority_path}"

    with_scheme = f"{_SCHEME}(?:{authority}|{absolute}|{segment}+{slashes}|)"
    without = f"(?:{authority}|{absolute}|{first}+{slashes}|)"
    unbracketed = compile_rust(f"(?:{with_scheme}|{without}){tail}" if relative else with_scheme + tail)
    opening = compile_rust(f"(?:{_SCHEME}){'?' if relative else ''}//{userinfo}")
    literal = algebra.union(ipv6(), compile_rust(rf"{future}[0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+"))
    closing = compile_rust(authority_path + tail)
    return algebra.union(unbracketed, joined(opening, ord("["), joined(literal, ord("]"), closing)))


def uri(*, standard: bool = False, relative: bool = False) -> Dfa:
    """RFC 3986 `URI`, or `URI-reference` if `relative`."""
    return _reference(beyond="", private="", relative=relative, future="[vV]" if standard else "v")


def iri(*, standard: bool = False, relative: bool = False) -> Dfa:
    """RFC 3987 `IRI`, or `IRI-reference` if `relative`."""
    return _reference(beyond=_UCSCHAR, private=_IPRIVATE, relative=relative, future="[vV]" if standard else "v")


@cache
def uri_template(*, standard: bool = False) -> Dfa:
    """RFC 6570, all four levels; the reserved operators are refused."""
    literal = _characters(rf"!#$&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~{_UCSCHAR}{_IPRIVATE}")
    character = _characters("A-Za-z0-9_")
    name = f"{character if standard else '[A-Za-z0-9_]'}(?:\\.?{character})*"
    variable = f"{name}(?::[1-9][0-9]{{0,{3 if standard else 2}}}|\\*)?"
    return compile_rust(f"(?:{literal}|\\{{[+#./;?&]?{variable}(?:,{variable})*\\}})*")


POINTER = "(?:/(?:[^~/]|~[01])*)*"  # RFC 6901, as a JSON string (not as a URI fragment)


@cache
def relative_json_pointer(*, standard: bool = False) -> Dfa:
    """A number of levels up, then `#` or a pointer (draft-handrews-relative-json-pointer-01)."""
    levels = "[1-9][0-9]*" if standard else "[1-9]+0?"
    return compile_rust(f"(?:0|{levels})(?:#|{POINTER})")
