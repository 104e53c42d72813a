"""The packaged model, asked what a tool is for: which one does it call?

A model of 135 million parameters is a weak judge; that its calls are valid is the grammar's doing.
`python -m tests.conformance.tools.test_real_model [FORMAT]` prints what the table in docs/tools.md sums up.
"""

import json
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import product
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


@dataclass(frozen=True)
class Task:
    """Three tools, questions with the tool that each is for, and some that no tool is for."""

    tools: list[dict[str, Any]]
    questions: dict[str, str]
    others: list[str]


OFFICE = Task(
    [
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
    ],
    {
        "What is the weather in Paris?": "get_weather",
        "Is it raining in London right now?": "get_weather",
        "How is the weather in Tokyo today?": "get_weather",
        "Will it snow in Oslo tomorrow?": "get_weather",
        "Do I need an umbrella in Madrid?": "get_weather",
        "Calculate 12 * 7.": "calculate",
        "What is 23 + 45?": "calculate",
        "Compute (3 + 4) * 5 for me.": "calculate",
        "What is 144 divided by 12?": "calculate",
        "How much is 99 - 45?": "calculate",
        "Send an email to anna@example.com that says hello.": "send_email",
        "Email bob@example.com: the meeting is at noon.": "send_email",
        "Write to carl@example.org that I am late.": "send_email",
        "Tell eva@example.net by mail that the door is open.": "send_email",
    },
    [
        "Hello! How are you?",
        "Tell me a short joke.",
        "What is the capital of France?",
        "Write one sentence about the sea.",
        "Thank you very much!",
        "Who wrote Hamlet?",
    ],
)
HOME = Task(
    [
        tool("set_timer", "Set a kitchen timer.", minutes={"type": "integer", "minimum": 1, "maximum": 180}),
        tool(
            "translate",
            "Translate a text into another language.",
            text={"type": "string", "maxLength": 60},
            language={"type": "string", "maxLength": 20},
        ),
        tool("play_music", "Play a song or an artist.", query={"type": "string", "maxLength": 40}),
    ],
    {
        "Set a timer for 8 minutes.": "set_timer",
        "Wake me in 20 minutes.": "set_timer",
        "Start a timer: 3 minutes for the eggs.": "set_timer",
        "Remind me in half an hour.": "set_timer",
        "Translate 'good morning' into French.": "translate",
        "How do you say 'thank you' in Spanish?": "translate",
        "What is 'cat' in German?": "translate",
        "Put 'I love you' into Italian.": "translate",
        "Play some jazz.": "play_music",
        "I want to hear the Beatles.": "play_music",
        "Put on Bohemian Rhapsody.": "play_music",
        "Play a song by Madonna.": "play_music",
    },
    [
        "Hi there!",
        "What is the largest planet?",
        "Give me a tip for sleeping well.",
        "Write a haiku about rain.",
        "Thanks!",
        "Who was Mozart?",
    ],
)
ERRANDS = Task(
    [
        tool("save_note", "Save a note.", text={"type": "string", "maxLength": 60}),
        tool("get_stock_price", "Get the price of a company's stock.", company={"type": "string", "maxLength": 30}),
        tool(
            "find_restaurant",
            "Find a restaurant in a city.",
            city={"type": "string", "maxLength": 30},
            cuisine={"enum": ["italian", "indian", "japanese", "any"]},
        ),
    ],
    {
        "Note that the key is under the mat.": "save_note",
        "Write down: call the dentist on Monday.": "save_note",
        "Please save the note 'buy bread'.": "save_note",
        "What is the stock price of Apple?": "get_stock_price",
        "How much is a share of Toyota?": "get_stock_price",
        "Is Siemens up today?": "get_stock_price",
        "Where can I eat sushi in Berlin?": "find_restaurant",
        "Find an Italian restaurant in Boston.": "find_restaurant",
        "I would like to have a curry in Leeds tonight.": "find_restaurant",
    },
    ["Good evening.", "How many legs has a spider?", "Say something nice.", "What does 'hasty' mean?"],
)
TASKS = {"office": OFFICE, "home": HOME, "errands": ERRANDS}


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    try:
        find_gguf()
    except ModelError as error:
        pytest.skip(str(error))
    return load_model()


def ask(loaded: LoadedModel, tools: list[dict[str, Any]], question: str, family: str, choice: str) -> Told:
    """What the model says to one question."""
    known = read_tools(tools)
    asked = [{"role": "user", "content": question}]
    wishes = learn(renderer(loaded.tokenizer))
    given = template_input(asked, known, wishes, FORMATS[family])
    grammar = compile_tools(tools, vocabulary_of(*loaded), format=family, tool_choice=choice, parallel_tool_calls=False)
    made = generate(*loaded, chat_ids(loaded.tokenizer, given.messages), grammar, max_tokens=120)
    framer = grammar.framer()
    events = [event for token in made.tokens for event in framer.feed_token(token.id)]
    return told([*events, *framer.finish(cut=made.finish_reason == "length")])


@pytest.mark.parametrize("family", ["smollm2", "generic"])
@pytest.mark.parametrize("task", TASKS)
def test_most_questions_reach_the_right_tool(loaded: LoadedModel, family: str, task: str):
    tools, questions = TASKS[task].tools, TASKS[task].questions
    right = 0
    for question, wanted in questions.items():
        (call,) = ask(loaded, tools, question, family, "required").calls
        assert isinstance(json.loads(call.arguments), dict)
        right += call.name == wanted
    assert right >= len(questions) // 2


@pytest.mark.parametrize("task", TASKS)
def test_on_its_own_it_calls_more_for_questions_that_need_a_tool_than_for_others(loaded: LoadedModel, task: str):
    tools = TASKS[task].tools
    called = [bool(ask(loaded, tools, question, "generic", "auto").calls) for question in TASKS[task].questions]
    others = [bool(ask(loaded, tools, question, "generic", "auto").calls) for question in TASKS[task].others]
    assert sum(called) / len(called) >= sum(others) / len(others) + 0.2


def main(families: list[str]) -> None:
    """Print every answer as a line of JSON, and what they add up to."""
    loaded = load_model()
    for family, choice in product(families or ["generic", "smollm2"], ("required", "auto")):
        right: Counter[str] = Counter()
        for name, task in TASKS.items():
            others = dict.fromkeys(task.others, "") if choice == "auto" else {}
            for question, wanted in {**task.questions, **others}.items():
                found = ask(loaded, task.tools, question, family, choice)
                named = [call.name for call in found.calls]
                right["tools" if wanted else "words"] += named == [wanted] * bool(wanted)
                right["calls"] += bool(wanted and named)
                said = [call.arguments for call in found.calls] or found.text[:60]
                line = {"format": family, "choice": choice, "task": name, "question": question}
                print(json.dumps({**line, "wanted": wanted, "called": named, "said": said}), flush=True)  # noqa: T201
        print(json.dumps({"format": family, "choice": choice, **right}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
