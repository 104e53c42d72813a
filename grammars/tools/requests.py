"""The tools of a request, read and compiled; once for the many requests of a conversation that bring the same.

    tools, as Python values  --marshal-->  bytes  --in the table?-->  Called: what became of them the last time
                                                  --no-->             read, checked and compiled, tool by tool

Equal bytes are equal values, so nothing has to be read again to know that a request is an old one. What cannot be
written as such bytes (mappings of other kinds), or needs a vocabulary (custom tools), is read anew every time.
"""

import hashlib
import json
import marshal
from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from constrained.errors import GrammarError
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.json_schema.options import JsonSchemaOptions
from grammars.tools.arguments import ANY_OBJECT
from grammars.tools.definitions import Input, Tool, read_tools
from grammars.tools.formats import Arguments
from grammars.tools.hands import write_arguments
from grammars.tools.markers import Marks, marks_of
from grammars.tools.turns import Callable

_MOST = 2048  # tools that are kept, of all requests

_WITHOUT_REFERENCES = 2  # the version of marshal's format that says the same for the same values


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A tool whose schema or grammar was refused, and whose arguments may therefore be any JSON object or text."""

    tool: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Called:
    """The tools of a request as they may be called, and a hash of all that the request says about them."""

    read: tuple[Tool, ...]
    compiled: tuple[Callable, ...]
    relaxed: tuple[Relaxed, ...]
    digest: str


_Key = tuple[bytes, Arguments, Marks, JsonSchemaOptions, bool]
_kept: OrderedDict[_Key, Called] = OrderedDict()
_lock = Lock()


def compiled_tools(
    tools: Any, arguments: Arguments, vocabulary: Vocabulary, options: JsonSchemaOptions, *, relax: bool
) -> Called:
    """Tools in the hand of a family. Raises as `compile_tools`."""
    try:
        written = marshal.dumps(tools, _WITHOUT_REFERENCES)
    except ValueError:
        return _compile(tools, json.dumps(tools, default=repr).encode(), arguments, vocabulary, options, relax=relax)
    key = written, arguments, marks_of(vocabulary), options, relax
    with _lock:
        if (known := _kept.get(key)) is not None:
            _kept.move_to_end(key)
            return known
    tools = marshal.loads(written)
    found = _compile(tools, written, arguments, vocabulary, options, relax=relax)
    if all(tool.input is None for tool in found.read):
        with _lock:
            _kept[key] = found
            kept = sum(len(one.read) for one in _kept.values())
            while kept > _MOST:
                kept -= len(_kept.popitem(last=False)[1].read)
    return found


def _compile(
    tools: object,
    written: bytes,
    arguments: Arguments,
    vocabulary: Vocabulary,
    options: JsonSchemaOptions,
    *,
    relax: bool,
) -> Called:
    read = read_tools(tools)
    relaxed: list[Relaxed] = []
    compiled = [_callable(tool, arguments, vocabulary, options, relaxed if relax else None) for tool in read]
    return Called(read, tuple(compiled), tuple(relaxed), hashlib.sha256(written).hexdigest())


def _callable(
    tool: Tool,
    arguments: Arguments,
    vocabulary: Vocabulary,
    options: JsonSchemaOptions,
    relaxed: list[Relaxed] | None,
) -> Callable:
    try:
        written = write_arguments(tool, arguments, vocabulary, options)
    except GrammarError as error:
        if relaxed is None:
            raise
        relaxed.append(Relaxed(tool.name, str(error)))
        any_input = None if tool.input is None else Input()
        relaxed_tool = replace(tool, schema=ANY_OBJECT, input=any_input)
        written = write_arguments(relaxed_tool, arguments, vocabulary, options)
    return Callable(tool, written.node, written.kinds)
