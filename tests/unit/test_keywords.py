"""Keyword values are judged as the drafts' own metaschemas judge them."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrained.errors import InvalidGrammar, UnsupportedFeature
from grammars.json_schema.dialects import DIALECTS, DRAFT7, DRAFT2020_12, Dialect, Kind, Role
from grammars.json_schema.documents import Document
from tests.unit.test_dialects import VALIDATORS

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2, 2.5, "", "a", "string", "#"),
    *([], ["a"], ["a", "a"], ["string", "null"], [{}], [True], [5]),
    *({}, {"a": {}}, {"a": True}, {"a": []}, {"a": ["b"]}, {"a": ["b", "b"]}, {"a": 5}),
)
TOLERATED = {  # deliberate, see grammars/json_schema/keywords.py
    ("draft4", "enum", "['a', 'a']"),
    ("draft4", "exclusiveMinimum", "True"),
    ("draft4", "exclusiveMaximum", "True"),
    ("draft4", "required", "[]"),
    ("draft4", "dependencies", "{'a': []}"),
}
STRICTER = {"$schema", "$recursiveRef"}  # judged by what they mean, not only by their type
SILENT = {("draft4", "$ref")}  # draft 4's metaschema does not mention it


def is_read(schema: dict[str, Any]) -> bool:
    try:
        Document.parse(schema)
    except InvalidGrammar as error:
        return "points nowhere" in error.message  # the metaschemas cannot tell either
    except UnsupportedFeature:  # another document, as well-formed as any
        return True
    return True


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_values_are_judged_as_the_metaschema_judges_them(dialect: Dialect):
    metaschema = jsonschema.validators.validator_for({"$schema": dialect.uri}).META_SCHEMA
    judge = VALIDATORS[dialect.name](metaschema)
    differ: list[tuple[str, str, str]] = []
    for keyword, kind in dialect.keywords.items():
        if kind in (Kind.ANNOTATION, Kind.IGNORED) or keyword in STRICTER | {"$vocabulary"}:
            continue
        if (dialect.name, keyword) in SILENT:
            continue
        for value in VALUES:
            schema = {"$schema": dialect.uri, keyword: value}
            if is_read(schema) != judge.is_valid(schema):
                differ.append((dialect.name, keyword, repr(value)))
    assert set(differ) == {each for each in TOLERATED if each[0] == dialect.name}


def schemas(dialect: Dialect) -> st.SearchStrategy[dict[str, Any]]:
    """Schemas of the dialect's keywords, many of them malformed somewhere."""
    kinds = dialect.keywords.items()
    keywords = [k for k, kind in kinds if kind in (Kind.CONSTRAINT, Kind.STRUCTURE) and k not in STRICTER]
    keywords = [k for k in keywords if k not in ("$vocabulary", dialect.id_keyword)]
    holders = [k for k in keywords if k in dialect.rules and dialect.rules[k].role not in (Role.PLAIN, Role.SIZE)]
    leaves = st.dictionaries(st.sampled_from(keywords), st.sampled_from(VALUES), max_size=2)
    return st.recursive(
        leaves,
        lambda inner: st.dictionaries(
            st.sampled_from(holders),
            st.one_of(inner, st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
            max_size=3,
        ),
        max_leaves=6,
    )


@pytest.mark.parametrize("dialect", [DRAFT7, DRAFT2020_12], ids=lambda dialect: dialect.name)
@given(st.data())
def test_whole_schemas_are_judged_as_the_metaschema_judges_them(dialect: Dialect, data: st.DataObject):
    schema = {"$schema": dialect.uri, **data.draw(schemas(dialect))}
    validator = VALIDATORS[dialect.name]
    assert is_read(schema) == validator(validator.META_SCHEMA).is_valid(schema)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_annotations_may_have_any_value(dialect: Dialect):
    for keyword, kind in dialect.keywords.items():
        if kind is Kind.ANNOTATION and keyword != "contentSchema":
            assert all(is_read({"$schema": dialect.uri, keyword: value}) for value in VALUES)
