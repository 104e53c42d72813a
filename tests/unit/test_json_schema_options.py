"""What the options choose: how a valid value is written, and which undeclared keys come along."""

import itertools
import json
from typing import Any

import pytest

from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary

PAIR = {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a"]}
PAIRS = {"type": "array", "items": {"type": "object", **PAIR}}


def is_text(schema: Any, text: str, **options: Any) -> bool:
    return accepts(compile_json_schema(schema, byte_vocabulary(), JsonSchemaOptions(**options)), text)


# Whitespace

JSON, COMPACT = '[{"a": 1, "b": 2}, {"a": 3}]', '[{"a":1,"b":2},{"a":3}]'
INDENTED = json.dumps(json.loads(JSON), indent=2)


@pytest.mark.parametrize(
    ("style", "texts"),
    [
        ("json", {JSON}),
        ("compact", {COMPACT}),
        ("flexible", {JSON, COMPACT, INDENTED, '[ {"a" : 1,\n\t"b":2} ,{"a":3} ]'}),
    ],
)
def test_whitespace_is_written_in_the_style_chosen(style: str, texts: set[str]):
    candidates = {JSON, COMPACT, INDENTED, '[ {"a" : 1,\n\t"b":2} ,{"a":3} ]', '[{"a": 1,"b":2},{"a":3}]'}
    accepted = {text for text in candidates if is_text(PAIRS, text, whitespace=style)}
    assert accepted == texts | ({'[{"a": 1,"b":2},{"a":3}]'} if style == "flexible" else set())


@pytest.mark.parametrize("style", ["json", "compact"])
def test_json_dumps_reads_back_what_the_style_writes(style: str):
    separators = (", ", ": ") if style == "json" else (",", ":")
    assert is_text(
        True, json.dumps([1, {"é": [True, None]}], separators=separators, ensure_ascii=False), whitespace=style
    )


def test_flexible_whitespace_is_bounded():
    assert is_text(PAIRS, "[" + " " * 8 + "]", whitespace="flexible")
    assert not is_text(PAIRS, "[" + " " * 200 + "]", whitespace="flexible")
    assert not is_text(PAIRS, "[\n\n\n]", whitespace="flexible")


@pytest.mark.parametrize("style", ["json", "compact", "flexible"])
@pytest.mark.parametrize("text", [" []", "[] ", "\n[]"])
def test_nothing_stands_around_the_value(style: str, text: str):
    assert not is_text(PAIRS, text, whitespace=style)


# Order of keys

THREE = {
    "type": "object",
    "properties": {"a": {"type": "null"}, "b": {"type": "null"}, "c": {"type": "null"}},
    "additionalProperties": {"type": "null"},
}


def null_object(*keys: str) -> str:
    return json.dumps(dict.fromkeys(keys))


@pytest.mark.parametrize("keys", [*itertools.permutations("abc")])
def test_keys_come_in_any_order_or_in_the_schemas(keys: tuple[str, ...]):
    assert is_text(THREE, null_object(*keys), key_order="any")
    assert is_text(THREE, null_object(*keys), key_order="schema") == (keys == ("a", "b", "c"))


def test_in_schema_order_undeclared_keys_come_last():
    assert is_text(THREE, null_object("a", "c", "x", "y"), key_order="schema")
    assert not is_text(THREE, null_object("x", "a"), key_order="schema")
    assert is_text(THREE, null_object("x", "a"), key_order="any")


def test_optional_keys_may_be_left_out_in_both_orders():
    for order, keys in itertools.product(("any", "schema"), ([], ["c"], ["a", "c"], ["b"])):
        assert is_text(THREE, null_object(*keys), key_order=order)


# Undeclared keys


@pytest.mark.parametrize(
    ("schema", "declared_option"),
    [
        ({"type": "object", "properties": {"a": {}}}, False),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, True),
        ({"type": "object", "properties": {"a": {}}, "patternProperties": {"^x": {}}}, True),
        ({"type": "object", "properties": {"a": {}}, "patternProperties": {"^y": {}}}, True),
        ({"type": "object"}, True),
        ({}, True),
    ],
)
def test_undeclared_keys_come_where_the_schema_speaks_of_them(schema: dict[str, Any], declared_option: bool):
    text = null_object("x")
    assert is_text(schema, text, additional_properties="schema")
    assert is_text(schema, text, additional_properties="declared") == declared_option


def test_no_option_allows_what_the_schema_forbids():
    closed = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    for choice in ("declared", "schema"):
        assert not is_text(closed, null_object("x"), additional_properties=choice)


def test_required_undeclared_keys_are_written_under_every_option():
    schema = {"type": "object", "properties": {"a": {}}, "required": ["r"]}
    for choice in ("declared", "schema"):
        assert is_text(schema, null_object("r"), additional_properties=choice)
        assert not is_text(schema, null_object("a"), additional_properties=choice)


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '{"x": 1, "x": 1}',
        '{"a": 1, "x": 1, "a": 1}',
        '{"x": 1, "y": 2, "x": 3}',
        '{"x": 1, "\\u0078": 1}',
    ],
)
def test_no_key_comes_twice(order: str, text: str):
    schema = {"type": "object", "properties": {"a": {}}, "patternProperties": {"^x": {}}}
    assert not is_text(schema, text, key_order=order, additional_properties="schema")


# Numbers and formats


@pytest.mark.parametrize("text", ["1.0", "1e2", "-2.00", "10E1"])
def test_integers_are_written_with_a_fraction_on_request(text: str):
    assert is_text({"type": "integer"}, text, decimal_integers=True)
    assert not is_text({"type": "integer"}, text)


def test_draft_4_knows_no_integers_with_a_fraction():
    draft4 = "http://json-schema.org/draft-04/schema#"
    assert not is_text({"$schema": draft4, "type": "integer"}, "1.0", decimal_integers=True)


LEAP_SECOND = '"1998-12-31T23:59:60Z"'


@pytest.mark.parametrize(
    ("formats", "text", "accepted"),
    [
        ("assert", '"2024-02-29T00:00:00Z"', True),
        ("assert", '"never"', False),
        ("assert", LEAP_SECOND, False),
        ("standard", LEAP_SECOND, True),
        ("standard", '"never"', False),
        ("annotate", '"never"', True),
    ],
)
def test_formats_are_asserted_as_validators_do_as_the_standard_does_or_not_at_all(
    formats: str, text: str, accepted: bool
):
    assert is_text({"type": "string", "format": "date-time"}, text, formats=formats) is accepted


def test_base64_is_asserted_like_a_format():
    schema = {"type": "string", "contentEncoding": "base64"}
    assert [is_text(schema, text, formats="assert") for text in ('"aGk="', '"h!"')] == [True, False]
    assert is_text(schema, '"h!"', formats="annotate")
