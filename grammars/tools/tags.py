"""Arguments as tags: one per parameter, strings as they are, other values as JSON.

<parameter=city>⏎Paris⏎</parameter>⏎
|- opens --|key|colon|text|--- closes ---|
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from constrained.automata.dfa import Dfa
from constrained.automata.regex import compile_rust
from constrained.errors import UnsupportedFeature
from constrained.grammar import Automaton, Sequence, Terminal
from grammars.json_schema import texts
from grammars.json_schema.literals import Shape
from grammars.json_schema.nodes import Writer
from grammars.json_schema.texts import Texts
from grammars.tools.arguments import Schema
from grammars.tools.formats import JSON_KINDS, JSON_WORDS, Tags, Words, json_colon
from grammars.tools.kinds import (
    STRING,
    Kinds,
    arrays_of,
    kinds_of,
    numbers_of,
    objects_of,
    raw,
    strings_of,
    words_of,
)
from grammars.tools.markers import Marks, terminal
from grammars.tools.members import members_of
from grammars.tools.written import AnyOf


def tags_name(attributes: bool, name: str) -> bool:
    """Can a parameter have this name? In `attributes` a letter of it would have to be escaped."""
    return _KEY.fullmatch(name) is not None and not (attributes and "&" in name)


def tags_ban(tags: Tags, marks: Marks) -> tuple[bytes, ...]:
    """What no string may contain that stands without quotes."""
    return (*marks.banned(tags.closes.strip()), *(letter.encode() for letter in tags.quoted))


class TagPen:
    """Writes a tool's arguments as tags. `banned`: what no raw string may contain."""

    def __init__(self, tags: Tags, marks: Marks, schema: Schema) -> None:
        self.opens = marks.sequence(tags.opens)
        self.between: Sequence = ()
        self.closes: Sequence = ()
        self._colon = marks.sequence(tags.colon)
        self._json_colons = {kind: marks.sequence(json_colon(tags, kind)) for kind in JSON_KINDS}
        self._typed = tags.json_colon is not None
        self._end = marks.sequence(tags.closes)
        self._quotes = None if tags.quotes is None else (marks.sequence(tags.quotes[0]), marks.sequence(tags.quotes[1]))
        self._attributes = tags.attributes
        self._words = tags.words
        self._schema = schema
        self._kinds: dict[str | None, Kinds] = {}
        self._values: dict[tuple[str | None, Shape], TagValue] = {}
        self.banned = tags_ban(tags, marks)
        self.banned_in_quotes = marks.banned(tags.quotes[1] if tags.quotes else "")

    def key(self, name: str) -> bytes:
        """The name itself."""
        return name.encode()

    def keys(self, names: Texts) -> Dfa:
        """The names that can be written."""
        return _writable(names, self._attributes)

    def name(self, key: bytes) -> str:
        """The key itself."""
        return key.decode()

    def value(self, name: str | None, shape: Shape) -> Sequence:
        """What follows the key, up to the closing tag."""
        found = self._values.get((name, shape))
        if found is None:
            found = self._values.setdefault((name, shape), TagValue(self, shape, self.kinds(name)))
        return (found,)

    def kinds(self, name: str | None) -> Kinds:
        """The kinds of value that parameter `name` may have, in any way to be the arguments."""
        known = name if name is not None and any(name in plan.names for plan in self._schema.plans) else None
        if known not in self._kinds:
            self._kinds[known] = self._find_kinds(known)
        return self._kinds[known]

    def _find_kinds(self, name: str | None) -> Kinds:
        found: Kinds = frozenset()
        for plan in self._schema.plans:
            shapes = [shape for known, shape in zip(plan.names, plan.shapes, strict=True) if known == name]
            for shape in shapes or [one.shape for one in plan.classes]:
                found |= kinds_of(self._schema.writer, shape)
        return found

    def sequences(self, shape: Shape, kinds: Kinds) -> list[Sequence]:
        """The ways to write a value: colon, value, closing tag."""
        writer = self._schema.writer
        found: list[Sequence] = []
        for strings in strings_of(writer, shape):
            known = frozenset({STRING}) if self._typed else kinds
            text = raw(strings, self.banned, known, self._words)
            if not text.is_empty:
                found.append((*self._colon, _terminal(text), *self._end))
            if self._quotes is not None:
                text = raw(strings, self.banned_in_quotes, known, self._words)
                if not text.is_empty:
                    found.append((*self._colon, *self._in_quotes((_terminal(text),)), *self._end))
        for kind, value in json_values(writer, shape, self._words):
            colon = self._json_colons[kind]
            found.append((*colon, *value, *self._end))
            if self._quotes is not None and kind in ("array", "object"):
                found.append((*colon, *self._in_quotes(value), *self._end))
        return found

    def _in_quotes(self, value: Sequence) -> Sequence:
        assert self._quotes is not None
        return (*self._quotes[0], *value, *self._quotes[1])

    def check(self) -> None:
        """Raise UnsupportedFeature for a parameter that has values, but none that can be written."""
        for plan in self._schema.plans:
            for name, shape in zip(plan.names, plan.shapes, strict=True):
                if not tags_name(self._attributes, name):
                    raise UnsupportedFeature(f"this tool format cannot write the name {name!r}", where="#/properties")
                if self._schema.writer.alive(shape) and not self._can_write(shape, self.kinds(name)):
                    raise UnsupportedFeature(
                        "all values contain the tag that ends a parameter, or read as another type",
                        where=f"#/properties/{name}",
                    )

    def _can_write(self, shape: Shape, kinds: Kinds) -> bool:
        """Is there a value that can be written? A quick look comes first: nearly always there is."""
        if any(one.chosen is None and one.dfa is None for one in strings_of(self._schema.writer, shape)):
            return True
        return bool(kinds_of(self._schema.writer, shape) - {STRING}) or bool(self.sequences(shape, kinds))


class TagValue(AnyOf):
    """A parameter's value, with colon and closing tag."""

    __slots__ = ("_kinds", "_pen", "_shape")

    def __init__(self, pen: TagPen, shape: Shape, kinds: Kinds) -> None:
        super().__init__()
        self._pen = pen
        self._shape = shape
        self._kinds = kinds

    def sequences(self) -> tuple[Sequence, ...]:
        """The raw string, and other values as JSON."""
        return tuple(self._pen.sequences(self._shape, self._kinds))


class TagArguments(AnyOf):
    """All parameters of a call."""

    __slots__ = ("_pen", "_schema")

    def __init__(self, schema: Schema, pen: TagPen) -> None:
        super().__init__()
        self._pen = pen
        self._schema = schema

    def sequences(self) -> tuple[Sequence, ...]:
        """One alternative per way to be the arguments."""
        return tuple((members_of(plan, self._pen, plan.start),) for plan in self._schema.plans)


def json_values(writer: Writer, shape: Shape, words: Words) -> Iterator[tuple[str, Sequence]]:
    """The values of a shape that are not strings, as JSON, each with its kind; `words` may stand for JSON's."""
    for word in words_of(writer, shape):
        for spelling in dict.fromkeys((word, words[JSON_WORDS.index(word)])):
            yield "null" if word == "null" else "boolean", (terminal(spelling.encode()),)
    number = numbers_of(writer, shape)
    if not number.is_empty:
        yield "number", (_terminal(number),)
    yield from (("array", plan.sequence()) for plan in arrays_of(writer, shape))
    yield from (("object", plan.sequence()) for plan in objects_of(writer, shape))


_KEY_PATTERN = r'[^\x00-\x20<>"=](?:[^\x00-\x1f<>"=]*[^\x00-\x20<>"=])?'
_KEY = re.compile(_KEY_PATTERN)


@lru_cache(maxsize=256)
def _writable(names: Texts, attributes: bool) -> Dfa:
    pattern = _KEY_PATTERN.replace('<>"=', '<>"=&') if attributes else _KEY_PATTERN
    return texts.decoded(texts.both(names, Texts(dfa=compile_rust(pattern))))


@lru_cache(maxsize=4096)
def _terminal(automaton: Automaton) -> Terminal:
    return Terminal(automaton, "value")
