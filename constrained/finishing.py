"""Shortest completions of states: what is needed, at least, to finish from here.

    {"a": tru|      (true|false, row 4, [ObjectRest, End])      e, then what ObjectRest needs: }

A state is a set of configurations, and the shortest of their completions is its own: the way out of a
terminal, then the completions of the symbols below (completion.py). Where a capture is open, what
follows depends on how it ends, so the shortest way to end it is taken first. That way is known, but
for texts that turn out to be refused: then a search goes on from the next best.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import count, groupby
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from constrained.automata import tables
from constrained.automata.chosen import Chosen
from constrained.automata.counted import Counted
from constrained.automata.dfa import DEAD, REFUSES, Dfa
from constrained.deadline import look
from constrained.errors import LimitExceeded
from constrained.grammar import Captured, Completion, Control, Fresh, Sequence, Switch, Symbol, Terminal
from constrained.rests import Recall, Rest, below
from constrained.states import State, States

STATE_LIMIT = 20_000  # states looked at for a captured text that is not refused
_FURTHER = 8  # bytes after which a search that is lost begins anew, at most
_MANY = 64  # states from which no more than two bytes are tried
_ENTRY = 100  # bytes of an entry of a dict, roughly
_BLOCK = 1 << 16  # rows looked at together


def length(completion: Completion) -> int:
    """Bytes, and one for each control token."""
    return sum(len(piece) if isinstance(piece, bytes) else 1 for piece in completion)


def joined(parts: Iterable[Completion]) -> Completion:
    """Completions in a row as one."""
    found: list[bytes | int] = []
    for is_text, run in groupby(
        (piece for part in parts for piece in part), key=lambda piece: isinstance(piece, bytes)
    ):
        pieces = list(run)
        found += [b"".join(piece for piece in pieces if isinstance(piece, bytes))] if is_text else pieces
    return tuple(found)


def text_of(completion: Completion) -> bytes:
    """Its bytes alone."""
    return b"".join(piece for piece in completion if isinstance(piece, bytes))


def of_text(text: bytes) -> Completion:
    """Bytes alone, as a completion."""
    return (text,) if text else ()


class SymbolCompletions(Protocol):
    """The shortest completions of symbols; see `completion.Shortest`."""

    def of_symbol(self, symbol: Symbol, seen: frozenset[bytes] = frozenset()) -> Completion:
        """A shortest completion of `symbol`, with a `Seen` of some texts right below."""
        ...

    def of_sequence(self, sequence: Sequence) -> Completion:
        """A shortest completion of the symbols in a row."""
        ...


_StateWay = tuple[int, Terminal | Switch | Control, int, Rest]  # length, then a configuration


class Finishing:
    """The shortest completions of the states of one grammar, for one thread at a time: others wait."""

    def __init__(self, states: States, symbols: SymbolCompletions) -> None:
        self._states = states
        self._symbols = symbols
        self._rests: dict[Rest, int] = {}
        self._bounds: dict[Rest, int] = {}
        self._switches: dict[Switch, NDArray[np.int32]] = {}
        self._switch_bytes = 0
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Bytes of what is remembered of rests and switches, roughly."""
        return _ENTRY * (len(self._rests) + len(self._bounds)) + self._switch_bytes

    def of_state(self, state: State) -> Completion:
        """A shortest completion of `state`; where captures are open, after the shortest way to end one."""
        with self._lock:
            return self._of_state(state)

    def of_row(self, symbol: Terminal | Switch, row: int) -> Completion:
        """A shortest completion of the symbol that is being read."""
        with self._lock:
            return joined([self._of_row(symbol, row)])

    def bytes_out(self, symbol: Terminal | Switch) -> frozenset[int]:
        """The bytes of the shortest ways out of all rows of a symbol."""
        automaton = symbol.automaton
        if isinstance(automaton, Counted):
            return automaton.bytes_out
        if isinstance(automaton, Chosen):
            return frozenset(b"".join(automaton.among.texts))
        with self._lock:
            lengths = self._lengths_of_switch(symbol, automaton) if isinstance(symbol, Switch) else automaton.distance
        columns, first = np.unique(automaton.classes, return_index=True)
        order = np.argsort(first)  # columns by the smallest of their bytes
        found: set[int] = set()
        for begin in range(0, automaton.rows, _BLOCK):
            rows = slice(begin, begin + _BLOCK)
            targets, length = automaton.step[rows, columns[order]], lengths[rows, None]
            closer = (lengths[targets] == length - 1) & (targets != DEAD) & (length >= 0)  # (S, C)
            found.update(np.argmax(closer[closer.any(axis=1)], axis=1).tolist())
        return frozenset(first[order][list(found)].tolist())

    def of_symbol(self, symbol: Symbol, seen: frozenset[bytes]) -> Completion:
        """A shortest completion of `symbol`, with a `Seen` of some texts right below.

        Raises Unsatisfiable if it has none.
        """
        with self._lock:
            return self._symbols.of_symbol(symbol, seen)

    def _of_state(self, state: State) -> Completion:
        found = self._straight(state)
        return found if not _remembers(state) or self._is_valid(state, found) else self._searched(state)

    def _is_valid(self, state: State, completion: Completion) -> bool:
        """Is it read to the end? Symbols do not know the texts that have come, so a text may be written again."""
        after: State | None = state
        for piece in completion:
            if after is not None:
                states = self._states
                after = states.read(after, piece) if isinstance(piece, bytes) else states.pass_control(after, piece)
        return after is not None and after.accepting

    def _straight(self, state: State) -> Completion:
        parts: list[Completion] = []
        while not state.accepting:
            depth = _captures_around(state)
            ways = list(self._ways(state, depth))
            if not depth:
                least = min(way[0] for way in ways)
                return joined([*parts, min((self._written(way) for way in ways if way[0] == least), key=repr)])
            text, state = self._end_capture(state, depth, ways)
            parts.append((text,))
        return joined(parts)

    # ------------------------------------------------------------------ configurations

    def _ways(self, state: State, depth: int) -> Iterator[_StateWay]:
        """The configurations of `state` in so many captures, each with its length up to the end of one."""
        for symbol, row, rest in state.configs:
            if _open_captures(rest) == depth:
                yield self._length_of_row(symbol, row) + self._length_of_rest(rest), symbol, row, rest
        for control, rest in state.controls:
            if _open_captures(rest) == depth:
                yield 1 + self._length_of_rest(rest), control, 0, rest

    def _written(self, way: _StateWay) -> Completion:
        _, symbol, row, rest = way
        return joined([self._of_row(symbol, row), *self._of_rest(rest)])

    def _length_of_row(self, symbol: Terminal | Switch, row: int) -> int:
        automaton = symbol.automaton
        if isinstance(symbol, Switch) and isinstance(automaton, Dfa):
            return int(self._lengths_of_switch(symbol, automaton)[row])
        if isinstance(symbol, Terminal) and isinstance(automaton, Dfa):
            return int(automaton.distance[row])
        return length(self._of_row(symbol, row))

    def _of_row(self, symbol: Terminal | Switch | Control, row: int) -> Completion:
        if isinstance(symbol, Control):
            return (min(symbol.tokens),)
        automaton = symbol.automaton
        if isinstance(symbol, Terminal):
            return of_text(automaton.completion(row))
        if isinstance(automaton, Chosen):
            ways = [(text, label) for label, text in automaton.ahead(row)]
            text, label = min(ways, key=lambda way: len(way[0]) + self._length_behind(symbol, way[1]))
        else:
            text = self._way_out(symbol, automaton, row) if isinstance(automaton, Dfa) else automaton.completion(row)
            for byte in text:
                row = automaton.after(row, byte)
            label = automaton.label(row)
        return joined([of_text(text), self._symbols.of_sequence(symbol.targets[label])])

    def _lengths_of_switch(self, switch: Switch, automaton: Dfa) -> NDArray[np.int32]:
        """(S,) the shortest completion of each row, with the target that it leads to."""
        found = self._switches.get(switch)
        if found is None:
            targets = np.zeros(automaton.labels_end, np.int32)
            for label in automaton.labels_used:
                targets[label] = self._length_behind(switch, label)
            behind = np.where(automaton.labels == REFUSES, np.int32(-1), targets[automaton.labels])
            found = self._switches[switch] = tables.distances_behind(automaton.step, behind)
            self._switch_bytes += found.nbytes
        return found

    def _way_out(self, switch: Switch, automaton: Dfa, row: int) -> bytes:
        """The text from `row` to the label with the shortest completion."""
        lengths = self._lengths_of_switch(switch, automaton)
        text = bytearray()
        while lengths[row] != self._length_behind(switch, automaton.label(row)):
            closer = lengths[automaton.step[row]] == lengths[row] - 1  # (C,)
            byte = int(np.argmax(closer[automaton.classes]))
            text.append(byte)
            row = automaton.after(row, byte)
        return bytes(text)

    def _length_behind(self, switch: Switch, label: int) -> int:
        return -1 if label == REFUSES else length(self._symbols.of_sequence(switch.targets[label]))

    # ------------------------------------------------------------------ rests

    def _length_of_rest(self, rest: Rest) -> int:
        """The length of the shortest completion of `rest`, or up to where a capture ends."""
        return _cheapest(rest, self._rests, _below, lambda one: sum(map(length, self._own(one))))

    def _own(self, rest: Rest) -> Iterator[Completion]:
        """A shortest completion of the first symbol of `rest`, of a text that has ended: of what follows it."""
        match rest.symbol:
            case None:
                return
            case Recall(captured):
                if isinstance(captured, Fresh):
                    *before, last = captured.then
                    yield self._symbols.of_sequence(tuple(before))
                    yield self._symbols.of_symbol(last, rest.beside)  # texts that have come come no more
            case symbol:
                yield self._symbols.of_symbol(symbol, rest.beside)

    def _of_rest(self, rest: Rest) -> Iterator[Completion]:
        while parts := _below(rest):
            yield from self._own(rest)
            rest = min(parts, key=self._length_of_rest)

    # ------------------------------------------------------------------ captures

    def _end_capture(self, state: State, depth: int, ways: list[_StateWay]) -> tuple[bytes, State]:
        """All is in captures: a shortest text that ends one of them, and the state after it.

        The ways are those where fewest captures are open: what ends an inner one leaves the outer one to be ended.
        """
        text = text_of(self._written(min(ways, key=lambda way: way[0])))
        after = self._states.read(state, text)
        if after is not None and _captures_around(after) < depth:
            return text, after
        return self._search(state, depth)

    def _search(self, start: State, depth: int) -> tuple[bytes, State]:
        """The shortest text after which fewer than `depth` captures are open."""
        completion, state = self._best_first(start, lambda state: _captures_around(state) < depth)
        return text_of(completion), state

    def _searched(self, start: State) -> Completion:
        """As `of_state`, when the texts that have come must be looked at.

        Where a capture around hides how much follows, the search may be lost: then after a few bytes more, whichever,
        which make a text that has come another one.
        """
        try:
            return self._best_first(start, lambda state: state.accepting)[0]
        except LimitExceeded:
            reached: list[tuple[Completion, State]] = [((), start)]
            for further_on in range(_FURTHER):
                if further_on > 1 and len(reached) > _MANY:
                    break
                reached = [((*items, item), after) for items, state in reached for item, after in self._steps(state)]
                further = [(items, after, self._straight(after)) for items, after in reached]
                ways = [joined([items, rest]) for items, after, rest in further if self._is_valid(after, rest)]
                if ways:
                    return min(ways, key=length)
            raise

    def _best_first(self, start: State, is_goal: Callable[[State], bool]) -> tuple[Completion, State]:
        """Best first; the lengths ahead are exact, but for texts that turn out to be refused.

        Among equals the longest goes first: its rest, being shorter, is refused less likely.
        """
        order = count()
        todo: list[tuple[int, int, int, tuple[bytes | int, ...], State]] = [(0, 0, next(order), (), start)]
        seen = {start}
        while todo and len(seen) < STATE_LIMIT:
            look()
            *_, items, state = heapq.heappop(todo)
            if is_goal(state):
                return joined((item,) for item in items), state
            for item, after in self._steps(state):
                if after in seen:
                    continue
                seen.add(after)
                ahead = 0 if is_goal(after) else self._least(after)
                longer = (*items, item)
                heapq.heappush(todo, (len(longer) + ahead, -len(longer), next(order), longer, after))
        raise LimitExceeded(f"no text that is not refused within {STATE_LIMIT} states")

    def _steps(self, state: State) -> Iterator[tuple[bytes | int, State]]:
        """The bytes and control tokens that may come next, each with the state after it."""
        for byte in sorted({byte for symbol, row, _ in state.configs for byte in symbol.automaton.reads(row)}):
            after = self._states.step(state, byte)
            if after is not None:
                yield bytes((byte,)), after
        for token in sorted({min(control.tokens) for control, _ in state.controls}):
            after = self._states.pass_control(state, token)
            if after is not None:
                yield token, after

    def _least(self, state: State) -> int:
        """No completion of `state` is shorter."""
        rows = (self._length_of_row(symbol, row) + self._bound_of_rest(rest) for symbol, row, rest in state.configs)
        return min((*rows, *(1 + self._bound_of_rest(rest) for _, rest in state.controls)), default=0)

    def _bound_of_rest(self, rest: Rest) -> int:
        """No completion of `rest` is shorter: behind a capture, what follows whatever its text."""
        return _cheapest(rest, self._bounds, below, self._bound_of)

    def _bound_of(self, rest: Rest) -> int:
        if isinstance(rest.symbol, Recall) and isinstance(rest.symbol.captured, Captured):
            return length(self._symbols.of_sequence(rest.symbol.captured.least()))
        return sum(map(length, self._own(rest)))


def _cheapest(
    rest: Rest, known: dict[Rest, int], parts_of: Callable[[Rest], tuple[Rest, ...]], cost: Callable[[Rest], int]
) -> int:
    """What the cheapest way from `rest` down costs, kept in `known`."""
    todo = [rest]
    while todo:
        one = todo[-1]
        parts = parts_of(one)
        unknown = [part for part in parts if part not in known]
        if unknown:
            todo.extend(unknown)
            continue
        known[one] = cost(one) + min((known[part] for part in parts), default=0)
        todo.pop()
    return known[rest]


def _remembers(state: State) -> bool:
    """Does what may follow depend on texts that have come?"""
    rests = [*(rest for _, _, rest in state.configs), *(rest for _, rest in state.controls)]
    return any(rest.remembers for rest in rests)


def _below(rest: Rest) -> tuple[Rest, ...]:
    """What may stand below the first symbol of `rest`, in fewest captures; nothing below the end of one."""
    if isinstance(rest.symbol, Recall) and isinstance(rest.symbol.captured, Captured):
        return ()
    choices = below(rest)
    if len(choices) < 2 or not rest.opaque:
        return choices
    depths = [_open_captures(one) for one in choices]
    return tuple(one for one, depth in zip(choices, depths, strict=True) if depth == min(depths))


def _captures_around(state: State) -> int:
    """How many captures are open in every configuration."""
    if state.accepting:
        return 0
    rests = [*(rest for _, _, rest in state.configs), *(rest for _, rest in state.controls)]
    return min(map(_open_captures, rests))


def _open_captures(rest: Rest) -> int:
    """How many captures are open in a rest; where it forks, along the way on which they are fewest."""
    found, here = 0, [rest]
    seen: set[Rest] = set()
    while here:
        around: list[Rest] = []  # the captures that are left from here
        while here:
            one = here.pop()
            if not one.opaque:
                return found
            if one not in seen:
                seen.add(one)
                ends = isinstance(one.symbol, Recall) and isinstance(one.symbol.captured, Captured)
                (around if ends else here).extend(below(one))
        found, here = found + 1, around
    return found
