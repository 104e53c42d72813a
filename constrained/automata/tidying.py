"""Kernels that leave out of a table what says nothing: columns like others, and rows that lead nowhere.

    byte    a  b  c          class   a,c  b
    START   2  3  2    -->   START    2   0       3 accepts nothing
    2       0  0  0          2        0   0       2 accepts

Tables are (S, C) int32 with row 0 DEAD and row 1 START, classes (256,) the columns of bytes.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel, kernel_part

Bytes = NDArray[np.uint8]
Table = NDArray[np.int32]
Rows = NDArray[np.int32]


@kernel_part
def _kinds(step: Table) -> tuple[Bytes, Rows]:
    rows, columns = step.shape
    classes = np.zeros(columns, np.uint8)
    chosen = np.empty(columns, np.int32)
    kinds = 0
    for column in range(columns):
        found = -1
        for kind in range(kinds):
            same = True
            for row in range(rows):
                if step[row, column] != step[row, chosen[kind]]:
                    same = False
                    break
            if same:
                found = kind
                break
        if found < 0:
            found = kinds
            chosen[kinds] = column
            kinds += 1
        classes[column] = found
    return classes, chosen[:kinds].copy()


@kernel
def columns_of(step: Table, chosen: Rows) -> Table:
    """(S, K) some of the columns."""
    return _chosen(step, chosen)


@kernel_part
def _chosen(step: Table, chosen: Rows) -> Table:
    found = np.empty((step.shape[0], chosen.shape[0]), np.int32)
    for row in range(step.shape[0]):
        for column in range(chosen.shape[0]):
            found[row, column] = step[row, chosen[column]]
    return found


@kernel
def compress(step: Table) -> tuple[Bytes, Rows]:
    """Merge equal columns: ((C,) column -> class, (K,) class -> one of its columns)."""
    return _kinds(step)


@kernel
def by_first_bytes(classes: Bytes, columns: int) -> tuple[Bytes, Rows, bool]:
    """(256,) the columns in use by their first bytes, (K,) which these are; are they all, and in this order?"""
    number = np.full(columns, -1, np.int32)
    used = np.empty(columns, np.int32)
    renamed = np.empty(256, np.uint8)
    same = True
    count = 0
    for byte in range(256):
        column = classes[byte]
        if number[column] < 0:
            number[column] = count
            used[count] = column
            same = same and column == count
            count += 1
        renamed[byte] = number[column]
    return renamed, used[:count].copy(), same and count == columns


@kernel
def is_trim(far: Rows) -> bool:
    """Is something accepted from every row but DEAD? `far` is -1 where nothing is."""
    dead = 0
    for row in range(1, far.shape[0]):
        dead += far[row] < 0
    return dead == 0


@kernel
def trimmed(classes: Bytes, step: Table, labels: Rows, far: Rows) -> tuple[Bytes, Table, Rows, Rows]:
    """The same without rows from which nothing is accepted (`far` is -1 there), DEAD and START aside."""
    rows, columns = step.shape
    number = np.zeros(rows, np.int32)
    kept = np.empty(rows, np.int32)
    count = 0
    for row in range(rows):
        if row < 2 or far[row] >= 0:
            number[row] = count if far[row] >= 0 else 0
            kept[count] = row
            count += 1
    table = np.empty((count, columns), np.int32)
    names = np.empty(count, np.int32)
    distance = np.empty(count, np.int32)
    for row in range(count):
        names[row] = labels[kept[row]]
        distance[row] = far[kept[row]]
        for column in range(columns):
            table[row, column] = number[step[kept[row], column]]
    renamed = classes.copy()
    if count < rows or far[1] < 0:  # what was refused told many columns apart
        merged, chosen = _kinds(table)
        for byte in range(256):
            renamed[byte] = merged[classes[byte]]
        table = _chosen(table, chosen)
    return renamed, table, names, distance
