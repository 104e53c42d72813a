"""What a chat template writes for an assistant's calls is a text of our grammar, and reads back as those calls.

The template is the foreign oracle: it shows the model what its calls look like. The text that it puts
between the prompt and the next message must be allowed by the masks, token by token.
"""

import json
from typing import Any

import pytest

from grammars.tools.compile import compile_tools
from grammars.tools.definitions import read_tools
from grammars.tools.detection import detect_format
from grammars.tools.formats import ToolFormat
from grammars.tools.history import template_messages, template_tools
from grammars.tools.reasoning import reasoning_in
from grammars.tools.tables import FORMATS
from tests.conformance.tools.requests import PLAIN
from tests.conformance.tools.templates import NAMES, conventions, render, template
from tests.conformance.tools.vocabularies import vocabulary_for
from tests.conformance.tools.walks import frame, spelled, tokens_of

pytestmark = pytest.mark.shared

BY_TOKENS = {"LFM2.5-Instruct": "lfm2", "HuggingFaceTB-SmolLM3-3B": "hermes"}  # no calls in the template
ARGUMENTS = {"city": "xCaféx", "days": 3, "ratio": 1.5, "flags": ["xx", "x y x"]}
ASKED = {"role": "user", "content": "What is it like?"}
REASONING = {"enable_thinking": True, "thinking": True}


def family_of(name: str) -> ToolFormat:
    return FORMATS[BY_TOKENS[name]] if name in BY_TOKENS else detect_format(None, template(name))


def called(calls: list[tuple[str, Any]], **more: Any) -> list[dict[str, Any]]:
    """An assistant's message with calls, and their results."""
    entries = [
        {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for place, (name, arguments) in enumerate(calls)
    ]
    results = [{"role": "tool", "tool_call_id": one["id"], "content": "fine"} for one in entries]
    return [{"role": "assistant", "content": None, "tool_calls": entries, **more}, *results]


def written(name: str, messages: list[dict[str, Any]], **more: Any) -> tuple[str, str]:
    """(prompt, what the template writes after it for `messages` and all that follows)."""
    family, wishes = family_of(name), conventions(name)
    tools = template_tools(read_tools(PLAIN), wishes)
    prompt = render(name, template_messages([ASKED], wishes, family), tools, **more)
    whole = render(name, template_messages([ASKED, *messages], wishes, family), tools, prompt=False, **more)
    same = 0
    while same < min(len(prompt), len(whole)) and prompt[same] == whole[same]:
        same += 1
    if same < len(prompt):  # history drops an opened section of reasoning: go back to before its marker
        same = max(prompt.rfind(mark, 0, same) for mark in (">", "\n")) + 1
    return prompt[:same], whole[same:]


def accepted(name: str, text: str, prompt: str, **request: Any) -> list[tuple[str, Any]]:
    """The calls in the longest beginning of `text` that is a whole turn of the grammar."""
    family = family_of(name)
    vocabulary = vocabulary_for(family.name)
    reasoning = reasoning_in(prompt, family)
    if family.reasoning is not None and text.startswith(family.reasoning.closes):
        reasoning = "opened"  # history writes an empty section as its end alone
    grammar = compile_tools(PLAIN, vocabulary, format=family, reasoning=reasoning, **request)
    matcher, turn = grammar.matcher(), list[int]()
    for token in tokens_of(text, vocabulary):
        if not matcher.allows(token):
            break
        matcher.advance(token)
        turn = matcher.tokens if matcher.is_accepting or matcher.is_finished else turn
        if matcher.is_finished:
            break
    found = [(call.name, json.loads(call.arguments)) for call in frame(grammar, turn).calls]
    assert found, f"{text!r} is not a turn: stopped after {spelled(matcher.tokens, vocabulary)!r}"
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_rendered_call_is_a_turn(name: str):
    prompt, text = written(name, called([("get_weather", ARGUMENTS)]))
    assert accepted(name, text, prompt, tool_choice="auto") == [("get_weather", ARGUMENTS)]
    assert accepted(name, text, prompt, tool_choice="required") == [("get_weather", ARGUMENTS)]


@pytest.mark.parametrize("name", NAMES)
def test_rendered_calls_in_parallel_are_a_turn(name: str):
    calls = [("get_weather", ARGUMENTS), ("now", {})]
    prompt, text = written(name, called(calls))
    assert accepted(name, text, prompt) == (calls[:1] if conventions(name).one_call else calls)


@pytest.mark.parametrize("name", NAMES)
def test_rendered_reasoning_before_a_call_is_a_turn(name: str):
    text = "Sure." if conventions(name).text_beside_calls else None
    messages = called([("get_weather", ARGUMENTS)], reasoning_content="So then.", content=text)
    prompt, text = written(name, messages, **REASONING)
    assert accepted(name, text, prompt) == [("get_weather", ARGUMENTS)]
