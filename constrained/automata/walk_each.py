"""The walks of walk.py below each of several nodes, and what is done with what they leave behind."""

import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk
from constrained.automata.jit import kernel
from constrained.automata.walk import Nodes, Words

# Shapes as in walk.py.


@kernel
def plain(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    starts: Nodes,
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    row: int,
    words: Words,
    path: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
) -> int:
    """`below` from `row` at each of `starts` (M,): the number of exits, or FULL."""
    found = 0
    for start in starts:
        found = walk.below(
            byte, depth, skip, token, start, classes, step, labels, row, words, path, exits, exit_labels, found
        )
        if found == walk.FULL:
            break
    return found


@kernel
def counted(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    starts: Nodes,
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    cost: NDArray[np.uint8],
    least: NDArray[np.int32],
    most: NDArray[np.int32],
    low: int,
    high: int,
    words: Words,
    path: NDArray[np.int32],
    counts: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
) -> int:
    """`below_counted` from the start at each of `starts` (M,): the number of exits, or FULL."""
    found = 0
    for start in starts:
        found = walk.below_counted(
            byte, depth, skip, token, start, classes, step, labels, cost, least, most, low, high,
            1, 0, words, path, counts, exits, exit_labels, found,
        )  # fmt: skip
        if found == walk.FULL:
            break
    return found


@kernel
def chosen(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    starts: Nodes,
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    first: NDArray[np.int32],
    last: NDArray[np.int32],
    before: NDArray[np.int32],
    row: int,
    words: Words,
    path: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
) -> int:
    """`below_chosen` from `row` at each of `starts` (M,): the number of exits, or FULL."""
    found = 0
    for start in starts:
        found = walk.below_chosen(
            byte, depth, skip, token, start, classes, step, labels, first, last, before,
            row, words, path, exits, exit_labels, found,
        )  # fmt: skip
        if found == walk.FULL:
            break
    return found


@kernel
def ends_below(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    starts: Nodes,
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    path: NDArray[np.int32],
    found: Nodes,
) -> int:
    """The nodes below `starts` (M,) at which the automaton accepts, others below them or not; how many, or FULL."""
    count = 0
    for start in starts:
        base = depth[start] + 1 if start >= 0 else 0
        node = start + 1
        end = skip[start] if start >= 0 else byte.shape[0]
        path[base] = 1
        while node < end:
            level = depth[node]
            after = step[path[level], classes[byte[node]]]
            if after == 0:
                node = skip[node]
                continue
            path[level + 1] = after
            if labels[after] >= 0:
                if count == found.shape[0]:
                    return walk.FULL
                found[count] = node
                count += 1
            node += 1
    return count


@kernel
def take_bits(words: Words, tokens: NDArray[np.int32]) -> int:
    """Move the bits of `words` to `tokens`: how many; FULL, and nothing is moved, if there are more than it holds."""
    count = 0
    for word in words:
        while word:
            word &= word - np.uint32(1)
            count += 1
        if count > tokens.shape[0]:
            return walk.FULL
    count = 0
    for at in range(words.shape[0]):
        word = words[at]
        if word:
            for bit in range(32):
                if word >> np.uint32(bit) & np.uint32(1):
                    tokens[count] = 32 * at + bit
                    count += 1
            words[at] = 0
    return count
