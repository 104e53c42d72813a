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

from constrained.automata import algebra, tables
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.errors import LimitExceeded
from grammars.without_marks import Marks, holding

# Shapes: T terminals, K byte classes, S rows, N rows of one level of a search.

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
        self._guard_of: dict[Dfa, dict[int, Guard]] = {}
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
        classes, step, rows = _side_by_side(parts, len(first))
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
            pairs = np.stack([np.arange(context.rows), np.zeros(context.rows, np.int64)], axis=1).tolist()
        else:
            left, right, classes = _joint(context, guard)
            step, paired, _ = tables.product(context.step, guard.step, left, right, True, False, _LIMIT)
            broken = guard.labels[paired[:, 1]] != REFUSES
            step = np.where(broken[step], np.int32(DEAD), step)
            pairs = paired.tolist()
        number: dict[Outcome, int] = {}
        labels = np.full(len(pairs), REFUSES, np.int32)
        for row, (here, watched) in enumerate(pairs):
            label = context.label(here)
            if row and label != REFUSES and (guard is None or guard.label(watched) == REFUSES):
                left_over = self._merge(guards[here], self._residual(guard, watched))
                labels[row] = number.setdefault((self._names[label], left_over), len(number))
        return Lexing(classes, step, labels, tuple(number))

    def _guards_of(self, context: Dfa) -> dict[int, Guard]:
        """What must not follow after the accepting rows of a context."""
        found = self._guard_of.get(context)
        if found is None:
            blocks = tables.partition(context.step, np.minimum(context.labels, np.int32(0))).tolist()
            by_block: dict[int, Guard] = {}
            found = self._guard_of[context] = {}
            for row in np.flatnonzero(context.labels != REFUSES).tolist():
                if blocks[row] not in by_block:
                    by_block[blocks[row]] = self._intern(_longer(context, row))
                found[row] = by_block[blocks[row]]
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


def _side_by_side(parts: list[Dfa], first: int) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32]]:
    """Run automata together: (classes (256,), step (S, K), rows (S, T): the row of each part).

    Of the `first` parts, those behind one that accepts are dropped there. The others only watch.
    """
    columns, classes = np.unique(np.stack([part.classes for part in parts]), axis=1, return_inverse=True)
    classes = classes.reshape(-1)
    number = {bytes(4 * len(parts)): 0, np.full(len(parts), START, np.int32).tobytes(): 1}
    level = np.full((1, len(parts)), START, np.int32)  # (N, T)
    rows = [np.zeros((1, len(parts)), np.int32), level]
    step = [np.zeros((1, columns.shape[1]), np.int32)]
    while len(level):
        after = np.empty((len(level), columns.shape[1], len(parts)), np.int32)  # (N, K, T)
        ends = np.zeros((len(level), columns.shape[1], first), np.bool_)
        for index, part in enumerate(parts):
            after[:, :, index] = part.step[level[:, index]][:, columns[index]]
            if index < first:
                ends[:, :, index] = part.labels[after[:, :, index]] != REFUSES
        behind = (np.cumsum(ends, axis=2) - ends) > 0
        after[:, :, :first][behind] = DEAD
        after[~after[:, :, :first].any(axis=2)] = DEAD
        flat = after.reshape(-1, len(parts))
        keys = np.ascontiguousarray(flat).view(np.dtype((np.void, 4 * len(parts)))).reshape(-1)
        kinds, chosen, kind = np.unique(keys, return_index=True, return_inverse=True)
        known = len(number)
        targets = np.array([number.setdefault(key.tobytes(), len(number)) for key in kinds], np.int32)
        step.append(targets[kind].reshape(after.shape[:2]))
        fresh = chosen[targets >= known][np.argsort(targets[targets >= known])]
        level = flat[fresh]
        rows.append(level)
        if len(number) > _LIMIT:
            raise LimitExceeded(f"the terminals of one place need more than {_LIMIT} rows together")
    return classes.astype(np.uint8), np.concatenate(step), np.concatenate(rows)


# ---------------------------------------------------------------- guards as automata


def _longer(context: Dfa, row: int) -> Dfa:
    """The texts with which a lexeme that ended at `row` would have been longer, and all that begin so."""
    step = np.concatenate([context.step, context.step[row : row + 1]])
    labels = np.append(np.minimum(context.labels, np.int32(0)), np.int32(REFUSES))
    return _absorbing(_rooted(Dfa(context.classes, step, labels), len(step) - 1))


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
