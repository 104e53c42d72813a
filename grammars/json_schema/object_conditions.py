"""Conditions that some key must meet (`Exists`): which members meet them, and which keys must be left to them.

    pending: some key among "a", "b" is null;  some key among "b", "c" is null

    "b": null      meets both                       "a": null     meets the first
    "b": 1         meets none: "a" and "c" must still come, so where `maxProperties` is 1 it may not

A member may be a witness of any of the pending conditions, its value then having their shapes as well,
or of none: these are different ways to go on (`ways`). Invariant: no state is reached from which some
pending condition cannot be met (`can_meet`), neither for lack of room nor because the few keys that
could meet it have come (`doomed`).
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from itertools import combinations
from typing import TYPE_CHECKING

from grammars.json_schema import texts
from grammars.json_schema.extra_keys import KeyClass
from grammars.json_schema.literals import Shape
from grammars.json_schema.texts import Texts

if TYPE_CHECKING:
    from grammars.json_schema.object_states import Members, ObjectState

_MOST_TOGETHER = 64  # combinations of conditions that are looked at when compiling


def ways(
    members: "Members", pending: frozenset[int], names: Texts, shape: Shape
) -> list[tuple[Texts, Shape, frozenset[int]]]:
    """The ways a member may serve the pending conditions: its keys, its value, and what is pending after it."""
    found = [(names, shape, pending)]
    for number in sorted(pending):
        exists = members.obj.exists[number]
        found += [
            (fewer, members.writer.shapes.both(shape, exists.shape), left - {number})
            for names, shape, left in found
            if not texts.is_empty(fewer := texts.both(names, exists.names))
        ]
    return found


def meeting(members: "Members", names: Texts, shape: Shape) -> Iterator[Shape]:
    """The shapes of values that meet some conditions, where one key may meet them all."""
    both, found = members.writer.shapes.both, [(names, shape)]
    for exists in members.obj.exists:
        more = [(texts.both(names, exists.names), both(shape, exists.shape)) for names, shape in found]
        for names, shape in more:
            if not texts.is_empty(names):
                yield shape
                found += [(names, shape)] if len(found) < _MOST_TOGETHER else []


def can_meet(members: "Members", state: "ObjectState", missing: int, room: int) -> bool:
    """Can every pending condition still be met, with at most `room` keys beside the missing ones?"""
    if room < 0:
        return False
    if not state.pending:
        return True
    members.writer.shapes.allowance.check()
    numbers = sorted(state.pending)
    for place in members.ahead(state):
        name = Texts(chosen=frozenset({members.names[place]}))
        for _, _, served in _together(members, name, members.shape(place), numbers):
            if members.affordable(state, place):
                after = replace(state, seen=state.seen | 1 << place, pending=state.pending - served)
                brought = members.closure(1 << place) & ~state.seen & ~missing
                if can_meet(members, after, missing | brought, room - brought.bit_count()):
                    return True
    for one in members.classes:
        for served, taken in _witnesses(members, one, numbers, state.extras):
            after = replace(state, pending=state.pending - served, extras=state.extras | taken)
            if can_meet(members, after, missing, room - 1):
                return True
    return False


def _together(
    members: "Members", names: Texts, shape: Shape, numbers: list[int], served: frozenset[int] = frozenset()
) -> Iterator[tuple[Texts, Shape, frozenset[int]]]:
    """The keys, and the value, that meet some of the conditions, the first one among them; most of them first."""
    if not numbers:
        yield names, shape, served
        return
    number, *later = numbers
    exists = members.obj.exists[number]
    fewer, narrower = texts.both(names, exists.names), members.writer.shapes.both(shape, exists.shape)
    if not texts.is_empty(fewer) and members.writer.alive(narrower):
        yield from _together(members, fewer, narrower, later, served | {number})
    if served:  # the first one must be met
        yield from _together(members, names, shape, later, served)


def _witnesses(
    members: "Members", keys: KeyClass, numbers: list[int], extras: frozenset[bytes]
) -> Iterator[tuple[frozenset[int], frozenset[bytes]]]:
    """The conditions that a key of a class can meet at once, with the key that is then taken.

    Where such keys are many, there are always others, so none is taken.
    """
    for names, _, served in _together(members, keys.names, keys.shape, numbers):
        few = keys.with_names(names).few(extras)
        if few is None:
            yield served, frozenset()
        for key in few or ():
            yield served, frozenset({key})


def doomed(members: "Members", keys: KeyClass, after: "ObjectState") -> frozenset[bytes]:
    """The keys of a class that may not come: they were the last that could serve a condition, or several."""
    found: set[bytes] = set()
    pending = sorted(after.pending)
    for numbers in (one for size in {1, 2, max(1, len(pending))} for one in combinations(pending, size)):
        names = reduce(texts.both, (members.obj.exists[number].names for number in numbers), keys.names)
        few = None if texts.is_empty(names) else keys.with_names(names).few(after.extras)
        for key in few or ():
            if key not in found and not members.can_finish(replace(after, extras=after.extras | {key})):
                found.add(key)
    return frozenset(found)
