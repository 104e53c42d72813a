"""JSON values as JSON Schema compares them: 1 is 1.0, true is not 1, objects have no order.

A `Value` is hashable: scalars are tagged, arrays are tuples, objects are sorted tuples of pairs.

    {"b": [1.0, true], "a": null}
    Members((("a", NULL), ("b", Items((Number(1), Flag(True))))))
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, cast

from grammars.json_schema.number_values import mantissa
from grammars.json_schema.numbers import as_decimal, is_long

_SMALL, _LARGE = -4, 16  # powers of ten: numbers outside are written with an exponent


@dataclass(frozen=True, slots=True)
class Null:
    """null"""


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false"""

    value: bool


@dataclass(frozen=True, slots=True)
class Number:
    """A number, whatever its spelling."""

    value: Decimal

    def texts(self) -> frozenset[str]:
        """How programs write it: without a fraction when it is whole, else with the digits it needs.

        And with the fraction that it has come with: 2.0. Very large and very small ones also as 1e+196, 1e196;
        1e-07, 1e-7.
        """
        written = format(self.value, "f")  # exact, which arithmetic on Decimals is not
        text = written.rstrip("0").rstrip(".") if "." in written else written
        exponent = self.value.adjusted()
        if not self.value:
            return frozenset({"0", written.removeprefix("-")})
        if _SMALL <= exponent < _LARGE:
            return frozenset({text, written})
        digits = mantissa(self.value)
        return frozenset({text, written, f"{digits}e{exponent:+03}", f"{digits}e{exponent:+}", f"{digits}e{exponent}"})


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str


@dataclass(frozen=True, slots=True)
class Items:
    """An array."""

    values: "tuple[Value, ...]"


@dataclass(frozen=True, slots=True)
class Members:
    """An object; pairs sorted by name."""

    pairs: "tuple[tuple[str, Value], ...]"


Value = Null | Flag | Number | Text | Items | Members


_LONG_NUMBER = Number(Decimal("1e9999"))


def value_of(data: Any) -> Value:
    """The value of plain Python JSON data."""
    if data is None:
        return Null()
    if isinstance(data, bool):
        return Flag(data)
    if isinstance(data, int | float | Decimal):
        return Number(as_decimal(data))
    if isinstance(data, str):
        return Text(data)
    if isinstance(data, list):
        return Items(tuple(map(value_of, cast(list[Any], data))))
    return Members(tuple(sorted((name, value_of(value)) for name, value in data.items())))


def canonical(value: Value) -> str:
    """One JSON text per value: equal values have equal texts. For an order of values that hashes do not decide."""
    match value:
        case Null():
            return "null"
        case Flag(flag):
            return "true" if flag else "false"
        case Number():
            return min(value.texts())
        case Text(text):
            return json.dumps(text)
        case Items(values):
            return f"[{','.join(map(canonical, values))}]"
        case Members(pairs):
            return "{" + ",".join(f"{json.dumps(name)}:{canonical(one)}" for name, one in pairs) + "}"


def parse_value(text: bytes) -> Value:
    """The value of a JSON text."""
    return value_of(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def as_compared(value: Value) -> Value:
    """A value as it is told from others: long numbers are all alike (see `numbers.is_long`)."""
    match value:
        case Number(number) if is_long(number):
            return _LONG_NUMBER
        case Items(values):
            return Items(tuple(map(as_compared, values)))
        case Members(pairs):
            return Members(tuple((name, as_compared(one)) for name, one in pairs))
        case _:
            return value


def json_key(name: str) -> bytes | None:
    """The one way a string is written (see lift.py); None for a lone surrogate, which has none."""
    try:
        return encode_basestring(name).encode()
    except UnicodeEncodeError:
        return None
