"""The walks of walk.py below each of several nodes, and what is done with what they leave behind."""

import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk
from constrained.automata.jit import kernel
from constrained.automata.walk import Nodes, Words

# Shapes as in walk.py.


# Bytes that automata mostly treat alike.
_ALIKE = (
    b'"', b"\\", b" ", b"0123456789", b"abcdef", b"ghijklmnopqrstuvwxyz", b"ABCDEF", b"GHIJKLMNOPQRSTUVWXYZ",
    b"_", b"-", b".", b"/", b":", b",", b"@", b"+", b"'", b"()[]{}<>", b"!#$%&*;=?^`|~", b"\t\n\r",
)  # fmt: skip
GROUPS = np.zeros(256, np.uint8)  # byte -> its group, less than 32
for _group, _bytes in enumerate(_ALIKE, start=1):
    GROUPS[list(_bytes)] = _group
GROUPS[128:] = len(_ALIKE) + 1
ALL_GROUPS = (1 << len(_ALIKE) + 2) - 1


@kernel
def groups_below(byte: NDArray[np.uint8], skip: NDArray[np.int32], groups: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(N,) the groups of the bytes below each node, a bit each."""
    found = np.zeros(byte.shape[0], np.uint32)
    for node in range(byte.shape[0] - 1, -1, -1):
        child = node + 1
        while child < skip[node]:
            found[node] |= found[child] | np.uint32(1) << np.uint32(groups[byte[child]])
            child = skip[child]
    return found


@kernel
def loops(
    classes: NDArray[np.uint8], step: NDArray[np.int32], labels: NDArray[np.int32], row: int, groups: NDArray[np.uint8]
) -> int:
    """The groups of which all bytes lead from a row back to it, a bit each; none if the row accepts."""
    if labels[row] >= 0:
        return 0
    found = ALL_GROUPS
    for byte in range(256):
        if step[row, classes[byte]] != row:
            found &= ~(1 << int(groups[byte]))
    return found


@kernel
def set_within(
    byte: NDArray[np.uint8],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    groups: NDArray[np.uint8],
    within: int,
    words: Words,
) -> None:
    """Set the bits of the tokens that consist of bytes of some groups."""
    node = 0
    while node < byte.shape[0]:
        if within >> int(groups[byte[node]]) & 1 == 0:
            node = skip[node]
            continue
        spelled = token[node]
        if spelled >= 0:
            words[spelled >> 5] |= np.uint32(1) << np.uint32(spelled & 31)
        node += 1


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
    """`walk.below` from `row` at each of `starts` (M,): the number of exits, or FULL."""
    found = 0
    for start in starts:
        found = walk.below(
            byte, depth, skip, token, start, classes, step, labels, row, words, path, exits, exit_labels, found
        )
        if found == walk.FULL:
            break
    return found


@kernel
def wide(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    row: int,
    words: Words,
    path: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
    groups: NDArray[np.uint8],
    below: NDArray[np.uint32],
    within: int,
) -> int:
    """`walk.below` from `row` at the root, when the tokens `within` the row's `loops` are set already.

    `below` (N,) is that of `groups_below`: as long as all bytes were of those groups, the walk is still in `row`, and
    subtrees with no others are left out.
    """
    found = 0
    node = 0
    inside = 0  # nodes of the path, from the root, with no other bytes
    path[0] = row
    while node < byte.shape[0]:
        level = depth[node]
        inside = min(inside, level)
        after = step[path[level], classes[byte[node]]]
        if after == 0:
            node = skip[node]
            continue
        if inside == level and within >> int(groups[byte[node]]) & 1:
            inside = level + 1
            if int(below[node]) & ~within == 0:
                node = skip[node]
                continue
        path[level + 1] = after
        spelled = token[node]
        if spelled >= 0:
            words[spelled >> 5] |= np.uint32(1) << np.uint32(spelled & 31)
        if labels[after] >= 0 and skip[node] > node + 1:
            if found == exits.shape[0]:
                return walk.FULL
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
    starts: Nodes,
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    cost: NDArray[np.uint8],
    least: NDArray[np.int32],
    most: NDArray[np.int32],
    low: int,
    high: int,
    row: int,
    words: Words,
    path: NDArray[np.int32],
    counts: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
) -> int:
    """`below_counted` from `row` at each of `starts` (M,): the number of exits, or FULL."""
    found = 0
    for start in starts:
        found = walk.below_counted(
            byte, depth, skip, token, start, classes, step, labels, cost, least, most, low, high,
            row, 0, words, path, counts, exits, exit_labels, found,
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


# Times a power of two, the top five bits of this number differ for each of the 32: the table tells which it was.
_DE_BRUIJN = np.uint64(0x077CB531)
_BIT = np.argsort([(0x077CB531 << bit & 0xFFFFFFFF) >> 27 for bit in range(32)]).astype(np.uint8)


@kernel
def take_bits(words: Words, tokens: NDArray[np.int32]) -> int:
    """Move the bits of `words` to `tokens`: how many; FULL, and nothing is moved, if there are more than it holds."""
    count = 0
    for at in range(words.shape[0]):
        word = words[at]
        while word:
            if count == tokens.shape[0]:
                return walk.FULL
            lowest = word & (~word + np.uint32(1))
            tokens[count] = 32 * at + _BIT[(np.uint64(lowest) * _DE_BRUIJN & np.uint64(0xFFFFFFFF)) >> np.uint64(27)]
            count += 1
            word ^= lowest
    for token in tokens[:count]:
        words[token >> 5] = np.uint32(0)
    return count
