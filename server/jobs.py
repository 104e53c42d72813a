"""What a request asks for, whatever format it came in: the seam between wire formats and the engine.

    POST /v1/chat/completions --.
    POST /v1/responses ---------+--> Job --> prompt, grammar, sampler --> events
    POST /v1/messages ----------'

Messages are in the shape of chat completions, tools and tool_choice as the client sent them
(`grammars.tools.definitions` reads all spellings).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are chosen; None: the model's own default."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict[int, float])
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """Reasoning before the answer. enabled: None leaves it to the model; budget: tokens at most; effort: a hint."""

    enabled: bool | None = None
    budget: int | None = None
    effort: str | None = None
    template: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request.

    answer       what an answer without calls must be, as in grammars/tools/answers.py
    max_tokens   of the answer, reasoning included; `limited_by` is the field that says so
    stop         texts that end an answer in words; they are not looked for in calls, JSON or reasoning
    scores       None: no log-probabilities; n: those of the chosen tokens and of the n likeliest
    observe      None: tokens are not shown; n: they are, with what the model wanted and n alternatives
    places       where the parts of `messages` are in the request: "messages[2]" -> "input[3]"
    notes        what was ignored, for the warning header
    """

    model: str | None
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: object = "auto"
    parallel: bool = True
    answer: Mapping[str, Any] | None = None
    sampling: Sampling = Sampling()
    thinking: Thinking = Thinking()
    max_tokens: int | None = None
    limited_by: str = "max_tokens"
    stop: tuple[str, ...] = ()
    scores: int | None = None
    choices: int = 1
    stream: bool = False
    observe: int | None = None
    places: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()
