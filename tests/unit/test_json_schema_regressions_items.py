"""Arrays whose items must differ or be counted, and that once went wrong."""

from itertools import product
from typing import Any

import pytest

from constrained.errors import Unsatisfiable
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary, written
from tests.fuzz import nested
from tests.fuzz.judge import Judge

TO_THE_LETTER = JsonSchemaOptions(key_order="any", additional_properties="schema")


def test_unique_items_may_be_numbers_with_exponents():
    grammar = compile_json_schema({"uniqueItems": True}, byte_vocabulary(), TO_THE_LETTER)
    assert accepts(grammar, "[1e300, 2, [1e3, 2e-999], 3]")
    assert accepts(grammar, "[1, 1E3, 1.5e-7]")
    assert not accepts(grammar, "[1000, 1E3]")
    assert not accepts(grammar, "[1e2, 100]")
    assert not accepts(grammar, "[1e300, 1" + "0" * 300 + "]")


@pytest.mark.parametrize("decimal", [False, True])
def test_unique_items_are_counted_by_value_and_not_by_spelling(decimal: bool):
    options = JsonSchemaOptions(decimal_integers=decimal)
    grammar = compile_json_schema({"enum": [[0, 1], [0]], "uniqueItems": True}, byte_vocabulary(), options)
    assert accepts(grammar, "[0, 1]")
    assert accepts(grammar, "[0]")
    twice = {"type": "array", "items": {"type": "number", "minimum": 1, "maximum": 1}, "uniqueItems": True}
    with pytest.raises(Unsatisfiable):
        compile_json_schema({**twice, "minItems": 2}, byte_vocabulary(), options)


def test_an_open_object_inside_a_unique_item_is_closed():
    """Its key is captured, inside the captured item: an end of the key leaves the item to be ended."""
    matcher = compile_json_schema({"uniqueItems": True, "type": "array"}, byte_vocabulary(), TO_THE_LETTER).matcher()
    for byte in b"[[[[126e120, {":
        matcher.advance(byte)
    assert matcher.shortest_completion() == b"}]]]]"


def test_a_key_that_has_come_is_continued_where_it_is_unknown_what_follows():
    """The object is inside of an item that may have to come again, so nobody knows how much must follow."""
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "oneOf": [{}, {"additionalItems": {"maxItems": 1}, "items": [{"uniqueItems": True}]}],
    }
    matcher = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER).matcher()
    text = b'[[{"": 0.5E5, '
    for byte in text:
        matcher.advance(byte)
    whole = text + matcher.shortest_completion()
    assert Judge(schema, formats=False).accepts(whole.decode()) is True


HOLDING_ARRAYS: list[tuple[str, Any]] = [
    (
        "not of items, and oneOf with contains beside arrays",
        {
            "not": {"items": {"const": 0.5}, "dependentRequired": {"ba": ["ab"]}},
            "oneOf": [{"contains": {}}, {"enum": [{"a": 1}, [0, 0]]}],
        },
    ),
    ("oneOf with contains beside arrays", {"oneOf": [{"contains": {"const": 0}}, {"enum": [[0, 0], [0.5], []]}]}),
    ("not of items beside contains", {"not": {"items": {"const": 0.5}}, "contains": {"const": 0.5}}),
    (
        "not of arrays beside contains",
        {"not": {"enum": [[0, 0], [0.5, 0]]}, "contains": {"const": 0}, "maxContains": 1},
    ),
    (
        "more contains than items, of which one item serves several",
        {
            "maxItems": 2,
            "allOf": [{"contains": {"minimum": one}} for one in (0, 0.1, 0.5, 0.6)] + [{"contains": {"const": 0}}],
        },
    ),
    (
        "likewise where items must differ, and one must not be right",
        {
            "uniqueItems": True,
            "not": {"items": {"const": 1}, "maxItems": 2},
            "allOf": [{"contains": one} for one in ({}, {"minimum": 0.5}, {"maximum": 0.5}, {"not": {"const": 1}}, {})],
        },
    ),
    ("not of both", {"not": {"anyOf": [{"items": {"const": 0}}, {"enum": [[0, 0.5]]}, {"contains": {"const": 1}}]}}),
    (
        "not of contains beside arrays",
        {"not": {"contains": {"const": 0.5}}, "oneOf": [{"const": [0]}, {"maxItems": 2}]},
    ),
]


@pytest.mark.parametrize("schema", [case[1] for case in HOLDING_ARRAYS], ids=[case[0] for case in HOLDING_ARRAYS])
def test_all_short_arrays_are_told_apart_where_negations_meet_contains_and_enumerated_arrays(schema: dict[str, Any]):
    schema = {"$schema": "https://json-schema.org/draft/2019-09/schema", **schema}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    judge = Judge(schema, formats=False)
    arrays = [list(items) for length in range(4) for items in product((0, 0.5, 1), repeat=length)]
    verdicts: set[bool | None] = set()
    for value in [*arrays, {}, {"a": 1}, {"ba": 1}, {"ba": 1, "ab": 1}, 0.5]:
        verdicts.add(valid := judge.accepts(written(value)))
        assert accepts(grammar, written(value)) is valid, value
    assert verdicts == {True, False}


def test_values_that_a_full_count_forbids_are_none_for_items_that_must_differ():
    """Items of two values, one of which `not` of `contains` takes away: there are no two different ones."""
    items = {"type": "array", "items": {"enum": [0, None]}, "uniqueItems": True, "minItems": 2}
    with pytest.raises(Unsatisfiable):
        compile_json_schema({**items, "not": {"contains": {"const": None}}}, byte_vocabulary(), TO_THE_LETTER)
    grammar = compile_json_schema({**items, "contains": {"const": None}, "maxContains": 1}, byte_vocabulary())
    assert accepts(grammar, "[0, null]")
    assert not accepts(grammar, "[0]")
    some = {**items, "items": {"enum": [0, 1, None]}, "not": {"contains": {"const": None}}}
    grammar = compile_json_schema(some, byte_vocabulary(), TO_THE_LETTER)
    assert accepts(grammar, "[1, 0]")
    assert not accepts(grammar, "[1, null]")


# Unique items of six values, up to three of them, and `contains` that want the same ones.
COUNTED: list[tuple[str, dict[str, Any]]] = [
    (
        "two needs and one value for both",
        {
            "allOf": [
                {"contains": {"enum": [0, 1]}, "minContains": 2},
                {"contains": {"type": "integer"}, "minContains": 2},
            ]
        },
    ),
    (
        "a value that one needs and another forbids",
        {
            "allOf": [
                {"contains": {"enum": [0, 1, "a"]}, "minContains": 2},
                {"not": {"contains": {"const": 0}}},
            ]
        },
    ),
    (
        "values that positions take from a count",
        {"prefixItems": [{"enum": [0, "a"]}, {"enum": [0, 1]}], "contains": {"type": "integer"}, "minContains": 2},
    ),
    (
        "the only array at a position where another one must stand, and an object that must come",
        {"prefixItems": [{}, {"type": "array"}], "contains": {"type": "object"}},
    ),
    (
        "not in a count, which takes what is left",
        {
            "contains": {"type": ["object", "array"]},
            "not": {"contains": {"enum": [0, 1, [], None]}, "minContains": 3},
            "oneOf": [{"contains": {"type": "integer"}}, {"contains": {"const": "a"}}],
        },
    ),
    (
        "many needs of one",
        {"allOf": [{"contains": {"enum": [0, one]}} for one in (1, "a", None, "b", 2)]},
    ),
]


@pytest.mark.parametrize("schema", [case[1] for case in COUNTED], ids=[case[0] for case in COUNTED])
def test_unique_items_that_are_counted_are_told_apart_and_none_is_begun_without_an_end(schema: dict[str, Any]):
    atoms: tuple[Any, ...] = (None, 0, 1, "a", [], {})
    schema = {**schema, "type": "array", "items": {"enum": list(atoms)}, "uniqueItems": True, "maxItems": 3}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    judge = Judge(schema, formats=False)
    verdicts: set[bool | None] = set()
    for length in range(4):
        for items in product(atoms, repeat=length):
            text = written(list(items))
            verdicts.add(valid := judge.accepts(text))
            assert accepts(grammar, text) is valid, text
            state = grammar.states.read(grammar.states.start, text[:-1].encode())
            if state is not None:
                rest = b"".join(one for one in grammar.finishing.of_state(state) if isinstance(one, bytes))
                assert judge.accepts(text[:-1] + rest.decode()), text[:-1]
    assert verdicts == {True, False}


NONE_AT_ALL: list[tuple[str, dict[str, Any]]] = [
    ("two empty strings", {"items": {"type": "string"}, "contains": {"maxLength": 0}, "minContains": 2}),
    ("two empty objects", {"items": {"enum": [0, {}]}, "contains": {"type": "object"}, "minContains": 2}),
    (
        "three of two values, and another",
        {
            "items": {"enum": [0, 1, "a"]},
            "allOf": [
                {"contains": {"type": "integer"}, "minContains": 2},
                {"not": {"contains": {"const": 1}}},
            ],
        },
    ),
    (
        "six objects of five",
        {
            "minItems": 6,
            "items": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": False,
                "properties": {"a": {"enum": [1, 2]}, "b": {"const": 1}},
            },
        },
    ),
]


@pytest.mark.parametrize("schema", [case[1] for case in NONE_AT_ALL], ids=[case[0] for case in NONE_AT_ALL])
def test_arrays_that_need_more_values_than_there_are_do_not_exist(schema: dict[str, Any]):
    with pytest.raises(Unsatisfiable):
        compile_json_schema({**schema, "type": "array", "uniqueItems": True}, byte_vocabulary(), TO_THE_LETTER)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True},
        {"type": "array", "contains": {"const": 1}},
        {
            "type": "object",
            "minProperties": 1,
            "properties": {"a": {"enum": [1, 2]}},
            "propertyNames": {"enum": ["a", "b"]},
        },
    ],
)
def test_unique_arrays_and_objects_are_as_many_as_there_are(item: dict[str, Any]):
    schema = {"type": "array", "items": item, "uniqueItems": True, "minItems": 4}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    assert Judge(schema, formats=False).accepts(grammar.matcher().shortest_completion().decode())


def test_after_the_only_string_no_item_comes():
    grammar = compile_json_schema({"items": {"type": "string", "maxLength": 0}, "uniqueItems": True}, byte_vocabulary())
    assert accepts(grammar, '[""]')
    state = grammar.states.read(grammar.states.start, b'[""')
    assert state is not None
    assert grammar.states.step(state, ord(",")) is None


def test_two_thousand_items_that_a_count_waits_for_are_read_one_count_at_a_time():
    schema = {"type": "array", "not": {"contains": {"enum": [2, "a"]}, "maxContains": 2000}}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    text = "[0, " + "2, " * 2000
    matcher = grammar.matcher()
    for byte in text.encode():
        matcher.advance(byte)
    assert matcher.shortest_completion() in (b"2]", b'"a"]')
    assert not accepts(grammar, text + "0]")


def test_several_contains_with_large_counts_are_counted_together():
    several = [{"contains": {"multipleOf": one}, "minContains": 50, "maxContains": 60} for one in (2, 3, 5, 7, 11)]
    schema = {"type": "array", "items": {"type": "integer"}, "allOf": several, "maxItems": 70}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    assert Judge(schema, formats=False).accepts(grammar.matcher().shortest_completion().decode())
    matcher = grammar.matcher()
    for byte in ("[" + "1, " * 20).encode():  # each of which counts for none: fifty are left, each for all
        matcher.advance(byte)
    assert Judge(schema, formats=False).accepts("[" + "1, " * 20 + matcher.shortest_completion().decode())
    with pytest.raises(Unsatisfiable):
        compile_json_schema({**schema, "maxItems": 49}, byte_vocabulary(), TO_THE_LETTER)


@pytest.mark.parametrize("value", [{"é": 1, "a": 1}, {"ab": "bab", "b": ""}, {"a": 1, "b": 1}])
def test_an_object_of_two_keys_is_not_begun_again_in_any_order_of_them(value: dict[str, Any]):
    """Its second key was thought to come first and the first one not at all, which would be another object."""
    schema = {"type": "array", "uniqueItems": True, "items": {"anyOf": [{"enum": [value]}]}}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    for members in (value, dict(reversed(value.items()))):
        state = grammar.states.read(grammar.states.start, written([members])[:-1].encode())
        assert state is not None
        assert grammar.finishing.of_state(state) == (b"]",)
        assert grammar.states.step(state, ord(",")) is None


def test_long_arrays_that_must_differ_are_told_apart_by_their_beginnings():
    """Each position was a call inside of the one before: `RecursionError` after an item of 1,000 items."""
    schema = {"type": "array", "items": {"type": "array", "minItems": 1000}, "uniqueItems": True}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    long = "[" + "0, " * 999 + "0]"
    assert accepts(grammar, f"[{long}, [1, {long[1:]}]")
    assert not accepts(grammar, f"[{long}, {long}]")


def test_strings_are_counted_without_their_lengths_multiplied_out():
    """Expressions of up to 300 characters were refused while masks were computed, as there was need to count them."""
    expressions = {"type": "string", "format": "regex", "maxLength": 300}
    schema = {"type": "array", "uniqueItems": True, "contains": expressions, "minContains": 2}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    assert accepts(grammar, '["a", "b", 0]')
    assert not accepts(grammar, '["a", "a"]')


def test_an_object_without_room_for_undeclared_keys_is_one_value():
    schema = {"type": "array", "uniqueItems": True, "items": {"type": "object", "maxProperties": 0}, "minItems": 2}
    with pytest.raises(Unsatisfiable):
        compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    few = {"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}, "maxProperties": 1}
    with pytest.raises(Unsatisfiable):
        compile_json_schema({**schema, "items": few}, byte_vocabulary(), TO_THE_LETTER)
    assert accepts(
        compile_json_schema({**schema, "items": {**few, "maxProperties": 2}}, byte_vocabulary(), TO_THE_LETTER),
        '[{"a": 1}, {"a": 1, "b": 2}]',
    )


AGAIN: dict[str, str] = {"$ref": "#"}
OF_THEMSELVES: dict[str, dict[str, Any]] = {
    "pairs: there is one value, and no second one to make a pair of": {
        "anyOf": [{"const": 0}, {"type": "array", "uniqueItems": True, "minItems": 2, "items": AGAIN}]
    },
    "triples of two arrays": {
        "anyOf": [{"enum": [[], [0]]}, {"type": "array", "uniqueItems": True, "minItems": 3, "items": AGAIN}]
    },
    "pairs of two arrays, which are endless": {
        "anyOf": [{"enum": [[], [0]]}, {"type": "array", "uniqueItems": True, "minItems": 2, "items": AGAIN}]
    },
    "one value, then others of themselves, of which one is counted": {
        "$schema": "http://json-schema.org/draft-06/schema#",
        "oneOf": [
            {"contains": {}, "uniqueItems": True, "additionalItems": AGAIN, "items": [{"const": 1.0}]},
            {"maxItems": 0},
        ],
    },
    "three of which each counts": {
        "$schema": "http://json-schema.org/draft-06/schema#",
        "oneOf": [{"maxItems": 0}, {"uniqueItems": True, "items": AGAIN, "minItems": 3, "contains": AGAIN}],
    },
    "two positions of themselves, but two arrays": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "array",
        "uniqueItems": True,
        "items": [AGAIN, AGAIN],
        "not": {"enum": [[[0]], [[]]]},
    },
    "endless behind the first position, but for arrays of others": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "allOf": [
            {
                "anyOf": [
                    {"type": "array", "uniqueItems": True, "items": [{"enum": [[1]]}, AGAIN]},
                    {"enum": [0, []]},
                ]
            },
            {"not": {"type": "array", "uniqueItems": True, "items": {"enum": [[[]], "a"]}}},
        ],
    },
    "numbers or themselves, so many of which count": {
        "oneOf": [
            {
                "type": "array",
                "uniqueItems": True,
                "prefixItems": [{"type": "array"}, {"anyOf": [AGAIN, {"type": "integer"}]}],
                "items": {"uniqueItems": True, "items": {"type": "array"}},
                "contains": AGAIN,
                "maxContains": 2,
            },
            {"const": 0},
        ]
    },
}


@pytest.mark.parametrize("name", OF_THEMSELVES)
def test_unique_arrays_of_themselves_are_begun_if_they_have_an_end(name: str):
    """How many values there are was asked while it was not known of any, and answered: enough, as they hold others."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **OF_THEMSELVES[name]}
    assert nested.case(schema, seed=0).failure() is None
    assert nested.case(schema, seed=1).failure() is None
