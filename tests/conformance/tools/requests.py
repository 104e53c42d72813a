"""Tools to call in the tests, and what their arguments must validate against.

`WIDE` has what schemas have: lengths, choices, lists, mixed and missing types, inner objects, free keys.
`PLAIN` stays within what every foreign parser reads back unchanged (some strip strings, turn the text
`null` into nothing, or stop at the first `}`).
"""

from typing import Any

import jsonschema

INNER = {"type": "object", "properties": {"x": {"type": "number"}, "label": {"type": "string"}}, "required": ["x"]}
WIDE: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather at a place.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "minLength": 1},
                    "days": {"type": "integer", "minimum": 0, "maximum": 9},
                    "unit": {"enum": ["c", "f"]},
                    "flags": {"type": "array", "items": {"type": ["string", "null", "boolean"]}, "maxItems": 3},
                    "place": INNER,
                    "any": {},
                    "note": {"type": ["string", "number", "null"]},
                },
                "required": ["city", "unit", "any"],
            },
        },
    },
    {"type": "function", "function": {"name": "now"}},
    {"type": "function", "function": {"name": "free", "parameters": {"type": "object"}}},
    {"name": "now_or_never", "input_schema": {"type": "object", "properties": {"when": {"const": "never"}}}},
]

PLAIN_TEXT = {"type": "string", "pattern": "^x[A-Za-z0-9 .,'_:é☃-]{0,40}x$"}
PLAIN: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather at a place.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": PLAIN_TEXT,
                    "days": {"type": "integer", "minimum": -9999, "maximum": 9999},
                    "exact": {"type": "boolean"},
                    "ratio": {"type": "number", "minimum": -100, "maximum": 100},
                    "flags": {"type": "array", "items": PLAIN_TEXT, "maxItems": 3},
                },
                "required": ["city", "days"],
            },
        },
    },
    {
        "type": "function",
        "function": {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}},
    },
]


def schemas_of(tools: list[dict[str, Any]]) -> dict[str, Any]:
    """Name -> schema."""
    bare = [tool.get("function", tool) for tool in tools]
    return {tool["name"]: tool.get("parameters") or tool.get("input_schema") or {"maxProperties": 0} for tool in bare}


def check_arguments(tools: list[dict[str, Any]], name: str, arguments: object) -> None:
    """Raise where a validator that is not ours finds the arguments wrong."""
    jsonschema.validate(arguments, schemas_of(tools)[name])
