"""Greedy lexing: what Lark's contextual lexer makes of a text, as automata.

Lark joins the terminals that the parser accepts here into one expression, `T1|T2|...`, best first,
and takes Python's match. So the first terminal that matches at all wins, and its match ends where
Python's does: run the automata of all terminals side by side, drop those behind one that accepted,
go on until none is left; *the last accepting row* is the lexeme.

    NAME: /[a-z]+/   IF: "if"            row:   -i->  NAME  -f->  IF  -f->  NAME       iffy

("if" is in NAME's language, so it is no terminal of its own; a NAME that spells it is retyped.)

The last accepting row is known when the next text comes. So a lexeme that ends leaves a *guard*: the
texts that must not follow, because they would have made it longer. Guards are automata too, read along
with the lexemes after them, as long as they are alive: most die at the first byte.

    after the NAME `x`:  guard [a-z]       after the NUMBER `1` (of 1, 1.5):  guard \\.?[0-9]
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from lark.lexer import PatternRE, PatternStr, TerminalDef
from numpy.typing import NDArray

from constrained.automata import algebra, minimising
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.automata.joint import behind, side_by_side
from constrained.automata.products import FULL, product
from constrained.errors import LimitExceeded
from grammars.without_marks import Marks, holding

# Shapes: T terminals, K byte classes, S rows.

_LIMIT = 50_000  # rows of one context

Guard = Dfa | None  # texts that must not follow, or begin what follows; None: there are none
Outcome = tuple[str, Guard]  # a lexeme of this terminal was read, and leaves this guard


@dataclass(frozen=True, eq=False)
class Lexing:
    """All lexemes that may be read in one context under one guard.

    step (S, K), classes (256,), labels (S,): an automaton whose labels are indices into `outcomes`.
    """

    classes: NDArray[np.uint8]
    step: NDArray[np.int32]
    labels: NDArray[np.int32]
    outcomes: tuple[Outcome, ...]
    _kept: dict[frozenset[int], Dfa] = field(default_factory=dict[frozenset[int], Dfa])
    _ordered: dict[frozenset[int], tuple[int, ...]] = field(default_factory=dict[frozenset[int], tuple[int, ...]])

    def in_order(self, wanted: frozenset[int]) -> tuple[int, ...]:
        """Some outcomes, ascending: as the labels of `keep` count them."""
        found = self._ordered.get(wanted)
        if found is None:
            found = self._ordered[wanted] = tuple(sorted(wanted))
        return found

    def keep(self, wanted: frozenset[int]) -> Dfa:
        """The automaton of some outcomes; labels count those, in ascending order."""
        found = self._kept.get(wanted)
        if found is None:
            number = np.full(len(self.outcomes) + 1, REFUSES, np.int32)  # the last one for rows without label
            number[sorted(wanted)] = np.arange(len(wanted))
            found = self._kept[wanted] = algebra.canonical(self.classes, self.step, number[self.labels])
        return found


class Scanner:
    """The lexers of all contexts of a grammar, made when first asked for."""

    def __init__(self, definitions: Sequence[TerminalDef], automata: dict[str, Dfa]) -> None:
        self._definitions = sorted(definitions, key=_best_first)
        self._automata = automata
        self._contexts: dict[frozenset[str], Dfa] = {}
        self._names = [definition.name for definition in self._definitions]
        self._guards: dict[object, Dfa] = {}
        self._guard_of: dict[Dfa, NDArray[np.int32]] = {}
        self._behind: list[Guard] = []
        self._residuals: dict[tuple[Dfa, int], Guard] = {}
        self._merged: dict[frozenset[Dfa], Guard] = {}
        self._lexings: dict[tuple[Dfa, Guard], Lexing] = {}

    def lexing(self, accepted: frozenset[str], guard: Guard) -> Lexing:
        """The lexemes where the parser accepts the terminals `accepted`."""
        context = self._contexts.get(accepted)
        if context is None:
            context = self._contexts[accepted] = self._context(accepted)
        found = self._lexings.get((context, guard))
        if found is None:
            found = self._lexings[context, guard] = self._guarded(context, guard)
        return found

    def guard_against(self, marks: Marks) -> Guard:
        """The guard of a text that must not hold any of `marks` anywhere; it never dies."""
        return self._intern(holding(marks)) if marks else None

    # ------------------------------------------------------------ one context

    def _context(self, accepted: frozenset[str]) -> Dfa:
        """The lexer of one context; labels are indices into `_names`."""
        number = {name: index for index, name in enumerate(self._names)}
        terminals = [definition for definition in self._definitions if definition.name in accepted]
        if not terminals:
            return algebra.empty()
        retyped, embedded = self._retyped(terminals)
        first = [definition for definition in terminals if definition.name not in embedded]
        strings = sorted({name for names in retyped.values() for name in names})
        parts = [self._automata[d.name] for d in first] + [self._automata[name] for name in strings]
        found = side_by_side(parts, len(first), _LIMIT)
        if found is None:
            raise LimitExceeded(f"the terminals of one place need more than {_LIMIT} rows together")
        classes, step, rows = found
        ends = [part.labels != REFUSES for part in parts]
        labels = np.full(len(rows), REFUSES, np.int32)
        for index in reversed(range(len(first))):
            name = first[index].name
            here = ends[index][rows[:, index]]
            labels[here] = number[name]
            for other in reversed(retyped.get(name, ())):
                column = len(first) + strings.index(other)
                labels[here & ends[column][rows[:, column]]] = number[other]
        return algebra.canonical(classes, step, labels)

    def _retyped(self, terminals: list[TerminalDef]) -> tuple[dict[str, list[str]], set[str]]:
        """Strings that a regular expression spells as well: by expression, and those that are nothing else."""
        retyped: dict[str, list[str]] = {}
        embedded: set[str] = set()
        for expression in terminals:
            if not isinstance(expression.pattern, PatternRE):
                continue
            for string in terminals:
                if not isinstance(string.pattern, PatternStr) or string.priority != expression.priority:
                    continue
                if self._automata[expression.name].accepts(string.pattern.value.encode()):
                    retyped.setdefault(expression.name, []).append(string.name)
                    if frozenset(string.pattern.flags) <= frozenset(expression.pattern.flags):
                        embedded.add(string.name)
        return retyped, embedded

    # ------------------------------------------------------------ guards

    def _guarded(self, context: Dfa, guard: Guard) -> Lexing:
        guards = self._guards_of(context)
        if guard is None:
            classes, step = context.classes, context.step
            here, watched = np.arange(context.rows), np.zeros(context.rows, np.int64)
            ends = np.flatnonzero(context.labels != REFUSES)
        else:
            left, right, classes = _joint(context, guard)
            step, paired, reached = product(context.step, guard.step, left, right, True, False, _LIMIT)
            if reached == FULL:
                raise LimitExceeded(
                    f"the terminals of one place need more than {_LIMIT} rows beside what must not follow"
                )
            here, watched = paired[:, 0], paired[:, 1]
            broken = guard.labels[watched] != REFUSES
            step = np.where(broken[step], np.int32(DEAD), step)
            ends = np.flatnonzero((context.labels[here] != REFUSES) & ~broken)
        number: dict[Outcome, int] = {}
        known: dict[tuple[int, int, int], int] = {}  # terminal, guard behind it, row of the guard
        labels = np.full(len(here), REFUSES, np.int32)
        facts = np.stack([context.labels[here[ends]], guards[here[ends]], watched[ends]], axis=1)
        keys: list[list[int]] = facts.tolist()
        for row, (label, longer, left_at) in zip(ends.tolist(), keys, strict=True):
            key = (label, longer, left_at)
            if key not in known:
                left_over = self._merge(self._behind[longer], self._residual(guard, left_at))
                known[key] = number.setdefault((self._names[label], left_over), len(number))
            labels[row] = known[key]
        return Lexing(classes, step, labels, tuple(number))

    def _guards_of(self, context: Dfa) -> NDArray[np.int32]:
        """(S,) what must not follow after the accepting rows of a context: indices into `_behind`."""
        found = self._guard_of.get(context)
        if found is None:
            ends = context.labels != REFUSES
            blocks = minimising.partition(context.step, np.minimum(context.labels, np.int32(0)))
            by_block: dict[int, int] = {}
            found = self._guard_of[context] = np.zeros(context.rows, np.int32)
            for row, block in zip(np.flatnonzero(ends).tolist(), blocks[ends].tolist(), strict=True):
                if block not in by_block:
                    by_block[block] = len(self._behind)
                    self._behind.append(self._intern(_longer(context, ends, row)))
                found[row] = by_block[block]
        return found

    def _residual(self, guard: Guard, row: int) -> Guard:
        """What is left of a guard at one of its rows."""
        if guard is None or row in (DEAD, START):
            return guard if row == START else None
        key = (guard, row)
        if key not in self._residuals:
            self._residuals[key] = self._intern(_rooted(guard, row))
        return self._residuals[key]

    def _merge(self, one: Guard, other: Guard) -> Guard:
        if one is None or other is None or one is other:
            return one or other
        key = frozenset({one, other})
        if key not in self._merged:
            self._merged[key] = self._intern(_absorbing(algebra.union(one, other)))
        return self._merged[key]

    def _intern(self, guard: Dfa) -> Guard:
        if guard.is_empty:
            return None
        key = (guard.classes.tobytes(), guard.step.tobytes(), guard.labels.tobytes())
        return self._guards.setdefault(key, guard)


def _best_first(definition: TerminalDef) -> tuple[int, int, int, str]:
    pattern = definition.pattern
    return (-definition.priority, -int(pattern.max_width), -len(pattern.value), definition.name)


# ---------------------------------------------------------------- guards as automata


def _longer(context: Dfa, ends: NDArray[np.bool_], row: int) -> Dfa:
    """The texts with which a lexeme that ended at `row` would have been longer, and all that begin so."""
    return algebra.canonical(context.classes, *behind(context.step, ends, row))


def _rooted(dfa: Dfa, row: int) -> Dfa:
    """`dfa` started at `row`."""
    order = np.arange(dfa.rows)
    order[[START, row]] = order[[row, START]]  # its own inverse
    return algebra.canonical(dfa.classes, order[dfa.step[order]].astype(np.int32), dfa.labels[order])


def _absorbing(dfa: Dfa) -> Dfa:
    """`dfa`, and all texts that begin with one of its own."""
    step = dfa.step.copy()
    ends = np.flatnonzero(dfa.labels != REFUSES)
    step[ends] = ends[:, None]
    return algebra.canonical(dfa.classes, step, dfa.labels)


def _joint(a: Dfa, b: Dfa) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Joint byte classes: (column of a (K,), column of b (K,), byte -> k (256,))."""
    keys, classes = np.unique(a.classes.astype(np.int32) * 256 + b.classes, return_inverse=True)
    return (keys // 256).astype(np.uint8), (keys % 256).astype(np.uint8), classes.astype(np.uint8)
