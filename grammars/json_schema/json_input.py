"""A schema as it is handed in, to a private copy that is surely JSON.

Idea. Grammars expand lazily, so the schema must not change under them, and is copied. Nearly all are of nothing but
Python's own dicts, lists and scalars; others are written to text and read back. That round trip is the judge of
what JSON is: a tuple comes back as a list, a numeric key as a string, and then the copy differs from the original.
Only then a slow walk looks for the place.

Decisions where JSON's own rules are loose
    duplicate keys in a text    refused: one of the two would be dropped without a word
    NaN, Infinity, 1e999        refused: not JSON, or not finite once read
    lone surrogates             refused: no text in UTF-8 has them
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn, cast

from constrained.errors import InvalidGrammar, LimitExceeded, Where
from grammars.json_schema.keywords import Json, kind_of

_TOO_DEEP = "JSON nested too deeply"


def from_python(value: object, max_bytes: int) -> tuple[Json, int]:
    """A private copy of a schema given as Python values, and the length of its text, roughly.

    Raises InvalidGrammar where it is not JSON, LimitExceeded beyond `max_bytes` of text.
    """
    copying = _Copying()
    copy: Json = copying.of(value, 0)
    if copying.is_plain:
        texts = "".join(copying.texts)
        size = copying.size + len(texts) + 2 * len(copying.texts)
        if _WIDEST * size <= max_bytes and (texts.isascii() or not _LONE.search(texts)):
            return copy, size
    try:
        text = _ENCODER.encode(value)
        copy = json.loads(text)
        if copy == value and len(text.encode()) <= max_bytes:
            return copy, len(text)
    except RecursionError:
        raise LimitExceeded(_TOO_DEEP) from None
    except (TypeError, ValueError) as error:
        _refuse(value, str(error))
    if copy != value:
        _refuse(value, "not JSON")
    raise _too_long(max_bytes)


def from_text(text: str, max_bytes: int) -> Json:
    """A schema given as JSON text.

    Raises InvalidGrammar where it is not JSON (the place is then a line and a column, or a JSON
    pointer), LimitExceeded beyond `max_bytes`.
    """
    try:
        if len(text.encode()) > max_bytes:
            raise _too_long(max_bytes)
    except UnicodeEncodeError as error:
        raise InvalidGrammar(f"a lone surrogate at character {error.start}") from None
    reader = _Reader()
    try:
        value: Json = json.loads(
            text, object_pairs_hook=reader.members, parse_float=reader.number, parse_constant=reader.number
        )
    except json.JSONDecodeError as error:
        raise InvalidGrammar(f"not JSON: {error.msg}", where=f"line {error.lineno}, column {error.colno}") from None
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidGrammar(f"not JSON: {error}") from None
    except RecursionError:
        raise LimitExceeded(_TOO_DEEP) from None
    if reader.suspicious or (_SURROGATE.search(text) and not _is_unicode(value)):
        for where, each in _walk(value):
            _check(where, each)
    return value


_WIDEST = 6  # bytes of a character, as it is written at most
_DEEPEST = 100  # values within values that are copied one by one
_LARGEST = 1 << 63
_NUMBER = 25  # characters of a number within it, and of a fraction

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_LONE = re.compile("[\\ud800-\\udfff]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # nearly always of a pair


def _is_unicode(value: Json) -> bool:
    """Are there surely no lone surrogates in a value?"""
    try:
        _ENCODER.encode(value).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def _too_long(max_bytes: int) -> LimitExceeded:
    return LimitExceeded(f"the schema is longer than {max_bytes} bytes", hint="the limit is SchemaLimits.max_bytes")


class _Copying:
    """Copies what is plainly JSON."""

    __slots__ = ("is_plain", "size", "texts")

    def __init__(self) -> None:
        self.is_plain = True  # was all of it?
        self.size = 0  # characters of all but texts, about
        self.texts: list[str] = []

    def of(self, value: object, depth: int) -> Any:
        """A copy; anything at all where something is not plain."""
        kind = type(value)
        if isinstance(value, str) and kind is str:
            self.texts.append(value)
            return value
        if kind is dict and depth < _DEEPEST:
            members = cast(dict[Any, Any], value)
            self.size += 2 * len(members) + 2
            copy: dict[str, Any] = {}
            for key, member in members.items():
                if type(key) is not str:
                    self.is_plain = False
                    return None
                self.texts.append(key)
                copy[key] = self.of(member, depth + 1)
            return copy
        if kind is list and depth < _DEEPEST:
            items = cast(list[Any], value)
            self.size += 2 * len(items) + 2
            return [self.of(item, depth + 1) for item in items]
        self.size += _NUMBER
        if isinstance(value, int) and kind is int:
            self.is_plain &= -_LARGEST < value < _LARGEST
        elif isinstance(value, float) and kind is float:
            self.is_plain &= math.isfinite(value)
        elif value is not None and kind is not bool:
            self.is_plain = False
        return value


class _Repeated(dict[str, Any]):
    """An object with a key given twice."""

    key: str = ""


class _Reader:
    """Hooks for `json.loads` that note what needs a closer look."""

    suspicious = False

    def members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object's members; `_Repeated` when a key comes twice."""
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        self.suspicious = True
        repeated = _Repeated(members)
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                repeated.key = key
                break
            seen.add(key)
        return repeated

    def number(self, text: str) -> float:
        """A number with a fraction or an exponent, or one of JavaScript's constants."""
        value = float(text)
        self.suspicious = self.suspicious or not math.isfinite(value)
        return value


def _refuse(value: object, reason: str) -> NoReturn:
    """Raise InvalidGrammar at the first place that is not JSON, or for `reason` when none is found."""
    for where, each in _walk(value):
        _check(where, each)
    raise InvalidGrammar(reason)


def _check(where: Where, value: object) -> None:
    """Raise InvalidGrammar when `value`, without what it holds, is not JSON."""
    if isinstance(value, _Repeated):
        raise InvalidGrammar(f"the key {value.key!r} is given twice", where=where)
    if isinstance(value, dict):
        for key in value:  # pyright: ignore[reportUnknownVariableType]
            if not isinstance(key, str):
                raise InvalidGrammar(f"a key must be a string, not {key!r}", where=where)
            _check_unicode(where, key)
    elif isinstance(value, str):
        _check_unicode(where, value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidGrammar(f"{value} is not a JSON number", where=where)
    elif not isinstance(value, int | list | None):
        raise InvalidGrammar(f"a Python {type(value).__name__} is not JSON", where=where)


def _check_unicode(where: Where, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidGrammar(f"a lone surrogate in {text!r}", where=where) from None


def _walk(value: object) -> Iterator[tuple[Where, Any]]:
    """Every value with its place, outermost first; stops going down where a value holds itself."""
    level: list[tuple[Where, Any, frozenset[int]]] = [(Where(), value, frozenset())]
    while level:
        below: list[tuple[Where, Any, frozenset[int]]] = []
        for where, each, above in level:
            yield where, each
            if id(each) in above:
                raise InvalidGrammar(f"{kind_of(each)} that holds itself", where=where)
            inside = above | {id(each)}
            if isinstance(each, dict):
                below += [(where / str(key), held, inside) for key, held in each.items()]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            elif isinstance(each, list):
                below += [(where / index, held, inside) for index, held in enumerate(each)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        level = below
