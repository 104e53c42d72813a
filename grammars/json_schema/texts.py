"""Languages of strings: pattern, format, length, enum and not, in one value.

    Texts(chosen)               a finite set of texts: `enum`, `const`
    Texts(dfa, low, high)       the texts of an automaton (None: any text) of low..high characters
    Texts(..., also=(a, b))     those, and the texts of a and of b

Lengths stay numbers as long as nothing but intersections happens to them, so that they can become
a counter (constrained/automata/counted.py). Unions and complements multiply short ones out. Long ones stay
beside the rest, each a way of its own to write a string:

    pattern, or up to 65536 characters   Texts(pattern, also=(Texts(high=65536),))
    not (pattern, 2..65536 characters)   Texts(not pattern or shorter than 2, also=(Texts(low=65537),))
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice

from constrained.automata.algebra import PRODUCT_LIMIT, literals
from constrained.automata.code_points import ANY
from constrained.automata.counted import UNBOUNDED, Counted, Meter, string_meter
from constrained.automata.dfa import START, Dfa
from constrained.automata.ecma import counted_whole, pattern_letters
from constrained.automata.lettered import (
    ANY_CHARACTERS,
    NO_CHARACTERS,
    Language,
    Lettered,
    accepted,
    characters,
    difference,
    in_bytes,
    intersect,
    one_of,
    rows,
    rows_in_bytes,
    union,
)
from constrained.automata.lift import any_string, any_text, json_string
from constrained.automata.listing import count_between, count_texts, texts_by_length
from constrained.automata.remembered import remembered
from constrained.errors import LimitExceeded
from constrained.grammar import Automaton
from grammars.json_schema.values import json_key

LONGEST = 1 << 17  # characters: a string that has to have more is not written
_LONGEST_PRODUCT = 4096  # characters that a length may be multiplied out to
_ROWS_OF_CHARACTER = 8  # of a length that is multiplied out
_FEW_BYTES = 256  # of a text that is tried
_MOST_PARTS = 16  # of a union
_MANY_AT_ONCE = 8  # texts that are read by a kernel
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_FEW_LENGTHS = 16  # from the shortest, of which there are mostly enough texts


@dataclass(frozen=True)
class Texts:
    """A set of decoded strings."""

    chosen: frozenset[str] | None = None
    dfa: Language | None = None
    low: int = 0
    high: int = UNBOUNDED
    also: tuple["Texts", ...] = ()  # other parts of the same kind, none of which is empty or has parts

    @property
    def parts(self) -> tuple["Texts", ...]:
        """The sets this is a union of, each of one piece."""
        return (replace(self, also=()), *self.also) if self.also else (self,)

    @property
    def is_everything(self) -> bool:
        """Any text at all?"""
        return self.chosen is None and self.dfa is None and self.low == 0 and self.high >= UNBOUNDED

    @property
    def is_counted(self) -> bool:
        """Does it matter how long a text is?"""
        return self.low > 0 or self.high < UNBOUNDED

    @property
    def is_long(self) -> bool:
        """Would it take too many rows to multiply the length out?"""
        return self.is_counted and (self.high if self.high < UNBOUNDED else self.low) > _LONGEST_PRODUCT

    def has(self, text: str) -> bool:
        """Is `text` in the set? (Lone surrogates never are: they cannot be written.)"""
        if self.also:
            return any(part.has(text) for part in self.parts)
        if self.chosen is not None:
            return text in self.chosen and json_key(text) is not None
        try:
            encoded = text.encode()
        except UnicodeEncodeError:
            return False
        if not self.low <= len(text) <= self.high or self.dfa is None:
            return self.low <= len(text) <= self.high
        return self.dfa.has(text) if isinstance(self.dfa, Lettered) else self.dfa.accepts(encoded)

    def among(self, given: frozenset[str]) -> frozenset[str]:
        """Those of `given` that are in the set."""
        if self.dfa is None or self.also or self.chosen is not None or len(given) < _MANY_AT_ONCE:
            return frozenset(text for text in given if self.has(text))
        texts = [text for text in given if self.low <= len(text) <= self.high and not _SURROGATES.search(text)]
        return frozenset(text for text, is_in in zip(texts, accepted(self.dfa, texts), strict=True) if is_in)


ANY_TEXT = Texts()
NO_TEXT = Texts(chosen=frozenset())


@remembered
def both(a: Texts, b: Texts) -> Texts:
    """Texts in both sets."""
    if a.is_everything or b is NO_TEXT:
        return b
    if b.is_everything or a is NO_TEXT:
        return a
    if a.chosen is not None and not a.also:
        return Texts(chosen=b.among(a.chosen))
    if b.chosen is not None and not b.also:
        return both(b, a)
    if a.also or b.also:
        return joined([both(one, two) for one in a.parts for two in b.parts])
    dfa = a.dfa if b.dfa is None or a.dfa is b.dfa else b.dfa if a.dfa is None else intersect(a.dfa, b.dfa)
    return Texts(dfa=dfa, low=max(a.low, b.low), high=min(a.high, b.high))


@remembered
def either(a: Texts, b: Texts) -> Texts:
    """Texts in at least one of the sets."""
    if a.is_everything or is_empty(b):
        return a
    if b.is_everything or is_empty(a):
        return b
    return joined([*a.parts, *b.parts])


def joined(sets: Sequence[Texts]) -> Texts:
    """The union of sets without parts. Those that are short become one."""
    left = [one for one in dict.fromkeys(sets) if not is_empty(one)]
    short = [one for one in left if not one.is_long]
    found = [reduce(_either_short, short)] if short else []
    for one in left:
        if one.is_long:
            found = [part for part in found if not _contains(one, part)]
            found += [] if any(_contains(part, one) for part in found) else [one]
    if len(found) > _MOST_PARTS:
        raise LimitExceeded(
            f"a union of more than {_MOST_PARTS} lengths", hint=f"up to {_LONGEST_PRODUCT} they are few"
        )
    return replace(found[0], also=tuple(found[1:])) if found else NO_TEXT


def _contains(a: Texts, b: Texts) -> bool:
    """Is all of `b` surely in `a`?"""
    if a.chosen is not None or b.chosen is not None:
        return False
    return (a.dfa is None or a.dfa is b.dfa) and a.low <= b.low and b.high <= a.high


def _either_short(a: Texts, b: Texts) -> Texts:
    if a.chosen is not None and b.chosen is not None:
        return Texts(chosen=a.chosen | b.chosen)
    return Texts(dfa=union(language(a), language(b)))


@remembered
def other(a: Texts) -> Texts:
    """Texts not in the set."""
    if a.is_everything:
        return NO_TEXT
    if is_empty(a):
        return ANY_TEXT
    if a.also:
        return reduce(both, map(other, a.parts))
    if a.is_long and (a.dfa is not None or 0 < a.low <= a.high < UNBOUNDED):
        outside = [Texts(high=a.low - 1)] if a.low else []
        outside += [Texts(low=a.high + 1)] if a.high < UNBOUNDED else []
        return joined([*outside, *(() if a.dfa is None else other(Texts(dfa=a.dfa)).parts)])
    if a.chosen is None and a.dfa is None and (a.low == 0 or a.high >= UNBOUNDED):
        return Texts(low=a.high + 1) if a.low == 0 else Texts(high=a.low - 1)
    return Texts(dfa=difference(ANY_CHARACTERS, language(a)))


def less(a: Texts, b: Texts) -> Texts:
    """Texts in the first set and not in the second."""
    if a.chosen is not None and not a.also:
        return Texts(chosen=a.chosen - b.among(a.chosen))
    return both(a, other(b))


@remembered
def matching(pattern: str) -> Texts:
    """The texts that an ECMA-262 pattern matches somewhere; `^C{n,m}$` keeps n and m as lengths.

    Raises as `pattern_dfa`.
    """
    counted = counted_whole(pattern)
    if counted is None:
        return Texts(dfa=pattern_letters(pattern))
    points, low, high = counted
    return Texts(dfa=characters(points, 0, None), low=low, high=UNBOUNDED if high is None else high)


def is_empty(a: Texts) -> bool:
    """Is no text in the set?"""
    if a.also:
        return False
    if a.chosen is not None:
        return not any(json_key(text) is not None for text in a.chosen)
    if a.low > a.high:
        return True
    if a.dfa is None:
        return False
    if not a.is_counted:
        return a.dfa.is_empty
    return not has_short(a) and automaton(a).is_empty


def size(a: Texts) -> int:
    """The rows of its automata; lengths are numbers as yet, and texts are looked up one by one."""
    return sum(0 if part.dfa is None else rows(part.dfa) for part in a.parts)


def has_short(a: Texts) -> bool:
    """Is a text plainly as long as it should be? Asked where the automaton is not refused, whoever draws it."""
    dfa = a.dfa
    if dfa is None or dfa.is_empty or a.low > LONGEST:
        return False
    if a.low > 0 and a.high < UNBOUNDED and rows_in_bytes(dfa) * _ROWS_OF_CHARACTER * a.high > PRODUCT_LIMIT:
        return False  # it may have to be multiplied out
    if isinstance(dfa, Lettered):
        return dfa.has_between(a.low, a.high)
    return int(dfa.distance[START]) <= _FEW_BYTES and a.low <= len(dfa.completion(START).decode()) <= a.high


@remembered
def listed(a: Texts, most: int = 4) -> frozenset[str] | None:
    """The texts, one by one; None if they are more than `most`."""
    if a.also:
        return None
    if a.chosen is not None:
        return a.chosen if len(a.chosen) <= most else None
    if a.dfa is None and a.high == 0:
        return frozenset({""})
    if a.dfa is None or a.low > _LONGEST_PRODUCT:
        return None
    if isinstance(a.dfa, Lettered) and not a.is_counted:
        return a.dfa.listed(most)
    found = [text.decode() for text in islice(texts_by_length(decoded(a)), most + 1)]
    return frozenset(found) if len(found) <= most else None


@remembered
def count(a: Texts, most: int) -> int:
    """How many texts are in a set without parts, counted up to `most`, which is at most 2^20."""
    if a.chosen is not None:
        return min(most, sum(json_key(text) is not None for text in a.chosen))
    if a.low > a.high:
        return 0
    if a.dfa is None:
        return 1 if a.high == 0 else most
    dfa = in_bytes(a.dfa)
    if not a.is_counted:
        return count_texts(dfa, most)
    # A character has one to four bytes: of these many texts, all are long enough and none is too long.
    longest = min(a.high, 4 * a.low + _FEW_LENGTHS)
    found = count_between(dfa, 4 * a.low, longest, most) if a.low <= _LONGEST_PRODUCT else 0
    # Where lengths are not multiplied out, there are more than anyone will write.
    return most if found >= most or a.is_long else count_texts(decoded(a), most)


@remembered
def decoded(a: Texts) -> Dfa:
    """The automaton of the texts themselves (UTF-8); lengths multiplied out.

    Raises LimitExceeded where they are long.
    """
    if a.chosen is not None and not a.also:
        return literals([text.encode() for text in a.chosen if json_key(text) is not None])
    return in_bytes(language(a))


@remembered
def language(a: Texts) -> Language:
    """As `decoded`, but not spelled in bytes yet; what it takes to spell them is refused here."""
    if a.also:
        return reduce(union, map(language, a.parts))
    if a.chosen is not None:
        written = [text for text in a.chosen if json_key(text) is not None]
        return one_of(written) or literals([text.encode() for text in written])
    if a.low > a.high:
        return NO_CHARACTERS
    if not a.is_counted:
        return ANY_CHARACTERS if a.dfa is None else a.dfa
    lengths = _lengths(a.low, a.high)
    return lengths if a.dfa is None else intersect(a.dfa, lengths)


@remembered
def automaton(a: Texts) -> Automaton:
    """The automaton of the JSON strings of a set without parts."""
    if a.chosen is not None:
        return literals([key for text in a.chosen if (key := json_key(text)) is not None])
    if not a.is_counted:
        return any_string() if a.dfa is None else json_string(in_bytes(a.dfa))
    if a.low > LONGEST:
        raise LimitExceeded(f"strings of at least {a.low} characters", hint=f"at most {LONGEST}")
    meter = _meter(any_text() if a.dfa is None else in_bytes(a.dfa))
    return Counted(meter, a.low, a.high) if meter.decides(a.low, a.high) else json_string(decoded(a))


@remembered
def _meter(dfa: Dfa) -> Meter:
    return string_meter(dfa)


def _lengths(low: int, high: int) -> Lettered:
    """Texts of low..high characters."""
    last = high if high < UNBOUNDED else low
    if last > _LONGEST_PRODUCT:
        raise LimitExceeded(f"a length of {last} inside a union or complement", hint=f"at most {_LONGEST_PRODUCT}")
    return characters(ANY, low, None if high >= UNBOUNDED else high)
