"""Which schemas of a document have a say about an instance, and what each says: one walk, nearest first.

    #                 facts {"properties": ...}      inside    #/properties/a
    #/properties/a          {"$ref": "#/$defs/n"}    in place  #/$defs/n
    #/$defs/n               {"type": "integer"}
    #/$defs/unused    is not there

Everything that is decided by keywords alone is decided on an outline. So the walk is done once for a
document, and costs about two microseconds a schema.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from grammars.json_schema.dialects import Role, subschemas
from grammars.json_schema.forms import form_of

if TYPE_CHECKING:
    from grammars.json_schema.documents import Location

Facts: TypeAlias = Mapping[str, Any]  # the keywords that restrict, by name
Outline: TypeAlias = "dict[Location, Speech]"


@dataclass(slots=True, eq=False)  # not frozen: see Location
class Speech:
    """What one schema says: `in_place` are schemas that it applies to its own value, `inside` to what is in it.

    What a dynamic reference may stand for is `inside`, as nobody knows whether it will be applied.
    """

    facts: Facts
    in_place: "Sequence[Location]"
    inside: "Sequence[Location]"


_SILENT = Speech({}, (), ())  # of true and false


def outline(root: "Location") -> "Outline":
    """Every schema that can have a say, metaschemas included.

    Raises as `Location.reference` when it comes to a reference that leads nowhere.
    """
    found: Outline = {}
    level = {root: None}
    while level:
        below: dict[Location, None] = {}
        for location in level:
            said = found[location] = speech(location)
            below.update(dict.fromkeys(said.in_place))
            below.update(dict.fromkeys(said.inside))
        level = {each: None for each in below if each not in found}
    return found


def speech(location: "Location") -> Speech:
    """What one schema says."""
    schema = location.value
    if isinstance(schema, bool):
        return _SILENT
    child = location.child
    facts: dict[str, Any] = {}
    in_place: list[Location] = []
    inside: list[Location] = []
    for keyword, said in form_of(schema, location.dialect).says:
        value = facts[keyword] = schema[keyword]
        role = said.role
        if role is None:
            continue
        parts = in_place if said.in_place else inside
        if role is Role.SCHEMA_MAP:
            parts += [child(keyword, name) for name in value]
        elif role is not Role.REFERENCE:
            parts += [child(keyword, *to) for to, _ in subschemas(role, value)]
        elif keyword == "$ref":
            parts.append(location.reference(keyword))
        else:
            parts += _meant(location, keyword)
    return Speech(facts, in_place or (), inside or ())


def _meant(location: "Location", keyword: str) -> "Iterator[Location]":
    """What a dynamic reference may stand for: that depends on the way; any resource's anchor may be meant."""
    yield location.reference(keyword)
    document = location.resource.document
    for each in dict.fromkeys([*document.library.documents, document]):
        for resource in each.resources():
            yield location.reference(keyword, (resource,))
