"""One pass over some rows of a batch: which rows, behind how many tokens, how many each.

    before   lengths    T = 4, the widest; the others are padded
      5         4       a b c d
      9         1       e . . .
      0         2       f g . .

All layers of the model share it, and the attention masks that follow from it.

Shapes: b rows of the pass, T tokens, N columns of a layer's keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import mlx.core as mx


@dataclass(slots=True, eq=False)
class Reading:
    """A pass.

    rows    the slots that take part, in ascending order, out of `count`
    before  the tokens that each has read
    lengths the tokens that each reads; 0 for a row that is only taken along
    """

    rows: Sequence[int]
    count: int
    before: Sequence[int]
    lengths: Sequence[int]
    offset: mx.array = field(init=False)  # (b,) int32, `before`
    slots: mx.array = field(init=False)  # (b,) int32, `rows`
    positions: mx.array = field(init=False)  # (b, T) int32, where in its text each token stands
    _masks: dict[tuple[int, int, int], mx.array] = field(init=False)
    _columns: dict[int, mx.array] = field(init=False)

    def __post_init__(self) -> None:
        self.offset = mx.array(list(self.before), mx.int32)
        self.slots = mx.array(list(self.rows), mx.int32)
        self.positions = self.offset[:, None] + mx.arange(self.width)
        self._masks = {}
        self._columns = {}

    @property
    def width(self) -> int:
        """T."""
        return max(self.lengths)

    @property
    def end(self) -> int:
        """The most tokens of a row behind this pass, padding included."""
        return max(self.before) + self.width

    @property
    def is_ragged(self) -> bool:
        """Is any row padded?"""
        return min(self.lengths) < self.width

    @property
    def span(self) -> slice | None:
        """The rows as one piece of the slots, if they are one."""
        first, last = self.rows[0], self.rows[-1]
        return slice(first, last + 1) if last - first + 1 == len(self.rows) else None

    def columns(self, ring: int) -> mx.array:
        """(b, T) int32: where a ring of so many columns keeps each token."""
        columns = self._columns.get(ring)
        if columns is None:
            columns = self._columns[ring] = self.positions % ring
        return columns

    def mask(self, columns: int, ring: int, window: int) -> mx.array:
        """(b, 1, T, N) bool: each token sees its own row up to itself, of that the last `window` tokens.

        Of `columns` columns, column j holds the latest position p with p % ring == j, or nothing yet.
        """
        mask = self._masks.get((columns, ring, window))
        if mask is None:
            latest, own = self.positions[:, None, -1:, None], self.positions[:, None, :, None]
            held = latest - (latest - mx.arange(columns)) % ring  # negative: nothing
            mask = (held >= 0) & (held <= own) & (held > own - window)
            self._masks[columns, ring, window] = mask
        return mask
