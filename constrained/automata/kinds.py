"""The hot loops of reaching.py: walks that tell tokens apart by the row that they end in.

A walk begins below some nodes of the trie, often many: the ends of all names. Few of them have a child
that what follows can read, so each node says in a few bits with which bytes its children begin.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel, kernel_part
from constrained.automata.walk import FULL, Nodes

# Shapes: N trie nodes, M start nodes, S rows, C byte classes.


@kernel
def first_bytes(byte: NDArray[np.uint8], skip: NDArray[np.int32]) -> NDArray[np.uint64]:
    """(3, N + 1): the bytes with which the children of a node begin, as bits (see `bits_of`); the root is last."""
    found = np.zeros((3, byte.shape[0] + 1), np.uint64)
    for node in range(-1, byte.shape[0]):
        child = node + 1
        end = skip[node] if node >= 0 else byte.shape[0]
        while child < end:
            first = np.int64(byte[child])
            found[min(first >> 6, 2), node] |= np.uint64(1) << np.uint64(first & 63)
            child = skip[child]
    return found


@kernel_part
def bits_of(step: NDArray[np.int32], classes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """(3,) the bytes that START can read: one bit for each below 128, one for two others."""
    found = np.zeros(3, np.uint64)
    for first in range(256):
        if step[1, classes[first]] != 0:
            found[min(first >> 6, 2)] |= np.uint64(1) << np.uint64(first & 63)
    return found


@kernel
def walk_by_kind(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    below: Nodes,
    first: NDArray[np.uint64],
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    kinds: NDArray[np.int32],
    behind: NDArray[np.uint64],
    path: NDArray[np.int32],
    tokens: NDArray[np.int32],
    token_kinds: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
) -> tuple[int, int]:
    """A walk from START below nodes, telling tokens by the kind (S,) of the row they end in; `first`: `first_bytes`.

    Negative kinds are left out. Exits with label k are those below which a byte of `behind[k]` (3,) comes.
    Returns (tokens, exits), or FULL where there is no room.
    """
    passed = 0
    found = 0
    reads = bits_of(step, classes)
    letters = reads[1] != 0 or reads[2] != 0
    for start in below:
        if not first[0, start] & reads[0] and not (
            letters and (first[1, start] & reads[1] | first[2, start] & reads[2])
        ):
            continue
        base = 0
        node = 0
        end = byte.shape[0]
        if start >= 0:
            base = depth[start] + 1
            node = start + 1
            end = skip[start]
        path[base] = 1
        while node < end:
            level = depth[node]
            after = step[path[level], classes[byte[node]]]
            if after == 0:
                node = skip[node]
                continue
            path[level + 1] = after
            if token[node] >= 0 and kinds[after] >= 0:
                if passed == tokens.shape[0]:
                    return FULL, FULL
                tokens[passed] = token[node]
                token_kinds[passed] = kinds[after]
                passed += 1
            label = labels[after]
            if label >= 0 and (
                first[0, node] & behind[label, 0]
                | first[1, node] & behind[label, 1]
                | first[2, node] & behind[label, 2]
            ):
                if found == exits.shape[0]:
                    return FULL, FULL
                exits[found] = node
                exit_labels[found] = label
                found += 1
            node += 1
    return passed, found


@kernel
def reaching(step: NDArray[np.int32], labels: NDArray[np.int32], words: int) -> NDArray[np.uint64]:
    """(S, words) bit k % 64 of word k // 64: label k can still be reached from a row."""
    rows, columns = step.shape
    found = np.zeros((rows, words), np.uint64)
    for row in range(rows):
        if labels[row] >= 0:
            found[row, labels[row] >> 6] |= np.uint64(1) << np.uint64(labels[row] & 63)
    changed = True
    while changed:
        changed = False
        for row in range(rows - 1, 0, -1):  # rows are numbered breadth first, so most edges lead to later ones
            for word in range(words):
                before = found[row, word]
                after = before
                for column in range(columns):
                    after |= found[step[row, column], word]
                if after != before:
                    found[row, word] = after
                    changed = True
    return found


@kernel
def group(
    values: NDArray[np.int32], labels: NDArray[np.int32], kinds: int, marks: NDArray[np.int64], epoch: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """`values` by label (0..kinds), each once per label: (grouped, where each label begins, how many it has).

    `marks` remembers for each value the last time it was met; `epoch` and the `kinds` numbers behind it are
    times that have not been.
    """
    begins = np.zeros(kinds + 1, np.int64)
    for at in range(values.shape[0]):
        begins[labels[at] + 1] += 1
    for label in range(kinds):
        begins[label + 1] += begins[label]
    sizes = np.zeros(kinds, np.int64)
    grouped = np.empty(values.shape[0], np.int32)
    for at in range(values.shape[0]):
        grouped[begins[labels[at]] + sizes[labels[at]]] = values[at]
        sizes[labels[at]] += 1
    for label in range(kinds):
        begin, kept = begins[label], 0
        for at in range(begin, begin + sizes[label]):
            value = grouped[at]
            if marks[value] != epoch + label:
                marks[value] = epoch + label
                grouped[begin + kept] = value
                kept += 1
        sizes[label] = kept
    return grouped, begins, sizes
