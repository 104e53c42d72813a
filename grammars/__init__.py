"""Front ends: what users write, compiled for the engine.

Imports point one way: `grammars` knows `constrained`, never the other way round.
"""

from constrained.native import finder

finder.install()  # `grammars` may be imported first; importing `constrained` has done it already

from grammars.choice import compile_choice
from grammars.ebnf import compile_ebnf
from grammars.gbnf import compile_gbnf
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.options import JsonSchemaOptions
from grammars.json_value import compile_json
from grammars.lark.compiler import compile_lark
from grammars.phases import FreeText, compile_phases
from grammars.regex import compile_regex
from grammars.tools.compile import compile_tools

__all__ = [
    "FreeText",
    "JsonSchemaOptions",
    "compile_choice",
    "compile_ebnf",
    "compile_gbnf",
    "compile_json",
    "compile_json_schema",
    "compile_lark",
    "compile_phases",
    "compile_regex",
    "compile_tools",
]
