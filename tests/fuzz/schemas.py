"""Random schemas, small enough that what they say meets.

Every keyword that restricts anything occurs, in any combination. Alphabets are tiny on purpose: with
three keys and three letters, patterns overlap, branches of oneOf share instances, an enum meets a
multipleOf. What seldom meets by chance, and is hard where it does, is put together on purpose (`entangled`).
Everything is drawn from one `random.Random`, so a number names a schema, and hypothesis
(`st.randoms`) can draw and shrink them as well.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from grammars.json_schema.dialects import DIALECTS, Dialect
from tests.fuzz.values import NAMES, exclusive_flags, instance, spelled

PATTERNS = (
    *("^a", "b$", "a", "^b*$", "^[ab]$", "^.{2}$", "^(a|é)+$", "[^a]", "^$", "é"),
    *("^(?!a)", "^(?=.*b)a", "a(?!b)", "^[ab]{1,3}$", "(?:ab|ba)+$", "^a?b?$"),
)
FORMATS = (
    *("date", "ipv4", "uuid", "email", "unknown-format", "int32", "json-pointer", "time"),
    *("date-time", "duration", "hostname", "ipv6", "uri", "uri-reference", "uri-template", "regex"),
    *("idn-email", "idn-hostname", "iri", "iri-reference", "relative-json-pointer", "byte", "float"),
)
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def document(random: Random) -> dict[str, Any]:
    """A random schema with definitions, in a random draft."""
    dialect = random.choice((*DIALECTS, DIALECTS[-1], DIALECTS[-1], DIALECTS[-1]))
    return _Maker(random, dialect).document()


def about(random: Random, kind: str) -> tuple[str, dict[str, Any]]:
    """A draft, and a schema that speaks of "arrays" or "objects" in it, in several ways at once."""
    dialect = random.choice((*DIALECTS, DIALECTS[-1]))
    return dialect.uri, _Maker(random, dialect, plain=True).about(kind)


class _Maker:
    """Draws schemas of one dialect. A keyword's method is named after it and fills in its value."""

    def __init__(self, random: Random, dialect: Dialect, *, plain: bool = False) -> None:
        self.random = random
        self.dialect = dialect
        self.holder = "$defs" if dialect.number >= 2019 else "definitions"
        self.definitions = 0 if plain else random.randrange(3)
        self.named = [random.choice(("place", "place", "anchor", "id")) for _ in range(self.definitions)]
        self.root = "http://example.com/root" if "id" in self.named else ""
        self.dynamic = not plain and dialect.number >= 2019 and random.random() < 0.15
        kinds: list[tuple[int, Callable[[int], dict[str, Any]]]] = [
            (3, self.type),
            (2, self.values),
            (3, self.strings),
            (3, self.numbers),
            (4, self.arrays),
            (6, self.objects),
            (4, self.combinators),
            (1, self.references),
            (3, self.entangled),
        ]
        self.kinds = [make for weight, make in kinds for _ in range(weight)]

    def document(self) -> dict[str, Any]:
        found = {"$schema": self.dialect.uri}
        if self.root:
            found[self.dialect.id_keyword] = self.root
        found |= self.keywords(3)
        if self.definitions:
            found[self.holder] = {f"d{index}": self.definition(index) for index in range(self.definitions)}
        if self.dynamic:
            found |= self.node()
        return found

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

    def definition(self, index: int) -> Any:
        """A schema to refer to: by its place, an anchor, or an identifier of its own."""
        found = self.schema(2) if self.named[index] == "place" else self.keywords(2)
        if self.named[index] == "place":
            return found
        if self.dialect.ref_overrides_siblings:
            found.pop("$ref", None)
        if self.named[index] == "id":
            found[self.dialect.id_keyword] = f"http://example.com/d{index}"
            found |= self.node() if self.dynamic else {}
        else:
            anchor, name = ("$anchor", "A{}") if self.dialect.number >= 2019 else (self.dialect.id_keyword, "#A{}")
            found[anchor] = name.format(index)
        return found

    def node(self) -> dict[str, Any]:
        """What makes a schema a target of dynamic references."""
        return {"$dynamicAnchor": "node"} if self.dialect.number >= 2020 else {"$recursiveAnchor": True}

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def schema(self, depth: int) -> Any:
        if self.dialect.boolean_schemas and self.maybe(0.08):
            return self.maybe(0.6)
        return self.keywords(depth)

    def schemas(self, depth: int, least: int = 1) -> list[Any]:
        return [self.schema(depth - 1) for _ in range(least + self.random.randrange(3))]

    def keywords(self, depth: int) -> dict[str, Any]:
        if depth <= 0:
            return self.random.choice((self.type, self.values, self.strings, self.numbers))(0)
        found: dict[str, Any] = {}
        for _ in range(self.random.choice((1, 1, 2, 2, 3, 4))):
            found.update(self.random.choice(self.kinds)(depth))
        return found

    def some(self, **makers: Callable[[], Any]) -> dict[str, Any]:
        """One or more of these keywords, with what makes their values."""
        names = list(makers)
        return {
            name: makers[name]() for name in self.random.sample(names, 1 + self.random.randrange(min(3, len(names))))
        }

    # ------------------------------------------------------------------ any type

    def type(self, depth: int) -> dict[str, Any]:
        if self.maybe(0.3):
            return {"type": self.random.sample(TYPES, 1 + self.random.randrange(3))}
        return {"type": self.random.choice((*TYPES, "object", "object", "array", "string"))}

    def values(self, depth: int) -> dict[str, Any]:
        if self.dialect.number > 4 and self.maybe(0.4):
            return {"const": instance(self.random)}
        found: list[Any] = []
        for _ in range(1 + self.random.randrange(4)):
            value = instance(self.random, 1)
            if not any(repr(value) == repr(other) for other in found):
                found.append(value)
        return {"enum": found}

    def combinators(self, depth: int) -> dict[str, Any]:
        makers: dict[str, Callable[[], Any]] = {
            "allOf": lambda: self.schemas(depth),
            "anyOf": lambda: self.schemas(depth),
            "oneOf": lambda: self.schemas(depth),
            "not": lambda: self.schema(depth - 1),
        }
        found = {name: makers[name]() for name in self.random.sample(list(makers), 1 + self.maybe(0.2))}
        if self.dialect.number >= 7 and self.maybe(0.25):
            found = {"if": self.schema(depth - 1)}
            found |= {name: self.schema(depth - 1) for name in ("then", "else") if self.maybe(0.7)}
        return found

    def references(self, depth: int) -> dict[str, Any]:
        if depth == 3:  # at the root most of them would lead round in a circle
            return self.objects(depth)
        if self.dynamic and self.maybe(0.5):
            return {"$dynamicRef": "#node"} if self.dialect.number >= 2020 else {"$recursiveRef": "#"}
        texts = {
            "place": f"{self.root}#/{self.holder}/d{{}}",
            "anchor": f"{self.root}#A{{}}",
            "id": "http://example.com/d{}",
        }
        below = [texts[name].format(index) for index, name in enumerate(self.named)]
        return {"$ref": self.random.choice([self.root or "#", *below, *below])}

    # ------------------------------------------------------------------ scalars

    def strings(self, depth: int) -> dict[str, Any]:
        choose = self.random.choice
        found = self.some(
            minLength=lambda: choose((0, 1, 2, 3) * 5 + (50,)),
            maxLength=lambda: choose((0, 1, 2, 3, 300) * 5 + (5000,)),
            pattern=lambda: choose(PATTERNS),
            format=lambda: choose(FORMATS),
        )
        if self.dialect.number >= 7 and self.maybe(0.05):
            found["contentEncoding"] = "base64"
        return found

    def numbers(self, depth: int) -> dict[str, Any]:
        choose = self.random.choice
        bound = lambda: choose((-1, 0, 1, 2, 0.5, 1.5, 3, 10, -0.5, 2.5))  # noqa: E731
        found = self.some(minimum=bound, maximum=bound, multipleOf=lambda: choose((1, 2, 3, 0.5, 0.1, 1.5, 0.25)))
        for keyword in ("exclusiveMinimum", "exclusiveMaximum"):
            if self.maybe(0.15):
                if self.dialect.exclusive_bounds_are_flags:
                    found[keyword] = self.maybe(0.7)
                    found.setdefault(keyword.replace("exclusiveM", "m"), bound())
                else:
                    found[keyword] = bound()
        return found

    # ------------------------------------------------------------------ structures

    def arrays(self, depth: int) -> dict[str, Any]:
        number, count = self.dialect.number, lambda: self.random.choice((0, 1, 1, 2, 2, 3) * 5 + (20, 2000))
        makers: dict[str, Callable[[], Any]] = {
            "items": lambda: self.schema(depth - 1),
            "minItems": count,
            "maxItems": count,
            "uniqueItems": lambda: self.maybe(0.8),
        }
        if number >= 6:
            makers["contains"] = lambda: self.schema(depth - 1)
        if number >= 2020:
            makers["prefixItems"] = lambda: self.schemas(depth)
        else:
            makers["additionalItems"] = lambda: self.schema(depth - 1)
        if number >= 2019:
            makers["unevaluatedItems"] = lambda: self.schema(depth - 1)
        found = self.some(**makers)
        if max(found.get("minItems", 0), found.get("maxItems", 0)) > 20:
            found.pop("uniqueItems", None)  # a shortest text of thousands of different items takes minutes
        if number < 2020 and "items" in found and self.maybe(0.4):
            found["items"] = self.schemas(depth)
        if number >= 2019 and "contains" in found:
            found |= {name: count() for name in ("minContains", "maxContains") if self.maybe(0.35)}
        return found

    def members(self, depth: int) -> dict[str, Any]:
        return {name: self.schema(depth - 1) for name in self.random.sample(NAMES, 1 + self.random.randrange(3))}

    def names(self) -> list[str]:
        return self.random.sample(NAMES, 1 + self.random.randrange(2))

    def objects(self, depth: int) -> dict[str, Any]:
        number, count = self.dialect.number, lambda: self.random.choice((0, 1, 1, 2, 3))
        patterned = lambda: {name: self.schema(depth - 1) for name in self.random.sample(PATTERNS, 2)}  # noqa: E731
        needs = lambda: {name: self.names() for name in self.names()}  # noqa: E731
        holds = lambda: {name: self.schema(depth - 1) for name in self.names()}  # noqa: E731
        makers: dict[str, Callable[[], Any]] = {
            "properties": lambda: self.members(depth),
            "patternProperties": patterned,
            "additionalProperties": lambda: self.maybe(0.3) if self.maybe(0.5) else self.schema(depth - 1),
            "required": self.names,
            "minProperties": count,
            "maxProperties": count,
        }
        if number >= 6:
            makers["propertyNames"] = lambda: self.schema(min(depth - 1, 1))
        if number >= 2019:
            makers |= {"dependentRequired": needs, "dependentSchemas": holds}
            makers["unevaluatedProperties"] = lambda: self.maybe(0.3) if self.maybe(0.5) else self.schema(depth - 1)
        else:
            makers["dependencies"] = lambda: needs() | holds()
        found = self.some(**makers)
        if "properties" not in found and self.maybe(0.5):
            found["properties"] = self.members(depth)
        return found

    # ------------------------------------------------------------------ what seldom meets by chance

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
