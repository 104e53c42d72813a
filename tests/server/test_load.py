"""A real server process: who may call, and what happens when many do."""

import contextlib
import json
import time
from typing import Any

import pytest

from tests.server.bodies import CHAT, TOOL, chat, function, schema_answer
from tests.server.conftest import KEY
from tests.support.http_server import Server, read_events


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
# No server comes near the end of this one while a test waits; near it, each token asks for a search.
ENDLESS = {**LONG, "max_tokens": 30_000}


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
    answer = narrow_server.post(CHAT, ENDLESS, headers={"x-api-key": KEY})
    assert (answer.status, answer.body["error"]["code"]) == (504, "timeout")
    assert answer.headers["x-should-retry"] == "false"
    streamed = narrow_server.post(CHAT, {**ENDLESS, "stream": True}, headers={"x-api-key": KEY})
    assert streamed.status == 200, streamed.raw
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
    assert answer.headers["x-constrained-warning"].startswith(
        f"relaxed {name}: tools[1].function.parameters#/properties/a/pattern"
    )


def test_a_waiting_stream_hears_heartbeats(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stream_of(server, stack, LONG)
        waiting = stream_of(server, stack, LONG)
        heard = [waiting.readline() for _ in range(6)]
    assert b": keep-alive\n" in heard
    wait_until_idle(server)


def test_streams_read_as_events(server: Server) -> None:
    assert list(read_events(["event: a", "data: {}", "", ": comment", "data: [DONE]"])) == [("a", {}), (None, "[DONE]")]
