"""A conversation, made into what a chat template takes.

    client                                       template (here: one call per message)
    assistant: calls a, b                        assistant: call a
    tool: result of b                            tool: result of a
    tool: result of a                            assistant: call b
                                                 tool: result of b

What a template wants is in its `Conventions`; conversation.py has read what the client sent.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from grammars.tools.conventions import Conventions, Message
from grammars.tools.conversation import Turn, read_conversation
from grammars.tools.definitions import Tool
from grammars.tools.formats import ToolFormat
from grammars.tools.rendering import WrittenCall, render_calls
from grammars.tools.tables import GPT_OSS


def template_messages(messages: object, conventions: Conventions, family: ToolFormat) -> list[Message]:
    """The messages for `apply_chat_template`.

    Raises as `read_conversation`: whatever a client sends is refused there, or rendered.
    """
    turns = _numbered(read_conversation(messages), family, conventions)
    return _written(_arranged(turns, conventions), conventions, family)


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


# ---------------------------------------------------------------------- the template's wishes


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
