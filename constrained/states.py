"""Reading a grammar byte by byte: states are sets of interned stacks.

    state          {(symbol, row, rest), ...}      where we may be
    symbol, row    a terminal, and how far into it
    rest           what must follow: an immutable linked list, built on itself

    {"a": tru|     (true|false, row 4, [ObjectRest, End])

Reading a byte moves every row. Where a terminal accepts, its rest is opened: nodes are replaced by
their sequences until terminals stand in front (closures.py). The set is tiny for JSON, nearly always
one.

Everything is interned: the same rest and the same set are the same object. So masks and edges can
be memoised on the state itself, and rollback, forks and speculation are just keeping a reference.

Where a text is open on which something depends (`Fresh`, `Captured`), the state also holds the bytes
read since (`tape`), and its rest holds a mark into them. With a `Captured` that refuses texts, a
terminal that can go on is not enough: every way on may end in a refused text. Such states are found
by looking ahead, along refused texts only (refused_ahead.py), and are never entered.

A byte is read by `step`, which says all of this in Python. A token is read by a kernel over the tables
of the grammar (net.py), as far as it can: it leaves the ends of open texts to `step`.
"""

import threading
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from constrained import remains
from constrained.automata import net_walk
from constrained.automata.dfa import DEAD, MANY, NONE, REFUSES, START
from constrained.closures import Closer, Closure, Config, leave
from constrained.deadline import look
from constrained.grammar import Control, Metered, Switch, Symbol, Terminal
from constrained.net import Fronts, Net
from constrained.refused_ahead import RefusedAhead
from constrained.rests import Forks, Rest, Tally, ended
from constrained.state import Places, State, Words, key_of

MOST_PLACES = 64  # that a kernel carries; more are read byte by byte
_STATE, _LIST, _STEP, _EDGE = 800, 400, 100, 600  # bytes of each, with what it holds alone


class Metering(Protocol):
    """What becomes of states at the end of a token; see metering.py."""

    def after_token(self, state: "State") -> "State | None":
        """`state`, in which a token has ended; None if there is no way on."""
        ...

    def is_tight(self, symbol: Metered, row: int) -> bool:
        """May a token from `row` leave too few?"""
        ...

    def tokens(self, symbol: Metered, row: int, rest: Rest) -> tuple[Words, bool]:
        """(W,) tokens that may come; are there others, behind which stand texts that decide what follows?"""
        ...

    def forget(self) -> None:
        """Drop what was found."""
        ...


class _Scratch(threading.local):
    """Where a kernel leaves the places that it has reached; made once for each thread."""

    def __init__(self) -> None:
        self.reached = np.empty((2, MOST_PLACES, 2), np.int64)


_scratch = _Scratch()


class _Opening:
    """What stands in front of rests, for the net; it does not know the states, which know the net."""

    def __init__(self, closer: Closer, closures: dict[Rest, Closure]) -> None:
        self._closer = closer
        self._closures = closures

    def fronts(self, rest: Rest) -> tuple[Fronts, int]:
        """What stands in front of a rest where no text is open, with its flags; the net remembers it."""
        symbol, below = rest.symbol, rest.below
        if isinstance(symbol, Terminal | Switch) and below is not None and symbol.automaton.label(START) == REFUSES:
            return [((symbol, START), below)], net_walk.SPECIAL * below.watched
        closure = self._closures.get(rest) or self._closer.closed(rest, None)
        special = not closure.steady or closure.controls or any(one.watched for one in closure.configs.values())
        flags = net_walk.ACCEPTING * closure.accepting + net_walk.BEGINS * closure.begins
        return closure.configs.items(), flags + net_walk.SPECIAL * bool(special)


class States:
    """The interning table and the transition function of one grammar.

    Safe to share between threads: a lost race computes the same value twice.

    States lead to one another, and lists to those that are built on them. Nothing of that leads back here: so when
    the last matcher is gone, these are gone, and what is left is taken apart. Python's collector need not find it.
    """

    def __init__(self, start: Symbol) -> None:
        self.tally = Tally()
        self.end = Rest(None, None, self.tally)
        self.forks = Forks()
        self._closer = Closer(self.forks)
        self._states: dict[object, State] = {}
        self._closures: dict[Rest, Closure] = {}  # at the beginning of a tape
        self.refused = RefusedAhead()
        self._lock = Lock()
        self._opening = _Opening(self._closer, self._closures)
        self.net = Net(self._opening.fronts)
        self.make_metering: Callable[[States], Metering] | None = None
        self._metering: Metering | None = None
        self.start = self.before(start)

    def __del__(self) -> None:
        remains.keep(_ended(self._states, self._closures, self.forks, self.net, self.end))

    def __len__(self) -> int:
        return len(self._states)

    @property
    def metering(self) -> Metering:
        """For grammars with `Metered` terminals."""
        if self._metering is None:
            assert self.make_metering is not None, "tokens are counted, and nobody counts them"
            self._metering = self.make_metering(self)
        return self._metering

    @property
    def size(self) -> int:
        """Bytes of all that is memoised here, roughly (measured: benchmarks/long_text.py, for Lark and for JSON)."""
        tally, edges = self.tally, len(self.net.edges)
        counted = _STATE * len(self._states) + _LIST * tally.lists + _STEP * tally.steps + _EDGE * edges
        return counted + self.forks.size + sum(memory.size for memory in self._closer.memories)

    def forget(self) -> None:
        """Drop everything memoised; states in use stay valid, they are just not shared any more."""
        with self._lock:
            for state in [*self._states.values(), self.start]:
                state.forget()
            self._states.clear()
            self._closures.clear()
            self.forks.forget()
            for memory in self._closer.memories:
                memory.forget()
            self.refused.forget()
            if self._metering is not None:
                self._metering.forget()
            self.net = Net(self._opening.fronts)
            for rest in [*(rest for _, _, rest in self.start.configs), *(rest for _, rest in self.start.controls)]:
                rest.forget()
            self.end.forget()
            self.tally.clear()

    # ------------------------------------------------------------------ closures

    def close(self, rest: Rest, tape: bytes | None) -> Closure:
        """What may stand in front of `rest`; `tape`: the bytes read since the oldest open text began."""
        found = self._closures.get(rest)
        if found is None or (tape and found.begins):
            found = self._closer.closed(rest, tape)
            if found.steady and not (tape and found.begins):
                self._closures[rest] = found
        return found

    def before(self, symbol: Symbol) -> State:
        """The state in which a text of `symbol`, and nothing else, begins."""
        return self._state(self.close(self.end.push(symbol), None), None)

    # ------------------------------------------------------------------ transitions

    def read(self, state: State, text: bytes) -> State | None:
        """The state after `text`; None when it is refused."""
        return self.read_part(state, np.frombuffer(bytearray(text), np.uint8), 0, len(text))

    def read_token(self, state: State, text: bytes) -> State | None:
        """The state after a token that spells `text`; None when it is refused."""
        after = self.read(state, text)
        return self.after_token(after) if after is not None and self.net.counts_tokens else after

    def after_token(self, state: State) -> State | None:
        """`state`, in which a token has ended; None if none can end there."""
        return self.metering.after_token(state)

    def with_configs(self, state: State, configs: Iterable[Config]) -> State | None:
        """`state` with other configurations; None if it has none, and is no end."""
        net, places = self._number(configs)
        if not (len(places) or state.controls or state.accepting):
            return None
        return self._if_alive(self._interned(net, places, state.controls, state.accepting, state.tape))

    def read_part(self, state: State, text: NDArray[np.uint8], begin: int, end: int) -> State | None:
        """The state after `text[begin:end]`; None when it is refused."""
        after: State | None = state
        while begin < end and after is not None:
            if after.watched:
                after, begin = self.step(after, int(text[begin])), begin + 1
            else:
                after, begin = self._run(after, text, begin, end)
        return after

    def _run(self, state: State, text: NDArray[np.uint8], begin: int, end: int) -> tuple[State | None, int]:
        """Read some of `text[begin:end]`, at least one byte: the state after it, and how far it came."""
        reached = _scratch.reached
        net, start = self.numbered(state)
        begun, here = -1, begin
        while True:
            status, place, side, count, accepting, began, missing, label = net_walk.read(
                *net.tables, text, here, end, start, state.tape is not None or begun >= 0, reached
            )
            begun = began if began >= 0 else begun
            if status != net_walk.MISSING:
                break
            if place > here:  # go on from there
                start, here = reached[side, :count].copy(), place
            net.fill(missing, label)
        if status == net_walk.REFUSED:
            return None, place
        if place > begin:
            tape = text[begun:place].tobytes() if begun >= 0 else (state.tape or b"") + text[begin:place].tobytes()
            state = self._reached(net, reached[side, :count], accepting, tape)
        if status == net_walk.STOPPED:
            return self.step(state, int(text[place])), place + 1
        return state, place

    def numbered(self, state: State) -> tuple[Net, Places]:
        """The configurations of `state`, by their numbers in the net in use."""
        net = state.net
        return (net, state.places) if net is not None and net is self.net else self._number(state.configs)

    def _number(self, configs: Iterable[Config]) -> tuple[Net, Places]:
        net = self.net
        numbers = sorted((net.edge(symbol, rest), row) for symbol, row, rest in configs)
        return net, np.array(numbers, np.int64).reshape(-1, 2)

    def step(self, state: State, byte: int) -> State | None:
        """The state after one byte; None when it is refused."""
        known = state.by_byte
        if known is None:
            known = state.by_byte = {}
        if byte not in known:
            look()
            self.tally.steps += 1
            known[byte] = self._if_alive(self._step(state, byte))
        return known[byte]

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
                merged.merge(self.close(leave(symbol, label, rest), tape))
        if merged.is_empty:
            return None
        return self._state(self._closer.settle(merged), tape)

    def pass_control(self, state: State, token: int) -> State | None:
        """The state after control token `token`; None when it is refused."""
        merged = Closure()
        for control, rest in state.controls:
            if token in control.tokens:
                merged.merge(self.close(rest, state.tape))
        if merged.is_empty:
            return None
        return self._if_alive(self._state(self._closer.settle(merged), state.tape))

    # ------------------------------------------------------------------ interning

    def _state(self, closure: Closure, tape: bytes | None) -> State:
        """The state of a closure. The tape is kept exactly while a text is open."""
        captures = False
        configs: list[Config] = []
        for (symbol, row), rest in closure.configs.items():
            captures |= rest.captures
            configs.append((symbol, row, rest))
        for rest in closure.controls.values():
            captures |= rest.captures
        tape = (tape or b"") if captures else None
        net, places = self._number(configs)
        return self._interned(net, places, tuple(closure.controls.items()), closure.accepting, tape)

    def _interned(
        self,
        net: Net,
        places: Places,
        controls: tuple[tuple[Control, Rest], ...],
        accepting: bool,
        tape: bytes | None,
    ) -> State:
        key = key_of(net, places, accepting, tape)
        found = self._states.get((key, frozenset(controls)) if controls else key)
        if found is None:
            fresh = State(net, places, controls, accepting, tape)
            found = self._states.setdefault((key, frozenset(controls)) if controls else key, fresh)
        return found

    def _reached(self, net: Net, places: Places, accepting: bool, tape: bytes) -> State:
        """The state at places (a kernel's, to be copied), of which none is watched or has control tokens in front."""
        numbers: list[list[int]] = places.tolist()
        held = tape if any(net.edges[edge][1].captures for edge, _ in numbers) else None
        key = key_of(net, places, accepting, held)
        found = self._states.get(key)
        if found is None:
            found = self._states.setdefault(key, State(net, places.copy(), (), accepting, held))
        return found

    # ------------------------------------------------------------------ refused texts

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
            towards = None if here.alive else self.refused.ways_towards(here)
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
            towards = self.refused.ahead(state, rest)
            if not towards and symbol.automaton.only_byte(row) == MANY:
                return None
            readable = symbol.automaton.reads(row)
            if len(readable) > len(towards) + 1:
                return None
            possible.update(byte for byte in readable if byte not in towards or self.step(state, byte) is not None)
        return possible.pop() if len(possible) == 1 else None


# ---------------------------------------------------------------------- when nobody uses them any more


def _ended(
    states: dict[object, State], closures: dict[Rest, Closure], forks: Forks, net: Net, end: Rest
) -> remains.Ending:
    """Let states let go of those that come next, and lists of those that are built on them."""
    while states:
        states.popitem()[1].end()
        yield
    yield from remains.emptied(closures)
    yield from net.end()
    yield from ended([*forks.end(), end])
