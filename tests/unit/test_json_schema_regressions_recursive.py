"""Schemas whose values hold others of the same, whose shortest texts once went wrong; found by `tests.fuzz.run`."""

from typing import Any

import pytest

from constrained.errors import Unsatisfiable
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import byte_vocabulary
from tests.fuzz.check import check
from tests.fuzz.judge import Judge

TO_THE_LETTER = JsonSchemaOptions(key_order="any", additional_properties="schema", whitespace="compact")

# What is chosen first may lead to where only a value of the schema itself may come: whatever else is shorter.
CHOSEN: dict[str, dict[str, Any]] = {
    "a key that brings along one whose value is of the same schema": {
        "type": "object",
        "minProperties": 1,
        "patternProperties": {"é": {"$ref": "#"}},
        "dependentRequired": {"b": ["é"]},
    },
    "the same, one key more": {
        "type": "object",
        "minProperties": 2,
        "properties": {"a": {"type": "integer"}},
        "patternProperties": {"é": {"$ref": "#"}},
        "dependentRequired": {"b": ["é"]},
    },
    "two equal items, of which one may be an array with two equal items": {
        "prefixItems": [{}, {"minimum": 2}, {"not": {"uniqueItems": True}, "$ref": "#"}],
        "type": "array",
        "not": {"uniqueItems": True},
    },
    "unique items, of which the second is null or of the same schema": {
        "type": "array",
        "uniqueItems": True,
        "minItems": 2,
        "prefixItems": [{"enum": [None, "a long text"]}, {"anyOf": [{"type": "null"}, {"$ref": "#"}]}],
    },
    "counted unique items, of which the second is null or of the same schema": {
        "type": "array",
        "uniqueItems": True,
        "maxItems": 2,
        "prefixItems": [{"enum": [None, "a long text"]}, {"anyOf": [{"type": "null"}, {"$ref": "#"}]}],
        "contains": {"type": ["null", "array", "string"]},
        "minContains": 2,
    },
    "unique items, of which the third is no array, or one with two equal items": {
        "$schema": "http://json-schema.org/draft-06/schema#",
        "type": "array",
        "uniqueItems": True,
        "items": [{"enum": ["a"]}, {"$ref": "#"}, {"$ref": "#/definitions/equal"}],
        "contains": {
            "anyOf": [
                {"maxItems": 1, "items": [{"$ref": "#/definitions/object"}]},
                {"additionalItems": {}, "items": [{"type": "array"}]},
            ]
        },
        "definitions": {"object": {"type": "object"}, "equal": {"not": {"uniqueItems": True}}},
    },
    "unique objects, of which the second has a value of the same schema": {
        "type": "array",
        "uniqueItems": True,
        "minItems": 2,
        "items": {
            "type": "object",
            "maxProperties": 1,
            "properties": {"a": {"enum": [None, "a long text"]}, "b": {"$ref": "#"}},
            "required": ["a"],
        },
    },
}


@pytest.mark.parametrize("name", CHOSEN)
@pytest.mark.parametrize("seed", range(4))
def test_walks_end_in_valid_instances_and_valid_instances_are_accepted(name: str, seed: int):
    assert check(CHOSEN[name], seed) is None


@pytest.mark.parametrize("schema", CHOSEN.values(), ids=CHOSEN)
def test_every_beginning_of_a_shortest_text_can_be_ended(schema: dict[str, Any]):
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    text = grammar.matcher().shortest_completion()
    for end in range(len(text) + 1):
        here = grammar.matcher()
        for byte in text[:end]:
            here.advance(byte)
        assert Judge(schema, formats=False).accepts((text[:end] + here.shortest_completion()).decode())


UNIQUE: dict[str, Any] = {"type": "array", "uniqueItems": True, "minItems": 2}
NULL_OR_SAME: dict[str, Any] = {"anyOf": [{"type": "null"}, {"$ref": "#"}]}


@pytest.mark.parametrize("items", [{"items": NULL_OR_SAME}, {"prefixItems": [NULL_OR_SAME, NULL_OR_SAME]}])
def test_unique_arrays_that_could_only_hold_null_and_such_an_array_do_not_exist(items: dict[str, Any]):
    with pytest.raises(Unsatisfiable):
        compile_json_schema({**UNIQUE, **items}, byte_vocabulary(), TO_THE_LETTER)


def test_values_that_are_found_out_to_exist_are_some_to_differ_by():
    """Three different items: two scalars, and a pair of these, which is one of the same items."""
    item = {"anyOf": [{"enum": [0, None]}, {"$ref": "#/$defs/pair"}]}
    schema = {**UNIQUE, "items": item, "minItems": 3, "$defs": {"pair": {**UNIQUE, "items": item}}}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    text = grammar.matcher().shortest_completion().decode()
    assert Judge(schema, formats=False).accepts(text)
    assert len(text) == len("[0,null,[0,null]]")
