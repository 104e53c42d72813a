"""Kernels for what surrounds a product: the columns of both, over bytes or letters, and what its pairs accept.

    a reads  a-c | d-z         both read  a | b-c | d-z         column of both    0  1  2
    b reads  a | b-z                                            column of a       0  0  1
                                                                column of b       0  1  1

Most automata of a schema have some rows and columns. What numpy takes to sort and look up so few is many times what
the product itself takes.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import inlined_part, kernel

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]

BOTH, LEFT_ALONE, EITHER = 0, 1, 2  # what a pair accepts


@inlined_part
def _columns(classes: Bytes) -> int:
    """How many columns 256 bytes or letters go to."""
    count = 0
    for byte in range(256):
        count = max(count, int(classes[byte]) + 1)
    return count


@kernel
def joint_columns(left: Bytes, right: Bytes) -> tuple[Bytes, Bytes, Bytes]:
    """Classes (256,) of bytes that both tell apart: (column of the left (K,), of the right (K,), byte -> k (256,))."""
    width = _columns(right)
    number = np.full(_columns(left) * width, -1, np.int32)
    lefts = np.empty(256, np.uint8)
    rights = np.empty(256, np.uint8)
    classes = np.empty(256, np.uint8)
    count = 0
    for byte in range(256):
        key = np.int64(left[byte]) * width + np.int64(right[byte])
        if number[key] < 0:
            number[key] = count
            lefts[count] = left[byte]
            rights[count] = right[byte]
            count += 1
        classes[byte] = number[key]
    return lefts[:count].copy(), rights[:count].copy(), classes


@kernel
def pair_labels(pairs: Ints, left: Ints, right: Ints, accepts: int) -> Ints:
    """(S,) the labels of pairs (S, 2), by those of both sides; those of the left, or 0 where either will do."""
    found = np.full(pairs.shape[0], -1, np.int32)
    for row in range(1, pairs.shape[0]):
        a = left[pairs[row, 0]]
        b = right[pairs[row, 1]]
        if accepts == 2:
            if a >= 0 or b >= 0:
                found[row] = 0
        elif (b >= 0) == (accepts == 0):
            found[row] = a
    return found


@kernel
def joint_letters(
    bounds: Ints,
    letters: Bytes,
    classes: Bytes,
    others: Ints,
    other_letters: Bytes,
    other_classes: Bytes,
    surrogate: int,
) -> tuple[Ints, Ints, Ints, int]:
    """Runs of characters that two alphabets tell apart: bounds (R,), numbers (R,), the pairs (256,), and how many.

    Pair k is `column * 256 + column of the other`, and what surrogates are for all numbers beyond; where there are more
    than 256, the pairs are not all there.
    """
    width = _columns(other_classes)
    number = np.full(_columns(classes) * width, -1, np.int32)
    runs = np.empty(bounds.shape[0] + others.shape[0], np.int32)
    found = np.empty(runs.shape[0], np.int32)
    pairs = np.zeros(256, np.int32)
    nothing = np.int32(0)
    here, there, count, size = 0, 0, 0, 0
    while True:
        column = np.int64(classes[letters[here]])
        other_column = np.int64(other_classes[other_letters[there]])
        bound = max(bounds[here], others[there])
        key = column * width + other_column
        pair = np.int32(column * 256 + other_column)
        if number[key] < 0:
            number[key] = count
            if count < 256:
                pairs[count] = pair
            count += 1
        if bound <= surrogate:
            nothing = pair
        if size == 0 or found[size - 1] != number[key]:
            runs[size] = bound
            found[size] = number[key]
            size += 1
        here_ends = here + 1 == bounds.shape[0]
        there_ends = there + 1 == others.shape[0]
        if here_ends and there_ends:
            for beyond in range(count, 256):
                pairs[beyond] = nothing
            return runs[:size].copy(), found[:size].copy(), pairs, count
        here_first = there_ends or (not here_ends and bounds[here + 1] <= others[there + 1])
        there_first = here_ends or (not there_ends and others[there + 1] <= bounds[here + 1])
        if here_first:
            here += 1
        if there_first:
            there += 1


@kernel
def tidied(bounds: Ints, letters: Ints, classes: Bytes, columns: int, surrogate: int) -> tuple[Ints, Bytes, Bytes]:
    """Letters become the columns that read them, neighbours of one column one run: (bounds, letters, classes).

    All numbers that are no letter are what surrogates are.
    """
    runs = np.empty(bounds.shape[0], np.int32)
    found = np.empty(bounds.shape[0], np.uint8)
    nothing = np.uint8(0)
    size = 0
    for run in range(bounds.shape[0]):
        letter = classes[letters[run]]
        if bounds[run] <= surrogate:
            nothing = letter
        if size == 0 or found[size - 1] != letter:
            runs[size] = bounds[run]
            found[size] = letter
            size += 1
    read = np.full(256, nothing, np.uint8)
    for column in range(columns):
        read[column] = column
    return runs[:size].copy(), found[:size].copy(), read
