"""What a chat template is given, and what a model that its template tells nothing is told."""

import json
from typing import Any

import pytest

from grammars.tools.conventions import Conventions
from grammars.tools.definitions import read_tools
from grammars.tools.prompting import example, instructions, template_input
from grammars.tools.tables import FORMATS

TOOLS = read_tools([{"name": "now", "description": "The time."}, {"name": "f", "parameters": {"type": "object"}}])
USER = {"role": "user", "content": "hi"}
SYSTEM = {"role": "system", "content": "Be brief."}


def given(messages: list[dict[str, Any]], family: str = "hermes", tools: Any = TOOLS, **wishes: Any) -> Any:
    return template_input(messages, tools, Conventions(**wishes), FORMATS[family])


def test_a_template_that_shows_tools_gets_them():
    found = given([USER])
    assert found.messages == [USER]
    assert [tool["function"]["name"] for tool in found.tools] == ["now", "f"]


def test_without_tools_nothing_is_said_of_them():
    assert given([USER], tools=()).tools is None
    assert given([USER], "generic", tools=()).messages == [USER]


@pytest.mark.parametrize("family", ["generic", "smollm2", "deepseek-v3.1", "hermes", "pythonic", "kimi-k3"])
def test_a_template_that_shows_none_gets_them_in_the_system_prompt(family: str):
    found = given([SYSTEM, USER], family, shows_tools=False)
    assert found.tools is None
    system, *others = found.messages
    assert others[-1] == USER
    assert len(others) == (5 if FORMATS[family].examples else 1)
    assert system["content"].endswith("\n\nBe brief.")
    assert '"name": "now"' in system["content"]
    assert '"description": "The time."' in system["content"]


@pytest.mark.parametrize("family", [name for name in FORMATS if not FORMATS[name].instructions])
def test_instructions_show_a_call_in_the_format(family: str):
    assert example(FORMATS[family]) in instructions(TOOLS, FORMATS[family])


def test_a_template_without_a_system_role_gets_them_before_the_first_question():
    (user,) = given([USER], "smollm2", shows_tools=False, system=False).messages
    assert user["role"] == "user"
    assert user["content"].endswith("\n\nhi")


def test_a_model_that_was_never_trained_to_call_seems_to_have_called_before():
    found = given([SYSTEM, USER], "generic", shows_tools=False).messages
    assert [one["role"] for one in found] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "<tool_call>" not in found[2]["content"]
    assert found[4]["content"].startswith('<tool_call>\n{"name": "search"')
    first, *_ = given([USER], "generic", shows_tools=False, system=False).messages
    assert first["content"].endswith("\n\nHello!")
    assert len(given([{"role": "assistant", "content": "Yes?"}, USER], "generic").messages) == 3


def test_tools_of_smollm2_are_one_json_list():
    text = instructions(TOOLS, FORMATS["smollm2"])
    listed = text.partition("<tools>")[2].partition("</tools>")[0]
    assert [tool["function"]["name"] for tool in json.loads(listed)] == ["now", "f"]
