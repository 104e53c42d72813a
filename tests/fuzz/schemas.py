"""Random schemas, small enough that what they say meets.

Every keyword occurs, in any combination (keywords.py). What seldom meets by chance, and is hard where it does, is put
together on purpose (`entangled`). Everything is drawn from one `random.Random`, so a number names a schema, and
hypothesis (`st.randoms`) can draw and shrink them as well.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from grammars.json_schema.dialects import DIALECTS
from tests.fuzz.keywords import PATTERNS, Maker
from tests.fuzz.values import NAMES, exclusive_flags, spelled


def document(random: Random) -> dict[str, Any]:
    """A random schema with definitions, in a random draft."""
    dialect = random.choice((*DIALECTS, DIALECTS[-1], DIALECTS[-1], DIALECTS[-1]))
    return _Entangling(random, dialect).document()


def about(random: Random, kind: str) -> tuple[str, dict[str, Any]]:
    """A draft, and a schema that speaks of "arrays" or "objects" in it, in several ways at once."""
    dialect = random.choice((*DIALECTS, DIALECTS[-1]))
    return dialect.uri, _Entangling(random, dialect, plain=True).about(kind)


class _Entangling(Maker):
    """Draws keywords, and at times several that look at each other."""

    def weighted(self) -> list[tuple[int, Callable[[int], dict[str, Any]]]]:
        """Keywords of one kind, and what is entangled."""
        return [*super().weighted(), (3, self.entangled)]

    def about(self, kind: str) -> dict[str, Any]:
        """A schema that speaks of arrays or of objects."""
        makers = [self.objects, self.objects]
        if kind == "arrays":
            makers = [self.arrays, self.different, self.repeated]
        if self.dialect.number >= 6:
            makers += [self.counted, self.counted] if kind == "arrays" else [self.named_by_pattern]
        found = [
            self.random.choice(makers)(self.random.choice((1, 1, 2))) for _ in range(self.random.choice((1, 2, 3)))
        ]
        first, *others = found
        for one in others:
            way = self.random.choice(("allOf", "allOf", "anyOf", "oneOf", "not"))
            if way == "not" or way in first:
                first = {"allOf": [first, {"not": one} if self.maybe(0.6) else one]}
            else:
                first = {**first, way: [one, self.random.choice(makers)(1)] if way != "allOf" else [one]}
        return first

    def odd(self, depth: int) -> dict[str, Any]:
        """Numbers as only some drafts have them."""
        return (exclusive_flags if self.dialect.number == 4 else spelled)(self.random)

    def entangled(self, depth: int) -> dict[str, Any]:
        """Keywords of which each looks at what others say or at all of a value."""
        makers = [self.different, self.repeated, self.odd]
        makers += [self.dependent, self.placed]
        if self.dialect.number >= 6:
            makers += [self.counted, self.counted, self.named_by_pattern]
        if self.dialect.number >= 2019:
            makers += [self.left_over, self.left_over, self.left_over, self.counted]
        if self.dynamic:
            makers += [self.cycle, self.cycle]
        return self.random.choice(makers)(depth)

    def left_over(self, depth: int) -> dict[str, Any]:
        """unevaluated* below a combinator, beside what may evaluate something."""
        rest = self.random.choice((False, False, True, self.schema(0)))
        if self.maybe(0.5):
            inner: dict[str, Any] = {"unevaluatedItems": rest}
            evaluates: Callable[[int], dict[str, Any]] = self.arrays
        else:
            inner, evaluates = {"unevaluatedProperties": rest}, self.objects
        inner = {**evaluates(min(depth, 1)), **inner}
        if self.maybe(0.5):
            inner[self.random.choice(("anyOf", "oneOf", "allOf"))] = [evaluates(1) for _ in range(2)]
        around: dict[str, Any] = {
            "not": {"not": inner},
            "not not": {"not": {"not": inner}},
            "not one": {"not": {"oneOf": [inner, evaluates(1)]}},
            "oneOf": {"oneOf": [inner, evaluates(1)]},
            "anyOf": {"anyOf": [evaluates(1), inner]},
            "if": {"if": inner, self.random.choice(("then", "else")): evaluates(1)},
            "then": {"if": evaluates(1), "then": inner},
            "dependentSchemas": {"dependentSchemas": {self.random.choice(NAMES): inner}},
            "here": inner,
        }
        found = around[self.random.choice(list(around))]
        return {**evaluates(1), **found} if self.maybe(0.4) else found

    def counted(self, depth: int) -> dict[str, Any]:
        """One or several `contains`, of items that must differ or not."""

        def one() -> dict[str, Any]:
            found: dict[str, Any] = {"contains": self.schema(min(depth - 1, 1))}
            if self.dialect.number >= 2019:
                found |= {name: self.random.randrange(4) for name in ("minContains", "maxContains") if self.maybe(0.5)}
            return found

        found: dict[str, Any] = {"type": "array"} if self.maybe(0.6) else {}
        found |= one() if self.maybe(0.6) else {"allOf": [one() for _ in range(2 + self.maybe(0.3))]}
        found["uniqueItems"] = self.maybe(0.7)
        if self.maybe(0.5):
            found["items"] = self.values(0) if self.maybe(0.5) else self.schema(depth - 1)
        if self.maybe(0.4):
            found["maxItems"] = self.random.randrange(1, 5)
        return found

    def different(self, depth: int) -> dict[str, Any]:
        """Unique items of few values, or at positions that differ."""
        few = [self.values(0) if self.maybe(0.7) else {"type": "boolean"} for _ in range(1 + self.random.randrange(3))]
        found: dict[str, Any] = {"type": "array", "uniqueItems": True, "minItems": self.random.randrange(4)}
        listed = "prefixItems" if self.dialect.number >= 2020 else "items"
        found |= {listed: few} if self.maybe(0.5) else {"items": {"anyOf": few}}
        return found

    def repeated(self, depth: int) -> dict[str, Any]:
        """Some two items are equal."""
        found: dict[str, Any] = {"not": {"uniqueItems": True, **(self.arrays(1) if self.maybe(0.3) else {})}}
        if self.maybe(0.7):
            found |= {"type": "array", "items": self.values(0) if self.maybe(0.4) else self.schema(min(depth - 1, 1))}
        if self.maybe(0.3):
            found["maxItems"] = self.random.randrange(1, 4)
        return found

    def named_by_pattern(self, depth: int) -> dict[str, Any]:
        """Names of keys that are restricted, beside patterns of others."""
        found: dict[str, Any] = {"propertyNames": self.strings(0) if self.maybe(0.7) else self.values(0)}
        found["patternProperties"] = {name: self.schema(depth - 1) for name in self.random.sample(PATTERNS, 2)}
        found |= {"type": "object"} if self.maybe(0.5) else {}
        found |= {"required": self.names()} if self.maybe(0.4) else {}
        found |= {"minProperties": self.random.randrange(1, 4)} if self.maybe(0.4) else {}
        return found

    def dependent(self, depth: int) -> dict[str, Any]:
        """Keys that bring along others, or what is said of the whole, beside limits of their number and their names."""
        needs, holds = ({name: self.names() for name in self.names()} for _ in range(2))
        holds = {name: self.objects(min(depth, 1)) for name in holds}
        found: dict[str, Any] = {}
        if self.dialect.number >= 2019:
            found |= {"dependentRequired": needs, "dependentSchemas": holds}
        else:
            found["dependencies"] = {**needs, **holds}
        if self.maybe(0.5):
            found[self.random.choice(("minProperties", "maxProperties"))] = self.random.randrange(1, 4)
        if self.maybe(0.5):
            found["patternProperties"] = {self.random.choice(PATTERNS): self.schema(0)}
        if self.maybe(0.5):
            found["additionalProperties"] = self.random.choice((False, self.schema(0) or {}))
        if self.dialect.number >= 6 and self.maybe(0.6):
            found["propertyNames"] = self.strings(0) if self.maybe(0.6) else {"enum": list(NAMES[:3])}
        found |= {"required": self.names()} if self.maybe(0.4) else {}
        found = {"not": found} if self.maybe(0.25) else found
        return {"type": "object", **found} if self.maybe(0.6) else found

    def placed(self, depth: int) -> dict[str, Any]:
        """Items of which the first are particular, and the others something, or none, under a combinator."""

        def one() -> dict[str, Any]:
            first = [self.schema(min(depth - 1, 1)) for _ in range(1 + self.random.randrange(2))]
            few = self.dialect.number < 2020
            found: dict[str, Any] = {"items" if few else "prefixItems": first}
            if self.maybe(0.7):
                false = {"not": {}} if self.dialect.number == 4 else False
                found["additionalItems" if few else "items"] = self.schema(0) if self.maybe(0.5) else false
            return found

        way = self.random.choice(("allOf", "anyOf", "oneOf", "not", "here"))
        found = one() if way == "here" else {way: one() if way == "not" else [one(), one()]}
        found["uniqueItems"] = self.maybe(0.4)
        found |= {self.random.choice(("minItems", "maxItems")): self.random.randrange(4)} if self.maybe(0.5) else {}
        return {"type": "array", **found} if self.maybe(0.6) else found

    def cycle(self, depth: int) -> dict[str, Any]:
        """A dynamic reference inside of a value that comes back to itself."""
        again = {"$dynamicRef": "#node"} if self.dialect.number >= 2020 else {"$recursiveRef": "#"}
        return self.random.choice(
            (
                {"items": again, "maxItems": 2},
                {"properties": {self.random.choice(NAMES): again}},
                {"additionalProperties": {"not": again}},
                {"contains": again},
                {"properties": {"a": {"anyOf": [{"type": "null"}, again]}}, "required": ["a"]},
            )
        )
