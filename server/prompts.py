"""From the messages of a job to the tokens of a prompt, through the model's own chat template.

messages, tools --> conventions of the template --> text --> tokens
                                                     `--> is a section of reasoning open at its end?
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

from jinja2 import TemplateError
from mlx_lm.tokenizer_utils import TokenizerWrapper

from constrained.errors import InvalidGrammar, PromptError
from grammars.tools.conventions import Conventions, learn
from grammars.tools.definitions import Tool
from grammars.tools.formats import ToolFormat
from grammars.tools.prompting import TemplateInput, template_input
from grammars.tools.reasoning import reasoning_in
from grammars.tools.turns import Reasoning
from server.jobs import Message, Thinking

RESERVED = frozenset({"messages", "tools", "add_generation_prompt", "continue_final_message", "tokenize"})
REASON_LENGTH = 300  # characters of a template's own error message that are passed on


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model reads, and where its reasoning stands at the end of it; None: the model may begin one."""

    tokens: tuple[int, ...]
    reasoning: Reasoning | None


class Prompts:
    """The prompts of one model. For all threads."""

    def __init__(self, tokenizer: TokenizerWrapper, family: ToolFormat) -> None:
        self._tokenizer = tokenizer
        self._family = family
        self._lock = Lock()  # fast tokenizers refuse to be used by two threads at once
        plain = Conventions(system=True)
        self._conventions = learn(lambda messages, tools: self._render(messages, tools, {})) if self.renders else plain

    @property
    def renders(self) -> bool:
        """Is there a chat template? Otherwise prompts are the texts of messages."""
        return bool(self._tokenizer.has_chat_template)

    def prompt(self, messages: Sequence[Message], tools: Sequence[Tool], thinking: Thinking) -> Prompt:
        """The prompt of a conversation.

        Raises GrammarError with the place of a message that is wrong, PromptError for a conversation that
        the template refuses.
        """
        given = template_input(messages, tools, self._conventions, self._family)
        text = self._text(given, thinking)
        reasoning, thoughts = reasoning_in(text, self._family), self._family.reasoning
        if thinking.enabled is False:
            if reasoning == "opened" and thoughts is not None:
                text = text.rstrip() + f"\n\n{thoughts.closes}\n\n"
            reasoning = "none"
        return Prompt(self._tokens(text), None if reasoning == "free" else reasoning)

    def _text(self, given: TemplateInput, thinking: Thinking) -> str:
        if not self.renders:
            return "\n\n".join(str(message["content"]) for message in given.messages)
        extra: dict[str, Any] = dict(thinking.template)
        for name in sorted(RESERVED & extra.keys()):
            raise InvalidGrammar("the server gives this to the template", where=f"chat_template_kwargs.{name}")
        if thinking.enabled is not None:
            extra["enable_thinking"] = thinking.enabled
        if thinking.effort is not None:
            extra["reasoning_effort"] = thinking.effort
        try:
            return self._render(given.messages, given.tools, extra)
        except TemplateError as error:
            reason = " ".join(str(error).split())[:REASON_LENGTH]
            raise PromptError(f"the model's chat template refuses the conversation: {reason}") from error
        # Templates are programs: with data that they did not expect they raise anything.
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:REASON_LENGTH]
            raise PromptError(f"the model's chat template fails on the conversation: {reason}") from error

    def _render(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None, extra: Mapping[str, Any]
    ) -> str:
        render = cast("Any", self._tokenizer).apply_chat_template
        return render(messages, tools=tools, add_generation_prompt=True, tokenize=False, **extra)

    def _tokens(self, text: str) -> tuple[int, ...]:
        start = cast("str | None", self._tokenizer.bos_token)
        add_start = not self.renders and (start is None or not text.startswith(start))
        with self._lock:
            tokens = self._tokenizer.encode(text, add_special_tokens=add_start)
        if not tokens:
            raise PromptError("the prompt is empty: a model needs at least one token to start from")
        return tuple(tokens)
