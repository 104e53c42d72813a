"""Forced tokens are the tokens of the finished text, wherever a real tokenizer writes it."""

import json
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from constrained import CompiledGrammar, Vocabulary
from grammars import compile_json_schema, compile_regex
from tests.support.tokenizers import NAMES, tokenizer_path

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"enum": ["celsius", "fahrenheit"]},
        "internationalisation": {"type": "boolean"},
        "internationalOrder": {"type": "integer"},
        "Ünïcödé 東京 key": {"type": "array", "items": {"type": "number"}},
        "nested": {
            "type": "object",
            "properties": {"resumeFromRunId": {"type": "null"}, "don't": {"const": "it's\n\tdone  "}},
            "additionalProperties": False,
        },
    },
    "required": ["city", "unit"],
    "additionalProperties": False,
}
PATTERN = r"(?:(?:Dear|Dearest) (?:customer|customers),\n\n {4}we (?:don't|can't) \w+ [0-9]{6}!\n){1,3}"

words = st.sampled_from(
    ["", "a", "New York", " x", "東京", "don't", '"quoted"', "C:\\new", "-3", "\n\n", "café 100%", "{}"]
)
instances = st.fixed_dictionaries(
    {"city": st.lists(words, max_size=3).map(" ".join), "unit": st.sampled_from(["celsius", "fahrenheit"])},
    optional={
        "internationalisation": st.booleans(),
        "internationalOrder": st.integers(-5, 10**7),
        "Ünïcödé 東京 key": st.lists(st.integers(0, 3000), max_size=3),
        "nested": st.fixed_dictionaries(
            {}, optional={"resumeFromRunId": st.none(), "don't": st.just("it's\n\tdone  ")}
        ),
    },
)
letters = st.lists(
    st.builds(
        "{} {},\n\n    we {} {} {}!\n".format,
        st.sampled_from(["Dear", "Dearest"]),
        st.sampled_from(["customer", "customers"]),
        st.sampled_from(["don't", "can't"]),
        st.sampled_from(["accept", "überweisen", "x_1"]),
        st.integers(100_000, 999_999),
    ),
    min_size=1,
    max_size=3,
).map("".join)


@lru_cache
def vocabulary(name: str) -> Vocabulary:
    return Vocabulary.from_tokenizer_file(tokenizer_path(name))


@lru_cache
def grammar(name: str, style: str) -> CompiledGrammar:
    if style == "letter":
        return compile_regex(PATTERN, vocabulary(name))
    return compile_json_schema(SCHEMA, vocabulary(name))


def in_order(schema, instance):
    """The instance with its keys in the schema's order, as the grammar wants them."""
    if not isinstance(instance, dict):
        return instance
    properties = schema["properties"]
    return {key: in_order(properties[key], instance[key]) for key in properties if key in instance}


def write(compiled: CompiledGrammar, text: str) -> None:
    """Write `text` in its canonical tokens; each forced run must be the next of them."""
    assert compiled.vocabulary.encode is not None
    canonical = compiled.vocabulary.encode(text)
    assert compiled.vocabulary.spell(canonical) == text.encode()
    canonical.append(compiled.vocabulary.eos_token_ids[0])
    matcher = compiled.matcher()
    while len(matcher.tokens) < len(canonical):
        place = len(matcher.tokens)
        forced = matcher.forced_tokens()
        assert forced == canonical[place : place + len(forced)]
        for token in forced or [canonical[place]]:
            matcher.advance(token)
    assert matcher.is_finished
    assert matcher.forced_tokens() == []


@pytest.mark.parametrize("name", NAMES)
@given(instances)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_json_is_forced_in_its_canonical_tokens(name, instance):
    write(grammar(name, "json"), json.dumps(in_order(SCHEMA, instance), ensure_ascii=False))


@pytest.mark.parametrize("name", NAMES)
@given(letters)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_prose_is_forced_in_its_canonical_tokens(name, text):
    write(grammar(name, "letter"), text)
