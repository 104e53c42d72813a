"""A conversation as clients send it, made into what a chat template takes.

    client                                       template (here: one call per message)
    assistant: calls a, b                        assistant: call a
    tool: result of b                            tool: result of a
    tool: result of a                            assistant: call b
                                                 tool: result of b

Clients send arguments as text, ids of their own, content in parts, results in any order. Everything
that a template might stumble over is checked here and refused with its place in the request; what the
template wants instead is in its `Conventions`.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from constrained.errors import InvalidGrammar, UnsupportedFeature
from grammars.tools.conventions import Conventions, Message
from grammars.tools.definitions import INPUT, Tool
from grammars.tools.formats import ToolFormat
from grammars.tools.rendering import WrittenCall, render_calls
from grammars.tools.tables import GPT_OSS

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


def template_messages(messages: object, conventions: Conventions, family: ToolFormat) -> list[Message]:
    """The messages for `apply_chat_template`.

    Raises InvalidGrammar with the place of what is wrong: a result without a call, a call without a
    result, a second result, arguments that are no JSON object. UnsupportedFeature for content that is not text.
    """
    turns = _grouped(read_messages(messages))
    turns = _numbered(turns, family, conventions)
    return _written(_arranged(turns, conventions), conventions, family)


def count_calls(messages: object) -> int:
    """The calls in a conversation so far: `first_index` of `compile_tools`."""
    return sum(len(turn.calls) for turn in read_messages(messages))


def template_tools(tools: Sequence[Tool], conventions: Conventions) -> list[Message]:
    """Tools as templates expect them: OpenAI's shape, with every field there."""
    found: list[Message] = []
    for tool in tools:
        schema = {"type": "object"} if isinstance(tool.schema, bool) else tool.schema
        parameters = _plainly_typed(schema) if conventions.plain_types else schema
        function = {"name": tool.name, "description": tool.description, "parameters": parameters}
        found.append({"type": "function", "function": function})
    return found


_PLAIN_TYPES = ("string", "integer", "number", "boolean", "array", "object")


def _plainly_typed(schema: Any) -> Any:
    """A schema as the model is shown it, where the template knows plain types only."""
    if not isinstance(schema, Mapping):
        return {"type": "object"}
    found = dict(cast("Mapping[str, Any]", schema))
    named = found.get("type")
    types: list[Any] = cast("list[Any]", named) if isinstance(named, list) else [named]
    found["type"] = next((one for one in types if one in _PLAIN_TYPES), "string")
    if isinstance(found.get("properties"), Mapping):
        properties = cast("Mapping[str, Any]", found["properties"])
        found["properties"] = {name: _plainly_typed(below) for name, below in properties.items()}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), Mapping):
            found[key] = _plainly_typed(found[key])
    return found


# ---------------------------------------------------------------------- reading


def read_messages(messages: object) -> list[Turn]:
    """Read OpenAI's messages. Raises as `template_messages`, but does not look for results of calls."""
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
    """Every message with calls takes its results, in the order of the calls."""
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


def _numbered(turns: list[Turn], family: ToolFormat, conventions: Conventions) -> list[Turn]:
    """Ids as the family or the template wants them."""
    found: list[Turn] = []
    number, used = 0, set[str]()
    for turn in turns:
        ids: list[str] = []
        for call in turn.calls:
            wanted = call.id
            if family.call_id:
                wanted = family.call_id.format(name=call.name, index=number)
            elif conventions.short_ids:
                wanted = _short(call.id, used)
            used.add(wanted)
            ids.append(wanted)
            number += 1
        calls = [replace(call, id=one) for call, one in zip(turn.calls, ids, strict=True)]
        results = [replace(result, answers=one) for result, one in zip(turn.results, ids, strict=True)]
        found.append(replace(turn, calls=tuple(calls), results=tuple(results)))
    return found


def _short(call_id: str, used: set[str]) -> str:
    """Nine letters and digits: the id itself if it is that, else some that depend on it alone."""
    if len(call_id) == 9 and call_id.isalnum() and call_id.isascii() and call_id not in used:
        return call_id
    attempt = 0
    while True:
        found = hashlib.sha256(f"{call_id} {attempt}".encode()).hexdigest()[:9]
        if found not in used:
            return found
        attempt += 1


# ---------------------------------------------------------------------- the template's wishes


def _arranged(turns: list[Turn], conventions: Conventions) -> list[Turn]:
    """Roles and their order as the template takes them."""
    found = _with_roles(turns, conventions)
    if conventions.one_call:
        found = [one for turn in found for one in _split(turn)]
    if not conventions.runs:
        found = _alternating(found)
    elif not conventions.starts_with_assistant:
        first = _behind_system(found)
        if found[first:] and found[first].role == "assistant":
            found.insert(first, Turn("user", "", ""))
    if conventions.wants_user and all(turn.role != "user" for turn in found):
        found.insert(_behind_system(found), Turn("user", "", ""))
    return found


def _behind_system(turns: list[Turn]) -> int:
    """The place of the first message that is not of the system."""
    return next((place for place, turn in enumerate(turns) if turn.role != "system"), len(turns))


def _with_roles(turns: list[Turn], conventions: Conventions) -> list[Turn]:
    """System messages where the template takes them; what a developer says is one."""
    turns = [replace(turn, role="system") if turn.role == "developer" else turn for turn in turns]
    system = [turn for turn in turns if turn.role == "system"]
    rest = [turn for turn in turns if turn.role != "system"]
    first = bool(turns) and turns[0].role == "system"
    if not system or (len(system) == 1 and first and conventions.system):
        return turns
    if conventions.system and conventions.late_system and conventions.runs:
        return turns
    text = "\n\n".join(turn.text for turn in system)
    if conventions.system:
        return [replace(system[0], text=text), *rest]
    place = next((place for place, turn in enumerate(rest) if turn.role == "user"), None)
    if place is None:
        return [replace(system[0], role="user", text=text), *rest]
    rest[place] = replace(rest[place], text=f"{text}\n\n{rest[place].text}")
    return rest


def _split(turn: Turn) -> list[Turn]:
    """One call, its result, the next call, its result."""
    if len(turn.calls) < 2:
        return [turn]
    pairs = zip(turn.calls, turn.results, strict=True)
    parts = [replace(turn, calls=(call,), results=(result,)) for call, result in pairs]
    return [parts[0], *(replace(part, text="", reasoning="") for part in parts[1:])]


def _alternating(turns: list[Turn]) -> list[Turn]:
    """User and assistant in turns, as some templates insist; messages with calls do not count for them."""
    found: list[Turn] = []
    expected = "user"
    for turn in turns:
        last = found[-1] if found else None
        if turn.calls or turn.role not in ("user", "assistant"):
            found.append(turn)
        elif last is not None and last.role == turn.role and not last.calls:
            found[-1] = replace(last, text="\n\n".join(filter(None, (last.text, turn.text))))
        else:
            if turn.role != expected:
                found.append(Turn(expected, "", ""))
            found.append(turn)
            expected = "assistant" if turn.role == "user" else "user"
    return found


def _written(turns: list[Turn], conventions: Conventions, family: ToolFormat) -> list[Message]:
    """The messages themselves."""
    found: list[Message] = []
    index = 0
    for turn in turns:
        if turn.calls and turn.text and not conventions.text_beside_calls and conventions.runs:
            found.append({"role": turn.role, "content": turn.text})
            turn = replace(turn, text="")
        message: Message = {"role": turn.role, "content": turn.text}
        if turn.role == "assistant":
            _fill_assistant(message, turn, index, conventions, family)
        index += len(turn.calls)
        found.append(message)
        for result in turn.results:
            role = "tool" if conventions.tool_role else "user"
            found.append({"role": role, "content": result.text, "tool_call_id": result.answers, "name": result.name})
    return found


def _fill_assistant(message: Message, turn: Turn, index: int, conventions: Conventions, family: ToolFormat) -> None:
    if turn.reasoning:
        message["reasoning_content"] = turn.reasoning
    if turn.calls and conventions.writes_calls:
        message["tool_calls"] = [_written_call(call, conventions) for call in turn.calls]
        message["content"] = turn.text or conventions.empty
    elif turn.calls:
        message["content"] = turn.text + family.gap + render_calls(family, turn.calls, first_index=index)
    elif not turn.text and not conventions.empty_answer:
        message["content"] = " "
    if family.name == GPT_OSS.name:
        _fill_gpt_oss(message, turn)


def _written_call(call: WrittenCall, conventions: Conventions) -> Message:
    plain = conventions.arguments == "object"
    arguments = dict(call.arguments) if plain else json.dumps(call.arguments, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _fill_gpt_oss(message: Message, turn: Turn) -> None:
    """Reasoning under the name that this template knows; beside calls, it takes one text only, and nowhere markers."""
    assert GPT_OSS.messages is not None
    assert GPT_OSS.reasoning is not None
    analysis, final = GPT_OSS.reasoning.opens, GPT_OSS.messages.answer
    message.pop("reasoning_content", None)
    thoughts = turn.reasoning
    if turn.calls:
        thoughts = "\n\n".join(filter(None, (turn.reasoning, turn.text)))
        message["content"] = ""
    for key, text in (("content", message["content"]), ("thinking", thoughts)):
        if key == "content" or text:
            message[key] = str(text).replace(analysis, "").replace(final, "")
