"""What can be refused is refused when compiling, however deep it lies; what cannot is not looked at before its time."""

from typing import Any

import pytest

from constrained.errors import LimitExceeded, UnsupportedFeature
from grammars.json_schema.compiler import write
from grammars.json_schema.documents import Document
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.options import JsonSchemaOptions

REFUSED = {"not": {"uniqueItems": True}}
LARGE = {"allOf": [{"anyOf": [{"required": [f"{i}{k}"]} for k in range(8)]} for i in range(8)]}  # 8 ** 8 ways

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
def test_a_negation_that_cannot_be_told_is_refused_in_time(around: Any) -> None:
    with pytest.raises(UnsupportedFeature, match="uniqueItems"):
        written(around(REFUSED))


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND.keys())
def test_too_many_alternatives_are_refused_in_time(around: Any) -> None:
    with pytest.raises(LimitExceeded, match="combinations of alternatives"):
        written(around(LARGE))


def test_a_branch_that_nothing_satisfies_is_not_refused_for_what_is_in_it() -> None:
    dead = {"type": "object", "properties": {"a": REFUSED}, "required": ["b"], "additionalProperties": False}
    written({"anyOf": [{"type": "string"}, {"allOf": [dead, {"type": "array"}]}]})


def test_schemas_without_negations_are_not_expanded() -> None:
    plain = {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}}
    writer = written({"type": "object", "properties": {"p": plain, "n": {"not": {"type": "null"}}}})
    shapes = writer.shapes
    root = shapes.document.root
    assert shapes.of(root, ()).objects is not None
    assert shapes.of(root.child("properties", "n"), ()).objects is not None
    assert shapes.of(root.child("properties", "p"), ()).objects is None
