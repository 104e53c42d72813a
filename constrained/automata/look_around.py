"""Patterns that ask about their surroundings: `^ $ \\b`, look-ahead and look-behind, anywhere.

What lies *before* a gap is known when an automaton gets there, what lies *after* is not:

* the kind of the last character is part of the state (`^`, left side of `\\b`);
* a look-behind is a second pattern, read along from the start of the text; it holds in a gap when
  it could end there;
* the kind of the next character is known once it is read (`$`, right side of `\\b`);
* a look-ahead becomes a *debt*: its own automaton, started in the gap, that must (or must not) accept
  the rest of the text. Paths of the pattern carry the debts they took on.

So a state is (kind before, positions of each look-behind, {debts -> positions of the pattern}):

    (?!ab)[ab]+ on "aa"   {} -> {start}   =a=>   {not ab, 1 read} -> {1}   =a=>   {} -> {1}

A debt that is certain to be met is dropped, one that cannot be met kills its path. Debts are rows of
minimal automata, hence certainty is one row of the table: the result is exact, also inside repeats,
for nested look-arounds and for negated ones, with one exception: a look-ahead inside a look-behind.
"""

from dataclasses import dataclass

from constrained.automata.dfa import DEAD, REFUSES, START
from constrained.automata.positions import EDGE, Condition, Positions, bits
from constrained.automata.subsets import WORK, Steps, explore, too_ambiguous
from constrained.automata.utf8 import minimal

Debt = tuple[int, int, bool]  # (automaton, row, whether it must accept)
Debts = frozenset[Debt]
Paths = frozenset[tuple[Debts, int]]  # debts -> positions of the pattern


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the text, as far as the pattern can tell places apart."""

    before: int
    behinds: tuple[int, ...]
    paths: Paths


_ENDLESS = _Place(EDGE, (), frozenset())  # whatever follows, the text matches
_FREE: Debts = frozenset()


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A look-ahead's automaton over the rest of the text."""

    step: list[list[int]]  # (S, M)
    accepts: list[bool]  # (S,)
    start: int
    certain: int  # the row from which everything matches, or -1


def determinise(compiled: Positions, limit: int) -> Steps:
    """The automaton over letters of a pattern with assertions; state 0 is dead, state 1 the start.

    Raises LimitExceeded beyond `limit` states (of the pattern or one of its look-aheads).
    """
    surroundings = _Surroundings(compiled, limit)
    starts = tuple(1 << compiled.looks[index].start for index in surroundings.behinds)
    return surroundings.explore(_Place(EDGE, starts, frozenset({(_FREE, 1)})))


class _Surroundings:
    """The moves between places of one pattern, and the look-ahead automata met so far."""

    def __init__(self, compiled: Positions, limit: int) -> None:
        self.compiled = compiled
        self.behinds = [index for index, look in enumerate(compiled.looks) if not look.ahead]
        self._ahead_bits = sum(3 << 2 * index for index, look in enumerate(compiled.looks) if look.ahead)
        self._limit = limit
        self._aheads: list[_Ahead] = []
        self._known: dict[tuple[bytes, tuple[bool, ...]], int] = {}
        self._started: dict[tuple[int, int, tuple[int, ...]], int] = {}
        self._work = 0

    def explore(self, start: _Place) -> Steps:
        """All places that can be reached from `start`."""
        return explore(start, len(self.compiled.reads), self._follow, self._ends, self._limit)

    # ------------------------------------------------------------ gaps

    def _gap(self, place: _Place, after: int) -> tuple[Condition, Condition]:
        """What is known between `place` and a character of kind `after`.

        Returns the bit that a condition needs, and the look-behind bits that it must not have.
        """
        needs, wrong = 1 << (4 * place.before + after), 0
        for index, members in zip(self.behinds, place.behinds, strict=True):
            holds = any(
                condition & needs and not condition & wrong
                for position in bits(members)
                for condition in self.compiled.final[position]
            )
            wrong |= 1 << (16 + 2 * index + holds)  # where it holds, "must not" is wrong
        return needs, wrong

    def _reach(self, members: int, needs: Condition, wrong: Condition) -> dict[int, int]:
        """Positions that may follow, by the look-aheads passed on the way (bits 2i, 2i+1)."""
        found: dict[int, int] = {}
        for position in bits(members):
            for condition, targets in self.compiled.follow[position].items():
                self._work += 8
                if condition & needs and not condition & wrong:
                    asked = condition >> 16 & self._ahead_bits
                    found[asked] = found.get(asked, 0) | targets
        if self._work > WORK:
            raise too_ambiguous()
        return found

    # ------------------------------------------------------------ debts

    def _automaton(self, look: int, place: _Place) -> int:
        """The automaton of a look-ahead as it starts at `place`."""
        key = look, place.before, place.behinds
        if key not in self._started:
            first = frozenset({(_FREE, 1 << self.compiled.looks[look].start)})
            table, labels = minimal(*self.explore(_Place(place.before, place.behinds, first)), len(self.compiled.reads))
            accepts = tuple(label != REFUSES for label in labels.tolist())
            step = table.tolist()
            certain = [row for row, ends in enumerate(accepts) if ends and set(step[row]) == {row}]
            identity = table.tobytes(), accepts
            if identity not in self._known:
                self._known[identity] = len(self._aheads)
                start = START if any(accepts) else DEAD
                self._aheads.append(_Ahead(step, list(accepts), start, certain[0] if certain else -1))
            self._started[key] = self._known[identity]
        return self._started[key]

    def _incur(self, asked: int, place: _Place) -> Debts | None:
        """The debts of passing these look-aheads at `place`; None if one cannot be met."""
        debts = _FREE
        for bit in bits(asked):
            automaton = self._automaton(bit // 2, place)
            debt = self._settle(automaton, self._aheads[automaton].start, bit % 2 == 0)
            if debt is None:
                return None
            debts |= debt
        return debts

    def _settle(self, automaton: int, row: int, wanted: bool) -> Debts | None:
        """A debt at its simplest: none where it is met for certain, None where it cannot be met."""
        certain = self._aheads[automaton].certain
        if row == (certain if wanted else DEAD):
            return _FREE
        if row == (DEAD if wanted else certain):
            return None
        return frozenset({(automaton, row, wanted)})

    def _pay(self, debts: Debts, letter: int) -> Debts | None:
        """The debts after reading a letter."""
        left = _FREE
        self._work += 4 * len(debts)
        for automaton, row, wanted in debts:
            settled = self._settle(automaton, self._aheads[automaton].step[row][letter], wanted)
            if settled is None:
                return None
            left |= settled
        return left

    # ------------------------------------------------------------ moves

    def _follow(self, place: _Place, letter: int) -> _Place | None:
        """The place after reading a letter."""
        if place == _ENDLESS:
            return place
        kind, readers = self.compiled.kinds[letter], self.compiled.reads[letter]
        needs, wrong = self._gap(place, kind)
        paths: dict[Debts, int] = {}
        for debts, members in place.paths:
            for asked, targets in self._reach(members, needs, wrong).items():
                taken = self._incur(asked, place) if targets & readers else None
                owed = None if taken is None else self._pay(debts | taken, letter)
                if owed is not None:
                    paths[owed] = paths.get(owed, 0) | targets & readers
        if paths.get(_FREE, 0) & self.compiled.endless:
            return _ENDLESS
        if not paths:
            return None
        self._work += len(paths) ** 2
        behinds = tuple(self._reach(members, needs, wrong).get(0, 0) & readers for members in place.behinds)
        return _Place(kind, behinds, _simplest(paths))

    def _ends(self, place: _Place) -> bool:
        """May the text end here?"""
        if place == _ENDLESS:
            return True
        needs, wrong = self._gap(place, EDGE)
        return any(
            condition & needs and not condition & wrong and self._nothing_follows(condition >> 16, place)
            for debts, members in place.paths
            if all(self._aheads[automaton].accepts[row] == wanted for automaton, row, wanted in debts)
            for position in bits(members)
            for condition in self.compiled.final[position]
        )

    def _nothing_follows(self, asked: int, place: _Place) -> bool:
        """Do these look-aheads agree that the text ends at `place`?"""
        return all(
            self._aheads[self._automaton(bit // 2, place)].accepts[START] == (bit % 2 == 0)
            for bit in bits(asked & self._ahead_bits)
        )


def _simplest(paths: dict[Debts, int]) -> Paths:
    """Drop paths that owe more than another path to the same position."""
    if len(paths) == 1:
        return frozenset(paths.items())
    kept: list[tuple[Debts, int]] = []
    for debts, members in paths.items():
        for fewer, covered in paths.items():
            if fewer < debts:
                members &= ~covered
        if members:
            kept.append((debts, members))
    return frozenset(kept)
