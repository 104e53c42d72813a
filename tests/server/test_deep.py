"""What is nested too deeply is the client's fault, and is said so with its place: no 500 in any format."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.server.bodies import CHAT, MESSAGES, RESPONSES, USER
from tests.support.http_server import Server

DEPTHS = (120, 250, 450, 3000)  # below and beyond the limits of schemas, of constants, of Python, of JSON's parser


def nested(depth: int, wrap: Callable[[Any], Any], inmost: Any) -> Any:
    for _ in range(depth):
        inmost = wrap(inmost)
    return inmost


def chained(depth: int, link: Callable[[Any, int], Any]) -> dict[str, Any]:
    """Definitions that refer to the next one each."""
    links = {f"d{number}": link({"$ref": f"#/$defs/d{number + 1}"}, number) for number in range(depth)}
    return {"$defs": {**links, f"d{depth}": {"type": "integer"}}, "$ref": "#/$defs/d0"}


SCHEMAS: dict[str, Callable[[int], Any]] = {
    "properties": lambda n: nested(n, lambda one: {"type": "object", "properties": {"a": one}}, {}),
    "items": lambda n: nested(n, lambda one: {"type": "array", "items": one, "minItems": 1}, {}),
    "not": lambda n: nested(n, lambda one: {"not": one}, {"type": "string"}),
    "then": lambda n: nested(n, lambda one: {"if": {"type": "string"}, "then": one}, {"type": "string"}),
    "const": lambda n: {"const": nested(n, lambda one: {"k": one}, 1)},
    "enum": lambda n: {"enum": [nested(n, lambda one: [one], 1), 2]},
    "references": lambda n: chained(n, lambda one, number: one),
    "references in anyOf": lambda n: chained(n, lambda one, number: {"anyOf": [one, {"const": number}]}),
    "references in not": lambda n: chained(n, lambda one, number: {"not": one}),
    "pattern": lambda n: {"type": "string", "pattern": "(" * n + "a" + ")" * n},
    "optional groups": lambda n: {"type": "string", "pattern": "(?:" * n + "a" + ")?" * n},
    "look-aheads": lambda n: {"type": "string", "pattern": "(?=a" * n + ")" * n},
}
LARK: dict[str, Callable[[int], str]] = {
    "groups": lambda n: "start: " + "(" * n + '"a"' + ")" * n,
    "options": lambda n: "start: " + "[" * n + '"a"' + "]" * n,
    "groups in a terminal": lambda n: "start: T\nT: " + "(" * n + '"a"' + ")" * n,
    "groups in a pattern": lambda n: "start: /" + "(" * n + "a" + ")" * n + "/",
}


def bodies(schema: Any) -> list[tuple[str, dict[str, Any], str]]:
    """A request with the schema in each format, and where it is there."""
    tool = {"type": "object", "properties": {"p": schema}, "required": ["p"]}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    function = {"type": "function", "name": "f", "parameters": tool}
    input_schema = {"name": "f", "input_schema": tool}
    return [
        (CHAT, {"messages": [USER], "response_format": form}, "response_format.json_schema.schema#"),
        (RESPONSES, {"input": "hi", "tools": [function], "tool_choice": "required"}, "tools[0].parameters#"),
        (
            MESSAGES,
            {"messages": [USER], "max_tokens": 20, "tools": [input_schema], "tool_choice": {"type": "any"}},
            "tools[0].input_schema#",
        ),
    ]


def refused(server: Server, path: str, body: dict[str, Any], place: str) -> None:
    """It may be answered; it may also be refused with its place, or because JSON's parser goes no further.

    What is found too deep only when all is put together has the field for its place.
    """
    answer = server.post(path, body)
    assert answer.status in (200, 400), answer.raw
    if answer.status == 400:
        error = answer.body["error"]
        told = error.get("param") or error["message"]
        if "body is nested" not in error["message"] and "max_" not in told:
            field = place.partition(".")[0].partition("[")[0]
            assert place in told or told.partition(":")[0] == field, answer.raw


@pytest.mark.parametrize("name", SCHEMAS)
def test_deep_schemas(server: Server, name: str) -> None:
    for depth in DEPTHS:
        try:
            requests = bodies(SCHEMAS[name](depth))
            for path, body, place in requests:
                refused(server, path, body, place.removesuffix("#"))
        except RecursionError:  # the client's own JSON cannot say it
            assert depth > 450


@pytest.mark.parametrize("name", LARK)
def test_deep_lark_grammars(server: Server, name: str) -> None:
    for depth in DEPTHS:
        text = LARK[name](depth)
        grammar = {"messages": [USER], "max_tokens": 20, "structured_outputs": {"grammar": text}}
        refused(server, CHAT, grammar, "structured_outputs.grammar")
        form = {"type": "grammar", "syntax": "lark", "definition": text}
        tool = {"type": "custom", "name": "c", "format": form}
        refused(server, RESPONSES, {"input": "hi", "tools": [tool], "tool_choice": "required"}, "tools[0].format")


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES, MESSAGES + "/count_tokens"])
@pytest.mark.parametrize("field", ["messages", "input", "tools", "tool_choice", "metadata", "stop", "x"])
def test_deep_fields(server: Server, path: str, field: str) -> None:
    for depth in (250, 100_000):
        deep = b'[{"a":' * depth + b"1" + b"}]" * depth
        said = b'"input": "hi"' if path == RESPONSES else b'"messages": [{"role": "user", "content": "hi"}]'
        answer = server.post(path, b'{"%b": %b, %b}' % (field.encode(), deep, said))
        assert answer.status == 400 or (field == "metadata" and answer.status == 200 and depth == 250), answer.raw


def test_deep_arguments_of_an_earlier_call(server: Server) -> None:
    deep = nested(100, lambda one: [one], 1)
    text = str(deep)
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": text}}
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": text}
    block = {"type": "tool_use", "id": "c", "name": "f", "input": {"a": deep}}
    table: list[tuple[str, dict[str, Any], str]] = [
        (CHAT, {"messages": [USER, {"role": "assistant", "tool_calls": [call]}]}, "messages[1].tool_calls[0].function"),
        (RESPONSES, {"input": [item]}, "input[0].arguments"),
        (
            MESSAGES,
            {"max_tokens": 9, "messages": [USER, {"role": "assistant", "content": [block]}]},
            "messages[1].content[0].input",
        ),
    ]
    for path, body, place in table:
        refused(server, path, body, place)
