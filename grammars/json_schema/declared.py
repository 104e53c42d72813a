"""The shapes of declared members, each made when somebody comes to it.

"properties": {"a": {"type": "string"}, "b": {...}}      a -> shape of #/properties/a      when it is asked for
                                                         a is harmless: it has a value, whatever else
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from grammars.json_schema.forms import form_of
from grammars.json_schema.literals import Shape

if TYPE_CHECKING:
    from grammars.json_schema.locations import Location, Scope
    from grammars.json_schema.shape_table import ShapeTable


class Declared(Mapping[str, Shape]):
    """Name -> shape, for the `properties` of one schema."""

    __slots__ = ("_at", "_made", "_schemas", "_scope", "_table")

    def __init__(self, at: "Location", scope: "Scope", schemas: Mapping[str, Any], table: "ShapeTable") -> None:
        self._at = at
        self._scope = scope
        self._schemas = schemas
        self._table = table
        self._made: dict[str, Shape] = {}

    def __getitem__(self, name: str) -> Shape:
        found = self._made.get(name)
        if found is None:
            if name not in self._schemas:
                raise KeyError(name)
            found = self._made[name] = self._table.of(self._at.child("properties", name), self._scope)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._schemas)

    def __len__(self) -> int:
        return len(self._schemas)

    def __contains__(self, name: object) -> bool:
        return name in self._schemas

    def is_harmless(self, name: str) -> bool:
        """Is there a value for this member, as its keywords alone tell?"""
        schema = self._schemas[name]
        if isinstance(schema, bool):
            return schema
        form = form_of(schema, self._at.dialect)
        return form.harmless and not form.names_itself

    def at(self, name: str) -> "Location":
        """Where the schema of a member is."""
        return self._at.child("properties", name)
