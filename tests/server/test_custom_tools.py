"""Custom tools over HTTP: every format of their input in both APIs, in a family that carries raw text and one of JSON.

Random weights write what the grammar lets them: so what comes back is judged by Lark, `re`, or any text will do.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from lark import Lark

from tests.server.bodies import CHAT, RESPONSES, TOOL, USER, chat
from tests.support.client_requests import recorded_requests
from tests.support.http_server import Server

SUM = r"""start: sum
?sum: NUMBER | sum _sign NUMBER
_sign: "+" | "-" | "\"" | "\\" | "\n<"
NUMBER: /[0-9]{1,3}/
"""
DAY = r"[0-9]{4}-(0[1-9]|1[0-2])\\\"\n"
PARSER = Lark(SUM, parser="lalr")
FORMATS = {"lark": {"syntax": "lark", "definition": SUM}, "regex": {"syntax": "regex", "definition": DAY}, "text": None}


def nested(kind: str) -> dict[str, Any]:
    """A tool as chat completions have it."""
    grammar = FORMATS[kind]
    said = {"type": "text"} if grammar is None else {"type": "grammar", "grammar": grammar}
    return {"type": "custom", "custom": {"name": "f", "description": "Does it.", "format": said}}


def flat(kind: str) -> dict[str, Any]:
    """The same as Responses have it."""
    grammar = FORMATS[kind]
    said = {"type": "text"} if grammar is None else {"type": "grammar", **grammar}
    return {"type": "custom", "name": "f", "description": "Does it.", "format": said}


def check_input(kind: str, text: str) -> None:
    if kind == "lark":
        PARSER.parse(text)
    elif kind == "regex":
        assert re.fullmatch(DAY, text)
    assert isinstance(text, str)


@pytest.fixture(scope="module")
def raw_server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A family whose calls carry texts as they are."""
    flags = "--served-name tiny --temperature 0.7 --max-tokens 300 --tool-format qwen3-coder"
    with Server("--model", str(tiny_model), *flags.split(), log=tmp_path_factory.mktemp("raw") / "log") as server:
        yield server


@pytest.fixture(params=["json", "raw"])
def family(request: pytest.FixtureRequest, server: Server) -> Server:
    """A server whose model writes inputs as JSON strings, and one whose model writes them as they are."""
    return request.getfixturevalue("raw_server") if request.param == "raw" else server


@pytest.mark.parametrize("kind", FORMATS)
def test_a_chat_completion_and_its_stream_carry_the_same_input(family: Server, kind: str) -> None:
    choice = {"type": "custom", "custom": {"name": "f"}}
    body = chat(tools=[TOOL, nested(kind)], tool_choice=choice, parallel_tool_calls=False, seed=3, max_tokens=200)
    answer = family.post(CHAT, body).body["choices"][0]
    (call,) = answer["message"]["tool_calls"]
    assert (call["type"], call["custom"]["name"]) == ("custom", "f")
    check_input(kind, call["custom"]["input"])
    chunks = [data for _, data in family.post(CHAT, {**body, "stream": True}).events if data != "[DONE]"]
    deltas = [one for chunk in chunks for one in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert deltas[0]["type"] == "custom"
    assert "".join(one["custom"].get("input", "") for one in deltas) == call["custom"]["input"]
    assert all("function" not in one for one in deltas)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_response_and_its_stream_carry_the_same_input(family: Server, kind: str) -> None:
    body = {"input": "hi", "tools": [flat(kind)], "tool_choice": {"type": "custom", "name": "f"}, "temperature": 0}
    body |= {"parallel_tool_calls": False, "max_output_tokens": 200}
    answer = family.post(RESPONSES, body).body
    item = answer["output"][-1]
    assert (item["type"], item["name"]) == ("custom_tool_call", "f")
    check_input(kind, item["input"])
    events = family.post(RESPONSES, {**body, "stream": True}).events
    written = "".join(data["delta"] for name, data in events if name == "response.custom_tool_call_input.delta")
    (done,) = [data["input"] for name, data in events if name == "response.custom_tool_call_input.done"]
    assert written == done == item["input"]


def test_custom_tools_and_functions_are_called_side_by_side(family: Server) -> None:
    kinds = set[str]()
    for seed in range(8):
        body = chat(tools=[TOOL, nested("regex")], tool_choice="required", seed=seed, parallel_tool_calls=False)
        (call,) = family.post(CHAT, body).body["choices"][0]["message"]["tool_calls"]
        kinds.add(call["type"])
        if call["type"] == "custom":
            check_input("regex", call["custom"]["input"])
        else:
            assert set(json.loads(call["function"]["arguments"])) == {"city", "days"}
    assert kinds == {"custom", "function"}


def test_a_result_goes_back_and_is_answered(family: Server) -> None:
    tools = [nested("regex")]
    body = chat(tools=tools, tool_choice="required", parallel_tool_calls=False, seed=1)
    said = family.post(CHAT, body).body["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": "done"}
    body = chat(tools=tools, tool_choice="none", max_tokens=5)
    assert family.post(CHAT, {**body, "messages": [USER, said, result]}).status == 200
    body = {"input": "hi", "tools": [flat("regex")], "tool_choice": "required", "parallel_tool_calls": False}
    first = family.post(RESPONSES, body).body
    call = first["output"][-1]
    output = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "done"}
    again = {"input": [output], "previous_response_id": first["id"], "tool_choice": "none", "max_output_tokens": 5}
    assert family.post(RESPONSES, {**again, "tools": [flat("regex")]}).status == 200


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_grammar_that_is_refused_is_named_with_line_and_column(server: Server, api: str) -> None:
    bad = {"syntax": "lark", "definition": 'start: "a" b\n  b: /x(?=y)/'}
    tool = {"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": bad}}}
    place = "tools[0].custom.format.grammar.definition"
    body: dict[str, Any] = chat(tools=[tool])
    if api == "responses":
        body = {"input": "hi", "tools": [{"type": "custom", "name": "f", "format": {"type": "grammar", **bad}}]}
        place = "tools[0].format.definition"
    answer = server.post(CHAT if api == "chat" else RESPONSES, body)
    assert answer.status == 400
    assert answer.body["error"]["param"].startswith(place)
    assert "line 2" in answer.body["error"]["message"]


# ---------------------------------------------------------------- answers that are no calls


@pytest.mark.parametrize(
    ("field", "kind"),
    [({"grammar": SUM}, "lark"), ({"regex": DAY}, "regex"), ({"choice": ["yes", 'n"\\o\n']}, "choice")],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_structured_outputs_constrain_the_answer_itself(family: Server, field: dict[str, Any], kind: str) -> None:
    body = chat(structured_outputs=field, seed=4, max_tokens=200)
    said = family.post(CHAT, body).body["choices"][0]["message"]["content"]
    check_input(kind, said)
    if kind == "choice":
        assert said in field["choice"]
    chunks = [data for _, data in family.post(CHAT, {**body, "stream": True}).events if data != "[DONE]"]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks) == said


# ---------------------------------------------------------------- clients


def test_openais_client_reads_custom_tools(family: Server) -> None:
    client = openai.OpenAI(base_url=f"{family.url}/v1", api_key="none", max_retries=0, timeout=60)
    asked: dict[str, Any] = {"model": "tiny", "tools": [nested("lark")], "parallel_tool_calls": False, "seed": 2}
    made = client.chat.completions.create(messages=[USER], tool_choice="required", **asked)
    calls = made.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].type == "custom"
    check_input("lark", calls[0].custom.input)
    with client.responses.stream(
        model="tiny", input="hi", tools=[flat("lark")], tool_choice="required", parallel_tool_calls=False
    ) as stream:
        kinds = [event.type for event in stream]
        item = stream.get_final_response().output[-1]
    assert "response.custom_tool_call_input.done" in kinds
    assert item.type == "custom_tool_call"
    check_input("lark", item.input)


def test_codex_gets_patches_of_its_own_grammar(family: Server) -> None:
    found = [tool for one in recorded_requests() if one.name == "codex/01" for tool in one.body["tools"]]
    tool = next((tool for tool in found if tool["type"] == "custom"), None)
    if tool is None:
        pytest.skip("the requests of real clients are not beside the checkout (shared/data/client_requests)")
    definition = tool["format"]["definition"]
    parser = Lark(definition.replace("/(.*)/", "/(.+)/?"), parser="lalr")  # Lark lexes no empty terminals
    asked = {"input": "hi", "tools": [tool], "tool_choice": {"type": "custom", "name": tool["name"]}, "stream": True}
    events = family.post(RESPONSES, {**asked, "parallel_tool_calls": False, "max_output_tokens": 150}).events
    (patch,) = [data["input"] for name, data in events if name == "response.custom_tool_call_input.done"]
    parser.parse(patch)
