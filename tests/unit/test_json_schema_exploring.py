"""What can be refused is refused when compiling, however deep it lies; what cannot is not looked at before its time."""

from typing import Any

import pytest

from constrained.errors import InvalidGrammar, LimitExceeded
from grammars.json_schema.compiler import write
from grammars.json_schema.documents import Document
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.scalars import TEXTS

# 8 ** 8 ways, which also count keys: so they are not kept apart.
LARGE = {"allOf": [{"anyOf": [{"required": [f"{i}{k}"], "minProperties": 1} for k in range(8)]} for i in range(8)]}

AROUND: dict[str, Any] = {
    "below properties": lambda inner: {"properties": {"a": {"items": {"additionalProperties": inner}}}},
    "behind a reference": lambda inner: {"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"properties": {"b": inner}}}},
    "in a branch of oneOf": lambda inner: {"oneOf": [{"type": "string"}, {"type": "array", "items": inner}]},
    "where two schemas meet": lambda inner: {
        "properties": {"a": {"type": "array"}},
        "patternProperties": {"^a": {"items": inner}},
    },
    "in a schema that meets itself": lambda inner: {
        "items": {"anyOf": [{"$ref": "#"}, {"type": "object", "properties": {"a": inner}}]}
    },
    "below unevaluatedItems": lambda inner: {"unevaluatedItems": {"properties": {"a": inner}}},
    "below a negation": lambda inner: {"not": {"properties": {"a": {"not": {"items": inner}}}}},
}


def written(schema: Any) -> Any:
    document = Document.parse(schema)
    return write(document, JsonSchemaOptions(additional_properties="schema"), CompileLimits(seconds=60))


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND.keys())
def test_too_many_alternatives_are_refused_in_time(around: Any) -> None:
    with pytest.raises(LimitExceeded, match="combinations of alternatives"):
        written(around(LARGE))


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND.keys())
@pytest.mark.parametrize("step", [123456.789, 1_000_003], ids=str)
def test_multiples_of_a_number_with_many_digits_are_refused_in_time(around: Any, step: float) -> None:
    with pytest.raises(LimitExceeded, match=f"multipleOf {step} needs an automaton"):
        written(around({"multipleOf": step}))


EMAIL, REGEX = {"type": "string", "format": "email"}, {"format": "regex"}  # too large together


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"properties": {"a": EMAIL}}, {"properties": {"a": REGEX}}]},
        {"properties": {"a": EMAIL}, "patternProperties": {"a": REGEX}},
        {
            "$ref": "#/$defs/a",
            "properties": {"b": {"items": EMAIL}},
            "$defs": {"a": {"properties": {"b": {"items": REGEX}}}},
        },
        {"patternProperties": {"a": {"additionalProperties": EMAIL}, "b": {"additionalProperties": REGEX}}},
        {"items": EMAIL, "contains": REGEX, "minContains": 0},
        {"items": {"multipleOf": 997}, "allOf": [{"items": {"multipleOf": 991}}]},
    ],
)  # fmt: skip
def test_automata_that_are_too_large_where_schemas_meet_are_refused_in_time(schema: Any) -> None:
    with pytest.raises(LimitExceeded, match="rows"):
        written(schema)


@pytest.mark.parametrize("kind", ["null", "boolean", "number", "string"])
def test_a_dynamic_reference_that_comes_back_for_one_type_alone_is_refused_in_time(kind: str) -> None:
    with pytest.raises(InvalidGrammar, match="refers to itself"):
        written({"if": {"type": kind, "$dynamicRef": "#n"}, "else": {"prefixItems": [{}]}, "$dynamicAnchor": "n"})


def test_a_branch_that_nothing_satisfies_is_not_refused_for_what_is_in_it() -> None:
    dead = {"type": "object", "properties": {"a": LARGE}, "required": ["b"], "additionalProperties": False}
    written({"anyOf": [{"type": "string"}, {"allOf": [dead, {"type": "array"}]}]})


def expanded(writer: Any, *names: str) -> bool:
    shapes = writer.shapes
    at = shapes.document.root
    for name in names:
        at = at.child("properties", name)
    return shapes.of(at, ()).objects is not None


def test_schemas_without_negations_are_not_expanded() -> None:
    plain = {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}}
    unclear = {"not": {"enum": [{"a": []}]}}
    writer = written({"type": "object", "properties": {"p": plain, "n": unclear}})
    assert expanded(writer)
    assert expanded(writer, "n")
    assert not expanded(writer, "p")


def test_what_can_be_told_by_keywords_is_not_expanded() -> None:
    one, two = ({"properties": {name: {"type": "string"}}, "required": [name]} for name in "ab")
    told = {"oneOf": [one, two], "not": {"required": ["c"]}, "if": one, "then": {"properties": {"d": {"minimum": 3}}}}
    unclear = {"not": {"enum": [{"a": []}]}}
    writer = written({"type": "object", "properties": {"t": told, "n": unclear, "s": {"properties": {"t": told}}}})
    assert expanded(writer, "n")
    assert not expanded(writer, "t")
    assert not expanded(writer, "s")


KINDS = [f"kind-{i}" for i in range(20)]
KNOWN = {
    kind: {"type": "object", "required": ["type"], "properties": {"type": {"enum": [kind]}, "a": {"type": "integer"}}}
    for kind in KINDS
}


def test_a_branch_for_all_other_constants_is_told_apart_from_twenty_that_name_theirs() -> None:
    custom = {"required": ["type"], "properties": {"type": {"type": "string", "not": {"pattern": "^kind-"}}}}
    written({"$defs": KNOWN, "oneOf": [custom, *({"$ref": f"#/$defs/{kind}"} for kind in KINDS)]})


def test_the_limit_of_branches_that_are_not_told_apart_names_their_place() -> None:
    told = {"required": ["kind"], "properties": {"kind": {"not": {"enum": KINDS}}}}
    branches = [
        {"properties": {"kind": {"const": kind}, "a": {"minimum": at}, "b": {"minLength": at}}}
        for at, kind in enumerate(KINDS)
    ]
    with pytest.raises(LimitExceeded, match="require the property that tells them apart") as caught:
        written({"properties": {"target": {"oneOf": [told, *branches]}}})
    assert caught.value.where == "#/properties/target/oneOf"


def test_references_to_one_schema_are_that_schema() -> None:
    rules: dict[str, Any] = {"properties": {f"k{i}": {"$ref": "#/$defs/part"} for i in range(40)}}
    part = {"type": "object", "properties": {"a": {"type": "array"}, "b": {"type": "string"}}}
    branches = [{**rules, "required": ["x"]}, {"allOf": [{**rules, "required": ["y"]}]}]
    writer = written({"oneOf": branches, "$defs": {"part": part}})
    root = writer.shapes.root()
    assert len(writer.ways_of_objects(root)) == 2  # x without y, y without x: no k is violated


def test_what_is_negated_twice_is_combined_once() -> None:
    word, long = {"pattern": "^[a-z]+$"}, {"pattern": "^.{9,}$"}
    shapes = written({"not": {"anyOf": [{"not": {"allOf": [word, long]}}, {"not": word}]}}).shapes
    found = shapes.language(TEXTS, shapes.root())
    assert [text for text in ("", "abcdefghi", "abcdefgh", "abcdefgh1") if found.has(text)] == ["abcdefghi"]
