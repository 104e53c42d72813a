"""Kernels over transition tables: minimise, renumber, distances.

Every function takes a step table `(S, C) int32` with row 0 DEAD and row 1 START. These loops are
what numpy has no vocabulary for; `algebra.py` gives them names and meaning.

Minimisation is Hopcroft's partition refinement (J. Hopcroft, *An n log n algorithm for
minimizing states in a finite automaton*, 1971), in the array formulation of Valmari and Lehtinen:
rows lie in one permutation array, a block is a run of it, and splitting a block is swapping rows
to its front.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel, kernel_part

Table = NDArray[np.int32]  # (S, C)
Labels = NDArray[np.int32]  # (S,)

_LARGEST = 2**31 - 1
_SPREADING = np.uint64(0x9E3779B97F4A7C15)  # a factor for hashes


@kernel_part
def _sums(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """np.cumsum, which takes numba long to compile."""
    sums = counts.copy()
    for i in range(1, sums.shape[0]):
        sums[i] += sums[i - 1]
    return sums


@kernel
def reachable(step: Table) -> NDArray[np.bool_]:
    """(S,) which rows can be reached from START."""
    rows, columns = step.shape
    seen = np.zeros(rows, np.bool_)
    stack = np.empty(rows, np.int32)
    seen[1] = True
    stack[0] = 1
    top = 1
    while top > 0:
        top -= 1
        row = stack[top]
        for column in range(columns):
            target = step[row, column]
            if not seen[target]:
                seen[target] = True
                stack[top] = target
                top += 1
    return seen


@kernel
def distances(step: Table, labels: Labels) -> NDArray[np.int32]:
    """(S,) bytes in the shortest text from each row to acceptance; -1 where there is none."""
    rows, columns = step.shape
    count = np.zeros(rows + 1, np.int64)
    for row in range(rows):
        for column in range(columns):
            count[step[row, column] + 1] += 1
    first = _sums(count)
    fill = first.copy()
    source = np.empty(rows * columns, np.int32)
    for row in range(rows):
        for column in range(columns):
            target = step[row, column]
            source[fill[target]] = row
            fill[target] += 1
    far = np.full(rows, -1, np.int32)
    queue = np.empty(rows, np.int32)
    tail = 0
    for row in range(rows):
        if labels[row] >= 0:
            far[row] = 0
            queue[tail] = row
            tail += 1
    head = 0
    while head < tail:
        row = queue[head]
        head += 1
        for i in range(first[row], first[row + 1]):
            if far[source[i]] < 0:
                far[source[i]] = far[row] + 1
                queue[tail] = source[i]
                tail += 1
    return far


@kernel
def lands(step: Table, far: NDArray[np.int32], low: int, room: int) -> bool:
    """Is a text accepted that is `low` bytes long, or up to `room` longer? `far` are the `distances`."""
    rows, columns = step.shape
    reached = np.zeros((2, rows), np.bool_)
    reached[0, 1] = True
    here = 0
    for _ in range(low):
        there = 1 - here
        for row in range(rows):
            reached[there, row] = False
        for row in range(1, rows):
            if reached[here, row]:
                for column in range(columns):
                    reached[there, step[row, column]] = True
        same = True
        for row in range(1, rows):
            same = same and reached[here, row] == reached[there, row]
        here = there
        if same:
            break
    found = False
    for row in range(1, rows):
        found = found or (reached[here, row] and far[row] >= 0 and far[row] <= room)
    return found


@kernel
def distances_behind(step: Table, behind: NDArray[np.int32]) -> NDArray[np.int32]:
    """(S,) as `distances`, where ending at a row costs `behind[row]` bytes more (-1: it cannot end there)."""
    rows, columns = step.shape
    far = behind.copy()
    changed = True
    while changed:
        changed = False
        for row in range(rows - 1, 0, -1):
            for column in range(columns):
                ahead = far[step[row, column]]
                if ahead >= 0 and (far[row] < 0 or ahead + 1 < far[row]):
                    far[row] = ahead + 1
                    changed = True
    return far


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
    # predecessors by (column, target), as one flat list
    first = np.zeros(columns * rows + 1, np.int64)
    for row in range(rows):
        for column in range(columns):
            first[column * rows + step[row, column] + 1] += 1
    first = _sums(first)
    fill = first.copy()
    source = np.empty(rows * columns, np.int32)
    for row in range(rows):
        for column in range(columns):
            key = column * rows + step[row, column]
            source[fill[key]] = row
            fill[key] += 1

    # the permutation, blocks as runs of it, initially one block a label
    place = np.empty(rows, np.int32)
    block = np.empty(rows, np.int32)
    start = np.empty(rows + 1, np.int32)
    end = np.empty(rows + 1, np.int32)
    marked = np.zeros(rows + 1, np.int32)
    blocks = 0
    for i in range(rows):
        if i == 0 or labels[order[i]] != labels[order[i - 1]]:
            start[blocks] = i
            blocks += 1
        end[blocks - 1] = i + 1
        place[order[i]] = i
        block[order[i]] = blocks - 1

    # worklist of blocks to split by, all columns of a block at once; what the others say one of them may leave out
    waiting = np.zeros(rows + 1, np.bool_)
    work = np.empty(rows + 1, np.int32)
    top = 0
    largest = 0
    for b in range(blocks):
        if end[b] - start[b] > end[largest] - start[largest]:
            largest = b
    for b in range(blocks):
        if b != largest:
            work[top] = b
            waiting[b] = True
            top += 1
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
                    swap = start[b] + marked[b]
                    if place[row] >= swap:
                        if marked[b] == 0:
                            touched[touches] = b
                            touches += 1
                        other = order[swap]
                        order[place[row]] = other
                        place[other] = place[row]
                        order[swap] = row
                        place[row] = swap
                        marked[b] += 1
            for i in range(touches):
                b = touched[i]
                cut = start[b] + marked[b]
                marked[b] = 0
                if cut == end[b]:
                    continue
                # the smaller half becomes the new block, and must be looked at again
                fresh = blocks
                blocks += 1
                if cut - start[b] <= end[b] - cut:
                    start[fresh], end[fresh], start[b] = start[b], cut, cut
                else:
                    start[fresh], end[fresh], end[b] = cut, end[b], cut
                for k in range(start[fresh], end[fresh]):
                    block[order[k]] = fresh
                if not waiting[fresh]:
                    waiting[fresh] = True
                    work[top] = fresh
                    top += 1
    return block


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


@kernel_part
def _shared(text: NDArray[np.uint8], begins: NDArray[np.int64], at: int) -> int:
    """How many bytes text `at` begins with that the text before it begins with, too."""
    if at == 0:
        return 0
    most = min(begins[at] - begins[at - 1], begins[at + 1] - begins[at])
    for place in range(most):
        if text[begins[at - 1] + place] != text[begins[at] + place]:
            return place
    return most


@kernel
def rows_of_tree(text: NDArray[np.uint8], begins: NDArray[np.int64]) -> int:
    """The rows that `fill_tree` needs."""
    rows = 2
    for at in range(begins.shape[0] - 1):
        rows += begins[at + 1] - begins[at] - _shared(text, begins, at)
    return rows


@kernel
def fill_tree(
    text: NDArray[np.uint8], begins: NDArray[np.int64], classes: NDArray[np.uint8], step: Table
) -> NDArray[np.int32]:
    """Draw the tree of some texts, sorted and different, into `step`, which is empty; (K,) the row of each text.

    Text k is `text[begins[k] : begins[k + 1]]`.
    """
    longest = 0
    for at in range(begins.shape[0] - 1):
        longest = max(longest, begins[at + 1] - begins[at])
    path = np.ones(longest + 1, np.int32)  # the row at each depth of the text before
    last = np.empty(begins.shape[0] - 1, np.int32)
    rows = 2
    for at in range(begins.shape[0] - 1):
        size = begins[at + 1] - begins[at]
        for depth in range(_shared(text, begins, at), size):
            step[path[depth], classes[text[begins[at] + depth]]] = rows
            path[depth + 1] = rows
            rows += 1
        last[at] = path[size]
    return last


@kernel
def labels_of_texts(
    text: NDArray[np.uint8], begins: NDArray[np.int64], classes: NDArray[np.uint8], step: Table, labels: Labels
) -> NDArray[np.int32]:
    """(K,) the label of each text, as `fill_tree` has them: of the row to which it leads."""
    found = np.ones(begins.shape[0] - 1, np.int32)
    for at in range(begins.shape[0] - 1):
        for place in range(begins[at], begins[at + 1]):
            found[at] = step[found[at], classes[text[place]]]
        found[at] = labels[found[at]]
    return found
