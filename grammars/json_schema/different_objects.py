"""How an object is written that must differ from others (rivals.py): while it may still be one of them.

    { --> DifferentMembers --> key : DifferentValue --> which value was it?
                                       some rivals have it --> DifferentMembers of these
                                       none has it         --> ObjectNode: nothing is left to be minded

An item of an array with `uniqueItems` is such an object, and what came before are its rivals. Behind the first value
that tells it from all of them it is written as any object of the plan, by the same nodes, so what is known of these
is used again.

Invariant: from no state an object is reached that is complete and one of its rivals, and from every state one can be
reached that is none of them (`can_differ`). So the values are left out after which the object would be the same
whatever followed (`_spoiled`), and the keys that have no other.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from constrained.automata.algebra import literals
from constrained.automata.chosen import Chosen
from constrained.grammar import UNKNOWN, Captured, Node, Outline, Rule, Seen, Sequence, Switch, Symbol, Unknown
from grammars.json_schema.extra_keys import KeyClass
from grammars.json_schema.limits import HEAVIEST
from grammars.json_schema.literals import Shape
from grammars.json_schema.object_conditions import doomed
from grammars.json_schema.object_differences import can_differ, ending_apart, foreign_keys, variety_ahead
from grammars.json_schema.object_nodes import ExtraKey, ObjectPlan
from grammars.json_schema.object_states import ObjectState
from grammars.json_schema.object_ways import Obj
from grammars.json_schema.options import Whitespace, punctuation
from grammars.json_schema.rivals import Rivals
from grammars.json_schema.ropes import Rope, joined, written
from grammars.json_schema.values import Value, as_compared, parse_value

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer

_BEGINS = Unknown(literals([b'"']))  # a key


class DifferentObjects:
    """The objects of a plan that are none of some rivals."""

    def __init__(self, plan: ObjectPlan, rivals: Rivals) -> None:
        self.plan = plan
        self.rivals = rivals
        self._nodes: dict[tuple[ObjectState, Rivals], DifferentMembers] = {}
        self._values: dict[tuple[str, Shape, ObjectState, Rivals], Sequence | None] = {}

    @property
    def obj(self) -> Obj:
        """What all objects of the plan have in common."""
        return self.plan.obj

    def alive(self) -> bool:
        """Is there any such object that can be written?"""
        weight = self.weight()
        return weight is not None and weight <= HEAVIEST

    def weight(self) -> int | None:
        """How many values such an object holds at least, roughly; None where there is no such object."""
        weight = self.plan.weight()
        return weight if weight is not None and can_differ(self.plan, self.plan.start, self.rivals) else None

    def children(self) -> Iterator[Shape]:
        """The shapes that values may have."""
        return self.plan.children()

    def variety(self, enough: int) -> int:
        """How many such objects there are, counted up to `enough`; never more than there are, if there is one."""
        return max(1, self.plan.variety(enough + len(self.rivals)) - len(self.rivals))

    @property
    def is_settled(self) -> bool:
        """Never: it differs by a value of a choice."""
        return False

    def told_by(self, writer: "Writer") -> "DifferentObjects":
        """The same, as another writer sees it."""
        return DifferentObjects(self.plan.told_by(writer), self.rivals)

    def bound(self) -> int:
        """No such object has fewer bytes."""
        return self.plan.bound()

    def text(self) -> Rope:
        """A shortest such object."""
        opened = self.plan.writer.text(self.plan.writer.marks.open_object)
        return joined([opened, ending_apart(self.plan, self.plan.start, self.rivals)])

    def sequence(self) -> Sequence:
        """How one is written."""
        return self.plan.writer.marks.open_object, self.node(self.plan.start, self.rivals)

    def node(self, state: ObjectState, rivals: Rivals) -> "DifferentMembers":
        """The members from `state` on, where these have all that was read; one object for the same."""
        key = state, rivals
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = DifferentMembers(self, state, rivals)
        return found

    # ------------------------------------------------------------------ moves

    def may_close(self, state: ObjectState, rivals: Rivals) -> bool:
        """May the object end here?"""
        return self.plan.may_close(state) and not rivals.completes(rivals.read)

    def keys(self, state: ObjectState, rivals: Rivals) -> Iterator[Symbol]:
        """The keys that may come next, with all that follows."""
        plan, ways = self.plan, dict[int, Sequence | _Move]()
        for place, shape, after in plan.moves(state):
            move, label = _Move(self, plan.names[place], shape, after, rivals), plan.labels[place]
            value = move if self.is_free(after, rivals) else move.sequence()
            if value is None:
                continue
            if label in ways:  # a second way to read the same key: its own switch
                one = value.sequence() if isinstance(value, _Move) else value
                assert one is not None
                yield Switch(literals([plan.texts.texts[label]]), (one,), "key")
            else:
                ways[label] = value
        if ways:
            yield Switch(Chosen(plan.texts, frozenset(ways)), _Targets(self, ways), "key")
        for keys, shape, after in plan.undeclared(state):
            key = DifferentKey(self, keys, shape, after, rivals)
            if key.body:
                yield key

    def is_free(self, after: ObjectState, rivals: Rivals) -> bool:
        """Can the object still differ after a member, whatever its value was and whoever has it?"""
        return variety_ahead(self.plan, after) > len(rivals)

    def value(self, name: str, shape: Shape, after: ObjectState, rivals: Rivals) -> Sequence | None:
        """What follows a key: the colon, its value, and the other members. None where no value is left."""
        key = name, shape, after, rivals
        if key not in self._values:
            self._values[key] = self._value(*key)
        return self._values[key]

    def _value(self, name: str, shape: Shape, after: ObjectState, rivals: Rivals) -> Sequence | None:
        writer = self.plan.writer
        if not rivals.has(name):
            return (writer.marks.colon, writer.node(shape), *self.onwards(after))
        spoiled = self._spoiled(name, after, rivals)
        left = writer.shapes.both(shape, writer.shapes.among(spoiled, False))
        if spoiled and not writer.alive(left):
            return None
        if spoiled == rivals.values(name):
            return (writer.marks.colon, writer.node(left), *self.onwards(after))
        return (writer.marks.colon, DifferentValue(self, name, left, after, rivals))

    def _spoiled(self, name: str, after: ObjectState, rivals: Rivals) -> frozenset[Value]:
        """The values of a key after which the object could not differ any more."""
        if self.is_free(after, rivals):
            return frozenset()
        return frozenset(
            value
            for value in rivals.values(name)
            if (left := rivals.having(name, value)) is not None and not can_differ(self.plan, after, left)
        )

    def onwards(self, after: ObjectState) -> Sequence:
        """The members from `after` on, where the object differs whatever they are."""
        plan = self.plan
        if not plan.remembers:
            return (plan.node(after),)
        return plan.node(replace(after, extras=frozenset())), Seen(after.extras)

    def sketch(self, after: ObjectState, rivals: Rivals) -> Sequence:
        """What follows a value that some rivals have, and others: as far as it is the same."""
        whitespace, goes_on = self.plan.writer.options.whitespace, self.is_free(after, rivals)
        if not self.plan.may_close(after):
            return _behind_value(whitespace, None, True)
        return _behind_value(whitespace, not rivals.completes(rivals.read + 1), goes_on)


@lru_cache(maxsize=64)
def _behind_value(whitespace: Whitespace, closes: bool | None, goes_on: bool) -> Sequence:
    """The end of the object, always, or perhaps, or never (None); and a comma and a key, always or perhaps."""
    marks = punctuation(whitespace)
    ways: list[Sequence] = [(marks.comma, _BEGINS) if goes_on else (Unknown(marks.comma.automaton),)]
    if closes is not None:
        ways.append((marks.close_object if closes else Unknown(marks.close_object.automaton),))
    return ways[0] if len(ways) == 1 else (Rule("behind a value", tuple(ways)),)


class _Move:
    """One key that may come next, with what follows it, which is made when the key is written."""

    __slots__ = ("_after", "_name", "_of", "_rivals", "_shape")

    def __init__(self, of: DifferentObjects, name: str, shape: Shape, after: ObjectState, rivals: Rivals) -> None:
        self._of, self._name, self._shape, self._after, self._rivals = of, name, shape, after, rivals

    def sequence(self) -> Sequence | None:
        """What follows the key."""
        return self._of.value(self._name, self._shape, self._after, self._rivals)


class _Targets:
    """What follows the declared keys, by label."""

    def __init__(self, of: DifferentObjects, ways: dict[int, "Sequence | _Move"]) -> None:
        self._of = of
        self._ways = ways

    def __getitem__(self, label: int) -> Sequence:
        way = self._ways[label]
        if isinstance(way, _Move):
            with self._of.plan.writer.lock:
                found = way.sequence()
            assert found is not None, "a value may come that was free"
            way = self._ways[label] = found
        return way


class DifferentMembers(Node):
    """The members from some state on, and the closing brace, where the object may still be one of its rivals."""

    __slots__ = ("_expanded", "_of", "_rivals", "_state")

    def __init__(self, of: DifferentObjects, state: ObjectState, rivals: Rivals) -> None:
        self._of = of
        self._state = state
        self._rivals = rivals
        self._expanded: tuple[Sequence, ...] | None = None

    def expand(self) -> tuple[Sequence, ...]:
        """Close, a declared key, or an undeclared one."""
        if self._expanded is None:
            with self._of.plan.writer.lock:
                self._expanded = tuple(self._sequences())
        return self._expanded

    def _sequences(self) -> Iterator[Sequence]:
        marks, first = self._of.plan.writer.marks, self._state.first
        if self._of.may_close(self._state, self._rivals):
            yield (marks.close_empty_object if first else marks.close_object,)
        for key in self._of.keys(self._state, self._rivals):
            yield (key,) if first else (marks.comma, key)

    def outline(self) -> Outline | None:
        """That of the same members where nothing is to be minded, if keys of the same kinds may come."""
        of, state = self._of, self._state
        with of.plan.writer.lock:
            if not of.is_free(state, self._rivals):
                return None
            closes = of.may_close(state, self._rivals)
            found = of.plan.outline(state, first=state.first, closes=closes)
        return None if found is None else Outline(found.node)

    def shortest(self) -> bytes:
        """A shortest way to close the object."""
        with self._of.plan.writer.lock:
            return written(ending_apart(self._of.plan, self._state, self._rivals))


class DifferentValue(Captured):
    """A value of a key that some rivals have: afterwards, those are rivals that have this value."""

    __slots__ = ("_after", "_name", "_of", "_rivals", "_sketch", "body")

    def __init__(self, of: DifferentObjects, name: str, shape: Shape, after: ObjectState, rivals: Rivals) -> None:
        self.body: Sequence = (of.plan.writer.node(shape),)
        self._of = of
        self._name = name
        self._after = after
        self._rivals = rivals
        self._sketch: Sequence | None = None

    def then(self, text: bytes) -> Sequence | None:
        """The members after this one."""
        with self._of.plan.writer.lock:
            left = self._rivals.having(self._name, as_compared(parse_value(text)))
            return self._of.onwards(self._after) if left is None else (self._of.node(self._after, left),)

    def sketch(self) -> Sequence:
        """Close, or a comma and a key: which of them depends on the value."""
        if self._sketch is None:
            with self._of.plan.writer.lock:
                self._sketch = self._of.sketch(self._after, self._rivals)
        return self._sketch

    def refused(self) -> frozenset[bytes]:
        """Nothing: the shape of the body leaves out the values that may not come."""
        return frozenset()


class DifferentKey(ExtraKey):
    """An undeclared key, which some rivals may have."""

    __slots__ = ("_of", "_rivals")

    def __init__(self, of: DifferentObjects, keys: KeyClass, shape: Shape, after: ObjectState, rivals: Rivals) -> None:
        self._of = of
        self._rivals = rivals
        super().__init__(of.plan, keys, doomed(of.plan, keys, after) | self._spoiled(keys, shape, after), shape, after)

    def _spoiled(self, keys: KeyClass, shape: Shape, after: ObjectState) -> frozenset[bytes]:
        """The keys of rivals that may not come: whatever value they have, the object could not differ any more."""
        of, rivals = self._of, self._rivals
        if of.is_free(after, rivals):
            return frozenset()
        theirs = foreign_keys(of.plan, keys, after, rivals)
        states = {key: of.plan.having(after, frozenset({key})) for key in theirs}
        return frozenset(key for key, then in states.items() if of.value(theirs[key], shape, then, rivals) is None)

    def then(self, text: bytes) -> Sequence | None:
        """Its value, and the members after it."""
        if text in self.refused():
            return None
        plan = self._of.plan
        with plan.writer.lock:
            after = plan.having(self.after, frozenset({text}))
            return self._of.value(json.loads(text), self.shape, after, self._rivals)

    def sketch(self) -> Sequence:
        """The colon, and the value where it may be any: all else depends on the key."""
        if self._of.is_free(self.after, self._rivals):
            return super().sketch()
        return self._of.plan.writer.marks.colon, UNKNOWN

    @property
    def slack(self) -> int | None:
        """Nobody knows: what follows depends on what the rivals have."""
        return None
