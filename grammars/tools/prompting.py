"""What a chat template is given: messages, and tools, which it may or may not show to the model.

    the template shows tools         messages, tools
    it does not, or the family has   a system message that lists the tools and shows a call;
    instructions of its own          no tools

Many templates show none, though their models were trained to call (DeepSeek R1, SmolLM3). A model that is
not told about its tools can only guess their names. A model that was never trained to call may call if it
seems to have done so before: where the family asks for it, the conversation begins with two examples, one
of an answer in words and one of a call. What they speak of, such a model goes on to speak of: the call is a search.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from grammars.tools.conventions import Conventions, Message
from grammars.tools.definitions import Tool
from grammars.tools.formats import ToolFormat
from grammars.tools.history import template_messages, template_tools
from grammars.tools.rendering import WrittenCall, render_calls

_INSTRUCTIONS = """\
You may call functions to help with the user's request. They are listed within <tools></tools>:
<tools>
{tools}
</tools>

This is how a function is called:
{call}"""
_WORDS = ("Hello!", "Hello! How can I help you?")
_ASKED = "Find a train to Rome."
_CALLED = WrittenCall("search", {"text": "train to Rome"})
_EXAMPLE = WrittenCall("function_name", {"argument": "value"})


@dataclass(frozen=True, slots=True)
class TemplateInput:
    """The arguments of `apply_chat_template`."""

    messages: list[Message]
    tools: list[Message] | None


def template_input(
    messages: object, tools: Sequence[Tool], conventions: Conventions, family: ToolFormat
) -> TemplateInput:
    """A conversation and the tools that the model may call in it. Raises as `template_messages`."""
    written = template_messages(messages, conventions, family)
    none: list[Message] | None = [] if conventions.wants_tools else None
    if not tools:
        return TemplateInput(written, none)
    if conventions.shows_tools and not family.instructions:
        return TemplateInput(written, template_tools(tools, conventions))
    if family.examples:
        written = _with_examples(written, family)
    return TemplateInput(_with_instructions(written, instructions(tools, family), conventions), none)


def instructions(tools: Sequence[Tool], family: ToolFormat) -> str:
    """What a system prompt says about tools: the family's own words, or a list and an example."""
    listed = [json.dumps(one, ensure_ascii=False) for one in template_tools(tools, Conventions())]
    text = family.instructions or _INSTRUCTIONS
    return text.format(tools="\n".join(listed), list=", ".join(listed), call=example(family))


def example(family: ToolFormat) -> str:
    """A call, as the family writes it."""
    return render_calls(family, [_EXAMPLE])


def _with_examples(messages: list[Message], family: ToolFormat) -> list[Message]:
    """The messages behind two that the model has answered already; not if the first is the assistant's own."""
    first = next((place for place, message in enumerate(messages) if message["role"] != "system"), len(messages))
    if messages[first:] and messages[first]["role"] != "user":
        return messages
    said = (*_WORDS, _ASKED, render_calls(family, [_CALLED]))
    turns = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(said)]
    return [*messages[:first], *turns, *messages[first:]]


def _with_instructions(messages: list[Message], text: str, conventions: Conventions) -> list[Message]:
    """The messages with `text` in the system message, or before what the user says first."""
    role = "system" if conventions.system else "user"
    first = messages[0] if messages else None
    if first is not None and first["role"] == role:
        return [{**first, "content": f"{text}\n\n{first['content']}"}, *messages[1:]]
    return [{"role": role, "content": text}, *messages]
