"""How many ways there are at most to satisfy a schema, or to violate it, as its keywords alone tell.

    {"allOf": [a, {"anyOf": [b, c]}]}     a+ b+  |  a+ c+
    {"oneOf": [a, b, c]}                  a+ b-  |  b+ a-  |  c+        if only a and b may hold at once
    {"not": {"allOf": [a, b]}}            a-  |  b-

A *sketch* stands for all ways in which the own keywords of some schemas hold (a+), and some own keyword of others is
violated (a-), of which there are as many as keywords and members. So a few sketches stand for many alternatives, and
none of these is made.

Invariant: the algebra (shapes.py) makes no more alternatives than `width` tells, at no time, and each of them says what
a sketch says, or part of it. What cannot be told so is `Unclear`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from grammars.json_schema.key_bits import bits
from grammars.json_schema.literals import Says
from grammars.json_schema.locations import Location
from grammars.json_schema.outline import Facts
from grammars.json_schema.profiles import Profiles
from grammars.json_schema.shapes import Shapes
from grammars.json_schema.trees import has_parts, violations

_MOST = 256  # sketches of one literal, or of several together


class Unclear(Exception):
    """What there may be is not told by keywords; never leaves `Bounds`."""


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """Own keywords that hold together, or are violated, and how many alternatives that makes at most."""

    own: int  # bit set of literals, by their numbers
    times: int = 1
    telling: int = 0  # bit set of profiles: what holds and may exclude others
    holds: bool = False  # is there any that holds?


_Sketches = list[Sketch]

_ANYTHING: _Sketches = [Sketch(0)]


class Sketches:
    """The sketches of one document's schemas."""

    def __init__(self, shapes: Shapes) -> None:
        self.profiles = Profiles(shapes)
        self._shapes = shapes
        self._known: dict[Says, _Sketches | None] = {}
        self._numbers: dict[Says, int] = {}
        self._literals: list[Says] = []  # by their numbers

    def end(self) -> None:
        """Let go of all that has been found out."""
        self._known.clear()
        self._numbers.clear()
        self._literals.clear()
        self.profiles.end()

    def of(self, literals: Iterable[Says]) -> _Sketches:
        """The ways in which all positive literals hold, and any of the negative ones. Raises Unclear."""
        found = self._all([self._literal(literal) for literal in literals if literal.positive])
        for literal in literals:
            if not literal.positive:
                ways = self._literal(literal)
                # What is only violated as well leads to more than where nothing is.
                without = [] if any(not way.telling and not way.holds for way in ways) else found
                found = _some([self._both(found, ways), without])
        return found

    def literals(self, some: Iterable[int]) -> dict[int, Says]:
        """The literals in any of some bit sets, by their bits."""
        own = 0
        for one in some:
            own |= one
        return {1 << number: self._literals[number] for number in bits(own)}

    def _own(self, says: Says) -> int:
        """A literal as a bit set."""
        number = self._numbers.setdefault(says, len(self._literals))
        if number == len(self._literals):
            self._literals.append(says)
        return 1 << number

    # ------------------------------------------------------------------ combining

    def _all(self, parts: Sequence[_Sketches]) -> _Sketches:
        """One of each."""
        return reduce(self._both, parts, _ANYTHING)

    def _both(self, some: _Sketches, others: _Sketches) -> _Sketches:
        if some is _ANYTHING or others is _ANYTHING:
            return some if others is _ANYTHING else others
        if len(some) * len(others) > _MOST:
            raise Unclear
        exclude = self.profiles.any_exclude
        return [
            Sketch(
                one.own | other.own,
                one.times * other.times,
                one.telling | other.telling,
                one.holds or other.holds,
            )
            for one in some
            for other in others
            if not exclude(one.telling, other.telling)  # then the algebra drops what is made of them
        ]

    # ------------------------------------------------------------------ schemas

    def _literal(self, literal: Says) -> _Sketches:
        if literal in self._known:
            found = self._known[literal]
            if found is None:
                raise Unclear
            return found
        self._known[literal] = None  # as long as it is not told
        location, facts = literal.location, self._shapes.facts(literal.location)
        if has_parts(facts):
            raise Unclear
        found = self._holding(location, facts) if literal.positive else self._violating(location, facts)
        self._known[literal] = found
        return found

    def _at(self, location: Location, positive: bool) -> _Sketches:
        """The sketches of one schema."""
        shape = self._shapes.of(location, (), positive)
        if shape is self._shapes.nothing:
            return []
        (literal,) = shape.literals or (None,)
        return self._literal(literal) if isinstance(literal, Says) else _ANYTHING

    def _holding(self, location: Location, facts: Facts) -> _Sketches:
        own = self.profiles.own(location)
        if not own.types:
            return []
        telling = self.profiles.bit(own) if own.tells else 0
        parts: list[_Sketches] = [[Sketch(self._own(Says(location, True)), 1, telling, True)]]
        parts += [self._at(each, True) for each in self._conjuncts(location, facts)]
        if "anyOf" in facts:
            parts.append(_some(self._at(each, True) for each in self._shapes.branches(location, facts, "anyOf")))
        if "oneOf" in facts:
            parts.append(self._one_of(self._shapes.branches(location, facts, "oneOf")))
        if "not" in facts:
            parts.append(self._at(location.child("not"), False))
        if "if" in facts and ("then" in facts or "else" in facts):
            met, failed = (self._at(location.child("if"), positive) for positive in (True, False))
            met = self._both(met, self._at(location.child("then"), True)) if "then" in facts else met
            failed = self._both(failed, self._at(location.child("else"), True)) if "else" in facts else failed
            parts.append(_some([met, failed]))
        parts += [_some([_ANYTHING, self._at(each, True)]) for each in _dependent(location, facts)]
        return self._all(parts)

    def _violating(self, location: Location, facts: Facts) -> _Sketches:
        ways: list[_Sketches] = []
        if (times := violations(facts)) > 0:
            ways.append([Sketch(self._own(Says(location, False)), times)])
        ways += [self._at(each, False) for each in self._conjuncts(location, facts)]
        if "anyOf" in facts:
            ways.append(self._none_of(self._shapes.branches(location, facts, "anyOf")))
        if "oneOf" in facts:
            branches = self._shapes.branches(location, facts, "oneOf")
            ways += [self._none_of(branches), *self._two_of(branches)]
        if "not" in facts:
            ways.append(self._at(location.child("not"), True))
        if "if" in facts and "then" in facts:
            ways.append(self._both(self._at(location.child("if"), True), self._at(location.child("then"), False)))
        if "if" in facts and "else" in facts:
            ways.append(self._both(self._at(location.child("if"), False), self._at(location.child("else"), False)))
        ways += [self._at(each, False) for each in _dependent(location, facts)]
        return _some(ways)

    def _conjuncts(self, location: Location, facts: Facts) -> list[Location]:
        """What stands beside the own keywords of a schema, and must hold with them."""
        return [*self._shapes.targets(location, facts, ()), *self._shapes.branches(location, facts, "allOf")]

    def _one_of(self, branches: list[Location]) -> _Sketches:
        """One of the branches, and none of those that may hold with it."""
        live = [branch for branch in branches if self._at(branch, True)]
        found = [
            self._all([self._at(branch, True), *(self._at(live[other], False) for other in others)])
            for branch, others in zip(live, self._rivals(live), strict=True)
        ]
        return _times(2, _some(found))  # with the key that tells the branches apart, and without

    def _rivals(self, branches: list[Location]) -> list[list[int]]:
        found = self.profiles.rivals(branches)
        if found is None:
            raise Unclear
        return found

    def _two_of(self, branches: list[Location]) -> Iterator[_Sketches]:
        """Two of the branches at once, where they may."""
        for here, rivals in enumerate(self._rivals(branches)):
            for there in rivals:
                if here < there:
                    yield self._both(self._at(branches[here], True), self._at(branches[there], True))

    def _none_of(self, branches: list[Location]) -> _Sketches:
        """None of the branches: all are violated, but where one key tells them apart, most are by its value."""
        violated = [self._at(branch, False) for branch in branches]
        if len(branches) <= 2:
            return self._all(violated)
        name = self.profiles.telling_key(branches)
        if name is None:
            return _times(len(branches) + 2, self._all(violated))
        found, without = [_ANYTHING], list[_Sketches]()
        for branch, ways in zip(branches, violated, strict=True):
            profile = self.profiles.whole(branch)
            found.append(self._both([Sketch(0, telling=self.profiles.bit(profile.of_key(name)))], ways))
            without += [] if name in profile.required else [ways]
        return _some([*found, self._all(without)])


def width(sketches: Iterable[Sketch]) -> int:
    """No more alternatives are there at any time, of arrays or of objects."""
    return sum(sketch.times for sketch in sketches)


def _some(ways: Iterable[_Sketches]) -> _Sketches:
    """Any of several ways."""
    found = [sketch for one in ways for sketch in one]
    if len(found) > _MOST:
        raise Unclear
    return found


def _times(times: int, sketches: _Sketches) -> _Sketches:
    return [replace(sketch, times=times * sketch.times) for sketch in sketches]


def _dependent(location: Location, facts: Facts) -> list[Location]:
    """The schemas of `dependentSchemas`."""
    return [
        location.child(keyword, name)
        for keyword in ("dependentSchemas", "dependencies")
        for name, schema in facts.get(keyword, {}).items()
        if not isinstance(schema, list | str)
    ]
