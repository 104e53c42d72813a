"""A server that is set up by its environment alone: what it prints, whom it lets in, what it keeps between turns."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.bodies import CHAT, MESSAGES, RESPONSES, TOOL, USER, chat
from tests.support.http_server import Server

PAGE = "https://app.example"


@pytest.fixture(scope="module")
def public(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    variables = {
        "CONSTRAINED_MODEL": str(tiny_model),
        "CONSTRAINED_HOST": "0.0.0.0",
        "CONSTRAINED_SERVED_NAME": "tiny",
        "CONSTRAINED_CORS_ORIGIN": PAGE,
        "CONSTRAINED_MAX_TOKENS": "9",
        "CONSTRAINED_CONTEXT": "4000",
        "CONSTRAINED_TOOL_FORMAT": "hermes",
    }
    with Server(log=tmp_path_factory.mktemp("public") / "log", environment=variables) as server:
        yield server


def test_it_says_where_it_is_what_it_serves_and_that_anybody_may_come(public: Server) -> None:
    assert f":{public.port}/v1 serves tiny (tool format hermes, context 4000)" in public.greeting
    log = public.log.read_text()
    assert "anybody who reaches 0.0.0.0 can use this server: set --api-key" in log
    assert re.search(r"ready after \d+\.\d s", log)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_example_that_it_prints_works_when_it_is_pasted(public: Server) -> None:
    (command,) = [line for line in public.greeting.splitlines() if line.strip().startswith("curl")]
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert answer["model"] == "tiny"


def test_answers_have_the_length_that_was_set(public: Server) -> None:
    assert public.post(CHAT, {"messages": [USER]}).body["usage"]["completion_tokens"] <= 9


def test_pages_that_are_allowed_may_call_and_no_others(public: Server, server: Server) -> None:
    asks = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = public.request("OPTIONS", CHAT, headers=asks)
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, PAGE)
    answer = public.post(CHAT, chat(max_tokens=1), headers={"Origin": PAGE})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    other = public.request("OPTIONS", CHAT, headers={**asks, "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    plain = server.post(CHAT, chat(max_tokens=1))
    assert not [name for name in plain.headers if name.startswith("access-control")]


def test_the_second_turn_reads_only_what_is_new(server: Server) -> None:
    question = {"role": "user", "content": "How will the weather be? " * 20}
    body = chat(messages=[question], tools=[TOOL], tool_choice="required", parallel_tool_calls=False, seed=1)
    first = server.post(CHAT, body).body
    call = first["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "sunny"}
    again = {**body, "messages": [question, call, result], "tool_choice": "none", "max_tokens": 5}
    usage = server.post(CHAT, again).body["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > 0.9 * first["usage"]["prompt_tokens"]
    assert server.metric("constrained_prompt_tokens_cached_total") > 0

    said = {"input": question["content"], "max_output_tokens": 5}
    earlier = server.post(RESPONSES, said).body
    more = {"input": "And then?", "previous_response_id": earlier["id"], "max_output_tokens": 5}
    usage = server.post(RESPONSES, more).body["usage"]
    assert usage["input_tokens_details"]["cached_tokens"] > 0.9 * earlier["usage"]["input_tokens"]

    turn: dict[str, Any] = {"messages": [{"role": "user", "content": "Tell me more. " * 30}], "max_tokens": 5}
    server.post(MESSAGES, turn)
    usage = server.post(MESSAGES, turn).body["usage"]
    assert usage["cache_read_input_tokens"] > 0.9 * usage["input_tokens"] > 0


@pytest.mark.parametrize("penalty", [{"presence_penalty": 2}, {"frequency_penalty": 2}, {"repetition_penalty": 10}])
def test_what_was_said_is_said_less_with_a_penalty(server: Server, penalty: dict[str, float]) -> None:
    letters = {letter: str(server.tokens.index(letter)) for letter in "xy"}
    body = chat(max_tokens=4, temperature=0, logit_bias={letters["x"]: 100, letters["y"]: 99})
    plain, penalised = (
        server.post(CHAT, asked).body["choices"][0]["message"]["content"] for asked in (body, {**body, **penalty})
    )
    assert plain in ("xxxx", "yyyy")
    assert penalised[0] == plain[0]
    assert set(penalised) == {"x", "y"}
