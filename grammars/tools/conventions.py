"""What a chat template wants of a conversation, found out by trying it.

A template is a program without documentation: it may crash on arguments that are text, on a second
call in a message, on an id that is not nine letters, or quietly leave calls out. So a small
conversation is rendered in several ways, once per template, and what came out decides.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Message = dict[str, Any]
Render = Callable[[Sequence[Message], Sequence[Mapping[str, Any]] | None], str]

_KEY, _VALUE = "probe_key", "probe value"
_NAMES = ("probe_first", "probe_second")
_IDS = ("aaaaaaaaa", "bbbbbbbbb")
_LONG_ID = "call_0123456789abcdef"
_PARAMETERS = {"type": "object", "properties": {"other_key": {"type": "string", "description": ""}}}
_DECLARED: Message = {"name": "other_tool", "description": "", "parameters": _PARAMETERS}
_TOOLS: list[Message] = [{"type": "function", "function": _DECLARED}]  # not the name that is called
_ODD = {"a": {}, "b": {"type": ["string", "null"]}, "c": {"type": "null"}, "d": {"enum": ["x"]}, "e": {"type": "array"}}
_ODDLY_TYPED: list[Message] = [
    {"type": "function", "function": {**_DECLARED, "parameters": {"type": "object", "properties": _ODD}}}
]


@dataclass(frozen=True, slots=True)
class Conventions:
    """How messages must look.

    arguments      of a call: an "object", or JSON "text"
    one_call       one call per message, each followed by its result
    writes_calls   the template renders calls; else they must be part of the content
    empty          the content of a message that has calls and no text
    empty_answer   a message of the assistant may be empty
    short_ids      ids are nine letters or digits
    tool_role      results are messages of role "tool"; else of "user"
    system         there is a system role; else its text goes before the first user message
    late_system    system messages may come later than first
    runs           messages of the same role may follow one another; else user and assistant take turns
    plain_types    the `type` of a schema must be there, and one of the usual names
    starts_with_assistant  the first message after the system's may be one of the assistant
    wants_user     some message must be of the user
    shows_tools    the template tells the model which tools there are
    wants_tools    where there are none, the template wants an empty list
    text_beside_calls  a message may have both; else the text is a message of its own, or lost
    """

    arguments: Literal["object", "text"] = "object"
    one_call: bool = False
    writes_calls: bool = True
    empty: str | None = ""
    empty_answer: bool = True
    short_ids: bool = False
    tool_role: bool = True
    system: bool = True
    late_system: bool = True
    runs: bool = True
    plain_types: bool = False
    starts_with_assistant: bool = True
    wants_user: bool = False
    shows_tools: bool = True
    wants_tools: bool = False
    text_beside_calls: bool = True


def learn(render: Render) -> Conventions:
    """Try a template out. `render(messages, tools)` is `apply_chat_template` without tokenising."""
    arguments, empty = _arguments_and_content(render)
    one, two = _called(1, arguments, empty), _called(2, arguments, empty)
    writes = _tells(render, [*one, *_results(1)], _NAMES[:1]) or _tells(
        render, [*one, *_results(1, "user")], _NAMES[:1]
    )
    before = one if writes else [_says("user"), _says("assistant")]
    return Conventions(
        arguments=arguments,
        one_call=writes and not _tells(render, [*two, *_results(2)], _NAMES),
        writes_calls=writes,
        empty=empty,
        empty_answer=_accepts(render, [_says("user"), {"role": "assistant", "content": ""}, _says("user")]),
        short_ids=_accepts(render, [*one, *_results(1)]) and not _accepts(render, _with_ids([*one, *_results(1)])),
        tool_role=_tells(render, [*before, *_results(1)], (_result(0),)),
        system=_tells(render, [_says("system"), _says("user")], (_text("system"),)),
        late_system=_tells(render, [_says("user"), _says("system"), _says("user")], (_text("system"),)),
        runs=_accepts(render, [_says("user"), _says("user")])
        and _accepts(render, [_says("user"), _says("assistant"), _says("assistant"), _says("user")]),
        plain_types=not _accepts(render, [_says("user")], _ODDLY_TYPED),
        starts_with_assistant=_accepts(render, [_says("assistant"), _says("user")]),
        wants_user=not _accepts(render, [_says("system")]) or not _accepts(render, [_says("assistant")]),
        wants_tools=not _accepts(render, [_says("user")], None) and _accepts(render, [_says("user")], []),
        shows_tools=_tells(render, [_says("user")], (_DECLARED["name"],)),
        text_beside_calls=not writes
        or _tells(render, [*_called(1, arguments, _text("beside")), *_results(1)], (_text("beside"),)),
    )


def _arguments_and_content(render: Render) -> tuple[Literal["object", "text"], str | None]:
    """The spelling of arguments and of no content that says most plainly what was called."""
    best: tuple[Literal["object", "text"], str | None] = ("object", "")
    found: list[tuple[bool, bool, bool, int, int]] = []
    choices: list[tuple[Literal["object", "text"], str | None]] = [
        (arguments, empty) for arguments in ("object", "text") for empty in ("", None)
    ]
    for order, (arguments, empty) in enumerate(choices):
        text = _try(render, [*_called(1, arguments, empty), *_results(1)])
        if text is not None:
            plain = '\\"' not in text and f"'{_KEY}'" not in text and _VALUE in text
            found.append((not plain, "None" in text, arguments == "text", len(text), order))
    if found:
        best = choices[min(found)[-1]]
    return best


def _text(role: str) -> str:
    return f"probe text of {role}"


def _result(place: int) -> str:
    return f"probe result {place}"


def _says(role: str) -> Message:
    return {"role": role, "content": _text(role)}


def _called(calls: int, arguments: str, empty: str | None) -> list[Message]:
    value: object = {_KEY: _VALUE} if arguments == "object" else f'{{"{_KEY}": "{_VALUE}"}}'
    called = [
        {"id": _IDS[place], "type": "function", "function": {"name": _NAMES[place], "arguments": value}}
        for place in range(calls)
    ]
    return [_says("user"), {"role": "assistant", "content": empty, "tool_calls": called}]


def _results(calls: int, role: str = "tool") -> list[Message]:
    return [
        {"role": role, "content": _result(place), "tool_call_id": _IDS[place], "name": _NAMES[place]}
        for place in range(calls)
    ]


def _with_ids(messages: list[Message]) -> list[Message]:
    """The same, with a long id."""
    found: list[Message] = []
    for message in messages:
        changed = {**message, "tool_call_id": _LONG_ID} if "tool_call_id" in message else {**message}
        if "tool_calls" in message:
            changed["tool_calls"] = [{**call, "id": _LONG_ID} for call in message["tool_calls"]]
        found.append(changed)
    return found


def _try(render: Render, messages: list[Message], tools: list[Message] | None = _TOOLS) -> str | None:
    try:
        return render(messages, tools)
    except Exception:  # noqa: BLE001  whatever a template does, it does not want this
        return None


def _accepts(render: Render, messages: list[Message], tools: list[Message] | None = _TOOLS) -> bool:
    return _try(render, messages, tools) is not None


def _tells(render: Render, messages: list[Message], texts: Sequence[str]) -> bool:
    rendered = _try(render, messages)
    return rendered is not None and all(text in rendered for text in texts)
