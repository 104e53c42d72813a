"""The texts that stand for chosen numbers: tries of what they are written as without needless zeros.

    decimals      -?(0|[1-9][0-9]*)(\\.[0-9]+)?           2.5   2.50
    scientific    -?[1-9](\\.[0-9]+)?[eE][+-]?[0-9]+      2.5e0 2.50E+00

Both take zeros at the end of the fraction, even where they run along the digits of another value first. An
exponent has three digits at most, as everywhere.

    {5, 0.5}:   5 -> (5)   . -> point   0 -> (zeros), which loops
                0 -> 0     . -> 0.      5 -> (0.5)   0 -> (zeros)         () accepts
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import numpy as np

from constrained.automata.dfa import DEAD, REFUSES, START
from grammars.json_schema.number_text import COLUMNS, EXPONENT, POINT, ZERO, Table, columns, digits

LONGEST_EXPONENT = 3  # digits


def decimal_texts(chosen: Iterable[Decimal]) -> Table:
    """The decimals that stand for one of `chosen`."""
    trie = _Trie()
    for row in trie.with_zeros({text: 0 for value in chosen for text in _decimals(value)}):
        trie.labels[row] = 0
    return trie.table()


def scientific_texts(chosen: Iterable[Decimal]) -> Table:
    """The scientific texts that stand for one of `chosen`: those of a mantissa, then one of its exponents.

    Nothing is equal to 0, which has none.
    """
    exponents: dict[str, set[int]] = {}
    for value in chosen:
        if value:
            exponents.setdefault(mantissa(value), set()).add(value.adjusted())
    trie = _Trie()
    keys = {frozenset(found): key for key, found in enumerate(exponents.values())}
    tails: dict[int, int] = {}
    for found, key in keys.items():
        tails[key] = trie.row()
        for text in sorted(text for exponent in found for text in _exponents(exponent)):
            trie.labels[trie.end(text, tails[key])] = 0
    for row, key in trie.with_zeros({text: keys[frozenset(found)] for text, found in exponents.items()}).items():
        trie.cells[row][EXPONENT] = tails[key]
    return trie.table()


def mantissa(value: Decimal) -> str:
    """What stands before the exponent: one digit, and a fraction where it is needed."""
    first, *rest = value.as_tuple().digits
    fraction = "".join(map(str, rest)).rstrip("0")
    return f"{'-' if value < 0 else ''}{first}{'.' if fraction else ''}{fraction}"


def _decimals(value: Decimal) -> tuple[str, ...]:
    """The texts of `value` without needless zeros: one, or `0` and `-0`."""
    whole, fraction = digits(value)
    text = "".join(map(str, whole)) or "0"
    if fraction:
        text += "." + "".join(map(str, fraction))
    return (("-" if value < 0 else "") + text,) if value else ("0", "-0")


def _exponents(exponent: int) -> set[str]:
    """How an exponent is written; not at all, if it has too many digits."""
    signs = ("-",) if exponent < 0 else ("", "+", "-") if exponent == 0 else ("", "+")
    texts = {str(abs(exponent)).zfill(width) for width in range(1, LONGEST_EXPONENT + 1)}
    return {sign + text for sign in signs for text in texts if len(text) <= LONGEST_EXPONENT}


class _Trie:
    """A table that grows by texts."""

    def __init__(self) -> None:
        self.cells: list[list[int]] = []
        self.labels: list[int] = []
        self.row()  # DEAD
        self.row()  # START

    def row(self) -> int:
        self.cells.append([int(DEAD)] * COLUMNS)
        self.labels.append(REFUSES)
        return len(self.cells) - 1

    def end(self, text: str, row: int = int(START)) -> int:
        """The row after `text`, which is drawn where it is not there."""
        for column in columns(text):
            if self.cells[row][column] == DEAD:
                self.cells[row][column] = self.row()
            row = self.cells[row][column]
        return row

    def with_zeros(self, keys: Mapping[str, int]) -> dict[int, int]:
        """Draw texts, each with any zeros in its fraction. The rows where they may end, with the text's key."""
        found: dict[int, int] = {}
        loops: dict[int, tuple[int, int]] = {}  # key -> after the point of an integer; after one more zero
        for key in dict.fromkeys(keys.values()):
            point, zeros = loops[key] = self.row(), self.row()
            self.cells[point][ZERO] = self.cells[zeros][ZERO] = zeros
            found[zeros] = key
        ends = {text: self.end(text) for text in sorted(keys)}
        for text, row in ends.items():
            key, (point, zeros) = keys[text], loops[keys[text]]
            found[row] = key
            if "." not in text:
                if self.cells[row][POINT] == DEAD:
                    self.cells[row][POINT] = point
                    continue
                row = self.cells[row][POINT]
            while self.cells[row][ZERO] not in (DEAD, zeros):
                row = self.cells[row][ZERO]
                found[row] = key
            self.cells[row][ZERO] = zeros
        return found

    def table(self) -> Table:
        """The texts that end in a row with a label."""
        return Table(np.array(self.cells, np.int32), np.array(self.labels, np.int32))
