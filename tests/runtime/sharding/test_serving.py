"""`constrained serve` on several ranks: HTTP at rank 0, one model behind it."""

import json
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from constrained.ranks.channel import EXIT, GRACE, SILENCE
from constrained.runtime.packaged_model import packaged_model
from tests.runtime import tiny
from tests.support.ranks import Ranks

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 8}, "n": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["name", "n"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "thing", "schema": SCHEMA, "strict": True}}
LONG = {"type": "json_schema", "json_schema": {"name": "long", "schema": {"type": "string", "minLength": 3000}}}
TIMEOUT = 60


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(tiny.write_model(tmp_path_factory.mktemp("tiny"), layers=6))


class Served:
    """A server over `count` ranks, once it has said where it is."""

    def __init__(self, count: int, model: str, sharding: str = "pipeline") -> None:
        command = ["-m", "server.cli", "serve", "--port", "0", "--model", model, "--sharding", sharding]
        self.ranks = Ranks(count, command)
        first = self.ranks.processes[0]
        assert first.stdout is not None
        line = first.stdout.readline()
        assert line.startswith("http://"), (line, first.stderr and first.stderr.read())
        self.url = line.split("/v1")[0]

    def ask(self, **fields: Any) -> Any:
        """The answer to a chat completion: an object, or the lines of a stream."""
        body = {"messages": [{"role": "user", "content": "Say something."}], "response_format": FORMAT, **fields}
        request = urllib.request.Request(
            f"{self.url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
        return response if body.get("stream") else json.loads(response.read())


@pytest.fixture
def served(model) -> Iterator[Served]:
    made = Served(2, model)
    with made.ranks:
        yield made


def check(text: str) -> None:
    value = json.loads(text)
    assert set(value) == {"name", "n"}
    assert len(value["name"]) <= 8
    assert 0 <= value["n"] <= 99


def streamed(lines: Any) -> str:
    """The text of a stream."""
    text = ""
    for line in lines:
        data = line.decode().strip().removeprefix("data: ")
        if data.startswith("{"):
            text += "".join(choice["delta"].get("content") or "" for choice in json.loads(data)["choices"])
    return text


def test_many_clients_at_once_some_of_whom_go_away(served):
    check_clients(served, 9)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize("sharding", ["pipeline", "tensor"])
def test_many_clients_of_the_packaged_model_on_three_ranks(sharding):
    served = Served(3, str(packaged_model()), sharding)
    with served.ranks:
        check_clients(served, 24)


def check_clients(served: Served, clients: int) -> None:
    """Valid answers for those who stay; then SIGTERM, and every rank ends well."""
    failures: list[BaseException] = []

    def client(number: int) -> None:
        try:
            if number % 3 == 0:
                check(served.ask(temperature=1.0, seed=number)["choices"][0]["message"]["content"])
            elif number % 3 == 1:
                with served.ask(stream=True, temperature=1.0, seed=number) as lines:
                    check(streamed(lines))
            else:
                with served.ask(stream=True, temperature=1.0, response_format={"type": "text"}) as lines:
                    lines.readline()  # and goes
        except BaseException as error:  # noqa: BLE001  it is raised in the thread of the test
            failures.append(error)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []
    served.ranks.processes[0].send_signal(signal.SIGTERM)
    assert not any(code for code, _, _ in served.ranks.finish(30))


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_rank_is_an_error_for_those_who_wait_and_the_end(served, how):
    answers: list[Any] = []

    def client() -> None:
        try:
            answers.append(served.ask(response_format=LONG))
        except urllib.error.HTTPError as error:
            answers.append((error.code, json.loads(error.read())))

    waiting = threading.Thread(target=client)
    waiting.start()
    waiting.join(3)
    served.ranks.processes[1].send_signal(how)
    waiting.join(SILENCE + GRACE + 3)
    ((code, body),) = answers
    assert code == 500, body
    assert "rank 1 is lost" in body["error"]["message"]
    assert served.ranks.processes[0].wait(GRACE + 5) == EXIT
