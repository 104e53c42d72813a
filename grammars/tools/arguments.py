"""A tool's arguments as JSON: the objects of its schema.

Schemas are compiled once and kept (agents send the same tools with every request); a refusal names
tool, pointer and keyword.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from constrained.errors import GrammarError, Unsatisfiable
from constrained.grammar import Node, Sequence
from grammars.json_schema.compiler import write
from grammars.json_schema.documents import Document
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.nodes import Writer
from grammars.json_schema.object_nodes import ObjectPlan
from grammars.json_schema.options import JsonSchemaOptions
from grammars.tools.definitions import Tool

ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


class ObjectsOf(Node):
    """The objects of a schema, as JSON."""

    def __init__(self, plans: tuple[ObjectPlan, ...]) -> None:
        self._plans = plans
        self._shortest: bytes | None = None

    def expand(self) -> tuple[Sequence, ...]:
        """One alternative per way to be an object."""
        return tuple(plan.sequence() for plan in self._plans)

    def shortest(self) -> bytes:
        """A shortest of them."""
        if self._shortest is None:
            self._shortest = min((plan.shortest() for plan in self._plans), key=len)
        return self._shortest


class Schema:
    """A compiled schema: its writer, and the ways to be an object."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.plans = tuple(plan for plan in writer.ways_of_objects(writer.shapes.root()) if plan.alive())
        self.objects = ObjectsOf(self.plans)

    @property
    def value(self) -> Node:
        """Any value of the schema, as JSON."""
        return self.writer.node(self.writer.shapes.root())


def compile_arguments(tool: Tool, options: JsonSchemaOptions, *, in_order: bool = False) -> Schema:
    """The schema of a tool's arguments; `in_order`: with keys in the order of the alphabet.

    Raises as `compile_json_schema`, with the tool's place in front; Unsatisfiable where no object satisfies it.
    """
    schema = compile_schema(_sorted(tool.schema) if in_order else tool.schema, options, tool.where)
    if not schema.plans:
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
    return Schema(write(Document.parse(schema), options, CompileLimits()))
