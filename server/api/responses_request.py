"""POST /v1/responses: a request to a job.

    input                                      messages
    {"role": "user", "content": [...]}         user
    reasoning, message, function_call,         one message of the assistant
      function_call
    function_call_output                       tool

An answer of ours is a row of items, and clients send them back one by one; to a chat template they
are one message. `places` remembers which item became what, so an error names the item.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from server.api.bodies import (
    MOST_MESSAGES,
    MOST_SCORES,
    Body,
    Limit,
    NoOp,
    Penalty,
    Probability,
    Refused,
    Seed,
    Temperature,
    Tools,
)
from server.api.chat_request import Effort
from server.api.tool_types import Ignorable, callable_tools
from server.errors import invalid, unsupported
from server.jobs import Job, Sampling, Thinking

INCLUDABLE = ("reasoning.encrypted_content", "message.output_text.logprobs")
_SEALED = "plain:"  # before base64: what `encrypted_content` holds is not secret, it only travels


class ReasoningOptions(Body):
    """How much to think."""

    effort: Effort | None = None
    summary: NoOp = None
    generate_summary: NoOp = None
    context: NoOp = None


class TextOptions(Body):
    """What the answer must be."""

    format: dict[str, Any] | None = None
    verbosity: NoOp = None


class ResponsesRequest(Body):
    """A request for a response."""

    model: str | None = None
    input: Annotated[str, Field(min_length=1)] | Annotated[list[dict[str, Any]], Field(max_length=MOST_MESSAGES)]
    instructions: str | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    tools: Tools | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    stream: bool | None = None
    max_output_tokens: Limit | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_k: Annotated[int, Field(ge=-1)] | None = None
    min_p: Probability | None = None
    seed: Seed | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_SCORES)] | None = None
    include: list[str] | None = None
    truncation: Literal["disabled", "auto"] | None = None
    background: bool | None = None

    client_metadata: NoOp = None
    metadata: dict[str, Any] | None = None
    prompt_cache_key: NoOp = None
    prompt_cache_options: NoOp = None
    prompt_cache_retention: NoOp = None
    safety_identifier: NoOp = None
    service_tier: NoOp = None
    stream_options: NoOp = None
    user: NoOp = None

    context_management: Refused = None
    conversation: Refused = None
    max_tool_calls: Refused = None
    prompt: Refused = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """The items of a stored conversation, its answer included."""

    items: Sequence[Mapping[str, Any]] = ()


def responses_job(body: ResponsesRequest, ignorable: Ignorable, earlier: Earlier) -> Job:
    """What a request asks for, after what was said `earlier`. Raises RequestError for what cannot be honoured."""
    if body.background:
        raise unsupported("background", "a response is answered at once, or streamed")
    if body.truncation == "auto":
        raise unsupported("truncation", 'messages are never dropped; only "disabled"')
    for index, name in enumerate(body.include or ()):
        if name not in INCLUDABLE:
            raise unsupported(f"include[{index}]", f"only {' and '.join(INCLUDABLE)}")
    scored = "message.output_text.logprobs" in (body.include or ())
    if body.top_logprobs and not scored:
        raise invalid('top_logprobs needs include: ["message.output_text.logprobs"]', "top_logprobs")
    listed = callable_tools(body.tools or (), ignorable)
    conversation = read_items(input_items(body), earlier.items, body.instructions)
    format_ = body.text.format if body.text else None
    effort = body.reasoning.effort if body.reasoning else None
    return Job(
        model=body.model,
        messages=tuple(conversation.messages),
        tools=listed.tools,
        tool_choice="auto" if body.tool_choice is None else body.tool_choice,
        parallel=body.parallel_tool_calls is not False,
        answer=format_,
        sampling=Sampling(
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=None if body.top_k is None else max(body.top_k, 0),
            min_p=body.min_p,
            seed=body.seed,
            presence_penalty=body.presence_penalty or 0.0,
            frequency_penalty=body.frequency_penalty or 0.0,
        ),
        thinking=Thinking(enabled=False if effort == "none" else None, effort=effort),
        max_tokens=body.max_output_tokens,
        limited_by="max_output_tokens",
        scores=(body.top_logprobs or 0) if scored else None,
        stream=bool(body.stream),
        places={**listed.places, **conversation.places, "response_format": "text.format"},
        notes=listed.notes,
    )


def input_items(body: ResponsesRequest) -> list[Mapping[str, Any]]:
    """The input as items."""
    if isinstance(body.input, str):
        return [{"type": "message", "role": "user", "content": body.input}]
    return list(body.input)


# ---------------------------------------------------------------- items to messages


@dataclass(slots=True)
class Conversation:
    """Messages in the making."""

    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    places: dict[str, str] = field(default_factory=dict[str, str])
    open: bool = False  # the last message is the assistant's, and more of its items may come

    def add(self, message: dict[str, Any], where: str) -> None:
        """A message of its own."""
        self.places[f"messages[{len(self.messages)}]"] = where
        self.messages.append(message)
        self.open = message["role"] == "assistant"

    def assistant(self, where: str) -> dict[str, Any]:
        """The assistant's message that this item is part of."""
        if not self.open:
            self.add({"role": "assistant", "content": None}, where)
        return self.messages[-1]


def read_items(
    items: Sequence[Mapping[str, Any]], earlier: Sequence[Mapping[str, Any]] = (), instructions: str | None = None
) -> Conversation:
    """Items as messages. Raises RequestError for a kind of item that is not known."""
    found = Conversation()
    if instructions:
        found.add({"role": "system", "content": instructions}, "instructions")
    for item in earlier:
        _fill(found, item, "previous_response_id")
    for index, item in enumerate(items):
        _fill(found, item, f"input[{index}]")
    if not found.messages:
        raise invalid("input has no items", "input")
    return found


def _fill(found: Conversation, item: Mapping[str, Any], where: str) -> None:
    match item.get("type", "message"):
        case "message" if item.get("role") == "assistant":
            message = found.assistant(where)
            if message.get("tool_calls") or message["content"] is not None:
                found.open = False
                message = found.assistant(where)
            message["content"] = item.get("content")
        case "message":
            found.add({"role": item.get("role"), "content": item.get("content")}, where)
        case "reasoning":
            found.assistant(where)["reasoning_content"] = _reasoning(item)
        case "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            _add_call(found, {"id": item.get("call_id"), "type": "function", "function": function}, where)
        case "custom_tool_call":
            custom = {"name": item.get("name"), "input": item.get("input")}
            _add_call(found, {"id": item.get("call_id"), "type": "custom", "custom": custom}, where)
        case "function_call_output" | "custom_tool_call_output":
            content = item.get("output")
            found.add({"role": "tool", "tool_call_id": item.get("call_id"), "content": content}, where)
        case other:
            raise unsupported(f"{where}.type", f"an item of type {other!r}")


def _add_call(found: Conversation, call: dict[str, Any], where: str) -> None:
    message = found.assistant(where)
    calls: list[dict[str, Any]] = message.setdefault("tool_calls", [])
    place = f"messages[{len(found.messages) - 1}].tool_calls[{len(calls)}]"
    found.places |= {place: where, f"{place}.function.arguments": f"{where}.arguments"}
    calls.append(call)


def _reasoning(item: Mapping[str, Any]) -> str:
    """The text of a reasoning item: its content, else what travelled sealed, else its summary."""
    for key in ("content", "summary"):
        parts = item.get(key)
        texts = [
            str(cast("Mapping[str, Any]", part).get("text", ""))
            for part in (cast("list[object]", parts) if isinstance(parts, list) else ())
            if isinstance(part, Mapping)
        ]
        if any(texts):
            return "\n".join(texts)
        if key == "content" and (opened := unseal(item.get("encrypted_content"))):
            return opened
    return ""


def seal(text: str) -> str:
    """Reasoning as `encrypted_content`: it travels to the client and back."""
    return base64.b64encode((_SEALED + text).encode()).decode()


def unseal(sealed: object) -> str:
    """What `seal` sealed; "" for what somebody else did."""
    if not isinstance(sealed, str):
        return ""
    try:
        text = base64.b64decode(sealed, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return text.removeprefix(_SEALED) if text.startswith(_SEALED) else ""
