"""Calls as their family writes them: the grammar's texts, from the other side.

For chat templates that do not render a conversation's calls; and the tests' first question to every
grammar is whether it accepts what is written here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from grammars.tools.formats import CallForm, Json, Literals, Nested, OneOf, Slot, Tags, ToolFormat


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as data."""

    name: str
    arguments: Mapping[str, Any]
    id: str = "000000000"


def render_calls(family: ToolFormat, calls: Sequence[WrittenCall], *, first_index: int = 0, form: int = 0) -> str:
    """The calls of one turn, in one of the family's forms."""
    chosen = family.forms[form]
    written = [_call(family, chosen, call, first_index, place) for place, call in enumerate(calls)]
    return chosen.opens + (chosen.between or "").join(written) + chosen.closes


def _call(family: ToolFormat, form: CallForm, call: WrittenCall, first_index: int, place: int) -> str:
    slots = {
        Slot.NAME: call.name,
        Slot.ARGUMENTS: render_arguments(family, call.arguments),
        Slot.ID: call.id,
        Slot.INDEX: str(first_index + place),
        Slot.PLACE: str(place + 1),
    }
    return "".join(
        part if isinstance(part, str) else part.texts[0] if isinstance(part, OneOf) else slots[part]
        for part in form.call
    )


def render_arguments(family: ToolFormat, arguments: Mapping[str, Any]) -> str:
    """Arguments in the family's hand."""
    match family.arguments:
        case Json():
            return json.dumps(arguments, ensure_ascii=False)
        case Tags() as tags:
            return "".join(tags.opens + key + _tag_value(tags, value) + tags.closes for key, value in arguments.items())
        case Nested() as nested:
            return "".join(
                f"{nested.opens}{nested.named(key)}{_nested(nested, value)}" for key, value in arguments.items()
            )
        case Literals() as literals:
            named = sorted(arguments, key=str.lower) if literals.sorted else arguments
            return literals.comma.join(f"{key}{literals.colon}{_literal(literals, arguments[key])}" for key in named)


def _tag_value(tags: Tags, value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if tags.quotes and any(letter in text for letter in tags.quoted):
        text = text.join(tags.quotes)
    if isinstance(value, str) or tags.json_colon is None:
        return tags.colon + text
    return tags.json_colon.format(kind=kind_of(value)) + text


def kind_of(value: object) -> str:
    """The kind of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "number"


def _nested(nested: Nested, value: object) -> str:
    match value:
        case str():
            kind, inner = "string", value
        case list():
            items = cast("list[object]", value)
            kind, inner = "array", "".join(nested.opens + _nested(nested, item) for item in items)
        case dict():
            members = cast("dict[str, object]", value).items()
            kind, inner = "object", "".join(f"{nested.opens}{nested.named(k)}{_nested(nested, v)}" for k, v in members)
        case _:
            kind, inner = "scalar", json.dumps(value)
    return nested.kind_of(kind) + inner + nested.closes


_SWAP = str.maketrans("'\"", "\"'")


def _literal(literals: Literals, value: object) -> str:
    match value:
        case None | bool():
            return literals.words[0 if value is None else 1 if value else 2]
        case str() if not literals.escapes:
            return f"{literals.quote}{value}{literals.quote}"
        case str() if literals.quote == "'":
            return json.dumps(value.translate(_SWAP), ensure_ascii=False).translate(_SWAP)
        case list():
            return f"[{literals.comma.join(_literal(literals, item) for item in cast('list[object]', value))}]"
        case dict():
            members = cast("dict[str, object]", value)
            named = sorted(members, key=str.lower) if literals.sorted else members
            quoted = {key: _literal(literals, key) if literals.nested_quoted else key for key in named}
            pairs = [f"{quoted[key]}{literals.nested_colon}{_literal(literals, members[key])}" for key in named]
            return f"{{{literals.comma.join(pairs)}}}"
        case _:
            return json.dumps(value, ensure_ascii=False)
