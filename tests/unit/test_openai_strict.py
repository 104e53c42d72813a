"""The rules of OpenAI's strict mode, one broken at a time."""

import json
from typing import Any

import pytest

from constrained.errors import InvalidGrammar
from grammars.json_schema.strict import openai_strict_violations
from tests.support.shared_data import shared


def closed(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An object as strict mode wants it."""
    required = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False, **more}


def broken(schema: Any) -> list[str]:
    return [str(violation) for violation in openai_strict_violations(schema)]


@pytest.mark.parametrize(
    "schema",
    [
        closed({}),
        closed({"a": {"type": ["string", "null"], "description": "b", "default": "c"}}),
        closed(
            {"a": {"anyOf": [{"type": "integer", "minimum": 0}, {"$ref": "#/$defs/b"}]}},
            **{"$defs": {"b": {"type": "null"}}},
        ),
        closed({"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}),
        closed({"a": {"type": "array", "items": {"type": "string", "format": "date-time"}, "maxItems": 3}}),
        closed({"a": {"enum": ["b", "c"]}, "d": {"const": 1}}),
        json.dumps(closed({"a": {"type": "number"}})),
    ],
)
def test_what_is_inside_the_subset(schema: Any):
    assert broken(schema) == []


@pytest.mark.parametrize(
    ("schema", "violation"),
    [
        ({"type": "array", "items": {"type": "null"}}, '#: the root must have "type": "object"'),
        (closed({}, anyOf=[{"type": "object"}]), "#/anyOf: the root must not be a choice"),
        (closed({"a": {"type": "null"}}, required=[]), "#/required: 'a' must be required"),
        (closed({}, required=["a"]), "#/required/0: 'a' is not among the properties"),
        (closed({"a": {"type": "object"}}), "#/properties/a: 'additionalProperties' must be false"),
        (closed({"a": {}}), "#/properties/a: a 'type' is missing"),
        (closed({"a": True}), "#/properties/a: true and false are not allowed as schemas"),
        (closed({"a": {"type": "array"}}), "#/properties/a: an array needs 'items'"),
        (closed({"a": {"type": "string", "format": "uri"}}), "#/properties/a/format: 'uri' is not one of"),
        (closed({"a": {"oneOf": [{"type": "null"}]}}), "#/properties/a/oneOf: 'oneOf' is not allowed"),
        (closed({"a": {"type": "null"}}, minProperties=1), "#/minProperties: 'minProperties' is not allowed"),
        (closed({"a": {"$ref": "#", "description": "b"}}), "#/properties/a/$ref: nothing may stand beside '$ref'"),
        (closed({f"p{n}": {"type": "null"} for n in range(5_001)}), "#: 5001 properties, more than 5000"),
        (closed({"a": {"enum": list(range(1_001))}}), "#: 1001 enum values, more than 1000"),
        (closed({"a": {"enum": [f"{n:0100}" for n in range(251)]}}), "#/properties/a/enum: more than 250 values"),
        (closed({"a" * 120_001: {"type": "null"}}), "#: 120001 characters of names and values, more than 120000"),
    ],
)
def test_a_broken_rule_is_reported_where_it_is_broken(schema: Any, violation: str):
    assert any(each.startswith(violation) for each in broken(schema))


def test_objects_may_be_nested_ten_levels():
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(10):
        schema = closed({"a": schema})
    assert broken(schema) == []
    assert broken(closed({"a": schema})) == ["#: 11 levels of objects, more than 10"]


def test_all_violations_are_listed():
    schema = {"type": "object", "properties": {"a": {"not": {}}}}
    assert broken(schema) == [
        "#: 'additionalProperties' must be false",
        "#/required: 'a' must be required",
        "#/properties/a/not: 'not' is not allowed",
        "#/properties/a: a 'type' is missing",
        "#/properties/a/not: a 'type' is missing",
    ]


def test_what_is_no_schema_is_an_error():
    with pytest.raises(InvalidGrammar):
        openai_strict_violations({"type": "strnig"})


@pytest.mark.shared
@pytest.mark.parametrize(
    "client", ["openai-agents-py", "openai-agents-js", "openai-node", "openai-python", "pydantic-ai"]
)
def test_schemas_that_openais_own_clients_make_strict_are_inside_the_subset(client: str):
    sent = json.loads(shared("data/tool_schemas.json").read_text())
    strict = [each["schema"] for each in sent if each["client"] == client and each["strict"]]
    assert strict
    assert [broken(schema) for schema in strict] == [[]] * len(strict)
