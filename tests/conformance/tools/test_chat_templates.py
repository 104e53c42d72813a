"""What a chat template writes for an assistant's calls is a text of our grammar, and reads back as those calls.

The template is the foreign oracle: it shows the model what its calls look like. The text that it puts
between the prompt and the next message must be allowed by the masks, token by token.
"""

from typing import Any

import pytest

from grammars.tools.detection import detect_format
from grammars.tools.formats import ToolFormat
from grammars.tools.tables import FORMATS
from tests.conformance.tools.requests import PLAIN
from tests.conformance.tools.templates import NAMES, called, calls_taken, conventions, template, written_after_prompt
from tests.conformance.tools.vocabularies import vocabulary_for

pytestmark = pytest.mark.shared

BY_TOKENS = {"LFM2.5-Instruct": "lfm2", "HuggingFaceTB-SmolLM3-3B": "hermes"}  # no calls in the template
ARGUMENTS = {"city": "xCaféx", "days": 3, "ratio": 1.5, "flags": ["xx", "x y x"]}
ASKED = {"role": "user", "content": "What is it like?"}
REASONING = {"enable_thinking": True, "thinking": True}


def family_of(name: str) -> ToolFormat:
    return FORMATS[BY_TOKENS[name]] if name in BY_TOKENS else detect_format(None, template(name))


def written(name: str, messages: list[dict[str, Any]], **more: Any) -> tuple[str, str]:
    return written_after_prompt(name, family_of(name), PLAIN, [ASKED], messages, **more)


def accepted(name: str, text: str, prompt: str, **request: Any) -> list[tuple[str, Any]]:
    family = family_of(name)
    found = calls_taken(text, prompt, family, vocabulary_for(family.name), PLAIN, **request)
    assert found, f"{text!r} is not a turn"
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
