"""Host names, addresses and mailboxes.

    hostname   label(.label)*          label: letters, digits, inner hyphens, at most 63
    ipv6       1:2::7.8.9.10           eight groups, or fewer around one "::"
    email      local@hostname          local: atoms with single dots, or a "quoted string", at most 64 octets
               local@[literal]

Lengths.  A label has at most 63 characters and a name at most 253. Exactly that takes a row for
every (length of the name, length of the label): about 30,000. So a name is paid for in units of 32:
a label and its dot cost one unit (up to 31 characters) or two, and eight units make 256. The
last label is charged by character, so no name is too long, and up to seven labels of up to 31, or
four long ones, fit; a name of more than eight labels is refused though RFC 1123 would have it.

A-labels.  `xn--...` is valid only if what follows is canonical Punycode of a valid internationalised
label (RFC 5891): arithmetic, not a regular language. So in a hostname every label that starts with
`xn--` is refused; the domain of a mailbox (RFC 5321) asks only for letters, digits and hyphens, and so
did "hostname" before draft 7 (RFC 1034).
"""

from collections.abc import Iterator
from functools import cache

from constrained.automata import algebra
from constrained.automata.dfa import Dfa
from constrained.automata.regex import compile_rust
from grammars.json_schema.formats_build import at_most, joined, walked
from grammars.json_schema.formats_kept import kept

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# Four decimal octets without leading zeros (RFC 2673, section 3.2).
IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"

_LABEL, _NAME, _UNIT = 63, 253, 32

_ALNUM = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HEX = b"0123456789abcdefABCDEF"
_HostState = tuple[int, int, bool]  # (units paid for earlier labels, length of this label, it ends in a hyphen)


def _host_edges(state: _HostState) -> Iterator[tuple[bytes, _HostState]]:
    units, length, hyphen = state
    if length < min(_LABEL, _NAME - units * _UNIT):
        yield _ALNUM, (units, length + 1, False)
        if length:
            yield b"-", (units, length + 1, True)
    paid = units + -(-(length + 1) // _UNIT)
    if length and not hyphen and paid * _UNIT < _NAME:
        yield b".", (paid, 0, False)


def _host_ends(state: _HostState) -> bool:
    _, length, hyphen = state
    return length > 0 and not hyphen


@cache
def ascii_hostname() -> Dfa:
    """RFC 1123 names; no trailing dot."""
    return walked((0, 0, False), _host_edges, _host_ends)


@kept
def hostname() -> Dfa:
    """The same without A-labels."""
    return algebra.difference(ascii_hostname(), compile_rust(r"(?:[^.]*\.)*[xX][nN]--(?s:.*)"))


# Where one stands in hexadecimal groups: places 1 to 4 are digits of a group.
_START, _LONE_COLON, _COLON, _PAIR = 0, 5, 6, 7
_GroupState = tuple[int, bool, int]  # (groups begun, "::" was read, place)


def _group_edges(state: _GroupState) -> Iterator[tuple[bytes, _GroupState]]:
    groups, elided, place = state
    if 1 <= place <= 3:
        yield _HEX, (groups, elided, place + 1)
    elif place in (_START, _COLON, _PAIR) and groups < 8:
        yield _HEX, (groups + 1, elided, 1)
    if place == _START:
        yield b":", (groups, elided, _LONE_COLON)
    elif place in (_LONE_COLON, _COLON) and not elided:
        yield b":", (groups, True, _PAIR)
    elif 1 <= place <= 4:
        yield b":", (groups, elided, _COLON)


@cache
def ipv6(least_elided: int = 1) -> Dfa:
    """RFC 4291, section 2.2, without zone; "::" stands for at least `least_elided` groups."""

    def whole(state: _GroupState) -> bool:
        groups, elided, place = state
        if elided:
            return groups <= 8 - least_elided and (1 <= place <= 4 or place == _PAIR)
        return groups == 8 and 1 <= place <= 4

    def before_ipv4(state: _GroupState) -> bool:
        groups, elided, place = state
        if elided:
            return groups <= 6 - least_elided and place in (_COLON, _PAIR)
        return groups == 6 and place == _COLON

    start = (0, False, _START)
    prefix = walked(start, _group_edges, before_ipv4)
    return algebra.union(walked(start, _group_edges, whole), algebra.concat(prefix, compile_rust(IPV4)))


_ATOM = r"a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~"
_QUOTABLE = r" !#-\[\]-~"  # printable ASCII but " and \


def _mailbox(atom: str, quotable: str, domain: Dfa) -> Dfa:
    """RFC 5321, section 4.1.2, for the given character sets."""
    local = compile_rust(rf'[{atom}]+(?:\.[{atom}]+)*|"(?:[{quotable}]|\\[ -~])*"')
    return joined(algebra.intersect(local, at_most(64)), ord("@"), domain)


@cache
def _address_literal() -> Dfa:
    """`[127.0.0.1]` or `[IPv6:::1]`; the RFC's "::" of a literal is at least two groups."""
    content = algebra.union(compile_rust(IPV4), joined(algebra.literal(b"IPv6"), ord(":"), ipv6(2)))
    return joined(algebra.literal(b""), ord("["), joined(content, ord("]"), algebra.literal(b"")))


@cache
def _mail_domain() -> Dfa:
    return algebra.union(ascii_hostname(), _address_literal())


@kept
def email() -> Dfa:
    """RFC 5321 `Mailbox`; the literal of other protocols (`General-address-literal`) is refused."""
    return _mailbox(_ATOM, _QUOTABLE, _mail_domain())


# Letters and marks of large scripts. (Normalisation and bidi rules of a domain are not asked of a mailbox.)
_INTERNATIONAL = (
    r"À-ÖØ-öø-ɏ\u{300}-\u{34E}\u{350}-\u{36F}Α-ΡΣ-ώЀ-ҁҊ-ԯ\u{5D0}-\u{5EA}\u{620}-\u{63F}\u{641}-\u{64A}"
    r"\u{900}-\u{963}\u{E01}-\u{E3A}ぁ-ゖァ-ヺー\u{4E00}-\u{9FFF}\u{AC00}-\u{D7A3}"
)


@kept
def idn_email() -> Dfa:
    """RFC 6531 `Mailbox`: local part of any characters beyond ASCII, domain of up to three labels of letters.

    A label beyond ASCII has at most 14 characters: then its A-label has no more than 63 octets.
    """
    beyond = r"\u{80}-\u{10FFFF}"
    letter = f"[a-zA-Z0-9{_INTERNATIONAL}]"
    label = f"{letter}(?:[a-zA-Z0-9{_INTERNATIONAL}-]{{0,12}}{letter})?"
    domain = algebra.union(_mail_domain(), compile_rust(rf"{label}(?:\.{label}){{0,2}}"))
    return _mailbox(_ATOM + beyond, _QUOTABLE + beyond, domain)


@cache
def uuid() -> Dfa:
    """RFC 4122, section 3: hexadecimal digits of either case, any version."""
    digit = "[0-9a-fA-F]"
    return compile_rust(f"{digit}{{8}}-{digit}{{4}}-{digit}{{4}}-{digit}{{4}}-{digit}{{12}}")
