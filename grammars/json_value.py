"""Any JSON: a value of any kind, or any object.

It is the schema that says nothing, so everything that holds for schemas holds here: canonical escapes,
no key twice in an object, bounded whitespace, any depth.
"""

from typing import Literal

from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions, Whitespace


def compile_json(
    vocabulary: Vocabulary, kind: Literal["value", "object"] = "value", *, whitespace: Whitespace = "json"
) -> CompiledGrammar:
    """The grammar of all JSON values, or of all objects, written in a style of `JsonSchemaOptions`."""
    schema = True if kind == "value" else {"type": "object"}
    return compile_json_schema(schema, vocabulary, JsonSchemaOptions(whitespace=whitespace))
