"""Objects that must differ, told apart while they are written, against the definition: no two are equal as values."""

import json
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from constrained.errors import Unsatisfiable
from grammars import JsonSchemaOptions, compile_json_schema
from grammars.json_schema.values import Items, parse_value
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary
from tests.fuzz import walks
from tests.fuzz.judge import Judge

VOCABULARY = walks.vocabulary()

# Texts of values of which several are equal.
SCALARS = ("0", "-0", "0.0", "1", "1.0", "1e0", '"a"', '"b"', "null", "true")
NESTED = ('{"x": 0}', '{"x": 0.0}', '{"x": 0, "y": 1}', '{"y": 1, "x": 0}', "[0]", "[0.0]", "[]", "{}")
VALUES = st.sampled_from((*SCALARS, *NESTED))
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3).flatmap(
    lambda members: st.permutations(list(members.items()))
)

VALUE_SCHEMAS = st.sampled_from(
    [{}, {"type": "integer"}, {"enum": [0, 1]}, {"const": 0}, {"type": "string"}, {"enum": [{"x": 0}, [0]]}, False]
)
ITEMS = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "properties": st.dictionaries(st.sampled_from("ab"), VALUE_SCHEMAS),
        "required": st.sampled_from([["a"], ["b"], ["a", "b"]]),
        "additionalProperties": VALUE_SCHEMAS,
        "minProperties": st.integers(0, 2),
        "maxProperties": st.integers(1, 3),
        "dependentRequired": st.sampled_from([{"a": ["b"]}, {"b": ["c"]}]),
        "propertyNames": st.sampled_from([{"maxLength": 1}, {"enum": ["a", "b", "c"]}]),
        "not": st.sampled_from([{"required": ["c"]}, {"properties": {"a": {"type": "integer"}}}]),
    },
)


def written(objects: list[list[tuple[str, str]]]) -> str:
    return (
        f"[{', '.join('{' + ', '.join(f'{json.dumps(key)}: {value}' for key, value in one) + '}' for one in objects)}]"
    )


def are_different(text: str) -> bool:
    values = parse_value(text.encode())
    assert isinstance(values, Items)
    return len(set(values.values)) == len(values.values)


@settings(max_examples=120, suppress_health_check=list(HealthCheck), deadline=None)
@given(ITEMS, st.lists(st.lists(OBJECTS, max_size=5), min_size=1, max_size=6), st.integers(0, 1 << 30))
def test_objects_are_taken_exactly_where_all_differ_as_values(
    items: dict[str, Any], arrays: list[list[list[tuple[str, str]]]], seed: int
) -> None:
    schema = {"type": "array", "items": items, "uniqueItems": True}
    options = JsonSchemaOptions(key_order="any", additional_properties="schema", decimal_integers=True)
    grammar, judge = compile_json_schema(schema, byte_vocabulary(), options), Judge({"items": items}, formats=False)
    for array in arrays:
        text = written(array)
        assert accepts(grammar, text) == (judge.accepts(text) and are_different(text)), text


@settings(max_examples=50, suppress_health_check=list(HealthCheck), deadline=None)
@given(ITEMS, st.integers(0, 3), st.sampled_from(["any", "schema"]), st.booleans(), st.integers(0, 1 << 30))
def test_every_way_on_leads_to_objects_that_differ(
    items: dict[str, Any], fewest: int, key_order: Any, declared: bool, seed: int
) -> None:
    """Random walks check masks and completions at every step."""
    schema = {"type": "array", "items": items, "uniqueItems": True, "minItems": fewest}
    options = JsonSchemaOptions(key_order=key_order, additional_properties="declared" if declared else "schema")
    try:
        grammar = compile_json_schema(schema, VOCABULARY, options)
    except Unsatisfiable:
        return
    random, judge = Random(seed), Judge(schema, formats=False)
    for mood in ("uniform", "clinging"):
        text = walks.walk(grammar, random, mood, random.randrange(1, 60))
        assert judge.accepts(text), text
        assert are_different(text), text


def test_reading_an_object_costs_no_more_for_the_many_that_came_before() -> None:
    """Each way to be one of n objects was followed beside the others: states had some n configurations."""
    names = {"id": {"type": "integer"}, "name": {"type": "string"}, "done": {"type": "boolean"}}
    items = {"type": "object", "properties": names, "required": [*names]}
    grammar = compile_json_schema({"type": "array", "items": items, "uniqueItems": True}, byte_vocabulary())
    state, most = grammar.states.start, 0
    records = [{"id": number, "name": f"name {number}", "done": number % 3 == 0} for number in range(60)]
    for byte in json.dumps(records)[:-1].encode():
        state = grammar.states.step(state, byte)
        assert state is not None
        most = max(most, len(state.configs))
    assert most <= 3
    assert not accepts(grammar, json.dumps([*records, dict(reversed(records[7].items()))]))
    assert not accepts(grammar, json.dumps([*records, records[7]]))
