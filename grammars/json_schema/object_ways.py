"""The ways to be an object: what schemas say about one, as alternatives.

    {"properties": {"a": {"type": "null"}}, "required": ["a"]}        Obj((a: null, *: anything), {"a"})
    {"not": {"additionalProperties": {"type": "null"}}}               Obj(exists=(any key: not null,))
    {"dependentSchemas": {"a": {"required": ["b"]}}}                  Obj((a: nothing, ...)), Obj((a: ...), {"a", "b"})

clauses    one per schema: properties, patterns, and a shape for every other key. The value of key
           k has the shape of k in *every* clause, so an intersection is a concatenation
required   keys that must be there              names      the language of the keys
low, high  how many keys                        dependent  key -> keys that must come with it
exists     "some key in this language has a value of this shape": what negations leave
evaluated  the keys that unevaluatedProperties spares; its patterns are also in some clause
choices    one of each of these holds besides, of which each speaks of keys of its own (object_choices.py)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from constrained.automata.counted import UNBOUNDED
from constrained.automata.lettered import Language, matches
from constrained.errors import LimitExceeded
from grammars.json_schema import texts
from grammars.json_schema.literals import Shape
from grammars.json_schema.texts import ANY_TEXT, Texts


@dataclass(frozen=True, slots=True, eq=False)
class Clause:
    """What one schema says about the values of keys.

    `explicit`: it speaks of undeclared keys, so they are welcome where it allows them.
    """

    properties: Mapping[str, Shape]
    patterns: tuple[tuple[Language, Shape], ...]
    additional: Shape
    explicit: bool

    def shapes_of(self, name: str) -> list[Shape]:
        """The shapes of which the value of key `name` has every one."""
        found = [self.properties[name]] if name in self.properties else []
        found += [shape for pattern, shape in self.patterns if matches(pattern, name)]
        return found or [self.additional]


@dataclass(frozen=True, slots=True, eq=False)
class Exists:
    """Some key among `names` has a value of `shape`."""

    names: Texts
    shape: Shape


@dataclass(frozen=True, slots=True)
class EvaluatedKeys:
    """The keys that have been evaluated: by name, by pattern, or all."""

    names: frozenset[str] = frozenset()
    patterns: frozenset[Language] = frozenset()
    all: bool = False

    def __or__(self, other: "EvaluatedKeys") -> "EvaluatedKeys":
        return EvaluatedKeys(self.names | other.names, self.patterns | other.patterns, self.all or other.all)


NO_KEYS = EvaluatedKeys()


@dataclass(frozen=True, slots=True, eq=False)
class Obj:
    """One way to be an object."""

    clauses: tuple[Clause, ...] = ()
    required: frozenset[str] = frozenset()
    low: int = 0
    high: int = UNBOUNDED
    names: Texts = ANY_TEXT
    dependent: tuple[tuple[str, frozenset[str]], ...] = ()
    exists: tuple[Exists, ...] = ()
    evaluated: EvaluatedKeys = NO_KEYS
    choices: "tuple[OneOf, ...]" = ()

    def named(self) -> frozenset[str]:
        """The keys that it speaks of by name."""
        return self.required.union(*(clause.properties for clause in self.clauses))

    def speaks_of_names(self) -> bool:
        """Does it say nothing but what some keys have, that they come, or do not?"""
        return (
            not (self.low or self.dependent or self.exists or self.choices)
            and self.high >= UNBOUNDED
            and self.names.is_everything
            and self.evaluated == NO_KEYS
            and all(not clause.patterns and not clause.explicit for clause in self.clauses)
        )

    def patterns(self) -> list[Language]:
        """The patterns of all clauses, each once."""
        return list(dict.fromkeys(pattern for clause in self.clauses for pattern, _ in clause.patterns))

    def evaluated_patterns(self) -> list[Language]:
        """Those of them that have been evaluated."""
        return [pattern for pattern in self.patterns() if pattern in self.evaluated.patterns]

    def unevaluated(self) -> Texts:
        """The keys that have not been evaluated, where not all have."""
        spared = Texts(chosen=self.evaluated.names)
        for pattern in self.evaluated_patterns():
            spared = texts.either(spared, Texts(dfa=pattern))
        return texts.other(spared)


@dataclass(frozen=True, slots=True, eq=False)
class OneOf:
    """One of several ways holds, all of which speak of these keys alone."""

    keys: frozenset[str]
    ways: tuple[Obj, ...]

    @classmethod
    def of(cls, ways: Sequence[Obj]) -> "OneOf":
        """One of these ways."""
        return cls(frozenset[str]().union(*(way.named() for way in ways)), tuple(ways))


Both = Callable[[Obj, Obj], Obj | None]  # what satisfies both; None where that is obviously nothing


def choices_of_both(one: Obj, other: Obj, both: Both, most: int) -> tuple[OneOf, ...] | None:
    """The choices of both: those that speak of the same keys become one. None where one of them has no way left.

    Raises LimitExceeded for a choice of more than `most` ways.
    """
    found = list(one.choices)
    for choice in other.choices:
        ways = choice.ways
        alike = [before for before in found if not before.keys.isdisjoint(choice.keys)]
        for before in alike:
            ways = tuple(_pairs(before.ways, ways, both, most))
        if not ways:
            return None
        found = [before for before in found if before not in alike]
        found.append(OneOf(choice.keys.union(*(before.keys for before in alike)), ways))
    return tuple(found)


def told(one: Obj, both: Both, most: int) -> list[Obj]:
    """The ways to be an object that has choices, without them. Raises LimitExceeded for more than `most`."""
    found = [replace(one, choices=())]
    for choice in one.choices:
        found = _pairs(found, choice.ways, both, most)
    return found


def _pairs(some: Sequence[Obj], others: Sequence[Obj], both: Both, most: int) -> list[Obj]:
    """What satisfies one of `some` and one of `others`. Raises LimitExceeded for more than `most` pairs."""
    if len(some) * len(others) > most:
        raise LimitExceeded(f"more than {most} combinations of alternatives")
    pairs = [both(one, other) for one in some for other in others]
    return [way for way in pairs if way is not None]
