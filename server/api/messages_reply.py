"""POST /v1/messages: events to Anthropic's stream, and to a message.

message_start
  content_block_start  content_block_delta*  content_block_stop      one per item: text, thinking, tool_use
message_delta                                                        stop_reason, usage
message_stop
"""

import json
from collections.abc import Iterable
from typing import Any, assert_never

from server.api.chat_reply import progress, statistics
from server.api.wire import Origin, Piece
from server.errors import Problem
from server.events import Event, Failed, Prefilled, Silent
from server.items import Call, Item, Items, Reasoning, Text

UNSIGNED = "dW5zaWduZWQ="  # "unsigned": clients want a signature on reasoning, and we need none


class MessagesReply:
    """The fold of a message."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._items = Items()

    # ------------------------------------------------------------------ a stream

    def begin(self, prompt: int) -> Iterable[Piece]:
        """A message without content."""
        nothing: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None}
        yield _event("message_start", message={**self._message(), **nothing, "usage": _usage(prompt, 0, 0)})

    def feed(self, choice: int, event: Event) -> Iterable[Piece]:
        """What an event does to the blocks."""
        step = self._items.feed(event)
        last = len(self._items.items) - 1
        if step.closed is not None:
            yield from self._close(step.closed, last - (step.opened is not None))
        if step.opened is not None:
            yield _event("content_block_start", index=last, content_block=_block(step.opened, empty=True))
        if step.added:
            yield _event("content_block_delta", index=last, delta=_delta(self._items.items[-1], step.added))
        match event:
            case Prefilled(done, total):
                yield progress(done, total)
            case Silent():
                yield _event("ping")
            case Failed(problem):
                yield from self.fail(problem)
            case _:
                pass

    def _close(self, item: Item, index: int) -> Iterable[Piece]:
        if isinstance(item, Reasoning):
            signature = {"type": "signature_delta", "signature": UNSIGNED}
            yield _event("content_block_delta", index=index, delta=signature)
        yield _event("content_block_stop", index=index)

    def end(self) -> Iterable[Piece]:
        """Why it ended, and what it took."""
        message = self.result()
        delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
        yield _event("message_delta", delta=delta, usage=message["usage"])
        assert self._items.measured is not None
        yield Piece(comment=f"generation_stats {statistics(self._items.measured)}")
        yield _event("message_stop")

    def fail(self, problem: Problem) -> Iterable[Piece]:
        """Anthropic's clients raise on an event of this name."""
        yield Piece(problem.anthropic(), name="error")

    # ------------------------------------------------------------------ one object

    def refusal(self, problem: Problem) -> dict[str, Any]:
        """Anthropic's shape."""
        return problem.anthropic()

    def result(self) -> dict[str, Any]:
        """The message."""
        finished, measured = self._items.finished, self._items.measured
        assert finished is not None
        assert measured is not None
        match finished.reason:
            case "tool_calls":
                reason = "tool_use"
            case "length":
                reason = "max_tokens"
            case "stop":
                reason = "end_turn" if measured.stop_sequence is None else "stop_sequence"
            case _:
                assert_never(finished.reason)
        return {
            **self._message(),
            "content": [_block(item, empty=False) for item in self._items.items],
            "stop_reason": reason,
            "stop_sequence": measured.stop_sequence,
            "usage": _usage(measured.prompt, measured.cached, measured.completion),
        }

    def _message(self) -> dict[str, Any]:
        return {"id": f"msg_{self._origin.id}", "type": "message", "role": "assistant", "model": self._origin.model}


def _event(kind: str, **fields: Any) -> Piece:
    return Piece({"type": kind, **fields}, name=kind)


def _block(item: Item, *, empty: bool) -> dict[str, Any]:
    """A block as it starts (empty), or as it ended."""
    match item:
        case Text():
            return {"type": "text", "text": "" if empty else item.text}
        case Reasoning():
            signature = "" if empty else UNSIGNED
            return {"type": "thinking", "thinking": "" if empty else item.text, "signature": signature}
        case Call():
            arguments: object = {} if empty else json.loads(item.text)
            return {"type": "tool_use", "id": item.id, "name": item.name, "input": arguments}
        case _:
            assert_never(item)


def _delta(item: Item, added: str) -> dict[str, Any]:
    match item:
        case Text():
            return {"type": "text_delta", "text": added}
        case Reasoning():
            return {"type": "thinking_delta", "thinking": added}
        case Call():
            return {"type": "input_json_delta", "partial_json": added}
        case _:
            assert_never(item)


def _usage(prompt: int, cached: int, completion: int) -> dict[str, Any]:
    """Anthropic counts the tokens that were in a cache apart."""
    return {
        "input_tokens": prompt - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": completion,
    }
