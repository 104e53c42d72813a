"""The table of a lift: the rows of a decoded automaton with those of its escapes around them (lift.py draws it).

    0, 1      before the quote, if one begins them       U, U0, U00    each of a few pairs of U000 and U001, or neither
    text      the decoded rows                           U000, U001    where the last digit leads
    E         behind a backslash                         ends          one of each label, if a quote ends them

Where an escape leads depends on the few edges of its characters, so many rows share it: a pattern without control
characters has none for `\\u00`. Nothing has to be minimised afterwards.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.alike import numbered
from constrained.automata.jit import kernel, kernel_part

_BACKSLASH, _U, _ZERO, _ONE = b"\\u01"

_Classes = NDArray[np.uint8]
_Table = NDArray[np.int32]
_Bytes = NDArray[np.int32]  # (2, E) bytes that are written, and those that they stand for


@kernel
def lifted(
    classes: _Classes,
    step: _Table,
    labels: NDArray[np.int32],
    ends: NDArray[np.int32],
    quote: int,
    before: int,
    apart: NDArray[np.uint8],
    short: _Bytes,
    low: _Bytes,
    high: _Bytes,
) -> tuple[_Classes, _Table, NDArray[np.int32]]:
    """Classes (256,) by first byte, step (S', K) and labels (S',) of the lift of an automaton, rows in the order above.

    ends (L,) are its labels if a quote ends them, and `before` is 2 then; else there are none, and it is 0. `apart`
    (256,) is 2 for bytes that escapes tell apart, 1 for others that stand for themselves, 0 for what is never written.
    """
    columns, reads = _columns(classes, step.shape[1], apart)
    # where the characters of escapes lead, by row; behind U from 1 on, 0 for what is dead
    letters, lows, highs = (
        _targets(classes, step, short, before, 1),
        _targets(classes, step, low, before, 0),
        _targets(classes, step, high, before, 0),
    )
    u000, of_u000 = numbered(lows)
    u001, of_u001 = numbered(highs)
    pairs = np.empty((step.shape[0], 2), np.int32)
    for row in range(step.shape[0]):
        pairs[row, 0] = u000[row]
        pairs[row, 1] = u001[row]
    u00, of_u00 = numbered(pairs)
    for row in range(step.shape[0]):
        letters[row, short.shape[1]] = u00[row]
    e, of_e = numbered(letters)
    to_e = before + step.shape[0]
    to_u = to_e + of_e.shape[0]
    few = of_u00.shape[0]
    to_u000 = to_u + 3 * few
    to_u001 = to_u000 + of_u000.shape[0]
    to_ends = to_u001 + of_u001.shape[0]
    out = np.zeros((to_ends + ends.shape[0], reads.shape[0]), np.int32)
    _copy_plain(classes, step, reads, apart, quote, before, out)
    _lead(out, before, columns[_BACKSLASH], e, to_e)
    _put(out, to_e, columns, short, letters, of_e)
    _lead(out, to_e, columns[_U], _some(u00, of_e), to_u)
    for one in range(to_u, to_u + 2 * few):
        out[one, columns[_ZERO]] = one + few
    _lead(out, to_u + 2 * few, columns[_ZERO], _some(u000, of_u00), to_u000)
    _lead(out, to_u + 2 * few, columns[_ONE], _some(u001, of_u00), to_u001)
    _put(out, to_u000, columns, low, lows, of_u000)
    _put(out, to_u001, columns, high, highs, of_u001)
    return columns, out, _end(labels, ends, columns[quote], before, to_ends, out)


@kernel_part
def _columns(classes: _Classes, count: int, apart: NDArray[np.uint8]) -> tuple[_Classes, NDArray[np.int64]]:
    """Joint classes (256,) of bytes by class and what escapes tell apart; (K,) the first byte of each."""
    joint = np.empty(256, np.uint8)
    reads = np.empty(256, np.int64)
    number = np.full((count, 2), -1, np.int64)
    used = 0
    for byte in range(256):
        column = -1 if apart[byte] == 2 else number[classes[byte], apart[byte]]
        if column < 0:
            column = used
            reads[used] = byte
            used += 1
            if apart[byte] < 2:
                number[classes[byte], apart[byte]] = column
        joint[byte] = column
    return joint, reads[:used].copy()


@kernel_part
def _targets(classes: _Classes, step: _Table, edges: _Bytes, before: int, room: int) -> _Table:
    """(S, E + room) where each row leads by the characters of some edges."""
    found = np.zeros((step.shape[0], edges.shape[1] + room), np.int32)
    for row in range(step.shape[0]):
        for edge in range(edges.shape[1]):
            after = step[row, classes[edges[1, edge]]]
            if after != 0:
                found[row, edge] = before + after
    return found


@kernel_part
def _copy_plain(
    classes: _Classes,
    step: _Table,
    reads: NDArray[np.int64],
    apart: NDArray[np.uint8],
    quote: int,
    before: int,
    out: _Table,
) -> None:
    """Write what the characters that stand for themselves lead to."""
    plain = np.empty(reads.shape[0], np.int64)
    count = 0
    for column in range(reads.shape[0]):
        byte = reads[column]
        if apart[byte] != 0 and byte != quote and byte != _BACKSLASH:
            plain[count] = column
            count += 1
    for row in range(step.shape[0]):
        for column in plain[:count]:
            after = step[row, classes[reads[column]]]
            if after != 0:
                out[before + row, column] = before + after


@kernel_part
def _some(number: NDArray[np.int32], chosen: NDArray[np.int64]) -> NDArray[np.int32]:
    """(N,) the numbers of rows that are chosen."""
    found = np.empty(chosen.shape[0], np.int32)
    for one in range(chosen.shape[0]):
        found[one] = number[chosen[one]]
    return found


@kernel_part
def _lead(out: _Table, first: int, column: int, number: NDArray[np.int32], to: int) -> None:
    """Let rows from `first` on lead to those from `to` on, which are numbered from 1, or nowhere."""
    for one in range(number.shape[0]):
        if number[one] != 0:
            out[first + one, column] = to + number[one] - 1


@kernel_part
def _put(out: _Table, first: int, columns: _Classes, edges: _Bytes, cells: _Table, chosen: NDArray[np.int64]) -> None:
    """Write rows from `first` on: where edges lead from those that are chosen."""
    for one in range(chosen.shape[0]):
        for edge in range(edges.shape[1]):
            out[first + one, columns[edges[0, edge]]] = cells[chosen[one], edge]


@kernel_part
def _end(
    labels: NDArray[np.int32], ends: NDArray[np.int32], quote: int, before: int, to: int, out: _Table
) -> NDArray[np.int32]:
    """(S',) the labels of all rows; draws the quotes."""
    found = np.full(out.shape[0], -1, np.int32)
    if before == 0:
        for row in range(labels.shape[0]):
            found[row] = labels[row]
        return found
    for place in range(ends.shape[0]):
        found[to + place] = ends[place]
        out[1, quote] = before + 1
        for row in range(labels.shape[0]):
            if labels[row] == ends[place]:
                out[before + row, quote] = to + place
    return found
