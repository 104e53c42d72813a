"""The grammar of a turn, question by question, over a vocabulary of single bytes and a few tokens.

What is asked of every family alike is in test_tools_families.py.
"""

import json
from typing import Any

import pytest

from constrained import Matcher, Vocabulary
from constrained.errors import InvalidGrammar, Unsatisfiable, UnsupportedFeature
from constrained.sections import Limited
from grammars.json_schema.options import JsonSchemaOptions
from grammars.tools.compile import compile_tools
from grammars.tools.markers import marks_of
from grammars.tools.reasoning import reasoning_in
from grammars.tools.tables import FORMATS
from tests.conformance.tools.vocabularies import NEEDS_TOKENS
from tests.support.grammars import tokens_of

BYTES = [bytes((byte,)) for byte in range(256)]
END = 256
TOKENS = ("<tool_call>", "</tool_call>", "<think>", "</think>", "<|python_tag|>")
TEXT_ONLY = Vocabulary.from_spellings([*BYTES, None], [END])
WITH_TOKENS = Vocabulary.from_spellings(
    [*BYTES, None, *[None] * len(TOKENS)], [END], {token: 257 + place for place, token in enumerate(TOKENS)}
)
WEATHER = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
NOW = {"name": "now"}
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "x"}}\n</tool_call>'
TAGGED = '<|python_tag|>{"type": "function", "name": "now", "parameters": {}}'
NOW_CALL = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'


def matcher(text: str = "", vocabulary: Vocabulary = WITH_TOKENS, tools: Any = (WEATHER, NOW), **more: Any) -> Matcher:
    """A matcher that has read `text`; its markers are tokens where the vocabulary has them."""
    compiled = compile_tools(list(tools), vocabulary, **{"format": "hermes", "reasoning": "none", **more})
    found = compiled.matcher()
    for piece in marks_of(vocabulary).pieces(text):
        for token in piece if isinstance(piece, bytes) else (piece,):
            found.advance(token)
    return found


def accepts(text: str, vocabulary: Vocabulary = WITH_TOKENS, tools: Any = (WEATHER, NOW), **more: Any) -> bool:
    """Is `text` a whole turn?"""
    found = matcher("", vocabulary, tools, **more)
    for piece in marks_of(vocabulary).pieces(text):
        for token in piece if isinstance(piece, bytes) else (piece,):
            if not found.allows(token):
                return False
            found.advance(token)
    return found.is_accepting


BOTH = pytest.mark.parametrize("vocabulary", [WITH_TOKENS, TEXT_ONLY], ids=["tokens", "text"])


@BOTH
@pytest.mark.parametrize(
    ("choice", "accepted", "refused"),
    [
        ("auto", ["", "Hello", CALL, f"Sure.\n{CALL}", f"{CALL}\n{NOW_CALL}"], [f"{CALL} and so", f"{CALL}{CALL}"]),
        ("required", [CALL, f"\n{CALL}", f"{CALL}\n{NOW_CALL}"], ["", "Hello", f"Sure.\n{CALL}"]),
        ("none", ["", "Hello"], [CALL, f"Sure.\n{CALL}", "<tool_call>"]),
        ({"type": "function", "name": "now"}, [NOW_CALL], ["", CALL, f"{NOW_CALL}\n{NOW_CALL}"]),
    ],
    ids=["auto", "required", "none", "named"],
)
def test_tool_choice_is_part_of_the_grammar(
    vocabulary: Vocabulary, choice: Any, accepted: list[str], refused: list[str]
):
    assert [text for text in accepted if not accepts(text, vocabulary, tool_choice=choice)] == []
    assert [text for text in refused if accepts(text, vocabulary, tool_choice=choice)] == []


@BOTH
@pytest.mark.parametrize(
    "call",
    [
        '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>',
        '<tool_call>\n{"name": "get_weather", "arguments": {}}\n</tool_call>',
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": 3}}\n</tool_call>',
        '<tool_call>\n{"name": "now", "arguments": {"city": "x"}}\n</tool_call>',
        '<tool_call>{"name": "now", "arguments": {}}</tool_call>',
    ],
    ids=["unknown-tool", "missing-argument", "wrong-type", "invented-argument", "no-line-break"],
)
def test_what_is_no_call_of_a_tool_is_neither_a_call_nor_text(vocabulary: Vocabulary, call: str):
    assert not accepts(call, vocabulary)


def test_a_marker_that_is_a_token_is_reached_by_its_id_alone():
    call, close = WITH_TOKENS.control["<tool_call>"], WITH_TOKENS.control["</tool_call>"]
    assert matcher("Sure. <tool_call").allows(ord(">"))  # as text, it means nothing
    assert matcher("Sure.").allows(call)
    inside = matcher('<tool_call>\n{"name": "get_weather", "arguments": {"city": "x')
    assert not inside.allows(close)
    assert not inside.allows(call)
    assert not inside.allows(END)


def test_the_end_token_comes_only_where_a_turn_is_complete():
    compiled = matcher(CALL)
    assert compiled.allows(END)
    assert not matcher(CALL[:-12]).allows(END)
    assert not matcher(tool_choice="required").allows(END)


@pytest.mark.parametrize(
    "text", ['{"name": "now", "parameters": {}}', '<|python_tag|>{"type": "function", "name": "now", "parameters": {}}']
)
def test_llama_calls_begin_the_turn(text: str):
    assert accepts(text, format="llama3-json")
    assert not accepts(f"Well, {text}x", TEXT_ONLY, format="llama3-json", tool_choice="required")


def test_text_does_not_begin_like_a_call_that_is_text():
    assert not accepts('{"name": "other", "parameters": {}}', format="llama3-json")
    assert not accepts(' {"name": "', format="llama3-json", tool_choice="none")
    assert accepts('The call {"name": "now"} was made.', format="llama3-json")
    assert accepts("[1, 2]", format="pythonic")
    assert accepts("[now or never", format="pythonic")
    assert not accepts("[now(1", format="pythonic")


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FORMATS_OF_ANSWERS = [
    {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
    {"type": "json_schema", "name": "n", "schema": SCHEMA},
]


@BOTH
@pytest.mark.parametrize("wanted", FORMATS_OF_ANSWERS, ids=["chat", "responses"])
def test_an_answer_in_the_schema_or_calls(vocabulary: Vocabulary, wanted: Any):
    assert accepts('{"n": 3}', vocabulary, response_format=wanted)
    assert accepts(CALL, vocabulary, response_format=wanted)
    assert not accepts("Hello", vocabulary, response_format=wanted)
    assert not accepts(f'{{"n": 3}}{CALL}', vocabulary, response_format=wanted)
    assert not accepts('{"n": 3}', vocabulary, response_format=wanted, tool_choice="required")


def test_json_answers_without_tools_have_reasoning_too():
    text = '<think>\nhm\n</think>\n\n{"n": 3}'
    assert accepts(text, tools=(), response_format=FORMATS_OF_ANSWERS[0], reasoning=None)


def test_llama_needs_its_tag_beside_a_json_answer():
    wanted = {"type": "json_object"}
    assert accepts(TAGGED, format="llama3-json", response_format=wanted)
    assert accepts('{"name": "x"}', format="llama3-json", response_format=wanted)


# ---------------------------------------------------------------------- reasoning


@BOTH
@pytest.mark.parametrize(
    ("reasoning", "accepted", "refused"),
    [
        ("free", ["Hi", "<think>\nhm\n</think>\n\nHi", "<think></think>Hi", f"<think>x</think>\n{CALL}"], ["<think>x"]),
        ("opened", ["hm\n</think>\n\nHi", "</think>Hi", f"x</think>\n\n{CALL}"], ["Hi", "<think>x</think>"]),
        ("none", ["Hi"], ["<think>\nhm\n</think>\n\nHi"]),
    ],
    ids=["free", "opened", "none"],
)
def test_reasoning_is_a_phase_before_the_answer(
    vocabulary: Vocabulary, reasoning: Any, accepted: list[str], refused: list[str]
):
    refused = refused if vocabulary is WITH_TOKENS or reasoning == "free" else []  # as text, they mean nothing
    assert [text for text in accepted if not accepts(text, vocabulary, reasoning=reasoning)] == []
    assert [text for text in refused if accepts(text, vocabulary, reasoning=reasoning)] == []


def test_the_section_can_be_closed_whenever_a_character_is_complete():
    compiled = compile_tools([WEATHER], WITH_TOKENS, format="hermes", reasoning="opened")
    found = compiled.matcher()
    for byte in "Well, é".encode():
        found.advance(byte)
    found.advance(WITH_TOKENS.control["</think>"])
    assert found.is_accepting


@BOTH
def test_the_section_is_one_that_can_be_limited(vocabulary: Vocabulary):
    compiled = compile_tools([WEATHER], vocabulary, format="hermes", reasoning="opened", tool_choice="required")
    assert compiled.reasoning is not None
    assert compiled.reasoning.is_open
    limited = Limited(compiled.matcher(), compiled.reasoning, 2)
    for byte in b"So":
        limited.advance(byte)
    assert limited.in_section
    while limited.in_section:
        (token,) = tokens_of(limited.bitmask())
        limited.advance(token)
    for byte in b"\n\n":
        limited.advance(byte)
    assert compile_tools([WEATHER], vocabulary, format="hermes", reasoning="none").reasoning is None
    assert compile_tools([WEATHER], vocabulary, format="pythonic").reasoning is None


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("<|im_start|>assistant\n", None),
        ("<|im_start|>assistant\n<think>\n", "opened"),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", "none"),
    ],
)
def test_a_prompt_says_whether_reasoning_has_begun(prompt: str, wanted: str | None):
    assert reasoning_in(prompt, FORMATS["hermes"]) == wanted


def test_a_prompt_that_opened_the_answer_is_past_reasoning():
    assert reasoning_in('role="assistant"<|sep|><|open|>think<|sep|>', FORMATS["kimi-k3"]) == "opened"
    assert reasoning_in('role="assistant"<|sep|><|open|>response<|sep|>', FORMATS["kimi-k3"]) == "none"
    assert reasoning_in("<|start|>assistant", FORMATS["gpt-oss"]) == "free"
    assert reasoning_in("<|start|>assistant to=self<|message|>", FORMATS["muse"]) == "opened"


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({"type": "object", "properties": {"a": {"minLength": "x"}}}, "#/properties/a/minLength"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "#/properties/a/pattern"),
        ({"type": "string"}, "#"),
    ],
)
def test_a_refused_schema_names_tool_and_pointer(schema: Any, where: str):
    tools = [NOW, {"type": "function", "function": {"name": "f", "parameters": schema}}]
    with pytest.raises((InvalidGrammar, UnsupportedFeature, Unsatisfiable)) as caught:
        compile_tools(tools, TEXT_ONLY, format="hermes")
    assert caught.value.where == f"tools[1].function.parameters{where}"


def test_a_request_that_was_changed_is_another():
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    first = compile_tools(tools, TEXT_ONLY, format="generic")
    schema["properties"]["a"] = {"not": {}}
    with pytest.raises(Unsatisfiable):
        compile_tools(tools, TEXT_ONLY, format="generic")
    schema["properties"]["a"] = {"type": "integer"}
    again = compile_tools(tools, TEXT_ONLY, format="generic")
    assert again.fingerprint == first.fingerprint
    assert again.turn.tools[0].tool.schema == schema
    schema["properties"]["b"] = {"type": "null"}
    assert compile_tools(tools, TEXT_ONLY, format="generic").fingerprint != first.fingerprint


def test_on_request_a_refused_schema_costs_only_its_own_tool():
    tools = [WEATHER, {"name": "f", "parameters": {"type": "object", "properties": {"a": {"pattern": "("}}}}]
    compiled = compile_tools(tools, TEXT_ONLY, format="hermes", relax=True, tool_choice="required")
    (relaxed,) = compiled.report
    assert relaxed.tool == "f"
    assert "tools[1].parameters#/properties/a/pattern" in relaxed.reason
    found = compiled.matcher()
    for byte in b'<tool_call>\n{"name": "f", "arguments": {"b": [1]}}\n</tool_call>':
        found.advance(byte)
    assert found.is_accepting


@pytest.mark.parametrize(("family", "name"), [("qwen3-coder", "a b"), ("pythonic", "f(x"), ("kimi-k2", "")])
def test_a_name_that_the_format_cannot_write_is_refused(family: str, name: str):
    with pytest.raises(InvalidGrammar, match=r"tools\[0\]"):
        compile_tools([{"name": name}], TEXT_ONLY, format=family)


def test_an_unknown_format_is_refused_with_the_list():
    with pytest.raises(InvalidGrammar, match="hermes"):
        compile_tools([NOW], TEXT_ONLY, format="herms")


def test_additional_properties_are_open_when_the_schema_says_so():
    tool = {
        "name": "f",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": {"type": "integer"}},
    }
    for family, text in (
        ("hermes", '<tool_call>\n{"name": "f", "arguments": {"a": 1, "b": 2}}\n</tool_call>'),
        ("qwen3-coder", "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"),
        ("pythonic", "[f(a=1, b=2)]"),
    ):
        found = compile_tools([tool], TEXT_ONLY, format=family, tool_choice="required").matcher()
        for byte in text.encode():
            found.advance(byte)
        assert found.is_accepting


# ---------------------------------------------------------------------- ends


def test_text_does_not_end_with_the_beginning_of_the_marker_behind_it():
    assert accepts("all\na > b", format="functionary-v3.2")
    assert accepts("all\na > b>>>now\n{}", format="functionary-v3.2")
    assert accepts("all\n>>", format="functionary-v3.2")
    assert not accepts("all\na>>>>now\n{}", format="functionary-v3.2")
    assert not accepts("all\na>>>b", format="functionary-v3.2")


def test_the_shortest_way_to_finish_is_known_everywhere():
    for family in FORMATS:
        if family in NEEDS_TOKENS:
            continue
        compiled = compile_tools([WEATHER, NOW], TEXT_ONLY, format=family, tool_choice="required", reasoning="none")
        found = compiled.matcher()
        for token in found.shortest_tokens():
            found.advance(token)
        assert found.is_finished, family


def test_whitespace_is_as_the_options_say():
    compact = JsonSchemaOptions(whitespace="compact")
    text = '<tool_call>\n{"name": "get_weather", "arguments": {"city":"x"}}\n</tool_call>'
    assert accepts(text, options=compact)
    assert not accepts(text)
    assert json.loads(text[12:-13])
