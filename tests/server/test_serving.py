"""A real server process over HTTP: what clients get, in all three formats, and when they are refused."""

import contextlib
import json
import re
import time
from typing import Any

import jsonschema
import pytest

from tests.server.conftest import KEY
from tests.support.http_server import Server, read_events

USER = {"role": "user", "content": "hi"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 8}, "days": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 6},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
    },
    "required": ["name", "tags"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "get_weather", "strict": True, "parameters": SCHEMA}}
FLAT_TOOL = {"type": "function", "name": "get_weather", "strict": True, "parameters": SCHEMA}
ANY_ONE = {"type": "any", "disable_parallel_tool_use": True}
ANTHROPIC_TOOL = {"name": "get_weather", "input_schema": SCHEMA}
CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "tiny", "messages": [USER], **fields}


def required(**fields: Any) -> dict[str, Any]:
    return chat(tools=[TOOL], tool_choice="required", **fields)


def function(parameters: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": parameters}}


def schema_answer(schema: object) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"schema": schema}}


# ---------------------------------------------------------------- calls, in each format


def test_a_required_call_validates_and_its_stream_says_the_same(server: Server) -> None:
    body = chat(tools=[TOOL], tool_choice="required", parallel_tool_calls=False, seed=1)
    choice = server.post(CHAT, body).body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    jsonschema.validate(json.loads(call["function"]["arguments"]), SCHEMA)

    streamed = server.post(CHAT, {**body, "stream": True, "stream_options": {"include_usage": True}})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    chunks = [data for _, data in streamed.events]
    assert chunks.pop() == "[DONE]"
    assert chunks.pop()["usage"]["completion_tokens"] > 5
    deltas = [one for chunk in chunks for one in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert "".join(one["function"].get("arguments", "") for one in deltas) == call["function"]["arguments"]
    assert [one["function"]["name"] for one in deltas if "name" in one["function"]] == ["get_weather"]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_response_calls_and_goes_on_from_what_is_stored(server: Server) -> None:
    asked = {"input": "hi", "tools": [FLAT_TOOL], "tool_choice": "required"}
    first = server.post(RESPONSES, asked).body
    assert first["status"] == "completed"
    call = first["output"][-1]
    jsonschema.validate(json.loads(call["arguments"]), SCHEMA)
    assert server.get(f"{RESPONSES}/{first['id']}").body == first

    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "sunny"} for item in first["output"]
    ]
    again = {"input": results, "previous_response_id": first["id"], "tools": [FLAT_TOOL], "tool_choice": "none"}
    second = server.post(RESPONSES, {**again, "max_output_tokens": 5})
    assert second.body["output"][0]["type"] == "message"
    assert second.body["usage"]["input_tokens"] > first["usage"]["input_tokens"]

    assert server.request("DELETE", f"{RESPONSES}/{first['id']}").body["deleted"] is True
    gone = server.post(RESPONSES, {"input": results, "previous_response_id": first["id"]})
    assert (gone.status, gone.body["error"]["param"]) == (400, "previous_response_id")


def test_a_response_that_is_not_to_be_stored_is_not(server: Server) -> None:
    made = server.post(RESPONSES, {"input": "hi", "max_output_tokens": 2, "store": False}).body
    assert server.get(f"{RESPONSES}/{made['id']}").status == 404


def test_a_response_stream_ends_with_the_response(server: Server) -> None:
    body = {"input": "hi", "stream": True, "text": {"format": {"type": "json_schema", "name": "p", "schema": PERSON}}}
    events = server.post(RESPONSES, body).events
    assert [data["sequence_number"] for _, data in events] == list(range(len(events)))
    name, last = events[-1]
    assert name == last["type"] == "response.completed"
    jsonschema.validate(json.loads(last["response"]["output"][0]["content"][0]["text"]), PERSON)


def test_a_message_calls_any_tool(server: Server) -> None:
    body = {"max_tokens": 200, "messages": [USER], "tools": [ANTHROPIC_TOOL], "tool_choice": ANY_ONE}
    made = server.post(MESSAGES, {**body, "temperature": 0}).body
    assert made["stop_reason"] == "tool_use"
    jsonschema.validate(made["content"][-1]["input"], SCHEMA)

    events = server.post(f"{MESSAGES}?beta=true", {**body, "temperature": 0, "stream": True}).events
    assert [name for name, _ in events] == [data["type"] for _, data in events]
    pieces = [
        data["delta"]["partial_json"] for _, data in events if data.get("delta", {}).get("type") == "input_json_delta"
    ]
    assert json.loads("".join(pieces)) == made["content"][-1]["input"]
    assert events[-2][1]["delta"]["stop_reason"] == "tool_use"


def test_tokens_are_counted_as_they_are_used(server: Server) -> None:
    body = {"messages": [USER], "system": "Be brief.", "tools": [ANTHROPIC_TOOL]}
    counted = server.post(f"{MESSAGES}/count_tokens", body).body["input_tokens"]
    usage = server.post(MESSAGES, {**body, "max_tokens": 1, "tool_choice": {"type": "none"}}).body["usage"]
    assert counted == usage["input_tokens"] + usage["cache_read_input_tokens"]


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    "schema",
    [True, PERSON, {"enum": [1, "a", None]}, {"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}}],
)
def test_an_answer_has_the_format_asked_for(server: Server, schema: Any) -> None:
    choice = server.post(CHAT, chat(response_format=schema_answer(schema), seed=1)).body["choices"][0]
    assert choice["finish_reason"] == "stop"
    jsonschema.validate(json.loads(choice["message"]["content"]), schema)


@pytest.mark.parametrize(
    ("structured", "pattern"),
    [
        ({"regex": r"\n[ab]{3} "}, r"\n[ab]{3} "),
        ({"choice": ["yes", "no"]}, "yes|no"),
        ({"grammar": 'start: "x" DIGIT+ "!"\n%import common.DIGIT'}, r"x\d+!"),
        ({"grammar": 'root ::= "x" [0-9]'}, r"x\d"),
        ({"json": {"enum": [1, 2]}}, "[12]"),
    ],
)
def test_a_structured_output_matches_to_the_letter(server: Server, structured: dict[str, Any], pattern: str) -> None:
    choice = server.post(CHAT, chat(structured_outputs=structured)).body["choices"][0]
    assert re.fullmatch(pattern, choice["message"]["content"])
    assert choice["finish_reason"] == "stop"


def test_an_answer_in_words_that_is_cut_says_so(server: Server) -> None:
    endless = {str(server.tokens.index("x")): 100}
    made = server.post(CHAT, chat(max_tokens=3, logit_bias=endless)).body
    assert made["choices"][0]["finish_reason"] == "length"
    assert made["usage"]["completion_tokens"] == 3
    one = server.post(MESSAGES, {"max_tokens": 1, "messages": [USER], "temperature": 0}).body
    assert one["stop_reason"] == "max_tokens"
    assert one["content"][0]["text"]


def test_calls_that_would_go_on_are_complete_within_the_budget(server: Server) -> None:
    minimum = int(re.findall(r"at least (\d+)", json.dumps(server.post(CHAT, required(max_tokens=2)).body))[0])
    for spare in range(4):
        made = server.post(CHAT, required(max_tokens=minimum + spare, temperature=2)).body
        (choice,) = made["choices"]
        assert choice["finish_reason"] == "tool_calls"
        for call in choice["message"]["tool_calls"]:
            jsonschema.validate(json.loads(call["function"]["arguments"]), SCHEMA)
        assert made["usage"]["completion_tokens"] <= minimum + spare
    assert server.post(CHAT, required(max_tokens=minimum - 1)).status == 400


def test_log_probabilities_come_with_every_token_of_the_text(server: Server) -> None:
    body = chat(max_tokens=6, logprobs=True, top_logprobs=2, seed=1)
    choice = server.post(CHAT, body).body["choices"][0]
    scores = choice["logprobs"]["content"]
    spelled = b"".join(bytes(score["bytes"]) for score in scores)
    assert spelled.decode("utf-8", "ignore") == choice["message"]["content"]
    for score in scores:
        likeliest = score["top_logprobs"]
        assert len(likeliest) == 2
        assert likeliest[0]["logprob"] >= max(likeliest[1]["logprob"], score["logprob"])
        assert score["logprob"] <= 0
    streamed = server.post(CHAT, {**body, "stream": True}).events
    chunks = [data["choices"][0] for _, data in streamed if data != "[DONE]"]
    assert [s for chunk in chunks if chunk["logprobs"] for s in chunk["logprobs"]["content"]] == scores


def test_a_bias_brings_tokens_forward_and_never_one_that_is_masked(server: Server) -> None:
    letters = {letter: str(server.tokens.index(letter)) for letter in "xy"}
    body = chat(max_tokens=4, temperature=0, logit_bias={letters["x"]: 100})
    assert server.post(CHAT, body).body["choices"][0]["message"]["content"] == "xxxx"
    chosen = {**body, "structured_outputs": {"choice": ["yes", "no"]}}
    assert server.post(CHAT, chosen).body["choices"][0]["message"]["content"] in ("yes", "no")
    assert server.post(CHAT, chat(logit_bias={"99999": 1})).body["error"]["param"] == "logit_bias"


def test_equal_seeds_give_equal_answers_and_choices_differ(server: Server) -> None:
    body = chat(max_tokens=12, seed=7, n=2, temperature=1.0)
    one, two = (server.post(CHAT, body).body["choices"] for _ in range(2))
    assert [c["message"] for c in one] == [c["message"] for c in two]
    assert one[0]["message"]["content"] != one[1]["message"]["content"]


def test_a_stop_string_ends_an_answer_before_it(server: Server) -> None:
    body = chat(max_tokens=40, seed=3)
    text = server.post(CHAT, body).body["choices"][0]["message"]["content"]
    stop = text[10:12]
    choice = server.post(CHAT, {**body, "stop": [stop]}).body["choices"][0]
    assert choice["message"]["content"] == text[: text.index(stop)]
    assert choice["finish_reason"] == "stop"


def test_tools_that_run_elsewhere_are_left_out_with_a_warning(server: Server) -> None:
    answer = server.post(CHAT, chat(tools=[{"type": "web_search"}], max_tokens=2))
    assert answer.headers["x-constrained-warning"] == "ignored tools[0] of type web_search"


# ---------------------------------------------------------------- reasoning


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


# ---------------------------------------------------------------- refusals


NEGATED = {"properties": {"a": {"not": {"uniqueItems": True}}}}
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
        (CHAT, chat(tools=[TOOL, function(NEGATED)]), f"{PARAMETERS}/properties/a/not/uniqueItems", "uniqueItems"),
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
        ("POST", CHAT, chat(messages=[{"role": "user", "content": "x" * 5000}]), 400, "context_length_exceeded"),
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


# ---------------------------------------------------------------- where from


def test_other_hosts_and_pages_are_turned_away(server: Server) -> None:
    assert server.get("/v1/models", headers={"Host": "evil.example"}).status == 403
    assert server.post(CHAT, chat(max_tokens=1), headers={"Origin": "https://evil.example"}).status == 403
    assert server.get("/v1/models", headers={"Host": f"localhost:{server.port}"}).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": KEY}, 401),
        ({"Authorization": f"Bearer {KEY}"}, 200),
        ({"x-api-key": KEY}, 200),
        ({"x-api-key": "é"}, 401),
    ],
)
def test_a_key_is_asked_for(narrow_server: Server, headers: dict[str, str], status: int) -> None:
    encoded = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    assert narrow_server.get("/v1/models", headers=encoded).status == status
    assert narrow_server.get("/health").status == 200


def test_large_bodies_are_refused(narrow_server: Server) -> None:
    answer = narrow_server.post(CHAT, b" " * (1 << 20) + b"{}", headers={"x-api-key": KEY})
    assert (answer.status, answer.body["error"]["code"]) == (413, "request_too_large")


# ---------------------------------------------------------------- load

# An answer of thousands of tokens, whatever the model thinks.
MANY = {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1200}
LONG = chat(response_format=schema_answer(MANY), max_tokens=7000)


def stream_of(server: Server, stack: contextlib.ExitStack, body: dict[str, Any]) -> Any:
    """A stream of which the first chunk has been read."""
    connection = stack.enter_context(contextlib.closing(server.connection()))
    connection.request("POST", CHAT, json.dumps({**body, "stream": True}), {"x-api-key": KEY})
    response = connection.getresponse()
    assert response.status == 200
    response.readline()
    return response


def wait_until_idle(server: Server, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while server.get("/health").body["pending"]:
        assert time.monotonic() < until, "still busy"
        time.sleep(0.02)


def test_a_full_queue_says_when_to_come_again_and_a_lost_client_makes_room(narrow_server: Server) -> None:
    wait_until_idle(narrow_server)
    gone = narrow_server.metric("constrained_disconnects_total")
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stream_of(narrow_server, stack, LONG)
        refused = narrow_server.post(CHAT, chat(max_tokens=1), headers={"x-api-key": KEY})
        assert (refused.status, refused.body["error"]["code"]) == (429, "queue_full")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
    wait_until_idle(narrow_server)
    assert narrow_server.metric("constrained_disconnects_total") == gone + 2
    assert narrow_server.post(CHAT, chat(max_tokens=1), headers={"x-api-key": KEY}).status == 200


def test_a_client_that_waits_for_a_whole_answer_and_goes_makes_room(narrow_server: Server) -> None:
    wait_until_idle(narrow_server)
    gone = narrow_server.metric("constrained_disconnects_total")
    with contextlib.closing(narrow_server.connection()) as connection:
        connection.request("POST", CHAT, json.dumps(LONG), {"x-api-key": KEY})
        while not narrow_server.get("/health").body["pending"]:
            time.sleep(0.02)
    wait_until_idle(narrow_server, seconds=2)
    assert narrow_server.metric("constrained_disconnects_total") == gone + 1


def test_who_takes_too_long_is_told_so_and_not_to_try_again(narrow_server: Server) -> None:
    wait_until_idle(narrow_server)
    answer = narrow_server.post(CHAT, LONG, headers={"x-api-key": KEY})
    assert (answer.status, answer.body["error"]["code"]) == (504, "timeout")
    assert answer.headers["x-should-retry"] == "false"
    streamed = narrow_server.post(CHAT, {**LONG, "stream": True}, headers={"x-api-key": KEY})
    assert streamed.events[-1][1]["error"]["code"] == "timeout"
    wait_until_idle(narrow_server, seconds=2)


def test_hosted_tools_can_be_refused(narrow_server: Server) -> None:
    answer = narrow_server.post(CHAT, chat(tools=[{"type": "web_search"}]), headers={"x-api-key": KEY})
    assert (answer.status, answer.body["error"]["param"]) == (400, "tools[0].type")


def test_a_tool_that_is_relaxed_is_named_in_the_answer(narrow_server: Server) -> None:
    wait_until_idle(narrow_server)
    refused = function({"properties": {"a": {"pattern": "("}}})
    answer = narrow_server.post(CHAT, chat(tools=[TOOL, refused], max_tokens=2), headers={"x-api-key": KEY})
    name = refused["function"]["name"]
    assert answer.status == 200
    assert answer.headers["x-constrained-warning"].startswith(f"relaxed {name}: {PARAMETERS}/properties/a/pattern")


def test_a_waiting_stream_hears_heartbeats(narrow_server: Server) -> None:
    wait_until_idle(narrow_server)
    with contextlib.ExitStack() as stack:
        stream_of(narrow_server, stack, LONG)
        waiting = stream_of(narrow_server, stack, LONG)
        heard = [waiting.readline() for _ in range(6)]
    assert b": keep-alive\n" in heard
    wait_until_idle(narrow_server)


def test_streams_read_as_events(server: Server) -> None:
    assert list(read_events(["event: a", "data: {}", "", ": comment", "data: [DONE]"])) == [("a", {}), (None, "[DONE]")]
