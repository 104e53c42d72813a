"""Three ways to draw the automaton of a format when a regular expression would be slow.

    walked    an edge function over small states, explored     counters: labels of a host name, IPv6 groups
    joined    left, one byte, right                            user@host, [address]rest
    at_most   texts of a bounded length                        intersected with an uncounted language

A bounded repeat of an ambiguous expression makes the regex compiler explore sets of positions (30 ms
for IPv6); a counter in a tuple, or a product with `at_most`, is one millisecond for the same table.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

import numpy as np

from constrained.automata import algebra
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa

State = TypeVar("State", bound=Hashable)
Edges = Callable[[State], Iterable[tuple[bytes, State]]]


def walked(start: State, edges: Edges[State], accepts: Callable[[State], bool]) -> Dfa:
    """The automaton whose rows are the states reached from `start`.

    `edges(state)` yields (bytes, target): reading any of the bytes leads to the target. Bytes that no
    edge names are refused.
    """
    number: dict[State, int] = {start: int(START)}
    todo, drawn = [start], list[tuple[int, bytes, int]]()
    for row, state in enumerate(todo, start=1):
        for read, target in edges(state):
            if target not in number:
                number[target] = len(number) + 1
                todo.append(target)
            drawn.append((row, read, number[target]))
    columns = {read: np.frombuffer(read, np.uint8) for _, read, _ in drawn}
    step = np.zeros((len(todo) + 1, 256), np.int32)
    for row, read, target in drawn:
        step[row, columns[read]] = target
    labels = [REFUSES, *(0 if accepts(state) else REFUSES for state in todo)]
    return algebra.from_table(step, np.array(labels, np.int32))


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
    return algebra.canonical(classes.astype(np.uint8), step, labels)


def at_most(limit: int, *, of: str = "bytes") -> Dfa:
    """Texts of at most `limit` bytes, or of at most `limit` code points of UTF-8 (`of="code points"`)."""
    step = np.zeros((limit + 2, 256), np.int32)
    step[1:-1, :] = np.arange(2, limit + 2)[:, None]
    if of == "code points":
        step[1:, 0x80:0xC0] = np.arange(1, limit + 2)[:, None]  # a continuation byte counts nothing
    labels = np.zeros(limit + 2, np.int32)
    labels[DEAD] = REFUSES
    return algebra.from_table(step, labels)
