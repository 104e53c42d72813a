"""Kernels that run many automata at once, for lexers: the first of them that matches wins.

    parts    T automata. Their tables lie in one array behind one another: part t has `width[t]` columns, and its
             rows begin at cell `base[t]` and at label `begin[t]`
    row      of all parts together: a row of each (T,); the rows met are numbered breadth first
    dropped  part t is of no interest once one before it has matched: its row is DEAD from there on

Of the parts only the first `ordered` drop one another; the others watch. Row 0 is DEAD, row 1 START.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from constrained.automata.dfa import REFUSES, Dfa
from constrained.automata.jit import kernel, kernel_part

Cells = NDArray[np.int32]
Rows = NDArray[np.int32]  # (S, T)


def side_by_side(
    parts: Sequence[Dfa], ordered: int, limit: int
) -> tuple[NDArray[np.uint8], NDArray[np.int32], Rows] | None:
    """Run `parts` together: (byte -> k (256,), step (S, K), rows (S, T)); None beyond `limit` rows."""
    classes, first = _joint_classes(np.stack([part.classes for part in parts]))
    columns = np.stack([part.classes[first] for part in parts])  # (T, K)
    sizes = np.array([(part.step.size, part.rows, part.columns) for part in parts], np.int64)
    base, begin = np.zeros(len(parts), np.int64), np.zeros(len(parts), np.int64)
    np.cumsum(sizes[:-1, 0], out=base[1:])
    np.cumsum(sizes[:-1, 1], out=begin[1:])
    cells = np.concatenate([part.step.reshape(-1) for part in parts])
    ends = np.concatenate([part.labels for part in parts]) != REFUSES
    width = np.ascontiguousarray(sizes[:, 2])
    step, rows, size = _side_by_side(cells, base, width, ends, begin, columns, ordered, limit)
    return (classes, step[:size].copy(), rows[:size].copy()) if size <= limit else None


@kernel
def _joint_classes(classes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Bytes that no part tells apart, of (T, 256): byte -> k (256,), and the first byte of each k (K,)."""
    found = np.empty(256, np.uint8)
    first = np.empty(256, np.uint8)
    kinds = 0
    for byte in range(256):
        kind = 0
        while kind < kinds:
            part = 0
            while part < classes.shape[0] and classes[part, byte] == classes[part, first[kind]]:
                part += 1
            if part == classes.shape[0]:
                break
            kind += 1
        if kind == kinds:
            first[kinds] = byte
            kinds += 1
        found[byte] = kind
    return found, first[:kinds].copy()


@kernel_part
def _hash(row: NDArray[np.int32]) -> int:
    code = np.uint64(14695981039346656037)
    for part in range(row.shape[0]):
        code = (code ^ np.uint64(row[part])) * np.uint64(1099511628211)
    return int((code ^ (code >> np.uint64(29))) & np.uint64(0x7FFFFFFF))


@kernel
def _side_by_side(
    cells: Cells,
    base: NDArray[np.int64],
    width: NDArray[np.int64],
    ends: NDArray[np.bool_],
    begin: NDArray[np.int64],
    columns: NDArray[np.uint8],
    ordered: int,
    limit: int,
) -> tuple[NDArray[np.int32], Rows, int]:
    """(step, rows, how many of them are in use); more than `limit` of them if that was reached."""
    parts, kinds = columns.shape
    capacity = 256
    step = np.zeros((capacity, kinds), np.int32)
    rows = np.zeros((capacity, parts), np.int32)
    where = np.zeros(4 * capacity, np.int32)  # open addressing: row of all parts -> its number, 0 = free
    after = np.ones(parts, np.int32)
    for part in range(parts):
        rows[1, part] = 1
    where[_hash(after) & (where.shape[0] - 1)] = 1
    head = 1
    tail = 2
    while head < tail and tail <= limit:
        for kind in range(kinds):
            matched = False
            alive = False
            for part in range(ordered):
                target = np.int32(0)
                if not matched and rows[head, part] != 0:
                    target = cells[base[part] + rows[head, part] * width[part] + columns[part, kind]]
                    alive |= target != 0
                    matched = ends[begin[part] + target]
                after[part] = target
            if not alive:
                continue
            for part in range(ordered, parts):  # DEAD rows lead to DEAD
                after[part] = cells[base[part] + rows[head, part] * width[part] + columns[part, kind]]
            slot = _slot(where, rows, after)
            if where[slot] == 0:
                if tail == capacity:
                    capacity *= 2
                    step = _longer(step, capacity)
                    rows = _longer(rows, capacity)
                    where = _rehashed(rows, tail, 4 * capacity)
                    slot = _slot(where, rows, after)
                for part in range(parts):
                    rows[tail, part] = after[part]
                where[slot] = tail
                tail += 1
            step[head, kind] = where[slot]
        head += 1
    return step, rows, tail


@kernel_part
def _slot(where: NDArray[np.int32], rows: Rows, row: NDArray[np.int32]) -> int:
    """Where the number of `row` stands, or is to be put."""
    slot = _hash(row) & (where.shape[0] - 1)
    while where[slot] != 0:
        part = 0
        while part < row.shape[0] and rows[where[slot], part] == row[part]:
            part += 1
        if part == row.shape[0]:
            break
        slot = (slot + 1) & (where.shape[0] - 1)
    return slot


@kernel_part
def _longer(table: NDArray[np.int32], capacity: int) -> NDArray[np.int32]:
    found = np.zeros((capacity, table.shape[1]), np.int32)
    for row in range(table.shape[0]):
        for column in range(table.shape[1]):
            found[row, column] = table[row, column]
    return found


@kernel_part
def _rehashed(rows: Rows, count: int, slots: int) -> NDArray[np.int32]:
    where = np.zeros(slots, np.int32)
    for row in range(1, count):
        where[_slot(where, rows, rows[row])] = row
    return where


@kernel
def behind(step: NDArray[np.int32], ends: NDArray[np.bool_], row: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The texts that lead from `row` to one that ends, and all that begin so: (step (R, K), labels (R,)).

    Of `step` (S, K), `ends` (S,). Row 2 is where they lead; rows that lead nowhere are not left out.
    """
    kinds = step.shape[1]
    number = np.zeros(step.shape[0], np.int32)
    met = np.empty(step.shape[0] + 1, np.int32)  # where the rows from 3 on came from; the first is START
    found = np.zeros((step.shape[0] + 3, kinds), np.int32)
    for kind in range(kinds):
        found[2, kind] = 2
    tail = 3
    here = np.int64(row)
    at = 1
    while True:
        for kind in range(kinds):
            target = step[here, kind]
            if target != 0 and ends[target]:
                found[at, kind] = 2
            elif target != 0:
                if number[target] == 0:
                    number[target] = tail
                    met[tail - 3] = target
                    tail += 1
                found[at, kind] = number[target]
        at = 3 if at == 1 else at + 1
        if at == tail:
            break
        here = np.int64(met[at - 3])
    labels = np.full(tail, np.int32(-1))
    labels[2] = 0
    return found[:tail].copy(), labels
