"""ECMA-262 regular expressions as automata over decoded text: what JSON Schema's `pattern` means.

    text --ecma_parse--> pattern_ast --positions--> subsets or look_around --> lettered --utf8.spell--> Dfa

The dialect is ECMA-262 with the `u` flag: `\\d \\w \\b` are ASCII, `\\s` is Unicode white space, `.`
excludes the four line terminators, `$` is the very end, an escaped surrogate pair is one character.
JSON Schema searches: `pattern` holds when it matches anywhere, so the pattern is wrapped in "anything"
on both sides, except where it is anchored.

Everything is exact or refused: look-around and anchors too, wherever they stand, and back-references to
groups of few texts. Other back-references, atomic groups and recursion are refused; so are automata beyond a
limit of states.
"""

from typing import assert_never

from constrained.automata import look_around, subsets
from constrained.automata.code_points import Ranges
from constrained.automata.dfa import Dfa
from constrained.automata.ecma_parse import parse
from constrained.automata.lettered import Language, in_bytes, lettered, one_of
from constrained.automata.pattern_ast import (
    ANYTHING,
    EMPTY,
    Assertion,
    Choice,
    Gap,
    Look,
    One,
    Pattern,
    Repeat,
    Sequence,
    has_assertions,
    sequence,
)
from constrained.automata.positions import positions
from constrained.automata.remembered import remembered

__all__ = ["compile_pattern", "counted_whole", "parse", "pattern_dfa", "pattern_letters"]

_LIMIT = 20_000  # rows
_BYTES = 4  # of a character, at most


def pattern_dfa(pattern: str, flags: str = "", *, search: bool = True, limit: int = _LIMIT) -> Dfa:
    """The texts (UTF-8 bytes) in which `pattern` matches somewhere, or as a whole if not `search`.

    `flags` are any of `i`, `m`, `s` (and `u`, which is always on). Raises InvalidGrammar for a
    malformed pattern, UnsupportedFeature for what is not regular, LimitExceeded beyond `limit` rows.
    """
    return in_bytes(_letters(pattern, flags, search, limit))


def pattern_letters(pattern: str, flags: str = "", *, search: bool = True, limit: int = _LIMIT) -> Language:
    """As `pattern_dfa`, which is refused likewise, but not spelled in bytes yet."""
    return _letters(pattern, flags, search, limit)


@remembered
def _letters(pattern: str, flags: str, search: bool, limit: int) -> Language:
    return _compile(parse(pattern, flags), search, limit)


def compile_pattern(node: Pattern, *, search: bool = True, limit: int = _LIMIT) -> Dfa:
    """`pattern_dfa` of a parsed pattern."""
    return in_bytes(_compile(node, search, limit))


def _compile(node: Pattern, search: bool, limit: int) -> Language:
    text = _only_text(node)
    if text is not None and _BYTES * len(text) < limit and (found := one_of([text])) is not None:
        return found
    if search:
        node = _from_anywhere(_to_anywhere(node))
    compiled = positions(node, limit)
    construct = look_around.determinise if has_assertions(node) else subsets.determinise
    return lettered(*construct(compiled, limit), compiled.letters, limit)


def counted_whole(pattern: str, flags: str = "") -> tuple[Ranges, int, int | None] | None:
    """Recognise `^C{least,most}$` with C a single character: (the characters, least, most).

    `+`, `*`, `?` and groups around C or the repeat count too; `most` is None without a bound. Returns
    None for every other pattern. A caller can count long repeats instead of spelling them out.
    """
    match parse(pattern, flags):
        case Sequence((Assertion(Gap.TEXT_START), One(points), Assertion(Gap.TEXT_END))) if points:
            return points, 1, 1
        case Sequence((Assertion(Gap.TEXT_START), Repeat(One(points), least, most), Assertion(Gap.TEXT_END))) if points:
            return points, least, most
        case _:
            return None


def _only_text(node: Pattern) -> str | None:
    """The text of `^text$`, which needs no construction; None for every other pattern."""
    if not isinstance(node, Sequence) or len(node.parts) < 3:
        return None
    first, *middle, last = node.parts
    if not isinstance(first, Assertion) or not isinstance(last, Assertion):
        return None
    if first.gap is not Gap.TEXT_START or last.gap is not Gap.TEXT_END:
        return None
    text = ""
    for one in middle:
        if not isinstance(one, One) or len(one.points) != 1 or one.points[0][0] != one.points[0][1]:
            return None
        text += chr(one.points[0][0])
    return text


# ---------------------------------------------------------------- searching
#
# `anything pattern anything` is right as it stands, assertions included. But most patterns have
# assertions only as anchors at their ends, and there "anything" and the anchor cancel out, which
# leaves a pattern without assertions: the plain subset construction will do.


def _from_anywhere(node: Pattern) -> Pattern:
    """`node` starting anywhere in the text."""
    return _open(node, Gap.TEXT_START, first=0) or Sequence((ANYTHING, node))


def _to_anywhere(node: Pattern) -> Pattern:
    """`node` ending anywhere in the text."""
    return _open(node, Gap.TEXT_END, first=-1) or Sequence((node, ANYTHING))


def _open(node: Pattern, anchor: Gap, first: int) -> Pattern | None:
    """`node` with "anything" before (after) it where no anchor forbids; None if that is unclear.

    The anchor may stand first in `node`, or first in an option that stands first, and so on.
    """
    if not _asks(node, anchor):
        fewest = _fewest(node, first)
        return sequence([ANYTHING, fewest] if first == 0 else [fewest, ANYTHING])
    match node:
        case Assertion():
            return EMPTY
        case Sequence(parts):
            rest = parts[1:] if first == 0 else parts[:-1]
            head = _open(parts[first], anchor, first)
            if head is None or any(_asks(part, anchor) for part in rest):
                return None
            return Sequence((head, *rest) if first == 0 else (*rest, head))
        case Choice(options):
            opened = [_open(option, anchor, first) for option in options]
            return Choice(tuple(option for option in opened if option is not None)) if None not in opened else None
        case One() | Repeat() | Look():
            return None
        case _:
            assert_never(node)


def _fewest(node: Pattern, first: int) -> Pattern:
    """`node` beside "anything", which takes what a repeat at that end has beyond its least: [a-z]{3,63} is [a-z]{3}."""
    match node:
        case Repeat(body, least):
            return sequence([body] * least) if least < 2 else Repeat(body, least, least)
        case Sequence(parts) if parts:
            head = _fewest(parts[first], first)
            rest = parts[1:] if first == 0 else parts[:-1]
            if head == EMPTY:
                return _fewest(Sequence(rest), first)
            return Sequence((head, *rest) if first == 0 else (*rest, head))
        case Choice(options):
            return Choice(tuple(_fewest(option, first) for option in options))
        case _:
            return node


def _asks(node: Pattern, anchor: Gap) -> bool:
    """Does `anchor` stand anywhere in `node`?"""
    match node:
        case One():
            return False
        case Sequence(parts) | Choice(parts):
            return any(_asks(part, anchor) for part in parts)
        case Repeat(body) | Look(body):
            return _asks(body, anchor)
        case Assertion(gap):
            return gap is anchor
        case _:
            assert_never(node)
