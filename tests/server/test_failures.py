"""What clients are told when a server is stopped or breaks while it answers them, and how the process ends."""

import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from constrained.ranks.channel import EXIT
from tests.support.http_server import Server, read_events

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
USER = {"role": "user", "content": "hi"}
ENDLESS = {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 5000}
# Their budgets, and the masks of the second one, are searches that take minutes.
HOSTILE = (  # and what is said of it
    ({"type": "object", "minProperties": 3000, "propertyNames": {"pattern": "^[ab]{12}$"}}, "budget_too_small"),
    ({"type": "array", "allOf": [{"contains": {"const": f"x{one}"}} for one in range(40)]}, "grammar_too_expensive"),
    ({"type": "array", "allOf": [{"contains": {"const": [one]}} for one in range(40)]}, "grammar_too_expensive"),
)
Breaking = tuple[Server, Path]  # and the file that tells it how
SHORT = {"messages": [USER], "max_tokens": 2}

# A server that breaks when it is told to: by what the file at sys.argv[1] says, once.
BREAKING = """
import sys
from pathlib import Path
from constrained.budget import Budgeted
from constrained.runtime import batch
from constrained.runtime.rows import Rows
from server import cli

order = Path(sys.argv.pop(1))
execute, step, make = Rows.execute, batch.BatchEngine.step, batch.BatchEngine.__init__
broken = False

def told(what):
    if not order.exists() or order.read_text() != what:
        return False
    order.unlink()
    return True

def breaking_execute(self, plan):
    if told("pass"):
        raise RuntimeError("the pass broke")
    return execute(self, plan)

def breaking_step(self):
    global broken
    broken = broken or told("for good")
    if broken or told("engine"):
        raise RuntimeError("the engine broke")
    return step(self)

advance = Budgeted.advance

def thinking_advance(self, token):
    if self._matcher.grammar.vocabulary.spellings[token] == b"!":
        while order.exists():
            pass
    advance(self, token)

def breaking_make(self, *given, **named):
    if broken:
        raise RuntimeError("no engine can be made")
    make(self, *given, **named)

Rows.execute, batch.BatchEngine.step, batch.BatchEngine.__init__ = breaking_execute, breaking_step, breaking_make
Budgeted.advance = thinking_advance
sys.exit(cli.main())
"""


@contextlib.contextmanager
def breaking(model: Path, folder: Path) -> Iterator[Breaking]:
    order = folder / "order"
    flags = ("--model", str(model), "--context", "50000", "--drain", "1.5", "--compile-timeout", "3")
    with Server(*flags, log=folder / "log", program=("-c", BREAKING, str(order))) as server:
        yield server, order


@pytest.fixture(scope="module")
def fragile(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breaking]:
    """For tests after which it must go on, until it is told to stop."""
    with breaking(tiny_model, tmp_path_factory.mktemp("fragile")) as made:
        yield made
        assert made[0].stop() == 0


@pytest.fixture
def doomed(tiny_model: Path, tmp_path: Path) -> Iterator[Breaking]:
    with breaking(tiny_model, tmp_path) as made:
        yield made


def endless(path: str) -> dict[str, Any]:
    """A streamed request whose answer takes a minute."""
    match path:
        case "/v1/chat/completions":
            form = {"type": "json_schema", "json_schema": {"name": "a", "schema": ENDLESS}}
            return {"messages": [USER], "max_tokens": 40_000, "stream": True, "response_format": form}
        case "/v1/responses":
            form = {"format": {"type": "json_schema", "name": "a", "schema": ENDLESS}}
            return {"input": "hi", "max_output_tokens": 40_000, "stream": True, "text": form}
        case _:
            form = {"type": "json_schema", "schema": ENDLESS}
            return {"messages": [USER], "max_tokens": 40_000, "stream": True, "output_format": form}


def begin(server: Server, stack: contextlib.ExitStack, path: str) -> Any:
    """An answer that has begun to come."""
    connection = stack.enter_context(contextlib.closing(server.connection()))
    connection.request("POST", path, json.dumps(endless(path)))
    response = connection.getresponse()
    assert response.status == 200
    for _ in range(40):
        response.readline()
    return response


def rest(response: Any) -> list[tuple[str | None, Any]]:
    return list(read_events(response.read().decode().splitlines()))


@pytest.mark.parametrize("what", ["pass", "engine"])
def test_a_failure_is_told_in_every_stream_and_the_server_goes_on(fragile: Breaking, what: str) -> None:
    server, order = fragile
    with contextlib.ExitStack() as stack:
        streams = [begin(server, stack, path) for path in (CHAT, RESPONSES, MESSAGES)]
        order.write_text(what)
        chat, responses, messages = map(rest, streams)
    error = chat[-1][1]["error"]
    assert (error["type"], error["code"], error["message"]) == (
        "server_error",
        "internal_error",
        "the server failed: RuntimeError",
    )
    assert not any(data == "[DONE]" for _, data in chat)  # it would mean that the answer is whole
    name, failed = responses[-1]
    assert (name, failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["message"] == "the server failed: RuntimeError"
    assert messages[-1][0] == "error"
    assert messages[-1][1]["error"]["type"] == "api_error"
    assert server.post(CHAT, SHORT).status == 200
    assert server.get("/health").body == {"status": "ok", "pending": 0}


def test_a_grammar_that_never_stops_thinking_about_a_token_ends_alone(fragile: Breaking) -> None:
    server, order = fragile
    with contextlib.ExitStack() as stack:
        stream = begin(server, stack, CHAT)
        order.write_text("think")
        refused = server.post(CHAT, {"messages": [USER], "structured_outputs": {"choice": ["yes!", "no!"]}})
        assert (refused.status, refused.body["error"]["type"]) == (400, "invalid_request_error")
        assert "takes more than 3 seconds" in refused.body["error"]["message"]
        for _ in range(40):  # and it is still thinking
            assert stream.readline()
        order.unlink()
    assert server.post(CHAT, SHORT).status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="processor time is read from /proc")
def test_hostile_schemas_are_given_up_and_hold_up_nobody(fragile: Breaking) -> None:
    server, _ = fragile
    with contextlib.ExitStack() as stack:
        stream = begin(server, stack, CHAT)
        pool = stack.enter_context(ThreadPoolExecutor(len(HOSTILE)))
        bodies = [{"messages": [USER], "max_tokens": 3000, "structured_outputs": {"json": one}} for one, _ in HOSTILE]
        answers = [pool.submit(server.post, CHAT, body) for body in bodies]
        while not all(answer.done() for answer in answers):
            assert stream.readline()
        for answer, (_, code) in zip(answers, HOSTILE, strict=True):
            refused = answer.result()
            assert (refused.status, refused.body["error"]["code"]) == (400, code)
            assert refused.body["error"]["param"] in ("structured_outputs.json", "max_tokens", None)
    until = time.monotonic() + 60
    while True:  # until no thread thinks on
        before = server.processor_seconds
        time.sleep(0.5)
        if server.processor_seconds - before < 0.1:
            break
        assert time.monotonic() < until


def test_without_an_engine_everybody_is_told_and_the_process_ends_with_an_error(doomed: Breaking) -> None:
    server, order = doomed
    with contextlib.ExitStack() as stack:
        stream = begin(server, stack, CHAT)
        order.write_text("for good")
        error = rest(stream)[-1][1]["error"]
    assert error["type"] == "server_error"
    assert server.process.wait(30) == EXIT
    assert "there is no engine any more" in server.log.read_text()


def test_what_is_short_is_finished_when_the_server_is_told_to_stop_and_what_is_long_is_told(doomed: Breaking) -> None:
    server, _ = doomed
    with contextlib.ExitStack() as stack:
        long = begin(server, stack, CHAT)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        events = rest(long)
        took = time.monotonic() - began
    error = events[-1][1]["error"]
    assert error["code"] == "shutting_down"
    assert len(events) > 10  # it was given time
    assert server.process.wait(30) == 0
    assert took < 30


def test_a_second_signal_does_not_wait(tiny_model: Path, tmp_path: Path) -> None:
    flags = ("--model", str(tiny_model), "--context", "50000", "--drain", "600")
    with Server(*flags, log=tmp_path / "log") as server, contextlib.ExitStack() as stack:
        begin(server, stack, CHAT)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0
