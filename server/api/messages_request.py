"""POST /v1/messages: Anthropic's request to a job.

user: tool_result, tool_result, text          tool, tool, user
assistant: thinking, text, tool_use           one message of the assistant
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from server.api.bodies import MOST_STOPS, Body, Limit, Messages, NoOp, Probability, Refused, Tools
from server.api.chat_request import Effort
from server.api.tool_types import Ignorable, callable_tools
from server.errors import invalid, unsupported
from server.jobs import Job, Sampling, Thinking

# A line that Claude Code puts before its system prompt: it is for a bill, differs between requests,
# and would keep the prompt from being found in the cache.
BILLING = "x-anthropic-billing-header:"


class ThinkingOptions(Body):
    """Reasoning before the answer."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: Annotated[int, Field(ge=1)] | None = None
    display: NoOp = None


class OutputConfig(Body):
    """What the answer must be."""

    format: dict[str, Any] | None = None
    effort: Effort | None = None


class CountRequest(Body):
    """What of a request decides how long its prompt is."""

    model: str | None = None
    messages: Messages
    system: str | list[dict[str, Any]] | None = None
    tools: Tools | None = None
    tool_choice: dict[str, Any] | None = None
    thinking: ThinkingOptions | None = None
    output_config: OutputConfig | None = None
    output_format: dict[str, Any] | None = None

    cache_control: NoOp = None
    context_management: NoOp = None
    mcp_servers: Refused = None


class MessagesRequest(CountRequest):
    """A request for a message."""

    max_tokens: Limit
    stop_sequences: Annotated[list[str], Field(max_length=MOST_STOPS)] | None = None
    stream: bool | None = None
    temperature: Probability | None = None
    top_p: Probability | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None

    diagnostics: NoOp = None
    inference_geo: NoOp = None
    metadata: NoOp = None
    service_tier: NoOp = None
    speed: NoOp = None

    container: Refused = None
    thread: Refused = None


def messages_job(body: MessagesRequest, ignorable: Ignorable) -> Job:
    """What a request asks for. Raises RequestError for what cannot be honoured."""
    if "" in (body.stop_sequences or ()):
        raise invalid("an empty stop sequence would end every answer", "stop_sequences")
    budget = body.thinking.budget_tokens if body.thinking else None
    if budget is not None and budget >= body.max_tokens:
        raise invalid("budget_tokens must be less than max_tokens", "thinking.budget_tokens")
    return _job(
        body,
        ignorable,
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p, top_k=body.top_k),
        max_tokens=body.max_tokens,
        stop=tuple(body.stop_sequences or ()),
        stream=bool(body.stream),
    )


def count_job(body: CountRequest, ignorable: Ignorable) -> Job:
    """The job of a request that is only counted."""
    return _job(body, ignorable)


def _job(body: CountRequest, ignorable: Ignorable, **more: Any) -> Job:
    listed = callable_tools(body.tools or (), ignorable)
    choice = body.tool_choice or {"type": "auto"}
    conversation = _Conversation()
    if system := _system(body.system):
        conversation.add({"role": "system", "content": system}, "system")
    for index, message in enumerate(body.messages):
        conversation.read(message, f"messages[{index}]")
    if body.output_format is not None and body.output_config and body.output_config.format:
        raise invalid("output_format and output_config.format both say what the answer is", "output_format")
    format_ = body.output_config.format if body.output_config else None
    place = "output_config.format" if format_ else "output_format"
    return Job(
        model=body.model,
        messages=tuple(conversation.messages),
        tools=listed.tools,
        tool_choice={key: value for key, value in choice.items() if key != "disable_parallel_tool_use"},
        parallel=choice.get("disable_parallel_tool_use") is not True,
        answer=format_ or body.output_format,
        thinking=_thinking(body),
        places={**listed.places, **conversation.places, "response_format": place},
        notes=listed.notes,
        **more,
    )


def _thinking(body: CountRequest) -> Thinking:
    effort = body.output_config.effort if body.output_config else None
    asked = body.thinking
    if asked is None or asked.type == "disabled":
        return Thinking(enabled=False, effort=effort)  # Anthropic's default: no thinking blocks unless asked for
    enabled = True if asked.type == "enabled" else None
    return Thinking(enabled=enabled, budget=asked.budget_tokens, effort=effort)


def _system(system: str | Sequence[Mapping[str, Any]] | None) -> str:
    if system is None or isinstance(system, str):
        return system or ""
    texts: list[str] = []
    for index, block in enumerate(system):
        if block.get("type") != "text":
            raise unsupported(f"system[{index}].type", f"a block of type {block.get('type')!r}")
        text = block.get("text")
        if not isinstance(text, str):
            raise invalid("expected a text", f"system[{index}].text")
        if not text.startswith(BILLING):
            texts.append(text)
    return "\n\n".join(texts)


# ---------------------------------------------------------------- blocks to messages


class _Conversation:
    """Messages in the making, and where each was in the request."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.places: dict[str, str] = {}

    def add(self, message: dict[str, Any], where: str) -> None:
        self.places[f"messages[{len(self.messages)}]"] = where
        self.messages.append(message)

    def read(self, message: Mapping[str, Any], where: str) -> None:
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant", "system"):
            raise invalid(f"unknown role {role!r}", f"{where}.role")
        if isinstance(content, str):
            self.add({"role": role, "content": content}, where)
        elif not isinstance(content, list):
            raise invalid("expected a text, or a list of blocks", f"{where}.content")
        elif role == "assistant":
            self._read_assistant(cast("list[object]", content), where)
        else:
            self._read_user(role, cast("list[object]", content), where)

    def _read_user(self, role: str, content: list[object], where: str) -> None:
        texts: list[dict[str, Any]] = []
        for at, block in _blocks(content, where):
            match block.get("type"):
                case "text":
                    texts.append({"type": "text", "text": block.get("text")})
                case "tool_result" if role == "user":
                    parts = _result(block.get("content"), f"{at}.content")
                    self.add({"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": parts}, at)
                case other:
                    raise unsupported(f"{at}.type", f"a block of type {other!r}")
        if texts:
            self.add({"role": role, "content": texts}, where)

    def _read_assistant(self, content: list[object], where: str) -> None:
        made: dict[str, Any] = {"role": "assistant", "content": None}
        texts: list[dict[str, Any]] = []
        thoughts: list[str] = []
        calls: list[dict[str, Any]] = []
        for at, block in _blocks(content, where):
            match block.get("type"):
                case "text":
                    texts.append({"type": "text", "text": block.get("text")})
                case "thinking":
                    thoughts.append(str(block.get("thinking", "")))
                case "redacted_thinking":
                    pass  # another server's: nobody here can read it
                case "tool_use":
                    place = f"messages[{len(self.messages)}].tool_calls[{len(calls)}]"
                    self.places |= {place: at, f"{place}.function.arguments": f"{at}.input"}
                    function = {"name": block.get("name"), "arguments": block.get("input")}
                    calls.append({"id": block.get("id"), "type": "function", "function": function})
                case other:
                    raise unsupported(f"{at}.type", f"a block of type {other!r}")
        made |= {"content": texts} if texts else {}
        made |= {"reasoning_content": "\n".join(thoughts)} if thoughts else {}
        made |= {"tool_calls": calls} if calls else {}
        self.add(made, where)


def _blocks(content: Sequence[object], where: str) -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = []
    for index, block in enumerate(content):
        if not isinstance(block, Mapping):
            raise invalid("expected an object", f"{where}.content[{index}]")
        found.append((f"{where}.content[{index}]", cast("Mapping[str, Any]", block)))
    return found


def _result(content: object, where: str) -> object:
    """What a tool answered: a text, or a list of texts."""
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise invalid("expected a text, or a list of blocks", where)
    for index, block in enumerate(cast("list[object]", content)):
        kind = cast("Mapping[str, Any]", block).get("type") if isinstance(block, Mapping) else None
        if kind != "text":
            raise unsupported(f"{where}[{index}].type", f"a block of type {kind!r}")
    return cast("list[object]", content)
