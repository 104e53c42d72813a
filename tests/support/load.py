"""Many clients at once: random requests in every format, streamed or not, some of which hang up.

What is complete is judged: calls against their tool's schema, answers against theirs.
"""

import contextlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.http_server import Server, read_events

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
HANGS_UP = 0.2  # of the clients


@dataclass(slots=True)
class Tally:
    """What happened; `problems` must be empty."""

    seen: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list[str])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, problem: str | None = None) -> None:
        with self.lock:
            self.seen[what] += 1
            if problem:
                self.problems.append(problem)


@dataclass(frozen=True, slots=True)
class Case:
    """One request. `schemas` of its tools by name; `answer`: the schema of an answer without calls."""

    path: str
    body: dict[str, Any]
    schemas: dict[str, Any]
    answer: Any


def random_case(random_: random.Random, tools: dict[str, Any], answers: Sequence[Any], max_tokens: int) -> Case:
    """A request of a random kind."""
    path = random_.choice([CHAT, CHAT, RESPONSES, MESSAGES])
    names = random_.sample(sorted(tools), random_.randrange(1, 4))
    choice = random_.choice(["auto", "required", "named", "answer"])
    stream = random_.random() < 0.5
    schemas = {} if choice == "answer" else {name: tools[name] for name in names}
    answer = random_.choice(answers) if choice == "answer" else None
    fields = _fields(path, choice, schemas, answer, max_tokens)
    if stream:
        fields["stream"] = True
    if random_.random() < 0.5:
        _forbid_parallel(path, fields)
    return Case(path, fields, schemas, answer)


def _fields(path: str, choice: str, schemas: dict[str, Any], answer: Any, max_tokens: int) -> dict[str, Any]:
    first = next(iter(schemas), "")
    said = {"role": "user", "content": f"Please help me with {', '.join(schemas) or 'an answer'}."}
    match path:
        case "/v1/chat/completions":
            fields: dict[str, Any] = {"messages": [said], "max_tokens": max_tokens}
            tools = [{"type": "function", "function": {"name": n, "parameters": s}} for n, s in schemas.items()]
            named: Any = {"type": "function", "function": {"name": first}}
            wanted: dict[str, Any] = {
                "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": answer}}
            }
        case "/v1/responses":
            fields = {"input": [said], "max_output_tokens": max_tokens, "store": False}
            tools = [{"type": "function", "name": n, "parameters": s} for n, s in schemas.items()]
            named = {"type": "function", "name": first}
            wanted = {"text": {"format": {"type": "json_schema", "name": "a", "schema": answer}}}
        case _:
            fields = {"messages": [said], "max_tokens": max_tokens}
            tools = [{"name": n, "input_schema": s} for n, s in schemas.items()]
            named = {"type": "tool", "name": first}
            wanted = {"output_format": {"type": "json_schema", "schema": answer}}
    if not schemas:
        return fields | wanted
    required = {"type": "any"} if path == MESSAGES else "required"
    auto = {"type": "auto"} if path == MESSAGES else "auto"
    return fields | {"tools": tools, "tool_choice": {"auto": auto, "required": required, "named": named}[choice]}


def _forbid_parallel(path: str, fields: dict[str, Any]) -> None:
    if path != MESSAGES:
        fields["parallel_tool_calls"] = False
    elif "tool_choice" in fields:
        fields["tool_choice"] = {**fields["tool_choice"], "disable_parallel_tool_use": True}


# ---------------------------------------------------------------- clients


def run_clients(server: Server, cases: Sequence[Case], clients: int, seed: int, seconds: float = 600) -> Tally:
    """Send all cases, `clients` at a time."""
    tally, todo, lock = Tally(), list(enumerate(cases)), threading.Lock()

    def client() -> None:
        while True:
            with lock:
                if not todo:
                    return
                number, case = todo.pop(0)
            random_ = random.Random(f"{seed} {number}")
            try:
                _send(server, case, random_, tally, seconds)
            except (OSError, ValueError) as error:
                tally.add("broken", f"case {number}: {error!r}")

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def _send(server: Server, case: Case, random_: random.Random, tally: Tally, seconds: float) -> None:
    with contextlib.closing(server.connection(seconds)) as connection:
        connection.request("POST", case.path, json.dumps(case.body), {"Content-Type": "application/json"})
        if random_.random() < HANGS_UP:
            time.sleep(random_.random() * 0.5)
            tally.add("hung up")
            return
        response = connection.getresponse()
        if response.status == 429:
            tally.add("refused: queue full")
            return
        raw = response.read().decode()
    if response.status != 200:
        tally.add("refused", f"status {response.status}: {raw[:300]} for {json.dumps(case.body)[:500]}")
        return
    body = _result(case.path, raw) if case.body.get("stream") else json.loads(raw)
    problem = judge(case, body)
    tally.add(
        "call" if calls_of(case.path, body) else "answer", problem and f"{problem} for {json.dumps(case.body)[:500]}"
    )


def _result(path: str, raw: str) -> dict[str, Any]:
    """The object that a stream adds up to."""
    events = [data for _, data in read_events(raw.splitlines())]
    if path == RESPONSES:
        return events[-1]["response"]
    if path == MESSAGES:
        return _message(events)
    if events[-1] != "[DONE]":
        raise ValueError(f"a stream that ends with {events[-1]}")
    message: dict[str, Any] = {"content": "", "tool_calls": []}
    for chunk in events[:-1]:
        delta = chunk["choices"][0]["delta"] if chunk["choices"] else {}
        message["content"] += delta.get("content") or ""
        for piece in delta.get("tool_calls", ()):
            if "id" in piece:
                message["tool_calls"].append({"function": {"name": piece["function"]["name"], "arguments": ""}})
            message["tool_calls"][piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
    return {"choices": [{"message": message, "finish_reason": events[-2]["choices"][0]["finish_reason"]}]}


def _message(events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for event in events:
        match event["type"]:
            case "content_block_start":
                content.append({**event["content_block"], "json": ""})
            case "content_block_delta" if event["delta"]["type"] == "text_delta":
                content[-1]["text"] += event["delta"]["text"]
            case "content_block_delta" if event["delta"]["type"] == "input_json_delta":
                content[-1]["json"] += event["delta"]["partial_json"]
            case "content_block_stop" if content[-1]["type"] == "tool_use":
                content[-1]["input"] = json.loads(content[-1]["json"])
            case _:
                pass
    if events[-1]["type"] != "message_stop":
        raise ValueError(f"a stream that ends with {events[-1]}")
    return {"content": content, "stop_reason": events[-2]["delta"]["stop_reason"]}


# ---------------------------------------------------------------- judging


def calls_of(path: str, body: dict[str, Any]) -> list[tuple[str, Any]]:
    """Names and arguments of the calls in an answer."""
    if path == CHAT:
        made = body["choices"][0]["message"].get("tool_calls") or ()
        return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in made]
    if path == RESPONSES:
        made = [item for item in body["output"] if item["type"] == "function_call"]
        return [(item["name"], json.loads(item["arguments"])) for item in made]
    return [(block["name"], block["input"]) for block in body["content"] if block["type"] == "tool_use"]


def text_of(path: str, body: dict[str, Any]) -> str:
    """The words of an answer."""
    if path == CHAT:
        return body["choices"][0]["message"]["content"] or ""
    if path == RESPONSES:
        parts = [item["content"] for item in body["output"] if item["type"] == "message"]
        return "".join(part["text"] for content in parts for part in content)
    return "".join(block["text"] for block in body["content"] if block["type"] == "text")


def judge(case: Case, body: dict[str, Any]) -> str | None:
    """What is wrong with a complete answer."""
    calls = calls_of(case.path, body)
    for name, arguments in calls:
        if name not in case.schemas:
            return f"a call of {name}"
        if errors := list(Draft202012Validator(case.schemas[name]).iter_errors(arguments)):
            return f"a call of {name} that does not validate: {errors[0].message}"
    choice = case.body.get("tool_choice")
    must = choice is not None and choice not in ("auto", {"type": "auto"}) and "auto" not in str(choice)
    if must and not calls:
        return "no call, though one is required"
    one = case.body.get("parallel_tool_calls") is False or "disable_parallel_tool_use" in str(choice)
    if one and len(calls) > 1:
        return "several calls, though one is allowed"
    if case.answer is not None:
        try:
            value = json.loads(text_of(case.path, body))
        except ValueError as error:
            return f"an answer that is not JSON: {error}"
        if errors := list(Draft202012Validator(case.answer).iter_errors(value)):
            return f"an answer that does not validate: {errors[0].message}"
    return None
