"""What an answer without calls must be: the ways in which a request says so.

    {"type": "text"}                                    anything: no `Answer`
    {"type": "json_object"}                             an object
    {"type": "json_schema", "json_schema": {"schema"}}  JSON of a schema (chat completions; responses say `schema`)
    {"type": "regex", "pattern"}                        a text that matches as a whole
    {"type": "choice", "choices"}                       one of some texts
    {"type": "grammar", "definition"}                   a text of a grammar in Lark's notation, or GBNF

The last three are any text. So nothing can tell them from calls, and nothing around them is theirs to
drop: they are said exactly as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from constrained.errors import GrammarError, InvalidGrammar
from constrained.grammar import Symbol
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.choice import compile_choice
from grammars.gbnf import compile_gbnf
from grammars.json_schema.options import JsonSchemaOptions
from grammars.lark.compiler import compile_lark
from grammars.regex import compile_regex
from grammars.tools.arguments import ANY_OBJECT, compile_schema


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The grammar of an answer; `is_json`: it is a JSON value."""

    value: Symbol
    is_json: bool


def read_answer(
    response_format: Mapping[str, Any] | None, vocabulary: Vocabulary, options: JsonSchemaOptions
) -> Answer | None:
    """The grammar that a `response_format` asks for; None for free text. Raises GrammarError with its place."""
    if response_format is None:
        return None
    match response_format.get("type"):
        case "text":
            return None
        case "json_object":
            return Answer(compile_schema(ANY_OBJECT, options, "response_format").value, is_json=True)
        case "json_schema":
            return _of_schema(response_format, options)
        case "regex" | "choice" | "grammar" as kind:
            return Answer(_of_text(kind, response_format, vocabulary), is_json=False)
        case other:
            raise InvalidGrammar(f"unknown type {other!r}", where="response_format.type")


def _of_schema(response_format: Mapping[str, Any], options: JsonSchemaOptions) -> Answer:
    nested = response_format.get("json_schema")
    fields = cast("Mapping[str, Any]", nested) if isinstance(nested, Mapping) else response_format
    place = "response_format.json_schema.schema" if fields is nested else "response_format.schema"
    if not isinstance(fields.get("schema"), Mapping | bool):
        raise InvalidGrammar("expected a schema", where=place)
    return Answer(compile_schema(fields["schema"], options, place).value, is_json=True)


def _of_text(kind: str, response_format: Mapping[str, Any], vocabulary: Vocabulary) -> Symbol:
    key = {"regex": "pattern", "choice": "choices", "grammar": "definition"}[kind]
    place, value = f"response_format.{key}", response_format.get(key)
    try:
        if kind == "choice":
            return compile_choice(_texts(value), vocabulary).start
        if not isinstance(value, str):
            raise InvalidGrammar("expected a text")
        if kind == "regex":
            return compile_regex(value, vocabulary).start
        return (compile_gbnf if "::=" in value else compile_lark)(value, vocabulary).start
    except GrammarError as error:
        separator = "" if not error.where or error.where.startswith("#") else ", "
        raise type(error)(error.message, where=place + separator + error.where, hint=error.hint) from error


def _texts(value: object) -> Sequence[str]:
    texts = cast("Sequence[object]", value) if isinstance(value, list | tuple) else ()
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidGrammar("expected a list of texts")
    return cast("Sequence[str]", texts)
