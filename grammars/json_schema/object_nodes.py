"""How objects are written: the moves of the object automaton (object_states.py) as grammar nodes.

    { --> ObjectNode(state) --> KeyNode(state) --> : value --> ObjectNode(state after it) --> ... --> }

Declared keys are in one tree, and which of them may come is said beside it (`Chosen`): so it costs the
same at each of the many states that an object with many keys has. What follows a key is made when the
key is written.

Undeclared keys come in classes that the patterns treat alike. Each is a `Fresh`, and what has come is
remembered by a `Seen` around the members, so that states need not say it. Where there are few such keys,
or some must be left for a condition, it matters more which have come: then they are in the state, and
the key is captured (`ExtraKey`).
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from constrained.automata.algebra import literals
from constrained.automata.chosen import Chosen, Texts
from constrained.finishing import of_text
from constrained.grammar import Captured, Completion, Fresh, Node, Outline, Seen, Sequence, Switch, Symbol
from constrained.remains import Ending, emptied
from grammars.json_schema.extra_keys import KeyClass
from grammars.json_schema.key_bits import bits
from grammars.json_schema.literals import Shape
from grammars.json_schema.object_conditions import doomed
from grammars.json_schema.object_endings import brings_along, ending, one_more
from grammars.json_schema.object_outlines import Keys, behind_a_value, kind_of, outline
from grammars.json_schema.object_states import Members, ObjectState
from grammars.json_schema.object_ways import Obj
from grammars.json_schema.ropes import Rope, joined, written

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer

_MOST_NODES = 20_000  # interned per plan, before they are dropped


class ObjectPlan(Members):
    """How the objects of one alternative are written."""

    def __init__(self, obj: Obj, writer: "Writer") -> None:
        super().__init__(obj, writer)
        self._nodes: dict[ObjectState, ObjectNode] = {}
        self._outlines: dict[tuple[bool, bool, bool, bool], Outline | None] = {}

    def end(self) -> Ending:
        """Let the nodes let go of each other."""
        for node in self._nodes.values():
            node.end()
            yield
        yield from emptied(self._nodes)

    def told_by(self, writer: "Writer") -> "ObjectPlan":
        """The same plan, as another writer sees it."""
        return ObjectPlan(self.obj, writer)

    def sequence(self) -> Sequence:
        """How one is written."""
        members = self.writer.marks.open_object, self.node(self.start)
        return (*members, Seen()) if self.remembers else members

    @cached_property
    def remembers(self) -> bool:
        """Does a `Seen` remember the undeclared keys, so that states do not say which have come?"""
        return not self.obj.exists and bool(self.classes) and all(one.endless for one in self.classes)

    @cached_property
    def texts(self) -> Texts:
        """The declared keys as they are written."""
        return Texts(self.keys)

    @cached_property
    def labels(self) -> tuple[int, ...]:
        """Place of a declared key -> its label in `texts`."""
        index = {key: label for label, key in enumerate(self.texts.texts)}
        return tuple(index[key] for key in self.written)

    @cached_property
    def declared(self) -> frozenset[bytes]:
        """The declared keys, as one object."""
        return frozenset(self.keys)

    def node(self, state: ObjectState) -> "ObjectNode":
        """What follows from `state`; one object per state."""
        found = self._nodes.get(state)
        if found is None:
            if len(self._nodes) >= _MOST_NODES:
                self._nodes.clear()
            found = self._nodes[state] = ObjectNode(self, state)
        return found

    def settled(self, state: ObjectState) -> "tuple[ObjectPlan, ObjectState]":
        """The plan and state by which the object is finished in fewest bytes: see object_choices.py."""
        return self, state

    def value(self, shape: Shape, after: ObjectState) -> Sequence:
        """What follows a key."""
        return (self.writer.marks.colon, self.writer.node(shape), self.node(after))

    def having(self, state: ObjectState, keys: frozenset[bytes]) -> ObjectState:
        """`state`, saying that these undeclared keys have come."""
        return replace(state, extras=state.extras | keys)

    def extras(self, state: ObjectState) -> Iterator["ExtraKey"]:
        """The undeclared keys that may come next, each with what follows it, and `state` saying which have come."""
        for keys, shape, after in self.undeclared(state):
            if (key := ExtraKey.of(self, keys, shape, after)) is not None:
                yield key

    def key_symbols(self, state: ObjectState) -> Iterator[Symbol]:
        """The keys that may come next, with all that follows."""
        yield from self._declared_symbols(state)
        if not self.remembers:
            yield from self.extras(state)
            return
        for keys, shape, after in self.undeclared(state):
            body = keys.terminal(frozenset())
            if body is not None:
                yield Fresh(body, self.declared, self.value(shape, after))

    def _declared_symbols(self, state: ObjectState) -> Iterator[Symbol]:
        if self.is_simple:
            chosen = frozenset(self.labels[place] for place in self.next_places(state))
            if chosen:
                yield Switch(Chosen(self.texts, chosen), _SimpleTargets(self, state), "key")
            return
        ways: dict[int, tuple[Shape, ObjectState]] = {}
        for place, shape, after in self.members(state):
            label = self.labels[place]
            if label in ways:  # a second way to read the same key: its own switch
                yield Switch(literals([self.texts.texts[label]]), (self.value(shape, after),), "key")
            else:
                ways[label] = shape, after
        if ways:
            yield Switch(Chosen(self.texts, frozenset(ways)), _Targets(self, ways), "key")

    @cached_property
    def _is_outlined(self) -> bool:
        """Are outlines known of the members of these objects?"""
        return self.is_simple and (self.remembers or not self.classes)

    @cached_property
    def _kind_declared(self) -> Keys:
        """Of the declared keys, whichever of them may come."""
        return kind_of(self.declared)

    @cached_property
    def _kind_undeclared(self) -> Keys:
        """Of the undeclared keys."""
        possible = [one for one in self.classes if self.writer.alive(one.shape)]
        everything = any(one.names.is_everything for one in possible)
        return Keys.ANY if everything else Keys.SOME if possible else Keys.NONE

    def _offers(self, state: ObjectState) -> bool:
        """Where the object is simple: may any declared key come next?"""
        plainly = self._possible >> state.place << state.place & ~state.seen
        return bool(plainly) or any(map(self.possible, self.ahead(state)))

    def outline(self, state: ObjectState, *, first: bool, closes: bool) -> Outline | None:
        """Of the members that may follow from `state`, the comma left aside if `first`."""
        if not self._is_outlined:
            return None
        come = self._offers(state)
        undeclared = not self.ordered or not self.missing(state)
        key = first, closes, come, undeclared
        if key not in self._outlines:
            self._outlines[key] = self._outline(*key)
        return self._outlines[key]

    def _outline(self, first: bool, closes: bool, come: bool, undeclared: bool) -> Outline | None:
        """The same, given whether any declared keys may `come`, and undeclared ones."""
        extras = self._kind_undeclared if undeclared else Keys.NONE
        declared = self._kind_declared if come else Keys.NONE
        if not (closes or declared or extras):
            return None
        whitespace = self.writer.options.whitespace
        node = outline(whitespace, declared, min(extras, Keys.SOME), first, closes)
        if extras is not Keys.ANY:
            return Outline(node)
        return Outline(node, outline(whitespace, declared, extras, first, closes), self.declared)

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Label of a declared key -> its place."""
        return tuple(self.keys[text] for text in self.texts.texts)

    @property
    def is_settled(self) -> bool:
        """Is no choice of keys better than another for what else must come?"""
        return not (self.obj.exists or brings_along(self, self.start))

    def bound(self) -> int:
        """No such object has fewer bytes."""
        missing = max(0, self.missing(self.start))  # of an object that there is
        needed = [len(self.written[place]) for place in bits(missing)]
        members = max(len(needed), self.obj.low, bool(self.obj.exists))
        return 2 + sum(needed) + 2 * (members - len(needed)) + 2 * members + max(0, members - 1)

    def text(self) -> Rope:
        """A shortest such object."""
        return joined([self.writer.text(self.writer.marks.open_object), ending(self, self.start)])

    def shortest(self) -> bytes:
        """The same, as bytes."""
        return written(self.text())


class _SimpleTargets:
    """What follows the declared keys from some state on, where that depends on the key and the state alone."""

    def __init__(self, plan: ObjectPlan, state: ObjectState) -> None:
        self._plan = plan
        self._state = state

    def __getitem__(self, label: int) -> Sequence:
        plan = self._plan
        place = plan.places[label]
        with plan.writer.lock:
            return plan.value(plan.shape(place), plan.after(self._state, place))


class _Targets:
    """What follows the declared keys, by label: the shape of the value, and the state after it."""

    def __init__(self, plan: ObjectPlan, ways: dict[int, tuple[Shape, ObjectState]]) -> None:
        self._plan = plan
        self._ways = ways

    def __getitem__(self, label: int) -> Sequence:
        with self._plan.writer.lock:
            return self._plan.value(*self._ways[label])


class ObjectNode(Node):
    """The members from some state on, and the closing brace."""

    __slots__ = ("_expanded", "_outlined", "plan", "state")

    def __init__(self, plan: ObjectPlan, state: ObjectState) -> None:
        self.plan = plan
        self.state = state
        self._expanded: tuple[Sequence, ...] | None = None
        self._outlined: tuple[Outline | None] | None = None  # as soon as it was asked for

    def expand(self) -> tuple[Sequence, ...]:
        """Close, a declared key, or an undeclared one."""
        if self._expanded is None:
            with self.plan.writer.lock:
                self._expanded = tuple(self._sequences())
        return self._expanded

    def end(self) -> None:
        """Let go of what stands in it."""
        self._expanded = self._outlined = None

    def _sequences(self) -> Iterator[Sequence]:
        plan, state = self.plan, self.state
        marks = plan.writer.marks
        if plan.may_close(state):
            yield (marks.close_empty_object if state.first else marks.close_object,)
        keys = list(plan.key_symbols(state))
        if state.first:
            yield from ((key,) for key in keys)
        elif keys:
            yield marks.comma, keys[0] if len(keys) == 1 else KeyNode(self, keys)

    def outline(self) -> Outline | None:
        """Whether it may close, and what keys there are."""
        if self._outlined is None:
            plan, state = self.plan, self.state
            with plan.writer.lock:
                self._outlined = (plan.outline(state, first=state.first, closes=plan.may_close(state)),)
        return self._outlined[0]

    def shortest(self) -> bytes:
        """A shortest way to close the object."""
        with self.plan.writer.lock:
            return written(ending(self.plan, self.state))

    def completion_beside(self, seen: frozenset[bytes]) -> Completion:
        """The same, after these undeclared keys."""
        with self.plan.writer.lock:
            return of_text(written(ending(self.plan, self.plan.having(self.state, seen))))


class KeyNode(Node):
    """One more member, behind a comma, and those after it."""

    __slots__ = ("_expanded", "_members", "_outlined")

    def __init__(self, members: ObjectNode, keys: list[Symbol]) -> None:
        self._members = members
        self._expanded: tuple[Sequence, ...] = tuple((key,) for key in keys)
        self._outlined: tuple[Outline | None] | None = None  # as soon as it was asked for

    def expand(self) -> tuple[Sequence, ...]:
        """A declared key, or an undeclared one."""
        return self._expanded

    def outline(self) -> Outline | None:
        """What keys there are."""
        if self._outlined is None:
            plan = self._members.plan
            with plan.writer.lock:
                self._outlined = (plan.outline(self._members.state, first=True, closes=False),)
        return self._outlined[0]

    def shortest(self) -> bytes:
        """A shortest member, and a shortest way to close the object."""
        plan = self._members.plan
        with plan.writer.lock:
            return written(one_more(plan, self._members.state))

    def completion_beside(self, seen: frozenset[bytes]) -> Completion:
        """The same, after these undeclared keys."""
        plan = self._members.plan
        with plan.writer.lock:
            return of_text(written(one_more(plan, plan.having(self._members.state, seen))))


class ExtraKey(Captured):
    """An undeclared key with its value; afterwards it may not come again."""

    __slots__ = ("_doomed", "_plan", "_value", "after", "body", "keys", "shape")

    def __init__(
        self, plan: ObjectPlan, keys: KeyClass, doomed: frozenset[bytes], shape: Shape, after: ObjectState
    ) -> None:
        terminal = keys.terminal(after.extras | doomed)
        self.body = () if terminal is None else (terminal,)
        self._doomed = doomed
        self.shape = shape
        self.after = after
        self._plan = plan
        self.keys = keys
        self._value: Sequence = (plan.writer.marks.colon, plan.writer.node(shape))

    @classmethod
    def of(cls, plan: ObjectPlan, keys: KeyClass, shape: Shape, after: ObjectState) -> "ExtraKey | None":
        """The extra keys of a class that have not come; None when there are none left."""
        found = cls(plan, keys, doomed(plan, keys, after), shape, after)
        return found if found.body else None

    def then(self, text: bytes) -> Sequence | None:
        """Its value, and the members after it."""
        if text in self._plan.keys or text in self.after.extras or text in self._doomed:
            return None
        return (*self._value, self._plan.node(replace(self.after, extras=self.after.extras | {text})))

    def sketch(self) -> Sequence:
        """Its value; the members after it depend on the key."""
        return (*self._value, behind_a_value(self._plan.writer.options.whitespace))

    def least(self) -> Sequence:
        """Its value, and the end of the object."""
        return (*self._value, self._plan.writer.marks.close_object)

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
