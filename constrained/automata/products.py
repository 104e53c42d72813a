"""Products of automata: two of them reading the same text side by side.

    a: START -x-> 2 -y-> 3      b: START -x-> 2 -x-> 2        pairs: (1, 1) -x-> (2, 2), and no y after that

Pairs are found breadth first and numbered as they are met. The loop writes into arrays that it is given: where they
are full it stops, and goes on in longer ones. (An array that is exchanged inside of a loop makes every look at it slow:
by a factor of eight here.)
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel
from constrained.automata.tables import Table

T = TypeVar("T", bound=np.generic)

FULL = -2  # product(): the row limit was reached
_ROOM = 256  # rows, to begin with
_SPREADING = np.uint64(0x9E3779B97F4A7C15)  # the highest bits of multiples are a good hash


def product(
    left: Table,
    right: Table,
    left_column: NDArray[np.uint8],
    right_column: NDArray[np.uint8],
    needs_left: bool,
    needs_right: bool,
    limit: int,
) -> tuple[Table, NDArray[np.int32], int]:
    """Pairs of rows reachable together, breadth first.

    A pair is DEAD when a side that is needed is DEAD, or both are. Column k of the result reads
    `left_column[k]` and `right_column[k]`. Returns (table (S, K), pairs (S, 2), S or `FULL`).
    """
    room = min(_ROOM, limit)
    table, pairs = np.zeros((room, len(left_column)), np.int32), np.zeros((room, 2), np.int32)
    pairs[1] = 1
    head, tail = 1, 2
    while True:
        slots = 2 << room.bit_length()
        head, tail = _pair_up(
            left, right, left_column, right_column, needs_left, needs_right,
            table, pairs, np.zeros(slots, np.int64), np.zeros(slots, np.int32), head, tail,
        )  # fmt: skip
        if head == tail:
            return table[:tail], pairs[:tail], tail
        if room >= limit:
            return table, pairs, FULL
        room = min(4 * room, limit)
        table, pairs = longer(table, room), longer(pairs, room)


def longer(table: NDArray[T], rows: int) -> NDArray[T]:
    """The same (S, C), with so many rows."""
    found = np.zeros((rows, *table.shape[1:]), table.dtype)
    found[: len(table)] = table
    return found


@kernel
def _pair_up(
    left: Table,
    right: Table,
    left_column: NDArray[np.uint8],
    right_column: NDArray[np.uint8],
    needs_left: bool,
    needs_right: bool,
    table: Table,
    pairs: NDArray[np.int32],
    keys: NDArray[np.int64],
    rows: NDArray[np.int32],
    head: int,
    tail: int,
) -> tuple[int, int]:
    """`product` from pair `head` on, `tail` having been met, as far as there is room: (where it stopped, the new tail).

    `keys` and `rows` are zeros, two times as many as pairs at least. They become an open addressing: the pair (a, b) as
    a * T + b, and its row.
    """
    width = np.int64(right.shape[0])
    shift = np.uint64(64)
    size = keys.shape[0]
    while size > 1:
        size >>= 1
        shift -= np.uint64(1)
    for row in range(1, tail):
        key = pairs[row, 0] * width + pairs[row, 1]
        slot = np.int64((np.uint64(key) * _SPREADING) >> shift)
        while keys[slot] != 0:
            slot = (slot + 1) & (keys.shape[0] - 1)
        keys[slot] = key
        rows[slot] = row
    while head < tail:
        for column in range(table.shape[1]):
            a = np.int64(left[pairs[head, 0], left_column[column]])
            b = np.int64(right[pairs[head, 1], right_column[column]])
            if (a == 0 and (needs_left or b == 0)) or (b == 0 and needs_right):
                continue
            key = a * width + b
            slot = np.int64((np.uint64(key) * _SPREADING) >> shift)
            while keys[slot] != 0 and keys[slot] != key:
                slot = (slot + 1) & (keys.shape[0] - 1)
            if keys[slot] == 0:
                if tail == pairs.shape[0]:
                    return head, tail
                pairs[tail, 0] = a
                pairs[tail, 1] = b
                keys[slot] = key
                rows[slot] = tail
                tail += 1
            table[head, column] = rows[slot]
        head += 1
    return head, tail
