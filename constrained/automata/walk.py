"""The hot loop: which tokens of the vocabulary does an automaton let pass?

The trie holds every token's bytes, depth first (see vocabulary/trie.py). A walk carries one row per
depth; a byte that leads to DEAD skips its whole subtree:

    rows by depth      START --'"'--> r1 --'n'--> r2 ...
    trie               '"'   depth 0, skip 7      allowed, go below
                         'n' depth 1, skip 5      allowed, go below
                         ' ' depth 1, skip 6      DEAD: continue at 6

A token is allowed when its last byte leads to a live row: tables are trim, so the text can be
completed. Where a row accepts, the automaton may also *end* in the middle of a token: the walk
reports that node as an *exit*, and the caller walks the rest of the token with what follows. (Only
nodes that have others below them: where the token is over, nothing remains to be walked.)

The definition, which the kernels are tested against:

    allowed(row) = {token : run(bytes(token), row) is not DEAD}
    exits(row)   = {node  : run(path(node), row) accepts, and there are nodes below}
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel, kernel_part

# Shapes: N trie nodes, W words of a mask, S rows, C byte classes, M start nodes, E exits.

Words = NDArray[np.uint32]  # (W,) bit t % 32 of word t // 32 is token t
Nodes = NDArray[np.int32]  # (M,) indices into the trie

FULL = -1  # more exits than there is room for


@kernel_part
def below(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    start: int,
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    row: int,
    words: Words,
    path: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
    found: int,
) -> int:
    """Walk the subtree below the node `start` (-1 is the root) from `row`.

    Sets the bits of allowed tokens in `words`, writes exits behind the first `found` of `exits` and
    `exit_labels`, and returns how many there are then, or FULL if there is no room for them. `path` is
    scratch, longer than the longest token.
    """
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
            words[spelled >> 5] |= np.uint32(1) << np.uint32(spelled & 31)
        if labels[after] >= 0 and skip[node] > node + 1:
            if found == exits.shape[0]:
                return FULL
            exits[found] = node
            exit_labels[found] = labels[after]
            found += 1
        node += 1
    return found


@kernel_part
def below_counted(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    start: int,
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
    words: Words,
    path: NDArray[np.int32],
    counts: NDArray[np.int32],
    exits: Nodes,
    exit_labels: NDArray[np.int32],
    found: int,
) -> int:
    """`below` for an automaton with a counter (counted.py): `cost` (S, C) is what an edge counts,
    `least` and `most` (S,) what any completion of a row still counts, `low..high` the bounds."""
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
            words[spelled >> 5] |= np.uint32(1) << np.uint32(spelled & 31)
        if labels[after] >= 0 and counted >= low and skip[node] > node + 1:
            if found == exits.shape[0]:
                return FULL
            exits[found] = node
            exit_labels[found] = labels[after]
            found += 1
        node += 1
    return found


@kernel_part
def below_chosen(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    start: int,
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
    found: int,
) -> int:
    """`below` for some of many texts (chosen.py): below a row are the texts `first..last`, and `before` counts
    those that are chosen."""
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
        if after == 0 or before[last[after]] == before[first[after]]:
            node = skip[node]
            continue
        path[level + 1] = after
        spelled = token[node]
        if spelled >= 0:
            words[spelled >> 5] |= np.uint32(1) << np.uint32(spelled & 31)
        label = labels[after]
        if label >= 0 and before[label + 1] > before[label] and skip[node] > node + 1:
            if found == exits.shape[0]:
                return FULL
            exits[found] = node
            exit_labels[found] = label
            found += 1
        node += 1
    return found


@kernel
def set_bits(words: Words, tokens: NDArray[np.int32]) -> None:
    """Allow `tokens`."""
    for token in tokens:
        words[token >> 5] |= np.uint32(1) << np.uint32(token & 31)


@kernel
def copy_bits(words: Words, pairs: NDArray[np.int32]) -> None:
    """Allow or forbid `pairs[:, 1]` as their partners in `pairs[:, 0]` are."""
    for at in range(pairs.shape[0]):
        one = pairs[at, 0]
        other = pairs[at, 1]
        bit = np.uint32(1) << np.uint32(other & 31)
        if words[one >> 5] >> np.uint32(one & 31) & np.uint32(1):
            words[other >> 5] |= bit
        else:
            words[other >> 5] &= ~bit


@kernel
def clear_from(skip: NDArray[np.int32], token: NDArray[np.int32], nodes: Nodes, words: Words) -> None:
    """Clear the bits of the tokens at and below the nodes (none of them the root)."""
    for start in nodes:
        for node in range(start, skip[start]):
            spelled = token[node]
            if spelled >= 0:
                words[spelled >> 5] &= ~(np.uint32(1) << np.uint32(spelled & 31))


@kernel
def set_below(skip: NDArray[np.int32], token: NDArray[np.int32], below: Nodes, words: Words) -> None:
    """Set the bits of the tokens strictly below the nodes (none of them the root)."""
    for start in below:
        for node in range(start + 1, skip[start]):
            spelled = token[node]
            if spelled >= 0:
                words[spelled >> 5] |= np.uint32(1) << np.uint32(spelled & 31)


@kernel
def find_below(
    byte: NDArray[np.uint8],
    skip: NDArray[np.int32],
    below: Nodes,
    text: NDArray[np.uint8],
    first: NDArray[np.int32],
    found: Nodes,
) -> int:
    """The nodes below `below` at which one of some texts (as in `set_around`) is complete; how many.

    `found` has room for as many as there are texts, times nodes.
    """
    count = 0
    for start in below:
        for k in range(first.shape[0] - 1):
            node = start
            for i in range(first[k], first[k + 1]):
                child = node + 1
                end = skip[node] if node >= 0 else byte.shape[0]
                while child < end and byte[child] < text[i]:
                    child = skip[child]
                if child >= end or byte[child] != text[i]:
                    node = -2
                    break
                node = child
            if node >= 0:
                found[count] = node
                count += 1
    return count


@kernel
def set_around(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    below: Nodes,
    text: NDArray[np.uint8],
    first: NDArray[np.int32],
    words: Words,
) -> None:
    """Set the bits of the tokens that, below the nodes, begin or complete one of some texts.

    Text k is `text[first[k] : first[k + 1]]`. A token begins it when it ends on the way, and
    completes it when it goes on behind.
    """
    for start in below:
        for k in range(first.shape[0] - 1):
            node = start
            lost = False
            for i in range(first[k], first[k + 1]):
                child = node + 1
                end = skip[node] if node >= 0 else byte.shape[0]
                while child < end and byte[child] < text[i]:
                    child = skip[child]
                if child >= end or byte[child] != text[i]:
                    lost = True
                    break
                node = child
                spelled = token[node]
                if spelled >= 0:
                    words[spelled >> 5] |= np.uint32(1) << np.uint32(spelled & 31)
            if lost or node < 0:
                continue
            for complete in range(node, skip[node]):
                spelled = token[complete]
                if spelled >= 0:
                    words[spelled >> 5] |= np.uint32(1) << np.uint32(spelled & 31)


@kernel
def fewest_tokens(
    byte: NDArray[np.uint8], skip: NDArray[np.int32], token: NDArray[np.int32], text: NDArray[np.uint8]
) -> NDArray[np.int32]:
    """(3, L+1) for each place of `text`: the token to take so that the fewest spell the rest, how many these are, and
    the place behind that token. -1 if none do; at the end there is no token.

    The longest of equally good ones. From the end, by dynamic programming.
    """
    size = text.shape[0]
    found = np.full((3, size + 1), -1, np.int32)
    chosen, needed, behind = found[0], found[1], found[2]
    needed[size] = 0
    for place in range(size - 1, -1, -1):
        node = -1
        for end in range(place, size):
            child = node + 1
            last = skip[node] if node >= 0 else byte.shape[0]
            while child < last and byte[child] < text[end]:
                child = skip[child]
            if child >= last or byte[child] != text[end]:
                break
            node = child
            after = needed[end + 1]
            if token[node] >= 0 and after >= 0 and (needed[place] < 0 or after + 1 <= needed[place]):
                needed[place] = after + 1
                chosen[place] = token[node]
                behind[place] = end + 1
    return found
