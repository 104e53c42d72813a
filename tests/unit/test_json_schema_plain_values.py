"""What is plainly there is there: keywords alone never promise a value that a closer look does not find."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from constrained.errors import GrammarError
from grammars.json_schema.documents import Document
from grammars.json_schema.formats import FORMATS
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.literals import Shape
from grammars.json_schema.nodes import Writer
from grammars.json_schema.object_ways import Obj
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.plain_values import NO_SHORTER, SHORTEST, PlainValues
from grammars.json_schema.shapes import Shapes
from tests.fuzz.schemas import document

pytestmark = pytest.mark.interpreted  # a class of the engine is replaced by a subclass

OPTIONS = JsonSchemaOptions(key_order="any", additional_properties="schema")

PLAIN: list[Any] = [
    {"type": "string", "maxLength": 0},
    {"type": "array", "items": False},
    {"type": "object", "propertyNames": False},
    {"minItems": 2, "required": ["a"], "pattern": "a"},
    {"enum": [{"a": 1}]},
    {"type": ["integer", "string"], "minimum": 3},
    {"anyOf": [{"type": "string", "pattern": "a"}, {"type": "null"}]},
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "boolean"}}},
    {"type": "object", "required": ["a", "b"], "properties": {"a": {"required": ["c"], "type": "object"}}},
    {"type": "object", "required": ["a"], "additionalProperties": {"type": "null"}},
    {"type": "integer", "minimum": 0},
    {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 3.5},
    {"$schema": "http://json-schema.org/draft-04/schema#", "type": "number", "maximum": 1, "exclusiveMaximum": True},
    {"type": "string", "pattern": "^a"},
    {"type": "string", "pattern": "^[a-z]{3}$"},
    {"type": "array", "minItems": 2, "maxItems": 2, "items": {"minimum": 1, "type": "number"}},
    {"type": "string", "pattern": "^(ab|c{9})$", "maxLength": 2, "minLength": 2},
    {"type": "string", "pattern": "^.{3,}$", "maxLength": 3},
    {"type": "number", "minimum": 5, "maximum": 30.5, "multipleOf": 0.5},
    {"type": "integer", "multipleOf": 7},
    {"type": "array", "prefixItems": [{"const": "a"}, {"type": "null"}], "items": False, "minItems": 2},
    {"type": "array", "prefixItems": [{"const": "a"}], "items": {"type": "null"}, "minItems": 3},
    {"type": "object", "minProperties": 2, "required": ["a"], "properties": {"a": {}, "b": False, "c": {}}},
    *({"type": "string", "format": name} for name in sorted([*FORMATS, "unheard-of"])),
    *(
        {"type": "string", "format": name, "maxLength": SHORTEST.get(name, NO_SHORTER)}
        for name in sorted([*FORMATS, "unheard-of"])
    ),
]
NOT_PLAIN: list[Any] = [
    {"type": "string", "minLength": 2, "maxLength": 1},
    {"type": "string", "pattern": "$a"},
    {"type": "integer", "minimum": 0.1, "maximum": 0.9},
    {"type": "array", "minItems": 1, "items": False},
    {"type": "object", "required": ["a"], "additionalProperties": False},
    {"type": "object", "required": ["a"], "properties": {"a": False}},
    {"type": "object", "required": ["a"], "maxProperties": 0},
    {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}},
    {"type": "integer", "enum": ["a"]},
    {"type": "string", "not": {"type": "string"}},
    {"enum": [1], "const": 2},
    {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "integer", "minimum": 1.1, "multipleOf": 7, "maximum": 6.9},
    {"type": "string", "pattern": "^[]{2}$"},
    {"type": "string", "pattern": "a", "maxLength": 0},
    {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "$a"}},
    {"type": "array", "minItems": 2, "maxItems": 1},
    {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"const": 1}},
    {"type": "string", "pattern": "^.{3,}$", "maxLength": 2},
    {"type": "string", "pattern": "^(ab|c{9})$", "maxLength": 1},
    {"type": "string", "format": "date", "maxLength": 9},
    {"type": "number", "minimum": 5.1, "maximum": 5.4, "multipleOf": 0.5},
    {"type": "integer", "minimum": 8, "maximum": 13, "multipleOf": 7},
    {"type": "array", "prefixItems": [{"const": "a"}, {"type": "null"}], "items": False, "minItems": 3},
    {"type": "array", "prefixItems": [{"const": "a"}, False], "minItems": 2},
    {
        "type": "object",
        "minProperties": 2,
        "required": ["a"],
        "properties": {"a": {}, "b": False},
        "additionalProperties": False,
    },
]


def writer_of(schema: Any) -> Writer:
    """A writer that looks closer at every schema."""

    class Unaware(PlainValues):
        def weight(self, shape: Shape) -> int:
            return 0

        def possible(self, obj: Obj, names: Sequence[str]) -> int:
            return 0

    shapes = Shapes(Document.parse(schema), OPTIONS, CompileLimits(seconds=60))
    writer = Writer(shapes)
    writer.plain_values = Unaware(shapes)
    return writer


@pytest.mark.parametrize("schema", PLAIN, ids=repr)
def test_keywords_alone_show_a_value(schema: Any) -> None:
    writer = writer_of(schema)
    assert PlainValues(writer.shapes).weight(writer.shapes.root())
    assert writer.alive(writer.shapes.root())


@pytest.mark.parametrize("schema", NOT_PLAIN, ids=repr)
def test_keywords_alone_show_nothing(schema: Any) -> None:
    writer = writer_of(schema)
    assert not PlainValues(writer.shapes).weight(writer.shapes.root())
    assert not writer.alive(writer.shapes.root())


def test_a_closer_look_finds_a_value_wherever_keywords_show_one() -> None:
    shown = 0
    for seed in range(200):
        writer = writer_of(document(Random(seed)))
        plain = PlainValues(writer.shapes)
        for location in writer.shapes.document.outline():
            shape = writer.shapes.of(location, ())
            try:
                if not writer.shapes.is_dynamic and plain.weight(shape):
                    shown += 1
                    assert writer.alive(shape), (seed, str(location.where))
            except GrammarError:
                pass  # refused when compiling: random schemas may go round in circles
    assert shown > 1000
