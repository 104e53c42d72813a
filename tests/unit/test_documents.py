"""What a schema may be, what is wrong with one that is none, and the locations in it."""

import gzip
import json
import re
from collections import OrderedDict
from decimal import Decimal
from functools import reduce
from typing import Any

import pytest

from constrained.errors import GrammarError, InvalidGrammar, LimitExceeded, UnsupportedFeature
from grammars.json_schema.documents import Document
from grammars.json_schema.json_input import from_python
from grammars.json_schema.survey import SchemaLimits
from tests.support.shared_data import shared


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"not": schema}
    return schema


HOLDS_ITSELF: dict[str, Any] = {"properties": {}}
HOLDS_ITSELF["properties"]["a"] = HOLDS_ITSELF

# Locations


def test_the_same_schema_is_the_same_object():
    document = Document.parse({"properties": {"a": {"$ref": "#/properties/b"}, "b": {"items": True}}})
    target = document.root.child("properties", "b")
    assert document.root.child("properties", "a").reference("$ref") is target
    assert target.child("items") is target.child("items")


def test_a_location_knows_its_place():
    document = Document.parse({"allOf": [{"patternProperties": {"a/b~c": {"not": {}}}}]})
    place = document.root.child("allOf", 0).child("patternProperties", "a/b~c").child("not")
    assert str(place.where) == "#/allOf/0/patternProperties/a~1b~0c/not"
    assert place.path() == ("allOf", 0, "patternProperties", "a/b~c", "not")


def test_locations_are_all_schemas_outermost_first():
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{"title": "a"}, True],
        "dependencies": {"a": ["b"], "c": {"not": {}}},
        "definitions": {"d": {"if": {}}},
        "const": {"not": {}},
        "x-unknown": {"not": {}},
    }
    assert [str(location.where) for location in Document.parse(schema).locations()] == [
        *("#", "#/items/0", "#/items/1", "#/dependencies/c", "#/definitions/d"),
        *("#/dependencies/c/not", "#/definitions/d/if"),
    ]


def test_a_document_does_not_change_with_the_schema_it_was_read_from():
    schema = {"properties": {"a": {"enum": [1]}}}
    document = Document.parse(schema)
    schema["properties"].clear()
    assert document.root.child("properties", "a").value == {"enum": [1]}


@pytest.mark.parametrize(
    "value",
    [
        {"enum": [None, True, 1, 1.5, -0.0, "a", "\u00fc\U0001f600", [], {}, [[{"a": [1]}]]]},
        {"const": [1 << 62, -(1 << 63), 1 << 63, 10**4000]},  # those that are long are written and read back
        {"const": reduce(lambda inside, _: [inside], range(150), 0)},
        OrderedDict(const=OrderedDict(a=1)),
    ],
)
def test_a_copy_is_what_would_be_read_from_the_text(value: Any):
    text = json.dumps(value, ensure_ascii=False)
    copy, size = from_python(value, 1 << 20)
    assert (json.dumps(copy, ensure_ascii=False), type(copy)) == (text, dict)
    assert copy is not value
    assert len(text) / 2 <= size <= len(text) + 25 * text.count(",") + 25


def test_the_limit_of_bytes_is_that_of_the_text():
    value = {"const": ["\u00fc" * 100, 1, 2.5, "\n\x01"]}
    size = len(json.dumps(value, ensure_ascii=False).encode())
    assert from_python(value, size)[0] == value
    with pytest.raises(LimitExceeded, match="max_bytes"):
        from_python(value, size - 1)


@pytest.mark.parametrize("schema", [True, False, "true", '{"type": "null"}', {}, OrderedDict(type="null")])
def test_schemas_are_booleans_objects_or_json_text(schema: Any):
    expected = json.loads(schema) if isinstance(schema, str) else schema
    assert Document.parse(schema).root.value == expected


def test_an_integer_may_be_written_as_a_float():
    assert repr(Document.parse({"minLength": 5.0}).root.value) == "{'minLength': 5}"


def test_siblings_of_a_reference_count_since_2019():
    schema = {"$ref": "#/definitions/a", "type": "null", "definitions": {"a": {}}}
    assert set(Document.parse(schema).root.keywords) == set(schema)
    older = {"$schema": "http://json-schema.org/draft-07/schema#", **schema}
    assert Document.parse(older).root.keywords == {"$ref": "#/definitions/a"}


# What is no JSON


@pytest.mark.parametrize(
    ("schema", "where", "message"),
    [
        ({"enum": [1, {2}]}, "#/enum/1", "set"),
        ({"enum": (1, 2)}, "#/enum", "tuple"),
        ({"properties": {"a": {"default": Decimal(1)}}}, "#/properties/a/default", "Decimal"),
        ({"maximum": float("nan")}, "#/maximum", "nan"),
        ({"examples": [float("inf")]}, "#/examples/0", "inf"),
        ({"properties": {1: {}}}, "#/properties", "key must be a string, not 1"),
        ({"enum": ["\ud800"]}, "#/enum/0", "surrogate"),
        ({"properties": {"\udfff": {}}}, "#/properties", "surrogate"),
        (HOLDS_ITSELF, "#/properties/a", "holds itself"),
        (3, "#", "a schema is an object or a boolean, not a number"),
        (None, "#", "not null"),
        ([{}], "#", "not an array"),
        ('["type"]', "#", "not an array"),
        ('{"type": "null"', "line 1, column 16", "not JSON"),
        ('{\n  "a": nothing}', "line 2, column 8", "not JSON"),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "#/a", "the key 'b' is given twice"),
        ('{"minimum": NaN}', "#/minimum", "nan"),
        ('{"minimum": -1e999}', "#/minimum", "-inf"),
        ('{"const": ["\\ud83d"]}', "#/const/0", "surrogate"),
        ("", "line 1, column 1", "not JSON"),
    ],
)
def test_what_is_not_json_is_refused_where_it_stands(schema: Any, where: str, message: str):
    with pytest.raises(InvalidGrammar, match=re.escape(message)) as caught:
        Document.parse(schema)
    assert caught.value.where == where


def test_surrogate_pairs_in_text_are_fine():
    assert Document.parse('{"const": "\\ud83d\\ude00"}').root.value == {"const": "😀"}


# What is no schema. Every keyword's values are in test_keywords.py.


@pytest.mark.parametrize(
    ("schema", "where", "message", "hint"),
    [
        ({"properties": {"a": {"type": "int"}}}, "#/properties/a/type", "unknown type 'int'", '"integer"'),
        ({"properties": {"a": {"type": "STRING"}}}, "#/properties/a/type", "unknown type", '"string"'),
        ({"type": "string|null"}, "#/type", "unknown type", '["string", "null"]'),
        ({"type": ["string", "nul"]}, "#/type/1", "unknown type", '"null"'),
        ({"type": "any"}, "#/type", "unknown type", 'leave "type" out'),
        ({"properties": {"a": {"required": True}}}, "#/properties/a/required", "an array of property names", "object"),
        ({"required": "a"}, "#/required", "not a string", '["a"]'),
        ({"required": ["a", "b", "a"]}, "#/required", "'a' twice", ""),
        ({"properties": {"a": "string"}}, "#/properties/a", "must be a schema", '{"type": "string"}'),
        ({"properties": {"$ref": "#/x"}}, "#/properties/$ref", "must be a schema", "one level up"),
        ({"items": [{}]}, "#/items", "must be a schema, not an array", "2019-09"),
        ({"minimum": 1, "exclusiveMinimum": True}, "#/exclusiveMinimum", "must be a number", "draft-04"),
        ({"maxLength": "5"}, "#/maxLength", "not a string", "write 5 without quotes"),
        ({"minItems": -1}, "#/minItems", "negative", ""),
        ({"minItems": 1.5}, "#/minItems", "an integer", ""),
        ({"additionalProperties": "false"}, "#/additionalProperties", "must be a schema", ""),
        ({"uniqueItems": "true"}, "#/uniqueItems", "a boolean", "write true without quotes"),
        ({"anyOf": []}, "#/anyOf", "at least one", ""),
        ({"enum": "a"}, "#/enum", "an array", '"const"'),
        ({"dependentRequired": {"a": ["b", 1]}}, "#/dependentRequired/a/1", "a property name", ""),
        ({"$id": "http://x/a#b"}, "#/$id", "fragment", "$anchor"),
        ({"$anchor": "a b"}, "#/$anchor", "anchor name", ""),
    ],
)
def test_a_malformed_keyword_is_reported_with_place_and_hint(schema: Any, where: str, message: str, hint: str):
    with pytest.raises(InvalidGrammar, match=re.escape(message)) as caught:
        Document.parse(schema)
    assert caught.value.where == where
    assert hint in caught.value.hint


def test_the_outermost_mistake_is_reported_first():
    schema = {"properties": {"a": {"properties": {"b": {"type": "int"}}}}, "items": 5, "not": {"type": "int"}}
    with pytest.raises(InvalidGrammar) as caught:
        Document.parse(schema)
    assert caught.value.where == "#/items"


# Limits


@pytest.mark.parametrize("schema", [nested(100_000), '{"not":' * 100_000 + "{}" + "}" * 100_000, nested(300)])
def test_depth_is_limited(schema: Any):
    with pytest.raises(LimitExceeded, match="deep"):
        Document.parse(schema)


def test_a_deep_value_is_no_deep_schema_and_limited_too():
    value: Any = 1
    for _ in range(300):
        value = [value]
    assert Document.parse({"default": value}).root.value == {"default": value}
    with pytest.raises(InvalidGrammar, match="deeper than 256"):
        Document.parse({"const": value})


@pytest.mark.parametrize(
    ("limits", "names"),
    [
        (SchemaLimits(max_bytes=30), "max_bytes"),
        (SchemaLimits(max_depth=2), "max_depth"),
        (SchemaLimits(max_subschemas=3), "max_subschemas"),
    ],
)
def test_every_limit_can_be_set_and_says_its_name(limits: SchemaLimits, names: str):
    schema = {"properties": {"a": {"not": {}}, "b": {"not": {}}}}
    assert Document.parse(schema)
    for given in (schema, json.dumps(schema)):
        with pytest.raises(LimitExceeded) as caught:
            Document.parse(given, limits=limits)
        assert names in caught.value.hint


# Real schemas


@pytest.mark.shared
def test_every_public_schema_is_read():
    with gzip.open(shared("data/maskbench_public.jsonl.gz"), "rt") as lines:
        schemas = [json.loads(line)["schema"] for line in lines]
    refused: list[GrammarError] = []
    for schema in schemas:
        try:
            Document.parse(schema)
        except (InvalidGrammar, UnsupportedFeature) as error:
            refused.append(error)
    assert len(schemas) == 1_000
    assert refused == []
