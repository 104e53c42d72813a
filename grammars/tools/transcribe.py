"""Arguments as the model writes them, on the fly into JSON.

    <parameter=city>⏎Pa|ris⏎</parameter>     {"city": "Pa|ris"}
    city='Pa|ris'                            {"city": "Pa|ris"}

What is emitted is always the beginning of one JSON text, so a client can show it as it grows. Only a
value that may be a string or not (`kinds.json_for`), or a word of Python, waits until it is complete.
"""

import json
from collections.abc import Callable as Function
from typing import Any

from grammars.tools.formats import JSON_KINDS, Literals, Nested, Tags, Words, json_colon
from grammars.tools.kinds import STRING, Kinds, json_for
from grammars.tools.markers import Atoms, Marks
from grammars.tools.reader import Parser, Reader, StreamEndedError

Emit = Function[[bytes], None]

_QUOTE, _BACKSLASH = ord('"'), ord("\\")
_OPENING, _CLOSING = frozenset(b"{["), frozenset(b"}]")  # atoms may be control tokens, which are no bytes
_ESCAPES = {byte: json.dumps(chr(byte))[1:-1].encode() for byte in (*range(0x20), _QUOTE, _BACKSLASH)}


def json_value(reader: Reader, emit: Emit) -> Parser[None]:
    """An object or array in JSON, as it is."""
    depth, inside, escaped = 0, False, False
    while True:
        atom = yield from reader.get()
        emit(bytes((atom,)))
        if inside:
            if escaped:
                escaped = False
            elif atom == _BACKSLASH:
                escaped = True
            elif atom == _QUOTE:
                inside = False
        elif atom == _QUOTE:
            inside = True
        elif atom in _OPENING:
            depth += 1
        elif atom in _CLOSING:
            depth -= 1
            if depth == 0:
                return


def _escaped(emit: Emit) -> Emit:
    """Emit text as the inside of a JSON string."""

    def emit_escaped(text: bytes) -> None:
        emit(b"".join(_ESCAPES.get(byte) or bytes((byte,)) for byte in text))

    return emit_escaped


def _json_key(name: bytes) -> bytes:
    return b'"' + b"".join(_ESCAPES.get(byte) or bytes((byte,)) for byte in name) + b'": '


# ---------------------------------------------------------------------- tags


def tag_arguments(
    reader: Reader, emit: Emit, tags: Tags, marks: Marks, kinds_of: Function[[str], Kinds], after: Atoms
) -> Parser[None]:
    """Parameters up to `after`, which is not read."""
    more = {True: marks.atoms(tags.opens), False: after}
    text = marks.atoms(tags.colon)
    colons = list(dict.fromkeys([text, *(marks.atoms(json_colon(tags, kind)) for kind in JSON_KINDS)]))
    ends = marks.atoms(tags.closes)
    quotes = None if tags.quotes is None else (marks.atoms(tags.quotes[0]), marks.atoms(tags.quotes[1]))
    separator = b"{"
    while (yield from reader.choose(more)):
        key = bytearray()
        found = yield from reader.until(colons, key.extend)
        emit(separator + _json_key(bytes(key)))
        separator = b", "
        if tags.json_colon is not None:
            kinds = frozenset({STRING}) if found == text else frozenset({"object"})
        else:
            kinds = kinds_of(key.decode())
        quoted = quotes is not None and (yield from reader.choose({True: quotes[0], False: ()}))
        yield from _tag_value(reader, emit, kinds, tags.words, (*quotes[1], *ends) if quotes and quoted else ends)
    emit(b"{}" if separator == b"{" else b"}")
    reader.put_back(after)


def _tag_value(reader: Reader, emit: Emit, kinds: Kinds, words: Words, ends: Atoms) -> Parser[None]:
    """A value and its closing tag: what it is shows in its first byte, or once it is complete."""
    if kinds == frozenset({STRING}):
        emit(b'"')
        yield from reader.until([ends], _escaped(emit))
        emit(b'"')
        return
    first = yield from reader.get()
    reader.put_back((first,))
    if first in _OPENING and json_for(chr(first), kinds) is not None:  # may hold strings that hold the tag
        yield from json_value(reader, emit)
        yield from reader.expect(ends)
        return
    text = bytearray()
    yield from reader.until([ends], text.extend)
    json = json_for(text.decode(), kinds, words)
    if json is not None:
        emit(json.encode())
    else:
        emit(b'"')
        _escaped(emit)(bytes(text))
        emit(b'"')


class NestedReader:
    """Reads tags that hold tags, and emits JSON."""

    def __init__(self, reader: Reader, emit: Emit, nested: Nested, marks: Marks) -> None:
        self._reader = reader
        self._emit = emit
        before, after = nested.name
        self._opens, self._closes = marks.atoms(nested.opens), marks.atoms(nested.closes)
        self._named, self._name_end = marks.atoms(nested.opens + before), marks.atoms(after)
        self._kinds = {kind: marks.atoms(nested.kind_of(kind)) for kind in nested.words}

    def members(self, end: Atoms) -> Parser[None]:
        """Named values up to `end`, which is not read."""
        separator = b"{"
        while (yield from self._reader.choose({True: self._named, False: end})):
            key = bytearray()
            yield from self._reader.until([self._name_end], key.extend)
            self._emit(separator + _json_key(bytes(key)))
            separator = b", "
            yield from self._value()
        self._emit(b"{}" if separator == b"{" else b"}")
        self._reader.put_back(end)

    def _value(self) -> Parser[None]:
        kind = yield from self._reader.choose(self._kinds)
        if kind == "string":
            self._emit(b'"')
            yield from self._reader.until([self._closes], _escaped(self._emit))
            self._emit(b'"')
        elif kind == "scalar":
            yield from self._reader.until([self._closes], self._emit)
        elif kind == "array":
            yield from self._items()
        else:
            yield from self.members(self._closes)
            yield from self._reader.expect(self._closes)

    def _items(self) -> Parser[None]:
        separator = b"["
        while (yield from self._reader.choose({True: self._opens, False: self._closes})):
            self._emit(separator)
            separator = b", "
            yield from self._value()
        self._emit(b"[]" if separator == b"[" else b"]")


# ---------------------------------------------------------------------- literals


class LiteralReader:
    """Reads literals of one hand, and emits JSON."""

    def __init__(self, reader: Reader, emit: Emit, literals: Literals, quote: Atoms) -> None:
        self._reader = reader
        self._emit = emit
        self._literals = literals
        self._quote = quote
        self._words = {
            word.encode(): name for word, name in zip(literals.words, (b"null", b"true", b"false"), strict=True)
        }

    def arguments(self, end: int) -> Parser[None]:
        """`key=value, ...` up to the atom `end`, which is not read."""
        self._emit(b"{")
        yield from self._members(end, self._literals.colon, quoted=False)
        self._reader.put_back((end,))
        self._emit(b"}")

    def value(self) -> Parser[None]:
        """One value."""
        first = yield from self._reader.get()
        if first == ord("["):
            yield from self._items()
        elif first == ord("{"):
            self._emit(b"{")
            yield from self._members(ord("}"), self._literals.nested_colon, self._literals.nested_quoted)
            self._emit(b"}")
        elif first == self._quote[0]:
            yield from self._reader.expect(self._quote[1:])
            yield from self._string()
        else:
            self._reader.put_back((first,))
            yield from self._word()

    def _members(self, end: int, colon: str, quoted: bool) -> Parser[None]:
        separator = b""
        while (yield from self._another(end, separator)):
            self._emit(separator)
            separator = b", "
            if quoted:
                yield from self._reader.expect(self._quote)
                yield from self._string()
                yield from self._reader.expect(tuple(colon.encode()))
                self._emit(b": ")
            else:
                key = bytearray()
                yield from self._reader.until([tuple(colon.encode())], key.extend)
                self._emit(_json_key(bytes(key)))
            yield from self.value()

    def _another(self, end: int, separator: bytes) -> Parser[bool]:
        """Does another entry follow? If not, the end is read."""
        atom = yield from self._reader.get()
        if atom == end:
            return False
        self._reader.put_back((atom,))
        if separator:
            yield from self._reader.expect(tuple(self._literals.comma.encode()))
        return True

    def _items(self) -> Parser[None]:
        self._emit(b"[")
        separator = b""
        while (yield from self._another(ord("]"), separator)):
            self._emit(separator)
            separator = b", "
            yield from self.value()
        self._emit(b"]")

    def _string(self) -> Parser[None]:
        """The rest of a string."""
        self._emit(b'"')
        if self._literals.escapes:
            yield from self._escaped_string()
        else:
            yield from self._reader.until([self._quote], _escaped(self._emit))
        self._emit(b'"')

    def _escaped_string(self) -> Parser[None]:
        r"""Python's escapes are JSON's, but for `\'`, and `"` in single quotes."""
        while True:
            atom = yield from self._reader.get()
            if (atom,) == self._quote:
                return
            if atom == _BACKSLASH:
                atom = yield from self._reader.get()
                self._emit(b"'" if atom == ord("'") else bytes((_BACKSLASH, atom)))
            else:
                self._emit(b'\\"' if atom == _QUOTE else bytes((atom,)))

    def _word(self) -> Parser[None]:
        """A number, or one of the words."""
        text = bytearray()
        while True:
            try:
                atom = yield from self._reader.get()
            except StreamEndedError:
                break
            if atom >= 0x100 or atom in b",]})":
                self._reader.put_back((atom,))
                break
            text.append(atom)
        self._emit(self._words.get(bytes(text), bytes(text)))


def python_value(text: bytes, literals: Literals) -> Any:
    """The value of a complete literal."""
    found = bytearray()
    reader = Reader()
    reader.put_back((*text, -1))
    parser = LiteralReader(reader, found.extend, literals, tuple(literals.quote.encode())).value()
    for _ in parser:
        pass
    return json.loads(found)
