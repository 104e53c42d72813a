"""What a reference stands for: by hand for each rule, and against the official suite for all of them."""

import gzip
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema.validators import validator_for

from constrained.errors import GrammarError, InvalidGrammar, UnsupportedFeature
from grammars.json_schema.dialects import DRAFT2019_09, DRAFT2020_12
from grammars.json_schema.documents import Document
from grammars.json_schema.locations import Location, Scope
from tests.support.schema_evaluator import is_valid
from tests.support.schema_suite import DRAFTS, Group, groups, with_remotes
from tests.support.shared_data import shared

DRAFT4 = "http://json-schema.org/draft-04/schema#"
DRAFT7 = "http://json-schema.org/draft-07/schema#"


def target(schema: dict[str, Any]) -> str:
    """The place that the root's "$ref" leads to."""
    return str(Document.parse(schema).root.reference("$ref").where)


# What is found


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        ("#", "#"),
        ("", "#"),
        ("#/$defs/a", "#/$defs/a"),
        ("#/$defs/a/properties/b", "#/$defs/a/properties/b"),
        ("#/$defs/a~1b", "#/$defs/a~1b"),
        ("#/$defs/50%25", "#/$defs/50%"),
        ("#/$defs/t~0%22", '#/$defs/t~0"'),
        ("#/allOf/0", "#/allOf/0"),
        ("#name", "#/$defs/named"),
        ("#dynamic", "#/$defs/dynamic"),
        ("http://x/root#/$defs/a", "#/$defs/a"),
        ("root#name", "#/$defs/named"),
        ("inner", "#/$defs/embedded"),
        ("inner#name", "#/$defs/embedded/items"),
        ("http://x/inner#/items", "#/$defs/embedded/items"),
        ("#/$defs/embedded/items", "#/$defs/embedded/items"),
        ("urn:uuid:1#/not", "#/$defs/urn/not"),
        ("#/x-unknown/deep/0", "#/x-unknown/deep/0"),
        ("#/$defs", "#/$defs"),
        ("#/$defs/a/default", "#/$defs/a/default"),
    ],
)
def test_a_reference_leads_to_a_place(reference: str, place: str):
    schema = {
        "$id": "http://x/root",
        "$ref": reference,
        "allOf": [{}],
        "$defs": {
            "a": {"properties": {"b": {}}, "default": {"type": "null"}},
            "a/b": {},
            "50%": {},
            't~"': {},
            "named": {"$anchor": "name"},
            "dynamic": {"$dynamicAnchor": "dynamic"},
            "embedded": {"$id": "inner", "items": {"$anchor": "name"}},
            "urn": {"$id": "urn:uuid:1", "not": {}},
        },
        "x-unknown": {"deep": [{"type": "null"}]},
    }
    assert target(schema) == place


def test_names_in_ids_are_anchors_up_to_draft_7():
    assert target({"$schema": DRAFT7, "$ref": "#a", "definitions": {"b": {"$id": "#a"}}}) == "#/definitions/b"
    assert target({"$schema": DRAFT4, "$ref": "#a", "definitions": {"b": {"id": "#a"}}}) == "#/definitions/b"


def test_an_id_beside_a_reference_is_ignored_up_to_draft_7():
    schema = {
        "$schema": DRAFT7,
        "$id": "http://x/base/root",
        "definitions": {"foo": {"$id": "http://x/base/foo"}, "bar": {"$id": "http://x/other/bar", "$ref": "foo"}},
    }
    inner = Document.parse(schema).root.child("definitions", "bar")
    assert str(inner.reference("$ref").where) == "#/definitions/foo"


def test_a_location_belongs_to_its_resource():
    schema = {"$id": "http://x/a", "properties": {"b": {"$id": "c/d", "items": {"$ref": "e"}}, "e": {"$id": "c/e"}}}
    root = Document.parse(schema).root
    inner = root.child("properties", "b").child("items")
    assert (root.resource.uri, inner.resource.uri) == ("http://x/a", "http://x/c/d")
    assert inner.resource.root is root.child("properties", "b")
    assert inner.reference("$ref") is root.child("properties", "e")


@pytest.mark.parametrize(
    "uri", ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"]
)
def test_the_metaschemas_are_at_hand(uri: str):
    found = Document.parse({"properties": {"a": {"$ref": uri}}}).root.child("properties", "a").reference("$ref")
    assert found.resource.uri == uri.removesuffix("#")
    assert found.where.parent is None
    assert {location.resource.document for location in Document.parse({"$ref": uri}).outline()} >= {
        found.resource.document
    }


def test_older_metaschemas_are_meant_with_https_too():
    at = "json-schema.org/draft-07/schema#/definitions/nonNegativeInteger"
    meant, named = (Document.parse({"$ref": f"{scheme}://{at}"}).root.reference("$ref") for scheme in ("https", "http"))
    assert meant.value == named.value


def test_metaschemas_validate_schemas():
    document = Document.parse({"$ref": DRAFT2020_12.uri})
    assert document.is_dynamic
    assert is_valid(document, {"properties": {"a": {"minLength": 1}}})
    assert not is_valid(document, {"properties": {"a": {"minLength": -1}}})


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"$ref": "#/x/a", "x": {"a": {"items": {"$ref": "#/x/b"}}, "b": {"items": {"$ref": "#/x/a"}}}},
    ],
)
def test_cycles_are_just_references(schema: dict[str, Any]):
    document = Document.parse(schema)
    here, seen = document.root, set[Location]()
    while here not in seen:
        seen.add(here)
        here = here.reference("$ref") if "$ref" in here.keywords else next(here.children())
    assert seen <= set(document.outline())


# What is not


@pytest.mark.parametrize(
    ("reference", "kind", "message", "hint"),
    [
        ("http://example.com/a.json", UnsupportedFeature, "'http://example.com/a.json' is another document", "$defs"),
        ("other.json#/a", UnsupportedFeature, "which is 'http://x/other.json', is another document", "$defs"),
        ("Foo", UnsupportedFeature, "is another document", 'did you mean "#/$defs/Foo"?'),
        ("http://json-schema.org/draft-03/schema#", UnsupportedFeature, "unknown dialect", "2020-12"),
        ("#/$defs/foo", InvalidGrammar, "points nowhere: no 'foo' there", "did you mean 'Foo'?"),
        ("#/definitions/Foo", InvalidGrammar, "points nowhere", 'did you mean "#/$defs/Foo"?'),
        ("#/anyOf/2", InvalidGrammar, "points nowhere: no '2' there", ""),
        ("#/anyOf/01", InvalidGrammar, "points nowhere", ""),
        ("#/anyOf/-1", InvalidGrammar, "points nowhere", ""),
        ("#Foo", InvalidGrammar, "no schema is named 'Foo'", 'starts with "#/"'),
        ("#nam", InvalidGrammar, "no schema is named 'nam'", '"#name"'),
        ("#/anyOf", InvalidGrammar, "points at an array, not at a schema", ""),
        ("#/title", InvalidGrammar, "points at a string", ""),
        ("#twice", InvalidGrammar, "could be either of two", ""),
        ("again", InvalidGrammar, "could be either of two", ""),
    ],
)
def test_a_broken_reference_is_reported_where_it_stands(
    reference: str, kind: type[GrammarError], message: str, hint: str
):
    schema = {
        "$id": "http://x/root",
        "title": "a title",
        "properties": {"a": {"$ref": reference}},
        "anyOf": [{}, {}],
        "$defs": {
            "Foo": {"$anchor": "name"},
            **{f"twice{n}": {"$anchor": "twice", "minLength": n} for n in range(2)},
            **{f"again{n}": {"$id": "again", "minLength": n} for n in range(2)},
        },
    }
    with pytest.raises(kind, match=re.escape(message)) as caught:
        Document.parse(schema)
    if "dialect" not in message:  # that is the metaschema's own fault
        assert caught.value.where == "#/properties/a/$ref"
    assert hint in caught.value.hint


def test_a_broken_reference_that_nobody_reaches_does_not_matter():
    document = Document.parse({"type": "null", "$defs": {"unused": {"$ref": "http://example.com"}}})
    with pytest.raises(UnsupportedFeature):
        document.root.child("$defs", "unused").reference("$ref")


def test_a_broken_reference_beside_another_is_ignored_up_to_draft_7():
    ignored = {"$ref": "#/definitions/a", "not": {"$ref": "#/nowhere"}, "definitions": {"a": {}}}
    assert Document.parse({"$schema": DRAFT7, **ignored})
    with pytest.raises(InvalidGrammar, match="points nowhere"):
        Document.parse(ignored)


def test_what_a_reference_makes_a_schema_is_checked_like_one():
    with pytest.raises(InvalidGrammar, match="unknown type 'int'") as caught:
        Document.parse({"$ref": "#/components/a", "components": {"a": {"items": {"type": "int"}}}})
    assert caught.value.where == "#/components/a/items/type"


def test_identifiers_below_unknown_words_are_refused_because_they_may_or_may_not_count():
    with pytest.raises(UnsupportedFeature, match="identifier below a keyword") as caught:
        Document.parse({"$ref": "#/components/a", "components": {"a": {"not": {"$id": "b"}}}})
    assert caught.value.where == "#/components/a/not/$id"


# Dynamic references


def path_to(document: Document, *moves: str | tuple[str | int, ...]) -> tuple[Location, Scope]:
    """Where `moves` (keywords to follow, keys to go down) lead from the root, and the scope there."""
    here, scope = document.root, document.root.resource.enter(())
    for move in moves:
        here = here.reference(move, scope) if isinstance(move, str) else here.child(*move)
        scope = here.resource.enter(scope)
    return here, scope


LIST = {
    "$id": "http://x/list",
    "items": {"$dynamicRef": "#item"},
    "$defs": {"any": {"$dynamicAnchor": "item"}},
}


def test_the_outermost_anchor_is_meant():
    document = Document.parse(
        {
            "$id": "http://x/strings",
            "$ref": "list",
            "$defs": {"item": {"$dynamicAnchor": "item", "type": "string"}, "list": LIST},
        }
    )
    assert document.is_dynamic
    alone, _ = path_to(document, ("$defs", "list"), ("items",))
    assert str(alone.reference("$dynamicRef").where) == "#/$defs/list/$defs/any"
    inside, scope = path_to(document, "$ref", ("items",))
    assert str(inside.reference("$dynamicRef", scope).where) == "#/$defs/item"


def test_scopes_stay_finite_and_empty_where_nothing_is_dynamic():
    plain = Document.parse({"$id": "http://x/a", "items": {"$id": "b", "items": {"$ref": "a"}}})
    assert not plain.is_dynamic
    assert path_to(plain, ("items",), ("items",), "$ref")[1] == ()
    dynamic = Document.parse({"$id": "http://x/a", "$dynamicAnchor": "m", "items": {"$ref": "#"}})
    assert path_to(dynamic, *[("items",), "$ref"] * 5)[1] == (dynamic.root.resource,)


def test_recursive_references_look_outwards_past_resources_without_the_anchor():
    tree = {"$id": "http://x/tree", "$recursiveAnchor": True, "items": {"$recursiveRef": "#"}}
    document = Document.parse(
        {
            "$schema": DRAFT2019_09.uri,
            "$id": "http://x/strict",
            "$recursiveAnchor": True,
            "$ref": "between",
            "$defs": {"tree": tree, "between": {"$id": "between", "$ref": "tree"}},
        }
    )
    inside, scope = path_to(document, "$ref", "$ref", ("items",))
    assert inside.reference("$recursiveRef", scope) is document.root
    assert str(inside.reference("$recursiveRef").where) == "#/$defs/tree"


# The official suite


def evaluated(group: Group, schema: Any) -> Iterator[str]:
    document = Document.parse(schema)
    for test in group.tests:
        if is_valid(document, test["data"]) != test["valid"]:
            yield f"{group}/{test['description']}"


def says_otherwise(group: Group) -> bool:
    """Is the group about what dialects and references do not decide?"""
    patterns = "Unicode property" in group.description or group.file == "optional/ecmascript-regex"
    asserted = group.file.startswith("optional/format") or group.file == "optional/content"
    # `jsonschema` does not offer it, and the drafts leave it open.
    return patterns or asserted or group.file == "optional/dependencies-compatibility"


@pytest.mark.shared
@pytest.mark.parametrize("draft", DRAFTS)
def test_the_suite_agrees(draft: str):
    wrong: list[str] = []
    refused: dict[str, str] = {}
    for group in groups(draft):
        if not says_otherwise(group):
            try:
                wrong += evaluated(group, group.schema)
            except UnsupportedFeature as error:
                refused[group.file] = error.message
    assert wrong == []
    assert set(refused) <= {"refRemote", "vocabulary", "dynamicRef", "optional/cross-draft"}
    assert all("localhost:1234" in message for message in refused.values())  # a remote document or metaschema


@pytest.mark.shared
@pytest.mark.parametrize("draft", DRAFTS)
def test_the_suite_agrees_about_remote_references_once_they_are_embedded(draft: str):
    remote = [group for group in groups(draft) if group.file in ("refRemote", "dynamicRef")]
    # These documents name themselves otherwise than they were asked for, which embedding cannot say.
    remote = [group for group in remote if not re.search(r"with different (URN )?\$id", group.description)]
    assert [each for group in remote for each in evaluated(group, with_remotes(group))] == []


@pytest.mark.shared
def test_references_lead_where_jsonschema_finds_them():
    """On real schemas; `referencing`, which `jsonschema` uses, is the judge."""
    with gzip.open(shared("data/maskbench_public.jsonl.gz"), "rt") as lines:
        schemas = [json.loads(line)["schema"] for line, _ in zip(lines, range(300), strict=False)]
    compared = 0
    for schema in schemas:
        registry = validator_for(schema)(schema)._resolver._registry
        for location in Document.parse(schema).locations():
            if "$ref" in location.keywords:
                resolved = registry.resolver(location.resource.uri).lookup(location.keywords["$ref"])
                assert resolved.contents == location.reference("$ref").value
                compared += 1
    assert compared > 1_000
