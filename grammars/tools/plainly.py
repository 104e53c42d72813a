"""Schemas that a hand can surely write, told by their keywords alone.

    {"type": "integer"}                       a number: every hand writes it
    {"type": "string", "maxLength": 9}        most texts have no marker of the family in them
    {"enum": ["a", "</parameter>"]}           "a" can be written
    {"properties": {"a b": {}}}               not plainly: the name may be more than a tag can say

Then nothing of the schema has to be made when a request is compiled: the tool may never be called. "No" means "not
plainly", and the hand looks closer (`check`), which says what cannot be written and where.
"""

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from grammars.json_schema import texts
from grammars.tools.kinds import raw

_SAYS_NOTHING = frozenset(
    "title description default examples deprecated $schema $id $comment $defs definitions".split()
)
_FORMATS = frozenset("date time date-time duration uuid ipv4 ipv6 hostname".split())
_OF_FORMATS = frozenset(string.ascii_letters + string.digits + "+-.:")  # no other letter is in a text of these
_OF_TEXTS = frozenset({"pattern", "format", "contentEncoding", "contentMediaType", "contentSchema"})
_OF_OTHERS = frozenset(
    "type properties required additionalProperties items prefixItems enum const anyOf minLength maxLength"
    " minItems maxItems minimum maximum exclusiveMinimum exclusiveMaximum multipleOf uniqueItems"
    " minProperties maxProperties".split()
)
_KNOWN = _SAYS_NOTHING | _OF_TEXTS | _OF_OTHERS


@dataclass(frozen=True, slots=True)
class Plainly:
    """What a hand writes without a closer look.

    names    can a key be written?
    banned   texts that no string may hold
    inside   are objects within objects, and items, written in this hand too? Else in JSON, which can write all
    bare     likewise for their keys
    unique   can `uniqueItems` be enforced inside?
    """

    names: Callable[[str], bool]
    banned: tuple[bytes, ...]
    inside: bool = False
    bare: bool = False
    unique: bool = True

    def arguments(self, schema: Mapping[str, Any] | bool) -> bool:
        """Can arguments of this schema be written?"""
        if isinstance(schema, bool) or not schema.keys() <= _KNOWN or "anyOf" in schema:
            return False
        return self._members(schema, bare=True) and all(map(self._value, self._below(schema)))

    def _members(self, schema: Mapping[str, Any], *, bare: bool) -> bool:
        declared = schema.get("properties", {})
        return declared.keys() >= set(schema.get("required", ())) and (not bare or all(map(self.names, declared)))

    def _below(self, schema: Mapping[str, Any]) -> list[Any]:
        """The schemas directly in one that are about other values."""
        found = list(schema.get("properties", {}).values())
        if self.inside:
            items = schema.get("items", True)
            found += items if isinstance(items, list) else [items]
            found += schema.get("prefixItems", ())
            found.append(schema.get("additionalProperties", True))
        return found

    def _value(self, schema: Any) -> bool:
        """If a schema has values: can one of them be written, and what is in them?"""
        if isinstance(schema, bool):
            return True
        declared = schema.get("type")
        if not self.inside and isinstance(declared, str) and declared != "string" and "$ref" not in schema:
            return True
        if not schema.keys() <= _KNOWN:
            return False
        if "anyOf" in schema:
            return schema.keys() <= _SAYS_NOTHING | {"anyOf"} and all(map(self._value, schema["anyOf"]))
        if not self._scalar(schema):
            return False
        if not self.inside:
            return True
        if schema.get("uniqueItems") and not self.unique:
            return False
        return self._members(schema, bare=self.bare) and all(map(self._value, self._below(schema)))

    def _scalar(self, schema: Mapping[str, Any]) -> bool:
        """The same, of its values that are not made of others."""
        declared, restricted = schema.get("type"), schema.keys() & _OF_TEXTS
        values = list(schema.get("enum", ()))
        if "const" in schema:
            values.append(schema["const"])
        if any(isinstance(value, list | dict) for value in values):
            return False
        if not self.banned or (isinstance(declared, str) and declared != "string"):
            return True
        if not values:
            return not restricted or (declared == "string" and self._has_text(schema, restricted))
        counted = "minLength" in schema or "maxLength" in schema
        if restricted or counted or declared not in (None, "string") or ("const" in schema and "enum" in schema):
            return False
        strings = [value for value in values if isinstance(value, str)]
        written = [value.encode() for value in strings if value.isascii()]
        if any(all(part not in value for part in self.banned) for value in written):
            return True
        return not strings if declared == "string" else len(strings) < len(values)

    def _has_text(self, schema: Mapping[str, Any], restricted: set[str]) -> bool:
        if restricted == {"format"} and schema["format"] in _FORMATS:
            return all(not _OF_FORMATS.issuperset(part.decode()) for part in self.banned)
        if restricted != {"pattern"} or "minLength" in schema or "maxLength" in schema:
            return False
        return any(not raw(part, self.banned).is_empty for part in texts.matching(schema["pattern"]).parts)
