"""`constrained demo`: the call, and what was forced of it."""

import dataclasses
import json

import jsonschema

from server import demo
from tests.support.command_line import run


def test_the_demo_shows_the_call_and_what_was_forced(capsys, model):
    code, out, _ = run(capsys, "demo", "--model", model, "--temperature", "1", "--seed", "5")
    assert code == 0
    assert demo.QUESTION in out
    assert '"tool_calls"' in out
    assert "forced" in out


def test_the_demo_speaks_json(capsys, model):
    code, out, _ = run(capsys, "demo", "--json", "--model", model, "--temperature", "1", "--seed", "5")
    assert code == 0
    shown = json.loads(out)
    [call] = shown["message"]["tool_calls"]
    tool = next(t["function"] for t in demo.TOOLS if t["function"]["name"] == call["function"]["name"])
    jsonschema.validate(json.loads(call["function"]["arguments"]), tool["parameters"])
    assert 0 < shown["forced_tokens"] < len(shown["tokens"])
    assert 0 < shown["removed_mean"] < 1


@dataclasses.dataclass
class Token:
    text: bytes
    forced: bool
    id: int = 0
    removed: float = 0.5
    logprob: float = 0.0


def test_the_demo_marks_each_character_under_its_line():
    """A character that is cut into tokens has the mark of the token that completes it."""
    tokens = [
        Token(b"<a>\n", True),
        Token(b"caf\xc3", True),
        Token(b"\xa9", False),
        Token(b"!\n", False),
        Token(b"", True),
    ]
    shown = demo.as_text("?", {}, tokens, 100, 1.0)
    assert "  <a>\n  ...\n  café!\n  ...^^\n  \n" in shown
    assert "5 tokens in 1.0 s: 3 forced, 2 chosen. The masks removed 50.0% of 100 tokens" in shown
