"""The kinds of value that a shape has, and each kind's JSON; strings as raw text.

Where strings are written without quotes, a text may read as another value: `3`, `null`, `[1]`. Then it
is that value if the shape has values of that kind at all, and a string otherwise. So the raw strings
of a shape are those that do not read as another kind (`raw`), and the framer decides alike (`json_for`).
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from constrained.automata.algebra import difference, intersect, literals, union
from constrained.automata.counted import UNBOUNDED, Counted, meter
from constrained.automata.dfa import Dfa
from constrained.automata.lettered import in_bytes
from constrained.automata.lift import any_text
from constrained.automata.regex import compile_rust
from constrained.grammar import Automaton
from grammars.json_schema import numbers, texts
from grammars.json_schema.array_nodes import ArrayPlan
from grammars.json_schema.literals import Shape
from grammars.json_schema.nodes import Writer
from grammars.json_schema.object_nodes import ObjectPlan
from grammars.json_schema.scalars import BOOLEANS, NULLS, NUMBERS, TEXTS
from grammars.json_schema.texts import Texts
from grammars.tools.formats import JSON_WORDS, Words
from grammars.tools.free_text import without

STRING = "string"
Kinds = frozenset[str]

_WORD_KINDS = ("null", "boolean", "boolean")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def words_of(writer: Writer, shape: Shape) -> Iterator[str]:
    """Which of null, true and false have the shape."""
    if writer.shapes.language(NULLS, shape):
        yield "null"
    for flag in writer.shapes.language(BOOLEANS, shape):
        yield "true" if flag else "false"


def numbers_of(writer: Writer, shape: Shape) -> Dfa:
    """The numbers of a shape, as JSON writes them."""
    return writer.shapes.language(NUMBERS, shape)


def strings_of(writer: Writer, shape: Shape) -> tuple[Texts, ...]:
    """The strings of a shape, as sets of one piece that are not empty."""
    found = writer.shapes.language(TEXTS, shape)
    return () if texts.is_empty(found) else found.parts


def arrays_of(writer: Writer, shape: Shape) -> list[ArrayPlan]:
    """The ways to be an array."""
    return [plan for plan in writer.ways_of_arrays(shape) if plan.alive()]


def objects_of(writer: Writer, shape: Shape) -> list[ObjectPlan]:
    """The ways to be an object."""
    return [plan for plan in writer.ways_of_objects(shape) if plan.alive()]


def kinds_of(writer: Writer, shape: Shape) -> Kinds:
    """The kinds of a shape's values: string, number, boolean, null, array, object."""
    found = {"null" if word == "null" else "boolean" for word in words_of(writer, shape)}
    found |= {STRING} if strings_of(writer, shape) else set()
    found |= {"number"} if not numbers_of(writer, shape).is_empty else set()
    found |= {"array"} if arrays_of(writer, shape) else set()
    found |= {"object"} if objects_of(writer, shape) else set()
    return frozenset(found)


def json_for(text: str, kinds: Kinds, words: Words = JSON_WORDS) -> str | None:
    """The JSON that `text` stands for, written where `kinds` may stand; None where it is a raw string."""
    for kind, json, other in zip(_WORD_KINDS, JSON_WORDS, words, strict=True):
        if kind in kinds and text in (json, other):
            return json
    is_json = (
        STRING not in kinds
        or ("number" in kinds and _NUMBER.fullmatch(text) is not None)
        or ("array" in kinds and text.startswith("["))
        or ("object" in kinds and text.startswith("{"))
    )
    return text if is_json else None


@lru_cache(maxsize=64)
def _other_kinds(kinds: Kinds, words: Words) -> Dfa | None:
    """The texts that `json_for` takes for JSON."""
    found: Dfa | None = None
    null, true, false = ((json.encode(), word.encode()) for json, word in zip(JSON_WORDS, words, strict=True))
    parts: dict[str, Callable[[], Dfa]] = {
        "null": lambda: literals(sorted({*null})),
        "boolean": lambda: literals(sorted({*true, *false})),
        "number": numbers.any_number,
        "array": lambda: compile_rust(r"\[(?s:.)*"),
        "object": lambda: compile_rust(r"\{(?s:.)*"),
    }
    for kind in sorted(kinds.intersection(parts)):
        found = parts[kind]() if found is None else union(found, parts[kind]())
    return found


@lru_cache(maxsize=1024)
def raw(
    strings: Texts, banned: tuple[bytes, ...], kinds: Kinds = frozenset({STRING}), words: Words = JSON_WORDS
) -> Automaton:
    """Strings as they are: with none of `banned` in them, and none that reads as another of `kinds`."""
    if strings.chosen is not None:
        kept = [text for text in strings.chosen if strings.has(text) and json_for(text, kinds, words) is None]
        return literals([text.encode() for text in kept if not any(part in text.encode() for part in banned)])
    language = any_text() if strings.dfa is None else in_bytes(strings.dfa)
    if banned:
        language = intersect(language, without(banned))
    others = _other_kinds(kinds - {STRING}, words)
    if others is not None:
        language = difference(language, others)
    return _counted(language, strings.low, strings.high)


def _counted(language: Dfa, low: int, high: int) -> Automaton:
    """The texts of `low..high` characters."""
    if low == 0 and high >= UNBOUNDED:
        return language
    begins = np.zeros(language.step.shape, np.uint8)
    begins[:, language.classes[np.r_[0:0x80, 0xC0:0x100]]] = 1  # bytes that begin a character cost one
    counter = meter(language, begins)
    if counter.decides(low, high):
        return Counted(counter, low, high)
    return texts.decoded(Texts(dfa=language, low=low, high=high))
