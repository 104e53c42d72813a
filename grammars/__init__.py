"""Front ends: what users write, compiled for the engine.

Imports point one way: `grammars` knows `constrained`, never the other way round.
"""

from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions

__all__ = ["JsonSchemaOptions", "compile_json_schema"]
