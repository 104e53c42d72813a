"""Shortest texts of schemas whose values must be large, and the refusal of those that nobody could write."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from constrained.errors import LimitExceeded
from constrained.matcher import CompiledGrammar
from grammars.json_schema import ropes
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary
from tests.fuzz.judge import Judge


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


def each_leads_to_all(count: int) -> dict[str, Any]:
    """Objects of one member each, which may be any of them; the last may also be empty."""
    steps = [{"properties": {f"a{to}": {"$ref": f"#/$defs/d{to}"}}, "required": [f"a{to}"]} for to in range(count)]
    within = {"type": "object", "anyOf": steps}
    last = {"type": "object", "anyOf": [*steps, {"maxProperties": 0}]}
    return {"$ref": "#/$defs/d0", "$defs": {f"d{n}": within if n < count - 1 else last for n in range(count)}}


def keys(count: int) -> list[str]:
    return [f"key {number}" for number in range(count)]


def members(count: int) -> int:
    return len(json.dumps(dict.fromkeys(keys(count), 1), separators=(",", ":")))


# A schema whose values hold so many others, how many, and the size of a shortest text (0: whatever it is).
LARGE: dict[str, tuple[Callable[[int], Any], int, int]] = {
    "a thousand undeclared keys": (lambda n: {"type": "object", "minProperties": n}, 1000, 6905),
    "required keys in any order": (lambda n: {"type": "object", "required": keys(n)}, 300, members(300)),
    "each key brings along the next": (
        lambda n: {
            "dependentRequired": {one: [after] for one, after in pairwise(keys(n))},
            "required": keys(1),
        },
        300,
        0,
    ),
    "optional keys, and others, to make up the number": (
        lambda n: {
            "type": "object",
            "properties": {"long name": {"type": "null"}, "b": {}},
            "required": ["c"],
            "minProperties": n,
        },
        4,
        len('{"":0,"a":0,"b":0,"c":0}'),
    ),
    "two thousand different items": (lambda n: {"type": "array", "uniqueItems": True, "minItems": n}, 2000, 0),
    "different objects": (
        lambda n: {"uniqueItems": True, "minItems": n, "items": {"type": "object"}, "type": "array"},
        9,
        0,
    ),
    "a million items": (
        lambda n: {"type": "array", "items": {"type": "null"}, "minItems": n},
        1_000_000,
        5_000_001,
    ),
    "a thousand of one kind": (
        lambda n: {"type": "array", "contains": {"const": 5}, "minContains": n},
        1000,
        2001,
    ),
    "two of the next": (
        lambda n: doubling(n.bit_length() - 1),
        1 << 10,
        (1 << 10) * len("null") + ((1 << 10) - 1) * len('{"a":,"b":}'),
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_values_are_completed(name: str):
    schema_of, count, size = LARGE[name]
    schema = schema_of(count)
    for order in ("any", "schema"):
        text = compiled(schema, key_order=order).matcher().shortest_completion()
        assert len(text) == size or not size
        if len(text) < 100_000:
            assert Judge(schema, formats=False).accepts(text.decode())


@pytest.mark.parametrize("name", LARGE)
def test_completions_of_values_a_fifth_as_large_are_texts_of_the_grammar(name: str):
    """Reading is slower than writing: in every state it matters what has come before."""
    schema_of, count, _ = LARGE[name]
    for order in ("any", "schema"):
        grammar = compiled(schema_of(min(count, 2000) // 5 + 1), key_order=order)
        assert accepts(grammar, grammar.matcher().shortest_completion().decode())


def test_schemas_that_all_refer_to_each_other_are_not_followed_along_every_path():
    """Of fuzz schema 810097, where an item must differ from several objects that hold one another."""
    assert compiled(each_leads_to_all(15)).matcher().shortest_completion() == b'{"a14":{}}'


@pytest.mark.parametrize("text", [b"{ ", b'{"', b'{"aa'])
def test_keys_that_must_differ_may_have_to_differ_by_several_bytes(text: bytes):
    """Of fuzz schema 2008501: a key that has come goes on by four letters, which a search among values missed."""
    keys = {"propertyNames": {"format": "byte"}, "type": "object", "patternProperties": {"^(a|é)+$": {}}}
    condition = {"if": {"unevaluatedProperties": {"format": "time"}}}
    schema = {"minProperties": 3, "allOf": [keys | {"additionalProperties": False}, condition]}
    grammar = compile_json_schema(schema, byte_vocabulary(), JsonSchemaOptions(whitespace="flexible"))
    matcher = grammar.matcher()
    for byte in text:
        matcher.advance(byte)
    completion = matcher.shortest_completion()
    assert accepts(grammar, (text + completion).decode())
    assert len(completion) < 70


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
