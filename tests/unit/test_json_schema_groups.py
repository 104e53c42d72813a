"""What each group of keywords accepts and rejects, in every draft that has it; `jsonschema` judges the tables too.

A row is (drafts, what it shows, schema, accepted texts, rejected texts), the texts apart by `|`.
"""

from typing import Any

import pytest

from constrained.errors import Unsatisfiable, UnsupportedFeature
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary
from tests.fuzz.judge import Judge

TO_THE_LETTER = JsonSchemaOptions(key_order="any", additional_properties="schema", decimal_integers=True)
DRAFTS = {
    4: "http://json-schema.org/draft-04/schema#",
    6: "http://json-schema.org/draft-06/schema#",
    7: "http://json-schema.org/draft-07/schema#",
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}
ALL, SINCE_6, SINCE_7, SINCE_2019, BEFORE_2019, BEFORE_2020 = (
    (4, 6, 7, 2019, 2020), (6, 7, 2019, 2020), (7, 2019, 2020), (2019, 2020), (4, 6, 7), (4, 6, 7, 2019)
)  # fmt: skip

Row = tuple[tuple[int, ...], str, dict[str, Any], str, str]

STRINGS: list[Row] = [
    (ALL, "lengths count characters", {"type": "string", "minLength": 2, "maxLength": 3},
     '"ab"|"aé€"|"😀😀"', '"a"|"😀"|"abcd"|1'),
    (ALL, "thousands of characters", {"type": "string", "minLength": 2000, "maxLength": 3000},
     f'"{"é" * 2000}"|"{"a" * 3000}"', f'"{"é" * 1999}"|"{"a" * 3001}"'),
    (ALL, "a pattern is looked for anywhere", {"type": "string", "pattern": "b+c"}, '"bc"|"abbcd"', '"b"|"cb"|""'),
    (ALL, "an anchored pattern, with look-ahead", {"type": "string", "pattern": "^(?=.*\\d)[a-z0-9]{3}$"},
     '"ab1"|"111"', '"abc"|"ab12"|"1b"'),
    (ALL, "two patterns and a length",
     {"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "b$"}], "maxLength": 3},
     '"ab"|"axb"', '"a"|"b"|"axxb"|"ba"'),
    (ALL, "not a pattern", {"type": "string", "not": {"pattern": "^a"}, "minLength": 1}, '"b"|"ba"', '"a"|"ab"|""'),
    (ALL, "enumerated", {"enum": ["a", "é\n", "\""]}, '"a"|"é\\n"|"\\""', '"b"|"é"|""|"n"'),
    (ALL, "a format", {"type": "string", "format": "date-time"},
     '"2024-02-29T10:00:00Z"|"1999-12-31T23:59:59.5+01:00"',
     '"2023-02-29T10:00:00Z"|"2024-02-29"|"2024-02-29T25:00:00Z"'),
    (ALL, "two formats of one address", {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}], "type": "string"},
     '"127.0.0.1"|"::1"|"fe80::1:2"', '"256.0.0.1"|"1.2.3"|"1::2::3"|""'),
    (SINCE_7, "a format and a pattern", {"type": "string", "format": "date", "pattern": "-01$"},
     '"2024-01-01"', '"2024-01-02"|"2024-13-01"|"-01"'),
    (SINCE_2019, "a format of later drafts", {"type": "string", "format": "uuid"},
     '"01234567-89ab-CDEF-0123-456789abcdef"',
     '"0123456789abcdef0123456789abcdef"|"01234567-89ab-cdef-0123-456789abcdeg"'),
]  # fmt: skip

NUMBERS: list[Row] = [
    (ALL, "bounds", {"type": "number", "minimum": -1.5, "maximum": 2},
     "-1.5|-1.50|0|-0|2|2.0|1.999", "-1.51|2.01|3|-2|true"),
    ((4,), "exclusive bounds as flags", {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 1},
     "0.1|1|0.001", "0|-0|0.0|1.1"),
    (SINCE_6, "exclusive bounds", {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
     "0.1|0.999", "0|0.0|1|1.0"),
    ((4,), "an integer has no fraction", {"type": "integer"}, "1|-12|0", "1.0|1.5|1e2"),
    (SINCE_6, "an integer by value", {"type": "integer"}, "1|-12|1.0|1e2", "1.5|1e-2|null"),
    (ALL, "bounds that lie within a decade", {"type": "integer", "minimum": 17, "maximum": 1203},
     "17|99|100|1203", "16|1204|9|20000|-17"),
    (ALL, "multiples", {"type": "integer", "multipleOf": 7, "minimum": 1}, "7|49|700", "0|1|8|-7"),
    (ALL, "multiples of a fraction", {"type": "number", "multipleOf": 0.05, "maximum": 1},
     "0.05|1|0.950|-3.10|0", "0.01|0.051|1.05|1.1"),
    (ALL, "two multiples", {"allOf": [{"multipleOf": 4}, {"multipleOf": 6}], "type": "integer"},
     "0|12|-24", "4|6|8|18"),
    (ALL, "not a multiple, within bounds", {"type": "integer", "not": {"multipleOf": 2}, "minimum": 0, "maximum": 5},
     "1|3|5", "0|2|4|7|-1"),
    (ALL, "enumerated by value", {"enum": [1, 2.5, 1e3]}, "1|1.0|2.5|2.50|1000", "2|10|25"),
    (ALL, "other types are free", {"minimum": 3, "multipleOf": 2}, '4|"a"|null|[1]', "3|2|1"),
]  # fmt: skip

ARRAYS: list[Row] = [
    (ALL, "items and lengths", {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2},
     "[true]|[true, false]", "[]|[1]|[true, true, true]"),
    (ALL, "thousands of items", {"type": "array", "items": {"enum": [0]}, "minItems": 1000, "maxItems": 2000},
     f"[{', '.join('0' * 1000)}]|[{', '.join('0' * 2000)}]", f"[{', '.join('0' * 999)}]|[{', '.join('0' * 2001)}]"),
    (BEFORE_2020, "first items, and others",
     {"items": [{"type": "integer"}, {"type": "null"}], "additionalItems": {"type": "string"}, "type": "array"},
     '[]|[1]|[1, null]|[1, null, "a"]', '[null]|[1, 1]|[1, null, 1]'),
    ((2020,), "first items, and others",
     {"prefixItems": [{"type": "integer"}, {"type": "null"}], "items": {"type": "string"}, "type": "array"},
     '[]|[1]|[1, null]|[1, null, "a"]', '[null]|[1, 1]|[1, null, 1]'),
    (ALL, "unique items", {"type": "array", "uniqueItems": True},
     '[]|[1, 2, "1", true]|[[1], [1, 1]]|[{"a": 1}, {"a": 2}]|[0, false]',
     '[1, 1]|[1, 1.0]|["a", "a"]|[{"a": 1, "b": 2}, {"b": 2, "a": 1}]|[[[]], [[]]]'),
    (ALL, "items that repeat", {"type": "array", "not": {"uniqueItems": True}},
     "[1, 1]|[1, 2, 1.0]|[[], []]", "[]|[1]|[1, 2]"),
    (SINCE_6, "contains", {"type": "array", "contains": {"type": "string"}, "items": {"type": ["string", "integer"]}},
     '["a"]|[1, "a", 2]', "[]|[1]|[null]"),
    (SINCE_2019, "contains, so many times",
     {"type": "array", "contains": {"const": 1}, "minContains": 2, "maxContains": 3, "maxItems": 4},
     "[1, 1]|[0, 1, 0, 1]|[1, 1, 1]", "[1]|[0, 1]|[1, 1, 1, 1]|[1, 1, 0, 0, 0]"),
    (SINCE_2019, "contains perhaps", {"type": "array", "contains": {"const": 1}, "minContains": 0, "maxContains": 1},
     "[]|[0]|[1]|[0, 1]", "[1, 1]|[1, 0, 1]"),
    (SINCE_6, "does not contain", {"type": "array", "not": {"contains": {"minimum": 3}}}, "[]|[1, 2]", "[3]|[1, 4]"),
    ((2019,), "unevaluated items",
     {"type": "array", "allOf": [{"items": [{"type": "integer"}]}], "unevaluatedItems": {"type": "string"}},
     '[]|[1]|[1, "a"]', '["a"]|[1, 1]'),
    ((2020,), "unevaluated items",
     {"type": "array", "allOf": [{"prefixItems": [{"type": "integer"}]}], "unevaluatedItems": {"type": "string"}},
     '[]|[1]|[1, "a"]', '["a"]|[1, 1]'),
    (ALL, "arrays in an enumeration", {"enum": [[], [1, [2]], ["a"]]},
     '[]|[1, [2]]|["a"]|[1.0, [2]]', '[1]|[[2], 1]|["a", "a"]|[[]]'),
]  # fmt: skip

OBJECTS: list[Row] = [
    (ALL, "properties, required, no others",
     {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"],
      "additionalProperties": False},
     '{"a": 1}|{"b": null, "a": 1}', '{}|{"b": 1}|{"a": "1"}|{"a": 1, "c": 1}|{"a": 1, "a": 1}'),
    (ALL, "others have a schema",
     {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "string"}},
     '{}|{"a": 1, "b": "x"}|{"c": "", "d": ""}', '{"a": "x"}|{"b": 1}|{"b": "", "b": ""}'),
    (ALL, "patterns overlap",
     {"type": "object", "patternProperties": {"^a": {"type": "integer"}, "b$": {"minimum": 3}},
      "additionalProperties": False},
     '{"a": 1}|{"b": 3}|{"b": "x"}|{"ab": 3}', '{"ab": 1}|{"ab": "x"}|{"a": "x"}|{"c": 1}'),
    (ALL, "required but not declared", {"type": "object", "required": ["x", "y"], "maxProperties": 2},
     '{"x": 1, "y": 2}|{"y": [], "x": {}}', '{"x": 1}|{"x": 1, "y": 2, "z": 3}'),
    (ALL, "how many", {"type": "object", "minProperties": 1, "maxProperties": 2, "properties": {"a": {"type": "null"}}},
     '{"a": null}|{"b": 1, "c": 2}', '{}|{"a": 1}|{"a": null, "b": 1, "c": 1}'),
    (SINCE_6, "names", {"type": "object", "propertyNames": {"pattern": "^[ab]+$", "maxLength": 2}},
     '{}|{"a": 1, "ab": 2}', '{"c": 1}|{"": 1}|{"aab": 1}'),
    (BEFORE_2019, "dependencies",
     {"type": "object", "dependencies": {"a": ["b"], "c": {"required": ["d"], "maxProperties": 2}}},
     '{}|{"b": 1}|{"a": 1, "b": 2}|{"d": 1, "c": 2}', '{"a": 1}|{"c": 1}|{"c": 1, "d": 2, "e": 3}'),
    (SINCE_2019, "dependencies",
     {"type": "object", "dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"required": ["d"],
      "maxProperties": 2}}},
     '{}|{"b": 1}|{"a": 1, "b": 2}|{"d": 1, "c": 2}', '{"a": 1}|{"c": 1}|{"c": 1, "d": 2, "e": 3}'),
    (SINCE_2019, "unevaluated properties",
     {"type": "object", "properties": {"a": {}}, "anyOf": [{"properties": {"b": {"const": 1}}, "required": ["b"]},
      {}], "unevaluatedProperties": False},
     '{}|{"a": 1}|{"b": 1, "a": 2}', '{"c": 1}|{"b": 2}|{"a": 1, "b": 1, "c": 1}'),
    (ALL, "a key must not come", {"type": "object", "not": {"required": ["a"]}},
     '{}|{"b": 1}', '{"a": 1}|{"b": 1, "a": null}'),
    (ALL, "objects in an enumeration", {"enum": [{"a": 1, "b": [2]}, {}]},
     '{}|{"a": 1, "b": [2]}|{"b": [2], "a": 1.0}', '{"a": 1}|{"a": 1, "b": [2], "c": 1}|{"a": 1, "b": 2}'),
]  # fmt: skip

_TREE = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "next": {"$ref": "#"}},
    "required": ["n"],
    "additionalProperties": False,
}

COMBINATIONS: list[Row] = [
    (ALL, "exactly one of two that overlap", {"type": "integer", "oneOf": [{"minimum": 5}, {"multipleOf": 3}]},
     "5|7|0|3|-3", "6|9|1|4"),
    (ALL, "exactly one of three",
     {"oneOf": [{"type": "string"}, {"minLength": 3}, {"enum": ["ab", 1]}], "type": "string"},
     '"a"|"xy"', '"ab"|"abc"'),
    (ALL, "any of, beside other keywords",
     {"type": "object", "required": ["k"], "anyOf": [{"properties": {"k": {"enum": [1]}}}, {"required": ["v"]}]},
     '{"k": 1}|{"k": 2, "v": 0}|{"v": 0, "k": 1}', '{"k": 2}|{"v": 1}'),
    (ALL, "all of", {"allOf": [{"type": ["integer", "string"]}, {"type": ["string", "null"]}, {"maxLength": 1}]},
     '""|"a"', '1|null|"ab"'),
    (ALL, "not not", {"not": {"not": {"type": "array", "items": {"type": "null"}}}}, "[]|[null]", "[1]|1"),
    (ALL, "not an object of this form",
     {"type": "object", "not": {"properties": {"a": {"type": "integer"}}, "additionalProperties": False}},
     '{"b": 1}|{"a": "x"}|{"a": 1, "b": 1}', '{}|{"a": 1}'),
    (SINCE_7, "if, then and else",
     {"type": "object", "if": {"properties": {"k": {"const": "a"}}, "required": ["k"]}, "then": {"required": ["x"]},
      "else": {"maxProperties": 1}},
     '{"k": "a", "x": 1}|{}|{"k": "b"}|{"x": 1, "k": "a"}', '{"k": "a"}|{"k": "b", "x": 1}|{"y": 1, "x": 1}'),
    (SINCE_6, "a constant", {"const": {"a": [1, None]}},
     '{"a": [1, null]}|{"a": [1.0, null]}', '{"a": [1]}|{"a": [null, 1]}|{}'),
    (ALL, "a recursive reference", _TREE,
     '{"n": 1}|{"n": 1, "next": {"next": {"n": 3}, "n": 2}}',
     '{}|{"n": 1, "next": {}}|{"n": 1, "next": {"n": 2, "next": 3}}'),
    (BEFORE_2019, "what stands beside a reference is ignored",
     {"definitions": {"d": {"type": "integer"}}, "allOf": [{"$ref": "#/definitions/d", "minimum": 5}]},
     "1|5", '"a"|1.5'),
    (SINCE_2019, "what stands beside a reference counts",
     {"$defs": {"d": {"type": "integer"}}, "allOf": [{"$ref": "#/$defs/d", "minimum": 5}]},
     "5|6", '1|"a"|5.5'),
    (SINCE_2019, "anchors and identifiers",
     {"$id": "http://e.test/r", "$defs": {"d": {"$id": "d", "$anchor": "A", "type": "null"}}, "anyOf": [{"$ref":
      "d#A"}, {"$ref": "http://e.test/d"}]},
     "null", "1|{}"),
    ((2019,), "a recursive reference that others extend",
     {"$recursiveAnchor": True, "type": ["array", "null"], "items": {"$recursiveRef": "#"}},
     "null|[]|[[null], []]", "1|[1]|[[[1]]]"),
    ((2020,), "a dynamic reference", {"$dynamicAnchor": "n", "type": ["array", "null"], "items": {"$dynamicRef": "#n"}},
     "null|[]|[[null], []]", "1|[1]|[[[1]]]"),
    (ALL, "the draft's own schema", {"$ref": "METASCHEMA"},
     '{}|{"type": "string"}|{"minLength": 1}|{"properties": {"a": {"maxItems": 2}}}',
     '{"type": "text"}|{"minLength": -1}|{"properties": {"a": {"required": 1}}}|[]'),
]  # fmt: skip

GROUPS = {"strings": STRINGS, "numbers": NUMBERS, "arrays": ARRAYS, "objects": OBJECTS, "combinations": COMBINATIONS}
CASES = [
    pytest.param(draft, row, id=f"{group}, {row[1]}, {draft}")
    for group, rows in GROUPS.items()
    for row in rows
    for draft in row[0]
]


@pytest.mark.parametrize(("draft", "row"), CASES)
def test_texts_are_accepted_and_rejected_as_the_draft_says(draft: int, row: Row):
    _, _, said, accepted, rejected = row
    schema = {"$schema": DRAFTS[draft], **said}
    if schema.get("$ref") == "METASCHEMA":
        schema["$ref"] = DRAFTS[draft]
    judge = Judge(schema, formats=True)
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    for text in accepted.split("|"):
        assert judge.accepts(text) is True, text
        assert accepts(grammar, text), text
    for text in rejected.split("|"):
        assert _judged(judge, text) is False, text
        assert not accepts(grammar, text), text
    assert judge.accepts(grammar.matcher().shortest_completion().decode()) is True


def _judged(judge: Judge, text: str) -> bool | None:
    """What `jsonschema` says; a key that comes twice is no JSON for us."""
    try:
        return judge.accepts(text)
    except ValueError:
        return False


NOTHING: list[tuple[str, dict[str, Any]]] = [
    ("lengths", {"type": "string", "minLength": 3, "maxLength": 2}),
    ("a pattern and a length", {"type": "string", "pattern": "^abc$", "maxLength": 2}),
    ("bounds", {"type": "integer", "minimum": 1.1, "maximum": 1.9}),
    ("multiples within bounds", {"type": "number", "multipleOf": 5, "minimum": 1, "maximum": 4}),
    ("a required property that must not come", {"type": "object", "required": ["a"], "properties": {"a": False}}),
    ("an enumeration of another type", {"type": "string", "enum": [1, None]}),
    ("more different items than there are",
     {"type": "array", "items": {"type": "boolean"}, "uniqueItems": True, "minItems": 3}),
    ("contains what no item may be", {"type": "array", "contains": {"type": "null"}, "items": {"type": "integer"}}),
    ("all branches",
     {"anyOf": [{"type": "string", "maxLength": 0, "minLength": 1}, {"allOf": [{"const": 1}, {"const": 2}]}]}),
    ("not anything", {"not": {}}),
]  # fmt: skip


@pytest.mark.parametrize("schema", [schema for _, schema in NOTHING], ids=[name for name, _ in NOTHING])
def test_what_nothing_satisfies_is_refused_with_its_place(schema: dict[str, Any]):
    with pytest.raises(Unsatisfiable) as refused:
        compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    assert refused.value.where


def test_references_to_elsewhere_are_refused_with_their_address():
    with pytest.raises(UnsupportedFeature, match=r"http://elsewhere\.test/s"):
        compile_json_schema({"items": {"$ref": "http://elsewhere.test/s"}}, byte_vocabulary(), TO_THE_LETTER)
