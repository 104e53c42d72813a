"""How large automata can become, by the facts alone: could what a document says of a value pass a limit?

An automaton of several facts has at most the product of their rows. Most documents say little of strings and
numbers, and the product of all they say is small: then no combination needs to be looked at. All lengths together
count to the longest.

    pattern ^a+$   4 rows      maxLength 40   41      format: email   4096      product 671,744: perhaps

Of a schema, only what it and those that it brings in say can meet in its values (`Together`).
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from constrained.automata.counted import UNBOUNDED
from constrained.automata.ecma import pattern_letters
from constrained.automata.lettered import rows_in_bytes
from grammars.json_schema import texts
from grammars.json_schema.documents import Location
from grammars.json_schema.number_multiples import scaled
from grammars.json_schema.numbers import as_decimal
from grammars.json_schema.outline import Facts, Outline
from grammars.json_schema.scalars import chosen
from grammars.json_schema.values import Text

_Fact: TypeAlias = tuple[str, object]  # its kind, and what it says

_SMALL = 50_000  # rows; no limit is below it
_ROWS_OF_FORMAT = {  # rounded up; 4096 for others
    **dict.fromkeys(("date", "time", "date-time", "duration", "uuid", "ipv4", "json-pointer"), 64),
    **dict.fromkeys(("relative-json-pointer", "byte", "binary", "password", "uri-template"), 64),
    **dict.fromkeys(("ipv6", "uri", "uri-reference", "iri", "iri-reference", "url"), 512),
}
_ROWS_OF_BOUNDS = 64
MANY, LONG = 64, 256  # constants, characters of one: fewer and shorter ones stay lists


def may_be_large(schemas: Iterable[Facts]) -> bool:
    """Could an automaton be too large that the facts of all these schemas went into?"""
    parts: dict[_Fact, int] = {}
    for facts in schemas:
        if not _TELLING.isdisjoint(facts):
            parts.update(_rows(facts))
    return _product(parts.items()) > _SMALL


def has_large_step(facts: Facts) -> bool:
    """Could the automaton of a `multipleOf` be too large by itself?"""
    return "multipleOf" in facts and scaled(as_decimal(facts["multipleOf"]))[0] * _ROWS_OF_BOUNDS > _SMALL


def _product(parts: Iterable[tuple[_Fact, int]]) -> int:
    """The most rows of an automaton of all these facts, as far as that is not too many."""
    longest, product = 1, 1
    for (kind, _), rows in parts:
        if kind == "length":
            longest = max(longest, rows)
        else:
            product = min(product * rows, _SMALL + 1)
    return product * longest


class Together:
    """Of which schemas of a document may what is said in them, and in those that they bring in, be large together?"""

    def __init__(self, outline: Outline) -> None:
        self._facts: dict[_Fact, int] = {}  # with its rows, by number
        numbers: dict[_Fact, int] = {}
        said = self._said = dict.fromkeys(outline, 0)  # bit sets of facts
        for location, one in outline.items():
            if not _TELLING.isdisjoint(one.facts):
                for fact, rows in _rows(one.facts):
                    self._facts[fact] = rows
                    said[location] |= 1 << numbers.setdefault(fact, len(numbers))
        brought = [(location, (*one.in_place, *one.inside)) for location, one in outline.items()][::-1]
        changed = True
        while changed:  # outermost last: few rounds, but for what comes back to itself
            changed = False
            for location, schemas in brought:
                here = before = said[location]
                for schema in schemas:
                    here |= said[schema]
                if here != before:
                    said[location], changed = here, True
        self._large: dict[int, bool] = {}

    def may_be_large(self, locations: Iterable[Location]) -> bool:
        """Could an automaton be too large that went into values of all these schemas at once?"""
        facts = 0
        for location in locations:
            facts |= self._said[location]
        found = self._large.get(facts)
        if found is None:
            parts = [part for number, part in enumerate(self._facts.items()) if facts >> number & 1]
            found = self._large[facts] = _product(parts) > _SMALL
        return found


_TELLING = frozenset(
    "minLength maxLength format contentEncoding pattern patternProperties multipleOf enum const".split()
)


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
