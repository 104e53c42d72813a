"""Values that a schema surely has, seen from its keywords alone.

    {"type": "string", "maxLength": 9}     a text          {"minItems": 2}            null
    {"properties": {...}}                  null            {"enum": [{...}, ...]}     the first
    {"type": "array", "items": {...}}      []              {"type": "object", "required": [...]}   not seen here

Most questions whether anything is left of a schema are answered here, and nothing is made for it: no
language, no alternative, no automaton. "No" means "not plainly": then `Writer.alive` looks closer.
"""

from grammars.json_schema.documents import Location
from grammars.json_schema.literals import Among, Either, Says, Shape
from grammars.json_schema.outline import Facts
from grammars.json_schema.shapes import Shapes
from grammars.json_schema.telling_apart import TYPE
from grammars.json_schema.texts import LONGEST
from grammars.json_schema.values import value_of

_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_ENTANGLED = _REFERENCES | {"allOf", "anyOf", "oneOf", "not", "if", "enum", "const"}
_OF_TEXTS = frozenset({"pattern", "format", "contentEncoding"})
_OF_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format"})


class PlainValues:
    """What is plainly there, of the schemas of one document."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._known: dict[Location, bool] = {}

    def has_one(self, shape: Shape) -> bool:
        """Has a shape plainly a value?"""
        if len(shape.literals) != 1:
            return not shape.literals
        (literal,) = shape.literals
        match literal:
            case Among(values, positive):
                return positive and bool(values)
            case Either(parts):
                return any(map(self.has_one, parts))
            case Says(location, positive):
                return positive and self._of(location)

    def _of(self, location: Location) -> bool:
        found = self._known.get(location)
        if found is None:
            found = self._known[location] = self._has_value(location)
        return found

    def _has_value(self, location: Location) -> bool:
        facts = self._shapes.facts(location)
        if location.value is False:
            return False
        if _ENTANGLED.isdisjoint(facts):
            declared = facts.get("type", "null")
            allowed = [declared] if isinstance(declared, str) else declared
            return any(_has_value_of(name, facts) for name in allowed)
        if len(facts) == 1 and "$ref" in facts and not self._shapes.is_dynamic:
            return self._of(location.reference("$ref"))
        if len(facts) == 1 and "anyOf" in facts:
            return any(map(self._of, self._shapes.branches(location, facts, "anyOf")))
        return _has_constant(facts)


def _has_value_of(name: str, facts: Facts) -> bool:
    """Is there plainly a value of a type, of which only the keywords count that are about it?"""
    match name:
        case "string":
            return _OF_TEXTS.isdisjoint(facts) and facts.get("minLength", 0) <= min(
                facts.get("maxLength", LONGEST), LONGEST
            )
        case "number" | "integer":
            return _OF_NUMBERS.isdisjoint(facts)
        case "array":  # the empty one
            return not facts.get("minItems") and "contains" not in facts
        case "object":  # the empty one
            return not facts.get("required") and not facts.get("minProperties")
        case _:
            return True


def _has_constant(facts: Facts) -> bool:
    """Does a schema plainly allow one of its constants?"""
    if facts.keys() <= {"enum", "type"}:
        values = facts["enum"]
    elif facts.keys() <= {"const", "type"}:
        values = [facts["const"]]
    else:
        return False
    declared = facts.get("type")
    if declared is None:
        return bool(values)
    allowed = {declared} if isinstance(declared, str) else set(declared)
    return any(TYPE[type(value_of(value))] in allowed for value in values)
