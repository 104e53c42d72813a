"""Can an object still become another one than its rivals (rivals.py), and what is the shortest way to?

    {"kind": "a", ...     rival {"kind": "a", "id": 1}     "id" has a thousand values: it can, whatever comes first
    {"kind": "a", "id":   the same                         not 1: after it there is nothing left to differ in

Mostly some key must come, or may, that has more values than there are rivals (`variety_ahead`): then nothing that
comes before it matters. Otherwise the members that may follow are tried, in one order: an object is what it is in
whatever order it is written. Each is left out, has a value that no rival has, or one that some have, and then the
same is asked for these.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from grammars.json_schema.extra_keys import KeyClass
from grammars.json_schema.key_bits import bits
from grammars.json_schema.literals import Shape
from grammars.json_schema.object_endings import ending
from grammars.json_schema.object_states import ObjectState
from grammars.json_schema.rivals import Rivals
from grammars.json_schema.ropes import Rope, joined, size
from grammars.json_schema.shortest import Circular
from grammars.json_schema.values import canonical, json_key

if TYPE_CHECKING:
    from grammars.json_schema.object_nodes import ObjectPlan

MANY = 1 << 20  # values of one key: more than an array has items

_MOST_TRIED = 400  # beginnings, in search of a shortest end

_Move = tuple[str, Shape, ObjectState]  # a key, the shape of its value, the state after it


def can_differ(plan: "ObjectPlan", state: ObjectState, rivals: Rivals) -> bool:
    """Can an object that goes on from `state`, in which it can be finished, be none of its rivals?"""
    return _Search(plan).differs(state, rivals)


def variety_ahead(plan: "ObjectPlan", state: ObjectState) -> int:
    """So many objects there are at least that go on from `state`, as one of their keys has so many values."""
    known = replace(state, extras=frozenset()) if plan.remembers else state
    found = plan.varieties.get(known)
    if found is None:
        found = _variety(plan, state)
        if found >= MANY or not plan.writer.is_searching:
            plan.varieties[known] = found
    return found


def _variety(plan: "ObjectPlan", state: ObjectState) -> int:
    writer, missing = plan.writer, plan.missing(state)
    if state.pending or state.live or missing < 0:  # what meets a condition may have no other value
        return 0
    found = max((writer.variety(plan.shape(place), MANY) for place in bits(missing)), default=0)
    if found >= MANY or plan.needs or not plan.can_finish(replace(state, count=plan.more(state))):
        return found
    if any(one.endless and writer.alive(one.shape) for one in plan.classes):
        return MANY
    others = (place for place in plan.ahead(state) if not missing >> place & 1 and plan.possible(place))
    return max((writer.variety(plan.shape(place), MANY) for place in others), default=found)


class _Search:
    """Whether objects can differ: what was found not to is remembered."""

    def __init__(self, plan: "ObjectPlan") -> None:
        self._plan = plan
        self._same = set[tuple[ObjectState, Rivals]]()

    def differs(self, state: ObjectState, rivals: Rivals) -> bool:
        """As `can_differ`; no declared key before `state.place` comes any more."""
        plan = self._plan
        if variety_ahead(plan, state) > len(rivals) or (plan.may_close(state) and not rivals.completes(rivals.read)):
            return True
        if (state, rivals) in self._same:
            return False
        plan.writer.shapes.allowance.check()
        missing = plan.missing(state)
        for place, shape, after in plan.members(state):
            if missing & ((1 << place) - 1):  # one before it must come, and would not
                continue
            if self._by((plan.names[place], shape, replace(after, place=place + 1)), rivals):
                return True
        if missing == 0 and self._by_another_key(state, rivals):
            return True
        self._same.add((state, rivals))
        return False

    def _by_another_key(self, state: ObjectState, rivals: Rivals) -> bool:
        plan, behind = self._plan, len(self._plan.names)
        for keys, shape, after in plan.undeclared(replace(state, place=behind)):
            theirs = foreign_keys(plan, keys, after, rivals)
            others = keys.few(after.extras.union(theirs))
            if others is None or any(plan.can_finish(plan.having(after, frozenset({key}))) for key in others):
                return True
            for key, name in theirs.items():
                then = replace(plan.having(after, frozenset({key})), place=behind)
                if plan.can_finish(then) and self._by((name, shape, then), rivals):
                    return True
        return False

    def _by(self, move: _Move, rivals: Rivals) -> bool:
        """Can the object differ that goes on with this key?"""
        (name, shape, after), writer = move, self._plan.writer
        both, among = writer.shapes.both, writer.shapes.among
        values = rivals.values(name)
        if not values or writer.alive(both(shape, among(values, False))):
            return True
        return any(
            (left := rivals.having(name, value)) is not None and self.differs(after, left)
            for value in values
            if writer.alive(both(shape, among(frozenset({value}))))
        )


def foreign_keys(plan: "ObjectPlan", keys: KeyClass, state: ObjectState, rivals: Rivals) -> dict[bytes, str]:
    """The undeclared keys of rivals that are of a class and have not come: as they are written -> their names."""
    written = {key: name for name in rivals.names() if (key := json_key(name)) is not None and keys.names.has(name)}
    return {key: name for key, name in written.items() if key not in plan.keys and key not in state.extras}


# ---------------------------------------------------------------------- endings


def ending_apart(plan: "ObjectPlan", state: ObjectState, rivals: Rivals) -> Rope:
    """A shortest way to close the object from `state` as none of its rivals.

    Best first: a beginning is followed as long as its rivals may be left behind in fewer bytes. After
    `_MOST_TRIED`, the shortest way that was found is taken. Raises Circular while the values by which it
    could differ have no text yet.
    """
    marks, text = plan.writer.marks, plan.writer.text
    order = count()
    todo: list[tuple[int, int, tuple[Rope, ...], ObjectState, Rivals | None]] = [(0, 0, (), state, rivals)]
    best: tuple[Rope, ...] | None = None
    while todo:
        least, tried, parts, here, left = heappop(todo)
        if left is None or (best is not None and (tried > _MOST_TRIED or least >= _size(best))):
            return joined(parts if best is None else best)
        ways: list[tuple[tuple[Rope, ...], ObjectState, Rivals | None]] = []
        if plan.may_close(here) and not left.completes(left.read):
            ways.append(((*parts, text(marks.close_empty_object if here.first else marks.close_object)), here, None))
        before: tuple[Rope, ...] = parts if here.first else (*parts, text(marks.comma))
        for key, value, after, rest in _members(plan, here, left):
            longer = (*before, key, text(marks.colon), value)
            ways.append(((*longer, ending(plan, after)) if rest is None else longer, after, rest))
        for longer, after, rest in ways:
            if rest is None and (best is None or _size(longer) < _size(best)):
                best = longer
            elif rest is not None:
                heappush(todo, (_size(longer) + size(ending(plan, after)), next(order), longer, after, rest))
    if best is None:
        raise Circular  # an object is begun only where it can differ: by a value whose text is being looked for
    return joined(best)


def _size(parts: tuple[Rope, ...]) -> int:
    return sum(map(size, parts))


def _members(
    plan: "ObjectPlan", state: ObjectState, rivals: Rivals
) -> Iterator[tuple[bytes, Rope, ObjectState, Rivals | None]]:
    """The members that may come next: with the shortest value that no rival has, and with those that some have."""
    short, shapes, alive = plan.writer.short, plan.writer.shapes, plan.writer.alive
    for key, name, shape, after in _next_keys(plan, state, rivals):
        values = rivals.values(name)
        apart = shapes.both(shape, shapes.among(values, False))
        if alive(apart):
            yield key, short.text(apart), after, None
            if short.size(apart) == short.size(shape):
                continue  # no value is shorter, and none leaves less to be written
        for value in sorted(values, key=canonical):
            same, left = shapes.both(shape, shapes.among(frozenset({value}))), rivals.having(name, value)
            if left is not None and alive(same) and can_differ(plan, after, left):
                yield key, short.text(same), after, left


def _next_keys(
    plan: "ObjectPlan", state: ObjectState, rivals: Rivals
) -> Iterator[tuple[bytes, str, Shape, ObjectState]]:
    for place, shape, after in plan.members(state):
        yield plan.written[place], plan.names[place], shape, after
    for keys, shape, after in plan.undeclared(state):
        theirs = foreign_keys(plan, keys, after, rivals)
        refused = after.extras.union(plan.keys)
        other = next((key for key in keys.listed(refused.union(theirs))), None)
        for key in (*theirs, *([other] if other is not None else [])):
            then = plan.having(after, frozenset({key}))
            if plan.can_finish(then):
                yield key, json.loads(key), shape, then
