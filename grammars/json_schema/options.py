"""What users may choose when a JSON Schema is compiled."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from constrained.automata.algebra import literal
from constrained.automata.regex import compile_rust
from constrained.grammar import Terminal

Whitespace = Literal["json", "compact", "flexible"]
KeyOrder = Literal["schema", "any"]
AdditionalProperties = Literal["declared", "schema"]
Formats = Literal["assert", "standard", "annotate"]


@dataclass(frozen=True, slots=True)
class JsonSchemaOptions:
    """How the JSON that satisfies a schema is to be written.

    whitespace             "json" as Python's json.dumps (`", "`, `": "`); "compact" none at all;
                           "flexible" any, up to a line break and an indent between two tokens
    key_order              "schema" declared keys in the schema's order, others after; "any"
    additional_properties  "declared" extra keys only where the schema speaks of them, or declares no
                           key at all; "schema" as the standard says: anywhere, unless forbidden
    formats                "assert" enforce `format` where it is well defined, in the sense that all validators
                           share; "standard" likewise, and everything that its standard allows (leap
                           seconds, ...); "annotate" ignore it
    decimal_integers       also write integers as 1.0 or 1e2 where the schema's draft calls those integers
    """

    whitespace: Whitespace = "json"
    key_order: KeyOrder = "schema"
    additional_properties: AdditionalProperties = "declared"
    formats: Formats = "assert"
    decimal_integers: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Punctuation:
    """The terminals between the values, in one whitespace style."""

    open_object: Terminal
    close_object: Terminal
    close_empty_object: Terminal
    open_array: Terminal
    close_array: Terminal
    close_empty_array: Terminal
    comma: Terminal
    colon: Terminal


_BLANK = r"(?: {0,8}|\r?\n[ \t]{0,64})"  # bounded: whitespace can never run away


@lru_cache(maxsize=3)
def punctuation(whitespace: Whitespace) -> Punctuation:
    """The punctuation of a style; the same objects every time, so that states are shared."""
    if whitespace == "flexible":
        patterns = (rf"\{{{_BLANK}", rf"{_BLANK}\}}", r"\}", rf"\[{_BLANK}", rf"{_BLANK}\]", r"\]")
        between = (rf"{_BLANK},{_BLANK}", rf"{_BLANK}:{_BLANK}")
        return Punctuation(*(Terminal(compile_rust(pattern), pattern) for pattern in (*patterns, *between)))
    comma, colon = (b", ", b": ") if whitespace == "json" else (b",", b":")
    return Punctuation(
        *(Terminal(literal(text), text.decode()) for text in (b"{", b"}", b"}", b"[", b"]", b"]", comma, colon))
    )
