"""What a hand plainly writes, it writes: keywords alone never promise what a closer look refuses."""

import json
from random import Random
from typing import Any

import pytest

from constrained import Vocabulary
from constrained.errors import GrammarError
from grammars.json_schema.options import JsonSchemaOptions
from grammars.tools.arguments import compile_schema
from grammars.tools.hands import checked, plainly
from grammars.tools.markers import marks_of
from grammars.tools.tables import FORMATS
from tests.fuzz.schemas import document

NAMES = ["qwen3-coder", "kimi-k3", "glm-4.5", "minicpm5", "cohere-5", "pythonic", "gemma-4"]
VOCABULARY = Vocabulary.from_spellings([*(bytes((byte,)) for byte in range(256)), None], [256])
ENDS = ["</parameter>", "</arg_value>", "</cofl:value>", '<|"|>', "</param>", "</parameter", "]]>"]


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


SCHEMAS: list[Any] = [
    of(a={"type": "string", "maxLength": 9}, b={"type": ["string", "null"]}, c={"enum": ["x", 1]}),
    of(a={"anyOf": [{"type": "string"}, {"type": "null"}]}, b={"type": "array", "items": of(c={"type": "number"})}),
    *(of(a={"enum": [f"x{end}"]}) for end in ENDS),
    *(of(a={"enum": [f"x{end}", "y"]}) for end in ENDS),
    *(of(a={"type": "string", "pattern": f"^{end.replace('|', '[|]').replace(']]', '[]]{2}')}$"}) for end in ENDS),
    *(of(a=of(b={"const": end})) for end in ENDS),
    *(of(a={"type": "string", "enum": [end, 1]}) for end in ENDS),
    of(a={"type": "string", "enum": [1, 2]}, b={"enum": [1, 2]}, c={"type": "string", "format": "date"}),
    of(a={"type": "array", "prefixItems": [{"const": "</parameter>"}, {"const": "</cofl:value>"}], "minItems": 2}),
    *(of(**{name: {"type": "integer"}}) for name in ("a b", "a&b", '"', "a<b", "é", "")),
    *(of(a=of(**{name: {"type": "integer"}})) for name in ("a b", "a&b", '"', "a<b", "é", "")),
    {"type": "object", "required": ["a b"], "properties": {"c": {"type": "null"}}},
    of(a={"type": "array", "items": {"type": "null"}, "uniqueItems": True}),
    of(a={"enum": [{"a b": 1}]}),
    of(a={"type": "array", "items": {"enum": ["</parameter>", "</cofl:value>"]}, "minItems": 1}),
]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_hand_plainly_writes_it_writes(name: str) -> None:
    arguments, marks = FORMATS[name].arguments, marks_of(VOCABULARY)
    told = refused = 0
    schemas = [*SCHEMAS, *(of(a=document(Random(seed)), b=document(Random(-seed))) for seed in range(150))]
    for schema in schemas:
        try:
            compiled = compile_schema(schema, JsonSchemaOptions(), "")
        except GrammarError:
            continue
        said = compiled.is_plain and plainly(arguments, marks).arguments(json.loads(compiled.text))
        try:
            checked(compiled, arguments, marks)
            told += said
        except GrammarError:
            refused += 1
            assert not said, schema
    assert told > 10
    assert refused > 2
