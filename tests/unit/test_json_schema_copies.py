"""Schemas that are written the same are one shape, where they say the same."""

from typing import Any

import pytest

from grammars.json_schema.documents import Document
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.shapes import Shapes


def are_one(document: dict[str, Any]) -> bool:
    """Are the schemas of "a" and "b" one shape?"""
    shapes = Shapes(Document.parse(document), JsonSchemaOptions(), CompileLimits(seconds=60))
    a, b = (shapes.of(shapes.document.root.child("properties", name), ()) for name in "ab")
    return a is b


def lists_of(item: object) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "properties": {"c": item}}}


@pytest.mark.parametrize(
    "item", [{"const": 1}, {"enum": ["é", None]}, {"$ref": "#/$defs/x"}, {"not": {"type": "string"}}, True]
)
@pytest.mark.parametrize("beside", [{}, {"not": {"required": ["z"]}}], ids=["plain", "not plain"])
def test_copies_are_one(item: object, beside: dict[str, Any]) -> None:
    defined = {"$defs": {"x": {"type": "integer"}}}
    assert are_one({"properties": {"a": lists_of(item), "b": lists_of(item)}, **defined, **beside})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"const": 1}, {"const": True}),
        ({"const": 0}, {"const": False}),
        ({"const": [1, None]}, {"const": [True, None]}),
        ({"const": 1}, {"const": "1"}),
        ({"minimum": 1}, {"minimum": 2}),
        ({"enum": ["x"]}, {"enum": ["x", "y"]}),
        (True, False),
    ],
)
def test_what_differs_is_not(one: object, other: object) -> None:
    assert not are_one({"properties": {"a": lists_of(one), "b": lists_of(other)}})


def test_the_same_reference_leads_elsewhere_in_another_resource() -> None:
    inside = {"type": "array", "items": {"$ref": "#/$defs/x"}}
    resource = {"$id": "https://example.com/b", "$defs": {"x": {"type": "integer"}}, "properties": {"b": inside}}
    document = {"$defs": {"x": {"type": "string"}}, "properties": {"a": inside, "b": resource}}
    shapes = Shapes(Document.parse(document), JsonSchemaOptions(), CompileLimits(seconds=60))
    a = shapes.document.root.child("properties", "a")
    b = shapes.document.root.child("properties", "b").child("properties", "b")
    assert shapes.of(a, ()) is not shapes.of(b, ())
