"""Texts as automata over letters: the algebra of patterns before anybody spells them in bytes.

A letter is a set of characters that no pattern at hand tells apart (code_points.py), so a character is one step,
where the bytes of UTF-8 take up to four and a pattern of one row has nine:

    [^é]*    bounds  0   é   é+1   D800  E000         over letters   1 row reads letter 0
             letter  0   1    0     1     0           in bytes       9 rows

Products, complements and lengths are small here, and most of what they are made for is never written: the last of them
alone is spelled, when its bytes are asked for. Whether it may be spelled is found out at once, by counting (`checked`).

Letters are read as if they were bytes, so the algebra is that of algebra.py, over letters that both automata share.

Invariants.  1. `bounds` begin with 0.  2. Surrogates are no characters: their letter, and every number that is no
letter, lead to DEAD alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from constrained.automata import algebra, tables
from constrained.automata.algebra import PRODUCT_LIMIT
from constrained.automata.code_points import ANY, BEYOND, OUTSIDE, Alphabet, Ranges, alphabet
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.automata.pairing import joint_letters, tidied
from constrained.automata.remembered import memory, remembered
from constrained.automata.utf8 import Accepts, Step, minimal, rows_spelled, spell, too_many_rows
from constrained.errors import LimitExceeded

_SURROGATE = 0xD800
_MOST_STEPS = 1 << 22  # that are made to find a text of some length
_MOST_LETTERS = 255  # and one that is no character
_PLACES = 5  # of numbers to the base of 256, and a number of a run, in an int64
_MOST_SETS = 1 << 13  # of parts that have a text in common
_LARGE = 1 << 16  # bytes of a table that is not looked for again

# Shapes: R runs of characters, S rows, M letters.


@dataclass(frozen=True, eq=False)
class Lettered:
    """A set of texts.

    bounds   (R,) int32   the first code points of runs, ascending
    letters  (R,) uint8   what their characters are to `dfa`
    dfa      an automaton that reads letters for bytes; they are its columns
    """

    bounds: NDArray[np.int32]
    letters: NDArray[np.uint8]
    dfa: Dfa

    @property
    def is_empty(self) -> bool:
        """Does no text at all match?"""
        return self.dfa.is_empty

    def has(self, text: str) -> bool:
        """Is `text`, which has no surrogates, in the set?"""
        points = np.array([ord(character) for character in text], np.int32)
        letters = self.letters[np.searchsorted(self.bounds, points, side="right") - 1]
        return self.dfa.accepts(letters.tobytes())

    @property
    def begins(self) -> bool:
        """Is there a text of a character at least?"""
        return self.dfa.begins

    @property
    def shortest(self) -> int:
        """The characters of the shortest text; -1 where there is none."""
        return int(self.dfa.distance[START])

    def has_between(self, low: int, high: int) -> bool:
        """Is there a text of `low` to `high` characters? Perhaps not found where it has very many."""
        if low * self.dfa.step.size > _MOST_STEPS:
            return low <= self.shortest <= high
        return tables.lands(self.dfa.step, self.dfa.distance, low, high - low)

    def listed(self, most: int) -> frozenset[str] | None:
        """The texts, one by one; None for more than `most`. Nothing is spelled for it."""
        characters = self._few_characters(most)
        found: list[str] = []
        todo = [(int(START), "")] if not self.is_empty else []
        while todo:
            row, text = todo.pop()
            if len(text) >= self.dfa.rows:
                return None  # a row came again, and may as often as one likes
            if self.dfa.label(row) != REFUSES:
                found.append(text)
            for letter, target in enumerate(self.dfa.step[row].tolist()):
                if target != DEAD:
                    if (here := characters.get(letter)) is None:
                        return None
                    todo += [(target, text + character) for character in here]
            if len(found) + len(todo) > most:  # each of these begins a text
                return None
        return frozenset(found)

    def _few_characters(self, most: int) -> dict[int, str | None]:
        """Those of each letter; None for more than `most`."""
        found: dict[int, str | None] = {}
        bounds = [*self.bounds.tolist(), BEYOND]
        for letter, first, end in zip(self.letters.tolist(), bounds, bounds[1:], strict=False):
            known = found.get(letter, "")
            few = known is not None and len(known) + end - first <= most
            found[letter] = (known or "") + "".join(map(chr, range(first, end))) if few else None
        return found

    @property
    def alphabet(self) -> Alphabet:
        """The letters, those that lead nowhere as `OUTSIDE`."""
        alive = (self.dfa.step != DEAD).any(axis=0)
        letters = np.where(alive[self.letters], self.letters, np.int32(OUTSIDE)).tolist()
        return Alphabet((*self.bounds.tolist(), BEYOND), (*letters, OUTSIDE), (0,) * self.dfa.columns)


Language = Dfa | Lettered  # bytes where letters are too many, or where nobody knows them


def lettered(step: Step, accepts: Accepts, letters: Alphabet, limit: int) -> Language:
    """An automaton over letters, as `subsets` makes it. Raises LimitExceeded beyond `limit` rows in bytes."""
    table, labels = minimal(step, accepts, len(letters.members))
    if len(letters.members) > _MOST_LETTERS:
        return spell(table, labels, letters, limit)
    number = np.array([letter if letter != OUTSIDE else len(letters.members) for letter in letters.letters[:-1]])
    table = np.concatenate([table, np.zeros((len(table), 1), np.int32)], axis=1)
    classes = np.minimum(np.arange(256), len(letters.members)).astype(np.uint8)
    found = _tidied(
        np.array(letters.bounds[:-1], np.int32), number.astype(np.int32), algebra.renumbered(classes, table, labels)
    )
    return checked(found, limit)


def characters(points: Ranges, low: int, high: int | None) -> Lettered:
    """Texts of `low` to `high` characters of a set, or of any number from `low` on; the set is not empty.

    A chain of rows, minimal as it is drawn.
    """
    cut = alphabet([points])
    letters = np.array([0 if letter != OUTSIDE else 1 for letter in cut.letters[:-1]], np.uint8)
    last = low if high is None else high
    step = np.zeros((START + last + 1, 2), np.int32)
    step[START : START + last, 0] = np.arange(START + 1, START + last + 1)
    step[START + last, 0] = START + last if high is None else DEAD
    labels = np.full(len(step), REFUSES, np.int32)
    labels[START + low :] = 0
    classes = np.minimum(np.arange(256), 1).astype(np.uint8)
    return Lettered(np.array(cut.bounds[:-1], np.int32), letters, Dfa(classes, step, labels))


def one_of(texts: Sequence[str]) -> Lettered | None:
    """Exactly some texts, which have no surrogates; None where they have too many characters."""
    used = sorted({ord(character) for text in texts for character in text})
    if len(used) > _MOST_LETTERS:
        return None
    number = {point: letter for letter, point in enumerate(used)}
    runs = {0: len(used)}
    for point, letter in number.items():
        runs[point] = letter
        runs.setdefault(point + 1, len(used))
    bounds = sorted(runs)
    written = [bytes([number[ord(character)] for character in text]) for text in texts]
    dfa = algebra.literal(written[0]) if len(written) == 1 else algebra.literals(written)
    return _tidied(np.array(bounds, np.int32), np.array([runs[bound] for bound in bounds], np.int32), dfa)


ANY_CHARACTERS = characters(ANY, 0, None)
NO_CHARACTERS = Lettered(np.zeros(1, np.int32), np.zeros(1, np.uint8), algebra.empty())  # no text at all


def matches(language: Language, text: str) -> bool:
    """Is `text` in the set? One with lone surrogates never is."""
    if isinstance(language, Lettered):
        return language.has(text)
    return language.accepts(text.encode("utf-8", "surrogatepass"))


def intersect(a: Language, b: Language, limit: int = PRODUCT_LIMIT) -> Language:
    """Texts in both."""
    return _together(a, b, algebra.intersect, limit)


def union(a: Language, b: Language, limit: int = PRODUCT_LIMIT) -> Language:
    """Texts in either."""
    return _together(a, b, algebra.union, limit)


def difference(a: Language, b: Language, limit: int = PRODUCT_LIMIT) -> Language:
    """Texts in `a` and not in `b`."""
    return _together(a, b, algebra.difference, limit)


def checked(language: Lettered, limit: int = PRODUCT_LIMIT) -> Lettered:
    """The same; raises LimitExceeded where it takes more than `limit` rows to spell it."""
    # A bound of a run cuts up to three nodes of a trie; others lead to one letter alone, or begin with characters that
    # fewer bytes spell.
    if language.dfa.rows * (8 + 3 * (len(language.bounds) + language.dfa.columns)) > limit:
        rows = rows_in_bytes(language)
        if rows >= 2 * limit or (rows > limit and in_bytes(language).rows > limit):
            raise too_many_rows(limit)
    return language


def in_bytes(language: Language) -> Dfa:
    """The texts in UTF-8."""
    return language if isinstance(language, Dfa) else _spelled(language)


@remembered
def _spelled(language: Lettered) -> Dfa:
    return spell(language.dfa.step, language.dfa.labels, language.alphabet)


def accepted(language: Language, texts: Sequence[str]) -> list[bool]:
    """Which of some texts, in which are no surrogates, are in the set?"""
    if isinstance(language, Lettered):
        points = np.frombuffer("".join(texts).encode("utf-32-le"), np.dtype("<i4"))
        read = language.letters[np.searchsorted(language.bounds, points, side="right") - 1]
        sizes, dfa = [len(text) for text in texts], language.dfa
    else:
        spelled = [text.encode() for text in texts]
        read = np.frombuffer(bytearray(b"".join(spelled)), np.uint8)
        sizes, dfa = [len(text) for text in spelled], language
    begins = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(sizes, out=begins[1:])
    return (tables.labels_of_texts(read, begins, dfa.classes, dfa.step, dfa.labels) != REFUSES).tolist()


def rows(language: Language) -> int:
    """How many it has as it is."""
    return language.rows if isinstance(language, Dfa) else language.dfa.rows


def rows_in_bytes(language: Language) -> int:
    """How many rows `in_bytes` has, or somewhat more."""
    return language.rows if isinstance(language, Dfa) else rows_spelled(language.dfa.step, language.alphabet)


def by_parts(parts: Sequence[Language], limit: int = PRODUCT_LIMIT) -> list[tuple[frozenset[int], Language]]:
    """All texts, by which of some parts have them: the indices of these, and the texts. Raises LimitExceeded."""
    over = _over_letters([ANY_CHARACTERS, *parts])
    dfas = [in_bytes(ANY_CHARACTERS), *map(in_bytes, parts)] if over is None else over.dfas
    whole, matched = algebra.labelled_union(dfas, limit)
    if len(matched) > _MOST_SETS:
        raise LimitExceeded(f"texts that may match in more than {_MOST_SETS} sets of patterns")
    each = [algebra.relabel(whole, {label: 0}) for label in range(len(matched))]
    found = each if over is None else [checked(_tidied(over.bounds, over.letters, dfa), limit) for dfa in each]
    return [(frozenset(part - 1 for part in which if part), one) for which, one in zip(matched, found, strict=True)]


def _together(a: Language, b: Language, operation: Callable[[Dfa, Dfa, int], Dfa], limit: int) -> Language:
    if isinstance(a, Lettered) and isinstance(b, Lettered):
        bounds, letters, pairs, count = joint_letters(
            a.bounds, a.letters, a.dfa.classes, b.bounds, b.letters, b.dfa.classes, _SURROGATE
        )
        if count <= _MOST_LETTERS:
            x = Dfa((pairs >> 8).astype(np.uint8), a.dfa.step, a.dfa.labels)
            y = Dfa((pairs & 255).astype(np.uint8), b.dfa.step, b.dfa.labels)
            return checked(_tidied(bounds, letters, operation(x, y, limit)), limit)
    return operation(in_bytes(a), in_bytes(b), limit)


class _Over(NamedTuple):
    """Several automata over the letters that they have in common."""

    bounds: NDArray[np.int32]  # (R,)
    letters: NDArray[np.int32]  # (R,)
    dfas: list[Dfa]


def _over_letters(parts: Sequence[Language]) -> _Over | None:
    """Automata over the same letters, numbered as characters come to them; None where they are bytes, or too many."""
    lettered = [one for one in parts if isinstance(one, Lettered)]
    if len(lettered) < len(parts):
        return None
    bounds = np.unique(np.concatenate([one.bounds for one in lettered]))
    runs = [one.letters[np.searchsorted(one.bounds, bounds, side="right") - 1] for one in lettered]  # each (R,)
    joint = np.zeros(len(bounds), np.int64)
    for place, run in enumerate(runs, start=1):
        joint = joint * 256 + run
        if place % _PLACES == 0:
            joint = np.unique(joint, return_inverse=True)[1]
    _, first, joint = np.unique(joint, return_index=True, return_inverse=True)
    order = np.argsort(first)
    if len(order) > _MOST_LETTERS:
        return None
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(len(order))
    letters, first = number[joint], first[order]
    none = letters[np.searchsorted(bounds, _SURROGATE, side="right") - 1]
    first = np.concatenate([first, np.full(256 - len(first), first[none])])
    dfas = [
        Dfa(one.dfa.classes[run[first]], one.dfa.step, one.dfa.labels) for one, run in zip(lettered, runs, strict=True)
    ]
    return _Over(bounds, letters, dfas)


def _tidied(bounds: NDArray[np.int32], letters: NDArray[np.int32], dfa: Dfa) -> Lettered:
    """Columns become letters; neighbours that have the same are one run. The same texts are the same object.

    For letters are numbered in the order of characters, and `dfa` is minimal.
    """
    bounds, merged, classes = tidied(bounds, letters, dfa.classes, dfa.columns, _SURROGATE)
    found = Lettered(bounds, merged, Dfa(classes, dfa.step, dfa.labels))
    if dfa.step.nbytes > _LARGE:
        return found
    key = "letters", bounds.tobytes(), merged.tobytes(), dfa.step.tobytes(), dfa.labels.tobytes()
    return memory.of(key, lambda: found)
