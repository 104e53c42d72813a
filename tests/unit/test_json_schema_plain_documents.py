"""Plain documents are refused, or not, as if nobody knew that they are plain."""

from random import Random
from typing import Any

import pytest

from constrained.errors import ConstrainedError
from grammars.json_schema import shape_table
from grammars.json_schema.compiler import write
from grammars.json_schema.documents import Document
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.plain_documents import is_plain
from tests.fuzz.schemas import document

LIMITS = CompileLimits(seconds=60)

PLAIN: list[Any] = [
    {},
    True,
    {"properties": {"a": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}}, "required": ["a"]},
    {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}},
    {"minimum": 1, "maximum": 9, "minLength": 1, "maxLength": 40, "pattern": "^a+$"},
]
NOT_PLAIN: list[Any] = [
    {"properties": {"a": {"not": {"type": "null"}}}},
    {"$ref": "#"},
    {"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
    {"properties": {"a": {"pattern": "("}}},
    {"properties": {"a": {"minimum": 1e300, "maximum": 1e301}}},
    {"properties": {"a": {"multipleOf": 99991, "minimum": 3}, "b": {"enum": ["x" * 300], "pattern": "x{200}"}}},
    {"properties": {"a": {"format": "x" * 50_000}}},
    {"properties": {"a": {"$ref": "http://json-schema.org/draft-07/schema#"}}},
]


def outcome(schema: Any) -> str:
    """What becomes of a schema."""
    try:
        write(Document.parse(schema), JsonSchemaOptions(), LIMITS)
    except ConstrainedError as error:
        return f"{type(error).__name__}: {error}"
    return "written"


@pytest.mark.parametrize("schema", PLAIN, ids=repr)
def test_nothing_in_a_plain_document_is_refused(schema: Any) -> None:
    assert is_plain(Document.parse(schema))
    assert outcome(schema) == "written"


@pytest.mark.parametrize("schema", NOT_PLAIN, ids=lambda schema: repr(schema)[:60])
def test_what_may_be_refused_is_not_plain(schema: Any) -> None:
    assert not is_plain(Document.parse(schema))


@pytest.mark.interpreted
def test_plain_documents_are_refused_as_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    schemas = [document(Random(seed)) for seed in range(1200)]
    plain = [schema for schema in schemas if is_plain(Document.parse(schema))]
    assert len(plain) > 100
    outcomes = [outcome(schema) for schema in plain]
    monkeypatch.setattr(shape_table, "is_plain", lambda document: False)
    assert outcomes == [outcome(schema) for schema in plain]
