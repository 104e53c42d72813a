"""A walk beside one whose outcome is known: the trie is looked at only where the two differ.

    any string                           "  free
    any string but `"off"` and `"on"`    "  r1  --o-->  r2  --n-->  ...      every other byte leads on as from `free`

From most rows of strings that are restricted the same tokens pass as from a row that they lead to with most bytes, but
for a few. So both are walked at once. As soon as they are in rows that are *alike*, which accept the same texts with
the same labels, all that is below a node is known. Any row is alike itself; `likeness` finds those of two automata.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import inlined_part, kernel, kernel_part
from constrained.automata.walk import FULL, Nodes, Words

# Shapes as in walk.py; the known automaton has S' rows, and E' exits are known.

NOT_ALIKE = -1

FOREVER = 1 << 15  # bytes: more than any token has
MOST_PAIRS = 256  # of rows that `agreement` looks at
_PASSES = 12  # that it makes over them
_NEAR = 6  # bytes, behind which few tokens go on


@kernel
def heights(skip: NDArray[np.int32]) -> NDArray[np.int16]:
    """(N,) the bytes of the longest way on below each node."""
    found = np.zeros(skip.shape[0], np.int16)
    for node in range(skip.shape[0] - 1, -1, -1):
        child = node + 1
        while child < skip[node]:
            if found[child] >= found[node]:
                found[node] = found[child] + 1
            child = skip[child]
    return found


@kernel
def printable(classes: NDArray[np.uint8], step: NDArray[np.int32], row: int) -> int:
    """How many of the 95 printable bytes may follow in `row`?"""
    found = 0
    for byte in range(0x20, 0x7F):
        if step[row, classes[byte]] != 0:
            found += 1
    return found


@kernel
def agreement(
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    row: int,
    known_row: int,
    like: NDArray[np.int32],
    far: NDArray[np.int32],
) -> int:
    """How many of the 95 printable bytes leave two rows of an automaton alike, or nearly?

    Rows that are reached from `row` are paired with those that are reached from `known_row` by the same bytes: `like`
    (S,) gets that row, or the row itself. Texts of no more than `far` (S,) bytes do not tell the two apart, neither
    by a label nor by whether they go on; it is -1 if the empty one does. It may be less than it could be.
    """
    for other in range(step.shape[0]):
        like[other] = other
        far[other] = FOREVER
    like[row] = known_row
    pairs = np.empty(MOST_PAIRS, np.int32)
    pairs[0] = row
    count = 1
    at = 0
    while at < count:
        count = _pair_up(step, labels, like, far, pairs, count, at)
        at += 1
    _come_nearer(step, like, far, pairs[:count])
    found = 0
    for byte in range(0x20, 0x7F):
        after = step[row, classes[byte]]
        known = step[known_row, classes[byte]]
        if after == known or (like[after] == known and far[after] >= _NEAR):
            found += 1
    return found


@kernel_part
def _pair_up(
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    like: NDArray[np.int32],
    far: NDArray[np.int32],
    pairs: NDArray[np.int32],
    count: int,
    at: int,
) -> int:
    """Pair the rows behind the pair `at`: how many pairs there are then. It is told apart by what cannot be paired."""
    here = pairs[at]
    beside = like[here]
    if labels[here] != labels[beside]:
        far[here] = -1
        return count
    for column in range(step.shape[1]):
        after = step[here, column]
        known = step[beside, column]
        if after == known or (like[after] == known and after != 0):
            continue
        if after == 0 or known == 0 or like[after] != after or count == pairs.shape[0]:
            far[here] = 0
            break
        like[after] = known
        pairs[count] = after
        count += 1
    return count


@kernel_part
def _come_nearer(
    step: NDArray[np.int32], like: NDArray[np.int32], far: NDArray[np.int32], pairs: NDArray[np.int32]
) -> None:
    """What tells apart the rows behind a pair tells it apart, one byte later."""
    changed = True
    passes = 0
    while changed and passes < _PASSES:
        changed = False
        passes += 1
        for here in pairs[::-1]:
            for column in range(step.shape[1]):
                after = step[here, column]
                if far[after] + 1 < far[here] and after != step[like[here], column]:
                    far[here] = far[after] + 1
                    changed = True
    if changed:
        for here in pairs:
            far[here] = -1


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
    far: NDArray[np.int32],
    same: bool,
    high: NDArray[np.int16],
    known_exits: Nodes,
    known_labels: NDArray[np.int32],
    words: Words,
    path: NDArray[np.int32],
    known_path: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
) -> int:
    """`walk.below` from `row` at the root, when `words` has the tokens that pass from `known_row`, which ends at
    `known_exits` (E',) with `known_labels` (E',). `high` are the `heights`; `like` and `far` are those of `agreement`
    if both are of the `same` automaton, else that of `likeness`, and FOREVER."""
    found = 0
    node = 0
    at = 0  # exits that are known, before this node
    path[0] = row
    known_path[0] = known_row
    while node < byte.shape[0]:
        level = depth[node]
        after = step[path[level], classes[byte[node]]]
        known = known_step[known_path[level], known_classes[byte[node]]]
        if after == 0 or (same and after == known) or (like[after] == known and high[node] <= far[after]):
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
                _refuse(words, token, node, end)
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


@kernel
def counted(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    cost: NDArray[np.uint8],
    least: NDArray[np.int32],
    most: NDArray[np.int32],
    row: int,
    low: int,
    high: int,
    dearest: int,
    high_nodes: NDArray[np.int16],
    below: NDArray[np.uint32],
    ending: int,
    known_exits: Nodes,
    words: Words,
    path: NDArray[np.int32],
    counts: NDArray[np.int32],
    exits: Nodes,
) -> tuple[int, int]:
    """`walk.below_counted` from `row` at the root, when `words` has the tokens that pass without bounds.

    There it ends at `known_exits` (E',). No way to end costs more than `dearest` from any row, nor does a byte cost
    more than 1: so what is below a node is not too long if tokens go on for few bytes (`high_nodes` are the heights).
    It is not too short if the bytes there, of the groups `below` (N,), are none by which texts end: `ending`.
    Returns (exits, tokens that do not pass).
    """
    found = 0
    refused = 0
    node = 0
    at = 0  # exits that are known, before this node
    path[0] = row
    counts[0] = 0
    while node < byte.shape[0]:
        level = depth[node]
        column = classes[byte[node]]
        after = step[path[level], column]
        end = skip[node]
        if after == 0:
            node = end
            continue
        count = counts[level] + cost[path[level], column]
        passes = count + least[after] <= high and count + most[after] >= low
        short = count < low and (labels[after] >= 0 or int(below[node]) & ending != 0)
        if passes and (short or count + high_nodes[node] + dearest > high):
            if labels[after] >= 0 and end > node + 1 and low <= count <= high:
                exits[found] = node
                found += 1
            path[level + 1] = after
            counts[level + 1] = count
            node += 1
            continue
        while at < known_exits.shape[0] and known_exits[at] < end:
            if passes and known_exits[at] >= node:
                exits[found] = known_exits[at]
                found += 1
            at += 1
        if not passes:
            refused += _refuse(words, token, node, end)
        node = end
    return found, refused


@inlined_part
def _refuse(words: Words, token: NDArray[np.int32], node: int, end: int) -> int:
    """Take the tokens of the nodes from `node` to `end` out of `words`: how many they are."""
    count = 0
    for other in range(node, end):
        spelled = token[other]
        if spelled >= 0:
            words[spelled >> 5] &= ~(np.uint32(1) << np.uint32(spelled & 31))
            count += 1
    return count
