"""Where tokens lead in automata that count: a row and a count, of which there are many.

From one row of a meter, a walk finds for every token how much it counts and in which row it ends. That is kept
(`CountedLeaps`), and what of it is within the bounds after a count is a comparison.

Where the count has no upper bound, counting stops at the lower one: more makes no difference.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constrained.automata.counted import UNBOUNDED, Counted
from constrained.automata.dfa import Dfa

Nodes = NDArray[np.int32]  # (M,) trie nodes
Landings = tuple[tuple[int, int], ...]  # row (with its count), one of the tokens that end there
Exits = dict[int, Nodes]  # label -> nodes


@dataclass(frozen=True, eq=False, slots=True)
class CountedLeaps:
    """Where all tokens lead from a row of a meter, whatever the bounds are.

    counts, rows, tokens (L,)   what is counted, where it ends, one of the tokens
    exits, labels, costs (E,)
    """

    counts: NDArray[np.int64]
    rows: NDArray[np.int64]
    tokens: NDArray[np.int32]
    exits: Nodes
    labels: NDArray[np.int32]
    costs: NDArray[np.int32]

    @property
    def widest(self) -> int:
        """The most that a token counts."""
        return int(max(self.counts.max(initial=0), self.costs.max(initial=0), 1))

    def within(self, counted: Counted, before: int) -> tuple[Landings, Exits]:
        """What of that is within the bounds, `before` being counted already."""
        meter, counts = counted.meter, before + self.counts
        alive = (counts + meter.least[self.rows] <= counted.high) & (counts + meter.most[self.rows] >= counted.low)
        counts = np.minimum(counts, counted.low) if counted.high >= UNBOUNDED else counts
        packed = (self.rows + meter.dfa.rows * counts)[alive].tolist()
        costs = before + self.costs
        ends = (costs >= counted.low) & (costs <= counted.high)
        labels, exits = self.labels[ends], self.exits[ends]
        left: Exits = {int(label): exits[labels == label] for label in np.unique(labels)}
        return tuple(dict(zip(packed, self.tokens[alive].tolist(), strict=True)).items()), left


def place_in(automaton: Dfa | Counted, start: int, row: int) -> tuple[int, ...] | tuple[slice, int]:
    """Where `row` stands in `good` and `landed` of a walk from `start`."""
    if not isinstance(automaton, Counted):
        return (row,)
    plain, count = automaton.split(row)
    _, before = automaton.split(start)
    return (slice(count - before, None), plain) if _stops(automaton, count) else (count - before, plain)


def _stops(automaton: Counted, count: int) -> bool:
    """Is `count` one at which counting stops, because more makes no difference?"""
    return automaton.high >= UNBOUNDED and count == automaton.low


def landings_in(automaton: Dfa | Counted, start: int, landed: NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """The rows in which tokens end, with their counts, each with one of the tokens; `landed` as a walk left it."""
    if not isinstance(automaton, Counted):
        yield from ((int(row), int(landed[row])) for row in np.flatnonzero(landed >= 0))
        return
    _, before = automaton.split(start)
    rows = automaton.meter.dfa.rows
    found: dict[int, int] = {}
    for more, row in zip(*np.nonzero(landed >= 0), strict=True):
        count = before + int(more)
        count = min(count, automaton.low) if automaton.high >= UNBOUNDED else count
        found[int(row) + rows * count] = int(landed[more, row])
    yield from found.items()
