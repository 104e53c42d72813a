"""Values that a schema surely has, seen from its keywords alone.

    {"type": "string", "maxLength": 9}     a text          {"minItems": 2}            null
    {"properties": {...}}                  null            {"enum": [{...}, ...]}     the first
    {"type": "array", "items": {...}}      []              {"type": "object", "required": ["a"]}   {"a": what "a" has}
    {"minimum": 1, "type": "integer"}      2               {"type": "string", "pattern": "^a"}     a text

Most questions whether anything is left of a schema are answered here, and nothing is made for it: no
language, no alternative, no automaton. "No" means "not plainly": then `Writer.alive` looks closer.
"""

from collections.abc import Sequence

from constrained.automata.counted import UNBOUNDED
from grammars.json_schema import texts
from grammars.json_schema.declared import Declared
from grammars.json_schema.forms import OF_NUMBERS, OF_TEXTS, form_of
from grammars.json_schema.limits import HEAVIEST
from grammars.json_schema.literals import Among, Either, Says, Shape
from grammars.json_schema.locations import Location
from grammars.json_schema.object_ways import Obj
from grammars.json_schema.outline import Facts
from grammars.json_schema.shapes import Shapes
from grammars.json_schema.telling_apart import TYPE
from grammars.json_schema.texts import LONGEST, Texts
from grammars.json_schema.values import Flag, Null, Text, value_of

_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_ENTANGLED = _REFERENCES | {"allOf", "anyOf", "oneOf", "not", "if", "enum", "const"}
_OF_OBJECTS = frozenset(
    "patternProperties propertyNames maxProperties unevaluatedProperties"
    " dependencies dependentRequired dependentSchemas".split()
)
_OF_ARRAYS = frozenset("additionalItems contains unevaluatedItems".split())
_FEW_ITEMS = 100
_LARGE = 1e15  # bounds within it have few digits
_DEEPEST = 40  # objects within objects that are looked at

# Every format has a text of so many characters at most (tests/unit/test_json_schema_plain_values.py).
SHORTEST = {"date": 10, "time": 9, "date-time": 20}
NO_SHORTER = 36  # a uuid


class PlainValues:
    """What is plainly there, of the schemas of one document."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._known: dict[Location, int] = {}
        self._depth = 0

    def end(self) -> None:
        """Let go of all schemas."""
        self._known.clear()

    def weight(self, shape: Shape) -> int:
        """How many values there are at least in some value that a shape plainly has; 0 where none is plain."""
        if len(shape.literals) != 1:
            return not shape.literals
        (literal,) = shape.literals
        match literal:
            case Among(values, positive):
                return positive and any(isinstance(value, Null | Flag | Text) for value in values)
            case Either(parts):
                return next((found for part in parts if (found := self.weight(part))), 0)
            case Says(location, positive):
                return self._of(location) if positive else 0

    def possible(self, obj: Obj, names: Sequence[str]) -> int:
        """Bit set of those keys of an object that plainly can have a value. No shape is made for them."""
        declared = obj.clauses[0].properties if len(obj.clauses) == 1 else None
        if not isinstance(declared, Declared) or obj.clauses[0].patterns or self._shapes.is_dynamic:
            return 0
        found, bit = 0, 1
        for name in names:
            if name in declared and (declared.is_harmless(name) or self._of(declared.at(name))):
                found |= bit
            bit <<= 1
        return found

    def _of(self, location: Location) -> int:
        found = self._known.get(location)
        if found is None:
            self._known[location] = 0  # it needs itself, where it is asked for again
            self._depth += 1
            found = self._known[location] = self._weigh(location) if self._depth <= _DEEPEST else 0
            self._depth -= 1
        return found

    def _weigh(self, location: Location) -> int:
        schema = location.value
        if isinstance(schema, bool):
            return schema
        if form_of(schema, location.dialect).harmless:
            return 1
        facts = self._shapes.facts(location)
        if _ENTANGLED.isdisjoint(facts):
            declared = facts.get("type", "null")
            allowed = [declared] if isinstance(declared, str) else declared
            if any(_has_value_of(name, facts) for name in allowed):
                return 1
            found = self._object(location, facts) if "object" in allowed else 0
            return found or (self._array(location, facts) if "array" in allowed else 0)
        if len(facts) == 1 and "$ref" in facts and not self._shapes.is_dynamic:
            return self._of(location.reference("$ref"))
        if len(facts) == 1 and "anyOf" in facts:
            branches = self._shapes.branches(location, facts, "anyOf")
            return next((found for branch in branches if (found := self._of(branch))), 0)
        return _has_constant(facts)

    def _object(self, location: Location, facts: Facts) -> int:
        """The weight of an object of the required members."""
        if not _OF_OBJECTS.isdisjoint(facts):
            return 0
        weight, declared = 1, facts.get("properties", ())
        required = dict.fromkeys(facts.get("required", ()))
        for name in required:
            if name in declared:
                found = self._of(location.child("properties", name))
            else:
                found = self._of(location.child("additionalProperties")) if "additionalProperties" in facts else 1
            if found == 0 or (weight := weight + found) > HEAVIEST:
                return 0
        missing = facts.get("minProperties", 0) - len(required)
        for name in declared:
            if missing <= 0:
                break
            if name not in required and (found := self._of(location.child("properties", name))):
                weight, missing = weight + found, missing - 1
        return weight if missing <= 0 and weight <= HEAVIEST else 0

    def _array(self, location: Location, facts: Facts) -> int:
        """The weight of an array of as many items as there must be."""
        least = facts.get("minItems", 0)
        unequal = facts.get("uniqueItems") is True and least > 1
        if unequal or not _OF_ARRAYS.isdisjoint(facts) or isinstance(facts.get("items"), list):
            return 0
        if least > min(facts.get("maxItems", _FEW_ITEMS), _FEW_ITEMS):
            return 0
        first = min(int(least), len(facts.get("prefixItems", ())))
        weights = [self._of(location.child("prefixItems", index)) for index in range(first)]
        if first < least:
            item = self._of(location.child("items")) if "items" in facts else 1
            weights += [item] * (int(least) - first)
        weight = 1 + sum(weights)
        return weight if all(weights) and weight <= HEAVIEST else 0


def _has_value_of(name: str, facts: Facts) -> bool:
    """Is there plainly a value of a type, of which only the keywords count that are about it?"""
    match name:
        case "string":
            low, high = int(facts.get("minLength", 0)), min(int(facts.get("maxLength", LONGEST)), LONGEST)
            return low <= high and (OF_TEXTS.isdisjoint(facts) or _has_text(facts, low, high))
        case "number" | "integer":
            return OF_NUMBERS.isdisjoint(facts) or _has_number(facts, name)
        case "array":  # the empty one
            return not facts.get("minItems") and "contains" not in facts
        case "object":  # the empty one
            return not facts.get("required") and not facts.get("minProperties")
        case _:
            return True


def _has_text(facts: Facts, low: int, high: int) -> bool:
    """Is there plainly a text of `low..high` characters, by the one keyword about them?"""
    if len(OF_TEXTS.intersection(facts)) > 1:
        return False
    if "pattern" not in facts:
        return low == 0 and high >= SHORTEST.get(facts.get("format", ""), NO_SHORTER)
    found = texts.matching(facts["pattern"])
    if found.dfa is None or found.also:
        return False
    if found.is_counted:  # so many of the texts of one character
        low, high = max(low, found.low), min(high, found.high)
        return low <= high and (low == 0 or found.dfa.begins)
    if low == 0 and high == LONGEST:
        return not found.dfa.is_empty
    return texts.has_short(Texts(dfa=found.dfa, low=low, high=UNBOUNDED if high == LONGEST else high))


def _has_number(facts: Facts, kind: str) -> bool:
    """Is there plainly a number, as its bounds leave room for an integer, or for several multiples?"""
    step = facts.get("multipleOf", 1)
    if "format" in facts or not 1 / _LARGE < step < _LARGE or (kind == "integer" and step != int(step)):
        return False
    low = [facts[name] for name in ("minimum", "exclusiveMinimum") if _is_bound(facts.get(name))]
    high = [facts[name] for name in ("maximum", "exclusiveMaximum") if _is_bound(facts.get(name))]
    if any(abs(bound) > _LARGE for bound in (*low, *high)):
        return False
    return not low or not high or min(high) - max(low) > (1 if step == 1 else 2 * step)


def _is_bound(value: object) -> bool:
    """Is it a number? In draft 4 exclusive bounds are flags."""
    return value is not None and not isinstance(value, bool)


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
