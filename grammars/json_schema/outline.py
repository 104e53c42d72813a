"""Which schemas of a document have a say about an instance, and what each says: one walk, nearest first.

    #          facts {"properties": ...}       parts ("properties", #/properties/a)
    #/properties/a    {"$ref": "#/$defs/n"}          ("$ref", #/$defs/n)
    #/$defs/n         {"type": "integer"}            none
    #/$defs/unused    is not there

Everything that is decided by keywords alone is decided on an outline. So the walk is done once for a
document, and costs about two microseconds a schema.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from grammars.json_schema.dialects import Kind, Role, subschemas

if TYPE_CHECKING:
    from grammars.json_schema.documents import Location

Facts: TypeAlias = Mapping[str, Any]  # the keywords that restrict, by name
Part: TypeAlias = "tuple[str, Location]"  # a keyword, a schema that it brings in
Outline: TypeAlias = "dict[Location, Speech]"

IN_PLACE = frozenset(  # keywords that bring in schemas for the value itself, not for what is in it
    {"$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"}
)


@dataclass(slots=True, eq=False)  # not frozen: see Location
class Speech:
    """What one schema says."""

    facts: Facts
    parts: tuple[Part, ...]

    def in_place(self) -> "list[Location]":
        """The schemas that it applies to its own value."""
        if IN_PLACE.isdisjoint(self.facts):
            return []
        return [location for keyword, location in self.parts if keyword in IN_PLACE]


def outline(root: "Location") -> "Outline":
    """Every schema that can have a say, metaschemas included.

    Raises as `Location.reference` when it comes to a reference that leads nowhere.
    """
    found: Outline = {}
    level = {root: None}
    while level:
        for location in level:
            found[location] = speech(location)
        level = {each: None for location in level for _, each in found[location].parts if each not in found}
    return found


def speech(location: "Location") -> Speech:
    """What one schema says."""
    dialect, child = location.dialect, location.child
    kinds, brings = dialect.keywords, dialect.brings
    facts: dict[str, Any] = {}
    parts: list[Part] = []
    for keyword, value in location.keywords.items():
        kind = kinds.get(keyword)
        if kind is Kind.CONSTRAINT:
            facts[keyword] = value
            role = brings.get(keyword)
            if role is Role.SCHEMA_MAP:
                parts += [(keyword, child(keyword, name)) for name in value]
            elif role is not None:
                parts += [(keyword, child(keyword, *to)) for to, _ in subschemas(role, value)]
        elif kind is Kind.REFERENCE:
            facts[keyword] = value
            parts.append((keyword, location.reference(keyword)))
            if keyword != "$ref":
                parts += _meant(location, keyword)
    return Speech(facts, tuple(parts))


def _meant(location: "Location", keyword: str) -> "Iterator[Part]":
    """What a dynamic reference may stand for: that depends on the way; any resource's anchor may be meant."""
    document = location.resource.document
    for each in dict.fromkeys([*document.library.documents, document]):
        for resource in each.resources():
            yield keyword, location.reference(keyword, (resource,))
