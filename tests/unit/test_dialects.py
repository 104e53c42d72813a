"""Which draft a schema is written in, and what its keywords are there."""

import pytest

from constrained.errors import InvalidGrammar, UnsupportedFeature
from grammars.json_schema.dialects import DIALECTS, DRAFT4, DRAFT7, DRAFT2019_09, DRAFT2020_12, Dialect, Kind
from grammars.json_schema.documents import Document
from tests.support.schema_suite import VALIDATORS


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("http://json-schema.org/draft-04/schema#", "draft4"),
        ("http://json-schema.org/draft-06/schema", "draft6"),
        ("https://json-schema.org/draft-07/schema#", "draft7"),
        ("http://json-schema.org/draft-07/hyper-schema#", "draft7"),
        ("https://json-schema.org/draft/2019-09/schema", "draft2019-09"),
        ("http://json-schema.org/draft/2020-12/schema#", "draft2020-12"),
        ("http://json-schema.org/schema#", "draft2020-12"),
        (None, "draft2020-12"),
    ],
)
def test_the_dialect_is_declared(declared: str | None, name: str):
    schema = {} if declared is None else {"$schema": declared}
    assert Document.parse(schema).root.dialect.name == name


@pytest.mark.parametrize("declared", ["http://json-schema.org/draft-03/schema#", "http://example.com/mine", ""])
def test_an_unknown_dialect_is_refused_by_name(declared: str):
    with pytest.raises(UnsupportedFeature, match=f"unknown dialect '{declared}'") as caught:
        Document.parse({"$schema": declared})
    assert caught.value.where == "#/$schema"


def test_a_declared_dialect_is_a_string():
    with pytest.raises(InvalidGrammar, match="must be a string, not a number"):
        Document.parse({"$schema": 7})


def test_a_subschema_may_switch_the_dialect():
    schema = {"properties": {"a": {"$schema": DRAFT4.uri, "properties": {"b": {"exclusiveMinimum": True}}}}}
    inner = Document.parse(schema).root.child("properties", "a")
    assert inner.dialect is DRAFT4
    assert inner.child("properties", "b").dialect is DRAFT4


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_keywords_that_restrict_are_those_of_jsonschema(dialect: Dialect):
    ours = {keyword for keyword, kind in dialect.keywords.items() if kind in (Kind.CONSTRAINT, Kind.REFERENCE)}
    modifiers = {"then", "else", "minContains", "maxContains"}  # read there by the keyword they modify
    if dialect is DRAFT4:
        modifiers |= {"exclusiveMinimum", "exclusiveMaximum"}
    asserted_on_request = {"contentEncoding"}
    assert ours - modifiers - asserted_on_request == set(VALIDATORS[dialect.name].VALIDATORS)


@pytest.mark.parametrize(
    ("dialect", "keyword", "kind"),
    [
        (DRAFT7, "dependencies", Kind.CONSTRAINT),
        (DRAFT2020_12, "dependencies", Kind.IGNORED),
        (DRAFT2020_12, "additionalItems", Kind.IGNORED),
        (DRAFT4, "const", Kind.IGNORED),
        (DRAFT4, "if", Kind.IGNORED),
        (DRAFT7, "$defs", Kind.ANNOTATION),
        (DRAFT2019_09, "definitions", Kind.STRUCTURE),
        (DRAFT2019_09, "$recursiveRef", Kind.REFERENCE),
        (DRAFT2020_12, "nullable", Kind.ANNOTATION),
        (DRAFT2020_12, "x-order", Kind.ANNOTATION),
    ],
)
def test_every_word_is_of_some_kind(dialect: Dialect, keyword: str, kind: Kind):
    assert dialect.kind(keyword) is kind


@pytest.mark.parametrize(
    ("dialect", "keyword", "says"),
    [
        (DRAFT2020_12, "dependencies", "means something in draft4, draft6, draft7, and nothing in draft2020-12"),
        (DRAFT2020_12, "dependencies", "dependentRequired"),
        (DRAFT4, "const", "nothing in draft4"),
        (DRAFT2020_12, "nullable", '"null"]'),
    ],
)
def test_a_word_that_may_be_meant_as_a_constraint_gets_a_note(dialect: Dialect, keyword: str, says: str):
    assert says in dialect.note(keyword)


@pytest.mark.parametrize("keyword", ["type", "title", "x-order"])
def test_other_words_need_no_note(keyword: str):
    assert DRAFT2020_12.note(keyword) == ""


def test_features_that_differ():
    assert [dialect.ref_overrides_siblings for dialect in DIALECTS] == [True, True, True, False, False]
    assert [dialect.items_may_be_a_list for dialect in DIALECTS] == [True, True, True, True, False]
    assert [dialect.boolean_schemas for dialect in DIALECTS] == [False, True, True, True, True]
    assert [dialect.exclusive_bounds_are_flags for dialect in DIALECTS] == [True, False, False, False, False]
    assert [dialect.id_keyword for dialect in DIALECTS] == ["id", "$id", "$id", "$id", "$id"]
