"""A real server process over HTTP: what is refused, with which status and place; what it says of itself."""

from typing import Any

import pytest

from tests.server.bodies import CHAT, MESSAGES, PERSON, RESPONSES, TOOL, USER, chat, function, schema_answer
from tests.support.http_server import Server

REMOTE = {"properties": {"a": {"$ref": "https://example.com/a.json"}}}
PARAMETERS = "tools[1].function.parameters#"
NAMED = {"type": "function", "function": {"name": "g"}}
RESULT = {"type": "function_call_output", "call_id": "a", "output": "x"}
TEXT_FORMAT = {"format": {"type": "json_schema", "schema": {"type": 1}}}


@pytest.mark.parametrize(
    ("path", "body", "param", "says"),
    [
        (CHAT, chat(temprature=1), "temprature", "not supported"),
        (CHAT, chat(messages=[{"role": "tool", "tool_call_id": "a"}]), "messages[0].tool_call_id", "no call"),
        (CHAT, chat(messages=[{**USER, "content": [{"type": "image_url"}]}]), "messages[0].content[0].type", "image"),
        (CHAT, chat(tools=[TOOL, function(REMOTE)]), f"{PARAMETERS}/properties/a/$ref", "https://example.com/a.json"),
        (CHAT, chat(tools=[{"type": "mcp"}, function({"type": 1})]), f"{PARAMETERS}/type", ""),
        (CHAT, chat(tools=[TOOL, TOOL]), "tools[1].function.name", "after tools[0]"),
        (CHAT, chat(response_format=schema_answer({"type": 1})), "response_format.json_schema.schema#/type", ""),
        (CHAT, chat(structured_outputs={"regex": "("}), "structured_outputs.regex", "group is opened"),
        (CHAT, chat(structured_outputs={"grammar": "start: ("}), "structured_outputs.grammar, line 1, column 9", ""),
        (CHAT, chat(structured_outputs={"json": {"type": 1}}), "structured_outputs.json#/type", ""),
        (CHAT, chat(structured_outputs={"choice": ["a"]}, tools=[TOOL]), "structured_outputs.choice", "cannot tell"),
        (RESPONSES, {"input": "x", "text": TEXT_FORMAT}, "text.format.schema#/type", ""),
        (RESPONSES, {"input": [RESULT]}, "input[0].tool_call_id", "no call"),
        (CHAT, chat(tool_choice="required"), "tool_choice", "no tool to call"),
        (CHAT, chat(tools=[TOOL], tool_choice=NAMED), "tool_choice", "no tool named 'g'"),
        (CHAT, chat(tools=[TOOL], tool_choice="required", max_tokens=4), "max_tokens", "at least"),
        (CHAT, chat(response_format=schema_answer(PERSON), max_completion_tokens=4), "max_completion_tokens", "least"),
    ],
)
def test_refusals_name_the_place(server: Server, path: str, body: dict[str, Any], param: str, says: str) -> None:
    answer = server.post(path, body)
    assert answer.status == 400, answer.raw
    error = answer.body["error"]
    assert error["param"] == param
    assert says in error["message"]
    assert error["type"] == "invalid_request_error"


def test_anthropic_clients_get_their_own_error_shape(server: Server) -> None:
    body = {"max_tokens": 9, "messages": [USER], "tools": [{"name": "f", "input_schema": {"type": 1}}]}
    answer = server.post(MESSAGES, body)
    assert answer.status == 400
    assert answer.body["type"] == "error"
    assert answer.body["error"]["message"].startswith("tools[0].input_schema#/type")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", CHAT, {"model": "gpt", "messages": [USER]}, 404, "model_not_found"),
        ("GET", "/v1/models/gpt", None, 404, "model_not_found"),
        ("GET", "/v1/nothing", None, 404, "not_found"),
        ("GET", CHAT, None, 405, None),
        ("POST", CHAT, b"{", 400, "invalid_json"),
        ("POST", CHAT, b"", 400, "invalid_json"),
        ("POST", CHAT, chat(messages=[{"role": "user", "content": "x" * 9000}]), 400, "context_length_exceeded"),
    ],
)
def test_other_refusals(server: Server, method: str, path: str, body: object, status: int, code: str | None) -> None:
    answer = server.request(method, path, body)
    assert answer.status == status
    assert answer.body["error"]["code"] == code


def test_models_health_and_description(server: Server) -> None:
    models = server.get("/v1/models").body["data"]
    assert models[0]["id"] == "tiny"
    assert server.get(f"/v1/models/{models[1]['id']}").body["object"] == "model"
    assert server.get("/health").body["status"] == "ok"
    assert CHAT in server.get("/openapi.json").body["paths"]


def test_metrics_count_tokens_and_requests(server: Server) -> None:
    before = server.metric("constrained_completion_tokens_total")
    server.post(CHAT, chat(tools=[TOOL], tool_choice="required", parallel_tool_calls=False))
    assert server.metric("constrained_completion_tokens_total") > before
    assert server.metric("constrained_forced_tokens_total") > 5
    assert server.metric("constrained_grammar_lookups_total") > 0
