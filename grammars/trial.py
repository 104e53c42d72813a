"""A little of everything, which a newly compiled engine must do, and do as its sources do, before it is used.

schemas, tools, patterns, Lark, ... --> random texts of each --> a digest of all masks and texts
                                                                 compiled == interpreted
"""

import hashlib
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np

from constrained import CompiledGrammar, Vocabulary
from grammars.choice import compile_choice
from grammars.ebnf import compile_ebnf
from grammars.gbnf import compile_gbnf
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_value import compile_json
from grammars.lark.compiler import compile_lark
from grammars.phases import FreeText, compile_phases
from grammars.regex import compile_regex
from grammars.tools.compile import compile_tools

LENGTH = 25  # tokens of a text, before the shortest end is written

_WORDS = (
    '{" ": ", "} [] true false null 12 0.5 -3 "a" "name" "city" Paris celsius 2024-05-06 @example.com '
    "ab abc aab \\u00e9 é 日本 <tool_call> </tool_call> arguments get_weather unit"
)
_DAY = {"type": "string", "format": "date"}
_NAMED = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
}
_PART = {"type": "object", "properties": {"of": {"$ref": "#"}, "at": {"type": "number"}}, "additionalProperties": False}

SCHEMAS: tuple[Any, ...] = (
    True,
    {"enum": ["a", 1, None, {"b": [1.5]}]},
    {"type": "string", "minLength": 2, "maxLength": 9, "pattern": "^[a-f]+$"},
    {"type": "string", "format": "email"},
    {"anyOf": [_DAY, {"type": "string", "format": "uuid"}, {"type": "string", "format": "ipv4"}]},
    {"type": "integer", "minimum": -3, "exclusiveMaximum": 300, "multipleOf": 3},
    {"type": "number", "minimum": 0.25, "maximum": 10},
    {**_NAMED, "additionalProperties": {"type": "boolean"}, "minProperties": 2, "maxProperties": 4},
    {**_NAMED, "patternProperties": {"^x-": {"type": "null"}}, "propertyNames": {"maxLength": 6}},
    {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 4, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"const": "a"}, {"type": "string"}], "items": False},
    {"type": "array", "items": {"enum": [1, 2, 3, "a"]}, "contains": {"const": 2}, "minContains": 2, "maxItems": 6},
    {"type": "array", "items": _NAMED, "uniqueItems": True, "maxItems": 3},
    {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 2}]},
    {"not": {"type": ["string", "object", "array"]}},
    {"allOf": [_NAMED, {"properties": {"name": {"minLength": 2, "maxLength": 5}}}], "unevaluatedProperties": False},
    {**_NAMED, "if": {"required": ["age"]}, "then": {"required": ["day"]}, "dependentRequired": {"name": ["age"]}},
    {**_PART, "required": ["at"]},
    {"$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 3}}, "$ref": "#/$defs/tree"},
    {"type": "array", "contains": {"type": "string"}, "items": {"type": ["string", "integer"]}, "uniqueItems": True},
)
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "get_weather", "parameters": _NAMED}},
    {"type": "function", "function": {"name": "plan", "parameters": {"type": "object", "properties": {"day": _DAY}}}},
]
LARK = """
start: (call | "pass") ("; " start)?
call: NAME "(" [sum ("," sum)*] ")"
sum: NUMBER (("+" | "-") sum)?
NAME: /[a-z]{1,6}/
NUMBER: /[0-9]+/
"""


def digest() -> str:
    """What the engine of this process makes of everything: the same for every engine that is right."""
    found = hashlib.blake2b(digest_size=16)
    for number, grammar in enumerate(_grammars(_vocabulary())):
        for seed in range(2):
            found.update(_text(grammar, Random(2 * number + seed), found))
    return found.hexdigest()


def _vocabulary() -> Vocabulary:
    spellings: dict[bytes, None] = {bytes([byte]): None for byte in range(256)}
    spellings |= {word.encode(): None for word in _WORDS.split(" ") if word}
    return Vocabulary.from_spellings([*spellings, None], [len(spellings)])


def _grammars(vocabulary: Vocabulary) -> Iterator[CompiledGrammar]:
    for schema in SCHEMAS:
        yield compile_json_schema(schema, vocabulary)
    for family in ("generic", "hermes", "llama3-json", "qwen3-coder"):
        yield compile_tools(TOOLS, vocabulary, format=family)
    yield compile_json(vocabulary)
    yield compile_choice(["Paris", "Padua", "Rome"], vocabulary)
    yield compile_regex(r"(a|ab)(c|bcd)*[^x]{2,5}\d+", vocabulary)
    yield compile_regex(r"^(?=.*\d)[a-z\d]{3,8}$", vocabulary, syntax="ecma")
    yield compile_lark(LARK, vocabulary)
    yield compile_gbnf('root ::= "a" root "b" | [0-9]+', vocabulary)
    yield compile_ebnf("start ::= ('a' | 'b')+ [0-9]?", vocabulary)
    phases = compile_phases([FreeText(until="```"), compile_json(vocabulary)], vocabulary)
    if isinstance(phases, CompiledGrammar):  # no limits
        yield phases


def _text(grammar: CompiledGrammar, chance: Random, found: "hashlib.blake2b") -> bytes:
    """A random text, finished the shortest way; its masks go into the digest."""
    matcher = grammar.matcher()
    for _ in range(LENGTH):
        mask = matcher.bitmask()
        found.update(mask.tobytes())
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
        if not len(allowed):
            break
        matcher.advance(int(chance.choice(list(allowed))))
    matcher.rollback(min(3, len(matcher.tokens)))
    return repr((matcher.tokens, matcher.forced_bytes(), matcher.shortest_completion())).encode()
