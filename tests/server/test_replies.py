"""Events to wire formats: a fixed list of events, told as a stream and as one object in each format."""

import itertools
import json
from typing import Any

import pytest

from grammars.tools.events import ArgumentsDelta, CallFinished, CallStarted, Finished, ReasoningDelta, TextDelta
from server.api.bodies import read_body
from server.api.chat_reply import ChatReply
from server.api.messages_reply import MessagesReply
from server.api.responses_reply import ResponsesReply
from server.api.responses_request import ResponsesRequest, unseal
from server.api.wire import Origin, Piece, Reply
from server.errors import Problem
from server.events import Candidate, Event, Failed, Measured, Prefilled, Score, Scored, Silent
from server.streams import encode

ORIGIN = Origin("model", 1, "0")
MEASURED = Measured(prompt=10, cached=4, completion=6, reasoning=2, forced=3)

WORDS: list[Event] = [
    Prefilled(4, 10),
    Silent(),
    ReasoningDelta("Hm"),
    ReasoningDelta("."),
    TextDelta("It is"),
    TextDelta(" sunny."),
    Finished("stop"),
    MEASURED,
]
CALLS: list[Event] = [
    TextDelta("Sure."),
    CallStarted(0, "id0", "get_weather"),
    ArgumentsDelta(0, '{"ci'),
    ArgumentsDelta(0, 'ty": "Paris"}'),
    CallFinished(0),
    CallStarted(1, "id1", "now"),
    ArgumentsDelta(1, "{}"),
    CallFinished(1),
    Finished("tool_calls"),
    MEASURED,
]
CUT: list[Event] = [TextDelta("It"), Finished("length"), MEASURED]
NOTHING: list[Event] = [Finished("stop"), MEASURED]
FAILED: list[Event] = [TextDelta("It"), Failed(Problem(500, "broken", code="internal_error"))]


def told(reply: Reply, events: list[Event]) -> list[Piece]:
    pieces = [*reply.begin(10), *itertools.chain.from_iterable(reply.feed(0, event) for event in events)]
    return pieces if isinstance(events[-1], Failed) else [*pieces, *reply.end()]


def data(pieces: list[Piece]) -> list[Any]:
    return [piece.data for piece in pieces if piece.comment is None]


def responses_reply(**fields: Any) -> ResponsesReply:
    return ResponsesReply(ORIGIN, read_body(json.dumps({"input": "hi", **fields}).encode(), ResponsesRequest))


# ---------------------------------------------------------------- chat completions


def deltas(pieces: list[Piece]) -> list[Any]:
    return [one["choices"][0]["delta"] for one in data(pieces) if isinstance(one, dict) and one["choices"]]


def test_chat_words() -> None:
    pieces = told(ChatReply(ORIGIN), WORDS)
    assert deltas(pieces) == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Hm"},
        {"reasoning_content": "."},
        {"content": "It is"},
        {"content": " sunny."},
        {},
    ]
    assert data(pieces)[-2]["choices"][0]["finish_reason"] == "stop"
    assert pieces[-1].data == "[DONE]"
    assert [piece.comment for piece in pieces if piece.comment][:2] == [
        'prefill_progress {"processed_tokens": 4, "total_tokens": 10}',
        "keep-alive",
    ]


def test_chat_calls_say_id_and_name_once() -> None:
    pieces = told(ChatReply(ORIGIN), CALLS)
    called = {"id": "id0", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
    assert deltas(pieces)[2:5] == [
        {"tool_calls": [{"index": 0, **called}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"ci'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": 'ty": "Paris"}'}}]},
    ]
    assert data(pieces)[-2]["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "tool_calls"}


def test_chat_every_chunk_has_the_same_head() -> None:
    for chunk in data(told(ChatReply(ORIGIN), CALLS))[:-1]:
        head = {key: chunk[key] for key in ("id", "object", "created", "model")}
        assert head == {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 1, "model": "model"}


def test_chat_usage_comes_last_and_only_if_asked_for() -> None:
    assert not any("usage" in chunk for chunk in data(told(ChatReply(ORIGIN), WORDS))[:-1])
    chunks = data(told(ChatReply(ORIGIN, include_usage=True), WORDS))
    assert all(chunk["usage"] is None for chunk in chunks[:-2])
    assert chunks[-2]["choices"] == []
    assert chunks[-2]["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 6,
        "total_tokens": 16,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


@pytest.mark.parametrize(
    ("events", "message", "reason"),
    [
        (WORDS, {"content": "It is sunny.", "reasoning_content": "Hm."}, "stop"),
        (CUT, {"content": "It"}, "length"),
        (NOTHING, {"content": ""}, "stop"),
        (
            CALLS,
            {
                "content": "Sure.",
                "tool_calls": [
                    {
                        "id": "id0",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
                    },
                    {"id": "id1", "type": "function", "function": {"name": "now", "arguments": "{}"}},
                ],
            },
            "tool_calls",
        ),
        (
            CALLS[1:3] + CALLS[3:5] + CALLS[-2:],
            {
                "content": None,
                "tool_calls": [
                    {
                        "id": "id0",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
                    }
                ],
            },
            "tool_calls",
        ),
    ],
)
def test_chat_completion(events: list[Event], message: dict[str, Any], reason: str) -> None:
    reply = ChatReply(ORIGIN)
    told(reply, events)
    (choice,) = reply.result()["choices"]
    assert choice["message"] == {"role": "assistant", "refusal": None, **message}
    assert (choice["index"], choice["finish_reason"]) == (0, reason)


def test_chat_scores_go_with_the_text_behind_them() -> None:
    score = Score(Candidate(b"It", -0.5), (Candidate(b"It", -0.5), Candidate(b"\xc3", -1.0)))
    events: list[Event] = [Scored((score,)), TextDelta("It"), Finished("stop"), MEASURED]
    shown = {
        "content": [
            {
                "token": "It",
                "logprob": -0.5,
                "bytes": [73, 116],
                "top_logprobs": [
                    {"token": "It", "logprob": -0.5, "bytes": [73, 116]},
                    {"token": "\ufffd", "logprob": -1.0, "bytes": [195]},
                ],
            }
        ],
        "refusal": None,
    }
    reply = ChatReply(ORIGIN, scores=True)
    assert [chunk["choices"][0]["logprobs"] for chunk in data(told(reply, events))[:-1]] == [None, shown, None]
    assert reply.result()["choices"][0]["logprobs"] == shown


def test_chat_choices_are_told_apart_by_index() -> None:
    reply = ChatReply(ORIGIN, choices=2)
    pieces = list(reply.begin(10))
    for choice, event in ((1, TextDelta("b")), (0, TextDelta("a")), *((c, e) for c in (0, 1) for e in NOTHING)):
        pieces += reply.feed(choice, event)
    assert [chunk["choices"][0]["index"] for chunk in data(pieces)] == [0, 1, 1, 0, 0, 1]
    result = reply.result()
    assert [choice["message"]["content"] for choice in result["choices"]] == ["a", "b"]
    assert result["usage"]["completion_tokens"] == 12


def test_chat_failure_is_an_error_chunk() -> None:
    assert data(told(ChatReply(ORIGIN), FAILED))[-1] == {
        "error": {"message": "broken", "type": "server_error", "param": None, "code": "internal_error"}
    }


# ---------------------------------------------------------------- responses


def kinds(pieces: list[Piece]) -> list[str]:
    return [piece.data["type"] for piece in pieces if isinstance(piece.data, dict)]


def test_responses_words_tell_every_event_in_order() -> None:
    pieces = told(responses_reply(), WORDS)
    assert kinds(pieces) == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_text.delta",
        "response.reasoning_text.delta",
        "response.reasoning_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["sequence_number"] for event in data(pieces)] == list(range(17))
    assert [piece.name for piece in pieces if piece.comment is None] == kinds(pieces)


def test_responses_calls_have_ids_that_match() -> None:
    events = data(told(responses_reply(), CALLS))
    added = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert [item["id"] for item in added] == [item["id"] for item in done]
    assert [item["arguments"] for item in added[1:]] == ["", ""]
    assert done[1] == {
        "id": "fc_0_1",
        "status": "completed",
        "type": "function_call",
        "call_id": "id0",
        "name": "get_weather",
        "arguments": '{"city": "Paris"}',
    }
    deltas_ = [event for event in events if event["type"] == "response.function_call_arguments.delta"]
    assert [(event["item_id"], event["output_index"]) for event in deltas_] == [("fc_0_1", 1)] * 2 + [("fc_0_2", 2)]


def test_responses_last_event_is_the_response() -> None:
    reply = responses_reply(instructions="Be brief.")
    last = data(told(reply, CALLS))[-1]
    assert last["response"] == reply.result()
    assert [item["type"] for item in last["response"]["output"]] == ["message", "function_call", "function_call"]
    assert last["response"]["usage"]["output_tokens_details"] == {"reasoning_tokens": 2}
    assert last["response"]["instructions"] == "Be brief."


def test_responses_that_are_cut_are_incomplete() -> None:
    last = data(told(responses_reply(max_output_tokens=1), CUT))[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert last["response"]["output"][0]["status"] == "incomplete"


def test_responses_failure_is_the_last_event() -> None:
    last = data(told(responses_reply(), FAILED))[-1]
    assert (last["type"], last["response"]["error"]["message"]) == ("response.failed", "broken")


def test_responses_seal_reasoning_if_asked_to() -> None:
    reply = responses_reply(include=["reasoning.encrypted_content"])
    told(reply, WORDS)
    assert unseal(reply.result()["output"][0]["encrypted_content"]) == "Hm."


# ---------------------------------------------------------------- messages


def test_messages_words() -> None:
    pieces = told(MessagesReply(ORIGIN), WORDS)
    assert kinds(pieces) == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert data(pieces)[5]["delta"]["type"] == "signature_delta"
    assert [event["index"] for event in data(pieces) if "index" in event] == [0] * 5 + [1] * 4


def test_messages_calls() -> None:
    reply = MessagesReply(ORIGIN)
    events = data(told(reply, CALLS))
    starts = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert starts[1] == {"type": "tool_use", "id": "id0", "name": "get_weather", "input": {}}
    parts = [event["delta"]["partial_json"] for event in events if event.get("delta", {}).get("partial_json")]
    assert parts == ['{"ci', 'ty": "Paris"}', "{}"]
    assert events[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {
            "input_tokens": 6,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4,
            "output_tokens": 6,
        },
    }
    assert reply.result()["content"][1]["input"] == {"city": "Paris"}


@pytest.mark.parametrize(
    ("events", "reason", "sequence"),
    [
        (WORDS, "end_turn", None),
        (CUT, "max_tokens", None),
        (CALLS, "tool_use", None),
        ([Finished("stop"), Measured(prompt=1, stop_sequence="X")], "stop_sequence", "X"),
    ],
)
def test_messages_say_why_they_stop(events: list[Event], reason: str, sequence: str | None) -> None:
    reply = MessagesReply(ORIGIN)
    told(reply, events)
    assert (reply.result()["stop_reason"], reply.result()["stop_sequence"]) == (reason, sequence)


def test_messages_failure_is_an_error_event() -> None:
    pieces = told(MessagesReply(ORIGIN), FAILED)
    assert pieces[-1].name == "error"
    assert pieces[-1].data == {"type": "error", "error": {"type": "api_error", "message": "broken"}}


# ---------------------------------------------------------------- both ways


@pytest.mark.parametrize("events", [WORDS, CALLS, CUT, NOTHING])
@pytest.mark.parametrize("make", [lambda: ChatReply(ORIGIN), responses_reply, lambda: MessagesReply(ORIGIN)])
def test_the_same_events_make_the_same_bytes(make: Any, events: list[Event]) -> None:
    assert told(make(), events) == told(make(), events)


@pytest.mark.parametrize("kind", ["data", "comment"])
def test_an_event_is_one_line_for_clients_that_cut_at_every_line_end_of_unicode(kind):
    said = "a\x85b\u2028c\u2029d"
    piece = (
        Piece(data={"text": said}) if kind == "data" else Piece(comment=json.dumps({"text": said}, ensure_ascii=False))
    )
    line, *rest = encode(piece).decode().splitlines()
    assert rest == [""]
    assert json.loads(line.partition(":")[2])["text"] == said
