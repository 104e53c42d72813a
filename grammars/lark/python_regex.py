"""Python's regular expressions as programs: what a terminal of a Lark grammar is written in.

    (?:ab|a)c*?     0: split 1 3        program order is preference: the way that Python's engine
                    1: one 'a' -> 2     would try first comes first
                    2: one 'b' -> 4
                    3: one 'a' -> 4
                    4: split 6 5        lazy: leave before going round
                    5: one 'c' -> 4
                    6: match

Python itself reads the pattern (`re._parser`, as Lark does) and says which characters a set holds
(`_characters`), so dialect, flags, Unicode tables and case folding are Python's own. What needs more
than a program of this form is refused: back-references, atomic groups, anchors, look-ahead.
"""

import importlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from constrained.automata.code_points import ANY, Ranges, complement, ranges, union
from constrained.errors import InvalidGrammar, LimitExceeded, UnsupportedFeature

_parser: Any = importlib.import_module("re._parser")
_SIZE = 50_000  # instructions

_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
_FOLD_TO_ASCII = (0x130, 0x131, 0x17F, 0x212A)  # dotted I, dotless i, long s, Kelvin sign
_REFUSED = {
    "AT": "an anchor or \\b in a terminal",
    "GROUPREF": "a back-reference",
    "GROUPREF_EXISTS": "a conditional group",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive quantifier",
}


@dataclass(frozen=True, slots=True)
class One:
    """Read one character of set `points`, go on at `to`."""

    points: int
    to: int


@dataclass(frozen=True, slots=True)
class Split:
    """Go on at any of `ways`, preferring earlier ones."""

    ways: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Behind:
    """Go on at `to` if look-behind `look` holds here (or not: `negated`)."""

    look: int
    negated: bool
    to: int


@dataclass(frozen=True, slots=True)
class Match:
    """The end of the pattern."""


Instruction = One | Split | Behind | Match


@dataclass(frozen=True, slots=True)
class LookBehind:
    """A look-behind: its program starts at `start`, and it reads `width` characters."""

    start: int
    width: int


@dataclass(slots=True)
class Program:
    """Instructions; `start` is where to begin."""

    code: list[Instruction] = field(default_factory=list[Instruction])
    sets: dict[Ranges, int] = field(default_factory=dict[Ranges, int])
    looks: list[LookBehind] = field(default_factory=list[LookBehind])
    start: int = 0


def program(pattern: str) -> Program:
    """Read a pattern. InvalidGrammar if Python refuses it; UnsupportedFeature, LimitExceeded."""
    try:
        re.compile(pattern)
        tree = _parser.parse(pattern)
    except re.error as error:
        raise InvalidGrammar(f"not a regular expression: {pattern!r}: {error}") from error
    except (RecursionError, OverflowError) as error:
        raise LimitExceeded("the regular expression is nested too deeply") from error
    writer = _Writer(Program())
    writer.out.start = writer.items(tree.data, tree.state.flags, writer.put(Match()))
    return writer.out


class _Writer:
    """Writes a program from its end: every piece is told where to go on."""

    def __init__(self, out: Program) -> None:
        self.out = out

    def put(self, instruction: Instruction) -> int:
        if len(self.out.code) >= _SIZE:
            raise LimitExceeded(f"a regular expression of more than {_SIZE} steps", hint="shorten counted repeats")
        self.out.code.append(instruction)
        return len(self.out.code) - 1

    def items(self, items: list[Any], flags: int, to: int) -> int:
        """All of `items` in order, then `to`."""
        for operator, argument in items[::-1]:
            to = self._item(str(operator), argument, flags, to)
        return to

    def _item(self, operator: str, argument: Any, flags: int, to: int) -> int:
        match operator:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                return self._one(_set(operator, argument, flags), to)
            case "BRANCH":
                return self.put(Split(tuple(self.items(option.data, flags, to) for option in argument[1])))
            case "SUBPATTERN":
                _, added, dropped, body = argument
                return self.items(body.data, (flags | added) & ~dropped, to)
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, body = argument
                unbounded = str(most) == "MAXREPEAT"
                return self._repeat(body.data, flags, int(least), None if unbounded else int(most), operator, to)
            case "ASSERT" | "ASSERT_NOT":
                return self._look(argument, flags, operator == "ASSERT_NOT", to)
            case "FAILURE":
                return self.put(Split(()))
            case _:
                raise UnsupportedFeature(f"{_REFUSED.get(operator, operator.lower())} is not supported")

    def _one(self, points: Ranges, to: int) -> int:
        if not points:
            return self.put(Split(()))
        return self.put(One(self.out.sets.setdefault(points, len(self.out.sets)), to))

    def _repeat(self, body: list[Any], flags: int, least: int, most: int | None, operator: str, to: int) -> int:
        greedy = operator == "MAX_REPEAT"
        if most is None:
            loop = self.put(Split(()))
            inside = self.items(body, flags, loop)
            self.out.code[loop] = Split((inside, to) if greedy else (to, inside))
            entry = loop
        else:
            entry = to
            for _ in range(most - least):  # x{0,3} = (x(x(x)?)?)?
                inside = self.items(body, flags, entry)
                entry = self.put(Split((inside, to) if greedy else (to, inside)))
        for _ in range(least):
            entry = self.items(body, flags, entry)
        return entry

    def _look(self, argument: Any, flags: int, negated: bool, to: int) -> int:
        direction, body = argument
        if direction > 0:
            raise UnsupportedFeature("a look-ahead in a terminal is not supported")
        width = int(body.getwidth()[1])
        start = self.items(body.data, flags, self.put(Match()))
        self.out.looks.append(LookBehind(start, width))
        return self.put(Behind(len(self.out.looks) - 1, negated, to))


# ---------------------------------------------------------------- sets of characters


def _set(operator: str, argument: Any, flags: int) -> Ranges:
    match operator:
        case "ANY":
            return ANY if flags & re.DOTALL else complement(((10, 10),))
        case "LITERAL":
            return _listed(_escape(argument), False, flags)
        case "NOT_LITERAL":
            return _listed(_escape(argument), True, flags)
        case _:
            negated = str(argument[0][0]) == "NEGATE"
            return _listed("".join(_member(str(kind), value) for kind, value in argument[negated:]), negated, flags)


def _member(kind: str, value: Any) -> str:
    """A member of a class, written out again in characters that mean themselves."""
    match kind:
        case "LITERAL":
            return _escape(value)
        case "RANGE":
            return f"{_escape(value[0])}-{_escape(value[1])}"
        case _:
            return _CATEGORIES[str(value)]


def _escape(code: int) -> str:
    return f"\\U{code:08x}"


def _listed(listed: str, negated: bool, flags: int) -> Ranges:
    """The characters of class `[listed]`, or the others."""
    points = _folded(listed, flags) if flags & re.IGNORECASE else _plain(listed, flags)
    return complement(points) if negated else points


def _plain(listed: str, flags: int) -> Ranges:
    """Read back what `_member` wrote."""
    found = [(int(low, 16), int(high or low, 16)) for low, high in re.findall(r"\\U(.{8})(?:-\\U(.{8}))?", listed)]
    names: list[str] = re.findall(r"\\[dDsSwW]", listed)
    categories = [_characters(f"(?a:{name})" if flags & re.ASCII else name) for name in names]
    return union(ranges(found), *categories)


def _folded(listed: str, flags: int) -> Ranges:
    """As `_plain`, closed under Python's case folding."""
    pattern = f"(?{'ia' if flags & re.ASCII else 'i'}:[{listed}])"
    plain = _plain(listed, flags)
    if plain and plain[-1][1] >= 0x80:
        return _characters(pattern)
    matches = re.compile(pattern).fullmatch
    return ranges((code, code) for code in (*range(0x80), *_FOLD_TO_ASCII) if matches(chr(code)))


@lru_cache(maxsize=1)
def _every_character() -> str:
    return np.r_[0:0xD800, 0xE000:0x110000].astype("<u4").tobytes().decode("utf-32-le")


@lru_cache(maxsize=512)
def _characters(pattern: str) -> Ranges:
    """The characters that a pattern of one character matches, by asking Python about all of them."""
    runs: list[str] = re.findall(f"{pattern}+", _every_character())
    return ranges((ord(run[0]), ord(run[-1])) for run in runs)
