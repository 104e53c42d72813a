"""Shortest completions of symbols: what is needed, at least, to write one.

A *completion* is bytes and control tokens in a row; its length counts bytes, and a control token as
one. For a recursive grammar the lengths are a least fixpoint. It is found as Dijkstra finds paths:
always settle the symbol whose completion is shortest among those whose parts are settled.

    value -> "null" | "[" value "]"        settled first:  value = null     (4)
    pair  -> value ":" value               then:           pair = null:null (9)

Source: D. Knuth, *A generalization of Dijkstra's algorithm*, 1977. What is never settled has no
text at all, and `solve` takes it out of the grammar.

Exact for terminals, rules and switches. A captured text is the shortest that is not refused, then
the shortest of what it calls for. A node of another kind is asked (`Node.completion`).
"""

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import count

from constrained.automata.algebra import difference, literals
from constrained.automata.chosen import Chosen
from constrained.automata.counted import Counted
from constrained.automata.dfa import REFUSES, START, Dfa
from constrained.deadline import look
from constrained.errors import LimitExceeded, Unsatisfiable
from constrained.finishing import Finishing, joined, length, of_text, text_of
from constrained.grammar import (
    Automaton,
    Captured,
    Completion,
    Control,
    Fresh,
    Node,
    Rule,
    Sequence,
    Switch,
    Symbol,
    Terminal,
)
from constrained.states import States

SYMBOL_LIMIT = 100_000  # symbols looked at for one completion

Composite = Rule | Switch | Fresh | Captured  # what the fixpoint is about; all other symbols are leaves


def solve(start: Symbol) -> None:
    """Give every rule below `start` its shortest completion, and take out alternatives that have none.

    Raises Unsatisfiable, naming a rule, if `start` has no text. Call it before the grammar is used.
    """
    shortest = Shortest()
    rules = _rules_below(start)
    shortest.settle((start, *rules))
    dead = [rule for rule in rules if not shortest.has_text((rule,))]
    if not shortest.has_text((start,)):
        raise Unsatisfiable(f"no text matches rule {dead[-1].name!r}" if dead else "no text matches the grammar")
    for rule in rules:
        rule.alternatives = tuple(one for one in rule.alternatives if shortest.has_text(one))
        if rule.alternatives:
            rule.solved = shortest.of_symbol(rule)
            rule.text = text_of(rule.solved)


def _rules_below(start: Symbol) -> list[Rule]:
    """The rules that `start` leads to, breadth first; nodes of other kinds are not asked."""
    found: dict[Symbol, None] = {start: None}
    for symbol in (todo := [start]):
        for part in (part for sequence in _written_below(symbol) for part in sequence):
            if part not in found:
                found[part] = None
                todo.append(part)
    return [symbol for symbol in found if isinstance(symbol, Rule)]


def _written_below(symbol: Symbol) -> tuple[Sequence, ...]:
    match symbol:
        case Rule():
            return symbol.alternatives
        case Switch():
            return tuple(symbol.targets[label] for label in symbol.automaton.labels_used)
        case Fresh():
            return (symbol.then,)
        case Captured():
            return symbol.body, symbol.sketch()
        case _:
            return ()


class Shortest:
    """The shortest completions of one grammar's symbols; what is found is kept."""

    def __init__(self, settled: dict[Symbol, Completion | None] | None = None) -> None:
        self._settled = {} if settled is None else settled  # None: no text

    def of_symbol(self, symbol: Symbol, seen: frozenset[bytes] = frozenset()) -> Completion:
        """A shortest completion of `symbol`, with a `Seen` of some texts right below.

        Raises Unsatisfiable if it has none.
        """
        if seen and isinstance(symbol, Node) and not isinstance(symbol, Rule):
            return symbol.completion_beside(seen)
        if seen and isinstance(symbol, Fresh):
            text = _shortest_fresh(symbol, seen)
            *before, last = symbol.then
            return joined([of_text(text), self.of_sequence(tuple(before)), self.of_symbol(last, seen | {text})])
        if not self.has_text((symbol,)):
            raise Unsatisfiable(f"no text matches {getattr(symbol, 'name', '') or type(symbol).__name__!r}")
        found = self._settled[symbol]
        assert found is not None
        return found

    def of_sequence(self, sequence: Sequence) -> Completion:
        """A shortest completion of the symbols in a row."""
        return joined([self.of_symbol(symbol) for symbol in sequence])

    def has_text(self, sequence: Sequence) -> bool:
        """Does any text match the symbols in a row?"""
        self.settle(sequence)
        return all(self._settled[symbol] is not None for symbol in sequence)

    def settle(self, symbols: Sequence) -> None:
        """Find the shortest completions of `symbols`."""
        if any(symbol not in self._settled for symbol in symbols):
            _Settling(self._settled).run(symbols)


@dataclass(eq=False, slots=True)
class _Way:
    """One way to write `symbol`: `before`, then `after`, of which `missing` symbols are not settled."""

    symbol: Composite
    before: Completion
    after: Sequence
    missing: int = 0
    is_body: bool = False  # of a capture: the text decides what follows


class _Settling:
    """One run of Knuth's algorithm, over what is not settled yet.

    A list of different words is an endless chain of captures, each refusing one word more. So what
    nobody waits for any more is not followed.
    """

    def __init__(self, settled: dict[Symbol, Completion | None]) -> None:
        self._settled = settled
        self._known_before = len(settled)
        self._waiting: dict[Symbol, list[_Way]] = {}  # symbol seen and not settled -> ways that need it
        self._ready: list[tuple[int, int, _Way]] = []  # heap: length, order of discovery
        self._idle: dict[Symbol, list[_Way]] = {}  # ready ways of symbols that nobody waits for
        self._order = count()

    def run(self, goals: Sequence) -> None:
        """Settle `goals`; what cannot be settled has no text."""
        self._discover(goals)
        wanted = {goal for goal in goals if goal not in self._settled}
        while self._ready and wanted:
            look()
            _, _, way = heapq.heappop(self._ready)
            if way.symbol in self._settled:
                continue
            if way.symbol not in wanted and all(one.symbol in self._settled for one in self._waiting[way.symbol]):
                self._idle.setdefault(way.symbol, []).append(way)
                continue
            written = joined([way.before, *(self._completion(symbol) for symbol in way.after)])
            if way.is_body:
                self._follow(way.symbol, written)
            else:
                self._settle(way.symbol, written)
                wanted.discard(way.symbol)
        if wanted:
            self._settled.update((symbol, None) for symbol in self._waiting if symbol not in self._idle)

    def _settle(self, symbol: Symbol, completion: Completion) -> None:
        self._settled[symbol] = completion
        for way in self._waiting.pop(symbol):
            way.missing -= 1
            self._queue(way)

    def _completion(self, symbol: Symbol) -> Completion:
        found = self._settled[symbol]
        assert found is not None  # ways wait for all their symbols
        return found

    def _queue(self, way: _Way) -> None:
        if way.missing == 0:
            size = length(way.before) + sum(length(self._completion(symbol)) for symbol in way.after)
            heapq.heappush(self._ready, (size, next(self._order), way))

    def _discover(self, symbols: Sequence) -> None:
        """Enter `symbols`, and all that their ways need."""
        found: list[_Way] = []
        todo = list(symbols)
        while todo:
            look()
            symbol = todo.pop()
            if symbol in self._settled or symbol in self._waiting:
                continue
            if isinstance(symbol, Composite):
                self._waiting[symbol] = []
                ways = list(_ways(symbol))
                found += ways
                todo.extend(part for way in ways for part in way.after)
            else:
                self._settled[symbol] = _of_leaf(symbol)
            if len(self._settled) - self._known_before + len(self._waiting) > SYMBOL_LIMIT:
                raise LimitExceeded(f"a shortest text over more than {SYMBOL_LIMIT} symbols")
        for way in found:
            self._enter(way)

    def _enter(self, way: _Way) -> None:
        if any(self._settled.get(symbol, ()) is None for symbol in way.after):
            return
        needed = {symbol for symbol in way.after if symbol in self._waiting}
        way.missing = len(needed)
        for symbol in needed:
            self._waiting[symbol].append(way)
            for idle in self._idle.pop(symbol, ()):
                self._queue(idle)
        self._queue(way)

    def _follow(self, captured: Symbol, body: Completion) -> None:
        """The body of `captured` is settled: go on with what its text calls for."""
        assert isinstance(captured, Captured)
        follow = captured.then(text_of(body))
        if follow is None:
            text = self._unrefused(captured)
            follow = None if text is None else captured.then(text)
            body = of_text(text or b"")
        if follow is not None:
            self._discover(follow)
            self._enter(_Way(captured, body, follow))

    def _unrefused(self, captured: Captured) -> bytes | None:
        """A shortest text of the body that is not refused."""
        states = States(_Probe(captured))
        if not states.is_alive(states.start):
            return None
        return text_of(Finishing(states, Shortest(self._settled)).of_state(states.start))


class _Probe(Captured):
    """The body of a capture, with nothing after it."""

    def __init__(self, captured: Captured) -> None:
        self._captured = captured
        self.body = captured.body

    def then(self, text: bytes) -> Sequence | None:
        """The end."""
        return None if self._captured.then(text) is None else ()

    def sketch(self) -> Sequence:
        """The end."""
        return ()

    def refused(self) -> Collection[bytes]:
        """As the capture."""
        return self._captured.refused()


def _of_leaf(symbol: Symbol) -> Completion | None:
    match symbol:
        case Terminal(automaton):
            return None if automaton.is_empty else of_text(automaton.completion(START))
        case Control(tokens):
            return (min(tokens),) if tokens else None
        case Node():
            return symbol.completion()
        case _:
            return ()  # the end of a sketch


def _ways(symbol: Composite) -> Iterator[_Way]:
    match symbol:
        case Rule():
            for sequence in symbol.alternatives:
                yield _Way(symbol, (), sequence)
        case Switch():
            for label, text in text_by_label(symbol.automaton).items():
                yield _Way(symbol, of_text(text), symbol.targets[label])
        case Fresh():
            yield _Way(symbol, of_text(_shortest_fresh(symbol, frozenset())), symbol.then)
        case Captured():
            yield _Way(symbol, (), symbol.body, is_body=True)


def _shortest_fresh(fresh: Fresh, seen: frozenset[bytes]) -> bytes:
    """A shortest text that is not refused and not among those that have come."""
    assert isinstance(fresh.body.automaton, Dfa)
    return difference(fresh.body.automaton, literals(fresh.refused | seen)).completion(START)


def text_by_label(automaton: Automaton) -> dict[int, bytes]:
    """Label -> a shortest text with it. Of a counted automaton, one label only: that of its shortest text."""
    if isinstance(automaton, Counted):
        if automaton.is_empty:
            return {}
        text, row = automaton.completion(START), int(START)
        for byte in text:
            row = automaton.after(row, byte)
        return {automaton.label(row): text}
    if isinstance(automaton, Chosen):
        return {label: automaton.among.texts[label] for label in automaton.labels_used}
    found: dict[int, bytes] = {}
    first: dict[int, bytes] = {int(START): b""}
    todo = [int(START)]
    for row in todo:
        label = automaton.label(row)
        if label != REFUSES:
            found.setdefault(label, first[row])
        for byte in automaton.reads(row):
            target = automaton.after(row, byte)
            if target not in first:
                first[target] = first[row] + bytes((byte,))
                todo.append(target)
    return found
