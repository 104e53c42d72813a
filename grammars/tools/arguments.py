"""A tool's arguments as JSON: the objects of its schema.

Schemas are compiled once and kept (agents send the same tools with every request); a refusal names
tool, pointer and keyword.
"""

import json
import sys
from collections.abc import Mapping
from functools import lru_cache
from math import inf
from threading import Lock
from typing import Any, cast

from constrained.errors import GrammarError, Unsatisfiable
from constrained.grammar import Node, Sequence
from constrained.warming import warm_up
from grammars.json_schema.compiler import write, write_shapes
from grammars.json_schema.documents import Document
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.nodes import Writer
from grammars.json_schema.object_nodes import ObjectPlan
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_schema.plain_values import PlainValues
from grammars.json_schema.shapes import Shapes
from grammars.tools.definitions import Tool

ANY_OBJECT: Mapping[str, Any] = {"type": "object"}
_UNLIMITED = CompileLimits(seconds=inf, memory=sys.maxsize)  # for what was found to be small


_first_use = Lock()


class Schema:
    """A schema that was checked: its writer, and the ways to be an object.

    Where it plainly has objects and nothing in it can be refused later, it has no writer before the first call of
    its tool: hundreds of tools may be declared, and few of them are called.
    """

    def __init__(self, text: str, options: JsonSchemaOptions, writer: Writer | None) -> None:
        self.text = text
        self.is_plain = writer is None
        self.objects = ObjectsOf(self)
        self._options = options
        self._writer = writer
        self._plans: tuple[ObjectPlan, ...] | None = None

    @property
    def writer(self) -> Writer:
        """Writes its values."""
        if self._writer is None:
            with _first_use:
                self._writer = self._writer or write(Document.parse(self.text), self._options, _UNLIMITED)
        return self._writer

    @property
    def plans(self) -> tuple[ObjectPlan, ...]:
        """The ways to be an object."""
        if self._plans is None:
            writer = self.writer
            self._plans = tuple(plan for plan in writer.ways_of_objects(writer.shapes.root()) if plan.alive())
        return self._plans

    @property
    def has_objects(self) -> bool:
        """Does any object satisfy it?"""
        return self.is_plain or bool(self.plans)

    @property
    def value(self) -> Node:
        """Any value of the schema, as JSON."""
        return self.writer.node(self.writer.shapes.root())


class ObjectsOf(Node):
    """The objects of a schema, as JSON."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._shortest: bytes | None = None

    def expand(self) -> tuple[Sequence, ...]:
        """One alternative per way to be an object."""
        return tuple(plan.sequence() for plan in self._schema.plans)

    def shortest(self) -> bytes:
        """A shortest of them."""
        if self._shortest is None:
            self._shortest = min((plan.shortest() for plan in self._schema.plans), key=len)
        return self._shortest


def compile_arguments(tool: Tool, options: JsonSchemaOptions, *, in_order: bool = False) -> Schema:
    """The schema of a tool's arguments; `in_order`: with keys in the order of the alphabet.

    Raises as `compile_json_schema`, with the tool's place in front; Unsatisfiable where no object satisfies it.
    """
    schema = compile_schema(_sorted(tool.schema) if in_order else tool.schema, options, tool.where)
    if not schema.has_objects:
        raise Unsatisfiable("arguments are an object, and none satisfies this schema", where=f"{tool.where}#")
    return schema


def _sorted(schema: Any) -> Any:
    """The same schema, its properties declared in the order in which Jinja's `dictsort` writes them."""
    if isinstance(schema, list):
        return [_sorted(one) for one in cast("list[Any]", schema)]
    if not isinstance(schema, Mapping):
        return schema
    found = {key: _sorted(value) for key, value in cast("Mapping[str, Any]", schema).items()}
    if isinstance(found.get("properties"), dict):
        found["properties"] = dict(sorted(found["properties"].items(), key=lambda one: one[0].lower()))
    return found


def compile_schema(schema: Mapping[str, Any] | bool, options: JsonSchemaOptions, where: str) -> Schema:
    """A schema at `where` in the request. Raises as `compile_json_schema`, with that place in front."""
    try:
        return _compile(json.dumps(schema), options)
    except GrammarError as error:
        place = error.where if error.where.startswith("#") else f"#{error.where}"
        raise type(error)(error.message, where=where + place, hint=error.hint) from error


@lru_cache(maxsize=2048)
def _compile(schema: str, options: JsonSchemaOptions) -> Schema:
    """All that may be refused is refused here."""
    warm_up()
    limits = CompileLimits()
    shapes = Shapes(Document.parse(schema), options, limits)
    plainly = shapes.is_plain and shapes.only_type(shapes.root()) == "object"
    if plainly and PlainValues(shapes).weight(shapes.root()):
        return Schema(schema, options, None)
    return Schema(schema, options, write_shapes(shapes, limits))
