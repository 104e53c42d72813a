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
rest holds a mark into them. Then a terminal that can go on is not enough: every way on may end in a
text that the capture refuses. Such states are found by looking ahead, along refused texts only, and
are never entered.
"""

from collections.abc import Iterable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from constrained.automata.dfa import DEAD, MANY, NONE, REFUSES, START
from constrained.errors import LimitExceeded
from constrained.grammar import Captured, Completion, Control, Node, Switch, Symbol, Terminal, Unknown
from constrained.refusals import Refusals
from constrained.rests import Fork, Recall, Rest

CLOSURE_LIMIT = 200_000  # alternatives in front of one rest

Words = NDArray[np.uint32]  # (W,) bit t % 32 of word t // 32 is token t


Reading = Terminal | Switch
Config = tuple[Reading, int, Rest]  # symbol, row, what follows it


class Closure:
    """What may stand in front of a rest: terminals, control tokens, the end of the text.

    What is `gathered` is merged into `configs` and `controls` once (`States._settle`).
    `begun` are captures that begin here. `recalls` are ends of captures whose text is not known,
    `unknown` is set where a sketch ends; those two occur only while a mask is computed.
    """

    __slots__ = ("accepting", "begun", "configs", "controls", "gathered", "gathered_controls", "recalls", "unknown")

    def __init__(self) -> None:
        self.gathered: dict[tuple[Reading, int], dict[Rest, None]] = {}
        self.gathered_controls: dict[Control, dict[Rest, None]] = {}
        self.configs: dict[tuple[Reading, int], Rest] = {}
        self.controls: dict[Control, Rest] = {}
        self.accepting = False
        self.begun: list[Captured] = []
        self.recalls: list[Rest] = []
        self.unknown = False

    def add(self, key: tuple[Reading, int], rest: Rest) -> None:
        """One more configuration."""
        self.gathered.setdefault(key, {})[rest] = None

    def add_control(self, control: Control, rest: Rest) -> None:
        """One more control token that may come."""
        self.gathered_controls.setdefault(control, {})[rest] = None

    def merge(self, other: "Closure") -> None:
        """All that `other`, which is settled, holds."""
        for key, rest in other.configs.items():
            self.add(key, rest)
        for control, rest in other.controls.items():
            self.add_control(control, rest)
        self.accepting |= other.accepting

    @property
    def is_empty(self) -> bool:
        """Is nothing possible any more?"""
        return not (self.gathered or self.gathered_controls or self.accepting)


class State:
    """A set of configurations, with everything that has been found out about it."""

    __slots__ = ("accepting", "alive", "by_byte", "by_token", "completion", "configs", "controls", "mask", "tape")

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
        self.completion: Completion | None = None  # a shortest one, see finishing.py
        self.alive: bool | None = True if tape is None else None  # None: not looked into yet

    def forget(self) -> None:
        """Drop what is memoised here."""
        self.by_byte.clear()
        self.by_token.clear()
        self.mask = None


class States:
    """The interning table and the transition function of one grammar.

    Safe to share between threads: a lost race computes the same value twice.
    """

    def __init__(self, start: Symbol) -> None:
        self.end = Rest(None, None)
        self._states: dict[object, State] = {}
        self._forks: dict[frozenset[Rest], Fork] = {}
        self._refusals: dict[Captured, Refusals] = {}
        self._lock = Lock()
        start_rest = self.end.push(start)
        self.start = self._state(self.close(start_rest, b""), None)

    def __len__(self) -> int:
        return len(self._states)

    def forget(self) -> None:
        """Drop everything memoised; states in use stay valid, they are just not shared any more."""
        with self._lock:
            for state in [*self._states.values(), self.start]:
                state.forget()
            self._states.clear()
            self._forks.clear()
            self._refusals.clear()
            for rest in [*(rest for _, _, rest in self.start.configs), *(rest for _, rest in self.start.controls)]:
                rest.forget()
            self.end.forget()

    # ------------------------------------------------------------------ closure

    def close(self, rest: Rest, tape: bytes | None) -> Closure:
        """What may stand in front of `rest`.

        `tape`: the bytes read since the oldest open capture. None inside the token of a mask, where
        they are many; then captures that end are left open.
        """
        found = rest.closure
        if found is not None:
            return found
        closure = Closure()
        plain = self._close_into(closure, rest, tape)
        self._settle(closure)
        if plain:
            rest.closure = closure
        return closure

    def _close_into(self, closure: Closure, rest: Rest, tape: bytes | None) -> bool:
        """Fill `closure`; True if the result depends on `rest` alone."""
        plain = True
        todo = list(rest.forks())
        seen = set(todo)
        while todo:
            rest = todo.pop()
            plain &= not isinstance(rest.symbol, (Captured, Recall))
            for one in self._unfold(closure, rest, tape):
                fresh = [choice for choice in one.forks() if choice not in seen]
                seen.update(fresh)
                todo.extend(fresh)
            if len(seen) > CLOSURE_LIMIT:
                raise LimitExceeded(f"more than {CLOSURE_LIMIT} alternatives at one place", hint="left recursion?")
        return plain

    def _unfold(self, closure: Closure, rest: Rest, tape: bytes | None) -> list[Rest]:
        """Enter the first symbol of `rest` into `closure`; the rests that may stand in its place."""
        symbol, below = rest.symbol, rest.below
        if symbol is None or below is None:
            closure.accepting = True
            return []
        match symbol:
            case Terminal() | Switch():
                automaton = symbol.automaton
                if automaton.only_byte(START) != NONE:
                    closure.add((symbol, int(START)), below)
                label = automaton.label(START)
                return [] if label == REFUSES else [self.leave(symbol, label, below)]
            case Control():
                closure.add_control(symbol, below)
            case Unknown():
                closure.unknown = True
            case Node():
                return [below.push_all(sequence) for sequence in symbol.expand()]
            case Captured():
                closure.begun.append(symbol)
                return [below.recall(symbol, None if tape is None else len(tape)).push_all(symbol.body)]
            case Recall(captured, mark):
                if tape is None or mark is None:
                    closure.recalls.append(rest)
                else:
                    sequence = captured.then(tape[mark:])
                    return [] if sequence is None else [below.push_all(sequence)]
        return []

    def _settle(self, closure: Closure) -> Closure:
        """Merge what was gathered: one rest per configuration."""
        for key, rests in closure.gathered.items():
            closure.configs[key] = self._fork(rests)
        for control, rests in closure.gathered_controls.items():
            closure.controls[control] = self._fork(rests)
        return closure

    def _fork(self, rests: Iterable[Rest]) -> Rest:
        """Any of `rests`, as one. Lists that begin alike share their beginning:

        [a, b, c] or [a, b, d] or [e]   ->   [a, b, (c or d)] or [e]
        """
        choices = dict.fromkeys(choice for rest in rests for choice in rest.forks())
        if len(choices) == 1:
            return next(iter(choices))
        alike: dict[object, list[Rest]] = {}
        for choice in choices:
            alike.setdefault(choice.head, []).append(choice)
        merged = tuple(
            group[0] if len(group) == 1 else self._fork(one.below for one in group if one.below).with_head(group[0])
            for group in alike.values()
        )
        if len(merged) == 1:
            return merged[0]
        key = frozenset(merged)
        found = self._forks.get(key)
        if found is None:
            found = self._forks.setdefault(key, Fork(merged))
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
            after = state.by_byte[byte] = self._if_alive(self._step(state, byte))
            return after

    def _step(self, state: State, byte: int) -> State | None:
        """As `step`, but dead ends before a refused text are not noticed."""
        tape = None if state.tape is None else state.tape + bytes((byte,))
        merged = Closure()
        for symbol, row, rest in state.configs:
            automaton = symbol.automaton
            target = automaton.after(row, byte)
            if target == DEAD:
                continue
            if automaton.only_byte(target) != NONE:
                merged.add((symbol, target), rest)
            label = automaton.label(target)
            if label != REFUSES:
                merged.merge(self.close(self.leave(symbol, label, rest), tape or b""))
        if merged.is_empty:
            return None
        return self._state(self._settle(merged), tape)

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
                merged.merge(self.close(rest, state.tape or b""))
        if merged.is_empty:
            return None
        return self._if_alive(self._state(self._settle(merged), state.tape))

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

    # ------------------------------------------------------------------ refused texts

    def refusals(self, captured: Captured) -> Refusals:
        """What `captured` refuses."""
        found = self._refusals.get(captured)
        if found is None:
            found = self._refusals.setdefault(captured, Refusals(captured.refused()))
        return found

    def is_alive(self, state: State) -> bool:
        """Is there a text of `state` that the captures that are open do not refuse?"""
        if state.alive is None:
            self._look_ahead(state)
        return bool(state.alive)

    def _if_alive(self, state: State | None) -> State | None:
        return state if state is not None and self.is_alive(state) else None

    def _look_ahead(self, state: State) -> None:
        """Find out whether `state` is alive, and the states met on the way.

        As long as what was read is the beginning of refused texts, go on; the first state that can
        leave them is proof for all that led there.
        """
        came_from: dict[State, State | None] = {state: None}
        todo = [state]
        while todo:
            here = todo.pop()
            towards = None if here.alive else self._towards_refusals(here)
            if towards is None:
                proven: State | None = here
                while proven is not None:
                    proven.alive = True
                    proven = came_from[proven]
                return
            for byte in towards:
                after = self._step(here, byte)
                if after is not None and after.alive is not False and after not in came_from:
                    came_from[after] = here
                    todo.append(after)
        for dead in came_from:
            dead.alive = False

    def _towards_refusals(self, state: State) -> set[int] | None:
        """The bytes that may follow, if each leads on towards a refused text; None if one does not."""
        if state.accepting or state.controls:
            return None
        followed: set[int] = set()
        for symbol, row, rest in state.configs:
            towards = self._refused_ahead(state, rest)
            readable = symbol.automaton.reads(row) if towards else b""
            if not towards or not towards.issuperset(readable):
                return None
            followed.update(readable)
        return followed

    def _refused_ahead(self, state: State, rest: Rest) -> set[int]:
        """The bytes that lead on towards a text that a capture open in `rest` refuses."""
        found: set[int] = set()
        if state.tape is not None:
            for recall in rest.recalls():
                if not recall.captured.endless:
                    found |= self.refusals(recall.captured).next_bytes(state.tape[recall.mark :])
        return found

    # ------------------------------------------------------------------ what is decided already

    def forced_byte(self, state: State) -> int | None:
        """The one byte that can follow; None where there is a choice, or the text may end."""
        if state.accepting or state.controls or not state.configs:
            return None
        if state.tape is not None:
            return self._forced_in_capture(state)
        forced: int | None = None
        for symbol, row, _ in state.configs:
            byte = symbol.automaton.only_byte(row)
            if byte == MANY or (forced is not None and byte != forced):
                return None
            forced = byte
        return forced

    def _forced_in_capture(self, state: State) -> int | None:
        """As `forced_byte`, where bytes may be refused for where they lead."""
        possible: set[int] = set()
        for symbol, row, rest in state.configs:
            towards = self._refused_ahead(state, rest)
            if not towards and symbol.automaton.only_byte(row) == MANY:
                return None
            readable = symbol.automaton.reads(row)
            if len(readable) > len(towards) + 1:
                return None
            possible.update(byte for byte in readable if byte not in towards or self.step(state, byte) is not None)
        return possible.pop() if len(possible) == 1 else None
