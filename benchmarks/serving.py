"""What does a client wait for: with one, four and sixteen strict requests at once, beside mlx_lm.server without any?

    text   the same words from both: here through a mask that allows nearly everything, there without
    call   here a tool call that must validate; there as many tokens of whatever the model likes to say

Claims: at equal tokens at most 5% slower; a tool call takes less wall time, for most of its tokens are not asked
of the model. Both servers run beside each other with the same model, the same BLAS and the same batch size, and
are asked in turns (A B A B).
"""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import Row, Size, row
from benchmarks.model_folder import model_folder
from grammars.tools.definitions import read_tools
from grammars.tools.prompting import instructions
from grammars.tools.tables import FORMATS
from tests.support.http_server import Server

CONCURRENCY = (1, 4, 16)
TOKENS = 24
TOOL = {
    "type": "function",
    "function": {
        "name": "create_event",
        "description": "Add an event to the calendar",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {
                "title": {"type": "string", "maxLength": 30},
                "priority": {"enum": ["low", "normal", "high"]},
                "participants": {"type": "integer", "minimum": 1, "maximum": 99},
                "recurring": {"type": "boolean"},
            },
            "required": ["title", "priority", "participants", "recurring"],
            "additionalProperties": False,
        },
    },
}
# The other server is started as ours is: with the BLAS that constrained.runtime prefers.
OTHER = (
    "from constrained.runtime.blas import prefer_openblas; prefer_openblas(); from mlx_lm.server import main; main()"
)


@dataclass(frozen=True, slots=True)
class Timed:
    """One answer, in seconds: until something was said, until all was; and its tokens."""

    first: float
    whole: float
    tokens: int

    @property
    def between(self) -> float:
        """From token to token, once the first was there."""
        return (self.whole - self.first) / max(self.tokens - 1, 1)


@contextlib.contextmanager
def other_server(model: Path, log: Path) -> Generator[Callable[[], int]]:
    """mlx_lm.server, which is starting; its port, once it has started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--model", str(model), "--port", str(port), "--decode-concurrency", "16", "--prompt-concurrency", "16"]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER, *flags], stdout=errors, stderr=errors, env={**os.environ}
        )

    def started() -> int:
        for _ in range(600):
            with contextlib.suppress(OSError), contextlib.closing(_connection(port)) as connection:
                connection.request("GET", "/v1/models")
                if connection.getresponse().status == 200:
                    break
            time.sleep(0.2)
        return port

    try:
        yield started
    finally:
        process.terminate()
        process.wait()


def _connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=600)


def ask(port: int, body: dict[str, Any]) -> Timed:
    """Stream one answer. The other server takes five connections at once and resets the rest, which knock again."""
    while True:
        with contextlib.suppress(ConnectionResetError):
            return _ask(port, body)


def _ask(port: int, body: dict[str, Any]) -> Timed:
    began, first, tokens = time.perf_counter(), None, 0
    with contextlib.closing(_connection(port)) as connection:
        options = {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0}
        connection.request("POST", "/v1/chat/completions", json.dumps({**body, **options}))
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(response.read().decode())
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            delta: dict[str, Any] = chunk["choices"][0]["delta"] if chunk["choices"] else {}
            if first is None and (delta.get("content") or delta.get("tool_calls")):
                first = time.perf_counter() - began
            if chunk.get("usage"):
                tokens = chunk["usage"]["completion_tokens"]
    whole = time.perf_counter() - began
    return Timed(whole if first is None else first, whole, tokens)


def ask_all(port: int, bodies: list[dict[str, Any]]) -> list[Timed]:
    """All at once."""
    found: list[Timed | None] = [None] * len(bodies)

    def one(place: int) -> None:
        found[place] = ask(port, bodies[place])

    threads = [threading.Thread(target=one, args=(place,)) for place in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [one for one in found if one is not None]


def question(kind: str, number: int) -> list[dict[str, Any]]:
    """What is asked; every time something else, so that no cache answers."""
    if kind == "text":
        return [{"role": "user", "content": f"Write a long story about a traveller in the year {1000 + number}."}]
    return [{"role": "user", "content": f"Put meeting number {number} with the whole team into my calendar."}]


def rounds(kind: str, clients: int, turns: int, ours: int, theirs: int) -> tuple[list[Timed], list[Timed]]:
    """Ask both in turns; in a call, theirs says as many tokens as ours did."""
    our_times: list[Timed] = []
    their_times: list[Timed] = []
    for turn in range(turns):
        asked = [question(kind, 100 * clients + 20 * turn + place) for place in range(clients)]
        if kind == "text":
            mine = ask_all(ours, [{"messages": said, "max_tokens": TOKENS} for said in asked])
        else:
            more = {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 150}
            mine = ask_all(ours, [{"messages": said, **more} for said in asked])
        limits = [one.tokens for one in mine]
        other = [
            {"messages": said if kind == "text" else with_tools(said), "max_tokens": limit}
            for said, limit in zip(asked, limits, strict=True)
        ]
        our_times += mine
        their_times += ask_all(theirs, other)
    return our_times, their_times


def with_tools(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The prompt that our server makes of a question with the tool: its template shows none by itself."""
    return [{"role": "system", "content": instructions(read_tools([TOOL]), FORMATS["generic"])}, *said]


def rows_of(kind: str, clients: int, ours: list[Timed], theirs: list[Timed]) -> list[Row]:
    """Three rows a server, and how they compare."""
    found: list[Row] = []
    for what in ("first", "between", "whole"):
        mine, other = ([getattr(one, what) for one in times] for times in (ours, theirs))
        ratio = median(mine) / median(other)
        tokens = f"{median(one.tokens for one in ours):.0f} and {median(one.tokens for one in theirs):.0f} tokens"
        name = f"{kind}, {clients} at once, {what}"
        found.append(row(f"{name}: constrained", [1e6 * time_ for time_ in mine], note=f"x{ratio:.2f}, {tokens}"))
        found.append(row(f"{name}: mlx_lm.server", [1e6 * time_ for time_ in other]))
    return found


def rows(size: Size) -> Iterator[Row]:
    """Both kinds of question, from few clients to many. Small: one of each, random weights."""
    model = model_folder(size)
    flags = ("--model", str(model), "--max-concurrency", "16", "--max-queue", "64")
    with (
        tempfile.TemporaryDirectory() as folder,
        other_server(model, Path(folder, "theirs.log")) as started,
        Server(*flags, log=Path(folder, "ours.log")) as server,
    ):
        theirs = started()
        ask(theirs, {"messages": question("text", 0), "max_tokens": 4})
        ask(server.port, {"messages": question("text", 0), "max_tokens": 4})
        for kind in ("text", "call"):
            for clients in size.of(small=CONCURRENCY[:1], full=CONCURRENCY):
                turns = size.of(small=1, full=max(2, 6 // clients))
                yield from rows_of(kind, clients, *rounds(kind, clients, turns, server.port, theirs))
