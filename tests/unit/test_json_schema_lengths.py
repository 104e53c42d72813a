"""Lengths too large to multiply out, in unions and complements: judged by `jsonschema`."""

import json
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from constrained.automata.algebra import literals
from constrained.automata.lettered import in_bytes
from constrained.errors import LimitExceeded
from grammars.json_schema import texts
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.texts import Texts
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary, written
from tests.fuzz import walks

OPTIONS = JsonSchemaOptions(key_order="any", additional_properties="schema")
STRINGS = [
    *("", "a", "1", "x1", "ababab", "0" * 5_001, "1" * 70_000, "0ab", "x" * 4_097),
    *("x" * count for count in (4_999, 5_000, 5_001, 65_536, 65_537)),
    *("ftp://a" + "b" * (count - 7) for count in (65_536, 65_537)),
]
LONG, SHORT = {"minLength": 4, "maxLength": 5_000}, {"enum": ["", "a"]}

SCHEMAS: dict[str, Any] = {
    "a union with another pattern": {
        "anyOf": [{"pattern": "^[0-9]+$"}, {"minLength": 1, "maxLength": 65_536, "format": "uri"}]
    },
    "a union with a few texts": {"anyOf": [LONG, SHORT]},
    "a complement": {"not": {"maxLength": 5_000}},
    "a complement on both sides": {"not": LONG},
    "a complement with a pattern": {"not": {"minLength": 2, "maxLength": 5_000, "pattern": "^x"}},
    "a complement of a length nobody reaches": {"not": {"maxLength": 1_000_000, "pattern": "^x"}},
    "exactly one of three": {
        "oneOf": [{"maxLength": 5_000}, {"pattern": "^[0-9]"}, {"minLength": 3, "maxLength": 65_536}]
    },
    "a condition": {"if": {"maxLength": 5_000}, "then": {"pattern": "x"}, "else": {"pattern": "1"}},
    "a complement of a union": {"not": {"anyOf": [LONG, SHORT, {"minLength": 65_537}]}},
}


def compiled(schema: Any) -> Any:
    return compile_json_schema(schema, byte_vocabulary(), OPTIONS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_long_lengths_are_exact_in_unions_and_complements(name: str):
    schema = {"type": "string", **SCHEMAS[name]}
    judge = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    grammar = compiled(schema)
    assert [text for text in STRINGS if accepts(grammar, written(text)) != judge.is_valid(text)] == []


@pytest.mark.parametrize("name", SCHEMAS)
def test_walks_in_them_end(name: str):
    schema = {"type": "array", "items": {"type": "string", **SCHEMAS[name]}, "uniqueItems": True}
    grammar = compile_json_schema(schema, walks.vocabulary(), OPTIONS)
    judge = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for seed in range(3):
        text = walks.walk(grammar, Random(seed), "clinging" if seed else "uniform", 30)
        assert judge.is_valid(json.loads(text))


def test_names_of_keys_are_not_counted():
    with pytest.raises(LimitExceeded) as caught:
        compiled({"propertyNames": {"anyOf": [LONG, SHORT]}})
    assert caught.value.where == "#/propertyNames"


def test_a_union_of_many_long_lengths_is_refused():
    many = [{"pattern": f"^{letter}", "maxLength": 5_000} for letter in "abcdefghijklmnopqrstuvwxyz"]
    with pytest.raises(LimitExceeded, match="a union of more than 16"):
        compiled({"type": "string", "anyOf": many})


def test_whether_an_automaton_in_bytes_has_short_texts_is_a_plain_bool():
    far = literals([b"x" * 300])  # its distances are numpy's, and compiled code takes no `numpy.bool`
    assert texts.has_short(Texts(dfa=far, low=1)) is False
    assert texts.has_short(Texts(dfa=literals([b"x" * 3]), low=1)) is True


@pytest.mark.parametrize("pattern", ["^a+b*$", "[é1]", "^[^a]*$", "^(ab|€)+$", "^.{2,4}$", "x|^$"])
@pytest.mark.parametrize(
    "language", [lambda one: one, lambda one: Texts(dfa=in_bytes(one.dfa), low=one.low, high=one.high)]
)
def test_texts_that_are_looked_up_at_once_are_those_that_are_looked_up_one_by_one(pattern, language):
    chance, found = Random(3), language(texts.matching(pattern))
    for count in (1, 7, 8, 60):
        given = {"".join(chance.choices("abé1€😀x", k=chance.randrange(6))) for _ in range(count)}
        given |= {"", chr(0xD800) + "a"}
        assert found.among(frozenset(given)) == {text for text in given if found.has(text)}
