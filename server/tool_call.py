"""A question and some tools in, an assistant message with one call out: what the command line does.

tools ---+--> instructions, or the chat template --> prompt --> model
         `--> grammar of one call ------------------------------^  |
message <---------------------------- framer <---------------------'
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from constrained import Vocabulary
from grammars.tools.compile import ToolGrammar, compile_tools
from grammars.tools.definitions import Tool
from grammars.tools.events import (
    ArgumentsDelta,
    CallFinished,
    CallStarted,
    Event,
    Finished,
    InputDelta,
    ReasoningDelta,
    TextDelta,
)
from grammars.tools.formats import ToolFormat


def compile_call(tools: object, vocabulary: Vocabulary, family: ToolFormat) -> ToolGrammar:
    """The texts that call exactly one of `tools`. Raises GrammarError with the place in the document."""
    return compile_tools(tools, vocabulary, tool_choice="required", parallel_tool_calls=False, format=family)


def conversation(question: str, tools: Sequence[Tool], family: ToolFormat) -> list[dict[str, Any]]:
    """The messages of a question; they begin with the tools if the family's chat template does not show them."""
    messages = [{"role": "user", "content": question}]
    if family.instructions:
        listed = "\n".join(json.dumps(openai_tool(tool)["function"], ensure_ascii=False) for tool in tools)
        messages.insert(0, {"role": "system", "content": family.instructions.format(tools=listed)})
    return messages


def openai_tool(tool: Tool) -> dict[str, Any]:
    """A tool as OpenAI writes it, and as chat templates expect it."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    return {"type": "function", "function": function}


def assistant_message(events: Iterable[Event]) -> dict[str, Any]:
    """The message that a turn's events add up to, in OpenAI's shape."""
    content, reasoning = "", ""
    calls: list[dict[str, Any]] = []
    for event in events:
        match event:
            case TextDelta(text):
                content += text
            case ReasoningDelta(text):
                reasoning += text
            case CallStarted(_, id, name, "function"):
                calls.append({"id": id, "type": "function", "function": {"name": name, "arguments": ""}})
            case CallStarted(_, id, name):
                calls.append({"id": id, "type": "custom", "custom": {"name": name, "input": ""}})
            case ArgumentsDelta(index, text):
                calls[index]["function"]["arguments"] += text
            case InputDelta(index, text):
                calls[index]["custom"]["input"] += text
            case CallFinished() | Finished():
                pass
            case _:
                assert_never(event)
    message: dict[str, Any] = {"role": "assistant", "content": content or None}
    if reasoning:
        message["reasoning_content"] = reasoning
    return message | {"tool_calls": calls}
