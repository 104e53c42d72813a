"""A question and some tools in, a prompt and the grammar of one call out: what the command line does.

tools --+--> the chat template, or instructions --> prompt --> model
        `--> grammar of one call --------------------------^  |
message <---------------------------- framer <----------------'
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from grammars.tools.compile import ToolGrammar, compile_tools
from grammars.tools.conventions import Render, learn
from grammars.tools.definitions import read_tools
from grammars.tools.formats import ToolFormat
from grammars.tools.prompting import template_input
from grammars.tools.reasoning import reasoning_in

if TYPE_CHECKING:
    from constrained.runtime import LoadedModel, Prompt


def renderer(tokenizer: object) -> Render:
    """The chat template of a tokenizer as `conventions.learn` asks for it."""
    template = cast("Any", tokenizer).apply_chat_template

    def render(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None) -> str:
        return template(list(messages), tools=tools, tokenize=False, add_generation_prompt=True)

    return render


def prepare(question: str, tools: object, loaded: "LoadedModel", family: ToolFormat) -> "tuple[Prompt, ToolGrammar]":
    """The prompt of a question, and the grammar of exactly one call. Raises GrammarError with the place in `tools`."""
    from constrained.runtime import chat_ids, vocabulary_of

    render = renderer(loaded.tokenizer)
    known = read_tools(tools)
    given = template_input([{"role": "user", "content": question}], known, learn(render), family)
    templated = loaded.tokenizer.has_chat_template
    grammar = compile_tools(
        tools,
        vocabulary_of(*loaded),
        tool_choice="required",
        parallel_tool_calls=False,
        format=family,
        reasoning=reasoning_in(render(given.messages, given.tools), family) if templated else None,
    )
    return chat_ids(loaded.tokenizer, given.messages, tools=given.tools), grammar
