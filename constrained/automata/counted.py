"""A counter beside the row: `maxLength: 5000` without 5,000 rows.

A *metered* automaton is an automaton whose edges cost 0 or 1. A *counted* one adds bounds on the
total cost of an accepted text. For a JSON string with a length, the edge that begins a character
costs 1:

    [a-z]* in quotes             row  least most   (what any completion still costs)
      START --'"'--> body         1     0    inf
      body --[a-z]/1--> body      2     0    inf
      body --'"'--> end           3     0     0

A state is a row and a count, alive iff some completion brings the count into the bounds. That test
must be exact (an offered token never leads nowhere) and cheap: it is two comparisons if the costs
of the completions of every row form an interval without holes, least..most. `meter` checks this
and returns None where it does not hold (`(aa)*` with a length); then the caller multiplies out.

The meter does not know the bounds, so all lengths of the same text share it, and its masks
(mask.py): a token fits iff its cost plus `least` of the row it leads to fits.

Row and count are packed in one integer, `row + rows * count`, so that to everybody else a counted
state looks like a row. Without an upper bound the count stops at `low`, and states repeat.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from constrained.automata import tables
from constrained.automata.dfa import DEAD, MANY, NONE, REFUSES, START, Dfa
from constrained.automata.jit import kernel
from constrained.automata.lift import lifted_table

UNBOUNDED = 1 << 29  # twice this is still an int32


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

    @cached_property
    def cells(self) -> memoryview:
        """`cost`, flat, for one look-up at a time."""
        return memoryview(self.cost.reshape(-1))


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

    def _alive(self, row: int, count: int) -> bool:
        meter = self.meter
        return count + int(meter.least[row]) <= self.high and count + int(meter.most[row]) >= self.low

    def after(self, row: int, byte: int) -> int:
        """The packed state after `byte`; DEAD when refused or when the count cannot come out right."""
        dfa = self.meter.dfa
        row, count = self.split(row)
        target = dfa.after(row, byte)
        count += self.meter.cells[row * dfa.step.shape[1] + int(dfa.classes[byte])]
        if target == DEAD or not self._alive(target, count):
            return DEAD
        if self.high >= UNBOUNDED:
            count = min(count, self.low)
        return target + dfa.rows * count

    def label(self, row: int) -> int:
        """The label of a packed state; REFUSES when it does not accept."""
        row, count = self.split(row)
        return self.meter.dfa.label(row) if self.low <= count <= self.high else REFUSES

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
        return bytes(byte for byte in self.meter.dfa.reads(self.split(row)[0]) if self.after(row, byte) != DEAD)

    def completion(self, row: int) -> bytes:
        """A shortest text (in cost, then in bytes) that leads from the packed state to acceptance."""
        text = bytearray()
        row, count = self.split(row)
        dfa, meter = self.meter.dfa, self.meter
        while not (dfa.label(row) != REFUSES and self.low <= count <= self.high):
            best: tuple[int, int, int, int, int] | None = None
            for byte in range(256):
                target = dfa.after(row, byte)
                spent = count + meter.cells[row * dfa.step.shape[1] + int(dfa.classes[byte])]
                if target == DEAD or not self._alive(target, spent):
                    continue
                short = max(0, self.low - spent - int(meter.least[target]))
                key = (int(meter.least[target]) + spent + short, int(dfa.distance[target]), byte, target, spent)
                best = min(best, key) if best is not None else key
            if best is None:
                raise ValueError("a dead state has no completion")
            text.append(best[2])
            row, count = best[3], best[4]
        return bytes(text)


def string_meter(decoded: Dfa) -> Meter | None:
    """The JSON strings of `decoded`'s texts, counting characters (code points of the text).

    None when the possible lengths from some row have holes.
    """
    step, labels = lifted_table(decoded)
    between = np.zeros(len(step), np.int32)  # 1: inside the string, between two characters
    mid_character = (decoded.by_byte[:, 0x80:0xC0] != DEAD).any(axis=1)
    between[2 : 2 + decoded.rows] = ~mid_character
    classes, chosen = tables.compress(step)
    step = np.ascontiguousarray(step[:, chosen])
    dead = tables.distances(step, labels) < 0
    step = np.where(dead[step], np.int32(DEAD), step)
    marked = labels * 2 + np.where(dead, 0, between).astype(np.int32)
    step, marked = tables.renumber(step, marked, tables.partition(step, marked))
    dfa = Dfa(classes, step, marked >> 1)
    cost = np.zeros(step.shape, np.uint8)
    cost[(marked & 1).astype(np.bool_)] = 1
    cost[:, classes[ord('"')]] = 0
    return meter(dfa, cost)


def meter(dfa: Dfa, cost: NDArray[np.uint8]) -> Meter | None:
    """Measure every row's completions; None when some row's costs are not an interval."""
    least, most, levels = _measure(dfa.step, dfa.labels, cost, 4 * dfa.rows + 16, UNBOUNDED)
    return Meter(dfa, cost, least, most) if levels >= 0 else None


@kernel
def _measure(
    step: NDArray[np.int32], labels: NDArray[np.int32], cost: NDArray[np.uint8], limit: int, unbounded: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """Which rows can end with a cost of exactly 0, 1, 2, ...? Until nothing changes any more.

    `can[n]` follows from `can[n - 1]` alone, so once two levels are equal all later ones are.
    """
    rows, columns = step.shape
    least = np.full(rows, -1, np.int32)
    most = np.full(rows, -1, np.int32)
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
                    target = step[row, column]
                    if target != 0 and (before[target] if cost[row, column] == 1 else can[target]):
                        yes = True
                if yes:
                    can[row] = True
                    changed = True
        for row in range(1, rows):
            if can[row]:
                if least[row] < 0:
                    least[row] = level
                elif most[row] != level - 1:
                    return least, most, -1
                most[row] = level
        same = level > 0
        for row in range(rows):
            if can[row] != before[row]:
                same = False
        if same:
            for row in range(rows):
                if can[row]:
                    most[row] = unbounded
            return least, most, level
        before = can
    return least, most, -1
