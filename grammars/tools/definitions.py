"""What a request says about tools: which there are, and which the model may or must call.

    tools        [{"type": "function", "function": {"name", "parameters"}}]   chat completions
                 [{"type": "function", "name", "parameters"}]                 responses
                 [{"name", "input_schema"}]                                   messages
                 [{"name", "parameters"}]                                     bare
                 [{"type": "custom", "custom": {"name", "format"}}]           chat completions
                 [{"type": "custom", "name", "format"}]                       responses
    format       {"type": "text"} | {"type": "grammar", "grammar": {"syntax": "lark" | "regex", "definition"}}
    tool_choice  "none" | "auto" | "required" | one tool by name | a list of allowed tools

A place in the request is written as a path into its JSON, then a pointer into the schema there:
`tools[3].function.parameters#/properties/a/not`; for the definition of a custom tool, then its line and
column: `tools[3].custom.format.grammar.definition, line 2, column 7`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from constrained.errors import InvalidGrammar, UnsupportedFeature

NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


Syntax = Literal["text", "lark", "regex"]
INPUT = "input"  # the one parameter of a custom tool, as the model is shown it


@dataclass(frozen=True, slots=True)
class Input:
    """What a custom tool takes: any text, or a text of a grammar."""

    syntax: Syntax = "text"
    definition: str = ""
    where: str = ""

    def schema(self) -> Mapping[str, Any]:
        """A schema to show to the model. What the text may be is said in words, and enforced by the grammar."""
        said = {
            "text": "Any text.",
            "lark": f"A text that this Lark grammar matches:\n{self.definition}",
            "regex": f"A text that this regular expression matches as a whole: {self.definition}",
        }
        text = {"type": "string", "description": said[self.syntax]}
        return {"type": "object", "properties": {INPUT: text}, "required": [INPUT], "additionalProperties": False}


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A function that a model may call, or a custom tool, which takes `input`.

    `where` is the place of its schema in the request; of a custom tool, that of its format.
    """

    name: str
    schema: Mapping[str, Any] | bool
    where: str = ""
    description: str = ""
    input: Input | None = None


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
    that is neither a function nor custom.
    """
    if not isinstance(tools, list | tuple):
        raise InvalidGrammar("expected a list of tools", where="tools")
    found = [_read_tool(entry, f"tools[{index}]") for index, entry in enumerate(cast("Sequence[object]", tools))]
    first: dict[str, int] = {}
    for index, tool in enumerate(found):
        if tool.name in first:
            place = f"{tool.where.rpartition('.')[0] or tool.where}.name"
            raise InvalidGrammar(f"a second tool named {tool.name!r}, after tools[{first[tool.name]}]", where=place)
        first[tool.name] = index
    return tuple(found)


def _read_tool(entry: object, where: str) -> Tool:
    fields = _mapping(entry, where)
    kind = fields.get("type", "function")
    if kind == "custom" and "input_schema" not in fields:
        return _read_custom(fields, where)
    if "function" in fields and kind == "function":
        where += ".function"
        fields = _mapping(fields["function"], where)
    elif kind not in ("function", "custom"):
        hint = "functions and custom tools can be called"
        raise UnsupportedFeature(f"a tool of type {kind!r}", where=f"{where}.type", hint=hint)
    name, description = _named(fields, where)
    key = next((key for key in ("parameters", "input_schema", "inputSchema") if fields.get(key) is not None), None)
    schema = NO_ARGUMENTS if key is None else _schema(fields[key], f"{where}.{key}")
    return Tool(name, schema, f"{where}.{key or 'parameters'}", description)


def _named(fields: Mapping[str, Any], where: str) -> tuple[str, str]:
    """Name and description."""
    name, description = fields.get("name"), fields.get("description")
    if not isinstance(name, str) or not name:
        raise InvalidGrammar("a tool needs a name", where=f"{where}.name")
    return name, description if isinstance(description, str) else ""


def _read_custom(fields: Mapping[str, Any], where: str) -> Tool:
    if "custom" in fields:
        where += ".custom"
        fields = _mapping(fields["custom"], where)
    name, description = _named(fields, where)
    place = f"{where}.format"
    entry = Input(where=place) if fields.get("format") is None else _read_format(fields["format"], place)
    return Tool(name, entry.schema(), place, description, entry)


def _read_format(given: object, where: str) -> Input:
    """`format` of a custom tool: with the grammar in an object of its own, or beside the type."""
    fields = _mapping(given, where)
    kind = fields.get("type")
    if kind == "text":
        return Input(where=where)
    if kind != "grammar":
        raise InvalidGrammar(f"type {kind!r}: expected 'text' or 'grammar'", where=f"{where}.type")
    if "grammar" in fields:
        where += ".grammar"
        fields = _mapping(fields["grammar"], where)
    syntax, definition = fields.get("syntax"), fields.get("definition")
    if syntax not in ("lark", "regex"):
        raise InvalidGrammar(f"syntax {syntax!r}: expected 'lark' or 'regex'", where=f"{where}.syntax")
    if not isinstance(definition, str):
        raise InvalidGrammar("expected a text", where=f"{where}.definition")
    return Input("lark" if syntax == "lark" else "regex", definition, f"{where}.definition")


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
    least, most, named = _read_choice(choice, None if parallel else 1)
    kinds = {tool.name: "function" if tool.input is None else "custom" for tool in tools}
    for name, kind in named or ():
        if name not in kinds:
            raise InvalidGrammar(f"there is no tool named {name!r}", where="tool_choice")
        if kind not in (None, kinds[name]):
            raise InvalidGrammar(f"tool {name!r} is of type {kinds[name]!r}, not {kind!r}", where="tool_choice")
    found = Choice(least, most, None if named is None else tuple(dict.fromkeys(name for name, _ in named)))
    if not (kinds if found.names is None else found.names):
        if found.least:
            raise InvalidGrammar("a call is required, but there is no tool to call", where="tool_choice")
        return Choice(0, 0, ())
    return found


_Named = tuple[str, str | None]  # a tool's name, and "function" or "custom" where that is said


def _read_choice(choice: object, most: int | None) -> tuple[int, int | None, list[_Named] | None]:
    """The least and the most calls, and the tools that may be called; None for all."""
    fields: Mapping[str, Any] = cast("Mapping[str, Any]", choice) if isinstance(choice, Mapping) else {"type": choice}
    match fields.get("type"):
        case None | "auto":
            return 0, most, None
        case "none":
            return 0, 0, None
        case "required" | "any":
            return 1, most, None
        case "function" | "custom" | "tool":
            return 1, 1, [_name_in(fields)]
        case "allowed_tools":
            inner = _mapping(fields.get("allowed_tools", fields), "tool_choice")
            mode, names = inner.get("mode", "auto"), inner.get("tools", ())
            if not isinstance(names, list | tuple):
                raise InvalidGrammar("expected a list of tools", where="tool_choice.tools")
            if mode not in ("auto", "required"):
                raise InvalidGrammar(f"mode {mode!r}: expected 'auto' or 'required'", where="tool_choice.mode")
            entries = enumerate(cast("Sequence[object]", names))
            return (
                int(mode == "required"),
                most,
                [_name_in(_mapping(one, f"tool_choice.tools[{index}]")) for index, one in entries],
            )
        case _:
            raise InvalidGrammar(f"unknown choice {fields.get('type')!r}", where="tool_choice")


def _name_in(fields: Mapping[str, Any]) -> _Named:
    kind = fields.get("type")
    inner = fields.get("custom" if kind == "custom" else "function", fields)
    name: object = cast("Mapping[str, Any]", inner).get("name") if isinstance(inner, Mapping) else None
    if not isinstance(name, str):
        raise InvalidGrammar("expected the name of a tool", where="tool_choice")
    return name, kind if kind in ("function", "custom") else None
