"""Conditions that are kept apart (object_choices.py), against `jsonschema` on every object of a small world."""

import json
from itertools import product
from random import Random
from typing import Any

import pytest

from constrained.errors import LimitExceeded, Unsatisfiable
from grammars import JsonSchemaOptions, compile_json_schema
from grammars.json_schema import together
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary
from tests.fuzz import walks
from tests.fuzz.judge import Judge

NAMES = "abcdef"
ATOMS = (0, "x")
WORLD: list[dict[str, Any]] = [
    {name: value for name, value in zip(NAMES, values, strict=True) if value is not None}
    for values in product((*ATOMS, None), repeat=len(NAMES))
]
VOCABULARY = walks.vocabulary()


def condition(random: Random, names: str) -> dict[str, Any]:
    """Something that a few keys have to do with each other."""
    one, two = random.sample(names, 2)
    const, other = ({"properties": {name: {"const": random.choice(ATOMS)}}} for name in (one, two))
    required = {"required": [random.choice(names)]}
    match random.randrange(7):
        case 0:
            return {"if": {**const, "required": [one]}, "then": required}
        case 1:
            return {"if": const, "then": {"required": [two]}, "else": other}
        case 2:
            return {"anyOf": [{"required": [one]}, {"required": [two]}]}
        case 3:
            return {"oneOf": [{"required": [one]}, {"required": [two], **other}]}
        case 4:
            return {"dependentSchemas": {one: {**other, **required}, two: {"properties": {one: {"type": "string"}}}}}
        case 5:
            return {"if": required, "then": {"properties": {two: random.choice((False, {"type": "integer"}))}}}
        case _:
            return {"not": {**const, "required": [one, two]}}


def schema_of(random: Random) -> dict[str, Any]:
    """Conditions on pairs of keys, some of which share keys."""
    groups = random.choice((("ab", "cd", "ef"), ("abc", "def"), ("ab", "bc", "ef")))
    conditions = [condition(random, group) for group in groups for _ in range(random.choice((1, 1, 2)))]
    around = random.choice(
        (
            {},
            {"properties": {"a": {"type": "integer"}, "d": {"type": "string"}}, "required": ["c"]},
            {"additionalProperties": {"type": "string"}, "properties": {"b": {}}},
            {"minProperties": 2},
            {"maxProperties": 3},
            {"dependentRequired": {"a": ["d"]}},
            {"propertyNames": {"maxLength": 1, "pattern": "[a-e]"}},
            {"patternProperties": {"[bd]": {"type": "integer"}}},
        )
    )
    world = {"properties": {name: {"enum": list(ATOMS)} for name in NAMES}, "additionalProperties": False}
    return {"type": "object", "allOf": [*conditions, world], **around}


@pytest.mark.parametrize("chunk", range(4))
def test_what_is_kept_apart_is_enforced_exactly(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "FEW", 1)  # keep apart whatever can be
    for seed in range(chunk * 4, chunk * 4 + 4):
        random = Random(seed)
        schema = schema_of(random)
        judge, valid = Judge(schema, formats=False), list[bool | None]()
        for value in WORLD:
            valid.append(judge.accepts(json.dumps(value)))
        options = JsonSchemaOptions(key_order="any", additional_properties="schema")
        try:
            grammar = compile_json_schema(schema, byte_vocabulary(), options)
        except Unsatisfiable:
            assert not any(valid), (seed, schema)
            continue
        assert any(valid), (seed, schema)
        for value, is_valid in zip(WORLD, valid, strict=True):
            shuffled = dict(random.sample([*value.items()], len(value)))
            assert accepts(grammar, json.dumps(shuffled)) == is_valid, (seed, schema, shuffled)
        for order in ("any", "schema"):
            grammar = compile_json_schema(schema, VOCABULARY, JsonSchemaOptions(key_order=order))
            text = walks.walk(grammar, random, "clinging", random.randrange(1, 40))
            assert judge.accepts(text), (seed, schema, text)


@pytest.mark.parametrize("order", ["any", "schema"])
def test_forty_independent_conditions_are_as_many_choices(order: Any) -> None:
    """They were 2^40 ways, of which no more than 4,096 are looked at."""
    conditions = [
        {
            "if": {"properties": {f"k{number}": {"const": 1}}, "required": [f"k{number}"]},
            "then": {"required": [f"v{number}"]},
            "else": {"properties": {f"v{number}": {"type": "string"}}},
        }
        for number in range(40)
    ]
    properties = {f"k{number}": {"type": "integer"} for number in range(40)}
    schema = {"type": "object", "properties": properties, "allOf": conditions}
    grammar = compile_json_schema(schema, byte_vocabulary(), JsonSchemaOptions(key_order=order))
    good: list[Any] = [{}, {"k3": 1, "v3": []}, {"k39": 2, "v39": ""}, {"k0": 1, "k39": 1, "v0": 0, "v39": None}]
    bad: list[Any] = [{"k3": 1}, {"v3": 0}, {"k0": 1, "k39": 1, "v0": 0}, {"k39": 2, "v39": 0}, {"k5": ""}]
    assert [accepts(grammar, json.dumps(value)) for value in (*good, *bad)] == [True] * 4 + [False] * 5
    matcher = grammar.matcher()
    for byte in b'{"k7": 1, "k20": 1, ':
        matcher.advance(byte)
    assert json.loads(b'{"k7": 1, "k20": 1, ' + matcher.shortest_completion()).keys() == {"k7", "k20", "v7", "v20"}


@pytest.mark.parametrize("counting", [{"minProperties": 2}, {"maxProperties": 99}, {"dependentRequired": {"a": ["b"]}}])
def test_conditions_beside_what_counts_keys_are_refused_where_they_are_many(counting: dict[str, Any]) -> None:
    either = [{"anyOf": [{"required": [f"a{number}"]}, {"required": [f"b{number}"]}]} for number in range(40)]
    with pytest.raises(LimitExceeded, match="combinations of alternatives"):
        compile_json_schema({"type": "object", "allOf": either, **counting}, byte_vocabulary())
