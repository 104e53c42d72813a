"""Arrays and objects of themselves: `python -m tests.fuzz.nested [count] [first]`.

A schema refers to itself from the items of arrays that must differ, or be so many of a kind, and from members of such
items. So how many values it has hangs on how many it has: those of

    {"anyOf": [{"const": 0}, {"minItems": 2, "uniqueItems": true, "items": {"$ref": "#"}}]}

are 0, and no array. Every value is tried that is made of a few atoms and is not deep, and walks lead to others.
"""

import sys
from itertools import product
from random import Random
from typing import Any

from grammars.json_schema.dialects import DIALECTS, Dialect
from tests.conformance.json_schema.acceptance import written
from tests.fuzz.known import Case, check_many

LEAVES: tuple[Any, ...] = (
    *(0, 1, "a", []),
    *([0], [1], [0, 1], [[]], [0, [0]], [[], [[]]]),
    *({}, {"a": 0}, {"a": []}),
)
_ATOMS: tuple[Any, ...] = (0, 1, "a", [])


def values() -> list[Any]:
    """What is tried of every schema: atoms, arrays of up to two of them, and arrays of up to two of some of these."""
    flat = [list(items) for length in range(4) for items in product(_ATOMS, repeat=length)]
    some = [*_ATOMS, [0], [1], [0, 1], [[]], [0, []], [[], [0]], [0, [0]], [[[]]], {}, {"a": 0}, {"a": []}]
    deep = [list(items) for length in range(3) for items in product(some, repeat=length)]
    objects = [{}, *({name: value} for name in "ab" for value in some), *({"a": 0, "b": value} for value in some)]
    return list({written(value): value for value in [*_ATOMS, *flat, *deep, *objects]}.values())


class _Maker:
    def __init__(self, random: Random, dialect: Dialect, *, objects: bool) -> None:
        self.random = random
        self.dialect = dialect
        self.objects = objects

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def leaf(self) -> dict[str, Any]:
        """A few values, or arrays without others of the schema in them."""
        choice = self.random.random()
        if choice < 0.6 or self.dialect.number == 4:
            some = self.random.sample(LEAVES, self.random.choice((1, 1, 2, 3)))
            return {"enum": some} if len(some) > 1 or self.dialect.number == 4 else {"const": some[0]}
        if choice < 0.8:
            return {"type": self.random.choice(("integer", "array", "string", ["array", "integer"]))}
        return {"maxItems": self.random.randrange(2)}

    def item(self) -> Any:
        """What is said of an item: that it is the whole again, mostly."""
        choice = self.random.random()
        again = {"$ref": "#"}
        if choice < 0.45:
            return again
        if choice < 0.6:
            return {self.random.choice(("anyOf", "allOf", "oneOf")): [again, self.leaf()]}
        if choice < 0.65 and self.objects:
            return self.record()
        if choice < 0.72:
            return {"not": again} if self.maybe(0.5) else {"allOf": [again, {"not": self.leaf()}]}
        if choice < 0.8:
            return self.array(0)
        return self.leaf()

    def array(self, depth: int = 1) -> dict[str, Any]:
        """What is said of arrays."""
        few, counts = self.dialect.number < 2020, (0, 1, 1, 2, 2, 3)
        part = self.item if depth else self.leaf
        found: dict[str, Any] = {"uniqueItems": True} if self.maybe(0.8) else {}
        if self.maybe(0.6):
            found["items"] = part()
        if self.maybe(0.4):
            rest = found.pop("items", None)
            found["items" if few else "prefixItems"] = [part() for _ in range(self.random.choice((1, 1, 2)))]
            if rest is not None:
                found["additionalItems" if few else "items"] = rest
        if self.maybe(0.5):
            found["minItems"] = self.random.choice(counts)
        if self.maybe(0.3):
            found["maxItems"] = self.random.choice(counts)
        if self.dialect.number >= 6 and self.maybe(0.4):
            found["contains"] = part()
            if self.dialect.number >= 2019:
                found |= {
                    name: self.random.choice(counts) for name in ("minContains", "maxContains") if self.maybe(0.4)
                }
        if self.maybe(0.6):
            found["type"] = "array"
        return found

    def record(self) -> dict[str, Any]:
        """What is said of objects."""
        names = self.random.sample("ab", self.random.choice((1, 1, 2)))
        found: dict[str, Any] = {
            "properties": {name: self.array() if self.maybe(0.4) else self.item() for name in names}
        }
        if self.maybe(0.6):
            found["additionalProperties"] = False if self.maybe(0.7) else self.item()
        if self.maybe(0.5):
            found["required"] = self.random.sample(names, 1)
        if self.maybe(0.3):
            found[self.random.choice(("minProperties", "maxProperties"))] = self.random.choice((1, 1, 2))
        return {"type": "object", **found} if self.maybe(0.7) else found

    def document(self) -> dict[str, Any]:
        """Some arrays or objects, or a few values."""
        array, leaf = self.record() if self.objects and self.maybe(0.5) else self.array(), self.leaf()
        kind = self.random.random()
        if kind < 0.6:
            parts = [array, leaf] + ([self.array()] if self.maybe(0.3) else [])
            self.random.shuffle(parts)
            found: dict[str, Any] = {self.random.choice(("anyOf", "anyOf", "oneOf")): parts}
        elif kind < 0.75:
            found = {**array, "not": leaf if self.maybe(0.6) else self.array()}
        elif kind < 0.9:
            found = {"allOf": [{"anyOf": [array, leaf]}, {"not": self.array()}]}
        else:
            found = array
        return {"$schema": self.dialect.uri, **found}


def document(random: Random) -> dict[str, Any]:
    """A schema of arrays of itself, every second one also of objects."""
    return _Maker(random, random.choice(DIALECTS), objects=random.random() < 0.5).document()


def case(schema: dict[str, Any], seed: int) -> Case:
    """Such a schema, and what is tried of it."""
    return Case(schema, values(), Random(seed), are_all=False)


if __name__ == "__main__":
    numbers = [int(argument) for argument in (*sys.argv[1:], 1000, 0)[:2]]
    sys.exit(check_many("nested schemas", *numbers, lambda seed: case(document(Random(seed)), seed)))
