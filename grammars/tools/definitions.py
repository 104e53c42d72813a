"""What a request says about tools: which there are, and which the model may or must call.

    tools        [{"type": "function", "function": {"name", "parameters"}}]   chat completions
                 [{"type": "function", "name", "parameters"}]                 responses
                 [{"name", "input_schema"}]                                   messages
                 [{"name", "parameters"}]                                     bare
    tool_choice  "none" | "auto" | "required" | one tool by name | a list of allowed tools

A place in the request is written as a path into its JSON, then a pointer into the schema there:
`tools[3].function.parameters#/properties/a/not`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from constrained.errors import InvalidGrammar, UnsupportedFeature

NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A function that a model may call; `where` is the place of its schema in the request."""

    name: str
    schema: Mapping[str, Any] | bool
    where: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """How many calls a turn may have, and of which tools (None: of all).

    least    0 or 1                  most     1, or None for any number; 0: no call can start
    """

    least: int
    most: int | None
    names: tuple[str, ...] | None = None


# ---------------------------------------------------------------------- tools


def read_tools(tools: object) -> tuple[Tool, ...]:
    """The tools of a request, in any of the shapes above.

    Raises InvalidGrammar where one is malformed or a name comes twice, UnsupportedFeature for a tool
    that is not a function.
    """
    if not isinstance(tools, list | tuple):
        raise InvalidGrammar("expected a list of tools", where="tools")
    found = [_read_tool(entry, f"tools[{index}]") for index, entry in enumerate(cast("Sequence[object]", tools))]
    first: dict[str, int] = {}
    for index, tool in enumerate(found):
        if tool.name in first:
            raise InvalidGrammar(
                f"a second tool named {tool.name!r}, after tools[{first[tool.name]}]", where=tool.where
            )
        first[tool.name] = index
    return tuple(found)


def _read_tool(entry: object, where: str) -> Tool:
    fields = _mapping(entry, where)
    kind = fields.get("type", "function")
    if "function" in fields and kind == "function":
        where += ".function"
        fields = _mapping(fields["function"], where)
    elif kind not in ("function", "custom") or (kind == "custom" and "input_schema" not in fields):
        raise UnsupportedFeature(f"a tool of type {kind!r}", where=f"{where}.type", hint="only functions can be called")
    name, description = fields.get("name"), fields.get("description")
    if not isinstance(name, str) or not name:
        raise InvalidGrammar("a tool needs a name", where=f"{where}.name")
    key = next((key for key in ("parameters", "input_schema", "inputSchema") if fields.get(key) is not None), None)
    schema = NO_ARGUMENTS if key is None else _schema(fields[key], f"{where}.{key}")
    return Tool(name, schema, f"{where}.{key or 'parameters'}", description if isinstance(description, str) else "")


def _schema(schema: object, where: str) -> Mapping[str, Any] | bool:
    """The schema; `properties: {}` with nothing else said means no arguments, not any."""
    if isinstance(schema, bool):
        return schema
    fields = _mapping(schema, where)
    silent = not fields.keys() - {"type", "properties", "required", "title", "description", "$schema", "strict"}
    if silent and fields.get("properties") == {} and not fields.get("required"):
        return {**fields, "additionalProperties": False}
    return fields


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidGrammar("expected an object", where=where)
    return cast("Mapping[str, Any]", value)


# ---------------------------------------------------------------------- tool_choice


def read_choice(choice: object, tools: Sequence[Tool], *, parallel: bool = True) -> Choice:
    """What `tool_choice` allows, in OpenAI's and Anthropic's spellings.

    Raises InvalidGrammar for an unknown choice, a tool that is not among `tools`, or a call that is
    required where there is no tool.
    """
    found = _read_choice(choice, None if parallel else 1)
    known = {tool.name for tool in tools}
    for name in found.names or ():
        if name not in known:
            raise InvalidGrammar(f"there is no tool named {name!r}", where="tool_choice")
    if not (known if found.names is None else found.names):
        if found.least:
            raise InvalidGrammar("a call is required, but there is no tool to call", where="tool_choice")
        return Choice(0, 0, ())
    return found


def _read_choice(choice: object, most: int | None) -> Choice:
    fields: Mapping[str, Any] = cast("Mapping[str, Any]", choice) if isinstance(choice, Mapping) else {"type": choice}
    match fields.get("type"):
        case None | "auto":
            return Choice(0, most)
        case "none":
            return Choice(0, 0)
        case "required" | "any":
            return Choice(1, most)
        case "function" | "tool":
            return Choice(1, 1, (_name_in(fields),))
        case "allowed_tools":
            inner = fields.get("allowed_tools", fields)
            mode, names = inner.get("mode", "auto"), inner.get("tools", ())
            least = {"auto": 0, "required": 1}.get(mode)
            if least is None:
                raise InvalidGrammar(f"mode {mode!r}: expected 'auto' or 'required'", where="tool_choice.mode")
            return Choice(least, most, tuple(dict.fromkeys(_name_in(entry) for entry in names)))
        case _:
            raise InvalidGrammar(f"unknown choice {fields.get('type')!r}", where="tool_choice")


def _name_in(fields: Mapping[str, Any]) -> str:
    inner = fields.get("function", fields)
    name: object = cast("Mapping[str, Any]", inner).get("name") if isinstance(inner, Mapping) else None
    if not isinstance(name, str):
        raise InvalidGrammar("expected the name of a tool", where="tool_choice")
    return name
