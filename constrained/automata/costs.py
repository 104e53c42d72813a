"""What completions cost: kernels over an automaton whose edges cost 0 or 1 (see counted.py).

    extremes     the cheapest and the dearest completion of every row; linear in the edges
    widest_gap   which costs in between no completion has; looks at one cost after the other

A completion can be as dear as one likes iff it passes through a cycle that costs something. Elsewhere all
cycles are free, so rows on one cycle have one dearest completion, and the cycles, taken as one row each,
have an order (R. Tarjan, *Depth-first search and linear graph algorithms*, 1972).
"""

import numpy as np
from numpy.typing import NDArray

from constrained.automata.jit import kernel, kernel_part

# Shapes: S rows (row 0 is dead), C columns, E edges.


@kernel
def extremes(
    step: NDArray[np.int32], labels: NDArray[np.int32], cost: NDArray[np.uint8], unbounded: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(S,), (S,): the cheapest and the dearest completion of every row; -1, -1 where there is none."""
    least = cheapest(step, labels, cost)
    return least, dearest(step, labels, cost, least, unbounded)


@kernel_part
def cheapest(step: NDArray[np.int32], labels: NDArray[np.int32], cost: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(S,): backwards from the accepting rows, those of one cost after the other; -1 where there is none."""
    rows = len(step)
    begins, sources = _edges_into(step, cost)
    least = np.full(rows, -1, np.int32)
    here, there = np.empty(len(sources) + rows, np.int32), np.empty(len(sources) + rows, np.int32)
    count, level = 0, 0
    for row in range(1, rows):
        if labels[row] >= 0:
            here[count] = row
            count += 1
    while count > 0:
        later = 0
        while count > 0:
            count -= 1
            row = here[count]
            if least[row] >= 0:
                continue
            least[row] = level
            for edge in range(begins[row], begins[row + 1]):
                source = sources[edge] >> 1
                if least[source] < 0 and sources[edge] & 1:
                    there[later] = source
                    later += 1
                elif least[source] < 0:
                    here[count] = source
                    count += 1
        here, there, count = there, here, later
        level += 1
    return least


@kernel_part
def _edges_into(step: NDArray[np.int32], cost: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The edges into row r are begins[r] to begins[r + 1] of (E,) sources: the row that each leaves, * 2 + its cost."""
    rows, columns = step.shape
    begins = np.zeros(rows + 1, np.int32)
    for row in range(1, rows):
        for column in range(columns):
            if step[row, column] != 0:
                begins[step[row, column] + 1] += 1
    for row in range(rows):
        begins[row + 1] += begins[row]
    sources = np.empty(begins[rows], np.int32)
    place = begins[:-1].copy()
    for row in range(1, rows):
        for column in range(columns):
            target = step[row, column]
            if target != 0:
                sources[place[target]] = row * 2 + cost[row, column]
                place[target] += 1
    return begins, sources


@kernel_part
def dearest(
    step: NDArray[np.int32],
    labels: NDArray[np.int32],
    cost: NDArray[np.uint8],
    least: NDArray[np.int32],
    unbounded: int,
) -> NDArray[np.int32]:
    """(S,): row after row, those that rows lead to first; rows that reach each other count as one."""
    rows, columns = step.shape
    cycle = cycles(step)
    found = np.full(rows, -1, np.int32)  # by cycle
    for row in _by_cycle(cycle):
        mine = cycle[row]
        best = found[mine]
        if labels[row] >= 0:
            best = max(best, 0)
        for column in range(columns):
            target = step[row, column]
            if target == 0 or least[target] < 0:
                continue
            if cycle[target] != mine:
                best = max(best, min(found[cycle[target]] + cost[row, column], unbounded))
            elif cost[row, column] == 1:
                best = unbounded
        found[mine] = best
    most = np.full(rows, -1, np.int32)
    for row in range(1, rows):
        if least[row] >= 0:
            most[row] = found[cycle[row]]
    return most


@kernel_part
def _by_cycle(cycle: NDArray[np.int32]) -> NDArray[np.int32]:
    """(S - 1,) all rows but the dead one, in order of their components, which it is given by (S,)."""
    rows = len(cycle)
    begins = np.zeros(rows + 1, np.int64)
    for row in range(1, rows):
        begins[cycle[row] + 1] += 1
    for number in range(rows):
        begins[number + 1] += begins[number]
    order = np.empty(rows - 1, np.int32)
    for row in range(1, rows):
        order[begins[cycle[row]]] = row
        begins[cycle[row]] += 1
    return order


@kernel_part
def cycles(step: NDArray[np.int32]) -> NDArray[np.int32]:
    """(S,) the number of the strongly connected component of every row; those that it leads to have lower ones.

    -1 for the dead row.
    """
    rows, columns = step.shape
    cycle = np.full(rows, -1, np.int32)
    met = np.zeros(rows, np.int32)  # when a row was come to, from 1 on
    low = np.zeros(rows, np.int32)  # the earliest row known to be in its component
    column_of = np.zeros(rows, np.int32)
    way, waiting = np.empty(rows, np.int32), np.empty(rows, np.int32)
    clock, number, waits = 0, 0, 0
    for root in range(1, rows):
        if met[root] != 0:
            continue
        depth = 1
        way[0] = root
        while depth > 0:
            row = way[depth - 1]
            if met[row] == 0:
                clock += 1
                met[row] = low[row] = clock
                waiting[waits] = row
                waits += 1
            if column_of[row] < columns:
                target = step[row, column_of[row]]
                if target != 0 and met[target] == 0:
                    way[depth] = target
                    depth += 1
                    continue  # and come back to this column
                if target != 0 and cycle[target] < 0:
                    low[row] = min(low[row], low[target])
                column_of[row] += 1
                continue
            depth -= 1
            if low[row] == met[row]:
                while True:
                    waits -= 1
                    member = waiting[waits]
                    cycle[member] = number
                    if member == row:
                        break
                number += 1
    return cycle


@kernel
def widest_gap(
    step: NDArray[np.int32], labels: NDArray[np.int32], cost: NDArray[np.uint8], limit: int, unbounded: int
) -> int:
    """The most costs in a row that some row lacks between two that it has; `unbounded` where that is not known.

    Which rows can end with a cost of exactly 0, 1, 2, ...? `can[n]` follows from `can[n - 1]` alone, so once
    two levels are equal all later ones are.
    """
    rows, columns = step.shape
    most = np.full(rows, -1, np.int32)
    gap = 0
    before = np.zeros(rows, np.bool_)
    for level in range(limit):
        can = np.zeros(rows, np.bool_)
        changed = True
        while changed:
            changed = False
            for row in range(rows - 1, 0, -1):
                if can[row]:
                    continue
                yes = level == 0 and labels[row] >= 0
                for column in range(columns):
                    if yes:
                        break
                    target = step[row, column]
                    yes = target != 0 and (before[target] if cost[row, column] == 1 else can[target])
                if yes:
                    can[row] = True
                    changed = True
        same = level > 0
        for row in range(1, rows):
            same = same and can[row] == before[row]
            if can[row]:
                if most[row] >= 0:
                    gap = max(gap, level - most[row] - 1)
                most[row] = level
        if same:
            return gap
        before = can
    return unbounded
