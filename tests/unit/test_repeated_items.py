"""Arrays that are not unique: a text is accepted exactly if some two of its items are equal."""

import json
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from constrained.errors import Unsatisfiable
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary, written
from tests.fuzz.check import check
from tests.fuzz.judge import Judge

TO_THE_LETTER = JsonSchemaOptions(key_order="any", additional_properties="schema", decimal_integers=True)
NOT_UNIQUE: dict[str, Any] = {"type": "array", "not": {"uniqueItems": True}}
FEW: dict[str, Any] = {**NOT_UNIQUE, "items": {"enum": [0, 1, 2]}}

SCHEMAS: dict[str, Any] = {
    "any items": NOT_UNIQUE,
    "few items": FEW,
    "no room but for two": {**FEW, "maxItems": 2},
    "equal items are longer than the array must be": {**FEW, "minItems": 4},
    "the positions that may be equal are apart": {
        **NOT_UNIQUE,
        "prefixItems": [{"enum": [0, 1]}, {"enum": [1, 2]}, {"enum": [2, 0, 3]}],
        "items": False,
    },
    "only a later item can be equal": {
        **NOT_UNIQUE,
        "prefixItems": [{"const": 0}, {"const": 1}],
        "items": {"enum": [1, 2]},
    },
    "an item that may come once does not come again": {**FEW, "contains": {"const": 0}, "maxContains": 1},
    "the only items that may be equal count": {**FEW, "contains": {"const": 0}, "minContains": 2, "maxItems": 3},
    "no item pays that would count too much for another": {
        **FEW,
        "allOf": [{"contains": {"enum": [0, 1]}, "maxContains": 1}, {"contains": {"enum": [1, 2]}, "maxContains": 2}],
        "maxItems": 4,
    },
    "exactly one of unique and long": {"oneOf": [{"uniqueItems": True}, {"minItems": 2}], "items": {"enum": [0, 1]}},
    "unique or not, as a condition": {
        "type": "array",
        "items": {"enum": [0, 1, 2]},
        "if": {"uniqueItems": True},
        "then": {"maxItems": 1},
        "else": {"minItems": 3},
    },
    "objects": {
        **NOT_UNIQUE,
        "items": {"type": "object", "properties": {"a": {"enum": [0, 1]}}, "additionalProperties": False},
        "maxItems": 3,
    },
}  # fmt: skip

EMPTY: dict[str, Any] = {
    "no two items can be equal": {**NOT_UNIQUE, "prefixItems": [{"const": 0}, {"const": 1}], "maxItems": 2},
    "no room": {**NOT_UNIQUE, "maxItems": 1},
    "unique and not": {**NOT_UNIQUE, "allOf": [{"uniqueItems": True}]},
    "the only item may not come twice": {
        **NOT_UNIQUE,
        "items": {"const": 0},
        "contains": {"const": 0},
        "maxContains": 1,
    },
}  # fmt: skip

INSTANCES: list[Any] = [list(items) for length in range(5) for items in product(range(4), repeat=length)]
INSTANCES += [[1, 1.0], [True, 1], ["a", 1, "a"], [[0], [1], [0]], [{"a": 0}, {}, {"a": 0}], [{"a": 0}, {}, {"a": 1}]]


@pytest.mark.parametrize("name", SCHEMAS)
def test_accepted_exactly_if_two_items_are_equal(name: str) -> None:
    grammar = compile_json_schema(SCHEMAS[name], byte_vocabulary(), TO_THE_LETTER)
    judge = Judge(SCHEMAS[name], formats=False)
    for instance in INSTANCES:
        text = written(instance)
        assert accepts(grammar, text) == judge.accepts(text), text


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("seed", range(3))
def test_walks_end_in_arrays_with_equal_items(name: str, seed: int) -> None:
    assert check(SCHEMAS[name], seed) is None


@pytest.mark.parametrize("name", EMPTY)
def test_where_no_two_items_can_be_equal_the_schema_is_empty(name: str) -> None:
    with pytest.raises(Unsatisfiable):
        compile_json_schema(EMPTY[name], byte_vocabulary(), TO_THE_LETTER)


def test_a_hundred_items_of_which_the_last_is_the_first() -> None:
    grammar = compile_json_schema(NOT_UNIQUE, byte_vocabulary())
    items: list[Any] = [{"id": index, "tags": [str(index)]} for index in range(100)]
    assert accepts(grammar, json.dumps([*items, items[0]]))
    assert not accepts(grammar, json.dumps(items))


COUNTED = {"type": "array", "not": {"uniqueItems": True}, "allOf": [{"contains": {"const": []}}, {"maxContains": 3}]}


def test_what_must_come_again_leaves_room_for_what_must_be_contained() -> None:
    """Of the fuzzer: three items at most, one of them [], and two equal ones. [2, 0 ...] leads nowhere."""
    schema = {**COUNTED, "contains": True, "maxContains": 3, "$schema": "https://json-schema.org/draft/2020-12/schema"}
    grammar = compile_json_schema(schema, byte_vocabulary())
    assert accepts(grammar, "[2, [], 2]")
    assert accepts(grammar, "[[], []]")
    matcher = grammar.matcher()
    for byte in b"[2, ":
        matcher.advance(byte)
    assert json.loads(b"[2, " + matcher.shortest_completion()) == [2, 2, []]
    assert not matcher.allows(ord("0"))


@pytest.mark.parametrize("number", ["6e477", "-1E-999", "12" * 180, "0." + "0" * 350 + "1"])
@pytest.mark.parametrize("item", ["{}", "[0, {}]"])
def test_a_number_of_any_length_may_come_again(number: str, item: str) -> None:
    """Of the fuzzer: where two items are all there is room for, the second must be the first."""
    grammar = compile_json_schema({"type": "array", "not": {"uniqueItems": True}, "maxItems": 2}, byte_vocabulary())
    text = item.format(number)
    matcher = grammar.matcher()
    for byte in f"[{text}, ".encode():
        matcher.advance(byte)
    assert not matcher.allows(ord("{"))
    first, second = json.loads(f"[{text}, ".encode() + matcher.shortest_completion(), parse_float=Decimal)
    assert first == second
