"""Chat templates, rendered as a tokenizer does."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from grammars.tools.conventions import Conventions, Message, learn
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
        tools=list(tools) if tools else None,  # type: ignore[arg-type]
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
