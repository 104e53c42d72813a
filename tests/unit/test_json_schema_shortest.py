"""Shortest texts of schemas whose values must be large, and the refusal of those that nobody could write."""

import json
from typing import Any

import pytest

from constrained.errors import LimitExceeded
from constrained.matcher import CompiledGrammar
from grammars.json_schema import ropes
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary
from tests.fuzz.judge import Judge

MANY = [f"key {number}" for number in range(300)]


def compiled(schema: Any, **options: Any) -> CompiledGrammar:
    return compile_json_schema(
        schema, byte_vocabulary(), JsonSchemaOptions(additional_properties="schema", whitespace="compact", **options)
    )


def doubling(depth: int) -> dict[str, Any]:
    """A value that holds two of the next, down to null: 2 ** depth of them."""
    two = {
        f"d{level}": {
            "type": "object",
            "properties": {name: {"$ref": f"#/$defs/d{level + 1}"} for name in "ab"},
            "required": ["a", "b"],
        }
        for level in range(depth)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**two, f"d{depth}": {"type": "null"}}}


LARGE: dict[str, tuple[Any, int]] = {
    "a thousand undeclared keys": ({"type": "object", "minProperties": 1000}, 6905),
    "required keys in any order": (
        {"type": "object", "required": MANY},
        len(json.dumps(dict.fromkeys(MANY, 1), separators=(",", ":"))),
    ),
    "each key brings along the next": (
        {"dependentRequired": dict(zip(MANY, ([one] for one in MANY[1:]), strict=False)), "required": MANY[:1]},
        0,
    ),
    "optional keys, and others, to make up the number": (
        {
            "type": "object",
            "properties": {"long name": {"type": "null"}, "b": {}},
            "required": ["c"],
            "minProperties": 4,
        },
        len('{"":0,"a":0,"b":0,"c":0}'),
    ),
    "two thousand different items": ({"type": "array", "uniqueItems": True, "minItems": 2000}, 0),
    "different objects": ({"uniqueItems": True, "minItems": 9, "items": {"type": "object"}, "type": "array"}, 0),
    "a million items": ({"type": "array", "items": {"type": "null"}, "minItems": 1_000_000}, 5_000_001),
    "a thousand of one kind": ({"type": "array", "contains": {"const": 5}, "minContains": 1000}, 2001),
    "two of the next": (doubling(10), (1 << 10) * len("null") + ((1 << 10) - 1) * len('{"a":,"b":}')),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_values_are_completed(name: str):
    schema, size = LARGE[name]
    for order in ("any", "schema"):
        grammar = compiled(schema, key_order=order)
        text = grammar.matcher().shortest_completion()
        assert len(text) == size or not size
        if len(text) < 100_000:
            assert Judge(schema, formats=False).accepts(text.decode())
        if order == "any" and len(text) < 12_000:
            assert accepts(grammar, text.decode())


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        (doubling(60), "#/$defs/d"),
        ({"type": "string", "minLength": 100_000_000}, "#"),
        ({"type": "array", "minItems": 1 << 40}, "#"),
        ({"type": "array", "minItems": 1 << 20, "uniqueItems": True}, "#"),
        ({"type": "object", "minProperties": 1 << 30}, "#"),
        ({"type": "object", "properties": {"a": {"minItems": 1 << 30, "type": "array"}}, "required": ["a"]}, "#/prop"),
    ],
    ids=["2 ** 60 values", "minLength", "minItems", "different items", "minProperties", "a required member"],
)
def test_values_that_nobody_could_write_are_refused_with_their_place(schema: Any, where: str):
    with pytest.raises(LimitExceeded) as caught:
        compiled(schema)
    assert caught.value.where.startswith(where)
    assert "short enough" in caught.value.message


def test_what_nobody_could_write_is_left_out_where_there_is_a_choice():
    grammar = compiled({"properties": {"huge": doubling(60) | {"$id": "http://example.com/huge"}, "a": {"const": 1}}})
    matcher = grammar.matcher()
    for byte in b'{"':
        matcher.advance(byte)
    assert matcher.allows(ord("a"))
    for byte in b"huge":
        matcher.advance(byte)
    assert not matcher.allows(ord('"'))


def test_a_rope_knows_its_length_and_is_written_once():
    rope = ropes.joined([b"[", ropes.joined([b"a", b"", b","], 3), b"]"])
    assert ropes.size(rope) == 8
    assert ropes.written(rope) == b"[a,a,a,]"
    for _ in range(70):
        rope = ropes.joined([rope], 2)
    assert ropes.size(rope) == 8 << 70
    with pytest.raises(LimitExceeded):
        ropes.written(rope)
