"""Schemas that once went wrong, most of them found by `python -m tests.fuzz.run`."""

import json
from decimal import Decimal
from itertools import permutations
from random import Random
from typing import Any

import pytest

from constrained.errors import InvalidGrammar, LimitExceeded, Unsatisfiable
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary, written
from tests.fuzz import walks
from tests.fuzz.check import check
from tests.fuzz.judge import Judge

TO_THE_LETTER = JsonSchemaOptions(key_order="any", additional_properties="schema")

FUZZED: dict[str, Any] = {
    "two conditions of which one can only be met by a key that has come": {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "not": {"patternProperties": {"^[ab]$": {"pattern": "^$"}}},
        "oneOf": [{"oneOf": [{"const": {}}, {}]}],
    },
    "a condition on keys of up to 300 characters": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "propertyNames": {"maxLength": 300},
        "not": {"patternProperties": {"a(?!b)": {"type": "string"}, "^a?b?$": {"type": "null"}}},
    },
    "contradictory minContains and maxContains under unevaluatedItems": {
        "contains": {"type": "boolean"},
        "minContains": 3,
        "maxContains": 2,
        "unevaluatedItems": {"type": "array"},
    },
    "lengths that leave no array, and unevaluatedItems": {
        "properties": {"é": {"unevaluatedItems": True, "minItems": 1, "maxItems": 0}}
    },
    "a condition that only one key can serve is not starved by another use of that key": {
        "$schema": "http://json-schema.org/draft-06/schema#",
        "oneOf": [
            {"properties": {"é": {"patternProperties": {"^$": {"minLength": 1}}}}, "not": {"type": ["number"]}},
            {"exclusiveMinimum": 1},
        ],
        "maximum": 0,
    },
    "two conditions that want the only key": {
        "type": "object",
        "allOf": [
            {"not": {"patternProperties": {"^[ab]$": {"type": "string"}}}},
            {"not": {"patternProperties": {"^[ab]$": {"type": "null"}}}},
        ],
        "propertyNames": {"enum": ["a"]},
    },
    "a condition does not take more keys than there is room for": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "oneOf": [True, {"additionalProperties": False}],
        "allOf": [{"$ref": "#/definitions/d0"}],
        "definitions": {"d0": {"not": {"minProperties": 2}}},
    },
    "more properties than at most": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "maxProperties": 0,
        "minProperties": 1,
    },
    "the shortest text of a recursive shape goes another way": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "oneOf": [{"$ref": "#/definitions/d0"}, {}],
        "definitions": {
            "d0": {"patternProperties": {"é": {"type": "array"}, "^a": {"$ref": "#/definitions/d0"}}}
        },
    },
    "keys that come in pairs do not fit into maxProperties": {
        "type": "object",
        "properties": {"a": {}, "b": {}, "ab": {}},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "dependentRequired": {"a": ["b"], "b": ["a"]},
    },
    "exponents have three digits also where bounds restrict the items that must be unique": {
        "contains": {"exclusiveMaximum": 1},
        "uniqueItems": True,
        "type": "array",
    },
    "a condition that leads to nothing costs nothing": {"if": {"maxLength": 300, "format": "email"}, "then": {}},
    "an item that one count needs would be one too many for another": {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "oneOf": [{"contains": {}, "maxContains": 1}, {"unevaluatedItems": {"maxLength": 0}}],
    },
    "a format of a later draft, and nothing is left": {
        "$schema": "http://json-schema.org/draft-06/schema#",
        "allOf": [{"type": "string"}],
        "maxLength": 1,
        "format": "uuid",
    },
    "what is open is a captured text in one reading, and ends right away in another": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "if": {"items": {"additionalProperties": {"maximum": 0}, "properties": {"é": {}}}},
        "then": {"allOf": [{"not": {"uniqueItems": True}}]},
    },
    "likewise a key, which one reading remembers and another does not": {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "not": {"items": {"const": 0.5}, "dependentRequired": {"ba": ["ab"]}},
        "oneOf": [{"contains": {}}, {"enum": [{"a": 1}, [0, 0]]}],
    },
    "few items of which two must be equal": {"not": {"uniqueItems": True}, "maxItems": 2},
    "arrays of which two must be equal": {"not": {"uniqueItems": True}, "items": {"type": "array"}, "maxItems": 2},
    "different items of which one is an object of few values": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "array",
        "contains": {"additionalProperties": {"enum": [0]}, "properties": {"ba": {}}},
        "uniqueItems": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FUZZED)
@pytest.mark.parametrize("seed", range(4))
def test_walks_end_in_valid_instances_and_valid_instances_are_accepted(name: str, seed: int):
    assert check(FUZZED[name], seed) is None


# Later refusals and formats


def test_a_schema_that_refers_to_itself_below_a_property_is_refused_when_compiling():
    schema = {"properties": {"b": {"$ref": "#/$defs/d"}}, "$defs": {"d": {"$ref": "#/$defs/d"}}}
    with pytest.raises(InvalidGrammar, match="refers to itself"):
        compile_json_schema(schema, byte_vocabulary())


def test_scalars_that_are_too_large_together_are_refused_when_compiling():
    """Also where null, which is looked at first, shows that something is left."""
    with pytest.raises(LimitExceeded):
        compile_json_schema({"if": {"pattern": "b$", "format": "email"}, "else": {"maxLength": 300}}, byte_vocabulary())
    long = {"pattern": "(?:ab|ba)+$", "maxLength": 5000}
    assert compile_json_schema({"anyOf": [{"oneOf": [long, {"minLength": 6000}]}]}, byte_vocabulary())


def test_a_constant_is_taken_out_of_others_and_leaves_long_texts_beside_them():
    grammar = compile_json_schema(
        {"anyOf": [{"enum": ["a", "b"]}, {"type": "string", "minLength": 5000}], "not": {"const": "b"}},
        byte_vocabulary(),
    )
    assert accepts(grammar, '"a"')
    assert accepts(grammar, json.dumps("b" * 5000))
    assert not accepts(grammar, '"b"')


@pytest.mark.parametrize("name", ["date", "email", "uuid", "ipv6"])
def test_formats_are_asserted_as_written_and_when_negated(name: str):
    """The two roundings of a language were once taken for each other."""
    grammar = compile_json_schema({"format": name}, byte_vocabulary(), TO_THE_LETTER)
    assert not accepts(grammar, '"?"')
    negated = compile_json_schema({"not": {"format": name}, "type": "string"}, byte_vocabulary(), TO_THE_LETTER)
    assert accepts(negated, '"?"')
    for valid in ("2024-01-01", "a@b.de", "01234567-89ab-cdef-0123-456789abcdef", "::1"):
        judge = Judge({"format": name}, formats=True)
        if judge.accepts(json.dumps(valid)):
            assert accepts(grammar, written(valid))
            assert not accepts(negated, written(valid))


def test_integers_stay_integers_under_a_double_negation():
    double = {"not": {"not": {"type": "integer"}}}
    grammar = compile_json_schema(double, byte_vocabulary(), TO_THE_LETTER)
    assert [accepts(grammar, text) for text in ("1", "1.5", '"1"')] == [True, False, False]


def test_walks_notice_what_they_should():
    """The judge of the judges: a grammar of the wrong schema is found out."""
    grammar = compile_json_schema({"type": ["integer", "string"]}, walks.vocabulary(), TO_THE_LETTER)
    judge = Judge({"type": "integer"}, formats=True)
    texts = [walks.walk(grammar, Random(seed), "uniform", 20) for seed in range(12)]
    assert {judge.accepts(text) for text in texts} == {True, False}


@pytest.mark.parametrize("digits", ["0.1234567890123456", "1e-20", "12345678901234567890123456789012345", "-0.5"])
def test_constants_keep_all_their_digits(digits: str):
    grammar = compile_json_schema(f'{{"const": {digits}}}', byte_vocabulary(), TO_THE_LETTER)
    text = format(Decimal(digits), "f")
    assert accepts(grammar, text)
    assert not accepts(grammar, text[:-1] + str((int(text[-1]) + 1) % 10))


@pytest.mark.parametrize(
    "schema",
    [
        {"propertyNames": {"maxLength": 5000}},
        {"propertyNames": {"maxLength": 300, "format": "idn-email"}},
        {"propertyNames": {"maxLength": 300, "format": "hostname"}, "patternProperties": {"a(?!b)": {}}},
    ],
)
def test_names_of_keys_that_are_too_large_are_refused_when_compiling(schema: dict[str, Any]):
    with pytest.raises(LimitExceeded):
        compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)


@pytest.mark.parametrize("constant", ["1e196", "-2.5e-7", "1e16", "12345678901234567890123"])
def test_large_and_small_constants_are_written_as_programs_do(constant: str):
    grammar = compile_json_schema(f'{{"enum": [{constant}, 1]}}', byte_vocabulary(), TO_THE_LETTER)
    assert accepts(grammar, constant)
    assert accepts(grammar, written(json.loads(constant)))
    assert accepts(grammar, format(Decimal(constant), "f"))
    assert not accepts(grammar, constant + "0")


@pytest.mark.parametrize(
    ("schema", "texts"),
    [
        ('{"const": 2.0}', {"2": True, "2.0": True, "2.00": False, "3.0": False}),
        ('{"const": 2}', {"2": True, "2.0": False}),
        ('{"enum": [-1.5, 0.0]}', {"-1.5": True, "-1.50": False, "0": True, "0.0": True, "-0.0": False}),
        ('{"type": "integer", "const": 2.0}', {"2": True, "2.0": False}),
        ('{"const": {"a": [2.0]}}', {'{"a": [2.0]}': True, '{"a": [2]}': True}),
        ('{"items": {"enum": [1.0, 2]}, "uniqueItems": true}', {"[1.0, 2]": True, "[1, 1.0]": False}),
        ('{"type": "number", "not": {"const": 1.0}}', {"1": False, "1.0": False, "1.5": True}),
    ],
)
def test_numbers_among_constants_may_keep_the_spelling_that_they_have_there(schema: str, texts: dict[str, bool]):
    grammar = compile_json_schema(schema, byte_vocabulary())
    assert {text: accepts(grammar, text) for text in texts} == texts


LEFT_WRONG: list[tuple[str, Any, dict[str, bool]]] = [
    (
        "the condition failed, so it has evaluated nothing",
        {"unevaluatedProperties": {"type": "integer"}, "if": {"properties": {"a": {"const": 1}}}},
        {'{"a": "x"}': False, '{"a": 1}': True, '{"a": 2}': True, '{"a": 1, "b": "x"}': False},
    ),
    (
        "what several branches of anyOf have evaluated together",
        {
            "unevaluatedProperties": False,
            "anyOf": [{"properties": {name: {"type": "integer"}}, "required": [name]} for name in "abc"],
        },
        {'{"a": 1, "c": 2}': True, '{"a": 1, "c": "x"}': False, '{"a": 1, "d": 1}': False, '{"a": 1, "b": 1}': True},
    ),
    (
        "items that contains has evaluated, or a branch",
        {
            "type": "array",
            "anyOf": [{"contains": {"type": "string"}}, {"prefixItems": [{"type": "integer"}]}],
            "unevaluatedItems": {"type": "null"},
        },
        {"[1, null]": True, "[1, 2]": False, '["a", "b", null]': True, '["a", 1]': False, '[1, "a"]': True, "[]": True},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "texts"), [case[1:] for case in LEFT_WRONG], ids=[case[0] for case in LEFT_WRONG])
def test_what_is_unevaluated_is_told_exactly_also_when_negated(schema: dict[str, Any], texts: dict[str, bool]):
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    negated = compile_json_schema({"not": schema}, byte_vocabulary(), TO_THE_LETTER)
    for text, valid in texts.items():
        assert accepts(grammar, text) is valid, text
        assert accepts(negated, text) is not valid, text


def test_a_violated_schema_has_evaluated_nothing():
    """Not even what its own `unevaluatedProperties` or `unevaluatedItems` had to know of."""
    keys = {"properties": {"a": True}, "patternProperties": {"^p": True}, "unevaluatedProperties": {"type": "null"}}
    schema = {"type": "object", "not": keys, "unevaluatedProperties": {"type": "integer"}}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    assert accepts(grammar, '{"a": 1, "b": 1}')
    assert not accepts(grammar, '{"a": "s", "b": 1}')
    assert not accepts(grammar, '{"p": null, "b": 1}')
    items = {"prefixItems": [True], "unevaluatedItems": {"type": "null"}}
    schema = {"type": "array", "not": items, "unevaluatedItems": {"type": "integer"}}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    assert accepts(grammar, "[1, 1]")
    assert not accepts(grammar, '["s", 1]')


def test_negated_formats_leave_out_only_what_no_validator_takes_for_valid():
    """A draft 4 validator does not know "date": for it, every text is one."""
    for draft, sound in (
        ("http://json-schema.org/draft-07/schema#", True),
        ("http://json-schema.org/draft-04/schema#", False),
    ):
        schema = {"$schema": draft, "type": "string", "not": {"format": "date"}}
        if sound:
            assert accepts(compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER), '"?"')
        else:
            with pytest.raises(Unsatisfiable):
                compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)


# What branches say, and what stands around them


def kinds(**kind: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"kind": kind, "value": {"type": "integer"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"required": ["kind"], "oneOf": [kinds(const=f"k{i}") for i in range(40)]},
        {"allOf": [{"required": ["kind"]}, {"oneOf": [kinds(type="string", pattern=f"^k{i}$") for i in range(40)]}]},
        {
            "required": ["kind"],
            "oneOf": [kinds(**{"$ref": f"#/$defs/k{i}"}) for i in range(40)],
            "$defs": {f"k{i}": {"enum": [f"k{i}"]} for i in range(40)},
        },
    ],
    ids=["required beside", "required around, and patterns", "behind references"],
)
def test_many_branches_are_told_apart_by_one_key(schema: dict[str, Any]):
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    assert accepts(grammar, '{"value": 1, "kind": "k39"}')
    assert not accepts(grammar, '{"value": "1", "kind": "k39"}')
    assert not accepts(grammar, '{"kind": "k40"}')


def test_what_nothing_satisfies_is_unsatisfiable():
    with pytest.raises(Unsatisfiable):
        compile_json_schema(
            {**FUZZED["more properties than at most"], "type": "object"}, byte_vocabulary(), TO_THE_LETTER
        )


@pytest.mark.parametrize("letters", list(permutations("abcd")), ids="".join)
def test_a_key_meets_the_conditions_that_other_keys_leave(letters: tuple[str, ...]) -> None:
    """Two keys for four conditions: a key "ab" would leave "cd", which is forbidden."""
    schema = {
        "type": "object",
        "allOf": [{"not": {"propertyNames": {"not": {"pattern": letter}}}} for letter in letters],
        "propertyNames": {"pattern": "^..$"},
        "patternProperties": {"bc|cb|cd|dc": False},
        "maxProperties": 2,
    }
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    assert accepts(grammar, written({"ac": 1, "db": 1}))
    assert not accepts(grammar, written({"ab": 1, "cd": 1}))
    assert not accepts(grammar, written({"ab": 1}))


def test_one_value_that_meets_several_conditions_is_looked_at_when_compiling():
    """It was refused while masks were computed: neither an IRI nor short, which takes too many rows."""
    text = {"patternProperties": {"é": {"maxLength": 300, "pattern": "é"}}}
    schema = {"oneOf": [{"patternProperties": {"é": {"oneOf": [{}, {"format": "iri"}]}}}, text, {"maximum": 1}]}
    with pytest.raises(LimitExceeded):
        compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)


def test_a_third_key_is_neither_of_the_two_that_have_come():
    """The way that was thought shortest wrote the first key again, and the search for another one was given up."""
    schema = {"not": {"maxProperties": 2, "required": ["ba"]}}
    options = JsonSchemaOptions(whitespace="compact", key_order="schema", additional_properties="declared")
    grammar = compile_json_schema(schema, byte_vocabulary(), options)
    state = grammar.states.read(grammar.states.start, b'{"":4E608,"]+\xf1\x96')
    assert state is not None
    assert grammar.finishing.of_state(state) == (b'\x80\x80":0," ":0}',)


def test_a_value_that_differs_only_deep_inside_has_a_shortest_text():
    """It differs by a member of its own kind, whose shortest text was being looked for: `AssertionError`."""
    chain = {"type": "object", "properties": {"a": {"$ref": "#/definitions/chain"}}, "additionalProperties": False}
    rings = {
        f"{length}-{place}": {
            "additionalProperties": {"$ref": f"#/definitions/{length}-{(place + 1) % length}"},
            "minProperties": min(place, 1),
        }
        for length in (2, 3, 5)
        for place in range(length)
    }
    witness: dict[str, Any] = {}
    for _ in range(30):
        witness = {"a": witness}
    schema = {
        "allOf": [{"$ref": f"#/definitions/{name}"} for name in ("chain", "2-0", "3-0", "5-0")],
        "minProperties": 1,
        "not": {"const": witness},
        "definitions": {"chain": chain, **rings},
    }
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    assert grammar.matcher().shortest_completion() == b'{"a": ' * 60 + b"{}" + b"}" * 60


def test_a_key_that_meets_a_condition_needs_room_for_the_keys_that_must_come_with_it():
    some = {"not": {"patternProperties": {"^[ab]$": {"type": "string"}}}}  # some key, "a" or "b", is no string
    schema = {"type": "object", "maxProperties": 2, "dependentRequired": {"a": ["c"]}, **some}
    grammar = compile_json_schema(schema, byte_vocabulary(), TO_THE_LETTER)
    assert accepts(grammar, '{"b": 1}')
    assert accepts(grammar, '{"a": 1, "c": 2}')
    matcher = grammar.matcher()
    for byte in b'{"b": ':
        matcher.advance(byte)
    assert not matcher.allows(ord('"'))  # then "a" and "c" would have to come, and there is room for one
