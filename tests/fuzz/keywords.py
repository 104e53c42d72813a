"""Random values of every keyword that restricts anything, in the words of one draft.

Alphabets are tiny on purpose: with three keys and three letters, patterns overlap, branches of oneOf share instances,
an enum meets a multipleOf.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from grammars.json_schema.dialects import Dialect
from tests.fuzz.values import NAMES, instance

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


class Maker:
    """Draws schemas of one dialect. A keyword's method is named after it and fills in its value."""

    def __init__(self, random: Random, dialect: Dialect, *, plain: bool = False) -> None:
        self.random = random
        self.dialect = dialect
        self.holder = "$defs" if dialect.number >= 2019 else "definitions"
        self.definitions = 0 if plain else random.randrange(3)
        self.named = [random.choice(("place", "place", "anchor", "id")) for _ in range(self.definitions)]
        self.root = "http://example.com/root" if "id" in self.named else ""
        self.dynamic = not plain and dialect.number >= 2019 and random.random() < 0.15
        self.kinds = [make for weight, make in self.weighted() for _ in range(weight)]

    def weighted(self) -> list[tuple[int, Callable[[int], dict[str, Any]]]]:
        """What makes keywords of one kind, and how often it does beside the others."""
        return [
            (3, self.type),
            (2, self.values),
            (3, self.strings),
            (3, self.numbers),
            (4, self.arrays),
            (6, self.objects),
            (4, self.combinators),
            (1, self.references),
        ]

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
