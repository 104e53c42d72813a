"""A pattern as positions: which character may follow which, and on what condition.

Glushkov's construction.  Every character written in the pattern (repeats written out) is a position;
position 0 stands before the text. For `a(b|c)*` with positions a=1, b=2, c=3:

    follow:  0 -> {1}    1 -> {2, 3}    2 -> {2, 3}    3 -> {2, 3}         final: {1, 2, 3}

Sets of positions are Python integers used as bit sets. No empty moves are left, so one step of the
subset construction is: `or` the follow sets of the positions just read, `and` with the positions that
read the next letter.

Conditions.  Between a position and one that follows lies one gap of the text, and every assertion
passed on the way speaks about that gap. So an edge carries the conjunction of what was passed, and a
set of edges is a map `condition -> positions`: the Boolean semiring of the plain construction becomes
one of conditions. A condition is an integer:

    bits 0..15          pairs (kind of the character before, kind after) for which it holds: bit 4*before + after
    bits 16+2i, 17+2i   look-around i must hold / must not hold

The kinds are EDGE (there is no character), WORD, LINE (a line terminator) and OTHER.

Source: V. Glushkov, *The abstract theory of automata*, 1961; conditions as in weighted automata.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass
from typing import assert_never

from constrained.automata.code_points import ANY, Alphabet, Ranges, alphabet
from constrained.automata.ecma_classes import LINE_TERMINATOR
from constrained.automata.pattern_ast import (
    ANYTHING,
    Assertion,
    Choice,
    Gap,
    Look,
    One,
    Pattern,
    Repeat,
    Sequence,
    size,
)
from constrained.errors import LimitExceeded, UnsupportedFeature

EDGE, WORD, LINE, OTHER = range(4)  # kinds of characters beside a gap

Condition = int
Edges = dict[Condition, int]  # condition -> set of positions
ALWAYS: Condition = 0xFFFF
_LOOKS = 32  # different look-arounds in one pattern
_CONDITIONS = 256  # different ones on the way from one position to the next
_MUST = (1 << 2 * _LOOKS) // 3  # every other bit: the "must hold" ones


def _pairs(befores: Items[int], afters: Items[int]) -> Condition:
    return sum(1 << (4 * before + after) for before in befores for after in afters)


_ALL = (EDGE, WORD, LINE, OTHER)
_NO_WORD = (EDGE, LINE, OTHER)
_HOLDS = {
    Gap.TEXT_START: _pairs((EDGE,), _ALL),
    Gap.TEXT_END: _pairs(_ALL, (EDGE,)),
    Gap.LINE_START: _pairs((EDGE, LINE), _ALL),
    Gap.LINE_END: _pairs(_ALL, (EDGE, LINE)),
    Gap.WORD_EDGE: _pairs((WORD,), _NO_WORD) | _pairs(_NO_WORD, (WORD,)),
    Gap.NO_WORD_EDGE: _pairs((WORD,), (WORD,)) | _pairs(_NO_WORD, _NO_WORD),
}


def both(a: Condition, b: Condition) -> Condition:
    """Both hold; 0 if they never can."""
    if a == ALWAYS:
        return b
    if b == ALWAYS:
        return a
    gap, looks = a & b & ALWAYS, (a | b) >> 16
    if not gap or looks & (looks >> 1) & _MUST:  # must hold and must not
        return 0
    return gap | looks << 16


def bits(positions: int) -> Iterator[int]:
    """The members of a set of positions, ascending."""
    while positions:
        low = positions & -positions
        yield low.bit_length() - 1
        positions ^= low


@dataclass(frozen=True, slots=True)
class LookAround:
    """A look-around of the pattern: its own positions, starting from position `start`."""

    start: int
    ahead: bool


@dataclass(frozen=True, slots=True)
class Positions:
    """A compiled pattern.

    follow[p]   edges out of position p
    final[p]    conditions under which the text may end after p
    reads[m]    positions that read letter m
    kinds[m]    WORD, LINE or OTHER: the kind of the characters of letter m
    endless     positions of a trailing "anything": from there every text matches
    looks       look-arounds, the inner ones before those that contain them
    """

    follow: list[Edges]
    final: list[tuple[Condition, ...]]
    reads: list[int]
    kinds: list[int]
    letters: Alphabet
    endless: int
    looks: tuple[LookAround, ...]


def positions(pattern: Pattern, limit: int) -> Positions:
    """Lay out `pattern`, which must match the whole text. LimitExceeded beyond `limit` characters."""
    if (characters := size(pattern)) > limit:
        raise LimitExceeded(f"the pattern is {characters} characters long with its repeats written out, over {limit}")
    layout = _Layout()
    layout.enter(pattern)
    return layout.finish()


@dataclass(slots=True)
class _Fragment:
    """A piece of the pattern: how it can be entered, left, and passed without a character."""

    first: Edges
    last: Edges
    passes: tuple[Condition, ...]


_PASS = _Fragment({}, {}, (ALWAYS,))


class _Layout:
    """Positions as they are handed out, and what is known about each."""

    def __init__(self) -> None:
        self._sets: dict[Ranges, int] = {}
        self._set_of: list[int] = []  # position -> index of its set, or -1
        self._follow: list[Edges] = []
        self._final: list[tuple[Condition, ...]] = []
        self._looks: dict[tuple[Pattern, bool], LookAround] = {}
        self._word: Ranges | None = None
        self._lines = False
        self._behind = False

    # ------------------------------------------------------------ building

    def _new(self, points: Ranges | None) -> int:
        index = -1 if points is None else self._sets.setdefault(points, len(self._sets))
        self._set_of.append(index)
        self._follow.append({})
        self._final.append(())
        return len(self._set_of) - 1

    def enter(self, pattern: Pattern) -> int:
        """Lay out a whole pattern; returns its start position."""
        start = self._new(None)
        fragment = self._build(pattern)
        self._follow[start] = fragment.first
        self._final[start] = fragment.passes
        for condition, members in fragment.last.items():
            for position in bits(members):
                self._final[position] = _either(self._final[position], (condition,))
        return start

    def _build(self, node: Pattern) -> _Fragment:
        match node:
            case One(points):
                edges = {ALWAYS: 1 << self._new(points)}
                return _Fragment(edges, edges, ())
            case Sequence(parts):
                return self._sequence(parts)
            case Choice(options):
                return _choose([self._build(option) for option in options])
            case Repeat():
                return self._repeat(node)
            case Assertion(gap, word):
                self._note(gap, word)
                return _Fragment({}, {}, (_HOLDS[gap],))
            case Look():
                return _Fragment({}, {}, (self._look(node),))
            case _:
                assert_never(node)

    def _sequence(self, parts: Items[Pattern]) -> _Fragment:
        # From the right, so that joining walks the `last` of one part, not of all parts before.
        built: _Fragment | None = None
        for part in reversed(parts):
            fragment = self._build(part)
            built = fragment if built is None else self._join(fragment, built)
        return built or _PASS

    def _join(self, left: _Fragment, right: _Fragment) -> _Fragment:
        self._connect(left.last, right.first)
        return _Fragment(
            _merge(left.first, _scale(right.first, left.passes)),
            _merge(right.last, _scale(left.last, right.passes)),
            _either((), tuple(both(a, b) for a in left.passes for b in right.passes)),
        )

    def _connect(self, last: Edges, first: Edges) -> None:
        for condition, members in last.items():
            targets = _scale(first, (condition,))
            for position in bits(members):
                self._follow[position] = _merge(self._follow[position], targets)

    def _repeat(self, node: Repeat) -> _Fragment:
        least, most = node.least, node.most
        if most == 0:
            return _PASS
        if isinstance(node.body, One):
            return self._row(node.body.points, least, most)
        if not size(node.body):  # only assertions: repeating adds nothing
            least, most = min(least, 1), 1
        if most is None:
            built = self._loop(node.body, optional=least == 0)
            copies = max(least - 1, 0)
        else:
            built = None
            for _ in range(most - least):  # x{0,3} = (x(x(x)?)?)?
                copy = self._build(node.body)
                built = _optional(copy if built is None else self._join(copy, built))
            copies = least
        for _ in range(copies):
            copy = self._build(node.body)
            built = copy if built is None else self._join(copy, built)
        return built or _PASS

    def _row(self, points: Ranges, least: int, most: int | None) -> _Fragment:
        """Repeats of one character, by far the most common ones: a row of positions."""
        length = max(least, 1) if most is None else most
        start = len(self._set_of)
        self._set_of += [self._sets.setdefault(points, len(self._sets))] * length
        self._follow += [{ALWAYS: 1 << after} for after in range(start + 1, start + length)]
        self._follow.append({ALWAYS: 1 << start + length - 1} if most is None else {})
        self._final += [()] * length
        leaves = (1 << start + length) - (1 << start + max(least, 1) - 1)
        return _Fragment({ALWAYS: 1 << start}, {ALWAYS: leaves}, () if least else (ALWAYS,))

    def _loop(self, body: Pattern, optional: bool) -> _Fragment:
        built = self._build(body)
        self._connect(built.last, built.first)
        return _optional(built) if optional else built

    # ------------------------------------------------------------ assertions

    def _note(self, gap: Gap, word: Ranges) -> None:
        if gap in (Gap.LINE_START, Gap.LINE_END):
            self._lines = True
        if gap in (Gap.WORD_EDGE, Gap.NO_WORD_EDGE):
            if self._word not in (None, word):
                raise UnsupportedFeature("\\b both inside and outside of a case-insensitive group is not supported")
            self._word = word

    def _look(self, node: Look) -> Condition:
        if node.ahead and self._behind:
            raise UnsupportedFeature("a look-ahead inside a look-behind is not supported")
        key = node.body, node.ahead
        if key not in self._looks:  # the copies of a repeat share one
            outside, self._behind = self._behind, not node.ahead
            start = self.enter(Sequence((node.body, ANYTHING) if node.ahead else (ANYTHING, node.body)))
            self._behind = outside
            self._looks[key] = LookAround(start, node.ahead)
            if len(self._looks) > _LOOKS:
                raise LimitExceeded(f"more than {_LOOKS} different look-arounds in one pattern")
        return ALWAYS | 1 << (16 + 2 * list(self._looks).index(key) + node.negated)

    # ------------------------------------------------------------ the result

    def finish(self) -> Positions:
        sets = list(self._sets)
        marks = [LINE_TERMINATOR] * self._lines + ([self._word] if self._word is not None else [])
        letters = alphabet([*sets, *marks])
        readers = [0] * len(sets)
        for position, index in enumerate(self._set_of):
            if index >= 0:
                readers[index] |= 1 << position
        reads = list[int]()
        kinds = list[int]()
        for members in letters.members:
            reads.append(0)
            for index in bits(members & ((1 << len(sets)) - 1)):
                reads[-1] |= readers[index]
            marked = members >> len(sets)
            line, word = marked & self._lines, marked >> self._lines
            kinds.append(WORD if word else LINE if line else OTHER)
        return Positions(
            self._follow, self._final, reads, kinds, letters, self._find_endless(), tuple(self._looks.values())
        )

    def _find_endless(self) -> int:
        """Positions that read anything, again and again, and where the text may end."""
        found = 0
        for position, index in enumerate(self._set_of):
            itself = 1 << position
            everything = index >= 0 and index == self._sets.get(ANY)
            if everything and self._follow[position].get(ALWAYS, 0) & itself and ALWAYS in self._final[position]:
                found |= itself
        return found


def _merge(a: Edges, b: Edges) -> Edges:
    if not a:
        return b
    if not b:
        return a
    merged = dict(a)
    for condition, members in b.items():
        merged[condition] = merged.get(condition, 0) | members
    return merged


def _scale(edges: Edges, conditions: tuple[Condition, ...]) -> Edges:
    """The edges under any of the conditions besides their own."""
    if conditions == (ALWAYS,):
        return edges
    scaled: Edges = {}
    for condition in conditions:
        for own, members in edges.items():
            if met := both(condition, own):
                scaled[met] = scaled.get(met, 0) | members
    _refuse_many(len(scaled))
    return scaled


def _either(a: tuple[Condition, ...], b: tuple[Condition, ...]) -> tuple[Condition, ...]:
    found = {condition for condition in (*a, *b) if condition}
    _refuse_many(len(found))
    return (ALWAYS,) if ALWAYS in found else tuple(sorted(found))


def _refuse_many(conditions: int) -> None:
    if conditions > _CONDITIONS:
        raise LimitExceeded("too many combinations of look-arounds in one place of the pattern")


def _optional(fragment: _Fragment) -> _Fragment:
    return _Fragment(fragment.first, fragment.last, (ALWAYS,))


def _choose(options: list[_Fragment]) -> _Fragment:
    first: Edges = {}
    last: Edges = {}
    passes: tuple[Condition, ...] = ()
    for option in options:
        first, last = _merge(first, option.first), _merge(last, option.last)
        passes = _either(passes, option.passes)
    return _Fragment(first, last, passes)
