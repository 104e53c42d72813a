r"""Regular expressions as strings: the part of ECMA-262 that is regular and that others read alike.

Balanced parentheses are not regular, so groups nest at most three deep, and look-aheads stand outside
groups. The automaton is a product of two:

    lexical   a flat run of atoms, quantifiers, classes, "(" and ")"      one row per place below
    nesting   the stack of open groups, as a string of at most three      "", "(", "((", ..., "?", "?(", "?(("

Where ECMA-262 and Python differ (`jsonschema` compiles with Python's `re`) the common reading keeps
to what both accept, and to what ECMA-262 accepts with the `u` flag. So these are refused, though some
dialect has them: named groups, back-references, look-behind, `[]`, `[^]`, `\cA`, `\p{..}`, `\u{..}`, bare `{`,
`}` and `]`, needless escapes such as `\@`, quantified look-aheads; in a class an unescaped `[` and `&&`, `||`,
`~~`, `--` (set operations of newer dialects). The standard reading adds look-behind, `[]`, `[^]`, `\cA` and one
named group (of two, the names would have to differ; of a reference `\k<name>` and its group, to be equal).

What needs a comparison is compared as far as that stays small: the ends of a range (`a-z`) are two digits
or two letters of one case; bounds `{n,m}` have up to three digits, n of them at most two.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from constrained.automata import algebra
from constrained.automata.dfa import Dfa
from grammars.json_schema.formats_build import walked
from grammars.json_schema.formats_kept import kept

_DEPTH = 3

_DIGITS, _UPPER, _LOWER = b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz"
_LETTERS = _UPPER + _LOWER + b"$_"  # of names
_SYNTAX = rb"^$\.*+?()[]{}|"
_SETS = b"&~|"  # doubled in a class, set operations of other dialects
_ASCII, _CONTINUATION = bytes(range(0x80)), bytes(range(0x80, 0xC0))


class _Place(NamedTuple):
    """What was read last; `number` and `text` are what has to be remembered of it."""

    kind: str
    number: int = 0
    text: str = ""


_Edges = Iterator[tuple[bytes, _Place]]
_FREE = _Place("free")  # nothing that takes a quantifier
_ATOM = _Place("atom")
_QUANTIFIED = _Place("quantified")
_OPEN = _Place("(")
_NAME = _Place("name")
_CLASS, _NEGATED, _LEADING, _ITEM, _TRAILING = (_Place(kind) for kind in ("[", "[^", "[-", "[a", "[a-"))


def _without(removed: bytes) -> bytes:
    return bytes(byte for byte in _ASCII if byte not in removed)


def _pattern(place: _Place) -> _Edges:
    """Between the parts of a pattern."""
    yield _without(_SYNTAX), _ATOM
    yield from _beyond_ascii(_ATOM)
    yield b".)", _ATOM
    yield b"^$|", _FREE
    yield b"\\", _Place("\\")
    yield b"[", _CLASS
    yield b"(", _OPEN
    if place == _ATOM:
        yield b"*+?", _QUANTIFIED
        yield b"{", _Place("{")
    elif place == _QUANTIFIED:
        yield b"?", _FREE
    elif place == _OPEN:
        yield b"?", _Place("(?")


def _group_kind(place: _Place) -> _Edges:
    yield b":=!" if place.kind == "(?" else b"=!", _FREE


def _name(_: _Place) -> _Edges:
    yield _LETTERS + _DIGITS, _NAME
    yield b">", _FREE


def _escape(place: _Place) -> _Edges:
    then = _ATOM if place.kind == "\\" else _ITEM
    yield b"dDwWsStnrvf/" + _SYNTAX, then
    yield b"x", _Place("hex", 2, then.kind)
    yield b"u", _Place("hex", 4, then.kind)
    if then == _ATOM:
        yield b"bB", _FREE
    else:
        yield b"b-", _ITEM


def _hexadecimal(place: _Place) -> _Edges:
    left = place.number - 1
    yield _DIGITS + b"abcdefABCDEF", _Place("hex", left, place.text) if left else _Place(place.text)


def _beyond_ascii(then: _Place) -> _Edges:
    """The first byte of a character beyond ASCII; the next two functions read the others (RFC 3629)."""
    yield bytes(range(0xC2, 0xE0)), _Place("bytes", 1, then.kind)
    yield bytes(set(range(0xE1, 0xF0)) - {0xED}), _Place("bytes", 2, then.kind)
    yield bytes(range(0xF1, 0xF4)), _Place("bytes", 3, then.kind)
    for first in (0xE0, 0xED, 0xF0, 0xF4):
        yield bytes([first]), _Place("second", first, then.kind)


def _second_byte(place: _Place) -> _Edges:
    low, high = {0xE0: (0xA0, 0xC0), 0xED: (0x80, 0xA0), 0xF0: (0x90, 0xC0), 0xF4: (0x80, 0x90)}[place.number]
    yield bytes(range(low, high)), _Place("bytes", 1 if place.number < 0xF0 else 2, place.text)


def _last_bytes(place: _Place) -> _Edges:
    left = place.number - 1
    yield _CONTINUATION, _Place("bytes", left, place.text) if left else _Place(place.text)


def _class(place: _Place) -> _Edges:
    """After `[`, `[^`, a leading hyphen, or an item, whose `text` is remembered if it may begin a range."""
    if place.kind in ("[-", "[a"):
        yield b"]", _ATOM
    if place.kind != "[-":
        yield b"^", _NEGATED if place == _CLASS else _ITEM
        yield b"-", _range_or_end(place)
    for byte in _DIGITS + _UPPER + _LOWER + _SETS:
        if byte not in _SETS or chr(byte) != place.text:
            yield bytes([byte]), _Place("[a", text=chr(byte))
    yield b"\\", _Place("[\\")
    yield _without(_DIGITS + _UPPER + _LOWER + _SETS + rb"[]\^-"), _ITEM
    yield from _beyond_ascii(_ITEM)


def _range_or_end(place: _Place) -> _Place:
    """Where a hyphen in a class leads."""
    if place.kind != "[a":
        return _LEADING
    return _Place("range", text=place.text) if place.text.isalnum() else _TRAILING


def _range(place: _Place) -> _Edges:
    """After `a-`: an end that is not before `a`, or the hyphen was the last of the class."""
    yield b"]", _ATOM
    for run in (_DIGITS, _UPPER, _LOWER):
        if place.text and ord(place.text) in run:
            yield run[run.index(ord(place.text)) :], _ITEM


def _lower_bound(place: _Place) -> _Edges:
    """After `{` and the digits of `text`; of three digits only the number is kept."""
    least = place.text
    if least:
        yield b"}", _QUANTIFIED
        yield b",", _Place(",", text=least)
    if len(least) < 3 and least != "0":
        for digit in "0123456789":
            yield digit.encode(), _Place("{", text=least + digit if len(least) < 2 else "###")


def _upper_bound(place: _Place) -> _Edges:
    """After `{text,`: nothing, or a number that is not smaller."""
    least = place.text
    yield b"}", _QUANTIFIED
    for digit in range(10) if least != "###" else ():
        if len(least) == 1:
            yield b"%d" % digit, _Place("digits", 2 if digit else 0, "enough" if digit >= int(least) else "")
        elif digit:
            tens, units = int(least[0]), int(least[1])
            yield b"%d" % digit, _Place("units", 0 if digit > tens else units if digit == tens else 10)


def _units(place: _Place) -> _Edges:
    """The second digit of a bound, which is large enough from `number` on."""
    for digit in range(10):
        yield b"%d" % digit, _Place("digits", 1, "enough" if digit >= place.number else "")


def _more_digits(place: _Place) -> _Edges:
    """Up to `number` more digits of a bound; any makes it large enough."""
    if place.text:
        yield b"}", _QUANTIFIED
    if place.number:
        yield _DIGITS, _Place("digits", place.number - 1, "enough")


_READS: Mapping[str, Callable[[_Place], _Edges]] = {
    **dict.fromkeys(("free", "atom", "quantified", "("), _pattern),
    **dict.fromkeys(("(?", "(?<"), _group_kind),
    "name": _name,
    **dict.fromkeys(("\\", "[\\"), _escape),
    **dict.fromkeys(("[", "[^", "[-", "[a"), _class),
    **dict.fromkeys(("range", "[a-"), _range),
    "hex": _hexadecimal,
    "second": _second_byte,
    "bytes": _last_bytes,
    "{": _lower_bound,
    ",": _upper_bound,
    "units": _units,
    "digits": _more_digits,
}


def _common_edges(place: _Place) -> _Edges:
    return _READS[place.kind](place)


def _standard_edges(place: _Place) -> _Edges:
    """What ECMA-262 has and Python has not."""
    if place.kind == "control":
        yield _UPPER + _LOWER, _Place(place.text)
        return
    yield from _READS[place.kind](place)
    if place in (_CLASS, _NEGATED):
        yield b"]", _ATOM
    elif place.kind in ("\\", "[\\"):
        yield b"c", _Place("control", text=("atom" if place.kind == "\\" else "[a"))
    elif place.kind == "(?":
        yield b"<", _Place("(?<")
    elif place.kind == "(?<":
        yield _LETTERS, _NAME


class _Nest(NamedTuple):
    """The nesting automaton: open groups, outermost first, and where one stands.

    "(" is a group, "?" a look-around, which stands alone outside; the places are as above, "closed" is after a
    look-around.
    """

    open: str
    place: str
    named: bool  # was there a named group?


_ANY = bytes(range(256))
_NOTHING = _Nest("", "refused", named=False)  # later edges replace earlier ones, so "all but" is "any", then these


def _nesting(state: _Nest) -> Iterator[tuple[bytes, _Nest]]:
    stack, place, named = state
    if state == _NOTHING:
        return
    if place in ("\\", "[\\"):
        yield _ANY, _Nest(stack, "" if place == "\\" else "[", named)
    elif place == "[":
        yield _ANY, state
        yield b"\\", _Nest(stack, "[\\", named)
        yield b"]", _Nest(stack, "", named)
    elif place in ("(?", "(?<"):
        yield from _begun(state)
    elif place == "name":
        yield _LETTERS + _DIGITS, state
        yield b">", _Nest(stack + "(", "", named=True)
    else:
        yield from _between(state._replace(open=stack + "(" if place == "(" else stack))


def _begun(state: _Nest) -> Iterator[tuple[bytes, _Nest]]:
    """After `(?` or `(?<`."""
    if not state.open:
        yield b"=!", _Nest("?", "", state.named)
    if state.place == "(?":
        yield b":", _Nest(state.open + "(", "", state.named)
        yield b"<", state._replace(place="(?<")
    elif not state.named:
        yield _LETTERS, state._replace(place="name")


def _between(state: _Nest) -> Iterator[tuple[bytes, _Nest]]:
    stack, place, named = state
    yield _ANY, _Nest(stack, "", named)
    yield b"\\", _Nest(stack, "\\", named)
    yield b"[", _Nest(stack, "[", named)
    if place == "closed":
        yield b"*+?{", _NOTHING
    if place == "(":
        yield b"?", _Nest(stack[:-1], "(?", named)
    yield b"()", _NOTHING
    if len(stack) < _DEPTH:
        yield b"(", _Nest(stack, "(", named)
    if stack:
        yield b")", _Nest(stack[:-1], "closed" if stack == "?" else "", named)


@kept
def regex(*, standard: bool = False) -> Dfa:
    """Patterns that ECMA-262 and Python both compile; `standard` asks ECMA-262 alone."""
    whole = (_FREE, _ATOM, _QUANTIFIED)
    lexical = walked(_FREE, _standard_edges if standard else _common_edges, lambda place: place in whole)
    start = _Nest("", "", named=False)
    nesting = walked(start, _nesting, lambda state: not state.open and state.place in ("", "closed"))
    return algebra.intersect(lexical, nesting)
