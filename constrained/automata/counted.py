"""A counter beside the row: `maxLength: 5000` without 5,000 rows.

A *metered* automaton is an automaton whose edges cost 0 or 1. A *counted* one adds bounds on the
total cost of an accepted text. For a JSON string with a length, the edge that begins a character
costs 1:

    [a-z]* in quotes             row  least most   (what any completion still costs)
      START --'"'--> body         1     0    inf
      body --[a-z]/1--> body      2     0    inf
      body --'"'--> end           3     0     0

A state is a row and a count, alive iff some completion brings the count into the bounds. That test
must be exact (an offered token never leads nowhere) and cheap: it is two comparisons, with the
cheapest and the dearest completion of the row. They suffice when one of the bounds is open, and when
the bounds are wider apart than any hole between the possible costs (`Meter.decides`; `(aa)*` with
exactly 7 characters is not decided). Otherwise the caller multiplies out.

The meter does not know the bounds, so all lengths of the same text share it, and its masks
(mask.py): a token fits iff its cost plus `least` of the row it leads to fits.

Row and count are packed in one integer, `row + rows * count`, so that to everybody else a counted
state looks like a row. Without an upper bound the count stops at `low`, and states repeat.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from constrained.automata import minimising, tables, tidying
from constrained.automata.algebra import from_table
from constrained.automata.costs import extremes, widest_gap
from constrained.automata.dfa import DEAD, MANY, NONE, REFUSES, START, Dfa, flat
from constrained.automata.jit import kernel
from constrained.automata.lift import escape_columns, escaped, escaped_cells, escaped_steps, lifted_table
from constrained.automata.walk_each import ALL_GROUPS, GROUPS

UNBOUNDED = 1 << 29  # twice this is still an int32
_NEAR = 16  # costs beyond the cheapest among which a shortest completion is looked for first


@dataclass(frozen=True, eq=False)
class Meter:
    """An automaton that counts.

    cost  (S, C) uint8   what each edge costs, 0 or 1
    least (S,)   int32   the cheapest completion of each row
    most  (S,)   int32   the dearest one; UNBOUNDED where there is none
    """

    dfa: Dfa
    cost: NDArray[np.uint8]
    least: NDArray[np.int32]
    most: NDArray[np.int32]

    _lengths: "list[NDArray[np.int32]]" = field(default_factory=list, repr=False)

    def decides(self, low: int, high: int) -> bool:
        """Do two comparisons tell whether a completion costs low..high?

        No gap has more costs than the dearest of the cheapest completions: a way to a cost after the gap has, where the
        gap begins, a row with a cheapest completion, and to end there would cost something in the gap. That is
        known, and mostly few enough; `gap` itself takes long to find out.
        """
        spare = high - low
        return low == 0 or high >= UNBOUNDED or self._dearest[1] <= spare or self.gap <= spare

    @cached_property
    def gap(self) -> int:
        """The most costs in a row that some row lacks between its cheapest and its dearest; perhaps UNBOUNDED."""
        return widest_gap(self.dfa.step, self.dfa.labels, self.cost, 4 * self.dfa.rows + 16, UNBOUNDED)

    def reach(self, size: int) -> int:
        """The most that a text costs, from whatever row, that ends the cheapest way after any `size` bytes."""
        byte, end = self._dearest
        return size * byte + end

    @cached_property
    def _dearest(self) -> tuple[int, int]:
        """What a byte costs at most, and what the cheapest way to end does."""
        return int(self.cost.max(initial=0)), int(self.least[START:].max())

    @cached_property
    def ending(self) -> int:
        """The groups of the bytes by which texts end (`walk_each.GROUPS`), a bit each; all where others tell, too."""
        dfa = self.dfa
        if (self.most[START:][dfa.labels[START:] == REFUSES] < UNBOUNDED).any():
            return ALL_GROUPS
        ends = (dfa.labels[dfa.step] != REFUSES).any(axis=0)[dfa.classes]  # (256,)
        return sum(1 << group for group in set[int](GROUPS[ends].tolist()))

    @cached_property
    def cells(self) -> Sequence[int]:
        """`cost`, flat, for one look-up at a time."""
        return flat(self.cost)

    def edge(self, row: int, byte: int) -> int:
        """What reading `byte` from `row` costs."""
        return self.cells[row * self.dfa.columns + int(self.dfa.classes[byte])]

    def lengths(self, cost: int) -> NDArray[np.int32]:
        """(N, S), N > cost: bytes of the shortest completion of each row that costs exactly n; -1 if none."""
        if not self._lengths or len(self._lengths[0]) <= cost:
            table = _lengths_by_cost(self.dfa.step, self.dfa.labels, self.cost, cost + cost // 2 + 1)
            self._lengths[:] = [table]
        return self._lengths[0]


@dataclass(frozen=True, eq=False)
class Counted:
    """The texts of a meter that cost `low..high` (`high` may be UNBOUNDED)."""

    meter: Meter
    low: int
    high: int

    @property
    def is_empty(self) -> bool:
        """Does no text at all match?"""
        return self.low > self.high or self.meter.dfa.is_empty or not self._alive(START, 0)

    def split(self, packed: int) -> tuple[int, int]:
        """Packed state -> (row, count)."""
        count, row = divmod(packed, self.meter.dfa.rows)
        return row, count

    @property
    def labels_used(self) -> tuple[int, ...]:
        """The labels that texts may have, ascending."""
        return self.meter.dfa.labels_used

    @property
    def labels_end(self) -> int:
        """More than any label."""
        return self.meter.dfa.labels_end

    def _alive(self, row: int, count: int) -> bool:
        meter = self.meter
        return count + int(meter.least[row]) <= self.high and count + int(meter.most[row]) >= self.low

    def after(self, row: int, byte: int) -> int:
        """The packed state after `byte`; DEAD when refused or when the count cannot come out right."""
        dfa = self.meter.dfa
        row, count = self.split(row)
        target = dfa.after(row, byte)
        count += self.meter.edge(row, byte)
        if target == DEAD or not self._alive(target, count):
            return DEAD
        if self.high >= UNBOUNDED:
            count = min(count, self.low)
        return target + dfa.rows * count

    def label(self, row: int) -> int:
        """The label of a packed state; REFUSES when it does not accept."""
        row, count = self.split(row)
        return self.meter.dfa.label(row) if self.low <= count <= self.high else REFUSES

    @cached_property
    def begins(self) -> bool:
        """Can START read anything?"""
        return self.only_byte(START) != NONE

    def only_byte(self, row: int) -> int:
        """The one byte that the packed state can read, NONE or MANY."""
        plain = self.meter.dfa.only_byte(self.split(row)[0])
        if plain != MANY:
            return plain if plain == NONE or self.after(row, plain) != DEAD else NONE
        only = NONE
        for byte in self.meter.dfa.reads(self.split(row)[0]):
            if self.after(row, byte) != DEAD:
                if only != NONE:
                    return MANY
                only = byte
        return only

    def reads(self, row: int) -> bytes:
        """The bytes that the packed state can read, ascending."""
        meter, (row, count) = self.meter, self.split(row)
        classes = meter.dfa.classes
        after = meter.dfa.step[row][classes]  # (256,)
        counts = meter.cost[row][classes] + np.int64(count)
        fits = (counts + meter.least[after] <= self.high) & (counts + meter.most[after] >= self.low)
        return np.flatnonzero(fits & (after != DEAD)).astype(np.uint8).tobytes()

    @cached_property
    def bytes_out(self) -> frozenset[int]:
        """The bytes that shortest completions are made of."""
        dfa, lengths = self.meter.dfa, self.longest
        found: set[int] = set()
        for byte in np.unique(dfa.classes, return_index=True)[1].tolist():
            targets, cost = dfa.by_byte[:, byte], self.meter.cost[:, dfa.classes[byte]]  # (S,)
            for less in (0, 1):
                rows = np.flatnonzero((targets != DEAD) & (cost == less))
                after = lengths[: len(lengths) - less, targets[rows]]
                if ((after >= 0) & (lengths[less:, rows] == after + 1)).any():
                    found.add(byte)
        return frozenset(found)

    @property
    def longest(self) -> NDArray[np.int32]:
        """(N, S) `Meter.lengths` for all that may still be needed."""
        return self.meter.lengths(self.low + self.meter.dfa.rows)[: self.low + self.meter.dfa.rows + 1]

    def completion(self, row: int) -> bytes:
        """A shortest text that leads from the packed state to acceptance."""
        row, count = self.split(row)
        dfa = self.meter.dfa
        least = max(0, self.low - count)
        # A path that costs more than `least` and visits a row twice between can leave the detour out.
        most, top = min(self.high - count, least + dfa.rows), least + _NEAR
        while True:
            top = min(most, top)
            lengths = self.meter.lengths(top)
            possible = lengths[least : top + 1, row]
            cost: int = least + int(np.argmin(np.where(possible < 0, UNBOUNDED, possible)))
            size = int(lengths[cost, row])
            if top == most or 0 <= size <= top:  # what costs more has more bytes
                break
            top = size if size > 0 else least + 2 * (top - least)
        if size < 0:
            raise ValueError("a dead state has no completion")
        return _shortest(dfa.classes, dfa.step, self.meter.cost, lengths, row, cost).tobytes()


def string_meter(decoded: Dfa) -> Meter:
    """The JSON strings of `decoded`'s texts, counting characters (code points of the text)."""
    classes, step, labels = lifted_table(decoded)
    between = np.zeros(len(step), np.int32)  # 1: inside the string, between two characters
    mid_character = (decoded.step[:, np.unique(decoded.classes[0x80:0xC0])] != DEAD).any(axis=1)
    between[2 : 2 + decoded.rows] = ~mid_character
    merged, chosen = tidying.compress(step)
    classes, step = merged[classes], np.ascontiguousarray(step[:, chosen])
    marked = labels * 2 + between
    step, marked = minimising.renumber(step, marked, np.arange(len(step), dtype=np.int32))
    dfa = Dfa(classes, step, marked >> 1)
    cost = np.zeros(step.shape, np.uint8)
    cost[(marked & 1).astype(np.bool_)] = 1
    cost[:, classes[ord('"')]] = 0
    return meter(dfa, cost)


def escaped_counted(counted: Counted, quote: int) -> Counted | Dfa:
    """The texts of `counted` as they stand inside a string literal, counted as before."""
    dfa, cost = counted.meter.dfa, counted.meter.cost
    columns = escape_columns(dfa.classes, quote)
    step = escaped_steps(dfa, columns, quote)
    labels = np.full(len(step), REFUSES, np.int32)
    labels[: dfa.rows] = dfa.labels
    costs = escaped_cells(cost.astype(np.int32), dfa.classes, columns, quote)
    dead = tables.distances(step, labels) < 0
    step = np.where(dead[step], np.int32(DEAD), step)
    kept = tables.reachable(step)
    kept[[DEAD, START]] = True
    step = (np.cumsum(kept, dtype=np.int32) - 1)[step[kept]]
    costs = np.where(step == DEAD, 0, costs[kept])
    merged, chosen = tidying.compress(step * 2 + costs)
    table = np.ascontiguousarray(step[:, chosen])
    lifted = meter(
        Dfa(merged[columns.classes], table, labels[kept]), np.ascontiguousarray(costs[:, chosen]).astype(np.uint8)
    )
    if lifted.decides(counted.low, counted.high):
        return Counted(lifted, counted.low, counted.high)
    return escaped(multiplied(counted), quote)


def multiplied(counted: Counted) -> Dfa:
    """The same texts without a counter: one row per row and count."""
    number = {int(DEAD): 0, int(START): 1}
    todo, edges = list(number)[1:], list[tuple[int, int, int]]()
    for packed in todo:
        for byte in counted.reads(packed):
            target = counted.after(packed, byte)
            if target not in number:
                number[target] = len(number)
                todo.append(target)
            edges.append((number[packed], byte, number[target]))
    step = np.zeros((len(number), 256), np.int32)
    for row, byte, target in edges:
        step[row, byte] = target
    labels = [REFUSES, *(counted.label(packed) for packed in todo)]
    return from_table(step, np.array(labels, np.int32))


def meter(dfa: Dfa, cost: NDArray[np.uint8]) -> Meter:
    """Measure every row's completions."""
    return Meter(dfa, cost, *extremes(dfa.step, dfa.labels, cost, UNBOUNDED))


@kernel
def _lengths_by_cost(
    step: NDArray[np.int32], labels: NDArray[np.int32], cost: NDArray[np.uint8], levels: int
) -> NDArray[np.int32]:
    """(levels, S): see `Meter.lengths`. Level n follows from level n - 1 and, by free edges, from itself."""
    rows, columns = step.shape
    lengths = np.full((levels, rows), -1, np.int32)
    for level in range(levels):
        changed = True
        while changed:
            changed = False
            for row in range(rows - 1, 0, -1):
                best = lengths[level, row]
                if level == 0 and labels[row] >= 0:
                    best = 0
                for column in range(columns):
                    target = step[row, column]
                    left = level - cost[row, column]
                    if target == 0 or left < 0 or lengths[left, target] < 0:
                        continue
                    if best < 0 or lengths[left, target] + 1 < best:
                        best = lengths[left, target] + 1
                if best != lengths[level, row]:
                    lengths[level, row] = best
                    changed = True
    return lengths


@kernel
def _shortest(
    classes: NDArray[np.uint8],
    step: NDArray[np.int32],
    cost: NDArray[np.uint8],
    lengths: NDArray[np.int32],
    row: int,
    left: int,
) -> NDArray[np.uint8]:
    """The bytes of a shortest completion of `row` that costs exactly `left`: of several, always the lowest byte."""
    text = np.empty(lengths[left, row], np.uint8)
    for place in range(text.shape[0]):
        for byte in range(256):
            column = classes[byte]
            target, after = step[row, column], left - cost[row, column]
            if target != 0 and after >= 0 and lengths[after, target] == lengths[left, row] - 1:
                text[place] = byte
                row, left = target, after
                break
    return text
