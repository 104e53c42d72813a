"""The packaged model, asked what a tool is for: which one does it call?

A model of 135 million parameters is a weak judge; that its calls are valid is the grammar's doing.
`python -m tests.conformance.tools.test_real_model` prints the table in docs/tools.md.
"""

import json
from typing import Any

import pytest

from constrained.errors import ModelError
from constrained.runtime import LoadedModel, chat_ids, generate, load_model, vocabulary_of
from constrained.runtime.packaged_model import find_gguf
from grammars.tools.compile import compile_tools
from grammars.tools.conventions import learn
from grammars.tools.definitions import read_tools
from grammars.tools.prompting import template_input
from grammars.tools.tables import FORMATS
from server.tool_call import renderer
from tests.conformance.tools.walks import Told, told

pytestmark = [pytest.mark.model, pytest.mark.slow]


def tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


TOOLS = [
    tool("get_weather", "Get the current weather in a city.", city={"type": "string", "maxLength": 40}),
    tool(
        "send_email",
        "Send an email.",
        to={"type": "string", "format": "email"},
        text={"type": "string", "maxLength": 80},
    ),
    tool(
        "calculate",
        "Evaluate an arithmetic expression.",
        expression={"type": "string", "pattern": "^[0-9+*/(). -]{1,30}$"},
    ),
]
QUESTIONS = [
    ("What is the weather in Paris?", "get_weather"),
    ("Is it raining in London right now?", "get_weather"),
    ("How is the weather in Tokyo today?", "get_weather"),
    ("Calculate 12 * 7.", "calculate"),
    ("What is 23 + 45?", "calculate"),
    ("Compute (3 + 4) * 5 for me.", "calculate"),
    ("Send an email to anna@example.com that says hello.", "send_email"),
    ("Email bob@example.com: the meeting is at noon.", "send_email"),
]

WORDS = [
    "Hello! How are you?",
    "Tell me a short joke.",
    "What is the capital of France?",
    "Write one sentence about the sea.",
]


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    try:
        find_gguf()
    except ModelError as error:
        pytest.skip(str(error))
    return load_model()


def ask(loaded: LoadedModel, question: str, family: str, choice: str) -> Told:
    """What the model says to one question."""
    asked = [{"role": "user", "content": question}]
    given = template_input(asked, read_tools(TOOLS), learn(renderer(loaded.tokenizer)), FORMATS[family])
    grammar = compile_tools(TOOLS, vocabulary_of(*loaded), format=family, tool_choice=choice, parallel_tool_calls=False)
    made = generate(*loaded, chat_ids(loaded.tokenizer, given.messages), grammar, max_tokens=120)
    framer = grammar.framer()
    events = [event for token in made.tokens for event in framer.feed_token(token.id)]
    return told([*events, *framer.finish(cut=made.finish_reason == "length")])


@pytest.mark.parametrize("family", ["smollm2", "generic"])
def test_most_questions_reach_the_right_tool(loaded: LoadedModel, family: str):
    right = 0
    for question, wanted in QUESTIONS:
        (call,) = ask(loaded, question, family, "required").calls
        assert isinstance(json.loads(call.arguments), dict)
        right += call.name == wanted
    assert right >= len(QUESTIONS) // 2


def test_on_its_own_it_calls_a_tool_for_most_questions_that_need_one_and_for_few_others(loaded: LoadedModel):
    called = sum(bool(ask(loaded, question, "generic", "auto").calls) for question, _ in QUESTIONS)
    others = sum(bool(ask(loaded, question, "generic", "auto").calls) for question in WORDS)
    assert called >= 6
    assert others <= 2


def main() -> None:
    """Print the table."""
    loaded = load_model()
    for family in ("smollm2", "generic"):
        for choice in ("required", "auto"):
            nobody = [(question, "") for question in WORDS] if choice == "auto" else []
            for question, wanted in [*QUESTIONS, *nobody]:
                found = ask(loaded, question, family, choice)
                said = "; ".join(f"{call.name} {call.arguments}" for call in found.calls) or repr(found.text[:60])
                right = [call.name for call in found.calls] == [wanted] * bool(wanted)
                print(f"| {family} | {choice} | {question} | {'yes' if right else 'no'} | {said} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
