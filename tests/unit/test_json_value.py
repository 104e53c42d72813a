"""Any JSON: what `json.dumps` writes is accepted, and nothing that `json.loads` refuses."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrained import CompiledGrammar, Matcher, Vocabulary
from grammars.json_value import compile_json

BYTES = Vocabulary.from_spellings([*(bytes([byte]) for byte in range(256)), None], [256])
GRAMMARS = {style: compile_json(BYTES, whitespace=style) for style in ("json", "compact", "flexible")}
LAYOUT = {"json": {}, "compact": {"separators": (",", ":")}, "flexible": {"indent": 2}}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def read(grammar: CompiledGrammar, text: str) -> Matcher | None:
    """The matcher after `text`; None where a byte is refused."""
    matcher = grammar.matcher()
    for byte in text.encode():
        if not matcher.allows(byte):
            return None
        matcher.advance(byte)
    return matcher


@given(values, st.sampled_from(list(GRAMMARS)))
def test_every_value_can_be_written(value, style):
    matcher = read(GRAMMARS[style], json.dumps(value, ensure_ascii=False, **LAYOUT[style]))
    assert matcher is not None
    assert matcher.is_accepting


@given(values, st.data())
@settings(max_examples=40)
def test_every_beginning_is_completed_by_its_shortest_completion(value, data):
    text = json.dumps(value, ensure_ascii=False).encode()
    matcher = GRAMMARS["json"].matcher()
    for byte in text[: data.draw(st.integers(0, len(text)))]:
        matcher.advance(byte)
    whole = bytes(matcher.tokens) + matcher.shortest_completion()
    json.loads(whole)
    for token in matcher.shortest_tokens():
        matcher.advance(token)
    assert matcher.is_finished


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a"', '{"a": 1, "\\u0061"', '"\\/"', "01", "1.", "+1", "nul ", "[1 ", '{"a":1', "'a'", '"\x01"', "[1,]"],
)
def test_what_is_refused(text):
    matcher = read(GRAMMARS["json"], text)
    assert matcher is None or (not matcher.is_accepting and not matcher.allows(ord(":"))), text


def test_an_object_is_an_object():
    grammar = compile_json(BYTES, "object")
    assert read(grammar, "[") is None
    matcher = read(grammar, '{"a": [{}')
    assert matcher is not None
    assert matcher.shortest_completion() == b"]}"
    assert grammar.fingerprint != compile_json(BYTES).fingerprint


def test_any_depth():
    matcher = read(GRAMMARS["compact"], '{"a":[' * 2000)
    assert matcher is not None
    assert matcher.shortest_completion() == b"]}" * 2000
