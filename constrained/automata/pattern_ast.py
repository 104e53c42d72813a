"""What a regular expression says, once its dialect is out of the way.

    ^(?:ab|[0-9]{2,})$     Sequence(Assertion(TEXT_START),
                                    Choice(Sequence(One a, One b), Repeat(One 0-9, 2, None)),
                                    Assertion(TEXT_END))

Groups leave no trace: they only say how the rest is put together. Case-insensitivity and the other
flags are gone too: they changed the character sets and the kinds of assertions.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from constrained.automata.code_points import ANY, Ranges


class Gap(Enum):
    """What an assertion asks about the gap between two characters."""

    TEXT_START = auto()
    TEXT_END = auto()
    LINE_START = auto()
    LINE_END = auto()
    WORD_EDGE = auto()
    NO_WORD_EDGE = auto()


@dataclass(frozen=True, slots=True)
class One:
    """One character out of a set (possibly the empty set: no match)."""

    points: Ranges


@dataclass(frozen=True, slots=True)
class Sequence:
    """All parts in order; no parts is the empty text."""

    parts: "tuple[Pattern, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of at least two options."""

    options: "tuple[Pattern, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    """At least `least` times; at most `most` times, or without bound if None."""

    body: "Pattern"
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Assertion:
    """Matches the empty text in gaps of one kind. `word` is what a word character is."""

    gap: Gap
    word: Ranges = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Matches the empty text where `body` matches (or not: `negated`) right after, or before, the gap."""

    body: "Pattern"
    ahead: bool
    negated: bool


Pattern = One | Sequence | Choice | Repeat | Assertion | Look

EMPTY = Sequence(())
ANYTHING = Repeat(One(ANY), 0, None)


def sequence(parts: list[Pattern]) -> Pattern:
    """The parts in order, without a wrapper around a single one."""
    return parts[0] if len(parts) == 1 else Sequence(tuple(parts))


def choice(options: list[Pattern]) -> Pattern:
    """One of the options (at least one)."""
    return options[0] if len(options) == 1 else Choice(tuple(options))


def size(node: Pattern) -> int:
    """Characters in `node` when repeats are written out."""
    match node:
        case One():
            return 1
        case Sequence(parts):
            return sum(size(part) for part in parts)
        case Choice(options):
            return sum(size(option) for option in options)
        case Repeat(body, least, most):
            return size(body) * max(1, least if most is None else most)
        case Assertion():
            return 0
        case Look(body):
            return size(body) + 1
        case _:
            assert_never(node)


def has_assertions(node: Pattern) -> bool:
    """Does `node` ask about gaps anywhere?"""
    match node:
        case One():
            return False
        case Sequence(parts) | Choice(parts):
            return any(has_assertions(part) for part in parts)
        case Repeat(body):
            return has_assertions(body)
        case Assertion() | Look():
            return True
        case _:
            assert_never(node)
