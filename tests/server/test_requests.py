"""Bodies to jobs: every field is honoured, of no effect by its documentation, or refused by its name."""

import json
from typing import Any

import pytest

from server.api.bodies import read_body
from server.api.chat_request import ChatRequest, chat_job
from server.api.messages_request import MessagesRequest, messages_job
from server.api.responses_request import Earlier, ResponsesRequest, responses_job, seal, unseal
from server.api.tool_types import Ignorable
from server.errors import RequestError
from server.jobs import Job
from tests.support.client_requests import Recorded, recorded_requests

USER = {"role": "user", "content": "hi"}
ANYTHING = {"type": "json_schema", "schema": {}}


def job_of(path: str, body: dict[str, Any], ignorable: Ignorable | None = None) -> Job:
    raw, types = json.dumps(body).encode(), ignorable or Ignorable()
    match path:
        case "/v1/chat/completions":
            return chat_job(read_body(raw, ChatRequest), types)
        case "/v1/responses":
            return responses_job(read_body(raw, ResponsesRequest), types, Earlier())
        case "/v1/messages":
            return messages_job(read_body(raw, MessagesRequest), types)
        case _:
            raise AssertionError(path)


def chat(**fields: Any) -> Job:
    return job_of("/v1/chat/completions", {"messages": [USER], **fields})


def responses(**fields: Any) -> Job:
    return job_of("/v1/responses", {"input": "hi", **fields})


def messages(**fields: Any) -> Job:
    return job_of("/v1/messages", {"messages": [USER], "max_tokens": 9, **fields})


def refusal(path: str, body: dict[str, Any]) -> tuple[str | None, str | None]:
    with pytest.raises(RequestError) as caught:
        job_of(path, body)
    assert caught.value.problem.status == 400
    return caught.value.problem.param, caught.value.problem.code


# ---------------------------------------------------------------- recorded

THREADS = {"anthropic-python/08": "thread", "anthropic-python/09": "thread"}


@pytest.mark.shared
@pytest.mark.parametrize("recorded", recorded_requests(), ids=lambda one: one.name)
def test_every_recorded_request_is_understood_or_refused_by_name(recorded: Recorded) -> None:
    if recorded.name in THREADS:
        assert refusal(recorded.path, recorded.body) == (THREADS[recorded.name], "unsupported_parameter")
        return
    job = job_of(recorded.path, recorded.body)
    assert job.messages
    kinds = {tool.get("type", "function") for tool in recorded.body.get("tools", ())}
    assert len(job.notes) == sum(
        tool.get("type") not in (None, "function", "custom") for tool in recorded.body.get("tools", ())
    ), kinds
    assert job.stream == bool(recorded.body.get("stream"))


# ---------------------------------------------------------------- chat completions


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "seed": 3}, (0.5, 0.9, 5, 0.1, 3)),
        ({"temperature": None, "top_k": -1}, (None, None, 0, None, None)),
        ({"temperature": 0, "seed": -1}, (0, None, None, None, -1)),
    ],
)
def test_chat_sampling(fields: dict[str, Any], expected: tuple[Any, ...]) -> None:
    sampling = chat(**fields).sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p, sampling.seed) == expected


@pytest.mark.parametrize(
    ("fields", "field", "expected"),
    [
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"max_tokens": 5, "max_completion_tokens": 7}, "max_tokens", 7),
        ({"stop": "a"}, "stop", ("a",)),
        ({"stop": ["a", "b"]}, "stop", ("a", "b")),
        ({"n": 3}, "choices", 3),
        ({"logprobs": True}, "scores", 0),
        ({"logprobs": True, "top_logprobs": 2}, "scores", 2),
        ({"logprobs": False}, "scores", None),
        ({"parallel_tool_calls": False}, "parallel", False),
        ({"tool_choice": "required"}, "tool_choice", "required"),
        ({"response_format": {"type": "json_object"}}, "answer", {"type": "json_object"}),
        ({"structured_outputs": {"json": True}}, "answer", {"type": "json_schema", "schema": True}),
        ({"structured_outputs": {"regex": "a+"}}, "answer", {"type": "regex", "pattern": "a+"}),
        ({"structured_outputs": {"choice": ["a", "b"]}}, "answer", {"type": "choice", "choices": ["a", "b"]}),
        ({"structured_outputs": {"grammar": "start: A"}}, "answer", {"type": "grammar", "definition": "start: A"}),
        ({"user": "me", "metadata": {"a": "b"}, "store": True, "service_tier": "auto"}, "choices", 1),
    ],
)
def test_chat_fields(fields: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(chat(**fields), field) == expected


@pytest.mark.parametrize(
    ("fields", "enabled", "budget"),
    [
        ({}, None, None),
        ({"enable_thinking": False}, False, None),
        ({"chat_template_kwargs": {"enable_thinking": True}}, True, None),
        ({"reasoning_effort": "none"}, False, None),
        ({"reasoning_effort": "low", "thinking_budget": 100}, None, 100),
    ],
)
def test_chat_thinking(fields: dict[str, Any], enabled: bool | None, budget: int | None) -> None:
    thinking = chat(**fields).thinking
    assert (thinking.enabled, thinking.budget) == (enabled, budget)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"temprature": 1}, "temprature", "unsupported_parameter"),
        ({"functions": [{}]}, "functions", "unsupported_parameter"),
        ({"audio": {"voice": "x"}}, "audio", "unsupported_parameter"),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_parameter"),
        ({"stream_options": {"foo": 1}}, "stream_options.foo", "unsupported_parameter"),
        ({"structured_outputs": {"xml": "a"}}, "structured_outputs.xml", "unsupported_parameter"),
        ({"structured_outputs": {"regex": "a", "choice": ["b"]}}, "structured_outputs", None),
        ({"structured_outputs": {}}, "structured_outputs", None),
        ({"temperature": "0.5"}, "temperature", "invalid_value"),
        ({"temperature": -1}, "temperature", "invalid_value"),
        ({"top_p": 1.1}, "top_p", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_tokens": True}, "max_tokens", "invalid_value"),
        ({"stop": ["a", 1]}, "stop", "invalid_value"),
        ({"stop": [""]}, "stop", None),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_value"),
        ({"messages": None}, "messages", "invalid_value"),
        ({"top_logprobs": 2}, "top_logprobs", None),
        ({"logit_bias": {"a": 1}}, "logit_bias", None),
        ({"logit_bias": {"1": 101}}, "logit_bias.1", "invalid_value"),
        ({"tools": [{"type": "sql"}]}, "tools[0].type", "unsupported_parameter"),
    ],
)
def test_chat_refusals_name_the_field(fields: dict[str, Any], param: str, code: str | None) -> None:
    assert refusal("/v1/chat/completions", {"messages": [USER], **fields}) == (param, code)


def test_tools_that_run_elsewhere_are_left_out_and_places_follow() -> None:
    function = {"type": "function", "function": {"name": "f"}}
    job = chat(tools=[{"type": "web_search"}, function, {"type": "web_search_preview_2025_03_11"}, function])
    assert job.tools == (function, function)
    assert job.places == {"tools[0]": "tools[1]", "tools[1]": "tools[3]"}
    assert job.notes == (
        "ignored tools[0] of type web_search",
        "ignored tools[2] of type web_search_preview_2025_03_11",
    )


def test_tools_that_run_elsewhere_can_be_refused() -> None:
    with pytest.raises(RequestError, match="tool of type 'web_search'"):
        job_of("/v1/chat/completions", {"messages": [USER], "tools": [{"type": "web_search"}]}, Ignorable(frozenset()))


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"a": 1, "a": 2}', "the key 'a' is given twice"),
        (b'{"messages": NaN}', "NaN is not a number"),
        (b'{"messages": 1e999}', "1e999 is not a number"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"messages": [{"role": "user"}], "model": "\\ud800"}', "lone surrogate in model"),
    ],
)
def test_bodies_that_are_not_json_are_refused(raw: bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read_body(raw, ChatRequest)


def test_a_broken_character_in_a_message_is_mended() -> None:
    body = read_body(b'{"messages": [{"role": "user", "content": "a\\ud800b"}]}', ChatRequest)
    assert body.messages[0]["content"] == "a\ufffdb"


def test_fields_can_be_ignored_by_setting() -> None:
    raw = json.dumps({"messages": [USER], "foo": 1}).encode()
    assert read_body(raw, ChatRequest, frozenset({"foo"})).messages == [USER]


# ---------------------------------------------------------------- responses


def test_items_of_one_answer_become_one_message() -> None:
    job = responses(
        instructions="Be brief.",
        input=[
            {"role": "user", "content": [{"type": "input_text", "text": "go"}]},
            {"type": "reasoning", "id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Sure."}]},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "b", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "b", "output": "2"},
            {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "1"}]},
        ],
    )
    assert [message["role"] for message in job.messages] == ["system", "user", "assistant", "tool", "tool"]
    said = job.messages[2]
    assert said["reasoning_content"] == "Hm"
    assert [call["function"]["name"] for call in said["tool_calls"]] == ["f", "g"]
    assert job.places["messages[0]"] == "instructions"
    assert job.places["messages[2].tool_calls[1]"] == "input[4]"
    assert job.places["messages[3]"] == "input[5]"


def test_a_second_answer_is_a_message_of_its_own() -> None:
    one, two = ({"type": "message", "role": "assistant", "content": text} for text in "ab")
    job = responses(input=[{"role": "user", "content": "x"}, one, two])
    assert [message["content"] for message in job.messages] == ["x", "a", "b"]


def test_sealed_reasoning_comes_back() -> None:
    assert unseal(seal("Hm, é")) == "Hm, é"
    assert unseal("gAAAA-somebody-elses") == ""
    job = responses(input=[{"type": "reasoning", "summary": [], "encrypted_content": seal("Hm")}, {**USER}])
    assert job.messages[0]["reasoning_content"] == "Hm"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": True}, "background"),
        ({"truncation": "auto"}, "truncation"),
        ({"include": ["file_search_call.results"]}, "include[0]"),
        ({"conversation": "c"}, "conversation"),
        ({"max_tool_calls": 1}, "max_tool_calls"),
        ({"input": [{"type": "image_generation_call"}]}, "input[0].type"),
        ({"top_logprobs": 1}, "top_logprobs"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"text": {"foo": 1}}, "text.foo"),
    ],
)
def test_responses_refusals_name_the_field(fields: dict[str, Any], param: str) -> None:
    assert refusal("/v1/responses", {"input": "hi", **fields})[0] == param


# ---------------------------------------------------------------- messages


def test_blocks_of_a_message_become_messages() -> None:
    job = messages(
        system=[
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=1;"},
            {"type": "text", "text": "Be brief."},
        ],
        messages=[
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm", "signature": "s"},
                    {"type": "text", "text": "Sure."},
                    {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "1"}]},
                    {"type": "text", "text": "and now?"},
                ],
            },
        ],
    )
    assert [message["role"] for message in job.messages] == ["system", "user", "assistant", "tool", "user"]
    assert job.messages[0]["content"] == "Be brief."
    assert job.messages[2]["reasoning_content"] == "Hm"
    assert job.messages[2]["tool_calls"][0]["function"] == {"name": "f", "arguments": {"x": 1}}
    assert job.messages[3]["tool_call_id"] == "a"
    assert job.places["messages[3]"] == "messages[2].content[0]"
    assert job.places["messages[2].tool_calls[0]"] == "messages[1].content[2]"


@pytest.mark.parametrize(
    ("fields", "field", "expected"),
    [
        ({"tool_choice": {"type": "any", "disable_parallel_tool_use": True}}, "parallel", False),
        ({"tool_choice": {"type": "any", "disable_parallel_tool_use": True}}, "tool_choice", {"type": "any"}),
        ({"stop_sequences": ["a"]}, "stop", ("a",)),
        ({"output_config": {"format": ANYTHING}}, "answer", ANYTHING),
        ({"output_format": ANYTHING}, "answer", ANYTHING),
    ],
)
def test_messages_fields(fields: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(messages(**fields), field) == expected


@pytest.mark.parametrize(
    ("thinking", "enabled", "budget"),
    [
        (None, False, None),
        ({"type": "disabled"}, False, None),
        ({"type": "adaptive"}, None, None),
        ({"type": "enabled", "budget_tokens": 5}, True, 5),
    ],
)
def test_messages_thinking(thinking: object, enabled: bool | None, budget: int | None) -> None:
    found = messages(thinking=thinking).thinking
    assert (found.enabled, found.budget) == (enabled, budget)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"thread": {"type": "create"}}, "thread"),
        ({"container": "c"}, "container"),
        ({"mcp_servers": [{}]}, "mcp_servers"),
        ({"temperature": 1.5}, "temperature"),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, "thinking.budget_tokens"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"system": [{"type": "image"}]}, "system[0].type"),
        ({"stop_sequences": [""]}, "stop_sequences"),
    ],
)
def test_messages_refusals_name_the_field(fields: dict[str, Any], param: str) -> None:
    assert refusal("/v1/messages", {"messages": [USER], "max_tokens": 9, **fields})[0] == param
