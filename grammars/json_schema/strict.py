"""Would OpenAI accept this schema with `"strict": true`?

We never need to know: whatever can be enforced exactly is accepted here. But a schema that must also
run against OpenAI's API has to stay inside its subset, and the answer there is a 400 for the first
rule broken. Here all are listed.

The rules (Structured Outputs, "Supported schemas"; the error texts of the API where that is silent)
    the root is an object, without "anyOf"
    every object lists all its properties in "required", and says "additionalProperties": false
    every schema has a "type", unless "anyOf", "$ref", "enum" or "const" stands for it; arrays have "items"
    "$ref" is local and stands alone
    only the keywords and formats below
    sizes: 5,000 properties, 10 levels of objects, 1,000 enum values, 120,000 characters of names and values
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grammars.json_schema.dialects import Kind
from grammars.json_schema.documents import Document
from grammars.json_schema.locations import Location

_KEYWORDS = frozenset(
    {
        *("type", "enum", "const", "anyOf", "$ref", "properties", "required", "additionalProperties"),
        *("pattern", "format", "minLength", "maxLength", "items", "minItems", "maxItems"),
        *("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    }
)
_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
_TYPED = ("type", "anyOf", "$ref", "enum", "const")
_DEFINITIONS = ("$defs", "definitions")
_PROPERTIES = 5_000
_LEVELS = 10
_ENUM_VALUES = 1_000
_CHARACTERS = 120_000
_LONG_ENUM, _LONG_ENUM_CHARACTERS = 250, 15_000


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: `where` is a JSON pointer into the schema."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def openai_strict_violations(schema: object) -> list[Violation]:
    """Every rule of OpenAI's strict mode that `schema` (a dict or JSON text) breaks, outermost first.

    Raises the errors of `Document.parse` for what is no JSON Schema at all.
    """
    document = Document.parse(schema)
    found = [*_root(document.root), *_sizes(document)]
    for location in document.locations():
        found += _rules(location)
    return found


def _root(root: Location) -> Iterator[Violation]:
    """The rules for the outermost schema."""
    if isinstance(root.value, bool) or root.value.get("type") != "object":
        yield Violation("#", 'the root must have "type": "object"')
    elif "anyOf" in root.value:
        yield Violation("#/anyOf", "the root must not be a choice")


def _rules(location: Location) -> Iterator[Violation]:
    """The rules for any one schema."""
    where, value = location.where, location.value
    if isinstance(value, bool):
        if location.keys != ("additionalProperties",):
            yield Violation(str(where), "true and false are not allowed as schemas")
        return
    for keyword in value:
        kind = location.dialect.kind(keyword)
        if kind in (Kind.CONSTRAINT, Kind.REFERENCE) and keyword not in _KEYWORDS:
            yield Violation(str(where / keyword), f"{keyword!r} is not allowed")
    if "$ref" in value:
        yield from _reference_rules(location, value)
    if not any(keyword in value for keyword in _TYPED):
        yield Violation(str(where), "a 'type' is missing")
    if value.get("format", "date") not in _FORMATS:
        yield Violation(str(where / "format"), f"{value['format']!r} is not one of {', '.join(_FORMATS)}")
    types = value.get("type", ())
    types = (types,) if isinstance(types, str) else types
    if "array" in types and "items" not in value:
        yield Violation(str(where), "an array needs 'items'")
    if "object" in types or "properties" in value:
        yield from _object_rules(location, value)
    if "enum" in value:
        yield from _enum_rules(location, value["enum"])


def _reference_rules(location: Location, value: dict[str, Any]) -> Iterator[Violation]:
    if len(value) > 1 and location.parent is not None:
        beside = ", ".join(repr(keyword) for keyword in value if keyword != "$ref")
        yield Violation(str(location.where / "$ref"), f"nothing may stand beside '$ref', but {beside} does")
    if not value["$ref"].startswith("#"):
        yield Violation(str(location.where / "$ref"), "a reference must start with '#'")


def _object_rules(location: Location, value: dict[str, Any]) -> Iterator[Violation]:
    if value.get("additionalProperties") is not False:
        yield Violation(str(location.where), "'additionalProperties' must be false")
    properties, required = value.get("properties", {}), value.get("required", [])
    for name in properties:
        if name not in required:
            yield Violation(str(location.where / "required"), f"{name!r} must be required")
    for index, name in enumerate(required):
        if name not in properties:
            yield Violation(str(location.where / "required" / index), f"{name!r} is not among the properties")


def _enum_rules(location: Location, values: list[Any]) -> Iterator[Violation]:
    characters = sum(len(value) for value in values if isinstance(value, str))
    if len(values) > _LONG_ENUM and characters > _LONG_ENUM_CHARACTERS:
        message = f"more than {_LONG_ENUM} values with more than {_LONG_ENUM_CHARACTERS} characters ({characters})"
        yield Violation(str(location.where / "enum"), message)


def _sizes(document: Document) -> Iterator[Violation]:
    """The rules for the schema as a whole."""
    properties = enum_values = characters = 0
    for location in document.locations():
        value = {} if isinstance(location.value, bool) else location.value
        properties += len(value.get("properties", ()))
        enum_values += len(value.get("enum", ()))
        names = [*value.get("properties", ()), *value.get("$defs", ()), *value.get("definitions", ())]
        texts = [*names, *value.get("enum", ()), value.get("const")]
        characters += sum(len(text) for text in texts if isinstance(text, str))
    counts = (
        (properties, _PROPERTIES, "properties"),
        (_levels(document), _LEVELS, "levels of objects"),
        (enum_values, _ENUM_VALUES, "enum values"),
        (characters, _CHARACTERS, "characters of names and values"),
    )
    for count, most, what in counts:
        if count > most:
            yield Violation("#", f"{count} {what}, more than {most}")


def _levels(document: Document) -> int:
    """How many objects stand inside each other at most, as written (references not followed)."""
    deepest = 0
    level = [(document.root, 0)]
    while level:
        below: list[tuple[Location, int]] = []
        for location, outer in level:
            inner = outer + (not isinstance(location.value, bool) and "properties" in location.value)
            deepest = max(deepest, inner)
            below += [(child, 0 if child.keys[0] in _DEFINITIONS else inner) for child in location.children()]
        level = below
    return deepest
