"""Masks of objects that ask outlines: tokens that reach into keys are decided by which keys may come."""

import json
import random

import pytest

from constrained import Vocabulary
from grammars import JsonSchemaOptions, compile_json_schema
from tests.support.walks import allowed_tokens, walk, with_pieces

STRING = {"type": "string"}
WORDS = {"type": "object", "properties": {"name": STRING, "n": {"type": "integer"}, "next": {"$ref": "#"}}}
SIGNS = {"type": "object", "properties": {"$ref": STRING, "": STRING, ",": {"type": "null"}}}
CLOSED = {**WORDS, "additionalProperties": False, "required": ["n"]}
PATTERNS = {"type": "object", "patternProperties": {"^a": STRING}, "properties": {"a": {"type": "boolean"}}}
COUNTED = {**WORDS, "maxProperties": 2}
SHORT_KEYS = {"type": "object", "properties": {"n": STRING, "na": STRING}, "propertyNames": {"maxLength": 3}}
CHOSEN_KEYS = {"patternProperties": {"^[an,]{0,2}$": STRING}, "properties": {"na": {}}, "additionalProperties": False}
UNIQUE = {"type": "array", "uniqueItems": True, "items": {**CLOSED, "required": ["name"]}}
TEXTS = (
    '{"name": "x", "n": 12, "next": {"n": 0}}',
    '{"n":1,"name":"","x":{},"":[]}',
    '{"$ref":",","":"",",":null}',
    '{"a":true,"ab":"b","c":{"":""},"":1}',
    '"":"","":{"',
    '":"","n',
    '","na',
    ',"next":{"n":',
    '{"n":{"":',
    '{"n":"","na":"x","an":",","a":"","aa":"n","":"",',
    '[{"name":"x"},{"name":"xa","n":1},{"name":"x","n":1},{"n":1,"name":"x',
    '"},{"name":"x"}]',
)


@pytest.mark.parametrize("whitespace", ["flexible", "json", "compact"])
@pytest.mark.parametrize("key_order", ["any", "schema"])
@pytest.mark.parametrize(
    "schema", [WORDS, SIGNS, CLOSED, PATTERNS, COUNTED, SHORT_KEYS, CHOSEN_KEYS, UNIQUE], ids=json.dumps
)
def test_masks_allow_the_tokens_that_can_be_read(schema, key_order, whitespace):
    chance = random.Random(7)
    vocabulary = with_pieces(TEXTS, chance)
    options = JsonSchemaOptions(key_order=key_order, whitespace=whitespace, additional_properties="schema")
    grammar = compile_json_schema(schema, vocabulary, options=options)
    for _ in range(2):
        text = walk(grammar, chance, 12)
        matcher = grammar.matcher()
        for token in cut(vocabulary, text, chance):
            readable = [
                one
                for one, spelling in enumerate(vocabulary.spellings)
                if spelling and grammar.states.read(matcher.state, spelling) is not None
            ]
            allowed = [one for one in allowed_tokens(matcher) if vocabulary.spellings[one]]
            assert allowed == readable, matcher.tokens
            matcher.advance(token)


def cut(vocabulary: Vocabulary, text: bytes, chance: random.Random) -> list[int]:
    """Some tokens that spell `text`."""
    by_text = {spelling: token for token, spelling in enumerate(vocabulary.spellings) if spelling}
    tokens: list[int] = []
    while text:
        ends = [end for end in range(1, min(8, len(text) + 1)) if text[:end] in by_text]
        end = chance.choice(ends)
        tokens.append(by_text[text[:end]])
        text = text[end:]
    return tokens
