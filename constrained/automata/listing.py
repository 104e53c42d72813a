"""The texts of an automaton one by one, the shortest first.

    reaches[k]   (S,) bool: is there a text of exactly k bytes from this row to acceptance?

Texts of one length are found by walking down along rows that reach acceptance in what is left of it, so
nothing is tried in vain, and the next text costs no more than its own bytes.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from constrained.automata.dfa import REFUSES, START, Dfa
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
