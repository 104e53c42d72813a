"""How large automata can become, by the facts alone: could what a document says of a value pass a limit?

An automaton of several facts has at most the product of their rows. Most documents say little of strings and
numbers, and the product of all they say is small: then no combination needs to be looked at. All lengths together
count to the longest.

    pattern ^a+$   4 rows      maxLength 40   41      format: email   4096      product 671,744: perhaps
"""

from collections.abc import Iterable, Iterator

from constrained.automata.counted import UNBOUNDED
from constrained.automata.ecma import pattern_dfa
from grammars.json_schema import texts
from grammars.json_schema.number_multiples import scaled
from grammars.json_schema.numbers import as_decimal
from grammars.json_schema.outline import Facts
from grammars.json_schema.scalars import chosen
from grammars.json_schema.values import Text

_SMALL = 50_000  # rows; no limit is below it
_ROWS_OF_FORMAT = {  # rounded up; 4096 for others
    **dict.fromkeys(("date", "time", "date-time", "duration", "uuid", "ipv4", "json-pointer"), 64),
    **dict.fromkeys(("relative-json-pointer", "byte", "binary", "password", "uri-template"), 64),
    **dict.fromkeys(("ipv6", "uri", "uri-reference", "iri", "iri-reference", "url"), 512),
}
_ROWS_OF_BOUNDS = 64
_MANY, _LONG = 64, 256  # constants, characters of one: fewer and shorter ones stay lists


def may_be_large(schemas: Iterable[Facts]) -> bool:
    """Could an automaton be too large that the facts of all these schemas went into?"""
    parts: dict[tuple[str, object], int] = {}
    longest = 1
    for facts in schemas:
        if not _TELLING.isdisjoint(facts):
            parts.update(_rows(facts))
            longest = max(longest, int(facts.get("minLength", 0)), int(facts.get("maxLength", 0)))
    product = longest
    for rows in parts.values():
        product = min(product * rows, _SMALL + 1)
    return product > _SMALL


_TELLING = frozenset(
    "minLength maxLength format contentEncoding pattern patternProperties multipleOf enum const".split()
)


def _rows(facts: Facts) -> Iterator[tuple[tuple[str, object], int]]:
    """Rows that each fact brings in, and the fact, which counts once however often it is said."""
    if "format" in facts:
        yield ("format", facts["format"]), _ROWS_OF_FORMAT.get(facts["format"], 4096)
    if "contentEncoding" in facts:
        yield ("contentEncoding", ""), 64
    if "pattern" in facts:
        found = texts.matching(facts["pattern"])
        length = found.high if found.high < UNBOUNDED else found.low
        yield ("pattern", facts["pattern"]), (length + 1) * (1 if found.dfa is None else found.dfa.rows)
    for pattern in facts.get("patternProperties", ()):
        yield ("key", pattern), pattern_dfa(pattern).rows
    if "multipleOf" in facts:
        step, decimals = scaled(as_decimal(facts["multipleOf"]))
        yield ("multipleOf", (step, decimals)), step * _ROWS_OF_BOUNDS
    constants = [value.value for value in chosen(facts) or () if isinstance(value, Text)]
    if len(constants) > _MANY or max(map(len, constants), default=0) > _LONG:
        yield ("enum", frozenset(constants)), sum(map(len, constants))
