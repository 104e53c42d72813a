"""How objects are written: the moves of the object automaton (object_states.py) as grammar nodes.

    { --> ObjectNode(state) --> "key" : value --> ObjectNode(state after it) --> ... --> }

Declared keys are one labelled automaton (a `Switch`); undeclared keys are one `ExtraKey` per class of
keys that the patterns treat alike, captured so that no key comes twice.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import isinf
from typing import TYPE_CHECKING

from constrained.automata.algebra import literals
from constrained.grammar import UNKNOWN, Captured, Node, Sequence, Switch
from grammars.json_schema.extra_keys import KeyClass
from grammars.json_schema.literals import Shape
from grammars.json_schema.object_states import Members, ObjectState
from grammars.json_schema.objects import Obj

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer

_MOST_NODES = 20_000  # interned per plan, before they are dropped


class ObjectPlan(Members):
    """How the objects of one alternative are written."""

    def __init__(self, obj: Obj, writer: "Writer") -> None:
        super().__init__(obj, writer)
        self._nodes: dict[ObjectState, ObjectNode] = {}

    def sequence(self) -> Sequence:
        """How one is written."""
        return (self.writer.marks.open_object, self.node(self.start))

    def node(self, state: ObjectState) -> "ObjectNode":
        """What follows from `state`; one object per state."""
        found = self._nodes.get(state)
        if found is None:
            if len(self._nodes) >= _MOST_NODES:
                self._nodes.clear()
            found = self._nodes[state] = ObjectNode(self, state)
        return found

    def extras(self, state: ObjectState) -> Iterator["ExtraKey"]:
        """The undeclared keys that may come next, each with what follows it."""
        for keys, shape, after in self.undeclared(state):
            if (key := ExtraKey.of(self, keys, shape, after)) is not None:
                yield key

    def shortest(self) -> bytes:
        """A shortest such object."""
        return self.writer.text(self.writer.marks.open_object) + self.node(self.start).shortest()


_Move = tuple[float, bool, bytes, Shape, ObjectState]  # its size, is it spare?, key, value, the state after it


class ObjectNode(Node):
    """The members from some state on, and the closing brace."""

    __slots__ = ("_expanded", "plan", "state")

    def __init__(self, plan: ObjectPlan, state: ObjectState) -> None:
        self.plan = plan
        self.state = state
        self._expanded: tuple[Sequence, ...] | None = None

    def expand(self) -> tuple[Sequence, ...]:
        """Close, a declared key, or an undeclared one."""
        if self._expanded is None:
            with self.plan.writer.lock:
                self._expanded = tuple(self._sequences())
        return self._expanded

    def _sequences(self) -> Iterator[Sequence]:
        plan, state = self.plan, self.state
        marks = plan.writer.marks
        if plan.may_close(state):
            yield (marks.close_empty_object if state.first else marks.close_object,)
        before: Sequence = () if state.first else (marks.comma,)
        labels: dict[bytes, int] = {}
        targets: list[Sequence] = []
        for place, shape, after in plan.members(state):
            key = plan.written[place]
            value: Sequence = (marks.colon, plan.writer.node(shape), plan.node(after))
            if key is None:
                continue
            if key in labels:  # a second way to read the same key: its own switch
                yield (*before, Switch(literals({key: 0}), (value,), "key"))
            else:
                labels[key] = len(targets)
                targets.append(value)
        if labels:
            yield (*before, Switch(literals(labels, minimal=False), tuple(targets), "key"))
        for extra in plan.extras(state):
            yield (*before, extra)

    def shortest(self) -> bytes:
        """A shortest way to close the object."""
        with self.plan.writer.lock:
            return self._shortest()

    def _shortest(self) -> bytes:
        plan, writer, marks = self.plan, self.plan.writer, self.plan.writer.marks
        text, state = b"", self.state
        while not plan.may_close(state):
            moves = [*self._declared_moves(state)]
            if all(isinf(size) for size, *_ in moves):
                moves += self._extra_moves(state)
            _, _, key, shape, after = min(moves, key=lambda move: (isinf(move[0]), move[1], move[0]))
            text += b"" if state.first else writer.text(marks.comma)
            text += key + writer.text(marks.colon) + writer.shortest(shape)
            state = after
        return text + writer.text(marks.close_empty_object if state.first else marks.close_object)

    def _declared_moves(self, state: ObjectState) -> Iterator[_Move]:
        """The declared keys that lead on towards the end."""
        plan = self.plan
        missing = plan.missing(state)
        for place, shape, after in plan.members(state):
            key = plan.written[place]
            needed = bool(missing >> place & 1) or len(after.pending) < len(state.pending)
            if key is not None and (needed or state.count < plan.obj.low):
                yield len(key) + plan.writer.length(shape), not needed, key, shape, after

    def _extra_moves(self, state: ObjectState) -> Iterator[_Move]:
        """The undeclared keys that do."""
        for extra in self.plan.extras(state):
            needed = len(extra.after.pending) < len(state.pending)
            if needed or state.count < self.plan.obj.low:
                key = extra.shortest_key()
                after = replace(extra.after, extras=extra.after.extras | {key})
                yield len(key) + self.plan.writer.length(extra.shape), not needed, key, extra.shape, after


class ExtraKey(Captured):
    """An undeclared key with its value; afterwards it may not come again."""

    __slots__ = ("_doomed", "_plan", "_value", "after", "body", "endless", "keys", "shape")

    def __init__(
        self, plan: ObjectPlan, keys: KeyClass, doomed: frozenset[bytes], shape: Shape, after: ObjectState
    ) -> None:
        terminal = keys.terminal(after.extras | doomed)
        self.body = () if terminal is None else (terminal,)
        self._doomed = doomed
        self.endless = keys.endless
        self.shape = shape
        self.after = after
        self._plan = plan
        self.keys = keys
        self._value: Sequence = (plan.writer.marks.colon, plan.writer.node(shape))

    @classmethod
    def of(cls, plan: ObjectPlan, keys: KeyClass, shape: Shape, after: ObjectState) -> "ExtraKey | None":
        """The extra keys of a class that have not come; None when there are none left."""
        found = cls(plan, keys, plan.doomed(keys, after), shape, after)
        return found if found.body else None

    def then(self, text: bytes) -> Sequence | None:
        """Its value, and the members after it."""
        if text in self._plan.keys or text in self.after.extras or text in self._doomed:
            return None
        return (*self._value, self._plan.node(replace(self.after, extras=self.after.extras | {text})))

    def sketch(self) -> Sequence:
        """Its value; the members after it depend on the key."""
        return (*self._value, UNKNOWN)

    def refused(self) -> frozenset[bytes]:
        """The declared keys, those that came before, and those that others must leave to conditions."""
        return self.after.extras.union(self._plan.keys, self._doomed)

    @property
    def slack(self) -> int | None:
        """None is needed: what comes later misses the shortest key most. Conditions may want a certain key."""
        return None if self._plan.obj.exists else 0

    def shortest_key(self) -> bytes:
        """A shortest key that may come."""
        return self.keys.shortest(self.refused())
