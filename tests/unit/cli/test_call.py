"""`constrained call`: a call of a tool, in any format, is an OpenAI message."""

import json

import jsonschema
import pytest

from tests.support.command_line import TOOLS, WEATHER, run


def test_a_call_is_made_in_the_format_that_was_asked_for(capsys, model, written):
    arguments = ["call", "?", "--tools", written(TOOLS), "--model", model]
    code, out, _ = run(capsys, *arguments, "--format", "qwen3-coder")
    assert code == 0
    [call] = json.loads(out)["tool_calls"]
    jsonschema.validate(json.loads(call["function"]["arguments"]), WEATHER)
    code, out, err = run(capsys, *arguments, "--format", "nonsense")
    assert (code, out) == (1, "")
    assert "nonsense" in err
    assert "hermes" in err


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_a_call_is_an_openai_message_whose_arguments_are_valid(capsys, model, written, seed):
    code, out, _ = run(
        capsys, "call", "Paris?", "--tools", written(TOOLS), "--model", model, "--temperature", "1.5", "--seed", seed
    )
    assert code == 0
    message = json.loads(out)
    [call] = message["tool_calls"]
    assert (message["role"], message["content"], call["type"]) == ("assistant", None, "function")
    assert call["id"]
    assert call["function"]["name"] == "get_weather"
    jsonschema.validate(json.loads(call["function"]["arguments"]), WEATHER)


def test_bare_functions_are_tools_too(capsys, model, written):
    code, out, _ = run(capsys, "call", "?", "--tools", written([TOOLS[0]["function"]]), "--model", model)
    assert code == 0
    assert json.loads(out)["tool_calls"][0]["function"]["name"] == "get_weather"
