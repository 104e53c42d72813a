"""`grammar.report`: what became of every keyword."""

from typing import Any

import pytest

from constrained.errors import GrammarError
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.dialects import DIALECTS, Kind, Verdict
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.report import Finding, refusal
from tests.conformance.json_schema.acceptance import byte_vocabulary


def report(schema: Any, **options: Any) -> dict[tuple[str, str], Finding]:
    """Findings by place and keyword."""
    grammar = compile_json_schema(schema, byte_vocabulary(), JsonSchemaOptions(**options))
    return {(finding.where, finding.keyword): finding for finding in grammar.report}


def verdicts(schema: Any, **options: Any) -> dict[str, str]:
    return {
        f"{where} {keyword}".rstrip(): str(found.verdict)
        for (where, keyword), found in report(schema, **options).items()
    }


def test_every_keyword_of_every_location_has_a_verdict():
    schema = {
        "title": "t",
        "type": "object",
        "properties": {"a": {"type": "string", "format": "date"}, "b": True, "c": False},
        "$defs": {"unused": {"type": "null"}},
    }
    assert verdicts(schema) == {
        "# title": "annotation",
        "# type": "enforced",
        "# properties": "enforced",
        "# $defs": "annotation",
        "#/properties/a type": "enforced",
        "#/properties/a format": "enforced",
        "#/properties/b": "enforced",
        "#/properties/c": "enforced",
        "#/$defs/unused type": "unreachable",
    }


@pytest.mark.parametrize(
    ("schema", "keyword", "note"),
    [
        ({"format": "my-own"}, "format", "unknown format 'my-own'"),
        ({"format": "double"}, "format", "every number is one"),
        ({"contentEncoding": "base58"}, "contentEncoding", "unknown encoding 'base58'"),
        ({"x-order": 3}, "x-order", ""),
        ({"nullable": True}, "nullable", "OpenAPI"),
        ({"then": {"type": "null"}}, "then", "means nothing without 'if'"),
        ({"minContains": 2}, "minContains", "means nothing without 'contains'"),
        ({"uniqueItems": False}, "uniqueItems", "false restricts nothing"),
        ({"dependencies": {"a": ["b"]}}, "dependencies", "draft"),
        ({"default": 1}, "default", ""),
        ({"contentMediaType": "text/html"}, "contentMediaType", ""),
    ],
)
def test_what_restricts_nothing_is_an_annotation_and_says_why(schema: dict[str, Any], keyword: str, note: str):
    found = report(schema)["#", keyword]
    assert found.verdict is Verdict.ANNOTATION
    assert note in found.note


def test_formats_are_annotations_when_they_are_not_asserted():
    assert verdicts({"format": "date"}, formats="annotate") == {"# format": "annotation"}


def test_siblings_of_a_reference_mean_nothing_up_to_draft_7():
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"a": {"$ref": "#/definitions/d", "type": "string"}},
        "definitions": {"d": {}},
    }
    found = report(schema)
    assert found["#/properties/a", "type"].verdict is Verdict.ANNOTATION
    assert found["#/properties/a", "$ref"].note == "stands for #/definitions/d"


PRUNED = [
    ({"type": "string", "anyOf": [{"type": "integer"}, {"minLength": 1}]}, "#/anyOf/0"),
    ({"oneOf": [{"enum": ["a"]}, {"type": "null"}], "type": "string"}, "#/oneOf/1"),
    ({"properties": {"a": {"enum": [1], "type": "string"}}}, "#/properties/a"),
    ({"properties": {"a": {"minimum": 3, "maximum": 2, "type": "number"}}}, "#/properties/a"),
    ({"properties": {"a": {"type": "object", "required": ["b"], "properties": {"b": False}}}}, "#/properties/a"),
    (
        {"items": {"type": "array", "items": {"$ref": "#/$defs/d"}, "minItems": 1}, "$defs": {"d": {"not": {}}}},
        "#/items",
    ),
]


@pytest.mark.parametrize(("schema", "where"), PRUNED)
def test_branches_of_which_nothing_is_left_are_unreachable(schema: dict[str, Any], where: str):
    found = [finding for finding in report(schema).values() if finding.where.startswith(where)]
    assert found
    assert {finding.verdict for finding in found} == {Verdict.UNREACHABLE}


def test_a_report_reads_like_a_table():
    grammar = compile_json_schema({"pattern": "^a$"}, byte_vocabulary())
    assert [str(finding) for finding in grammar.report] == ["#  pattern  enforced  an automaton of 3 rows"]
    assert len(grammar.report) == 1
    assert grammar.report[0] == grammar.report[:][0]


def test_a_refusal_is_a_finding_too():
    with pytest.raises(GrammarError) as caught:
        compile_json_schema({"properties": {"a": {"$ref": "http://x/y"}}}, byte_vocabulary())
    found = refusal(caught.value)
    assert (found.where, found.keyword, found.verdict) == ("#/properties/a", "$ref", Verdict.REFUSED)
    assert "http://x/y" in found.note


def test_supplied_documents_are_reported_under_their_uri():
    resources = {"http://x/y": {"type": "string"}, "http://x/unused": {"type": "null"}}
    grammar = compile_json_schema({"$ref": "http://x/y"}, byte_vocabulary(), resources=resources)
    assert [(found.where, found.keyword) for found in grammar.report] == [("#", "$ref"), ("http://x/y#", "type")]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_no_keyword_of_any_draft_is_silently_dropped(dialect: Any):
    """A schema with every keyword once: constraints are enforced, the rest is an annotation."""
    values: dict[str, Any] = {
        "type": ["object", "array", "string", "number"], "enum": None, "const": None, "minimum": 1, "maximum": 3,
        "exclusiveMinimum": 0, "exclusiveMaximum": 5, "multipleOf": 1, "minLength": 1, "maxLength": 2, "pattern": "a",
        "format": "date", "contentEncoding": "base64", "minItems": 0, "maxItems": 3, "uniqueItems": True,
        "minContains": 0, "maxContains": 2, "required": ["a"], "minProperties": 1, "maxProperties": 9,
        "dependentRequired": {"a": ["b"]}, "allOf": [{}], "anyOf": [{}], "oneOf": [{}], "prefixItems": [{}],
        "not": {"const": 1} if dialect.number > 4 else {"enum": [1]},
        **{name: {"a": {}} for name in ("properties", "patternProperties", "dependencies", "dependentSchemas")},
    }  # fmt: skip
    if dialect.exclusive_bounds_are_flags:
        values |= {"exclusiveMinimum": True, "exclusiveMaximum": True}
    schema: dict[str, Any] = {"$schema": dialect.uri}
    for keyword, kind in dialect.keywords.items():
        if kind is Kind.CONSTRAINT and values.get(keyword, 0) is not None:
            schema[keyword] = values.get(keyword, {})
    if dialect.items_may_be_a_list:
        schema["items"] = [{}]
    found = report(schema)
    for keyword in schema:
        enforced = dialect.kind(keyword) is Kind.CONSTRAINT
        assert found["#", keyword].verdict is (Verdict.ENFORCED if enforced else Verdict.ANNOTATION), keyword
