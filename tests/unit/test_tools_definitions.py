"""What a request may say about tools, and where its mistakes are reported."""

from dataclasses import replace
from typing import Any

import pytest

from constrained.errors import GrammarError, InvalidGrammar, UnsupportedFeature
from grammars.tools.definitions import NO_ARGUMENTS, Choice, Input, read_choice, read_tools

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}},
        {"type": "function", "name": "f", "parameters": SCHEMA, "strict": False},
        {"name": "f", "description": "d", "input_schema": SCHEMA},
        {"type": "custom", "name": "f", "input_schema": SCHEMA},
        {"name": "f", "inputSchema": SCHEMA},
        {"name": "f", "parameters": SCHEMA},
    ],
    ids=["chat", "responses", "messages", "messages-typed", "mcp", "bare"],
)
def test_reads_every_shape_of_a_function(entry: Any):
    (tool,) = read_tools([entry])
    assert tool.name == "f"
    assert tool.schema == SCHEMA


@pytest.mark.parametrize(
    "function",
    [
        {"name": "f"},
        {"name": "f", "parameters": None},
        {"name": "f", "parameters": {"type": "object", "properties": {}}},
    ],
)
def test_a_tool_without_parameters_takes_none(function: Any):
    (tool,) = read_tools([{"type": "function", "function": {"name": "f", **function}}])
    assert isinstance(tool.schema, dict) or tool.schema is NO_ARGUMENTS
    assert tool.schema["additionalProperties"] is False  # type: ignore[index]


def test_an_object_that_says_nothing_of_its_properties_stays_open():
    (tool,) = read_tools([{"name": "f", "parameters": {"type": "object"}}])
    assert tool.schema == {"type": "object"}


def custom(**fields: Any) -> dict[str, Any]:
    return {"type": "custom", "custom": {"name": "f", "format": fields}}


GRAMMAR = {"syntax": "regex", "definition": "[0-9]+"}


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ({"name": "f"}, Input("text", "", "format")),
        ({"name": "f", "format": {"type": "text"}}, Input("text", "", "format")),
        ({"name": "f", "format": {"type": "grammar", **GRAMMAR}}, Input("regex", "[0-9]+", "format.definition")),
        (
            {"name": "f", "format": {"type": "grammar", "grammar": GRAMMAR}},
            Input("regex", "[0-9]+", "format.grammar.definition"),
        ),
    ],
    ids=["nothing", "text", "flat", "nested"],
)
def test_reads_every_shape_of_a_custom_tool(entry: Any, wanted: Input):
    chat, responses = read_tools([{"type": "custom", "custom": entry}, {**entry, "type": "custom", "name": "g"}])
    assert (chat.name, responses.name) == ("f", "g")
    assert chat.input == replace(wanted, where=f"tools[0].custom.{wanted.where}")
    assert responses.input == replace(wanted, where=f"tools[1].{wanted.where}")
    assert chat.schema == responses.schema == wanted.schema()


@pytest.mark.parametrize(
    ("tools", "error", "where"),
    [
        ({}, InvalidGrammar, "tools"),
        ([3], InvalidGrammar, "tools[0]"),
        ([{"type": "function", "function": {}}], InvalidGrammar, "tools[0].function.name"),
        ([{"name": ""}], InvalidGrammar, "tools[0].name"),
        ([{"name": "f", "parameters": []}], InvalidGrammar, "tools[0].parameters"),
        ([{"name": "f"}, {"name": "g"}, {"name": "f"}], InvalidGrammar, "tools[2].name"),
        ([{"type": "web_search"}], UnsupportedFeature, "tools[0].type"),
        ([{"type": "custom", "custom": {}}], InvalidGrammar, "tools[0].custom.name"),
        ([custom(type="json")], InvalidGrammar, "tools[0].custom.format.type"),
        ([custom(type="grammar")], InvalidGrammar, "tools[0].custom.format.syntax"),
        ([custom(type="grammar", syntax="gbnf", definition="")], InvalidGrammar, "tools[0].custom.format.syntax"),
        ([custom(type="grammar", syntax="lark")], InvalidGrammar, "tools[0].custom.format.definition"),
        (
            [custom(type="grammar", grammar={"syntax": "lark"})],
            InvalidGrammar,
            "tools[0].custom.format.grammar.definition",
        ),
        ([{"name": "f"}, custom(type="text")], InvalidGrammar, "tools[1].custom.name"),
    ],
)
def test_mistakes_are_reported_where_they_stand(tools: Any, error: type[GrammarError], where: str):
    with pytest.raises(error) as caught:
        read_tools(tools)
    assert caught.value.where == where


def allowed_tools(mode: str) -> dict[str, Any]:
    return {"type": "allowed_tools", "mode": mode, "tools": [{"type": "function", "name": "g"}]}


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (None, Choice(0, None)),
        ("auto", Choice(0, None)),
        ("none", Choice(0, 0)),
        ("required", Choice(1, None)),
        ({"type": "any"}, Choice(1, None)),
        ({"type": "auto"}, Choice(0, None)),
        ({"type": "none"}, Choice(0, 0)),
        ({"type": "function", "function": {"name": "f"}}, Choice(1, 1, ("f",))),
        ({"type": "function", "name": "f"}, Choice(1, 1, ("f",))),
        ({"type": "tool", "name": "f"}, Choice(1, 1, ("f",))),
        (allowed_tools("auto"), Choice(0, None, ("g",))),
        ({"type": "allowed_tools", "allowed_tools": allowed_tools("required")}, Choice(1, None, ("g",))),
    ],
)
def test_reads_every_choice(choice: Any, wanted: Choice):
    assert read_choice(choice, read_tools([{"name": "f"}, {"name": "g"}])) == wanted


def test_without_parallel_calls_there_is_one_at_most():
    tools = read_tools([{"name": "f"}])
    assert read_choice("auto", tools, parallel=False) == Choice(0, 1)
    assert read_choice("required", tools, parallel=False) == Choice(1, 1)


def test_without_tools_no_call_can_start():
    assert read_choice("auto", ()).most == 0


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"type": "custom", "custom": {"name": "c"}}, Choice(1, 1, ("c",))),
        ({"type": "custom", "name": "c"}, Choice(1, 1, ("c",))),
        ({"type": "tool", "name": "c"}, Choice(1, 1, ("c",))),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "custom", "custom": {"name": "c"}}, {"type": "function", "name": "f"}],
                },
            },
            Choice(0, None, ("c", "f")),
        ),
        ({"type": "function", "name": "c"}, "of type 'custom', not 'function'"),
        ({"type": "custom", "name": "f"}, "of type 'function', not 'custom'"),
        ({"type": "custom", "name": "d"}, "no tool named 'd'"),
    ],
)
def test_a_choice_can_name_custom_tools(choice: Any, wanted: Choice | str):
    tools = read_tools([{"name": "f"}, {"type": "custom", "name": "c"}])
    if isinstance(wanted, Choice):
        assert read_choice(choice, tools) == wanted
    else:
        with pytest.raises(InvalidGrammar, match=wanted):
            read_choice(choice, tools)


@pytest.mark.parametrize(
    "choice",
    [
        "any-old",
        {"type": "function", "name": "h"},
        {"type": "function"},
        {"type": "allowed_tools", "mode": "maybe"},
        {"type": "allowed_tools", "mode": ["required"]},
        {"type": "allowed_tools", "tools": 3},
        {"type": "allowed_tools", "tools": ["f"]},
        {"type": "allowed_tools", "allowed_tools": 3},
    ],
)
def test_a_choice_that_names_nothing_is_refused(choice: Any):
    with pytest.raises(InvalidGrammar, match="tool_choice"):
        read_choice(choice, read_tools([{"name": "f"}]))


def test_a_required_call_needs_a_tool():
    with pytest.raises(InvalidGrammar, match="no tool to call"):
        read_choice("required", ())
