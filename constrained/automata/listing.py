"""The texts of an automaton one by one, the shortest first; and how many there are.

    reaches[k]   (S,) bool: is there a text of exactly k bytes from this row to acceptance?

Texts of one length are found by walking down along rows that reach acceptance in what is left of it, so
nothing is tried in vain, and the next text costs no more than its own bytes.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.deadline import look


def texts_by_length(automaton: Dfa) -> Iterator[bytes]:
    """Every text of `automaton`, shorter ones first; without end where there is no longest."""
    reaches: list[NDArray[np.bool_]] = [automaton.labels != REFUSES]
    while reaches[-1].any():
        if reaches[-1][START]:
            yield from _of_length(automaton, reaches)
        reaches.append(np.asarray(reaches[-1][automaton.step].any(axis=1)))


def _of_length(automaton: Dfa, reaches: list[NDArray[np.bool_]]) -> Iterator[bytes]:
    """The texts of length `len(reaches) - 1`."""
    length = len(reaches) - 1
    if length == 0:
        yield b""
        return
    text = bytearray()
    rows = [int(START)]
    ahead = [_ways(automaton, rows[0], reaches[length - 1])]  # the bytes still to be tried, at each place of `text`
    while ahead:
        look()
        byte = next(ahead[-1], None)
        if byte is None:
            ahead.pop()
            rows.pop()
            del text[-1:]
        elif len(text) == length - 1:
            yield bytes((*text, byte))
        else:
            text.append(byte)
            rows.append(automaton.after(rows[-1], byte))
            ahead.append(_ways(automaton, rows[-1], reaches[length - len(text) - 1]))


def _ways(automaton: Dfa, row: int, reaches: NDArray[np.bool_]) -> Iterator[int]:
    """The bytes that lead from `row` to one that reaches acceptance."""
    return iter(np.flatnonzero(reaches[automaton.step[row]][automaton.classes]).tolist())


_MANY = 1 << 30


def count_texts(automaton: Dfa, most: int = _MANY) -> int:
    """How many texts an automaton accepts, counted up to `most`.

    Each text of one length begins another text than the others, so as soon as they are many, the whole is.
    """
    total = 0.0
    for ending, ahead in islice(_counts(automaton, most), automaton.rows):
        total += ending
        if total + ahead.sum() >= most or not len(ahead):
            return min(int(total + ahead.sum()), most)
    return most


def count_between(automaton: Dfa, shortest: int, longest: int, most: int) -> int:
    """How many texts of so many bytes an automaton accepts, counted up to `most`."""
    total = 0.0
    for length, (ending, _) in enumerate(islice(_counts(automaton, most), longest + 1)):
        total += ending if length >= shortest else 0
        if total >= most:
            break
    return min(int(total), most)


def _counts(automaton: Dfa, most: int) -> Iterator[tuple[float, NDArray[Any]]]:
    """For each length, how many texts have it, and for each row behind (R,) how many lead there, up to `most`."""
    widths = np.bincount(automaton.classes, minlength=automaton.step.shape[1])
    accepts = automaton.labels != REFUSES
    rows = np.array([START])
    counts: NDArray[Any] = np.ones(1)
    while len(rows):
        ending = float(counts[accepts[rows]].sum())
        targets, ways = automaton.step[rows], counts[:, None] * widths  # (rows, C)
        lives = targets != DEAD
        rows, place = np.unique(targets[lives], return_inverse=True)
        counts = np.minimum(np.bincount(place, weights=ways[lives], minlength=len(rows)), most)
        yield ending, counts
