"""The object automaton: which key may come next, and when the object may close.

    ObjectState(first, place, seen, extras, count, pending, live)
        place    of the next declared key that may come (0 throughout when any order is allowed)
        seen     declared keys that have come and still matter, as a bit set
        extras   undeclared keys that have come (their texts, quotes included), where states must say it
        count    of keys, as far as it matters
        pending  `exists` conditions still to be met (object_conditions.py)
        live     of each choice, the ways that still hold, as a bit set (object_choices.py)

No dead ends: a key is offered only if its value can be completed, and if after it the object can still
be closed (`can_finish`): required keys are still ahead, dependencies can be met, and all of it fits
into `maxProperties`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from constrained.automata.counted import UNBOUNDED
from grammars.json_schema import texts
from grammars.json_schema.extra_keys import KeyClass, key_classes
from grammars.json_schema.key_bits import bits, with_all_they_need
from grammars.json_schema.limits import EXTRA, HEAVIEST
from grammars.json_schema.literals import Shape
from grammars.json_schema.object_conditions import can_meet, meeting, ways
from grammars.json_schema.object_ways import Obj
from grammars.json_schema.texts import Texts
from grammars.json_schema.values import json_key

if TYPE_CHECKING:
    from grammars.json_schema.nodes import Writer


@dataclass(frozen=True, slots=True)
class ObjectState:
    """Where in an object we are, between two members."""

    first: bool = True
    place: int = 0
    seen: int = 0
    extras: frozenset[bytes] = frozenset()
    count: int = 0
    pending: frozenset[int] = frozenset()
    live: tuple[int, ...] = ()


class Members:
    """Which members the objects of one alternative may have, and when."""

    def __init__(self, obj: Obj, writer: "Writer") -> None:
        self.obj = obj
        self.writer = writer
        self.ordered = writer.options.key_order == "schema"
        self.varieties: dict[ObjectState, int] = {}  # see object_differences.py
        self._possible = 0  # bit set of the names that are known to have a value

    # ------------------------------------------------------------------ what is declared

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The keys with a name: declared, required, or in a condition; in the schema's order."""
        obj = self.obj
        found = dict.fromkeys(name for clause in obj.clauses for name in clause.properties)
        found |= dict.fromkeys(sorted(obj.required))
        for name, needed in obj.dependent:
            found |= dict.fromkeys((name, *sorted(needed)))
        if self._open and obj.names.chosen is not None and not obj.names.also:
            found |= dict.fromkeys(sorted(obj.names.chosen))
        return tuple(found) if obj.names.is_everything else tuple(name for name in found if obj.names.has(name))

    @cached_property
    def written(self) -> tuple[bytes, ...]:
        """The names as they are written."""
        found = tuple(key for name in self.names if (key := json_key(name)) is not None)
        assert len(found) == len(self.names)  # `Texts.has` leaves out names that cannot be written
        return found

    @cached_property
    def keys(self) -> dict[bytes, int]:
        """The names as they are written -> their places."""
        return {key: place for place, key in enumerate(self.written)}

    def shape(self, place: int) -> Shape:
        """The shape of the value of the key at `place`."""
        return self.writer.objects.shape_of(self.obj, self.names[place])

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shapes of all their values."""
        return tuple(map(self.shape, range(len(self.names))))

    @cached_property
    def _declares(self) -> bool:
        return any(clause.properties for clause in self.obj.clauses)

    @cached_property
    def _open(self) -> bool:
        """Are undeclared keys welcome, where the schema allows them?"""
        obj = self.obj
        return (
            self.writer.options.additional_properties == "schema"
            or any(clause.explicit for clause in obj.clauses)
            or not self._declares
            or bool(obj.exists)
        )

    @cached_property
    def classes(self) -> tuple[KeyClass, ...]:
        """The undeclared keys, by what their values must be."""
        return key_classes(self.obj, self.names, self.writer) if self._open else ()

    @cached_property
    def required(self) -> int:
        """Bit set of the required names; -1 where one of them cannot be a key at all."""
        index = {name: place for place, name in enumerate(self.names)}
        if not self.obj.required <= index.keys():
            return -1
        return sum(1 << index[name] for name in self.obj.required)

    @cached_property
    def needs(self) -> dict[int, int]:
        """Place of a key -> bit set of the keys that must come with it; -1 where one cannot be."""
        index = {name: place for place, name in enumerate(self.names)}
        found: dict[int, int] = {}
        for name, needed in self.obj.dependent:
            if name in index:
                places = sum(1 << index[one] for one in needed) if needed <= index.keys() else -1
                found[index[name]] = found.get(index[name], 0) | places
        return found

    # ------------------------------------------------------------------ states

    @cached_property
    def start(self) -> ObjectState:
        """Before the first member."""
        return ObjectState(pending=frozenset(range(len(self.obj.exists))))

    @cached_property
    def _counted(self) -> int:
        """Counts matter up to here."""
        return self.obj.high + 1 if self.obj.high < UNBOUNDED else self.obj.low

    @cached_property
    def _remembered(self) -> int:
        """In schema order, the names whose having come matters later: those in dependencies."""
        if not self.ordered:
            return -1
        places = 0
        for place, needed in self.needs.items():
            places |= 1 << place | max(needed, 0)
        return places

    def alive(self) -> bool:
        """Is there any such object that can be written?"""
        weight = self.weight()
        return weight is not None and weight <= HEAVIEST

    def weight(self) -> int | None:
        """How many values such an object holds at least, roughly; None where there is no such object."""
        if not self.can_finish(self.start):
            return None
        required = [self.writer.weight(self.shape(place)) for place in bits(self.missing(self.start))]
        return 1 + sum(required) + EXTRA * max(0, self.obj.low - len(required))

    def children(self) -> Iterator[Shape]:
        """The shapes that values may have. Raises LimitExceeded where the names of keys are too large."""
        for one in self.classes:
            texts.language(one.names)
        yield from self.shapes
        yield from [one.shape for one in self.classes]
        if self.obj.exists:
            for name, shape in zip(self.names, self.shapes, strict=True):
                yield from meeting(self, Texts(chosen=frozenset({name})), shape)
            for one in self.classes:
                yield from meeting(self, one.names, one.shape)

    # ------------------------------------------------------------------ liveness

    def possible(self, place: int) -> bool:
        """Can the key at `place` have a value?"""
        if self._possible >> place & 1:
            return True
        plain = self.writer.plainly_possible(self.obj, (self.names[place],))
        found = bool(plain) or self.writer.alive(self.shape(place))
        if found:
            self._possible |= 1 << place
        return found

    def missing(self, state: ObjectState) -> int:
        """Bit set of the names that must still come; -1 where that cannot be met."""
        if self.required < 0:
            return -1
        needed = self.closure(self.required & ~((1 << state.place) - 1) | state.seen) & ~state.seen
        ahead = ~((1 << state.place) - 1)
        return -1 if needed & ~ahead else needed

    def closure(self, names: int) -> int:
        """`names` and everything that must come with them."""
        if names < 0 or not names & self._needing:
            return names
        for place in bits(names & self._needing):
            names |= self._brought[place]
        return names

    @cached_property
    def _needing(self) -> int:
        return sum(1 << place for place in self.needs)

    @cached_property
    def _brought(self) -> dict[int, int]:
        return with_all_they_need(self.needs)

    def _all_possible(self, places: int) -> bool:
        """Can all these keys have a value?"""
        return all(self.possible(place) for place in bits(places & ~self._possible))

    def can_finish(self, state: ObjectState) -> bool:
        """Can the object be closed some time from `state`?"""
        obj = self.obj
        missing = self.missing(state)
        if missing < 0 or (missing >> len(self.names)) or not self._all_possible(missing):
            return False
        least = state.count + missing.bit_count()
        if max(least, obj.low) > obj.high:
            return False
        if state.pending and not can_meet(self, state, missing, obj.high - least):
            return False
        return least >= obj.low or self._can_fill(state, missing, obj.low - least, obj.high - least)

    def _can_fill(self, state: ObjectState, missing: int, wanted: int, room: int) -> bool:
        """Can `wanted` to `room` more keys come than must? Each brings along those that depend on it."""
        for one in self.classes:
            if one.endless and self.writer.alive(one.shape):
                return True
        wanted -= self._most_declared(state, missing, wanted, room) if self.needs else self._alone(state, missing, room)
        if wanted <= 0:
            return True
        return sum(one.variety(state.extras) for one in self.classes if self.writer.alive(one.shape)) >= wanted

    def _alone(self, state: ObjectState, missing: int, room: int) -> int:
        """How many more declared keys can come, up to `room`, where none brings along another."""
        more = (1 << len(self.names)) - (1 << state.place) & ~state.seen & ~missing
        known = more & self._possible
        return min(known.bit_count() + sum(map(self.possible, bits(more & ~known))), room)

    def _most_declared(self, state: ObjectState, missing: int, wanted: int, room: int) -> int:
        """How many more declared keys can come, up to `room`; `wanted` are enough."""
        coming, had = missing, missing.bit_count()
        for place in self.ahead(state):
            if coming.bit_count() - had >= wanted:
                break
            if self.possible(place) and self.affordable(state, place):
                together = coming | self.closure(1 << place) & ~state.seen
                if together.bit_count() <= had + room:
                    coming = together
        return coming.bit_count() - had

    def affordable(self, state: ObjectState, place: int) -> bool:
        """May the key at `place` come at all: can what must come with it still come?"""
        together = self.closure(1 << place)
        if together < 0:
            return False
        behind = together & ((1 << state.place) - 1) & ~state.seen
        return not behind and self._all_possible(together & ~state.seen)

    def ahead(self, state: ObjectState) -> Iterator[int]:
        """The places of the names that have not come and still may, by their order alone."""
        for place in range(state.place, len(self.names)):
            if not state.seen >> place & 1:
                yield place

    def variety(self, enough: int) -> int:
        """How many such objects there are, counted up to `enough`; never more than there are."""
        obj = self.obj
        has_room = obj.high > self.required.bit_count()
        if has_room and any(one.endless and self.writer.alive(one.shape) for one in self.classes):
            return enough
        if obj.low or obj.high < len(self.names) or self.needs or obj.exists:
            return 1
        total = 1
        for place, shape in enumerate(self.shapes):
            optional = not self.required >> place & 1
            total = min(enough, total * (self.writer.variety(shape, enough) + optional))
        return total

    # ------------------------------------------------------------------ moves

    def may_close(self, state: ObjectState) -> bool:
        """May the object end here?"""
        return state.count >= self.obj.low and not state.pending and self.missing(state) == 0

    @cached_property
    def is_simple(self) -> bool:
        """Are required keys all that the object has to have? Then after every key that may come, it can be closed."""
        obj = self.obj
        return not (self.needs or obj.exists or obj.low) and obj.high >= UNBOUNDED

    @cached_property
    def _places(self) -> tuple[int, ...]:
        """The places of the keys that can have a value."""
        self._possible |= self.writer.plainly_possible(self.obj, self.names)
        return tuple(place for place in range(len(self.names)) if self.possible(place))

    def next_places(self, state: ObjectState) -> Iterator[int]:
        """Where the object is simple: the declared keys that may come next."""
        missing = self.missing(state)
        for place in self._places:
            if place >= state.place and not state.seen >> place & 1:
                yield place
                if self.ordered and missing >> place & 1:
                    return

    def after(self, state: ObjectState, place: int, pending: frozenset[int] = frozenset()) -> ObjectState:
        """The state after the declared key at `place`, these conditions being pending then."""
        seen, further = (state.seen | 1 << place) & self._remembered, place + 1 if self.ordered else 0
        return ObjectState(False, further, seen, state.extras, self.more(state), pending, state.live)

    def moves(self, state: ObjectState) -> Iterator[tuple[int, Shape, ObjectState]]:
        """As `members`, looked for in the simplest way."""
        if not self.is_simple:
            yield from self.members(state)
            return
        for place in self.next_places(state):
            yield place, self.shape(place), self.after(state, place)

    def members(self, state: ObjectState) -> Iterator[tuple[int, Shape, ObjectState]]:
        """The declared keys that may come next, the shape of their value, and the state after them."""
        missing = self.missing(state)
        for place in self.ahead(state):
            name = Texts(chosen=frozenset({self.names[place]}))
            for _, shape, pending in ways(self, state.pending, name, self.shape(place)):
                after = self.after(state, place, pending)
                if self.writer.alive(shape) and self.can_finish(after):
                    yield place, shape, after
            if self.ordered and missing >> place & 1:
                return

    def more(self, state: ObjectState) -> int:
        """The count after one more key."""
        return min(state.count + 1, self._counted)

    def undeclared(self, state: ObjectState) -> Iterator[tuple[KeyClass, Shape, ObjectState]]:
        """The undeclared keys that may come next, the shape of their value, and the state after them."""
        if not self.classes or (self.ordered and self.missing(state)):
            return
        place, more = len(self.names) if self.ordered else 0, self.more(state)
        for one in self.classes:
            for names, shape, pending in ways(self, state.pending, one.names, one.shape):
                target = ObjectState(False, place, state.seen, state.extras, more, pending, state.live)
                if self.writer.alive(shape) and self.can_finish(target):
                    yield one.with_names(names), shape, target
