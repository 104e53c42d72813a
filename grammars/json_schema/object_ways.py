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
"""

from collections.abc import Mapping
from dataclasses import dataclass

from constrained.automata.counted import UNBOUNDED
from constrained.automata.dfa import Dfa
from grammars.json_schema import texts
from grammars.json_schema.literals import Shape
from grammars.json_schema.texts import ANY_TEXT, Texts


@dataclass(frozen=True, slots=True, eq=False)
class Clause:
    """What one schema says about the values of keys.

    `explicit`: it speaks of undeclared keys, so they are welcome where it allows them.
    """

    properties: Mapping[str, Shape]
    patterns: tuple[tuple[Dfa, Shape], ...]
    additional: Shape
    explicit: bool

    def shapes_of(self, name: str) -> list[Shape]:
        """The shapes of which the value of key `name` has every one."""
        found = [self.properties[name]] if name in self.properties else []
        if self.patterns:
            encoded = name.encode("utf-8", "surrogatepass")
            found += [shape for dfa, shape in self.patterns if dfa.accepts(encoded)]
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
    patterns: frozenset[Dfa] = frozenset()
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

    def patterns(self) -> list[Dfa]:
        """The patterns of all clauses, each once."""
        return list(dict.fromkeys(dfa for clause in self.clauses for dfa, _ in clause.patterns))

    def evaluated_patterns(self) -> list[Dfa]:
        """Those of them that have been evaluated."""
        return [dfa for dfa in self.patterns() if dfa in self.evaluated.patterns]

    def unevaluated(self) -> Texts:
        """The keys that have not been evaluated, where not all have."""
        spared = Texts(chosen=self.evaluated.names)
        for pattern in self.evaluated_patterns():
            spared = texts.either(spared, Texts(dfa=pattern))
        return texts.other(spared)
