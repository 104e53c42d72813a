"""Custom tools: what is refused and where; what stands around a grammar; what is compiled once."""

import json
from typing import Any

import pytest

from constrained import CompiledGrammar
from constrained.errors import GrammarError, InvalidGrammar, Unsatisfiable, UnsupportedFeature
from grammars.enclosed import Enclosure, unescape
from grammars.lark.compiler import lark_node
from grammars.tools.compile import compile_tools
from grammars.tools.conventions import Conventions
from grammars.tools.definitions import read_tools
from grammars.tools.events import CallFinished, CallStarted, Finished, InputDelta
from grammars.tools.history import template_tools
from tests.support.walks import BYTES, accepts


def lark(definition: str, name: str = "f") -> dict[str, Any]:
    grammar = {"syntax": "lark", "definition": definition}
    return {"type": "custom", "custom": {"name": name, "format": {"type": "grammar", "grammar": grammar}}}


def regex(definition: str) -> dict[str, Any]:
    return {"type": "custom", "name": "f", "format": {"type": "grammar", "syntax": "regex", "definition": definition}}


LARK, REGEX = "custom.format.grammar.definition", "format.definition"


@pytest.mark.parametrize(
    ("tool", "family", "error", "place"),
    [
        (lark('start: "a"\n  b: c'), "hermes", InvalidGrammar, f"{LARK}, line 2, column 6"),
        (lark('start: "a" | <|x|>'), "hermes", UnsupportedFeature, f"{LARK}, line 1, column 14"),
        (lark("start: /a(?=b)/"), "gemma-4", UnsupportedFeature, f"{LARK}, line 1, column 8"),
        (lark('start: "a" start'), "hermes", Unsatisfiable, f"{LARK}, line 1, column 1"),
        (lark('start: %json {} | "a"'), "qwen3-coder", UnsupportedFeature, f"{LARK}, line 1, column 8"),
        (lark('start: "<" "/" x\nx: "parameter>"'), "qwen3-coder", Unsatisfiable, f"{LARK}, line 1, column 1"),
        (lark('start: ("<" "/" x)+\nx: "parameter>" | start'), "qwen3-coder", Unsatisfiable, LARK),
        (regex("[0-9"), "hermes", InvalidGrammar, REGEX),
        (regex("(?=a)b"), "hermes", InvalidGrammar, REGEX),
        (regex("[^\\s\\S]"), "hermes", Unsatisfiable, REGEX),
        (regex("</parameter>"), "qwen3-coder", Unsatisfiable, REGEX),
    ],
)
def test_what_is_refused_is_named_with_its_place(tool: Any, family: str, error: type[GrammarError], place: str):
    with pytest.raises(error) as caught:
        compile_tools([{"name": "other"}, tool], BYTES, format=family)
    assert caught.value.where == f"tools[1].{place}"


def test_a_grammar_that_is_refused_may_be_relaxed_and_is_reported():
    grammar = compile_tools([lark("start: /a(?=b)/")], BYTES, relax=True)
    (relaxed,) = grammar.report
    assert relaxed.tool == "f"
    assert "tools[0].custom.format.grammar.definition" in relaxed.reason
    assert accepts(grammar, b'<tool_call>\n{"name": "f", "arguments": {"input": "anything"}}\n</tool_call>')


SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": "string", "maxLength": 2},
        "b": {"type": "array", "uniqueItems": True, "items": {"enum": ["x", "y"]}},
    },
    "additionalProperties": {"const": "\n"},
}
JSON_INSIDE = f'start: "[" x "]"\nx: %json {json.dumps(SCHEMA)}'


@pytest.mark.parametrize("quote", [b'"', b"'"])
@pytest.mark.parametrize(
    ("text", "good"),
    [
        ('[{}]', True),
        ('[{"a": "é\'"}]', True),
        ('[{"a": "\\"\\""}]', True),
        ('[{"a": "123"}]', False),
        ('[{"a": "1", "b": ["x", "y"]}]', True),
        ('[{"b": ["x", "x"]}]', False),
        ('[{"c": "\\n", "d": "\\n"}]', True),
        ('[{"c": "\\n", "c": "\\n"}]', False),
        ('[{"c": "n"}]', False),
    ],
)  # fmt: skip
def test_json_inside_a_grammar_inside_a_literal(quote: bytes, text: str, good: bool):
    bare = CompiledGrammar(lark_node(JSON_INSIDE, BYTES), BYTES)
    inside = CompiledGrammar(lark_node(JSON_INSIDE, BYTES, enclosure=Enclosure(quote=quote)), BYTES)
    spelled = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    if quote == b"'":
        spelled = spelled.replace(b'\\"', b'"').replace(b"'", b"\\'")
    assert unescape(spelled).decode() == text
    assert accepts(bare, text.encode()) == good
    assert accepts(inside, spelled) == good


def test_events_of_a_custom_tool_carry_the_text_itself():
    grammar = compile_tools([lark("start: /.+/s")], BYTES, tool_choice="required", format="hermes")
    framer = grammar.framer()
    events = framer.feed(b'<tool_call>\n{"name": "f", "arguments": {"input": "say \\"h')
    assert isinstance(events[0], CallStarted)
    assert (events[0].name, events[0].kind) == ("f", "custom")
    assert events[1:] == [InputDelta(0, 'say "h')]
    assert framer.feed(b"i\\") == [InputDelta(0, "i")]
    assert framer.feed(b'"\\n\\u001b\xc3') == [InputDelta(0, '"\n\x1b')]
    assert framer.feed(b'\xa9"}}\n</tool_call>') == [InputDelta(0, "é"), CallFinished(0)]
    assert framer.finish() == [Finished("tool_calls")]


def test_templates_are_shown_a_function_with_one_text():
    tools = read_tools([regex("[0-9]+"), lark('start: "a"', "g"), {"type": "custom", "name": "h", "description": "d"}])
    shown = [tool["function"] for tool in template_tools(tools, Conventions())]
    assert [one["name"] for one in shown] == ["f", "g", "h"]
    assert shown[2]["description"] == "d"
    for one, said in zip(shown, ["[0-9]+", 'start: "a"', "Any text"], strict=True):
        assert one["parameters"]["required"] == ["input"]
        assert said in one["parameters"]["properties"]["input"]["description"]


def test_the_same_tool_is_compiled_once():
    first, second = (compile_tools([lark("start: /.+/")], BYTES) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    assert first.turn.tools[0].arguments is second.turn.tools[0].arguments
    other = compile_tools([lark("start: /.+/")], BYTES, format="gemma-4")
    assert other.turn.tools[0].arguments is not first.turn.tools[0].arguments
