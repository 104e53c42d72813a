"""Minimising: which rows of a table are of one language, and the table in which each language has one row.

    a|b     START -a-> 2, START -b-> 3, both accept      {START} {2, 3}      START -a,b-> 2

It is Hopcroft's partition refinement (J. Hopcroft, *An n log n algorithm for minimizing states in a finite automaton*,
1971), in the array formulation of Valmari and Lehtinen: rows lie in one permutation array, a block is a run of it, and
splitting a block is swapping rows to its front. Two cheaper ways are tried before: most automata of schemas are trees
of texts, or are told apart by how far their rows are from acceptance and by one or two steps.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import inlined_part, kernel, kernel_part
from constrained.automata.tables import Labels, Table, distances, predecessors

_LARGEST = 2**31 - 1
_SPREADING = np.uint64(0x9E3779B97F4A7C15)  # a factor for hashes


def partition(step: Table, labels: Labels, far: NDArray[np.int32] | None = None) -> NDArray[np.int32]:
    """(S,) block of each row: two rows share one iff they accept the same labelled language.

    Rows of the same language are as far from acceptance, which tells most others apart, so the `distances` come first.
    Where every row leads to later ones alone, as in a tree of texts, one look at each is enough, the last one first.
    """
    block = np.empty(len(step), np.int32)
    if _merged(step, labels, block):
        return block
    far = distances(step, labels) if far is None else far
    keys = (labels + 1) * (far.max() + np.int64(2)) + far
    block = (np.unique(keys, return_inverse=True)[1] if keys.max() > _LARGEST else keys).astype(np.int32)
    block, settled = _told_apart(step, block)
    return block if settled else _partition(step, block, np.argsort(block, kind="stable").astype(np.int32))


@kernel
def _merged(step: Table, labels: Labels, block: NDArray[np.int32]) -> bool:
    """Fill `block` (S,) as `partition` does, if no row leads to itself or an earlier one: does none?"""
    rows, columns = step.shape
    first = np.empty(rows, np.int64)
    slots = 4
    while slots < 2 * rows:
        slots *= 2
    where = np.zeros(slots, np.int32)  # open addressing: a block, 0 = free
    block[0] = 0
    count = 1
    for row in range(rows - 1, 0, -1):
        mixed = np.uint64(labels[row] + 1)
        dead = labels[row] < 0
        for column in range(columns):
            after = step[row, column]
            if after != 0 and after <= row:
                return False
            dead = dead and block[after] == 0
            mixed = (mixed ^ np.uint64(block[after])) * _SPREADING
            mixed ^= mixed >> np.uint64(32)
        if dead:
            block[row] = 0
            continue
        slot = np.int64(mixed & np.uint64(slots - 1))
        while where[slot] != 0 and not _same(step, labels, block, row, int(first[where[slot]])):
            slot = (slot + 1) & (slots - 1)
        if where[slot] == 0:
            where[slot] = count
            first[count] = row
            count += 1
        block[row] = where[slot]
    return True


@kernel_part
def _same(step: Table, labels: Labels, block: NDArray[np.int32], row: int, other: int) -> bool:
    """Have two rows the same label, and do they lead to the same blocks?"""
    same = labels[row] == labels[other]
    for column in range(step.shape[1]):
        same = same and block[step[row, column]] == block[step[other, column]]
    return same


def _told_apart(step: Table, block: NDArray[np.int32]) -> tuple[NDArray[np.int32], bool]:
    """Split blocks by the blocks that rows lead to, again and again, while it looks like an end: (S,), was it reached?

    Where remainders are told apart two or three rounds do; along a text of n bytes it would take n of them.
    """
    rows = len(step)
    first, slots = np.empty(rows, np.int32), 2 << rows.bit_length()
    fresh, before, count = 0, 0, 1
    while count >= 2 * before or count - before < fresh // 8:
        found = np.empty(rows, np.int32)
        fresh, before, count = count - before, count, _split(step, block, found, first, np.zeros(slots, np.int32))
        block = found
        if count == before:
            return block, True
    return block, False


@kernel
def _split(
    step: Table,
    block: NDArray[np.int32],
    found: NDArray[np.int32],
    first: NDArray[np.int32],
    where: NDArray[np.int32],
) -> int:
    """Rows of one block that lead to the same blocks are in one of `found`; how many these are.

    `first` (S,) is a row of each, `where` a table of zeros, two times as long at least.
    """
    rows, columns = step.shape
    count = 0
    for row in range(rows):
        key = np.uint64(block[row])
        for column in range(columns):
            key = (key ^ np.uint64(block[step[row, column]])) * _SPREADING
            key ^= key >> np.uint64(32)
        slot = np.int64(key & np.uint64(where.shape[0] - 1))
        while where[slot] != 0:  # open addressing: a block of `found` + 1, 0 = free
            other = first[where[slot] - 1]
            same = block[row] == block[other]
            for column in range(columns):
                if not same:
                    break
                same = block[step[row, column]] == block[step[other, column]]
            if same:
                break
            slot = (slot + 1) & (where.shape[0] - 1)
        if where[slot] == 0:
            first[count] = row
            count += 1
            where[slot] = count
        found[row] = where[slot] - 1
    return count


@kernel
def _partition(step: Table, labels: Labels, order: NDArray[np.int32]) -> NDArray[np.int32]:
    """`partition`, given the rows in `order` of their labels (S,), which it shuffles."""
    rows, columns = step.shape
    first, source = predecessors(step, rows)
    place = np.empty(rows, np.int32)  # of each row in `order`
    block = np.empty(rows, np.int32)
    start = np.empty(rows + 1, np.int32)  # of each block in `order`, and its end
    end = np.empty(rows + 1, np.int32)
    blocks = _runs(labels, order, place, block, start, end)
    marked = np.zeros(rows + 1, np.int32)  # how many rows of each block, which lie in front
    # blocks to split by, all columns of a block at once; what the others say one of them may leave out
    work = np.empty(rows + 1, np.int32)
    waiting = np.zeros(rows + 1, np.bool_)  # in `work`
    top = _all_but_largest(blocks, start, end, work, waiting)
    touched = np.empty(rows + 1, np.int32)
    splitter = np.empty(rows, np.int32)
    while top > 0:
        top -= 1
        by = work[top]
        waiting[by] = False
        size = end[by] - start[by]
        for i in range(size):
            splitter[i] = order[start[by] + i]
        for column in range(columns):
            touches = 0
            for i in range(size):
                key = column * rows + splitter[i]
                for j in range(first[key], first[key + 1]):
                    row = source[j]
                    b = block[row]
                    if marked[b] == 0:
                        touched[touches] = b
                        touches += 1
                    _put(order, place, row, int(start[b] + marked[b]))
                    marked[b] += 1
            for i in range(touches):
                b = touched[i]
                cut = int(start[b] + marked[b])
                marked[b] = 0
                if cut == end[b]:
                    continue
                _halve(start, end, block, order, b, cut, blocks)
                if not waiting[blocks]:
                    waiting[blocks] = True
                    work[top] = blocks
                    top += 1
                blocks += 1
    return block


@kernel_part
def _runs(
    labels: Labels,
    order: NDArray[np.int32],
    place: NDArray[np.int32],
    block: NDArray[np.int32],
    start: NDArray[np.int32],
    end: NDArray[np.int32],
) -> int:
    """Fill what says where rows and blocks lie: rows of one label are a block. How many there are."""
    blocks = 0
    for i in range(order.shape[0]):
        if i == 0 or labels[order[i]] != labels[order[i - 1]]:
            start[blocks] = i
            blocks += 1
        end[blocks - 1] = i + 1
        place[order[i]] = i
        block[order[i]] = blocks - 1
    return blocks


@kernel_part
def _all_but_largest(
    blocks: int,
    start: NDArray[np.int32],
    end: NDArray[np.int32],
    work: NDArray[np.int32],
    waiting: NDArray[np.bool_],
) -> int:
    """Let all blocks wait in `work` but one of the most rows: how many they are."""
    largest = 0
    for b in range(blocks):
        if end[b] - start[b] > end[largest] - start[largest]:
            largest = b
    top = 0
    for b in range(blocks):
        if b != largest:
            work[top] = b
            waiting[b] = True
            top += 1
    return top


@inlined_part
def _put(order: NDArray[np.int32], place: NDArray[np.int32], row: int, to: int) -> None:
    """Let a row and the one at `to` change places."""
    other = order[to]
    order[place[row]] = other
    place[other] = place[row]
    order[to] = row
    place[row] = to


@inlined_part
def _halve(
    start: NDArray[np.int32],
    end: NDArray[np.int32],
    block: NDArray[np.int32],
    order: NDArray[np.int32],
    b: int,
    cut: int,
    fresh: int,
) -> None:
    """The rows of a block before `cut` or those behind it, whichever are fewer, become the block `fresh`."""
    if cut - start[b] <= end[b] - cut:
        start[fresh], end[fresh], start[b] = start[b], cut, cut
    else:
        start[fresh], end[fresh], end[b] = cut, end[b], cut
    for k in range(start[fresh], end[fresh]):
        block[order[k]] = fresh


@kernel
def renumber(step: Table, labels: Labels, block: NDArray[np.int32]) -> tuple[Table, Labels]:
    """Quotient by `block`, rows numbered breadth first from START; the rest is dropped."""
    rows, columns = step.shape
    number = np.full(rows, -1, np.int32)  # block -> new row
    chosen = np.empty(rows + 2, np.int32)  # new row -> one of its old rows
    number[block[0]] = 0
    chosen[0] = 0
    chosen[1] = 1
    if block[1] == block[0]:  # the empty language still has a START row
        head = 1
        tail = 2
    else:
        number[block[1]] = 1
        head = 1
        tail = 2
    while head < tail:
        row = chosen[head]
        head += 1
        for column in range(columns):
            b = block[step[row, column]]
            if number[b] < 0:
                number[b] = tail
                chosen[tail] = step[row, column]
                tail += 1
    table = np.zeros((tail, columns), np.int32)
    names = np.empty(tail, np.int32)
    for new in range(tail):
        names[new] = labels[chosen[new]]
        for column in range(columns):
            table[new, column] = number[block[step[chosen[new], column]]]
    return table, names
