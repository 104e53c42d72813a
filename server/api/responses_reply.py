"""POST /v1/responses: events to the events of a response, and to the response.

    response.created  response.in_progress
      response.output_item.added
        response.content_part.added  response.output_text.delta*  .done  response.content_part.done    text
        response.content_part.added  response.reasoning_text.delta*  .done  response.content_part.done reasoning
        response.function_call_arguments.delta*  .done                                                 a call
      response.output_item.done
    response.completed | response.incomplete | response.failed

Every event has a `sequence_number`, every item an id; the last event holds the whole response.
"""

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from server.api.chat_reply import logprobs, progress
from server.api.responses_request import ResponsesRequest, seal
from server.api.wire import Origin, Piece
from server.errors import Problem
from server.events import Event, Failed, Prefilled, Score, Silent
from server.items import Call, Item, Items, Reasoning, Text


class ResponsesReply:
    """The fold of a response, which echoes the request's `body`."""

    def __init__(self, origin: Origin, body: ResponsesRequest) -> None:
        self._origin = origin
        self._body = body
        self._items = Items()
        self._number = 0
        self._sealed = "reasoning.encrypted_content" in (body.include or ())
        self._scored = "message.output_text.logprobs" in (body.include or ())
        self.id = f"resp_{origin.id}"

    # ------------------------------------------------------------------ a stream

    def begin(self, prompt: int) -> Iterable[Piece]:
        """An empty response, twice."""
        response = self._response("in_progress")
        yield self._event("response.created", response=response)
        yield self._event("response.in_progress", response=response)

    def feed(self, choice: int, event: Event) -> Iterable[Piece]:
        """What an event does to the items."""
        step = self._items.feed(event)
        if step.closed is not None:
            yield from self._close(step.closed)
        if step.opened is not None:
            yield from self._open(step.opened)
        if step.added:
            yield self._grow(self._items.items[-1], step.added, step.scores)
        match event:
            case Prefilled(done, total):
                yield progress(done, total)
            case Silent():
                yield Piece(comment="keep-alive")
            case Failed(problem):
                yield from self.fail(problem)
            case _:
                pass

    def end(self) -> Iterable[Piece]:
        """The whole response."""
        response = self.result()
        yield self._event(f"response.{response['status']}", response=response)

    def fail(self, problem: Problem) -> Iterable[Piece]:
        """The response so far, and why there is no more of it."""
        error = {"code": problem.code or "server_error", "message": problem.message}
        yield self._event("response.failed", response={**self._response("failed"), "error": error})

    def _open(self, item: Item) -> Iterable[Piece]:
        place = self._place(item)
        yield self._event("response.output_item.added", **_index(place), item=self._written(item, "in_progress"))
        match item:
            case Text() | Reasoning():
                part = self._part(item, empty=True)
                yield self._event("response.content_part.added", **place, content_index=0, part=part)
            case Call():
                pass
            case _:
                assert_never(item)

    def _grow(self, item: Item, added: str, scores: tuple[Score, ...]) -> Piece:
        place = self._place(item)
        match item:
            case Text():
                scored = self._logprobs(scores)
                return self._event("response.output_text.delta", **place, content_index=0, delta=added, logprobs=scored)
            case Reasoning():
                return self._event("response.reasoning_text.delta", **place, content_index=0, delta=added)
            case Call(kind="function"):
                return self._event("response.function_call_arguments.delta", **place, delta=added)
            case Call():
                return self._event("response.custom_tool_call_input.delta", **place, delta=added)
            case _:
                assert_never(item)

    def _close(self, item: Item) -> Iterable[Piece]:
        place = self._place(item)
        match item:
            case Text():
                scored = self._logprobs(item.scores)
                yield self._event(
                    "response.output_text.done", **place, content_index=0, text=item.text, logprobs=scored
                )
            case Reasoning():
                yield self._event("response.reasoning_text.done", **place, content_index=0, text=item.text)
            case Call(kind="function"):
                done = {"name": item.name, "arguments": item.text}
                yield self._event("response.function_call_arguments.done", **place, **done)
            case Call():
                yield self._event("response.custom_tool_call_input.done", **place, input=item.text)
            case _:
                assert_never(item)
        if not isinstance(item, Call):
            part = self._part(item, empty=False)
            yield self._event("response.content_part.done", **place, content_index=0, part=part)
        yield self._event("response.output_item.done", **_index(place), item=self._written(item, self._status(item)))

    def _event(self, kind: str, **fields: Any) -> Piece:
        number, self._number = self._number, self._number + 1
        return Piece({"type": kind, "sequence_number": number, **fields}, name=kind)

    # ------------------------------------------------------------------ items

    def _place(self, item: Item) -> dict[str, Any]:
        index = next(at for at, one in enumerate(self._items.items) if one is item)
        return {"item_id": self._item_id(item, index), "output_index": index}

    def _item_id(self, item: Item, index: int) -> str:
        match item:
            case Text():
                kind = "msg"
            case Reasoning():
                kind = "rs"
            case Call():
                kind = "fc" if item.kind == "function" else "ctc"
            case _:
                assert_never(item)
        return f"{kind}_{self._origin.id}_{index}"

    def _part(self, item: Text | Reasoning, *, empty: bool) -> dict[str, Any]:
        text = "" if empty else item.text
        if isinstance(item, Reasoning):
            return {"type": "reasoning_text", "text": text}
        scored = [] if empty else self._logprobs(item.scores)
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": scored}

    def _logprobs(self, scores: Iterable[Score]) -> list[dict[str, Any]]:
        return logprobs(scores)["content"] if self._scored else []

    def _written(self, item: Item, status: str) -> dict[str, Any]:
        """An item as it stands; one that is in progress is still empty."""
        empty = status == "in_progress"
        shown: dict[str, Any] = {"id": self._place(item)["item_id"], "status": status}
        match item:
            case Text():
                parts = [] if empty else [self._part(item, empty=False)]
                return {**shown, "type": "message", "role": "assistant", "content": parts}
            case Reasoning():
                parts = [] if empty else [self._part(item, empty=False)]
                sealed = {"encrypted_content": seal(item.text)} if self._sealed and not empty else {}
                return {**shown, "type": "reasoning", "summary": [], "content": parts, **sealed}
            case Call():
                called = {"call_id": item.id, "name": item.name}
                text = "" if empty else item.text
                if item.kind == "function":
                    return {**shown, "type": "function_call", **called, "arguments": text}
                return {**shown, "type": "custom_tool_call", **called, "input": text}
            case _:
                assert_never(item)

    # ------------------------------------------------------------------ one object

    def refusal(self, problem: Problem) -> dict[str, Any]:
        """OpenAI's shape."""
        return problem.openai()

    def result(self) -> dict[str, Any]:
        """The response, complete or cut off by max_output_tokens."""
        finished = self._items.finished
        assert finished is not None
        if finished.reason == "length":
            return {**self._response("incomplete"), "incomplete_details": {"reason": "max_output_tokens"}}
        return self._response("completed")

    def _response(self, status: str) -> dict[str, Any]:
        body = self._body
        text = body.text.format if body.text and body.text.format else {"type": "text"}
        effort = body.reasoning.effort if body.reasoning else None
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._origin.created,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "metadata": body.metadata or {},
            "model": self._origin.model,
            "output": self.output,
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": body.previous_response_id,
            "reasoning": {"effort": effort, "summary": None},
            "store": body.store is not False,
            "temperature": body.temperature,
            "text": {"format": text},
            "tool_choice": "auto" if body.tool_choice is None else body.tool_choice,
            "tools": body.tools or [],
            "top_p": body.top_p,
            "truncation": "disabled",
            "usage": self._usage(),
        }

    def _usage(self) -> dict[str, Any] | None:
        measured = self._items.measured
        if measured is None:
            return None
        return {
            "input_tokens": measured.prompt,
            "input_tokens_details": {"cached_tokens": measured.cached},
            "output_tokens": measured.completion,
            "output_tokens_details": {"reasoning_tokens": measured.reasoning},
            "total_tokens": measured.prompt + measured.completion,
        }

    @property
    def output(self) -> list[Mapping[str, Any]]:
        """The items so far, as a later request would send them."""
        return [self._written(item, self._status(item)) for item in self._items.items]

    def _status(self, item: Item) -> str:
        """A call is complete or not there; words may have been cut off."""
        finished = self._items.finished
        cut = finished is not None and finished.reason == "length" and item is self._items.items[-1]
        return "incomplete" if cut and not isinstance(item, Call) else "completed"


def _index(place: Mapping[str, Any]) -> dict[str, Any]:
    return {"output_index": place["output_index"]}
