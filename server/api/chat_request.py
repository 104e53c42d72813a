"""POST /v1/chat/completions: a request to a job."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from server.api.bodies import (
    MOST_CHOICES,
    MOST_SCORES,
    MOST_STOPS,
    Body,
    Limit,
    Messages,
    NoOp,
    Penalty,
    Probability,
    Refused,
    Seed,
    Temperature,
    Tools,
)
from server.api.tool_types import Ignorable, callable_tools
from server.errors import invalid, unsupported
from server.jobs import Job, Sampling, Thinking

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class StreamOptions(Body):
    """What a stream has beside the answer."""

    include_usage: bool | None = None
    include_obfuscation: NoOp = None


class StructuredOutputs(Body):
    """vLLM's way to constrain an answer: exactly one of these."""

    json_schema: Annotated[dict[str, Any] | bool | None, Field(alias="json")] = None
    regex: str | None = None
    choice: Annotated[list[str] | None, Field(min_length=1)] = None
    grammar: str | None = None


class ChatRequest(Body):
    """A request for chat completions: OpenAI's fields, and those that servers of open models share."""

    model: str | None = None
    messages: Messages
    tools: Tools | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    structured_outputs: StructuredOutputs | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Limit | None = None
    max_completion_tokens: Limit | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_k: Annotated[int, Field(ge=-1)] | None = None
    min_p: Probability | None = None
    seed: Seed | None = None
    stop: str | Annotated[list[str], Field(max_length=MOST_STOPS)] | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_SCORES)] | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] | None = None
    reasoning_effort: Effort | None = None
    enable_thinking: bool | None = None
    thinking_budget: Annotated[int, Field(ge=0)] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    modalities: list[str] | None = None
    observe: Annotated[int, Field(ge=0, le=MOST_SCORES)] | None = None

    metadata: NoOp = None
    prediction: NoOp = None
    prompt_cache_key: NoOp = None
    prompt_cache_options: NoOp = None
    prompt_cache_retention: NoOp = None
    safety_identifier: NoOp = None
    service_tier: NoOp = None
    store: NoOp = None
    user: NoOp = None
    verbosity: NoOp = None

    audio: Refused = None
    function_call: Refused = None
    functions: Refused = None
    moderation: Refused = None
    web_search_options: Refused = None


def chat_job(body: ChatRequest, ignorable: Ignorable) -> Job:
    """What a request asks for. Raises RequestError for what cannot be honoured."""
    if body.modalities is not None and set(body.modalities) != {"text"}:
        raise unsupported("modalities", "answers are text")
    if body.top_logprobs is not None and not body.logprobs:
        raise invalid("top_logprobs needs logprobs: true", "top_logprobs")
    if body.observe is not None and not body.stream:
        raise invalid("observe needs stream: true: tokens are shown as they come", "observe")
    listed = callable_tools(body.tools or (), ignorable)
    answer, places = _answer(body)
    both = body.max_completion_tokens is not None
    return Job(
        model=body.model,
        messages=tuple(body.messages),
        tools=listed.tools,
        tool_choice="auto" if body.tool_choice is None else body.tool_choice,
        parallel=body.parallel_tool_calls is not False,
        answer=answer,
        sampling=_sampling(body),
        thinking=_thinking(body),
        max_tokens=body.max_completion_tokens if both else body.max_tokens,
        limited_by="max_completion_tokens" if both else "max_tokens",
        stop=_stops(body.stop),
        scores=(body.top_logprobs or 0) if body.logprobs else None,
        choices=body.n or 1,
        stream=bool(body.stream),
        observe=body.observe,
        places={**listed.places, **places},
        notes=listed.notes,
    )


_STRUCTURED = {
    "json_schema": ("json_schema", "schema"),
    "regex": ("regex", "pattern"),
    "choice": ("choice", "choices"),
    "grammar": ("grammar", "definition"),
}


def _answer(body: ChatRequest) -> tuple[Mapping[str, Any] | None, Mapping[str, str]]:
    """What the answer must be, and where the parts of that are in the request."""
    asked = body.structured_outputs
    if asked is None:
        return body.response_format, {}
    if body.response_format is not None and body.response_format.get("type") != "text":
        raise invalid("response_format and structured_outputs both say what the answer is", "structured_outputs")
    given = {name: value for name in _STRUCTURED if (value := getattr(asked, name)) is not None}
    if len(given) != 1:
        raise invalid("exactly one of json, regex, choice and grammar is needed", "structured_outputs")
    ((name, value),) = given.items()
    kind, key = _STRUCTURED[name]
    place = f"structured_outputs.{StructuredOutputs.model_fields[name].alias or name}"
    return {"type": kind, key: value}, {f"response_format.{key}": place, "response_format": place}


def _sampling(body: ChatRequest) -> Sampling:
    return Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=None if body.top_k is None else max(body.top_k, 0),
        min_p=body.min_p,
        seed=body.seed,
        logit_bias={_token(key): bias for key, bias in (body.logit_bias or {}).items()},
        presence_penalty=body.presence_penalty or 0.0,
        frequency_penalty=body.frequency_penalty or 0.0,
        repetition_penalty=1.0 if body.repetition_penalty is None else body.repetition_penalty,
    )


def _token(key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        raise invalid(f"{key!r} is not the id of a token", "logit_bias")
    return int(key)


def _thinking(body: ChatRequest) -> Thinking:
    extra = dict(body.chat_template_kwargs or {})
    enabled = body.enable_thinking
    if enabled is None and isinstance(said := extra.pop("enable_thinking", None), bool):
        enabled = said
    if enabled is None and body.reasoning_effort == "none":
        enabled = False
    return Thinking(enabled=enabled, budget=body.thinking_budget, effort=body.reasoning_effort, template=extra)


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if "" in stops:
        raise invalid("an empty stop string would end every answer", "stop")
    return stops
