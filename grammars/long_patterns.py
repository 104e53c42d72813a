"""Patterns whose repeats are too long to write out, as grammars: counters beside rows, not rows.

    [a-z]{1,5000}-x+      one row of [a-z]* and a counter, then the automaton of -x+
    (?:[a-z]+ ){1,1000}   a chain of nodes, each made when a text gets there

Where a repeat is short, it stays part of an automaton. What is repeated often must tell its own end: none of
its texts begins another, so it is certain how often it was read. If it is short itself (a single character,
above all), a counter does (counted.py). Other patterns are refused here; their caller writes them out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from constrained.automata.counted import UNBOUNDED, Counted, meter
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.automata.ecma import compile_pattern
from constrained.automata.pattern_ast import Assertion, Choice, Gap, Look, One, Pattern, Repeat, Sequence, size
from constrained.automata.tables import reachable
from constrained.errors import LimitExceeded, UnsupportedFeature
from constrained.grammar import Automaton, Node, Symbol, Terminal
from constrained.grammar import Sequence as Symbols

SHORT = 256  # characters of a pattern that is written out
_LONGEST = 1_000_000  # times that something is repeated


def is_long(pattern: Pattern) -> bool:
    """Is this for here?"""
    return size(pattern) > SHORT


def long_pattern(pattern: Pattern, write: Callable[[Automaton], Automaton]) -> Node:
    """The texts that match the whole of `pattern`. `write`: what becomes of each automaton.

    Raises UnsupportedFeature for patterns that are not for here, and LimitExceeded.
    """
    return Parts("pattern", _Writer(write).symbols(_without_anchors(pattern)))


class Parts(Node):
    """Symbols in a row."""

    __slots__ = ("name", "symbols")

    def __init__(self, name: str, symbols: Symbols) -> None:
        self.name = name
        self.symbols = symbols

    def expand(self) -> tuple[Symbols, ...]:
        """The one way."""
        return (self.symbols,)

    def shortest(self) -> bytes:
        """All their shortest."""
        return b"".join(map(_shortest, self.symbols))


class Either(Node):
    """One of several rows of symbols."""

    __slots__ = ("ways",)

    def __init__(self, ways: tuple[Symbols, ...]) -> None:
        self.ways = ways

    def expand(self) -> tuple[Symbols, ...]:
        """The ways."""
        return self.ways

    def shortest(self) -> bytes:
        """The shortest way's."""
        return min((b"".join(map(_shortest, way)) for way in self.ways), key=len)


class Times(Node):
    """`body` at least `least` times and at most `most` times (None: any number). It reads something each time."""

    __slots__ = ("_chain", "body", "least", "most")

    def __init__(
        self, body: Symbols, least: int, most: int | None, chain: "dict[tuple[int, int | None], Times]"
    ) -> None:
        self.body = body
        self.least = least
        self.most = most
        self._chain = chain

    def expand(self) -> tuple[Symbols, ...]:
        """Once more, or no more."""
        end: tuple[Symbols, ...] = () if self.least else ((),)
        if self.most == 0:
            return end
        after = (max(0, self.least - 1), None if self.most is None else self.most - 1)
        follow = self._chain.get(after)
        if follow is None:
            follow = self._chain.setdefault(after, Times(self.body, *after, self._chain))
        return ((*self.body, follow), *end)

    def shortest(self) -> bytes:
        """As few as allowed."""
        return b"".join(map(_shortest, self.body)) * self.least


def _shortest(symbol: Symbol) -> bytes:
    if isinstance(symbol, Terminal):
        return symbol.automaton.completion(START)
    assert isinstance(symbol, Node)
    return symbol.shortest()


@dataclass
class _Writer:
    write: Callable[[Automaton], Automaton]
    known: dict[Pattern, Symbols] = field(default_factory=dict[Pattern, Symbols])

    def symbols(self, pattern: Pattern) -> Symbols:
        """What matches `pattern`; the same symbols for the same pattern."""
        found = self.known.get(pattern)
        if found is None:
            found = self.known[pattern] = self._symbols(pattern)
        return found

    def _symbols(self, pattern: Pattern) -> Symbols:
        if not is_long(pattern):
            return self._terminal(compile_pattern(pattern, search=False))
        match pattern:
            case Sequence(parts):
                return tuple(symbol for part in _runs(parts) for symbol in self.symbols(part))
            case Choice(options):
                return (Either(tuple(self.symbols(option) for option in options)),)
            case Repeat(body, least, most):
                return self._repeat(body, least, most)
            case One() | Assertion() | Look():
                raise UnsupportedFeature("an assertion beside a repeat that is too long to write out")

    def _terminal(self, automaton: Automaton) -> Symbols:
        return (Terminal(self.write(automaton), "pattern"),)

    def _repeat(self, body: Pattern, least: int, most: int | None) -> Symbols:
        """A repeat of something that tells its own end, so that how often it was read is certain."""
        if max(least, most or 0) > _LONGEST:
            raise LimitExceeded(f"a repeat of more than {_LONGEST} times")
        dfa = compile_pattern(_shortened(body), search=False)
        if not _tells_its_end(dfa):
            raise UnsupportedFeature("a repeat of something that does not tell its end, too long to write out")
        if not is_long(body):
            return self._terminal(_counted(dfa, least, most))
        return (Times(self.symbols(body), least, most, {}),)


def _shortened(pattern: Pattern) -> Pattern:
    """`pattern` with long repeats made short, and the same otherwise: what is short stays as it is."""
    match pattern:
        case Sequence(parts):
            return Sequence(tuple(map(_shortened, parts)))
        case Choice(options):
            return Choice(tuple(map(_shortened, options)))
        case Repeat(body, least, most) if is_long(pattern):
            few = min(least, 2)
            return Repeat(_shortened(body), few, None if most is None else few + min(most - least, 2))
        case _:
            return pattern


def _runs(parts: tuple[Pattern, ...]) -> list[Pattern]:
    """The parts, neighbours joined as long as together they are short."""
    found: list[list[Pattern]] = []
    for part in parts:
        if found and not is_long(Sequence((*found[-1], part))):
            found[-1].append(part)
        else:
            found.append([part])
    return [Sequence(tuple(run)) if len(run) > 1 else run[0] for run in found]


def _without_anchors(pattern: Pattern) -> Pattern:
    """`pattern` without anchors at its very ends, where they say nothing about a whole text."""
    match pattern:
        case Sequence(parts) if parts and parts[0] == Assertion(Gap.TEXT_START):
            return _without_anchors(Sequence(parts[1:]))
        case Sequence(parts) if parts and parts[-1] == Assertion(Gap.TEXT_END):
            return _without_anchors(Sequence(parts[:-1]))
        case Sequence((only,)):
            return _without_anchors(only)
        case _:
            return pattern


def _tells_its_end(dfa: Dfa) -> bool:
    """Is no text the beginning of another, and none empty? Then it is certain how many of them were read."""
    ends = dfa.labels != REFUSES
    return not dfa.is_empty and not ends[START] and not dfa.step[ends].any()


def _counted(one: Dfa, least: int, most: int | None) -> Counted:
    """`least` to `most` texts of `one`: a row for nothing but what was read of the last one, and a counter.

    The row between two texts is START and nothing else, so that leaving it is what counts.
    """
    between, rows = int(START), one.rows + 1  # row r of `one` is r + 1, but for DEAD
    moved = np.where(one.step == DEAD, 0, one.step + 1).astype(np.int32)
    moved[np.isin(one.step, np.flatnonzero(one.labels != REFUSES))] = between
    step = np.zeros((rows, one.step.shape[1]), np.int32)
    step[2:] = moved[1:]
    step[between] = moved[START]
    labels = np.full(rows, REFUSES, np.int32)
    labels[between] = 0
    cost = np.zeros(step.shape, np.uint8)
    cost[between] = step[between] != DEAD
    kept = reachable(step)
    kept[[DEAD, START]] = True
    step = (np.cumsum(kept, dtype=np.int32) - 1)[step[kept]]
    counter = meter(Dfa(one.classes, np.ascontiguousarray(step), labels[kept]), np.ascontiguousarray(cost[kept]))
    return Counted(counter, least, UNBOUNDED if most is None else most)
