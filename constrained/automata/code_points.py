"""Sets of characters, and the letters that a few sets cut Unicode into.

A set is a tuple of inclusive ranges, sorted, disjoint, not touching and without surrogates:

    [a-fA-F]   ->   ((65, 70), (97, 102))

A pattern mentions a handful of sets. What tells its characters apart is only *which* of the sets
they are in, so `alphabet` cuts all of Unicode into few letters, and automata are built over these
letters first (`utf8` spells them as bytes afterwards):

    \\d and [0-9a-f]       letter 0 = 0-9    letter 1 = a-f    everything else: no letter
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

Ranges = tuple[tuple[int, int], ...]

ANY: Ranges = ((0, 0xD7FF), (0xE000, 0x10FFFF))
NONE: Ranges = ()
BEYOND = 0x110000  # the first integer that is no code point
OUTSIDE = -1  # the letter of a code point that is in no set, or is no character


def merge(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """Inclusive ranges in any order, as sorted ones that do not touch."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pairs):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def ranges(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """The set that the ranges cover; surrogates are not characters and drop out."""
    merged = merge(pairs)
    if not merged or merged[-1][1] < 0xD800:
        return merged
    halves = [((low, min(high, 0xD7FF)), (max(low, 0xE000), high)) for low, high in merged]
    return tuple(piece for half in halves for piece in half if piece[0] <= piece[1])


def union(*sets: Ranges) -> Ranges:
    """Characters in any of the sets."""
    return ranges(pair for points in sets for pair in points)


def complement(points: Ranges) -> Ranges:
    """All other characters."""
    gaps: list[tuple[int, int]] = []
    after = 0
    for low, high in points:
        gaps.append((after, low - 1))
        after = high + 1
    gaps.append((after, 0x10FFFF))
    return ranges((low, high) for low, high in gaps if low <= high)


@dataclass(frozen=True)
class Alphabet:
    """Unicode cut into letters: two characters share a letter iff they are in the same sets.

    bounds   first code points of the runs, ascending, from 0 to 0x110000
    letters  the letter of each run, `OUTSIDE` where no set reaches
    members  letter -> the sets it belongs to, as a bit mask over their indices
    """

    bounds: tuple[int, ...]
    letters: tuple[int, ...]
    members: tuple[int, ...]

    @cached_property
    def ascii(self) -> list[int]:
        """(128,) letter of each ASCII character."""
        run, out = 0, list[int]()
        while len(out) < 128:
            out += [self.letters[run]] * (min(self.bounds[run + 1], 128) - len(out))
            run += 1
        return out

    @cached_property
    def beyond(self) -> tuple[tuple[int, int], ...]:
        """The runs of the characters beyond ASCII: (first code point, letter)."""
        run = bisect_right(self.bounds, 0x80) - 1
        return ((0x80, self.letters[run]), *zip(self.bounds[run + 1 :], self.letters[run + 1 :], strict=True))


def alphabet(sets: Sequence[Ranges]) -> Alphabet:
    """The letters of a pattern that mentions these sets."""
    toggles: dict[int, int] = {0: 0, 0xD800: 0, 0xE000: 0, BEYOND: 0}
    for index, points in enumerate(sets):
        for low, high in points:
            toggles[low] = toggles.get(low, 0) ^ (1 << index)
            toggles[high + 1] = toggles.get(high + 1, 0) ^ (1 << index)
    bounds, letters, number = list[int](), list[int](), dict[int, int]()
    inside = 0
    for bound in sorted(toggles):
        inside ^= toggles[bound]
        letter = number.setdefault(inside, len(number)) if inside else OUTSIDE
        if not letters or letters[-1] != letter or bound == BEYOND:
            bounds.append(bound)
            letters.append(letter)
    return Alphabet(tuple(bounds), tuple(letters), tuple(number))
