"""Objects in another hand than JSON's: the same plans, written with other marks.

    {"city": "Paris", "days": 3}                                    JSON        object_nodes.py
    city='Paris', days=3                                            Python
    <parameter=city>⏎Paris⏎</parameter>⏎<parameter=days>⏎3⏎...      tags

`ObjectPlan` says which member may come when; a `Pen` says how it looks.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Protocol

from constrained.automata.algebra import difference, literals
from constrained.automata.dfa import START, Dfa
from constrained.finishing import joined, of_text
from constrained.grammar import UNKNOWN, Captured, Completion, Sequence, Switch, Terminal
from grammars.json_schema.literals import Shape
from grammars.json_schema.object_nodes import ExtraKey, ObjectPlan
from grammars.json_schema.object_states import ObjectState
from grammars.json_schema.texts import Texts
from grammars.json_schema.values import json_key
from grammars.tools.written import AnyOf, completion_of


class Pen(Protocol):
    """How members are written. `opens` before every key, `between` before all keys but the first."""

    opens: Sequence
    between: Sequence
    closes: Sequence

    def __hash__(self) -> int:
        """Pens are told apart by what they are, not by what they write."""
        ...

    def key(self, name: str) -> bytes:
        """A key as it is written."""
        ...

    def keys(self, names: Texts) -> Dfa:
        """Keys as they are written."""
        ...

    def name(self, key: bytes) -> str:
        """The name that was written as `key`."""
        ...

    def value(self, name: str | None, shape: Shape) -> Sequence:
        """What follows a key: colon and value. The name is None where it is not known yet."""
        ...


class MembersNode(AnyOf):
    """The members from some state on, and the end of the object."""

    __slots__ = ("pen", "plan", "state")

    def __init__(self, plan: ObjectPlan, pen: Pen, state: ObjectState) -> None:
        super().__init__()
        self.plan = plan
        self.pen = pen
        self.state = state

    def sequences(self) -> tuple[Sequence, ...]:
        """Close, a declared key, or an undeclared one."""
        return tuple(self._sequences())

    def after(self, state: ObjectState) -> "MembersNode":
        """The members after this one."""
        return members_of(self.plan, self.pen, state)

    def _sequences(self) -> Iterator[Sequence]:
        plan, pen, state = self.plan, self.pen, self.state
        if plan.may_close(state):
            yield pen.closes
        before: Sequence = pen.opens if state.first else (*pen.between, *pen.opens)
        labels: dict[bytes, int] = {}
        targets: list[Sequence] = []
        for place, shape, after in plan.members(state):
            name = plan.names[place]
            value: Sequence = (*pen.value(name, shape), self.after(after))
            key = pen.key(name)
            if key in labels:  # a second way to read the same key: its own switch
                yield (*before, Switch(literals({key: 0}), (value,), "key"))
            else:
                labels[key] = len(targets)
                targets.append(value)
        if labels:
            yield (*before, Switch(literals(labels, minimal=False), tuple(targets), "key"))
        for extra in plan.extras(state):
            key_terminal = self._undeclared(extra)
            if key_terminal is not None:
                yield (*before, Undeclared(self, extra, key_terminal))

    def _undeclared(self, extra: ExtraKey) -> Terminal | None:
        """The keys that may come, those that came before taken out."""
        gone = [*self.plan.names, *(json.loads(key) for key in sorted(extra.after.extras))]
        left = difference(self.pen.keys(extra.keys.names), literals([self.pen.key(name) for name in gone]))
        return None if left.is_empty else Terminal(left, "key")

    def shortest_way(self) -> Completion:
        """A shortest way to close the object, or nearly."""
        parts: list[Completion] = []
        (plan, state), pen = self.plan.settled(self.state), self.pen
        while not plan.may_close(state):
            parts.append(completion_of(pen.opens if state.first else (*pen.between, *pen.opens)))
            moves = [
                (bool(plan.missing(state) >> place & 1) or len(after.pending) < len(state.pending), place, shape, after)
                for place, shape, after in plan.members(state)
            ]
            if moves:
                _, place, shape, state = max(moves, key=lambda move: move[0])
                key, name = pen.key(plan.names[place]), plan.names[place]
            else:
                extra = min(plan.extras(state), key=lambda one: len(one.after.pending))
                terminal = self._undeclared(extra)
                key, name, shape = b"" if terminal is None else terminal.automaton.completion(START), None, extra.shape
                state = _having(extra.after, pen.name(key))
            parts += [of_text(key), completion_of(pen.value(name, shape))]
        return joined([*parts, completion_of(pen.closes)])


@lru_cache(maxsize=50_000)
def members_of(plan: ObjectPlan, pen: Pen, state: ObjectState) -> MembersNode:
    """One object per state, so that states of the matcher are shared."""
    return MembersNode(plan, pen, state)


def _having(state: ObjectState, name: str) -> ObjectState:
    """`state`, after an undeclared key; plans know keys as JSON writes them."""
    key = json_key(name)
    assert key is not None
    return replace(state, extras=state.extras | {key})


class Undeclared(Captured):
    """An undeclared key with its value; afterwards it may not come again."""

    __slots__ = ("_extra", "_members", "body")

    def __init__(self, members: MembersNode, extra: ExtraKey, key: Terminal) -> None:
        self.body: Sequence = (key,)
        self._members = members
        self._extra = extra

    def then(self, text: bytes) -> Sequence:
        """Its value, and the members after it."""
        name = self._members.pen.name(text)
        after = _having(self._extra.after, name)
        return (*self._members.pen.value(None, self._extra.shape), self._members.after(after))

    def sketch(self) -> Sequence:
        """Its value; the members after it depend on the key."""
        return (*self._members.pen.value(None, self._extra.shape), UNKNOWN)

    def refused(self) -> frozenset[bytes]:
        """Nothing: the body holds only keys that may come."""
        return frozenset()

    @property
    def slack(self) -> int | None:
        """As for a key in JSON."""
        return self._extra.slack
