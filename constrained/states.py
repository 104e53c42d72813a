"""Reading a grammar byte by byte: states are sets of interned stacks.

    state          {(symbol, row, rest), ...}      where we may be
    symbol, row    a terminal, and how far into it
    rest           what must follow: an immutable linked list, built on itself

    {"a": tru|     (true|false, row 4, [ObjectRest, End])

Reading a byte moves every row. Where a terminal accepts, its rest is opened: nodes are replaced by
their sequences until terminals stand in front (the *closure*). The set is tiny for JSON, nearly
always one. Configurations that differ in their rest alone are merged, their rests becoming one
fork, so a thousand alternatives that begin alike are read once (the graph-structured stack of
M. Tomita, *An efficient augmented-context-free parsing algorithm*, 1987).

Everything is interned: the same rest and the same set are the same object. So masks and edges can
be memoised on the state itself, and rollback, forks and speculation are just keeping a reference.

Where a `Captured` sequence is open, the state also holds the bytes read since (`tape`), and its
rest holds a mark into them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from constrained.automata.dfa import DEAD, MANY, NONE, REFUSES, START
from constrained.grammar import Captured, Control, Node, Sequence, Switch, Symbol, Terminal, Unknown

K = TypeVar("K")

Words = NDArray[np.uint32]  # (W,) bit t % 32 of word t // 32 is token t


@dataclass(frozen=True, eq=False, slots=True)
class Recall:
    """The end of a captured body that began at `mark`."""

    captured: Captured
    mark: "int | object"  # an offset into the tape, or where in a token it began (mask.py)


class Rest:
    """What must follow: `symbol`, then `below`. `END` is the empty list.

    Interned by `push` alone: there is one object for one list, and it lives as long as it is used.
    """

    __slots__ = ("_pushed", "below", "captures", "closure", "symbol")

    def __init__(self, symbol: Symbol | Recall | None, below: "Rest | None") -> None:
        self.symbol = symbol
        self.below = below
        self.captures: bool = isinstance(symbol, Recall) or (below is not None and below.captures)
        self.closure: Closure | None = None
        self._pushed: dict[object, Rest] = {}

    def push(self, symbol: Symbol | Recall) -> "Rest":
        """This list with `symbol` in front."""
        found = self._pushed.get(symbol)
        if found is None:
            found = self._pushed.setdefault(symbol, Rest(symbol, self))
        return found

    def push_all(self, symbols: Sequence) -> "Rest":
        """This list with `symbols` in front, in order."""
        rest = self
        for symbol in reversed(symbols):
            rest = rest.push(symbol)
        return rest

    def recall(self, captured: Captured, mark: "int | object") -> "Rest":
        """This list with the end of `captured` in front."""
        if not isinstance(mark, int):  # a mask's own mark: not kept
            return Rest(Recall(captured, mark), self)
        key = (captured, mark)
        found = self._pushed.get(key)
        if found is None:
            found = self._pushed.setdefault(key, Rest(Recall(captured, mark), self))
        return found

    def forget(self) -> None:
        """Drop the interned lists built on this one."""
        self._pushed.clear()

    def forks(self) -> "tuple[Rest, ...]":
        """The lists that this stands for: itself."""
        return (self,)


class Fork(Rest):
    """Any of several rests."""

    __slots__ = ("choices",)

    def __init__(self, choices: frozenset[Rest]) -> None:
        super().__init__(None, None)
        self.choices = tuple(choices)
        self.captures = any(choice.captures for choice in choices)

    def forks(self) -> tuple[Rest, ...]:
        """The lists that this stands for."""
        return self.choices


Reading = Terminal | Switch
Config = tuple[Reading, int, Rest]  # symbol, row, what follows it


class Closure:
    """What may stand in front of a rest: terminals, control tokens, the end of the text.

    `recalls` are ends of captures whose text is not known, `unknown` is set where a sketch ends;
    both occur only while a mask is computed.
    """

    __slots__ = ("accepting", "configs", "controls", "recalls", "unknown")

    def __init__(self) -> None:
        self.configs: dict[tuple[Reading, int], Rest] = {}
        self.controls: dict[Control, Rest] = {}
        self.accepting = False
        self.recalls: list[Rest] = []
        self.unknown = False


class State:
    """A set of configurations, with everything that has been found out about it."""

    __slots__ = ("accepting", "by_byte", "by_token", "configs", "controls", "mask", "tape")

    def __init__(
        self,
        configs: tuple[Config, ...],
        controls: tuple[tuple[Control, Rest], ...],
        accepting: bool,
        tape: bytes | None,
    ) -> None:
        self.configs = configs
        self.controls = controls
        self.accepting = accepting
        self.tape = tape
        self.by_byte: dict[int, State | None] = {}
        self.by_token: dict[int, State | None] = {}
        self.mask: Words | None = None


class States:
    """The interning table and the transition function of one grammar.

    Safe to share between threads: a lost race computes the same value twice.
    """

    def __init__(self, start: Symbol) -> None:
        self.end = Rest(None, None)
        self._states: dict[object, State] = {}
        self._forks: dict[frozenset[Rest], Fork] = {}
        self._lock = Lock()
        start_rest = self.end.push(start)
        self.start = self._state(self.close(start_rest, 0, b""), None)

    def __len__(self) -> int:
        return len(self._states)

    def forget(self) -> None:
        """Drop every memoised state but the start; states in use stay valid, they are just not shared."""
        with self._lock:
            self._states.clear()
            self._forks.clear()
            self.end.forget()
            self.start.by_byte.clear()
            self.start.by_token.clear()

    # ------------------------------------------------------------------ closure

    def close(self, rest: Rest, mark: "int | object", tape: bytes | None) -> Closure:
        """What may stand in front of `rest`.

        mark: where a capture beginning now is marked. tape: the bytes read since the oldest open
        capture; None while it is unknown (in masks), and captures that end are then left open.
        """
        found = rest.closure
        if found is not None:
            return found
        closure = Closure()
        plain = self._close_into(closure, rest, mark, tape)
        if plain:
            rest.closure = closure
        return closure

    def _close_into(self, closure: Closure, rest: Rest, mark: "int | object", tape: bytes | None) -> bool:
        """Fill `closure`; True if the result depends on `rest` alone."""
        plain = True
        todo = list(rest.forks())
        seen = set(todo)
        while todo:
            rest = todo.pop()
            symbol, below = rest.symbol, rest.below
            follow: list[Rest] = []
            if below is None:
                closure.accepting = True
            elif isinstance(symbol, (Terminal, Switch)):
                automaton = symbol.automaton
                if automaton.only_byte(START) != NONE:
                    self._add(closure.configs, (symbol, int(START)), below)
                if automaton.label(START) != REFUSES:
                    follow.append(self.leave(symbol, automaton.label(START), below))
            elif isinstance(symbol, Node):
                follow.extend(below.push_all(sequence) for sequence in symbol.expand())
            elif isinstance(symbol, Control):
                self._add(closure.controls, symbol, below)
            elif isinstance(symbol, Captured):
                plain = False
                follow.append(below.recall(symbol, mark).push_all(symbol.body))
            elif isinstance(symbol, Recall):
                plain = False
                follow.extend(self._recall(closure, rest, symbol, below, tape))
            else:
                closure.unknown = True
            for one in follow:
                for choice in one.forks():
                    if choice not in seen:
                        seen.add(choice)
                        todo.append(choice)
        return plain

    def _recall(self, closure: Closure, rest: Rest, recall: Recall, below: Rest, tape: bytes | None) -> Iterator[Rest]:
        if tape is None or not isinstance(recall.mark, int):
            closure.recalls.append(rest)
            return
        sequence = recall.captured.then(tape[recall.mark :])
        if sequence is not None:
            yield below.push_all(sequence)

    def _add(self, table: dict[K, Rest], key: K, rest: Rest) -> None:
        other = table.get(key)
        if other is None:
            table[key] = rest
        elif other is not rest:
            table[key] = self._fork(other, rest)

    def _fork(self, one: Rest, other: Rest) -> Rest:
        choices = frozenset(one.forks()) | frozenset(other.forks())
        if len(choices) == 1:
            return one
        found = self._forks.get(choices)
        if found is None:
            found = self._forks.setdefault(choices, Fork(choices))
        return found

    def leave(self, symbol: Reading, label: int, rest: Rest) -> Rest:
        """What follows once `symbol` matched with `label`."""
        if isinstance(symbol, Switch):
            return rest.push_all(symbol.targets[label])
        return rest

    # ------------------------------------------------------------------ transitions

    def step(self, state: State, byte: int) -> State | None:
        """The state after one byte; None when it is refused."""
        try:
            return state.by_byte[byte]
        except KeyError:
            after = state.by_byte[byte] = self._step(state, byte)
            return after

    def _step(self, state: State, byte: int) -> State | None:
        tape = None if state.tape is None else state.tape + bytes((byte,))
        merged = Closure()
        for symbol, row, rest in state.configs:
            automaton = symbol.automaton
            target = automaton.after(row, byte)
            if target == DEAD:
                continue
            if automaton.only_byte(target) != NONE:
                self._add(merged.configs, (symbol, target), rest)
            label = automaton.label(target)
            if label != REFUSES:
                known = b"" if tape is None else tape
                self._merge(merged, self.close(self.leave(symbol, label, rest), len(known), known))
        if not (merged.configs or merged.controls or merged.accepting):
            return None
        return self._state(merged, tape)

    def _merge(self, into: Closure, closure: Closure) -> None:
        for key, rest in closure.configs.items():
            self._add(into.configs, key, rest)
        for control, rest in closure.controls.items():
            self._add(into.controls, control, rest)
        into.accepting |= closure.accepting

    def read(self, state: State, text: bytes) -> State | None:
        """The state after `text`; None when it is refused."""
        after: State | None = state
        for byte in text:
            if after is None:
                return None
            after = self.step(after, byte)
        return after

    def pass_control(self, state: State, token: int) -> State | None:
        """The state after control token `token`; None when it is refused."""
        merged = Closure()
        for control, rest in state.controls:
            if token in control.tokens:
                tape = state.tape or b""
                self._merge(merged, self.close(rest, len(tape), tape))
        if not (merged.configs or merged.controls or merged.accepting):
            return None
        return self._state(merged, state.tape)

    def _state(self, closure: Closure, tape: bytes | None) -> State:
        """Intern. The tape is kept exactly while a capture is open."""
        rests = [*closure.configs.values(), *closure.controls.values()]
        tape = (tape or b"") if any(rest.captures for rest in rests) else None
        configs = tuple((symbol, row, rest) for (symbol, row), rest in closure.configs.items())
        controls = tuple(closure.controls.items())
        key = (frozenset(configs), frozenset(controls), closure.accepting, tape)
        found = self._states.get(key)
        if found is None:
            found = self._states.setdefault(key, State(configs, controls, closure.accepting, tape))
        return found

    # ------------------------------------------------------------------ what is decided already

    def forced_byte(self, state: State) -> int | None:
        """The one byte that can follow; None where there is a choice, or the text may end."""
        if state.accepting or state.controls or not state.configs:
            return None
        forced: int | None = None
        for symbol, row, _ in state.configs:
            byte = symbol.automaton.only_byte(row)
            if byte == MANY or (forced is not None and byte != forced):
                return None
            forced = byte
        return forced
