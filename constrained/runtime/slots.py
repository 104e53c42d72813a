"""Keys and values of a batch of sequences of different lengths, which read different numbers of tokens.

    slot 0   a b c d e . . .       every row has a slot of its own in one array and begins at its left end;
    slot 1   k l . . . . . .       a pass writes behind the end of each row,
    slot 2   x y z . . . . .       and the attention mask stops there

A row that joins is copied into a free slot, one that leaves frees it (the last row moves into the gap),
and nothing else is ever copied: a pass may read one token in one row and twenty in another, or run some
rows only. (mlx-lm's batch caches align rows at the right end: they copy all of them when one joins,
leaves, or reads fewer tokens than another.)

A layer with a sliding window keeps its slots as rings: position p is in column p % ring. The ring is longer than
the window by the widest pass, so that what a pass overwrites, with padding too, no later token looks at.

What is behind the end of a row is zeros or the padding of earlier passes. It has no weight, but it must be
numbers, since nothing times NaN is NaN: so a slot is overwritten whole when a row joins.

Shapes: S slots, H heads, C columns, D and M the sizes of a key and a value; b rows of a pass, T tokens.
"""

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import KVCache, RotatingKVCache

from constrained.runtime.reading import Reading

COLUMNS = 256  # the arrays grow by so many at a time
WIDEST = 256  # tokens of one row in one pass
ENDLESS = (1 << 31) - 1  # as a window: everything

Pair = tuple[mx.array, mx.array]  # keys (1, H, N, D) and values (1, H, N, M) of one row


class SlotCache:
    """One layer's keys and values. Between `begin` and `end` it is the cache that the model sees."""

    def __init__(self, window: int = ENDLESS) -> None:
        self.keys: mx.array | None = None  # (S, H, C, D)
        self.values: mx.array | None = None  # (S, H, C, M)
        self._window = window
        self._ring = min(window + WIDEST, ENDLESS)
        self._reading: Reading | None = None

    # ------------------------------------------------------------------ what the model sees

    @property
    def offset(self) -> mx.array:
        """(b,) int32: how many tokens each row has read before this pass."""
        assert self._reading
        return self._reading.offset

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
        """Write (b, H, T, D) behind the rows of the pass; return all of theirs."""
        reading = self._reading
        assert reading
        self.keys = self._with(self.keys, keys, reading)
        self.values = self._with(self.values, values, reading)
        return self._fetch(self.keys, reading), self._fetch(self.values, reading)

    def make_mask(self, width: int, return_array: bool = False, window_size: int | None = None) -> mx.array:
        """(b, 1, T, N) bool."""
        reading = self._reading
        assert reading
        assert reading.width == width
        return reading.mask(min(reading.end, self._ring), self._ring, min(window_size or ENDLESS, self._window))

    def _with(self, array: mx.array | None, new: mx.array, reading: Reading) -> mx.array:
        """`array` (S, H, C, D) with `new` (b, H, T, D) behind the rows of the pass."""
        array = self._room(array, new, reading.count, reading.end)
        columns = reading.columns(self._ring)  # (b, T)
        if len(reading.rows) == array.shape[0]:  # all slots, in order: one kernel
            return mx.put_along_axis(array, columns[:, None, :, None], new, axis=2)
        array[reading.slots[:, None], :, columns] = new.swapaxes(1, 2)
        return array

    def _fetch(self, array: mx.array, reading: Reading) -> mx.array:
        """The rows of a pass, (S, H, C, D) -> (b, H, N, D); copied if they are not one piece."""
        array = array[:, :, : min(reading.end, self._ring)]
        return mx.take(array, reading.slots, axis=0) if reading.span is None else array[reading.span]

    def _room(self, array: mx.array | None, like: mx.array, slots: int, columns: int) -> mx.array:
        """`array` with at least so many slots and columns, zeros where it was too small."""
        columns = min(-(-columns // COLUMNS) * COLUMNS, self._ring)
        if array is None:
            return mx.zeros((slots, like.shape[1], columns, like.shape[3]), like.dtype)
        more_slots, more_columns = max(0, slots - array.shape[0]), max(0, columns - array.shape[2])
        if not (more_slots or more_columns):
            return array
        return mx.pad(array, [(0, more_slots), (0, 0), (0, more_columns), (0, 0)])

    # ------------------------------------------------------------------ passes and rows

    def begin(self, reading: Reading) -> "SlotCache":
        """Be the cache of a pass."""
        self._reading = reading
        return self

    def end(self, reading: Reading) -> None:
        """The pass is over."""
        assert reading is self._reading
        self._reading = None

    def join(self, row: int, prompts: Sequence[tuple[KVCache | RotatingKVCache, int]]) -> None:
        """Copy what is kept of prompts (each with its length) into the slots from `row` on, all at once: what grows
        with every one of them is copied with every one of them."""
        pairs = [_contents(prompt) if length else None for prompt, length in prompts]
        lengths = [length for _, length in prompts]
        for side, name in enumerate(("keys", "values")):
            contents = [None if pair is None else pair[side] for pair in pairs]
            setattr(self, name, self._put(getattr(self, name), row, contents, lengths))

    def _put(
        self, array: mx.array | None, row: int, contents: Sequence[mx.array | None], lengths: Sequence[int]
    ) -> mx.array | None:
        """`array` with contents, the last of so many positions (1, H, N, D), in the slots from `row` on; and zeros
        elsewhere in them."""
        like = next((one for one in contents if one is not None), array)
        if like is None:
            return None
        array = self._room(array, like, row + len(contents), max(lengths))
        slots = [self._slot(one, length, array) for one, length in zip(contents, lengths, strict=True)]
        array[row : row + len(slots)] = mx.concatenate(slots)
        return array

    def _slot(self, content: mx.array | None, length: int, array: mx.array) -> mx.array:
        """(1, H, C, D) as those of `array`, with the content (1, H, N, D) of the last of `length` positions."""
        columns = array.shape[2]
        if content is None:
            return mx.zeros((1, *array.shape[1:]), array.dtype)
        if length <= columns:
            return mx.pad(content, [(0, 0), (0, 0), (length - content.shape[2], columns - length), (0, 0)])
        slot = mx.zeros((1, *array.shape[1:]), array.dtype)  # a ring
        slot[:, :, mx.arange(length - content.shape[2], length) % self._ring] = content
        return slot

    def keep(self, order: Sequence[int]) -> None:
        """Let the rows `order` be the rows 0, 1, 2...; none may come before its place."""
        for array in self.arrays:
            for target, source in enumerate(order):
                if source != target:
                    array[target : target + 1] = array[source : source + 1]

    def shrink(self, slots: int, columns: int) -> None:
        """Give back what more than so many slots and columns take, if it is more than half."""
        for name, array in zip(("keys", "values"), self.arrays, strict=False):
            if not slots:
                setattr(self, name, None)
            elif array.shape[0] >= 2 * slots or array.shape[2] >= 2 * (columns + COLUMNS):
                setattr(self, name, mx.contiguous(array[:slots, :, : columns + COLUMNS]))

    def extract(self, row: int, length: int) -> KVCache | RotatingKVCache:
        """A copy of one row, not yet computed; gathered, since a slice would hold on to the whole array."""
        sliding = self._window < ENDLESS
        cache = RotatingKVCache(self._window) if sliding else KVCache()
        if length:
            held = min(length, self._window)
            columns = mx.arange(length - held, length) % self._ring
            keys, values = (mx.take(array[row : row + 1], columns, axis=2) for array in self.arrays)
            cache.state = (keys, values, length, 0, self._window, held) if sliding else (keys, values, length)
        return cache

    @property
    def arrays(self) -> tuple[mx.array, ...]:
        """What is stored."""
        return () if self.keys is None or self.values is None else (self.keys, self.values)


def _contents(prompt: KVCache | RotatingKVCache) -> Pair:
    """The keys and values that a cache holds, in the order of their positions."""
    plain: Any = prompt
    if isinstance(prompt, RotatingKVCache):
        ordered: Any = plain.merge([plain])  # mlx-lm puts a ring in order when it makes a batch of it
        return ordered.keys, ordered.values
    return plain.keys[:, :, : plain.offset], plain.values[:, :, : plain.offset]
