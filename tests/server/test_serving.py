"""A real server process over HTTP: what clients get, in all three formats."""

import json
import re
from typing import Any

import jsonschema
import pytest

from tests.server.bodies import (
    ANTHROPIC_TOOL,
    ANY_ONE,
    CHAT,
    FLAT_TOOL,
    MESSAGES,
    PERSON,
    RESPONSES,
    SCHEMA,
    TOOL,
    USER,
    chat,
    required,
    schema_answer,
)
from tests.support.http_server import Server

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


def test_the_input_of_a_custom_tool_keeps_to_the_token_limits_of_its_grammar(server: Server) -> None:
    grammar = {"syntax": "lark", "definition": ""}
    tool = {"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": grammar}}}

    def asked(attributes: str, seed: int) -> Any:
        grammar["definition"] = f'start: "<" t ">"\nt{attributes}: /[a-z]+/'
        body = chat(tools=[tool], tool_choice="required", parallel_tool_calls=False, seed=seed, temperature=1)
        return server.post(CHAT, body)

    def lengths(attributes: str) -> list[int]:
        calls = [asked(attributes, seed).body["choices"][0]["message"]["tool_calls"] for seed in range(6)]
        texts = [call["custom"]["input"] for (call,) in calls]
        assert all(re.fullmatch("<[a-z]+>", text) for text in texts)
        return [len(text) - 2 for text in texts]

    letters = [run for token in server.tokens if "|" not in token for run in re.findall("[a-z]+", token)]
    most = 3 * max(map(len, letters))
    assert max(lengths("[max_tokens=3]")) <= most < max(lengths(""))
    refused = asked("[max_tokens=0]", 0)
    assert refused.status == 400
    assert "definition, line 2, column 3" in json.dumps(refused.body)


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
    person = {"text": {"format": {"type": "json_schema", "name": "p", "schema": PERSON}}}
    again = {"input": results, "previous_response_id": first["id"], "tools": [FLAT_TOOL], "tool_choice": "none"}
    second = server.post(RESPONSES, {**again, **person})
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
