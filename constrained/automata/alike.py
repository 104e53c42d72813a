"""Which rows of a table are equal: numbered by hashing, without sorting them."""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel_part
from constrained.automata.tables import Table


@kernel_part
def numbered(cells: Table) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number rows so that equal ones share a number: ((S,) from 1 on, 0 for zeros alone; (N,) the first of each)."""
    rows, columns = cells.shape
    number = np.zeros(rows, np.int32)
    first = np.empty(rows, np.int64)
    slots = 4
    while slots < 2 * rows:
        slots *= 2
    where = np.zeros(slots, np.int32)  # open addressing: the number of a row, 0 = free
    count = 0
    for row in range(rows):
        mixed, zeros = 0, True
        for column in range(columns):
            mixed = ((mixed ^ cells[row, column]) * 0x9E3779B1) & 0xFFFFFFFF
            zeros = zeros and cells[row, column] == 0
        if zeros:
            continue
        slot = (mixed >> 7) & (slots - 1)
        while where[slot] != 0:
            same = True
            for column in range(columns):
                if cells[row, column] != cells[first[where[slot] - 1], column]:
                    same = False
                    break
            if same:
                break
            slot = (slot + 1) & (slots - 1)
        if where[slot] == 0:
            first[count] = row
            count += 1
            where[slot] = count
        number[row] = where[slot]
    return number, first[:count].copy()
