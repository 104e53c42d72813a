"""Front ends: what users write, compiled for the engine.

Imports point one way: `grammars` knows `constrained`, never the other way round.
"""

from grammars.choice import compile_choice
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_value import compile_json
from grammars.regex import compile_regex

__all__ = ["JsonSchemaOptions", "compile_choice", "compile_json", "compile_json_schema", "compile_regex"]
