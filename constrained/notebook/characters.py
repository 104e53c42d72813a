"""A grammar's states between two characters, and what leads from one to the next.

    {"a": x      the state after `x` has an edge [y] to the next, and an edge ["] to the one behind the string

States inside of a character are passed over: an edge is a set of characters, however many bytes they
have. States that differ in a count or in what was captured alone are one (`known`): a picture does not
count. Two limits hold: on all states, and on those of one terminal, where one way out is followed
nevertheless, so that what comes behind it is seen.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from constrained.automata.code_points import BEYOND, Ranges, merge
from constrained.automata.counted import Counted
from constrained.automata.dfa import START
from constrained.grammar import Automaton
from constrained.states import State, States

MEMBERS = 100  # states of one terminal that are entered

_INSIDE = [bytes((byte,)) for byte in range(0x80, 0xC0)]  # bytes that go on with a character
_CONTINUATIONS = ((0xF0, 3), (0xE0, 2), (0xC2, 1))  # lead byte from .. up -> bytes that follow it


@dataclass(slots=True)
class Edges:
    """The ways out of one state: characters, as ranges, and control tokens."""

    characters: dict[State, Ranges] = field(default_factory=dict[State, Ranges])
    controls: dict[State, frozenset[int]] = field(default_factory=dict[State, frozenset[int]])

    def targets(self) -> Iterator[State]:
        """The states they lead to."""
        yield from dict.fromkeys([*self.characters, *self.controls])


class Walk:
    """Breadth first through the states between two characters."""

    def __init__(self, states: States, limit: int) -> None:
        self._states = states
        self._limit = limit
        self._found: dict[State, Edges] = {}
        self._todo: list[State] = []
        self._members: dict[object, int] = {}
        self._inside: dict[tuple[State, int], dict[State, Ranges]] = {}
        self._alike: dict[object, State] = {}

    def edges(self) -> dict[State, Edges]:
        """The ways out of every state that was entered; what they lead to may lie beyond a limit."""
        self._enter([self._states.start])
        for state in self._todo:
            self._found[state] = edges = Edges(self._characters(state), self._controls(state))
            for target in edges.targets():
                if target not in self._found and len(self._found) < self._limit:
                    self._meet(target)
        return self._found

    def _enter(self, states: Iterable[State]) -> None:
        for state in states:
            if state not in self._found:
                self._found[state] = Edges()
                self._todo.append(state)

    def _meet(self, state: State) -> None:
        """Enter `state`, unless many of its terminal were; with the last of those goes a way out of the terminal."""
        key = occurrence(state)
        self._members[key] = count = self._members.get(key, 0) + 1
        if key is None or count < MEMBERS:
            self._enter([state])
        elif count == MEMBERS:
            self._enter([state, *self._way_out(state)])

    def _way_out(self, state: State) -> Iterator[State]:
        """The states on the shortest way to the end of a terminal, between characters."""
        symbol, row, _ = state.configs[0]
        text = symbol.automaton.completion(row)
        after: State | None = state
        for place, byte in enumerate(text):
            after = after and self._step(after, byte)
            if after is not None and text[place + 1 : place + 2] not in _INSIDE:
                yield after

    def _step(self, state: State, byte: int) -> State | None:
        """As `States.step`, to states that are `known`."""
        after = self._states.step(state, byte)
        return None if after is None else self.known(after)

    def known(self, state: State) -> State:
        """The first state that was met of those that differ in a count or in what was captured alone."""
        if state.tape is None and not counts(state):
            return state
        configs = frozenset((symbol, _uncounted(symbol.automaton, row), rest) for symbol, row, rest in state.configs)
        return self._alike.setdefault((configs, state.controls, state.accepting), state)

    def _characters(self, state: State) -> dict[State, Ranges]:
        ranges: dict[State, list[tuple[int, int]]] = {}
        for byte in _readable(state):
            after = self._step(state, byte)
            if after is None:
                continue
            count = next((count for lead, count in _CONTINUATIONS if byte >= lead), 0)
            if byte < 0x80:
                ranges.setdefault(after, []).append((byte, byte))
            elif not count:  # no beginning of a character: a grammar of raw bytes
                ranges.setdefault(after, []).append((BEYOND + byte, BEYOND + byte))
            else:
                first = (byte & (0x3F >> count)) << 6 * count
                for target, inside in self._rest_of_character(after, count).items():
                    ranges.setdefault(target, []).extend((first + low, first + high) for low, high in inside)
        return {target: merge(pairs) for target, pairs in ranges.items()}

    def _rest_of_character(self, state: State, count: int) -> dict[State, Ranges]:
        """`count` more bytes of a character: where they lead, and with which of its last bits."""
        if count == 0:
            return {state: ((0, 0),)}
        known = self._inside.get((state, count))
        if known is None:
            ranges: dict[State, list[tuple[int, int]]] = {}
            for byte in range(0x80, 0xC0):
                after = self._step(state, byte)
                if after is not None:
                    first = (byte & 0x3F) << 6 * (count - 1)
                    for target, inside in self._rest_of_character(after, count - 1).items():
                        ranges.setdefault(target, []).extend((first + low, first + high) for low, high in inside)
            known = self._inside[state, count] = {target: merge(pairs) for target, pairs in ranges.items()}
        return known

    def _controls(self, state: State) -> dict[State, frozenset[int]]:
        found: dict[State, frozenset[int]] = {}
        for control, _ in state.controls:
            for token in control.tokens:
                after = self._states.pass_control(state, token)
                if after is not None:
                    found[after] = found.get(after, frozenset()) | {token}
        return found


def counts(state: State) -> bool:
    """Is the state in the middle of something that has a count?"""
    return any(isinstance(symbol.automaton, Counted) for symbol, _, _ in state.configs)


def _uncounted(automaton: Automaton, row: int) -> int:
    """A row, or a counted row without the part of the count that only an upper bound looks at."""
    if not isinstance(automaton, Counted):
        return row
    row, count = automaton.split(row)
    return row + automaton.meter.dfa.rows * min(count, automaton.low)


def _readable(state: State) -> list[int]:
    """The bytes that some configuration of `state` reads, ascending."""
    return sorted({byte for symbol, row, _ in state.configs for byte in symbol.automaton.reads(row)})


def occurrence(state: State) -> object:
    """Which terminals, before what, `state` is in the middle of; None if it begins one or has controls."""
    if state.controls or not state.configs or any(row == START for _, row, _ in state.configs):
        return None
    return frozenset((symbol, rest) for symbol, _, rest in state.configs), state.accepting
