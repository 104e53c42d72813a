"""What a chat template writes for an assistant's calls is a text of our grammar, and reads back as those calls.

The template is the foreign oracle: it shows the model what its calls look like. The text that it puts
between the prompt and the next message must be allowed by the masks, token by token.
"""

import re
from typing import Any

import pytest

from grammars.tools.definitions import read_tools
from grammars.tools.detection import detect_format
from grammars.tools.formats import ToolFormat
from grammars.tools.history import template_messages, template_tools
from grammars.tools.tables import FORMATS
from tests.conformance.tools.requests import PLAIN
from tests.conformance.tools.templates import (
    NAMES,
    called,
    calls_taken,
    conventions,
    render,
    template,
    written_after_prompt,
)
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


TWO = called([("now", {}), ("get_weather", {"city": "xRomex", "days": 3})])
ASKED_TWICE = [ASKED, TWO[0], {**TWO[2], "content": "second"}, {**TWO[1], "content": "first"}, ASKED]


def rendered(name: str) -> str:
    """A conversation with two calls in one message, whose results came in the other order."""
    wishes = conventions(name)
    messages = template_messages(ASKED_TWICE, wishes, family_of(name))
    return render(name, messages, template_tools(read_tools(PLAIN), wishes))


@pytest.mark.parametrize("name", NAMES)
def test_calls_and_results_of_a_conversation_are_shown_in_order(name: str):
    shown = rendered(name)
    places = [shown.rfind(word) for word in ("xRomex", "first", "second")]
    assert -1 not in places
    assert places[1] < places[2]
    assert (places[1] < places[0]) == conventions(name).one_call  # call, result, call, result


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("mistralai-Mistral-Nemo-Instruct-2407", r'"id": "([A-Za-z0-9]{9})"'),
        ("Mistral-Small-3.2-24B-Instruct-2506", r"\[CALL_ID\]([A-Za-z0-9]{9})\["),
    ],
)
def test_ids_are_as_mistral_insists(name: str, pattern: str):
    ids = re.findall(pattern, rendered(name))
    assert len(set(ids)) == 2
