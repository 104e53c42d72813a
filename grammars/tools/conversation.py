"""A conversation as clients send it, read: every call with its arguments as data, and with its result.

    client                                  read
    assistant: calls a, b                   Turn(calls=(a, b), results=(of a, of b))
    tool: result of b
    tool: result of a

Clients send arguments as text, ids of their own, content in parts, results in any order. Everything that a template
might stumble over is checked here and refused with its place in the request: `messages[3].tool_call_id: ...`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from constrained.errors import InvalidGrammar, UnsupportedFeature
from grammars.tools.definitions import INPUT
from grammars.tools.rendering import WrittenCall

DEPTH = 64  # of the arguments of a call: templates recurse
INTEGER_BITS = 13_000  # Python writes no integers that are much longer
_TOO_DEEP = f"nested deeper than {DEPTH} levels"
_TEXT_PARTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, read: calls with their arguments as data, and a tool's answer with the id it answers."""

    role: str
    text: str
    where: str
    calls: tuple[WrittenCall, ...] = ()
    answers: str = ""
    reasoning: str = ""
    name: str = ""
    results: "tuple[Turn, ...]" = field(default=(), repr=False)


def read_conversation(messages: object) -> list[Turn]:
    """Read OpenAI's messages; every message with calls takes its results, in the order of the calls.

    Raises InvalidGrammar with the place of what is wrong: a result without a call, a call without a result, a second
    result, arguments that are no JSON object. UnsupportedFeature for content that is not text.
    """
    return _grouped(_read_messages(messages))


def count_calls(messages: object) -> int:
    """The calls in a conversation so far: `first_index` of `compile_tools`. Raises as `read_conversation`."""
    return sum(len(turn.calls) for turn in _read_messages(messages))


def _read_messages(messages: object) -> list[Turn]:
    """One turn a message; results are not yet with their calls."""
    if not isinstance(messages, list | tuple):
        raise InvalidGrammar("expected a list of messages", where="messages")
    return [_read(entry, f"messages[{index}]") for index, entry in enumerate(cast("Sequence[object]", messages))]


def _read(entry: object, where: str) -> Turn:
    fields = _mapping(entry, where)
    role = fields.get("role")
    if role not in ("system", "developer", "user", "assistant", "tool"):
        raise InvalidGrammar(f"unknown role {role!r}", where=f"{where}.role")
    text = _text(fields.get("content"), f"{where}.content")
    if role == "tool":
        answers = fields.get("tool_call_id")
        if not isinstance(answers, str) or not answers:
            raise InvalidGrammar("a result says which call it answers", where=f"{where}.tool_call_id")
        return Turn(role, text, where, answers=_encodable(answers))
    if role != "assistant":
        return Turn(role, text, where)
    thoughts = next((fields[key] for key in ("reasoning_content", "reasoning", "thinking") if fields.get(key)), "")
    calls = fields.get("tool_calls") or ()
    if not isinstance(calls, list | tuple):
        raise InvalidGrammar("expected a list of calls", where=f"{where}.tool_calls")
    read = [
        _read_call(call, f"{where}.tool_calls[{index}]") for index, call in enumerate(cast("Sequence[object]", calls))
    ]
    return Turn(role, text, where, tuple(read), reasoning=_encodable(thoughts) if isinstance(thoughts, str) else "")


def _read_call(entry: object, where: str) -> WrittenCall:
    fields = _mapping(entry, where)
    kind = "custom" if "custom" in fields else "function"
    if kind not in fields:
        raise UnsupportedFeature("a call that is neither of a function nor of a custom tool", where=where)
    place = f"{where}.{kind}"
    called = _mapping(fields[kind], place)
    name, call_id = called.get("name"), fields.get("id")
    if not isinstance(name, str) or not name:
        raise InvalidGrammar("a call has a name", where=f"{place}.name")
    if not isinstance(call_id, str) or not call_id:
        raise InvalidGrammar("a call has an id", where=f"{where}.id")
    name, call_id = _encodable(name), _encodable(call_id)
    if kind == "function":
        return WrittenCall(name, _arguments(called.get("arguments"), f"{place}.arguments"), call_id)
    if not isinstance(called.get("input"), str):
        raise InvalidGrammar("expected a text", where=f"{place}.input")
    return WrittenCall(name, {INPUT: _encodable(called["input"])}, call_id)


def _arguments(value: object, where: str) -> Mapping[str, Any]:
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InvalidGrammar(f"not JSON: {error}", where=where) from error
        except RecursionError as error:
            raise InvalidGrammar(_TOO_DEEP, where=where) from error
    return cast("Mapping[str, Any]", _json(dict(_mapping(value, where)), where, 0))


def _json(value: object, where: str, depth: int) -> object:
    """A value as templates can write it: with text that can be encoded, numbers that are numbers, and not too deep."""
    if depth > DEPTH:
        raise InvalidGrammar(_TOO_DEEP, where=where)
    match value:
        case str():
            return _encodable(value)
        case list():
            return [_json(one, where, depth + 1) for one in cast("list[object]", value)]
        case dict():
            members = cast("dict[object, object]", value).items()
            return {_encodable(str(key)): _json(one, where, depth + 1) for key, one in members}
        case float() if not math.isfinite(value):
            raise InvalidGrammar(f"not JSON: {value}", where=where)
        case int() if value.bit_length() > INTEGER_BITS:
            raise InvalidGrammar("a number of thousands of digits", where=where)
        case None | bool() | int() | float():
            return value
        case _:
            raise InvalidGrammar(f"not JSON: {type(value).__name__}", where=where)


def _text(content: object, where: str) -> str:
    """Content as one text: a text, or a list of parts that are texts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return _encodable(content)
    if not isinstance(content, list | tuple):
        raise InvalidGrammar("expected a text, or a list of parts", where=where)
    found: list[str] = []
    for index, part in enumerate(cast("Sequence[object]", content)):
        fields = {"type": "text", "text": part} if isinstance(part, str) else _mapping(part, f"{where}[{index}]")
        key = _TEXT_PARTS.get(str(fields.get("type")))
        if key is None:
            raise UnsupportedFeature(f"content of type {fields.get('type')!r}", where=f"{where}[{index}].type")
        if not isinstance(fields.get(key), str):
            raise InvalidGrammar("expected a text", where=f"{where}[{index}].{key}")
        found.append(_encodable(fields[key]))
    return "\n".join(found)


def _encodable(text: str) -> str:
    """Lone surrogates, which no tokenizer takes, as replacement characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidGrammar("expected an object", where=where)
    return cast("Mapping[str, Any]", value)


# ---------------------------------------------------------------------- calls and results


def _grouped(turns: list[Turn]) -> list[Turn]:
    """The turns without those of tools, which go to the turns that called them."""
    found: list[Turn] = []
    seen: set[str] = set()
    at = 0
    while at < len(turns):
        turn, at = turns[at], at + 1
        if turn.role == "tool":
            raise _stray(turn, seen)
        results: dict[str, Turn] = {}
        wanted = [call.id for call in turn.calls]
        while wanted and at < len(turns) and turns[at].role == "tool":
            result, at = turns[at], at + 1
            if result.answers in results:
                place = f"{result.where}.tool_call_id"
                raise InvalidGrammar(f"a second result of call {result.answers!r}", where=place)
            if result.answers not in wanted:
                raise _stray(result, seen)
            results[result.answers] = result
        for index, call in enumerate(turn.calls):
            place = f"{turn.where}.tool_calls[{index}].id"
            if call.id in seen:
                raise InvalidGrammar(f"a second call with the id {call.id!r}", where=place)
            seen.add(call.id)
            if call.id not in results:
                raise InvalidGrammar(f"no message with role 'tool' answers call {call.id!r}", where=place)
        named = [replace(results[call.id], name=call.name) for call in turn.calls]
        found.append(replace(turn, results=tuple(named)))
    return found


def _stray(result: Turn, seen: set[str]) -> InvalidGrammar:
    if result.answers in seen:
        reason = f"call {result.answers!r} has its result already, or it is not among the messages right after it"
    else:
        reason = f"there is no call with the id {result.answers!r} right before"
    return InvalidGrammar(reason, where=f"{result.where}.tool_call_id")
