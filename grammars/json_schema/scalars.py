"""Strings, numbers, booleans and null: what a schema says about each is one language.

A scalar type's languages are closed under the boolean operations, so every combinator of the schema
is an operation on them, and `not` is the complement:

    allOf -> both    anyOf -> either    not -> other    if/then/else -> (if and then) or (not if and else)

Two roundings.  Some languages are written narrower than they are (integers without "1.0", formats as
a sound subset). Under a complement that would be wider, so each language comes in two roundings,
NARROW (what we write) and WIDE (nothing valid is missing), and a complement swaps them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Generic, TypeVar

from constrained.automata import algebra
from constrained.automata.counted import UNBOUNDED
from constrained.automata.dfa import Dfa
from constrained.errors import GrammarError
from grammars.json_schema import numbers, texts
from grammars.json_schema.formats import NUMBER_FORMATS, base64_dfa, known_format
from grammars.json_schema.locations import Location
from grammars.json_schema.options import Formats, JsonSchemaOptions
from grammars.json_schema.outline import Facts
from grammars.json_schema.texts import Texts
from grammars.json_schema.values import Flag, Null, Number, Text, Value, value_of

L = TypeVar("L")
R = TypeVar("R")

NARROW, WIDE = False, True


@dataclass(frozen=True, slots=True, eq=False)
class Scalar(Generic[L]):
    """One scalar type: its languages, and what a single schema's own keywords say."""

    names: frozenset[str]  # what `type` calls it
    everything: L
    nothing: L
    both: Callable[[L, L], L]
    either: Callable[[L, L], L]
    other: Callable[[L], L]
    less: Callable[[L, L], L]  # in the first, and in the complement of the second
    is_empty: Callable[[L], bool]
    own: Callable[[Location, Facts, JsonSchemaOptions, bool], L]  # location, its facts, options, rounding
    among: Callable[[frozenset[Value], JsonSchemaOptions, bool], L]  # the values of this type, options, rounding
    size: Callable[[L], int]  # small ones are intersected first; of the same size, as they are written

    def all_of(self, parts: list[L]) -> L:
        """In every part."""
        return reduce(self.both, sorted(parts, key=self.size), self.everything)

    def any_of(self, parts: list[L]) -> L:
        """In some part. Of many, neighbours are joined first: what is joined with all before it is copied each time."""
        while len(parts) > 2:
            halves = parts[::2], parts[1::2]
            parts = [*map(self.either, *halves), *halves[0][len(halves[1]) :]]
        return reduce(self.either, parts, self.nothing)

    def exactly_one(self, narrow: list[L], wide: list[L]) -> L:
        """In exactly one of the parts, each given in the rounding wanted and in the opposite one."""
        one, some = self.nothing, self.nothing
        for part, opposite in zip(narrow, wide, strict=True):
            kept = one if self.is_empty(one) else self.both(one, self.other(opposite))
            fresh = part if self.is_empty(some) else self.both(part, self.other(some))
            one, some = self.either(kept, fresh), self.either(some, opposite)
        return one


def _as_written(language: object) -> int:
    return 0


def types(facts: Facts) -> frozenset[str] | None:
    """The types that `type` allows; None without it."""
    declared = facts.get("type")
    if declared is None:
        return None
    return frozenset([declared] if isinstance(declared, str) else declared)


def at_least(facts: Facts, keyword: str, default: int = 0) -> int:
    """The value of `minItems` and its like."""
    return min(int(facts.get(keyword, default)), UNBOUNDED - 1)


def at_most(facts: Facts, keyword: str) -> int:
    """The value of `maxItems` and its like; UNBOUNDED without it, or where it is as good as none."""
    return min(int(facts.get(keyword, UNBOUNDED)), UNBOUNDED)


def chosen(facts: Facts) -> frozenset[Value] | None:
    """The values that `enum` and `const` leave; None without either."""
    found: frozenset[Value] | None = None
    if "enum" in facts:
        found = _values_of(facts["enum"])
    if "const" in facts:
        only = frozenset({value_of(facts["const"])})
        found = only if found is None else found & only
    return found


def _values_of(data: list[Any]) -> frozenset[Value]:
    """The values of an `enum`; of the last long one they are known, as each type asks for them in turn."""
    known, values = _last_enum[0]
    if known is not data:
        values = frozenset(value_of(value) for value in data)
        if len(data) >= _LONG_ENUM:
            _last_enum[0] = data, values
    return values


_LONG_ENUM = 16
_last_enum: list[tuple[list[Any], frozenset[Value]]] = [([], frozenset())]


# ---------------------------------------------------------------------- strings


def _own_texts(location: Location, facts: Facts, options: JsonSchemaOptions, wide: bool) -> Texts:
    allowed = types(facts)
    if allowed is not None and "string" not in allowed:
        return texts.NO_TEXT
    found = Texts(low=at_least(facts, "minLength"), high=at_most(facts, "maxLength"))
    if "pattern" in facts:
        found = texts.both(found, placed(location, "pattern", texts.matching, facts["pattern"]))
    if "format" in facts and options.formats != "annotate":
        found = texts.both(found, _format(location, facts["format"], options.formats, wide))
    if facts.get("contentEncoding") == "base64" and options.formats != "annotate" and not wide:
        found = texts.both(found, Texts(dfa=base64_dfa()))
    values = chosen(facts)
    return found if values is None else texts.both(_among_texts(values, options, wide), found)


# In which draft a format came up. Validators of earlier drafts, and of formats that no draft defines, take
# any text for valid, which matters under `not`.
_SINCE = {
    **dict.fromkeys(("date-time", "email", "hostname", "ipv4", "ipv6", "uri"), 4),
    **dict.fromkeys(("uri-reference", "uri-template", "json-pointer"), 6),
    **dict.fromkeys(("date", "time", "regex", "relative-json-pointer"), 7),
    **dict.fromkeys(("idn-email", "idn-hostname", "iri", "iri-reference"), 7),
    **dict.fromkeys(("duration", "uuid"), 2019),
}


def _format(location: Location, name: str, formats: Formats, wide: bool) -> Texts:
    known = known_format(name, location.dialect.number)
    if known is None or (wide and location.dialect.number < _SINCE.get(name, 9999)):
        return texts.ANY_TEXT
    return Texts(dfa=known.superset() if wide else known.dfa("standard" if formats == "standard" else "common"))


def _among_texts(values: frozenset[Value], options: JsonSchemaOptions, wide: bool) -> Texts:
    return Texts(chosen=frozenset(value.value for value in values if isinstance(value, Text)))


TEXTS: Scalar[Texts] = Scalar(
    frozenset({"string"}),
    texts.ANY_TEXT,
    texts.NO_TEXT,
    texts.both,
    texts.either,
    texts.other,
    texts.less,
    texts.is_empty,
    _own_texts,
    _among_texts,
    texts.size,
)


def placed(location: Location, keyword: str, compile_: Callable[[Any], R], value: Any) -> R:
    """Compile a keyword's value; errors get its place."""
    try:
        return compile_(value)
    except GrammarError as error:
        raise type(error)(error.message, where=location.where / keyword, hint=error.hint) from error


# ---------------------------------------------------------------------- numbers


def _own_numbers(location: Location, facts: Facts, options: JsonSchemaOptions, wide: bool) -> Dfa:
    allowed = types(facts)
    if allowed is not None and not allowed & {"number", "integer"}:
        return algebra.empty()
    integer = allowed is not None and "number" not in allowed
    fractions = location.dialect.number > 4 and (wide or options.decimal_integers)
    bounds = _bounds(location, facts)
    if "format" in facts and options.formats != "annotate" and not wide:
        bounds = _tighter(bounds, facts["format"])
    step = facts.get("multipleOf")
    try:
        found = numbers.number_dfa(
            integer=integer,
            bounds=bounds,
            multiples=frozenset([] if step is None else [numbers.as_decimal(step)]),
            decimal_integers=fractions,
            wide=wide,
        )
    except GrammarError as error:
        raise type(error)(error.message, where=location.where, hint=error.hint) from error
    values = chosen(facts)
    return found if values is None else algebra.intersect(_among_numbers(values, options, wide), found)


def _bounds(location: Location, facts: Facts) -> numbers.NumberBounds | None:
    low, high = facts.get("minimum"), facts.get("maximum")
    low_exclusive, high_exclusive = facts.get("exclusiveMinimum"), facts.get("exclusiveMaximum")
    if location.dialect.exclusive_bounds_are_flags:
        flags = low_exclusive is True, high_exclusive is True
    else:
        flags = (
            low_exclusive is not None and (low is None or low_exclusive >= low),
            high_exclusive is not None and (high is None or high_exclusive <= high),
        )
        low, high = low_exclusive if flags[0] else low, high_exclusive if flags[1] else high
    if low is None and high is None:
        return None
    return numbers.NumberBounds(
        None if low is None else numbers.as_decimal(low),
        flags[0],
        None if high is None else numbers.as_decimal(high),
        flags[1],
    )


def _tighter(bounds: numbers.NumberBounds | None, name: str) -> numbers.NumberBounds | None:
    """The bounds within the range of a number format such as int32."""
    limits = NUMBER_FORMATS.get(name)
    if limits is None:
        return bounds
    bounds = bounds or numbers.NumberBounds()
    low, low_exclusive, high, high_exclusive = bounds.low, bounds.low_exclusive, bounds.high, bounds.high_exclusive
    if low is None or low < limits[0]:
        low, low_exclusive = limits[0], False
    if high is None or high > limits[1]:
        high, high_exclusive = limits[1], False
    return numbers.NumberBounds(low, low_exclusive, high, high_exclusive)


def _among_numbers(values: frozenset[Value], options: JsonSchemaOptions, wide: bool) -> Dfa:
    """As programs write them; with `decimal_integers` in every spelling."""
    found = [value for value in values if isinstance(value, Number)]
    if wide or options.decimal_integers:
        return numbers.one_of(frozenset(value.value for value in found), wide=wide)
    return algebra.literals([text.encode() for value in found for text in value.texts()])


def _told_numbers(values: frozenset[Value], options: JsonSchemaOptions, wide: bool) -> Dfa:
    """As they are told from others. They may be items that have come, of any length: nothing may be refused for it."""
    found = frozenset(one for one in values if isinstance(one, Number))
    left_out = frozenset(one for one in found if (numbers.is_long if wide else numbers.is_huge)(one.value))
    told = _among_numbers(found - left_out, options, wide)
    return algebra.union(told, numbers.perhaps_long()) if left_out and wide else told


def _both_numbers(a: Dfa, b: Dfa) -> Dfa:
    if a is numbers.any_number() or a is b:
        return b
    return a if b is numbers.any_number() else algebra.intersect(a, b)


def _either_number(a: Dfa, b: Dfa) -> Dfa:
    if a is numbers.any_number() or b.is_empty or a is b:
        return a
    return b if b is numbers.any_number() or a.is_empty else algebra.union(a, b)


def _other_number(language: Dfa) -> Dfa:
    return numbers.any_number() if language.is_empty else algebra.difference(numbers.any_number(), language)


def _less_numbers(language: Dfa, excluded: Dfa) -> Dfa:
    return language if excluded.is_empty else algebra.difference(language, excluded)


NUMBERS: Scalar[Dfa] = Scalar(
    frozenset({"number", "integer"}),
    numbers.any_number(),
    algebra.empty(),
    _both_numbers,
    _either_number,
    _other_number,
    _less_numbers,
    lambda language: language.is_empty,
    _own_numbers,
    _told_numbers,
    _as_written,  # `multipleOf` 7 and 11 are small, and large together
)


# ---------------------------------------------------------------------- booleans and null

Few = frozenset[bool | None]


def _few(everything: Few, name: str, among: Callable[[frozenset[Value], JsonSchemaOptions, bool], Few]) -> Scalar[Few]:
    def own(location: Location, facts: Facts, options: JsonSchemaOptions, wide: bool) -> Few:
        allowed, values = types(facts), chosen(facts)
        if allowed is not None and name not in allowed:
            return frozenset()
        return everything if values is None else among(values, options, wide)

    return Scalar(
        frozenset({name}),
        everything,
        frozenset[bool | None](),
        lambda a, b: a & b,
        lambda a, b: a | b,
        lambda a: everything - a,
        lambda a, b: a - b,
        lambda a: not a,
        own,
        among,
        _as_written,
    )


def _flags(values: frozenset[Value], options: JsonSchemaOptions, wide: bool) -> Few:
    return frozenset(value.value for value in values if isinstance(value, Flag))


def _nulls(values: frozenset[Value], options: JsonSchemaOptions, wide: bool) -> Few:
    return frozenset(None for value in values if isinstance(value, Null))


BOOLEANS = _few(frozenset({True, False}), "boolean", _flags)
NULLS = _few(frozenset({None}), "null", _nulls)
