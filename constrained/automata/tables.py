"""Kernels over transition tables: which rows are reached, how far each is from acceptance, what texts lead to.

Every function takes a step table `(S, C) int32` with row 0 DEAD and row 1 START. These loops are
what numpy has no vocabulary for; `algebra.py` gives them names and meaning.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel, kernel_part

Table = NDArray[np.int32]  # (S, C)
Labels = NDArray[np.int32]  # (S,)


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


@kernel_part
def predecessors(step: Table, apart: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Rows by where they lead: those that lead to row t by column c lie between `first[k]` and `first[k + 1]`.

    k is `c * apart + t`: with S the columns are told apart, with 0 they are not. Returns (first, rows (S * C,)).
    """
    rows, columns = step.shape
    first = np.zeros((columns - 1) * apart + rows + 1, np.int64)
    for row in range(rows):
        for column in range(columns):
            first[column * apart + step[row, column] + 1] += 1
    for i in range(1, first.shape[0]):  # np.cumsum takes numba long to compile
        first[i] += first[i - 1]
    fill = first.copy()
    source = np.empty(rows * columns, np.int32)
    for row in range(rows):
        for column in range(columns):
            key = column * apart + step[row, column]
            source[fill[key]] = row
            fill[key] += 1
    return first, source


@kernel
def distances(step: Table, labels: Labels) -> NDArray[np.int32]:
    """(S,) bytes in the shortest text from each row to acceptance; -1 where there is none."""
    rows = step.shape[0]
    first, source = predecessors(step, 0)
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


@kernel
def labels_of_texts(
    text: NDArray[np.uint8], begins: NDArray[np.int64], classes: NDArray[np.uint8], step: Table, labels: Labels
) -> NDArray[np.int32]:
    """(K,) the label of each text: of the row to which it leads. Text k is `text[begins[k] : begins[k + 1]]`."""
    found = np.ones(begins.shape[0] - 1, np.int32)
    for at in range(begins.shape[0] - 1):
        for place in range(begins[at], begins[at + 1]):
            found[at] = step[found[at], classes[text[place]]]
        found[at] = labels[found[at]]
    return found
