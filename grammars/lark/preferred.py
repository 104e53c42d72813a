"""Programs to automata, keeping the engine's preferences: where would Python's `match` end?

Simulate all ways through a program at once, as a *list* in order of preference (R. Cox, *Regular
Expression Matching: the Virtual Machine Approach*, 2009). When a way reaches `match`, those behind
it in the list will never be taken, and are dropped:

    ".*?"  on  "a"b"      after "a"  a match is found; the way that goes on with  b"  is dropped,
                          so  "a"b"  is no text of this terminal, as it is none for Python

The lists are the states of an ordinary automaton. Reading a text with it until it dies, the *last*
accepting row is where Python's match ends; *every* accepting row is where it would end if the text
were cut there, which is what Lark's `dynamic_complete` lexer tries.

A look-behind is a second program, started at every character and read along; a state says which of
them hold. One that could look in front of the terminal is refused.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from constrained.automata import algebra
from constrained.automata.code_points import alphabet
from constrained.automata.dfa import REFUSES, START, Dfa
from constrained.automata.subsets import explore
from constrained.automata.utf8 import minimal, spell
from constrained.errors import UnsupportedFeature
from grammars.lark.python_regex import Behind, Match, One, Program, Split, program

_LIMIT = 20_000  # states


@dataclass(frozen=True, slots=True)
class _Place:
    """`ways`: the instructions about to read, preferred first. `behinds`: those of each look-behind."""

    ways: tuple[int, ...]
    matched: bool
    behinds: tuple[frozenset[int], ...]
    read: int  # characters, as far as look-behinds can tell


@lru_cache(maxsize=1024)
def preferred(pattern: str, limit: int = _LIMIT) -> Dfa:
    """The texts (UTF-8) at which `match(pattern)` may end: see above.

    Raises InvalidGrammar for a malformed pattern, UnsupportedFeature, LimitExceeded beyond `limit` states.
    """
    written = program(pattern)
    letters = alphabet(list(written.sets))
    simulation = _Simulation(written, [_holders(mask, len(written.sets)) for mask in letters.members])
    steps, accepts = explore(simulation.start(), len(letters.members), simulation.follow, _matched, limit)
    return spell(*minimal(steps, accepts, len(letters.members)), letters, limit)


def _matched(place: _Place) -> bool:
    return place.matched


def _holders(mask: int, sets: int) -> frozenset[int]:
    """The sets that a letter belongs to."""
    return frozenset(index for index in range(sets) if mask >> index & 1)


class _Simulation:
    def __init__(self, written: Program, letters: list[frozenset[int]]) -> None:
        self._code = written.code
        self._begin = written.start
        self._looks = written.looks
        self._letters = letters
        self._width = max((look.width for look in written.looks), default=0)

    def start(self) -> _Place:
        """The place before the first character."""
        behinds = tuple(self._entered([look.start]) for look in self._looks)
        return self._place([self._begin], behinds, 0)

    def follow(self, place: _Place, letter: int) -> _Place | None:
        """The place after one more character; None when no way is left."""
        held = self._letters[letter]
        behinds = tuple(
            self._entered([*self._read(ways, held), look.start])
            for ways, look in zip(place.behinds, self._looks, strict=True)
        )
        after = self._place(self._read(place.ways, held), behinds, min(place.read + 1, self._width))
        return after if after.ways or after.matched else None

    def _read(self, ways: "tuple[int, ...] | frozenset[int]", held: frozenset[int]) -> list[int]:
        found: list[int] = []
        for way in ways:
            instruction = self._code[way]
            if isinstance(instruction, One) and instruction.points in held:
                found.append(instruction.to)
        return found

    def _place(self, entries: list[int], behinds: tuple[frozenset[int], ...], read: int) -> _Place:
        ways: list[int] = []
        seen: set[int] = set()
        stack = entries[::-1]
        while stack:
            way = stack.pop()
            if way in seen:
                continue
            seen.add(way)
            match self._code[way]:
                case One():
                    ways.append(way)
                case Split(choices):
                    stack.extend(reversed(choices))
                case Behind(look, negated, to):
                    if read < self._looks[look].width:
                        raise UnsupportedFeature("a look-behind that looks in front of its terminal is not supported")
                    if self._holds(behinds[look]) != negated:
                        stack.append(to)
                case Match():
                    return _Place(tuple(ways), True, behinds, read)
        return _Place(tuple(ways), False, behinds, read)

    def _entered(self, entries: list[int]) -> frozenset[int]:
        """The instructions to read or match at, of a program without preferences."""
        found: set[int] = set()
        seen: set[int] = set()
        stack = list(entries)
        while stack:
            way = stack.pop()
            if way in seen:
                continue
            seen.add(way)
            match self._code[way]:
                case Split(choices):
                    stack.extend(choices)
                case Behind():
                    raise UnsupportedFeature("a look-behind inside a look-behind is not supported")
                case _:
                    found.add(way)
        return frozenset(found)

    def _holds(self, ways: frozenset[int]) -> bool:
        return any(isinstance(self._code[way], Match) for way in ways)


# ---------------------------------------------------------------- small changes to a language


def without_empty(dfa: Dfa) -> Dfa:
    """The texts of `dfa` but the empty one."""
    return dfa if dfa.label(START) == REFUSES else algebra.difference(dfa, algebra.literal(b""))


def shortest_only(dfa: Dfa) -> Dfa:
    """The texts of `dfa` that do not begin with another one: reading stops as soon as it may."""
    step = dfa.step.copy()
    step[dfa.labels != REFUSES] = 0
    return algebra.canonical(dfa.classes, step, dfa.labels)


def repeated(dfa: Dfa) -> Dfa:
    """Any number of texts of `dfa` in a row, none included; by the subset construction."""
    step, ends = dfa.step.tolist(), (dfa.labels != REFUSES).tolist()
    columns = dfa.step.shape[1]
    first = frozenset({int(START)})
    number = {frozenset[int](): 0, first: 1}
    todo, table = [frozenset[int](), first], list[list[int]]()
    for rows in todo:
        targets: list[int] = []
        for column in range(columns):
            after = {step[row][column] for row in rows} - {0}
            if any(ends[row] for row in after):
                after.add(int(START))
            key = frozenset(after)
            if key not in number:
                number[key] = len(number)
                todo.append(key)
            targets.append(number[key])
        table.append(targets)
    labels = [0 if rows == first or any(ends[row] for row in rows) else REFUSES for rows in todo]
    return algebra.canonical(dfa.classes, np.array(table, np.int32), np.array(labels, np.int32))
