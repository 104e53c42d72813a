"""Three ways to draw the automaton of a format when a regular expression would be slow.

    walked    an edge function over small states, explored     counters: labels of a host name, IPv6 groups
    joined    left, one byte, right                            user@host, [address]rest
    at_most   texts of a bounded length                        intersected with an uncounted language

A bounded repeat of an ambiguous expression makes the regex compiler explore sets of positions (30 ms
for IPv6); a counter in a tuple, or a product with `at_most`, is one millisecond for the same table.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from constrained.automata import algebra
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa

State = TypeVar("State", bound=Hashable)
Edges = Callable[[State], Iterable[tuple[bytes, State]]]


def walked(start: State, edges: Edges[State], accepts: Callable[[State], bool]) -> Dfa:
    """The automaton whose rows are the states reached from `start`.

    `edges(state)` yields (bytes, target): reading any of the bytes leads to the target. Bytes that no
    edge names are refused; a later edge replaces an earlier one on the bytes they share.
    """
    number: dict[State, int] = {start: int(START)}
    todo, drawn, reads = [start], list[list[tuple[int, int]]](), dict[bytes, int]()
    for state in todo:
        leaving = list[tuple[int, int]]()  # (index of the bytes read, row)
        for read, target in edges(state):
            row = number.setdefault(target, len(number) + 1)
            if row > len(todo):
                todo.append(target)
            leaving.append((reads.setdefault(read, len(reads)), row))
        drawn.append(leaving)
    classes, columns_of = _columns(list(reads))
    refusing = [int(DEAD)] * (max(classes) + 1)
    table = [refusing.copy() for _ in range(len(todo) + 1)]
    for cells, leaving in zip(table[START:], drawn, strict=True):
        for index, row in leaving:
            for column in columns_of[index]:
                cells[column] = row
    labels = [REFUSES, *(0 if accepts(state) else REFUSES for state in todo)]
    return algebra.canonical(np.array(classes, np.uint8), np.array(table, np.int32), np.array(labels, np.int32))


def _columns(reads: Sequence[bytes]) -> tuple[list[int], list[list[int]]]:
    """The coarsest classes that tell all byte sets apart: byte -> column, and each set as columns."""
    members = [0] * 256  # byte -> the sets it is in, as bits
    for index, read in enumerate(reads):
        for byte in read:
            members[byte] |= 1 << index
    column = {sets: place for place, sets in enumerate(dict.fromkeys(members))}
    columns: list[list[int]] = [[] for _ in reads]
    for sets, place in column.items():
        for index in range(len(reads)):
            if sets >> index & 1:
                columns[index].append(place)
    return [column[sets] for sets in members], columns


def joined(left: Dfa, byte: int, right: Dfa) -> Dfa:
    """A text of `left`, then `byte`, then a text of `right`.

    Deterministic and therefore cheap: no text of `left` may continue with `byte` where it may end
    (ValueError otherwise).
    """
    ends = left.labels != REFUSES
    if left.step[ends, left.classes[byte]].any():
        raise ValueError(f"the left side may go on with byte {byte}")
    keys = left.classes.astype(np.int32) * 256 + right.classes
    keys[byte] = -1  # `byte` is a column of its own, the first
    _, first, classes = np.unique(keys, return_index=True, return_inverse=True)
    right_step = right.step[:, right.classes[first]]  # (T, K)
    shifted = np.where(right_step == DEAD, np.int32(DEAD), right_step + np.int32(left.rows))
    step = np.concatenate([left.step[:, left.classes[first]], shifted]).astype(np.int32)
    step[: left.rows][ends, 0] = left.rows + START
    labels = np.concatenate([np.full(left.rows, REFUSES, np.int32), right.labels])
    return algebra.canonical(classes.astype(np.uint8), np.ascontiguousarray(step), labels)


def at_most(limit: int, *, of: str = "bytes") -> Dfa:
    """Texts of at most `limit` bytes, or of at most `limit` code points of UTF-8 (`of="code points"`)."""
    step = np.zeros((limit + 2, 256), np.int32)
    step[1:-1, :] = np.arange(2, limit + 2)[:, None]
    if of == "code points":
        step[1:, 0x80:0xC0] = np.arange(1, limit + 2)[:, None]  # a continuation byte counts nothing
    labels = np.zeros(limit + 2, np.int32)
    labels[DEAD] = REFUSES
    return algebra.from_table(step, labels)
