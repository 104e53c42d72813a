"""Shortest ways to end an object: the keys that are missing, then what `minProperties` wants besides.

    {"a": 1, ...     missing: b, c     low: 5     -->     "b": 0, "c": "", "d": 0, "": 0}

The missing keys come in their order, and of the others the cheapest, declared or not. While a condition
(`exists`) is pending, or dependencies make one key bring along others, keys are chosen one by one.
"""

from collections.abc import Iterator
from heapq import merge, nsmallest
from itertools import islice
from math import isinf
from typing import TYPE_CHECKING

from grammars.json_schema.extra_keys import KeyClass
from grammars.json_schema.key_bits import bits
from grammars.json_schema.literals import Shape
from grammars.json_schema.object_states import ObjectState
from grammars.json_schema.ropes import Rope, joined, size
from grammars.json_schema.shortest import Circular

if TYPE_CHECKING:
    from grammars.json_schema.object_nodes import ObjectPlan

_Move = tuple[float, bool, bytes, Shape, ObjectState]  # its size, is it spare?, key, value, the state after it
_Member = tuple[float, bytes, Shape]  # its size, key, value


def ending(plan: "ObjectPlan", state: ObjectState) -> Rope:
    """A shortest way to close an object of `plan` from `state`."""
    plan, state = plan.settled(state)
    writer, marks = plan.writer, plan.writer.marks
    members, here = list[Rope](), state
    while not plan.may_close(here):
        if not (here.pending or brings_along(plan, here)):
            members += [_member(plan, key, shape) for _, key, shape in _straight(plan, here)]
            break
        key, shape, here = _next(plan, here)
        members.append(_member(plan, key, shape))
    comma = writer.text(marks.comma)
    parts = [part for member in members for part in (comma, member)]
    close = marks.close_empty_object if state.first and not members else marks.close_object
    return joined([*(parts[1:] if state.first else parts), writer.text(close)])


def one_more(plan: "ObjectPlan", state: ObjectState) -> Rope:
    """A shortest member behind a comma, and a shortest way to close the object after it."""
    if not plan.may_close(state):
        found = ending(plan, state)
        assert not isinstance(found, bytes)  # a comma, a member, and more
        return joined(found.parts[1:])
    ways = [joined([_member(plan, key, shape), ending(plan, after)]) for key, shape, after in _moves(plan, state)]
    return min(ways, key=size)


def _member(plan: "ObjectPlan", key: bytes, shape: Shape) -> Rope:
    return joined([key, plan.writer.text(plan.writer.marks.colon), plan.writer.short.text(shape)])


def _moves(plan: "ObjectPlan", state: ObjectState) -> Iterator[tuple[bytes, Shape, ObjectState]]:
    """The keys that may come next: of the undeclared ones, the shortest of each kind."""
    if plan.is_simple:
        for place in plan.next_places(state):
            yield plan.written[place], plan.shape(place), plan.after(state, place)
    else:
        for place, shape, after in plan.members(state):
            yield plan.written[place], shape, after
    for extra in plan.extras(state):
        key = extra.shortest_key()
        yield key, extra.shape, plan.having(extra.after, frozenset({key}))


# ---------------------------------------------------------------------- all at once


def brings_along(plan: "ObjectPlan", state: ObjectState) -> bool:
    """Must keys come besides those that are missing, and could they bring along others?"""
    return bool(plan.needs) and state.count + plan.missing(state).bit_count() < plan.obj.low


def _straight(plan: "ObjectPlan", state: ObjectState) -> list[_Member]:
    """The members still to come, when nothing depends on which keys have come."""
    missing = plan.missing(state)
    places = {place: _declared(plan, place) for place in bits(missing)}
    spare = plan.obj.low - state.count - len(places)
    if spare <= 0:
        return list(places.values())
    ahead = plan.ahead(state) if spare > 0 else ()
    optional = {place: _declared(plan, place) for place in ahead if not missing >> place & 1 and plan.possible(place)}
    others = islice(merge(*(_undeclared(plan, state, one) for one in plan.classes), key=_size), spare)
    cheapest = nsmallest(
        spare, [*((*one, place) for place, one in optional.items()), *((*one, -1) for one in others)], _size
    )
    if len(cheapest) < spare or isinf(cheapest[-1][0]):
        raise Circular
    places |= {place: (cost, key, shape) for cost, key, shape, place in cheapest if place >= 0}
    extra = [(cost, key, shape) for cost, key, shape, place in cheapest if place < 0]
    return [*(places[place] for place in sorted(places)), *extra]


def _size(member: tuple[float, *tuple[object, ...]]) -> float:
    return member[0]


def _declared(plan: "ObjectPlan", place: int) -> _Member:
    key, shape = plan.written[place], plan.shape(place)
    return len(key) + plan.writer.short.size(shape), key, shape


def _undeclared(plan: "ObjectPlan", state: ObjectState, keys: KeyClass) -> Iterator[_Member]:
    """The undeclared keys of a class that have not come, shorter ones first."""
    if plan.writer.alive(keys.shape):
        cost = plan.writer.short.size(keys.shape)
        for key in keys.listed(state.extras.union(plan.keys)):
            yield len(key) + cost, key, keys.shape


# ---------------------------------------------------------------------- one by one


def _next(plan: "ObjectPlan", state: ObjectState) -> tuple[bytes, Shape, ObjectState]:
    """The next key on a short way to the end, its value, and the state after it."""
    moves = list(_declared_moves(plan, state)) or list(_extra_moves(plan, state))
    _, _, key, shape, after = min(moves, key=lambda move: (move[1], move[0]))
    return key, shape, after


def _declared_moves(plan: "ObjectPlan", state: ObjectState) -> Iterator[_Move]:
    """The declared keys that lead on towards the end."""
    missing = plan.missing(state)
    for place, shape, after in plan.members(state):
        key = plan.written[place]
        needed = bool(missing >> place & 1) or len(after.pending) < len(state.pending)
        if needed or state.count < plan.obj.low:
            yield len(key) + plan.writer.short.size(shape), not needed, key, shape, after


def _extra_moves(plan: "ObjectPlan", state: ObjectState) -> Iterator[_Move]:
    """The undeclared keys that do."""
    for extra in plan.extras(state):
        needed = len(extra.after.pending) < len(state.pending)
        if needed or state.count < plan.obj.low:
            key = extra.shortest_key()
            after = plan.having(extra.after, frozenset({key}))
            yield len(key) + plan.writer.short.size(extra.shape), not needed, key, extra.shape, after
