"""Does a compiled schema accept an instance? Byte by byte, so that no tokenizer is in the way."""

import json
from functools import cache
from typing import Any

from constrained.errors import ConstrainedError, GrammarError, Unsatisfiable
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.json_schema.compiler import compile_json_schema
from grammars.json_schema.limits import CompileLimits
from grammars.json_schema.options import JsonSchemaOptions

# Outcomes must not depend on how busy the machine is.
PATIENT = CompileLimits(seconds=30)


@cache
def byte_vocabulary() -> Vocabulary:
    """The 256 single bytes and an end token."""
    return Vocabulary.from_spellings([*(bytes([byte]) for byte in range(256)), None], [256])


def accepts(grammar: CompiledGrammar, text: str) -> bool:
    """Is `text` one of the grammar's texts?"""
    states = grammar.states
    state = states.read(states.start, text.encode("utf-8", "surrogatepass"))
    return state is not None and state.accepting


def written(instance: Any) -> str:
    """An instance as `json.dumps` writes it, characters unescaped."""
    return json.dumps(instance, ensure_ascii=False)


def outcomes(
    schema: Any,
    tests: list[tuple[Any, bool]],
    options: JsonSchemaOptions,
    resources: dict[str, Any] | None = None,
) -> list[str]:
    """The outcome of each (instance, is it valid?); see `ratchet.ORDER`.

    A schema that nothing satisfies rejects every instance.
    """
    grammar = compiled(schema, options, resources)
    if grammar == "unsatisfiable":
        return ["wrong_reject" if valid else "pass" for _, valid in tests]
    if isinstance(grammar, str):
        return [grammar] * len(tests)
    return [_outcome(grammar, instance, valid) for instance, valid in tests]


def compiled(schema: Any, options: JsonSchemaOptions, resources: dict[str, Any] | None = None) -> CompiledGrammar | str:
    """The grammar; else "unsatisfiable", "unsupported" or "crash"."""
    try:
        return compile_json_schema(schema, byte_vocabulary(), options, limits=PATIENT, resources=resources)
    except Unsatisfiable:
        return "unsatisfiable"
    except GrammarError:
        return "unsupported"
    except (ConstrainedError, RecursionError, LookupError, TypeError, ValueError, AttributeError, AssertionError):
        return "crash"


def _outcome(grammar: CompiledGrammar, instance: Any, valid: bool) -> str:
    try:
        accepted = accepts(grammar, written(instance))
    except (ConstrainedError, RecursionError, LookupError, TypeError, ValueError, AttributeError, AssertionError):
        return "crash"
    if accepted == valid:
        return "pass"
    return "wrong_accept" if accepted else "wrong_reject"
