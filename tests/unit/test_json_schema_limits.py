"""Hostile and huge schemas: each compiles, or is refused with its reason, in the time that was set."""

import time
from typing import Any

import pytest

from constrained.errors import GrammarError, InvalidGrammar, LimitExceeded, Unsatisfiable, UnsupportedFeature
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary, written
from tests.fuzz import walks

SECONDS = 5.0
OPTIONS = JsonSchemaOptions(additional_properties="schema", key_order="any")


def compiled(schema: Any) -> Any:
    """The grammar, checked to have compiled within the limit and a little."""
    started = time.process_time()
    try:
        return compile_json_schema(schema, byte_vocabulary(), OPTIONS, limits=CompileLimits(seconds=SECONDS))
    finally:
        assert time.process_time() - started < 2 * SECONDS


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = {"type": "object", "properties": {"a": inner}}
    return inner


KINDS = [
    {"properties": {"kind": {"const": f"k{i}"}, f"v{i}": {"type": "integer"}}, "required": ["kind"]}
    for i in range(1000)
]

HUGE = {
    "forty `contains` of one constant each": (
        {"type": "array", "allOf": [{"contains": {"const": i}} for i in range(40)]},
        [list(range(40)), [*reversed(range(40)), "a", 3]],
        [list(range(39)), [*range(38), 39, 39]],
    ),
    "an enum of 64 KiB": ({"enum": ["x" * (1 << 16), "y"]}, ["x" * (1 << 16), "y"], ["x"]),
    "10,000 values": ({"enum": [f"value {i}" for i in range(10_000)]}, ["value 0", "value 9999"], ["value 10000", ""]),
    "10,000 objects": (
        {"enum": [{"id": i, "name": f"n{i % 7}"} for i in range(1_000)]},
        [{"id": 5, "name": "n5"}],
        [{"id": 5, "name": "n4"}, {"id": 5}],
    ),
    "1,000 branches told apart by a constant": (
        {"type": "object", "oneOf": KINDS},
        [{"kind": "k999", "v999": 1}, {"v7": 2, "kind": "k7"}],
        [{"kind": "k999", "v999": "1"}, {"kind": "k1000"}, {}],
    ),
    "1,000 branches told apart by a constant that may be missing": (
        {
            "type": "object",
            "oneOf": [{"properties": {"kind": {"const": i}, "value": {"type": "integer"}}} for i in range(1000)],
        },
        [{"kind": 999, "value": 1}, {"value": 2, "kind": 7}],
        [{"kind": 999, "value": "1"}, {"kind": 1000}, {"value": 1}, {}],
    ),
    "conditions on one key": (
        {
            "allOf": [
                {
                    "if": {"properties": {"kind": {"const": i}}, "required": ["kind"]},
                    "then": {"required": [f"v{i}"]},
                }
                for i in range(40)
            ]
        },
        [{"kind": 7, "v7": 1}, {}, {"kind": 40}],
        [{"kind": 7}, {"kind": 39, "v38": 1}],
    ),
    "references that double at each step": (
        {
            "$ref": "#/$defs/d0",
            "$defs": {
                **{f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)},
                "d40": {"type": "object"},
            },
        },
        [{}],
        [[]],
    ),
    "a maximal length": ({"type": "string", "maxLength": 1_000_000_000}, ["", "a" * 1000], [1]),
    "a minimal length": ({"type": "string", "minLength": 5_000}, ["é" * 5_000], ["é" * 4_999]),
    "many items": ({"type": "array", "maxItems": 1_000_000, "items": {"type": "null"}}, [[None] * 100], [[1]]),
    "constants that must all be there": (
        {"type": "array", "allOf": [{"contains": {"const": i}} for i in range(16)]},
        [[*range(16)], [*range(15, -1, -1), "more"]],
        [[], [*range(15)], [*range(14), 15]],
    ),
    "nearly all of many properties": (
        {
            "properties": {f"p{i}": {"type": "integer"} for i in range(400)},
            "minProperties": 399,
            "additionalProperties": False,
        },
        [{f"p{i}": i for i in range(1, 400)}],
        [{f"p{i}": i for i in range(2, 400)}],
    ),
    "many items at least": ({"minItems": 2_000, "items": {"enum": [0]}}, [[0] * 2_000], [[0] * 1_999]),
    "many properties": (
        {"properties": {f"p{i}": {"type": "integer"} for i in range(2_000)}, "required": ["p3", "p1999"]},
        [{"p3": 1, "p1999": 2}, {"p1999": 1, "p0": 1, "p3": 1}],
        [{"p3": 1}, {"p3": 1, "p1999": ""}],
    ),
    "recursion through every keyword": (
        {"type": ["object", "array", "null"], "additionalProperties": {"$ref": "#"}, "items": {"$ref": "#"}},
        [{"a": {"b": [None, {"c": {}}]}}, [[[[[[None]]]]]]],
        [{"a": 1}, [[[[[[1]]]]]]],
    ),
    "deep nesting": (nested(100, {"type": "null"}), [{}], [{"a": {"a": 1}}]),
}


@pytest.mark.parametrize("name", HUGE)
def test_huge_schemas_compile_and_are_enforced(name: str):
    schema, valid, invalid = HUGE[name]
    grammar = compiled(schema)
    assert [accepts(grammar, written(instance)) for instance in valid] == [True] * len(valid)
    assert [accepts(grammar, written(instance)) for instance in invalid] == [False] * len(invalid)


REFUSED = [
    pytest.param({"$ref": "#"}, InvalidGrammar, "#", id="a reference to itself"),
    pytest.param(
        {
            "properties": {"a": {"$ref": "#/$defs/b"}},
            "$defs": {"b": {"$ref": "#/$defs/c"}, "c": {"not": {"$ref": "#/$defs/b"}}},
        },
        InvalidGrammar,
        "#/$defs/b",
        id="a reference that comes back",
    ),
    pytest.param({"pattern": "^(?:a{1,1000}){1,1000}$"}, LimitExceeded, "#/pattern", id="nested quantifiers"),
    pytest.param({"pattern": "(a+)+\\1"}, UnsupportedFeature, "#/pattern", id="a back-reference"),
    pytest.param(nested(2_000, {}), LimitExceeded, "", id="too deep"),
    pytest.param({"enum": ["x" * (1 << 21)]}, LimitExceeded, "", id="too long"),
    pytest.param(
        {
            "type": "object",
            "allOf": [
                {"anyOf": [{"required": [f"a{i}"]}, {"required": [f"b{i}"]}, {"maxProperties": i}]} for i in range(40)
            ],
        },
        LimitExceeded,
        "#",
        id="exponentially many combinations",
    ),
    pytest.param(
        {"type": "object", "patternProperties": {letter: {"minLength": 1} for letter in "abcdefghijklmn"}},
        LimitExceeded,
        "#",
        id="patterns of which any may match together",
    ),
    pytest.param(
        {"type": "array", "allOf": [{"contains": {"multipleOf": p}} for p in (2, 3, 5, 7, 11, 13, 17, 19, 23)]},
        LimitExceeded,
        "#",
        id="exponentially many ways to count an item",
    ),
    pytest.param(
        {"properties": {"a": {"allOf": [{"multipleOf": p} for p in (7, 11, 13, 17, 19, 23, 29, 31)]}}},
        LimitExceeded,
        "#/properties/a",
        id="a product of remainders",
    ),
    pytest.param({"required": ["a"], "maxProperties": 0, "type": "object"}, Unsatisfiable, "#", id="contradictory"),
    pytest.param(
        {
            "$ref": "#/$defs/a",
            "$defs": {
                name: {"type": "object", "properties": {"next": {"$ref": f"#/$defs/{other}"}}, "required": ["next"]}
                for name, other in ("ab", "ba")
            },
        },
        Unsatisfiable,
        "#",
        id="objects without end",
    ),
]


@pytest.mark.parametrize(("schema", "kind", "where"), REFUSED)
def test_hostile_schemas_are_refused_with_kind_and_place(schema: Any, kind: type[GrammarError], where: str):
    with pytest.raises(kind) as caught:
        compiled(schema)
    assert caught.value.where.startswith(where)


@pytest.mark.parametrize(
    "text", ["(a+)+$", "^(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x*)*(x*)*(x*)*y", "^(a?){30}a{30}$"]
)
def test_patterns_that_make_backtracking_explode_are_only_automata(text: str):
    grammar = compiled({"type": "string", "pattern": text, "maxLength": 100_000})
    assert not accepts(grammar, '"' + "a" * 5_000 + '!"') or text == "(a+)+$"


@pytest.mark.parametrize("name", HUGE)
def test_what_huge_schemas_leave_to_the_matcher_is_bounded_too(name: str):
    schema, _, _ = HUGE[name]
    matcher, started = compiled(schema).matcher(), time.process_time()
    for step in range(25):
        allowed = walks.allowed(matcher)
        tokens = [byte for byte in b'{["a1,:]}' if allowed[byte]] or [int(byte) for byte in allowed.nonzero()[0]]
        matcher.advance(tokens[step % len(tokens)])
        if matcher.is_finished:
            break
    assert time.process_time() - started < SECONDS


def test_thousands_of_different_lengths_are_compiled_where_they_are_met():
    schema = {"properties": {f"property number {i}": {"type": "string", "maxLength": i} for i in range(4_000)}}
    assert accepts(compiled(schema), '{"property number 7": "1234567"}')
