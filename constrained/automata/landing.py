"""Where do the tokens of the vocabulary end in an automaton? The walk of walk.py, with that noted.

    row START of  "[a-z]*"     token `"`     lands in the body
                               token `"a"`   lands behind the text
                               token `"a",`  leaves the automaton: its node `"a"` is an exit

`landed` holds, for every row (and count), one of the tokens that end there; `good` says of which rows the
tokens are wanted: their bits are set in `words`. So one walk finds out where tokens lead, and once somebody
has thought about these few places, another sets the bits of perhaps a hundred thousand tokens.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel
from constrained.automata.walk import FULL, Nodes, Words

# Shapes: N trie nodes, W words, S rows, C byte classes, M start nodes, E exits, D more than the bytes of a token.


@kernel
def land(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    below: Nodes,
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    row: int,
    good: NDArray[np.bool_],
    landed: NDArray[np.int32],
    words: Words,
    path: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
) -> int:
    """Walk the subtrees below the nodes `below` (-1 is the root) from `row`.

    `good` and `landed` are (S,); `landed` must hold -1 where nothing has landed. Writes the exits that have
    something below them and returns how many there are, or FULL if there is no room for them.
    """
    found = 0
    for start in below:
        base = 0
        node = 0
        end = byte.shape[0]
        if start >= 0:
            base = depth[start] + 1
            node = start + 1
            end = skip[start]
        path[base] = row
        while node < end:
            level = depth[node]
            after = step[path[level], classes[byte[node]]]
            if after == 0:
                node = skip[node]
                continue
            path[level + 1] = after
            spelled = token[node]
            if spelled >= 0:
                landed[after] = spelled
                if good[after]:
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
def land_counted(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    below: Nodes,
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    cost: NDArray[np.uint8],
    least: NDArray[np.int32],
    most: NDArray[np.int32],
    low: int,
    high: int,
    row: int,
    count: int,
    good: NDArray[np.bool_],
    landed: NDArray[np.int32],
    words: Words,
    path: NDArray[np.int32],
    counts: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
    exit_costs: NDArray[np.int32],
) -> int:
    """`land` for an automaton with a counter (counted.py). `good` and `landed` are (D, S): what was counted, row.

    `exit_costs`: what was counted at each exit.
    """
    found = 0
    for start in below:
        base = 0
        node = 0
        end = byte.shape[0]
        if start >= 0:
            base = depth[start] + 1
            node = start + 1
            end = skip[start]
        path[base] = row
        counts[base] = count
        while node < end:
            level = depth[node]
            column = classes[byte[node]]
            before = path[level]
            after = step[before, column]
            counted = counts[level] + cost[before, column]
            if after == 0 or counted + least[after] > high or counted + most[after] < low:
                node = skip[node]
                continue
            path[level + 1] = after
            counts[level + 1] = counted
            spelled = token[node]
            if spelled >= 0:
                landed[counted - count, after] = spelled
                if good[counted - count, after]:
                    words[spelled >> 5] |= np.uint32(1) << np.uint32(spelled & 31)
            if labels[after] >= 0 and counted >= low and skip[node] > node + 1:
                if found == exits.shape[0]:
                    return FULL
                exits[found] = node
                exit_labels[found] = labels[after]
                exit_costs[found] = counted - count
                found += 1
            node += 1
    return found
