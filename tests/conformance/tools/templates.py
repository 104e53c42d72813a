"""Chat templates, rendered as a tokenizer does."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from constrained import Vocabulary
from grammars.tools.compile import compile_tools
from grammars.tools.conventions import Conventions, Message, learn
from grammars.tools.definitions import read_tools
from grammars.tools.formats import ToolFormat
from grammars.tools.history import template_messages, template_tools
from grammars.tools.reasoning import reasoning_in
from tests.conformance.tools.walks import frame, tokens_of
from tests.support.shared_data import find_shared, shared

_FOLDER = find_shared("data/chat_templates")
NAMES = sorted(path.stem for path in _FOLDER.glob("*.jinja")) if _FOLDER else []


def template(name: str) -> str:
    """A template's text."""
    return Path(shared(f"data/chat_templates/{name}.jinja")).read_text()


def render(
    name: str,
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] | None,
    *,
    prompt: bool = True,
    **more: Any,
) -> str:
    """A conversation as text; with `prompt`, up to where the model goes on."""
    texts, _ = render_jinja_template(
        conversations=[list(messages)],
        tools=None if tools is None else list(tools),  # type: ignore[arg-type]
        chat_template=template(name),
        add_generation_prompt=prompt,
        bos_token="<s>",
        eos_token="</s>",
        **more,
    )
    return texts[0]


@cache
def conventions(name: str) -> Conventions:
    """What a template wants."""
    return learn(lambda messages, tools: render(name, messages, tools))


def called(calls: Sequence[tuple[str, Any]], **more: Any) -> list[Message]:
    """An assistant's message with calls, and their results."""
    entries = [
        {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for place, (name, arguments) in enumerate(calls)
    ]
    results = [{"role": "tool", "tool_call_id": one["id"], "content": "fine"} for one in entries]
    return [{"role": "assistant", "content": None, "tool_calls": entries, **more}, *results]


def written_after_prompt(
    name: str, family: ToolFormat, tools: list[Message], asked: list[Message], said: list[Message], **more: Any
) -> tuple[str, str]:
    """(the prompt of `asked`, what the template writes after it for `said`)."""
    wishes = conventions(name)
    shown = template_tools(read_tools(tools), wishes)
    prompt = render(name, template_messages(asked, wishes, family), shown, **more)
    whole = render(name, template_messages([*asked, *said], wishes, family), shown, prompt=False, **more)
    same = 0
    while same < min(len(prompt), len(whole)) and prompt[same] == whole[same]:
        same += 1
    if same < len(prompt):  # history drops an opened section of reasoning: go back to before its marker
        same = max(prompt.rfind(mark, 0, same) for mark in (">", "\n")) + 1
    return prompt[:same], whole[same:]


def calls_taken(
    text: str, prompt: str, family: ToolFormat, vocabulary: Vocabulary, tools: list[Message], **request: Any
) -> list[tuple[str, Any]]:
    """The calls in the longest beginning of `text` that is a whole turn of the grammar after `prompt`."""
    reasoning = reasoning_in(prompt, family)
    if family.reasoning is not None and text.startswith(family.reasoning.closes):
        reasoning = "opened"  # history writes an empty section as its end alone
    grammar = compile_tools(tools, vocabulary, format=family, reasoning=reasoning, **request)
    matcher, turn = grammar.matcher(), list[int]()
    for token in tokens_of(text, vocabulary):
        if not matcher.allows(token):
            break
        matcher.advance(token)
        turn = matcher.tokens if matcher.is_accepting or matcher.is_finished else turn
        if matcher.is_finished:
            break
    return [(call.name, json.loads(call.arguments)) for call in frame(grammar, turn).calls]
