"""A walk beside one whose outcome is known: the trie is looked at only where the two differ.

    any string                           "  free
    any string but `"off"` and `"on"`    "  r1  --o-->  r2  --n-->  ...      every other byte leads on as from `free`

From most rows of strings that are restricted the same tokens pass as from a row that they lead to with most bytes, but
for a few. So both are walked at once. As soon as they are in rows that are *alike*, which accept the same texts with
the same labels, all that is below a node is known. Any row is alike itself; `likeness` finds those of two automata.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel
from constrained.automata.walk import FULL, Nodes, Words

# Shapes as in walk.py; the known automaton has S' rows, and E' exits are known.

NOT_ALIKE = -1


@kernel
def majority(classes: NDArray[np.uint8], step: NDArray[np.int32], row: int) -> int:
    """The row that most printable bytes lead to from `row`, if most lead to one; else any, or DEAD."""
    found = 0
    ahead = 0
    for byte in range(0x20, 0x7F):
        after = step[row, classes[byte]]
        if ahead == 0:
            found = after
        ahead += 1 if after == found else -1
    return found


@kernel
def likeness(
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    row: int,
    known_classes: NDArray[np.uint8],
    known_step: NDArray[np.int32],
    known_labels: NDArray[np.int32],
    known_row: int,
    like: NDArray[np.int32],
) -> bool:
    """Is `row` alike `known_row`? Then so are the rows they lead to, and `like` (S,) gets the known one of each.

    The known automaton is minimal.
    """
    stack = np.empty(step.shape[0], np.int32)
    like[:] = NOT_ALIKE
    like[0] = 0
    like[row] = known_row
    stack[0] = row
    top = 1
    while top > 0:
        top -= 1
        here = stack[top]
        known = like[here]
        if labels[here] != known_labels[known]:
            return False
        for byte in range(256):
            after = step[here, classes[byte]]
            beside = known_step[known, known_classes[byte]]
            if like[after] == NOT_ALIKE and beside != 0:
                like[after] = beside
                stack[top] = after
                top += 1
            if like[after] != beside:
                return False
    return True


@kernel
def beside(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    row: int,
    known_classes: NDArray[np.uint8],
    known_step: NDArray[np.int32],
    known_row: int,
    like: NDArray[np.int32],
    known_exits: Nodes,
    known_labels: NDArray[np.int32],
    words: Words,
    path: NDArray[np.int32],
    known_path: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
) -> int:
    """`walk.below` from `row` at the root, when `words` has the tokens that pass from `known_row`, which ends at
    `known_exits` (E',) with `known_labels` (E',); `like` is that of `likeness`."""
    found = 0
    node = 0
    at = 0  # exits that are known, before this node
    path[0] = row
    known_path[0] = known_row
    while node < byte.shape[0]:
        level = depth[node]
        after = step[path[level], classes[byte[node]]]
        known = known_step[known_path[level], known_classes[byte[node]]]
        if after == 0 or like[after] == known:
            end = skip[node]
            while at < known_exits.shape[0] and known_exits[at] < end:
                if after != 0 and known_exits[at] >= node:
                    if found == exits.shape[0]:
                        return FULL
                    exits[found] = known_exits[at]
                    exit_labels[found] = known_labels[at]
                    found += 1
                at += 1
            if after == 0 and known != 0:
                for refused in range(node, end):
                    spelled = token[refused]
                    if spelled >= 0:
                        words[spelled >> 5] &= ~(np.uint32(1) << np.uint32(spelled & 31))
            node = end
            continue
        path[level + 1] = after
        known_path[level + 1] = known
        spelled = token[node]
        if spelled >= 0:
            words[spelled >> 5] |= np.uint32(1) << np.uint32(spelled & 31)
        if labels[after] >= 0 and skip[node] > node + 1:
            if found == exits.shape[0]:
                return FULL
            exits[found] = node
            exit_labels[found] = labels[after]
            found += 1
        node += 1
    return found
