"""A real server process whose model reasons: how that is told, limited, forbidden."""

from typing import Any

from tests.server.bodies import CHAT, MESSAGES, USER
from tests.server.conftest import KEY
from tests.support.http_server import Server


def biased(server: Server, **biases: int) -> dict[str, int]:
    names = {"opens": "<think>", "closes": "</think>", "calls": "<tool_call>"}
    return {str(server.tokens.index(names.get(name, name))): bias for name, bias in biases.items()}


def think(server: Server, path: str = CHAT, **fields: Any) -> Any:
    body = {"messages": [USER], "temperature": 0, "max_tokens": 40, **fields}
    return server.post(path, body, headers={"x-api-key": KEY}).body


def test_reasoning_is_told_apart_and_has_a_budget(narrow_server: Server) -> None:
    bias = biased(narrow_server, opens=100, x=50)
    for budget in (0, 5):
        made = think(narrow_server, thinking_budget=budget, logit_bias=bias, structured_outputs={"choice": ["yes"]})
        message = made["choices"][0]["message"]
        assert message.get("reasoning_content", "") == "x" * budget
        assert message["content"] == "yes"
        assert made["usage"]["completion_tokens_details"]["reasoning_tokens"] >= budget


def test_reasoning_that_the_prompt_begins_is_closed_in_time_for_the_answer(narrow_server: Server) -> None:
    bias = biased(narrow_server, x=50)
    made = think(narrow_server, enable_thinking=True, logit_bias=bias, structured_outputs={"choice": ["yes"]})
    message = made["choices"][0]["message"]
    assert set(message["reasoning_content"]) == {"x"}
    assert message["content"] == "yes"
    assert made["choices"][0]["finish_reason"] == "stop"


def test_reasoning_can_be_forbidden(narrow_server: Server) -> None:
    bias = biased(narrow_server, opens=100, x=50)
    made = think(narrow_server, enable_thinking=False, logit_bias=bias, max_tokens=4)
    assert made["choices"][0]["message"] == {"role": "assistant", "content": "xxxx", "refusal": None}


def test_thinking_blocks_come_when_asked_for(narrow_server: Server) -> None:
    asked = {"type": "enabled", "budget_tokens": 3}
    body = {"messages": [USER], "max_tokens": 40, "output_format": {"type": "choice", "choices": ["yes"]}}
    made = think(narrow_server, MESSAGES, **body, thinking=asked)
    assert [block["type"] for block in made["content"]] == ["thinking", "text"]
    plain = think(narrow_server, MESSAGES, **body)
    assert [block["type"] for block in plain["content"]] == ["text"]
