"""The hot loops beyond one terminal: automata joined by what follows what.

    edge    a terminal and what follows it:    its automaton; for each label the rest that follows
    rest    what must follow:                  the edges in front of it
    place   where we may be:                   an edge and a row of its automaton

    "Paris|             place (string, row in the middle, rest 7)
           "            the string ends:      rest 7 = [members]     fronts: `,` with rest 8, `}` with rest 3
            ,           in the edge of `,`    ...

`read` moves places over a text. `follow` walks the trie below nodes at which rests begin; it is how a
mask gets the tokens that leave a terminal half way. Tables are filled as far as somebody came
(net.py): where one is missing, both stop, say which, and are called again.

Their definition (tests/properties/test_net_walk.py) is `States.step`, byte by byte.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk
from constrained.automata.counted import UNBOUNDED
from constrained.automata.jit import cells, kernel_part, octet_table, octets, short_kernel, table

Table = NDArray[np.int32]
Edges = NDArray[np.int64]  # (E, EDGE)
Places = NDArray[np.int64]  # (K, 2) edge, row

# Columns of an edge. Of its automaton: addresses and sizes of tables; those of a counter or a choice, if it is one.
CLASSES, STEP, LABELS, ROWS, COLUMNS, KIND = range(6)
COST, LEAST, MOST, LOW, HIGH = range(6, 11)
FIRST, LAST, BEFORE, TEXTS = range(6, 10)
LEAVE, STRIDE = 11, 12  # label k is followed by rest `leave[LEAVE + STRIDE * k]`
SYMBOL = 13  # which terminal it is
EDGE = 14

PLAIN, COUNTED, CHOSEN = range(3)  # kinds

# Columns of a rest.
FRONTS, COUNT, FLAGS = range(3)  # fronts[FRONTS : FRONTS + COUNT]; FRONTS is -1 as long as that is not known
REST = 3

# Flags of a rest.
ACCEPTING = 1  # the text may end here
BEGINS = 2  # a text begins here on which something depends
SPECIAL = 4  # more is to be done here than can be done here

# What became of a call.
DONE, REFUSED, MISSING, STOPPED = range(4)
FULL, CROWDED = 4, 5  # no room in `met`, or elsewhere
UNKNOWN = -1  # in `leave`: the rest has not been asked for


# ------------------------------------------------------------------ inside of masks


@kernel_part
def _below(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    node: int,
    edges: Edges,
    edge: int,
    words: walk.Words,
    path: Table,
    counts: Table,
    exits: walk.Nodes,
    labels: Table,
) -> int:
    """Walk below one node from the start of an edge's automaton; returns the number of exits, or walk.FULL."""
    rows = edges[edge, ROWS]
    columns = edges[edge, COLUMNS]
    classes = octets(edges[edge, CLASSES], 256)
    step = table(edges[edge, STEP], rows, columns)
    accepting = cells(edges[edge, LABELS], rows)
    if edges[edge, KIND] == COUNTED:
        cost = octet_table(edges[edge, COST], rows, columns)
        least = cells(edges[edge, LEAST], rows)
        most = cells(edges[edge, MOST], rows)
        return walk.below_counted(
            byte, depth, skip, token, node, classes, step, accepting, cost, least, most,
            edges[edge, LOW], edges[edge, HIGH], 1, 0, words, path, counts, exits, labels, 0,
        )  # fmt: skip
    if edges[edge, KIND] == CHOSEN:
        first = cells(edges[edge, FIRST], rows)
        last = cells(edges[edge, LAST], rows)
        before = cells(edges[edge, BEFORE], edges[edge, TEXTS] + 1)
        return walk.below_chosen(
            byte, depth, skip, token, node, classes, step, accepting, first, last, before,
            1, words, path, exits, labels, 0,
        )  # fmt: skip
    return walk.below(
        byte, depth, skip, token, node, classes, step, accepting, 1, words, path, exits, labels, 0
    )  # fmt: skip


@kernel_part
def _is_new(met: NDArray[np.int64], key: int) -> bool:
    """Enter `key` (not 0) into a hash table with room; False if it is there already."""
    last = met.shape[0] - 1
    slot = (key * 0x9E3779B1 >> 7) & last
    while met[slot] != 0:
        if met[slot] == key:
            return False
        slot = (slot + 1) & last
    met[slot] = key
    return True


@short_kernel
def enter(
    nodes: walk.Nodes, rest: int, stack: Table, top: int, met: NDArray[np.int64], entered: int, size: int
) -> tuple[int, int]:
    """Put pairs of `nodes` (M,) and a rest on the stack of `follow`, if they are new; `size` of the trie.

    Returns (top, entered); top is -FULL or -CROWDED where there is no room.
    """
    if top + nodes.shape[0] > stack.shape[1]:
        return -CROWDED, entered
    if 2 * (entered + nodes.shape[0]) > met.shape[0]:
        return -FULL, entered
    for at in range(nodes.shape[0]):
        if _is_new(met, np.int64(rest) * size + nodes[at] + 1):
            entered += 1
            stack[0, top] = nodes[at]
            stack[1, top] = rest
            top += 1
    return top, entered


@short_kernel
def follow(
    byte: NDArray[np.uint8],
    depth: NDArray[np.int16],
    skip: NDArray[np.int32],
    token: NDArray[np.int32],
    edges: Edges,
    rests: Table,
    fronts: Table,
    leave: Table,
    stack: Table,
    top: int,
    met: NDArray[np.int64],
    entered: int,
    special: Table,
    found: int,
    words: walk.Words,
    path: Table,
    counts: Table,
) -> tuple[int, int, int, int, int, int]:
    """Allow what rests let pass below nodes: `stack` (2, H) holds `top` pairs of node and rest.

    `met` (a power of two) remembers the pairs that were entered, `entered` of them, so that none is followed
    twice. Pairs with a SPECIAL rest are also written to `special` (2, H), perhaps more than once.
    Returns (what became of it, top, entered, special pairs, and for MISSING: rest, -1 or edge, label).
    """
    size = np.int64(byte.shape[0])
    while top > 0:
        node = stack[0, top - 1]
        rest = stack[1, top - 1]
        first = rests[rest, FRONTS]
        if first < 0:
            return MISSING, top, entered, found, rest, -1
        if rests[rest, FLAGS] & SPECIAL:
            if found == special.shape[1]:
                return CROWDED, top, entered, found, 0, 0
            special[0, found] = node
            special[1, found] = rest
            found += 1
        pushed = top  # what is new comes above the pair, which is taken out from below it at last
        for at in range(first, first + rests[rest, COUNT]):
            edge = fronts[at]
            exits = _below(
                byte, depth, skip, token, node, edges, edge, words, path, counts, stack[0, pushed:], stack[1, pushed:]
            )
            if exits == walk.FULL:
                return CROWDED, pushed, entered, found, 0, 0
            if 2 * (entered + exits) > met.shape[0]:
                return FULL, pushed, entered, found, 0, 0
            for at_exit in range(pushed, pushed + exits):
                label = stack[1, at_exit]
                target = leave[edges[edge, LEAVE] + edges[edge, STRIDE] * label]
                if target == UNKNOWN:
                    return MISSING, pushed, entered, found, edge, label
                below = stack[0, at_exit]
                if _is_new(met, np.int64(target) * size + below + 1):
                    entered += 1
                    stack[0, pushed] = below
                    stack[1, pushed] = target
                    pushed += 1
        for at in range(top, pushed):
            stack[0, at - 1] = stack[0, at]
            stack[1, at - 1] = stack[1, at]
        top = pushed - 1
    return DONE, 0, entered, found, 0, 0


# ------------------------------------------------------------------ reading


@kernel_part
def _after(edges: Edges, edge: int, row: int, byte: int) -> int:
    """The row after one byte, 0 if it is refused. A counter's row is packed, as in counted.py."""
    rows = edges[edge, ROWS]
    columns = edges[edge, COLUMNS]
    column = octets(edges[edge, CLASSES], 256)[byte]
    step = table(edges[edge, STEP], rows, columns)
    if edges[edge, KIND] == COUNTED:
        count = row // rows
        plain = row - rows * count
        after = int(step[plain, column])
        count += octet_table(edges[edge, COST], rows, columns)[plain, column]
        return _packed(edges, edge, after, count)
    after = int(step[row, column])
    if edges[edge, KIND] == CHOSEN and not _has_chosen(edges, edge, after):
        return 0
    return after


@kernel_part
def _packed(edges: Edges, edge: int, row: int, count: int) -> int:
    """Row and count in one, 0 if no completion brings the count into the bounds."""
    rows = edges[edge, ROWS]
    low = edges[edge, LOW]
    high = edges[edge, HIGH]
    if row == 0 or count + cells(edges[edge, LEAST], rows)[row] > high:
        return 0
    if count + cells(edges[edge, MOST], rows)[row] < low:
        return 0
    if high >= UNBOUNDED and count > low:
        count = low
    return row + rows * count


@kernel_part
def _has_chosen(edges: Edges, edge: int, row: int) -> bool:
    """Is one of the chosen texts below `row`?"""
    rows = edges[edge, ROWS]
    before = cells(edges[edge, BEFORE], edges[edge, TEXTS] + 1)
    first = int(cells(edges[edge, FIRST], rows)[row])
    last = int(cells(edges[edge, LAST], rows)[row])
    return int(before[last]) > int(before[first])


@kernel_part
def _label(edges: Edges, edge: int, row: int) -> int:
    """The label of a row, -1 if it does not accept."""
    rows = edges[edge, ROWS]
    accepting = cells(edges[edge, LABELS], rows)
    if edges[edge, KIND] == COUNTED:
        count = row // rows
        return int(accepting[row - rows * count]) if edges[edge, LOW] <= count <= edges[edge, HIGH] else -1
    label = int(accepting[row])
    if edges[edge, KIND] == CHOSEN and label >= 0:
        before = cells(edges[edge, BEFORE], edges[edge, TEXTS] + 1)
        return label if before[label + 1] > before[label] else -1
    return label


@kernel_part
def _goes_on(edges: Edges, edge: int, row: int) -> bool:
    """Can anything be read from `row`?"""
    rows = edges[edge, ROWS]
    columns = edges[edge, COLUMNS]
    step = table(edges[edge, STEP], rows, columns)
    if edges[edge, KIND] == COUNTED:
        count = row // rows
        plain = row - rows * count
        cost = octet_table(edges[edge, COST], rows, columns)
        for column in range(columns):
            if _packed(edges, edge, step[plain, column], count + cost[plain, column]) != 0:
                return True
        return False
    for column in range(columns):
        after = step[row, column]
        if after != 0 and (edges[edge, KIND] != CHOSEN or _has_chosen(edges, edge, after)):
            return True
    return False


@kernel_part
def _place(edges: Edges, places: Places, count: int, edge: int, row: int) -> int:
    """Add a place behind the first `count`, if it is new; the new count, or -1 if there is no room or if it
    differs from another one in what follows alone, so that the two must be merged."""
    for at in range(count):
        if places[at, 1] == row and edges[places[at, 0], SYMBOL] == edges[edge, SYMBOL]:
            return count if places[at, 0] == edge else -1
    if count == places.shape[0]:
        return -1
    places[count, 0] = edge
    places[count, 1] = row
    return count + 1


@kernel_part
def _sort(places: Places, count: int) -> None:
    for at in range(1, count):
        edge = places[at, 0]
        row = places[at, 1]
        to = at
        while to > 0 and (places[to - 1, 0] > edge or (places[to - 1, 0] == edge and places[to - 1, 1] > row)):
            places[to, 0] = places[to - 1, 0]
            places[to, 1] = places[to - 1, 1]
            to -= 1
        places[to, 0] = edge
        places[to, 1] = row


@kernel_part
def _read_byte(
    edges: Edges,
    rests: Table,
    fronts: Table,
    leave: Table,
    byte: int,
    places: Places,
    count: int,
    ahead: Places,
    is_open: bool,
) -> tuple[int, int, int, int, int]:
    """The places `ahead` after one byte: (what became of it, how many, flags of what was entered, missing, label)."""
    more = 0
    flags = 0
    for at in range(count):
        edge = places[at, 0]
        row = _after(edges, edge, places[at, 1], byte)
        if row == 0:
            continue
        label = _label(edges, edge, row)
        if label < 0 or _goes_on(edges, edge, row):
            more = _place(edges, ahead, more, edge, row)
            if more < 0:
                return STOPPED, 0, 0, 0, 0
        if label >= 0:
            rest = int(leave[edges[edge, LEAVE] + edges[edge, STRIDE] * label])
            if rest == UNKNOWN:
                return MISSING, 0, 0, edge, label
            first = rests[rest, FRONTS]
            if first < 0:
                return MISSING, 0, 0, rest, -1
            if rests[rest, FLAGS] & SPECIAL or (rests[rest, FLAGS] & BEGINS and is_open):
                return STOPPED, 0, 0, 0, 0
            flags |= rests[rest, FLAGS]
            for front in range(first, first + rests[rest, COUNT]):
                more = _place(edges, ahead, more, fronts[front], 1)
                if more < 0:
                    return STOPPED, 0, 0, 0, 0
    return DONE, more, flags, 0, 0


@short_kernel
def read(
    edges: Edges,
    rests: Table,
    fronts: Table,
    leave: Table,
    text: NDArray[np.uint8],
    begin: int,
    end: int,
    start: Places,
    is_open: bool,
    places: NDArray[np.int64],
) -> tuple[int, int, int, int, bool, int, int, int]:
    """Read `text[begin:end]` from the places `start`; `is_open`: a text is open on which something depends.

    Returns (what became of it, how far it came, side, count, accepting, where a text began or -1, and for MISSING:
    rest, -1 or edge, label). The places at how far it came are `places[side, :count]`, sorted; `places` is
    (2, K, 2). STOPPED: the next byte needs more than this.
    """
    side = 0
    count = start.shape[0]
    accepting = False
    began = -1
    if count > places.shape[1]:
        return STOPPED, begin, 0, 0, False, -1, 0, 0
    for at in range(count):
        places[0, at, 0] = start[at, 0]
        places[0, at, 1] = start[at, 1]
    for position in range(begin, end):
        status, more, flags, missing, label = _read_byte(
            edges, rests, fronts, leave, text[position], places[side], count, places[1 - side], is_open or began >= 0
        )
        if status != DONE:
            _sort(places[side], count)
            return status, position, side, count, accepting, began, missing, label
        if more == 0 and not flags & ACCEPTING:
            return REFUSED, position, side, 0, False, began, 0, 0
        if flags & BEGINS:
            began = position + 1
        side = 1 - side
        count = more
        accepting = flags & ACCEPTING != 0
    _sort(places[side], count)
    return DONE, end, side, count, accepting, began, 0, 0
