"""Items that must differ: told apart in the simplest way that fits them, and never twice."""

import json
from random import Random
from typing import Any

import pytest

from constrained import Vocabulary
from constrained.errors import Unsatisfiable
from grammars import JsonSchemaOptions, compile_json_schema
from tests.conformance.json_schema.acceptance import accepts, byte_vocabulary
from tests.fuzz import walks
from tests.fuzz.judge import Judge
from tests.support.grammars import tokens_of

# Single bytes, and tokens that leave an item and enter the next.
TOKENS = [*(bytes((byte,)) for byte in range(256)), b'"a"', b'a"', b'", "', b'"a", "', b'a", "a', b'"]', b"l, n", None]
VOCABULARY = Vocabulary.from_spellings(TOKENS, [len(TOKENS) - 1])

LISTED = {"enum": ["a", "ab", "b", None, True]}
ENDLESS = {"type": "string"}
SPELLED = {"type": ["string", "null"], "maxLength": 2}
OTHER = {"type": ["string", "integer"]}
WAYS = {"LISTED": LISTED, "ENDLESS": ENDLESS, "SPELLED": SPELLED, "OTHER": OTHER}

GOOD = [
    (LISTED, ["a", "ab", "b"]),
    (LISTED, [None, "b", True, "ab", "a"]),
    (ENDLESS, ["a", "aa", "", "é"]),
    (SPELLED, ["a", None, "aa", ""]),
    (OTHER, ["1", 1, 10, "a"]),
]
BAD = [
    (LISTED, ["a", "ab", "a"]),
    (LISTED, [True, True]),
    (LISTED, ["c"]),
    (ENDLESS, ["", ""]),
    (ENDLESS, ["é", "a", "é"]),
    (SPELLED, [None, None]),
    (SPELLED, ["aa", "a", "aa"]),
    (OTHER, ["a", 1, 1]),
]


def matcher_of(items: Any, **keywords: Any):
    schema = {"type": "array", "items": items, "uniqueItems": True, **keywords}
    return compile_json_schema(schema, VOCABULARY).matcher()


def check(matcher, item: Any) -> None:
    """The mask is what can be read, and the shortest way on leads to different items."""
    assert tokens_of(matcher.bitmask()) == [token for token in range(VOCABULARY.size) if matcher.allows(token)]
    text = b"".join(VOCABULARY.spellings[token] or b"" for token in matcher.tokens)
    values = json.loads(text + matcher.shortest_completion())
    assert len(set(map(repr, values))) == len(values)
    assert all(value in item["enum"] for value in values if "enum" in item)


@pytest.mark.parametrize(("items", "values"), GOOD)
@pytest.mark.parametrize("most", [{}, {"minItems": 1}, {"minItems": 2, "maxItems": 9}])
def test_different_items_are_taken(items, values, most):
    matcher = matcher_of(items, **most)
    for byte in json.dumps(values, ensure_ascii=False).encode():
        check(matcher, items)
        matcher.advance(byte)
    assert matcher.is_accepting


@pytest.mark.parametrize(("items", "values"), BAD)
@pytest.mark.parametrize("most", [{}, {"minItems": 1}, {"minItems": 2, "maxItems": 9}])
def test_an_item_that_came_before_is_refused_where_it_ends(items, values, most):
    matcher = matcher_of(items, **most)
    text = json.dumps(values, ensure_ascii=False).encode()
    for byte in text:
        if not matcher.allows(byte):
            break
        check(matcher, items)
        matcher.advance(byte)
    read = len(matcher.tokens)
    assert len(json.dumps(values[:-1], ensure_ascii=False)) - 1 <= read < len(text)


@pytest.mark.parametrize("listed", [["a"], ["a", "ab"], ["a", None, False]])
def test_an_array_ends_where_all_that_is_listed_has_come(listed):
    matcher = matcher_of({"enum": listed}, maxItems=9)
    for byte in json.dumps(listed).encode()[:-1]:
        matcher.advance(byte)
    assert matcher.shortest_completion() == b"]"
    assert not matcher.allows(ord(","))


def test_more_items_than_there_are_cannot_be_asked_for():
    schema = {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True, "minItems": 3}
    matcher = compile_json_schema({"anyOf": [schema, {"type": "null"}]}, VOCABULARY).matcher()
    assert not matcher.allows(ord("["))


@pytest.mark.parametrize(
    "schema",
    [
        {"uniqueItems": True, "contains": {"const": 1}, "minContains": 2},
        {"uniqueItems": True, "contains": {"enum": ["a", None, True]}, "minContains": 4},
        {"uniqueItems": True, "items": {"maximum": 2}, "contains": {"type": "integer", "minimum": 1}, "minContains": 3},
    ],
)
def test_where_too_few_different_items_count_the_schema_is_empty(schema: dict[str, Any]) -> None:
    with pytest.raises(Unsatisfiable):
        compile_json_schema({**schema, "type": "array"}, byte_vocabulary())
    low = schema["minContains"] - 1
    assert compile_json_schema({**schema, "type": "array", "minContains": low}, byte_vocabulary())


def test_an_item_that_is_still_needed_is_not_taken_for_another_count() -> None:
    """Of three values two must count: one of them may be taken for something else, not two."""
    schema = {"uniqueItems": True, "items": {"enum": [1, 2, 3, 9]}, "contains": {"maximum": 3}, "minContains": 3}
    grammar = compile_json_schema({**schema, "type": "array"}, byte_vocabulary())
    assert accepts(grammar, "[9, 3, 1, 2]")
    assert not accepts(grammar, "[9, 3, 1]")


def test_an_array_that_contains_one_like_itself_has_no_end() -> None:
    with pytest.raises(Unsatisfiable):
        compile_json_schema({"type": "array", "uniqueItems": True, "contains": {"$ref": "#"}}, byte_vocabulary())
    assert compile_json_schema({"uniqueItems": True, "contains": {"$ref": "#"}}, byte_vocabulary())


@pytest.mark.parametrize("items", [{"type": "number"}, {"type": "array", "items": {"type": "number"}}, {}])
@pytest.mark.parametrize("long", ["1" + "0" * 2000, "0." + "0" * 12_000 + "1", "-" + "12" * 500, "1e999"])
def test_a_number_of_any_length_may_come_but_no_second_one_that_may_be_equal(items: dict[str, Any], long: str) -> None:
    """They are not told apart, and nothing is refused in the middle of a text."""
    grammar = compile_json_schema({"type": "array", "items": items, "uniqueItems": True}, byte_vocabulary())
    one, two, three = (f"[{text}]" if items.get("type") == "array" else text for text in (long, "2", "4.5e+30"))
    assert accepts(grammar, f"[{one}, {two}, {three}]")
    assert accepts(grammar, f"[{two}, {one}, {three}]")
    assert not accepts(grammar, f"[{one}, {two}, {one}]")


UNIQUE = {"type": "array", "uniqueItems": True}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"prefixItems": [{"enum": [1, 2, 3]}, {"enum": [1, 2]}, {"enum": [2, 1]}], "minItems": 3}, "[3, 1, 2]", "[1"),
        ({"prefixItems": [True, {"const": "a"}], "minItems": 2}, '[1, "a"]', '["a"'),
        ({"prefixItems": [{"enum": [[1], [2]]}, {"const": [2]}], "minItems": 2}, "[[1], [2]]", "[[2"),
        ({"items": {"enum": [{}, {"a": 1}]}, "contains": {}}, '[{"a": 1}, {}]', "[]"),
    ],
)
def test_an_item_leaves_to_later_ones_what_they_need(schema: dict[str, Any], good: str, bad: str) -> None:
    """The last is of the fuzzer: an item was read as one that does not count as well, and none was left to count."""
    grammar = compile_json_schema({**UNIQUE, **schema}, byte_vocabulary())
    assert accepts(grammar, good)
    matcher = grammar.matcher()
    for byte in bad[:-1].encode():
        matcher.advance(byte)
    assert not matcher.allows(ord(bad[-1]))
    assert accepts(grammar, grammar.matcher().shortest_completion().decode())


def test_objects_of_many_kinds_that_must_differ_are_read_however_many_have_come() -> None:
    """Each of forty kinds had to differ from each object so far: after twenty of them that was an error."""
    kinds = [{"properties": {"k": {"const": k}, "v": {}}, "required": ["k", "v"], "type": "object"} for k in range(40)]
    grammar = compile_json_schema({**UNIQUE, "items": {"anyOf": kinds}}, byte_vocabulary())
    items = [{"k": number % 40, "v": number} for number in range(44)]
    assert accepts(grammar, json.dumps(items))
    assert not accepts(grammar, json.dumps([*items, items[3]]))


@pytest.mark.parametrize("decimal", [False, True])
def test_a_value_of_many_spellings_is_listed_once(decimal: bool) -> None:
    """Of fuzz schema 1002623: 1, 1.0, 1.00 and so on were listed without end, in search of a second value."""
    options = JsonSchemaOptions(whitespace="compact", decimal_integers=decimal)
    schema = {**UNIQUE, "items": {"anyOf": [{"const": 1}, {"type": "object"}]}, "minItems": 3}
    assert compile_json_schema(schema, byte_vocabulary(), options).matcher().shortest_completion() == b'[1,{},{"":0}]'
    within = {"contains": {"type": "integer", "minimum": 0, "maximum": 1}}
    assert compile_json_schema({**UNIQUE, **within, "minContains": 2}, byte_vocabulary(), options)
    with pytest.raises(Unsatisfiable):
        compile_json_schema({**UNIQUE, **within, "minContains": 3}, byte_vocabulary(), options)


def test_values_that_hold_others_of_their_kind_are_counted_without_end() -> None:
    """Of the fuzzer: how many values there are was asked for, and for that, how many there are."""
    one = {"contains": True, "maxContains": 1}
    schema = {"type": "array", "uniqueItems": True, "items": {"oneOf": [{"allOf": [one]}, {"$ref": "#"}]}}
    grammar = compile_json_schema(schema, byte_vocabulary())
    assert accepts(grammar, "[[[1]], [], [2, 3]]") is Judge(schema, formats=False).accepts("[[[1]], [], [2, 3]]")
    assert walks.walk(grammar, Random(0), "uniform", 20)


def test_captures_that_fork_are_ended_one_after_the_other() -> None:
    """Of fuzz schema 1010355: a key ends what is one capture more on one way to be an item than on the other."""
    shape = {"properties": {"ba": {}}, "additionalProperties": {"enum": [0]}}
    grammar = compile_json_schema({**UNIQUE, "contains": shape}, byte_vocabulary(), JsonSchemaOptions(key_order="any"))
    matcher = grammar.matcher()
    for byte in b'[{"at':
        matcher.advance(byte)
    assert Judge({**UNIQUE, "contains": shape}, formats=False).accepts('[{"at' + matcher.shortest_completion().decode())


@pytest.mark.parametrize("zeros", ["0e642, 0", "0, 0e642", "0e642, -0E-999"])
def test_zero_is_zero_whatever_its_exponent(zeros: str) -> None:
    """Of fuzz schema 1015742: it was thought to be a number of 642 digits."""
    assert not accepts(compile_json_schema(UNIQUE, byte_vocabulary()), f"[{zeros}]")
