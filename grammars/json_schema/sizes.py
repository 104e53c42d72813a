"""How large automata can become, by the facts alone: could what a document says of a value pass a limit?

An automaton of several facts has at most the product of their rows. Most documents say little of strings and
numbers, and the product of all they say is small: then no combination needs to be looked at. All lengths together
count to the longest.

    pattern ^a+$   4 rows      maxLength 40   41      format: email   4096      product 671,744: perhaps

Of a schema, only what it and those that it brings in say can meet in its values (`Together`).

Under a negation more can meet: a format is written narrower than it is, and its complement is that of a wider one; and
long lengths, which are not multiplied out, must be. There the same facts count for more (`strictly`).
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TypeAlias

from constrained.automata.counted import UNBOUNDED
from constrained.automata.ecma import pattern_letters
from constrained.automata.lettered import rows_in_bytes
from grammars.json_schema import texts
from grammars.json_schema.key_bits import bits
from grammars.json_schema.locations import Location
from grammars.json_schema.number_multiples import scaled
from grammars.json_schema.numbers import as_decimal
from grammars.json_schema.outline import Facts, Outline
from grammars.json_schema.scalars import chosen
from grammars.json_schema.values import Text

_Fact: TypeAlias = tuple[str, object]  # its kind, and what it says

SMALL = 50_000  # rows; no limit is below it
_ROWS_OF_FORMAT = {  # rounded up; 4096 for others
    **dict.fromkeys(("date", "time", "date-time", "duration", "uuid", "ipv4", "json-pointer"), 64),
    **dict.fromkeys(("relative-json-pointer", "byte", "binary", "password", "uri-template"), 64),
    **dict.fromkeys(("ipv6", "uri", "uri-reference", "iri", "iri-reference", "url"), 512),
}
_ROWS_OF_BOUNDS = 64
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_MOST, _LEAST = 1e15, 1e-9  # bounds between these have few digits
_LONGEST = 4096  # characters: a length that may be multiplied out
MANY, LONG = 64, 256  # constants, characters of one: fewer and shorter ones stay lists


def may_be_large(schemas: Iterable[Facts]) -> bool:
    """Could an automaton be too large that the facts of all these schemas went into?"""
    parts: dict[_Fact, int] = {}
    for facts in schemas:
        if not _TELLING.isdisjoint(facts):
            parts.update(_rows(facts))
    return _product(parts.items()) > SMALL


def has_large_step(facts: Facts) -> bool:
    """Could the automaton of a `multipleOf` be too large by itself?"""
    return "multipleOf" in facts and scaled(as_decimal(facts["multipleOf"]))[0] * _ROWS_OF_BOUNDS > SMALL


def is_short(bound: float | bool) -> bool:
    """Has a bound of numbers few digits?"""
    return bound == 0 or _LEAST < abs(bound) < _MOST


def _product(parts: Iterable[tuple[_Fact, int]], *, strictly: bool = False) -> int:
    """The most rows of an automaton of all these facts, as far as that is not too many."""
    longest, product = 1, 1
    for (kind, _), rows in parts:
        if kind == "length":
            longest = max(longest, rows)
        else:
            product = min(product * rows * (rows if kind == "format" and strictly else 1), SMALL + 1)
    return SMALL + 1 if strictly and longest > _LONGEST else product * longest


class Together:
    """Of which schemas of a document may what is said in them, and in those that they bring in, be large together?"""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._facts: list[tuple[_Fact, int]] = []  # with its rows, by number
        self._own: dict[Location, int] = {}  # bit sets of facts
        self._of_keys = self._of_bounds = 0  # the facts about keys, and those that are long bounds
        self._in_place: dict[Location, int] = {}  # with what is said in place
        self._large: dict[tuple[int, bool], bool] = {}
        numbers: dict[_Fact, int] = {}
        for location, one in outline.items():
            if not _TELLING.isdisjoint(one.facts) or not _OF_BOUNDS.isdisjoint(one.facts):
                own = 0
                for fact, rows in (*_rows(one.facts), *_long_bounds(one.facts)):
                    number = numbers.setdefault(fact, len(numbers))
                    if number == len(self._facts):
                        self._facts.append((fact, rows))
                    bit = 1 << number
                    own |= bit
                    self._of_keys |= bit if fact[0] == "key" else 0
                    self._of_bounds |= bit if fact[0] == "bound" else 0
                self._own[location] = own

    @cached_property
    def all_is_small(self) -> bool:
        """Is an automaton small that everything went into that the document says?"""
        return not self._are_large((1 << len(self._facts)) - 1, strictly=True)

    @cached_property
    def any_may_be_large(self) -> bool:
        """Could an automaton be too large that went into values of all schemas at once?"""
        return self._are_large(((1 << len(self._facts)) - 1) & ~self._of_bounds)

    @cached_property
    def _said(self) -> dict[Location, int]:
        """The facts that go into values of each schema, and what is in them."""
        said = {location: self._own.get(location, 0) for location in self._outline}
        brought = [(location, (*one.in_place, *one.inside)) for location, one in self._outline.items()][::-1]
        brought = [(location, schemas) for location, schemas in brought if schemas]
        changed = True
        while changed:  # outermost last: few rounds, but for what comes back to itself
            changed = False
            for location, schemas in brought:
                here = before = said[location]
                for schema in schemas:
                    here |= said[schema]
                if here != before:
                    said[location], changed = here, True
        return said

    def may_be_large(self, locations: Iterable[Location]) -> bool:
        """Could an automaton be too large that went into values of all these schemas at once?"""
        facts = 0
        for location in locations:
            facts |= self._said[location]
        return self._are_large(facts & ~self._of_bounds)

    def scalars_may_be_large(self, locations: Iterable[Location], *, negated: bool) -> bool:
        """The same of strings and numbers that all these schemas speak of, and not of what is in arrays and objects."""
        if self.all_is_small:
            return False
        facts = 0
        for location in locations:
            facts |= self._here(location)
        return self._are_large(facts & ~self._of_keys, strictly=negated)

    def all_may_be_large(self, location: Location) -> bool:
        """The same of all that a schema and those in it say."""
        return not self.all_is_small and self._are_large(self._said[location], strictly=True)

    def rows_of(self, location: Location) -> int:
        """The most rows of an automaton of what one schema says by itself; one more than `SMALL` for too many."""
        own = self._own.get(location)
        return 1 if own is None else min(_product(self._parts(own), strictly=True), SMALL + 1)

    def keys_may_be_large(self, locations: Iterable[Location]) -> bool:
        """The same of the keys of objects."""
        if self.all_is_small:
            return False
        facts = 0
        for location in locations:
            facts |= self._own.get(location, 0) & self._of_keys
            if "propertyNames" in self._outline[location].facts:
                facts |= self._here(location.child("propertyNames"))
        return self._are_large(facts, strictly=True)

    def _here(self, location: Location) -> int:
        found = self._in_place.get(location)
        if found is None:
            found = self._own.get(location, 0)
            for schema in self._outline[location].in_place:
                found |= self._here(schema)
            self._in_place[location] = found
        return found

    def _are_large(self, facts: int, *, strictly: bool = False) -> bool:
        found = self._large.get((facts, strictly))
        if found is None:
            found = self._large[facts, strictly] = _product(self._parts(facts), strictly=strictly) > SMALL
        return found

    def _parts(self, facts: int) -> list[tuple[_Fact, int]]:
        return [self._facts[number] for number in bits(facts)]


_TELLING = frozenset(
    "minLength maxLength format contentEncoding pattern patternProperties multipleOf enum const".split()
)


_OF_BOUNDS = frozenset(BOUNDS)


def _long_bounds(facts: Facts) -> Iterator[tuple[_Fact, int]]:
    """The bounds of many digits, of whose automata nobody knows here."""
    for name in BOUNDS:
        if name in facts and not is_short(facts[name]):
            yield ("bound", facts[name]), SMALL + 1


def _rows(facts: Facts) -> Iterator[tuple[_Fact, int]]:
    """Rows that each fact brings in, and the fact, which counts once however often it is said."""
    longest = max(int(facts.get("minLength", 0)), int(facts.get("maxLength", 0)))
    if longest > 1:
        yield ("length", longest), longest
    if "format" in facts:
        yield ("format", facts["format"]), _ROWS_OF_FORMAT.get(facts["format"], 4096)
    if "contentEncoding" in facts:
        yield ("contentEncoding", ""), 64
    if "pattern" in facts:
        found = texts.matching(facts["pattern"])
        length = found.high if found.high < UNBOUNDED else found.low
        yield ("pattern", facts["pattern"]), (length + 1) * (1 if found.dfa is None else rows_in_bytes(found.dfa))
    for pattern in facts.get("patternProperties", ()):
        yield ("key", pattern), rows_in_bytes(pattern_letters(pattern))
    if "multipleOf" in facts:
        step, decimals = scaled(as_decimal(facts["multipleOf"]))
        yield ("multipleOf", (step, decimals)), step * _ROWS_OF_BOUNDS
    constants = [value.value for value in chosen(facts) or () if isinstance(value, Text)]
    if len(constants) > MANY or max(map(len, constants), default=0) > LONG:
        yield ("enum", frozenset(constants)), sum(map(len, constants))
