"""POST /v1/chat/completions: events to chunks, and to a completion.

    {"delta": {"role": "assistant", "content": ""}}
    {"delta": {"tool_calls": [{"index": 0, "id", "type": "function", "function": {"name", "arguments": ""}}]}}
    {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{\\"ci"}}]}}
    {"delta": {}, "finish_reason": "tool_calls"}
    {"choices": [], "usage": {...}}          with stream_options.include_usage
    [DONE]

Name and id of a call come once: clients concatenate what is repeated.
"""

import json
from collections.abc import Iterable
from typing import Any, Literal, assert_never

from grammars.tools.events import (
    ArgumentsDelta,
    CallFinished,
    CallStarted,
    Finished,
    InputDelta,
    ReasoningDelta,
    TextDelta,
)
from server.api.wire import Origin, Piece
from server.errors import Problem
from server.events import Candidate, Event, Failed, Measured, Prefilled, Score, Scored, Silent, Watched
from server.items import Items, Reasoning, Text

DONE = Piece("[DONE]")


class ChatReply:
    """The fold of a chat completion, all choices of it."""

    def __init__(self, origin: Origin, *, choices: int = 1, include_usage: bool = False, scores: bool = False) -> None:
        self._origin = origin
        self._choices = [Items() for _ in range(choices)]
        self._include_usage = include_usage
        self._scores = scores

    # ------------------------------------------------------------------ a stream

    def begin(self, prompt: int) -> Iterable[Piece]:
        """Who is speaking."""
        for choice in range(len(self._choices)):
            yield self._chunk(choice, {"role": "assistant", "content": ""})

    def feed(self, choice: int, event: Event) -> Iterable[Piece]:
        """One chunk for an event that clients see."""
        step = self._choices[choice].feed(event)
        match event:
            case TextDelta(text):
                yield self._chunk(choice, {"content": text}, scores=step.scores)
            case ReasoningDelta(text):
                yield self._chunk(choice, {"reasoning_content": text})
            case CallStarted(index, id, name, kind):
                called = _call(id, name, kind, "")
                yield self._chunk(choice, {"tool_calls": [{"index": index, **called}]})
            case ArgumentsDelta(index, text):
                yield self._chunk(choice, {"tool_calls": [{"index": index, "function": {"arguments": text}}]})
            case InputDelta(index, text):
                yield self._chunk(choice, {"tool_calls": [{"index": index, "custom": {"input": text}}]})
            case Finished(reason):
                yield self._chunk(choice, {}, finish_reason=reason)
            case Prefilled(done, total):
                yield progress(done, total)
            case Silent():
                yield Piece(comment="keep-alive")
            case Watched():
                yield Piece(comment=f"token {json.dumps(watched(choice, event), ensure_ascii=False)}")
            case CallFinished() | Scored() | Measured():
                pass
            case Failed(problem):
                yield from self.fail(problem)
            case _:
                assert_never(event)

    def end(self) -> Iterable[Piece]:
        """What it took, and the mark that nothing follows."""
        if self._include_usage:
            yield Piece({**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage()})
        for items in self._choices:
            if items.measured is not None:
                yield Piece(comment=f"generation_stats {statistics(items.measured)}")
        yield DONE

    def fail(self, problem: Problem) -> Iterable[Piece]:
        """OpenAI's clients raise on a chunk that is an error."""
        yield Piece(problem.openai())

    def _chunk(
        self,
        choice: int,
        delta: dict[str, Any],
        finish_reason: str | None = None,
        scores: tuple[Score, ...] = (),
    ) -> Piece:
        entry: dict[str, Any] = {"index": choice, "delta": delta, "finish_reason": finish_reason}
        if self._scores:
            entry["logprobs"] = logprobs(scores) if scores else None
        chunk: dict[str, Any] = {**self._head("chat.completion.chunk"), "choices": [entry]}
        return Piece({**chunk, "usage": None} if self._include_usage else chunk)

    # ------------------------------------------------------------------ one object

    def refusal(self, problem: Problem) -> dict[str, Any]:
        """OpenAI's shape."""
        return problem.openai()

    def result(self) -> dict[str, Any]:
        """The completion."""
        choices = [self._choice(index, items) for index, items in enumerate(self._choices)]
        return {**self._head("chat.completion"), "choices": choices, "usage": self._usage()}

    def _choice(self, index: int, items: Items) -> dict[str, Any]:
        assert items.finished is not None
        return {
            "index": index,
            "message": assistant_message(items),
            "logprobs": logprobs(items.scores) if self._scores else None,
            "finish_reason": items.finished.reason,
        }

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self._origin.id}",
            "object": kind,
            "created": self._origin.created,
            "model": self._origin.model,
        }

    def _usage(self) -> dict[str, Any]:
        measured = [items.measured for items in self._choices if items.measured is not None]
        prompt = max((one.prompt for one in measured), default=0)
        completion = sum(one.completion for one in measured)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": max((one.cached for one in measured), default=0)},
            "completion_tokens_details": {"reasoning_tokens": sum(one.reasoning for one in measured)},
        }


def assistant_message(items: Items) -> dict[str, Any]:
    """The message that an answer's items add up to."""
    calls = [_call(call.id, call.name, call.kind, call.text) for call in items.calls]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": items.text(Text) or (None if calls else ""),
        "refusal": None,
    }
    if reasoning := items.text(Reasoning):
        message["reasoning_content"] = reasoning
    if calls:
        message["tool_calls"] = calls
    return message


def progress(done: int, total: int) -> Piece:
    """How far the prompt has been read, as exo's comment has it."""
    return Piece(comment="prefill_progress " + json.dumps({"processed_tokens": done, "total_tokens": total}))


def statistics(measured: Measured) -> str:
    """What a generation took, with the names of exo's comment first."""
    read, written = measured.prompt - measured.cached, measured.completion
    return json.dumps(
        {
            "prompt_tps": round(read / measured.prefill_seconds, 2) if measured.prefill_seconds else 0.0,
            "generation_tps": round(written / measured.decode_seconds, 2) if measured.decode_seconds else 0.0,
            "prompt_tokens": measured.prompt,
            "generation_tokens": written,
            "cached_tokens": measured.cached,
            "forced_tokens": measured.forced,
            "steered": measured.steered,
        }
    )


def logprobs(scores: Iterable[Score]) -> dict[str, Any]:
    """Log-probabilities in the shape of chat completions."""
    content = [
        {**_candidate(score.chosen), "top_logprobs": [_candidate(one) for one in score.likeliest]} for score in scores
    ]
    return {"content": content, "refusal": None}


def watched(choice: int, event: Watched) -> dict[str, Any]:
    """A token for a client that watches: its text, its origin, and the alternatives before and after the mask."""
    shown: dict[str, Any] = {"index": choice, "name": event.name, "origin": event.origin, "allowed": event.allowed}
    try:
        shown["text"] = event.text.decode()
    except UnicodeDecodeError:
        shown["bytes"] = list(event.text)
    if event.seen is not None:
        shown["kept"] = round(event.seen.kept, 6)
        shown["wanted"] = event.names[event.seen.wanted]
        shown["alternatives"] = [
            {"name": event.names[one.token], "before": round(one.before, 6), "after": round(one.after, 6)}
            for one in event.seen.alternatives
        ]
    return shown


def _candidate(one: Candidate) -> dict[str, Any]:
    return {"token": one.text.decode("utf-8", "replace"), "logprob": one.logprob, "bytes": list(one.text)}


def _call(id: str, name: str, kind: Literal["function", "custom"], text: str) -> dict[str, Any]:  # noqa: A002
    """A call, with its arguments or its input."""
    called = {"name": name, "arguments": text} if kind == "function" else {"name": name, "input": text}
    return {"id": id, "type": kind, kind: called}
