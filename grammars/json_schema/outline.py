"""Which schemas of a document have a say about an instance, and what each says: one walk, nearest first.

    #                 facts {"properties": ...}      inside    #/properties/a
    #/properties/a          {"$ref": "#/$defs/n"}    in place  #/$defs/n
    #/$defs/n               {"type": "integer"}
    #/$defs/unused    is not there

Everything that is decided by keywords alone is decided on an outline. So the walk is done once for a
document, and costs about two microseconds a schema.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from grammars.json_schema.dialects import Role, Said, subschemas
from grammars.json_schema.forms import form_of

if TYPE_CHECKING:
    from grammars.json_schema.locations import Location

Facts: TypeAlias = Mapping[str, Any]  # the keywords that restrict, by name
Outline: TypeAlias = "dict[Location, Speech]"


class Speech:
    """What one schema says: `in_place` are schemas that it applies to its own value, `inside` to what is in it.

    What a dynamic reference may stand for is `inside`, as nobody knows whether it will be applied. `facts` are
    there at once, the schemas when somebody asks for them.
    """

    __slots__ = ("_in_place", "_inside", "_leaf", "_location", "_says", "facts")

    def __init__(self, location: "Location", facts: Facts, says: "Sequence[Said]") -> None:
        self.facts = facts
        self._location = location
        self._says = says
        self._in_place: Sequence[Location] | None = None
        self._inside: Sequence[Location] | None = None
        self._leaf: bool | None = None

    @property
    def in_place(self) -> "Sequence[Location]":
        """Schemas for the value itself."""
        if not self._says:
            return ()
        found = self._in_place
        return self._bring()[0] if found is None else found

    @property
    def inside(self) -> "Sequence[Location]":
        """Schemas for what is in the value."""
        if not self._says:
            return ()
        found = self._inside
        return self._bring()[1] if found is None else found

    @property
    def applies(self) -> bool:
        """Are there any for the value itself?"""
        return bool(self._says) and any(said.in_place for said in self._says) and bool(self.in_place)

    @property
    def is_reference(self) -> bool:
        """Is it the schema that it refers to, and nothing else?"""
        return len(self.facts) == 1 and "$ref" in self.facts

    @property
    def is_leaf(self) -> bool:
        """Does it bring in no schema at all?"""
        if self._leaf is None:
            self._leaf = not any(_brings(said, self.facts[said.keyword]) for said in self._says)
        return self._leaf

    def end(self) -> None:
        """Let go of the schemas that it brings in."""
        self._in_place = self._inside = None

    def _bring(self) -> "tuple[Sequence[Location], Sequence[Location]]":
        in_place, inside = found = _brought_in(self._location, self.facts, self._says)
        self._in_place, self._inside = in_place, inside
        return found


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
            for each in said.in_place:
                below[each] = None
            for each in said.inside:
                below[each] = None
        level = {each: None for each in below if each not in found}
    return found


def speech(location: "Location") -> Speech:
    """What one schema says."""
    schema = location.value
    if isinstance(schema, bool):
        return Speech(location, {}, ())
    form = form_of(schema, location.dialect)
    all_count = len(form.facts) == len(schema)
    return Speech(location, schema if all_count else {name: schema[name] for name in form.facts}, form.brings)


def _brings(said: Said, value: Any) -> bool:
    """Are there schemas in the value of a keyword that may have some?"""
    role = said.role
    if role is Role.SCHEMA_MAP or role is Role.SCHEMAS:
        return bool(value)
    return role is Role.REFERENCE or (role is not None and any(True for _ in subschemas(role, value)))


def _brought_in(
    location: "Location", facts: Facts, says: "Sequence[Said]"
) -> "tuple[Sequence[Location], Sequence[Location]]":
    """The schemas that a schema applies in place, and inside; raises as `Location.reference`."""
    in_place: list[Location] = []
    inside: list[Location] = []
    for said in says:
        keyword, role = said.keyword, said.role
        value = facts[keyword]
        parts = in_place if said.in_place else inside
        if role is Role.SCHEMA_MAP:
            parts += [location.child(keyword, name) for name in value]
        elif role is Role.REFERENCE:
            parts += [location.reference(keyword)] if keyword == "$ref" else _meant(location, keyword)
        elif role is not None:
            parts += [location.child(keyword, *to) for to, _ in subschemas(role, value)]
    return in_place or (), inside or ()


def _meant(location: "Location", keyword: str) -> "Iterator[Location]":
    """What a dynamic reference may stand for: that depends on the way; any resource's anchor may be meant."""
    yield location.reference(keyword)
    document = location.resource.document
    for each in dict.fromkeys([*document.library.documents, document]):
        for resource in each.resources():
            yield location.reference(keyword, (resource,))
