r"""Custom tools: one text of a grammar instead of arguments of a schema.

    {"input": "say \"hi\"\n"}                      JSON and other quotes     escaped, terminal by terminal
    <parameter=input>⏎say "hi"⏎⏎</parameter>⏎      tags                      as it is

To the model, a custom tool is a function with one parameter, the text `input`: so the chat template shows
it, so calls in a conversation are rendered, and so it is called. Each family writes that text as it writes
every string. Clients get the text itself (framing.py).
"""

from collections import OrderedDict
from collections.abc import Generator
from threading import Lock
from typing import assert_never
from weakref import WeakKeyDictionary

from constrained.automata.algebra import intersect, within
from constrained.automata.lift import any_text
from constrained.errors import GrammarError, Unsatisfiable
from constrained.grammar import Node, Sequence, Symbol, Terminal
from constrained.vocabulary.vocabulary import Vocabulary
from grammars.enclosed import Enclosure, unescaping
from grammars.json_schema.options import JsonSchemaOptions, punctuation
from grammars.lark.compiler import lark_node
from grammars.regex import counted_pattern, pattern_dfa
from grammars.tools.definitions import INPUT, Input
from grammars.tools.formats import Arguments, Json, Literals, Nested, Tags
from grammars.tools.free_text import without
from grammars.tools.markers import Marks, marks_of, terminal
from grammars.tools.transcribe import Emit
from grammars.tools.written import Alternatives

_KEPT = 256  # compiled inputs per vocabulary

_Key = tuple[Input, Arguments, str]
_kept: WeakKeyDictionary[Vocabulary, OrderedDict[_Key, Node]] = WeakKeyDictionary()
_lock = Lock()


def write_input(entry: Input, arguments: Arguments, vocabulary: Vocabulary, options: JsonSchemaOptions) -> Node:
    """The arguments of a custom tool, in a family's hand. Compiled once: agents send the same tools again.

    Raises GrammarError with the place in the request, and the line and column in the definition.
    """
    key = (entry, arguments, options.whitespace)
    with _lock:
        kept = _kept.setdefault(vocabulary, OrderedDict())
        found = kept.get(key)
    if found is None:
        try:
            found = Alternatives("input", (_sequence(entry, arguments, vocabulary, options),))
        except GrammarError as error:
            where = ", ".join(filter(None, (entry.where, error.where)))
            raise type(error)(error.message, where=where, hint=error.hint) from error
    with _lock:
        kept[key] = found
        kept.move_to_end(key)
        if len(kept) > _KEPT:
            kept.popitem(last=False)
    return found


def _sequence(entry: Input, arguments: Arguments, vocabulary: Vocabulary, options: JsonSchemaOptions) -> Sequence:
    marks = marks_of(vocabulary)
    match arguments:
        case Json():
            marks_of_json = punctuation(options.whitespace)
            quote = terminal(b'"')
            before = (marks_of_json.open_object, terminal(f'"{INPUT}"'.encode()), marks_of_json.colon, quote)
            return (*before, _text(entry, Enclosure(quote=b'"'), vocabulary), quote, marks_of_json.close_object)
        case Tags() as tags:
            return (*marks.sequence(f"{tags.opens}{INPUT}{tags.colon}"), _between_tags(entry, tags, vocabulary))
        case Nested() as nested:
            opens = nested.opens + nested.named(INPUT) + nested.kind_of("string")
            text = _text(entry, _ended_by(marks, nested.closes), vocabulary)
            return (*marks.sequence(opens), text, *marks.sequence(nested.closes))
        case Literals() as literals:
            ends = literals.quote
            enclosure = Enclosure(quote=ends.encode()) if literals.escapes else _ended_by(marks, ends)
            text = _text(entry, enclosure, vocabulary)
            return (*marks.sequence(INPUT + literals.colon + ends), text, *marks.sequence(ends))
        case _:
            assert_never(arguments)


def _between_tags(entry: Input, tags: Tags, vocabulary: Vocabulary) -> Node:
    """A text and the tag that ends it; in the quotes that some families have for texts with certain letters."""
    marks = marks_of(vocabulary)
    ways: list[Sequence] = []
    failed: GrammarError | None = None
    plain = _ended_by(marks, tags.closes.strip(), *tags.quoted)
    opens, closes = tags.quotes or ("", "")
    for enclosure, before, behind in ((plain, "", ""), (_ended_by(marks, closes), opens, closes)):
        if behind or enclosure is plain:
            try:
                text = _text(entry, enclosure, vocabulary)
                ways.append((*marks.sequence(before), text, *marks.sequence(behind + tags.closes)))
            except Unsatisfiable as error:
                failed = error
    if not ways and failed is not None:
        raise failed
    return Alternatives("text", tuple(ways))


def _ended_by(marks: Marks, *ends: str) -> Enclosure:
    """Text up to one of some marks; those that are tokens, or have one in them, cannot be written in text anyway."""
    return Enclosure(marks=tuple(mark for end in ends for mark in marks.banned(end)))


def _text(entry: Input, enclosure: Enclosure, vocabulary: Vocabulary) -> Symbol:
    if entry.syntax == "lark":
        return lark_node(entry.definition, vocabulary, enclosure=enclosure)
    if entry.syntax == "regex" and not enclosure.marks:
        counted = counted_pattern(entry.definition, enclosure.alphabet(vocabulary), enclosure.written)
        if counted is not None:
            return counted
    texts = any_text() if entry.syntax == "text" else pattern_dfa(entry.definition)
    if texts.is_empty:
        raise Unsatisfiable("no text matches the pattern")
    texts = within(texts, enclosure.alphabet(vocabulary))
    texts = intersect(texts, without(enclosure.marks)) if enclosure.marks else texts
    if texts.is_empty:
        raise Unsatisfiable("no text that matches the pattern can be written in this format")
    return Terminal(enclosure.spelled(texts), entry.syntax)


# ---------------------------------------------------------------------- and back

_QUOTE, _BACKSLASH = b'"\\'


def input_of(emit: Emit) -> Emit:
    """Takes the bytes of `{"input": "..."}`, and emits the text, as it is decided."""
    reader = _reading(emit)
    next(reader)

    def read(arguments: bytes) -> None:
        for byte in arguments:
            reader.send(byte)

    return read


def _reading(emit: Emit) -> Generator[None, int]:
    for _ in range(3):  # around the name, and before the text
        while (yield) != _QUOTE:
            pass
    text = unescaping(emit)
    next(text)
    escaped = False
    while (byte := (yield)) != _QUOTE or escaped:
        escaped = byte == _BACKSLASH and not escaped
        text.send(byte)
    while True:
        yield
