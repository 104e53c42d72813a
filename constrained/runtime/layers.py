"""From mlx-lm's cache of one sequence, layer by layer, to that of a batch.

KVCache            SlotCache          keys and values
RotatingKVCache    SlotCache          the same for a sliding window
ArraysCache        StateCache         recurrent states: one of each per row
CacheList          ListCache          several of these
any other          SoloCache          only where a batch has one row
"""

import copy
from collections.abc import Sequence
from typing import Any, Protocol, cast

import mlx.core as mx
from mlx_lm.models.cache import ArraysCache, CacheList, KVCache, RotatingKVCache

from constrained.errors import ModelError
from constrained.runtime.reading import Reading
from constrained.runtime.slots import SlotCache


class LayerCache(Protocol):
    """The rows of a batch in one layer."""

    def begin(self, reading: Reading) -> Any:
        """What the model sees as its cache in this pass."""
        ...

    def end(self, reading: Reading) -> None:
        """The pass is over."""
        ...

    def join(self, row: int, prompts: Sequence[tuple[Any, int]]) -> None:
        """Copy the caches of prompts, each with its tokens' number, into new last rows."""
        ...

    def keep(self, order: Sequence[int]) -> None:
        """Let the rows `order` be the rows 0, 1, 2...; none may come before its place."""
        ...

    def shrink(self, slots: int, columns: int) -> None:
        """Give memory back that more than so many rows and tokens take."""
        ...

    def extract(self, row: int, length: int) -> Any:
        """A copy of one row as a prompt's cache, not yet computed."""
        ...


def batched(layer: Any, *, solo: bool) -> LayerCache:
    """The batch's form of a prompt's cache. Raises ModelError if it has none, unless a batch has one row (`solo`)."""
    kind = cast("type[object]", type(layer))
    if kind is KVCache:
        return SlotCache()
    if kind is RotatingKVCache and layer.keep == 0:
        return SlotCache(layer.max_size)
    if kind is ArraysCache:
        return StateCache(len(layer.cache))
    if kind is CacheList:
        return ListCache([batched(one, solo=solo) for one in layer.caches])
    if solo:
        return SoloCache()
    raise ModelError(f"this model's {kind.__name__} cannot be batched; max_batch=1 generates one by one")


def can_be_cut(layer: Any) -> bool:
    """Does a prompt's cache serve any beginning of its tokens? Only where that is known: any other is taken whole."""
    kind = cast("type[object]", type(layer))
    if kind is CacheList:
        return all(map(can_be_cut, layer.caches))
    return kind is KVCache or (kind is RotatingKVCache and layer.is_trimmable())


def first_tokens(layer: Any, length: int, kept: int) -> Any:
    """A copy of a prompt's cache of `length` tokens, for the first `kept` of them; `layer` is never written to."""
    if cast("type[object]", type(layer)) is KVCache:  # a view: the first write copies what it shows, nothing twice
        view = KVCache()
        view.state = layer.keys[..., :kept, :], layer.values[..., :kept, :], kept
        return view
    copied = copy.deepcopy(layer)
    if kept < length:
        copied.trim(length - kept)
    return copied


class StateCache:
    """Recurrent states of a layer: some arrays (S, ...), one row each."""

    def __init__(self, size: int) -> None:
        self._arrays: list[mx.array | None] = [None] * size
        self._seen: Any = None

    def begin(self, reading: Reading) -> Any:
        """mlx-lm's form, with a copy of the rows that take part."""
        seen: Any = ArraysCache(len(self._arrays))
        seen.cache = [None if array is None else mx.take(array, reading.slots, axis=0) for array in self._arrays]
        if reading.is_ragged:
            seen.prepare(lengths=list(reading.lengths))
        self._seen = seen
        return seen

    def end(self, reading: Reading) -> None:
        """Take the new states of the rows that have read something."""
        here = [place for place, length in enumerate(reading.lengths) if length]
        slots = mx.array([reading.rows[place] for place in here])
        for number, new in enumerate(self._seen.cache):
            if new is not None:
                array = _rows_of(self._arrays[number], new, reading.count)
                array[slots] = new[mx.array(here)]
                self._arrays[number] = array
        self._seen = None

    def join(self, row: int, prompts: Sequence[tuple[Any, int]]) -> None:
        """Copy prompts' states; those of no tokens at all are zeros."""
        for number, array in enumerate(self._arrays):
            states = [prompt.cache[number] for prompt, _ in prompts]
            like = next((state for state in states if state is not None), array)
            if like is not None:
                array = _rows_of(array, like, row + len(states))
                for place, state in enumerate(states, row):
                    array[place : place + 1] = 0 if state is None else state
                self._arrays[number] = array

    def keep(self, order: Sequence[int]) -> None:
        """Copy what stays."""
        rows = mx.array(list(order), mx.int32)
        self._arrays = [None if array is None or not order else array[rows] for array in self._arrays]

    def shrink(self, slots: int, columns: int) -> None:
        """Nothing: `keep` has copied what stays."""

    def extract(self, row: int, length: int) -> Any:
        """A copy of one row, not yet computed; gathered, since a slice would hold on to the whole array."""
        cache = ArraysCache(len(self._arrays))
        if length:
            rows = mx.array([row])
            cache.cache = [None if array is None else mx.take(array, rows, axis=0) for array in self._arrays]
        return cache


class ListCache:
    """Several caches in one layer."""

    def __init__(self, parts: Sequence[LayerCache]) -> None:
        self._parts = parts

    def begin(self, reading: Reading) -> Any:
        """The parts, in mlx-lm's form of a list."""
        return CacheList(*(part.begin(reading) for part in self._parts))

    def end(self, reading: Reading) -> None:
        """The pass is over."""
        for part in self._parts:
            part.end(reading)

    def join(self, row: int, prompts: Sequence[tuple[Any, int]]) -> None:
        """Copy all parts."""
        for number, part in enumerate(self._parts):
            part.join(row, [(prompt.caches[number], length) for prompt, length in prompts])

    def keep(self, order: Sequence[int]) -> None:
        """In all parts."""
        for part in self._parts:
            part.keep(order)

    def shrink(self, slots: int, columns: int) -> None:
        """In all parts."""
        for part in self._parts:
            part.shrink(slots, columns)

    def extract(self, row: int, length: int) -> Any:
        """A copy of all parts."""
        return CacheList(*(part.extract(row, length) for part in self._parts))


class SoloCache:
    """A cache of any kind, for the only row of a batch."""

    def __init__(self) -> None:
        self._row: Any = None

    def begin(self, reading: Reading) -> Any:
        """The cache itself."""
        return self._row

    def end(self, reading: Reading) -> None:
        """Nothing to do."""

    def join(self, row: int, prompts: Sequence[tuple[Any, int]]) -> None:
        """Copy the prompt's cache, which may be kept for others."""
        ((prompt, _),) = prompts
        self._row = copy.deepcopy(prompt)

    def keep(self, order: Sequence[int]) -> None:
        """The row stays or goes."""
        if not order:
            self._row = None

    def shrink(self, slots: int, columns: int) -> None:
        """Nothing to do."""

    def extract(self, row: int, length: int) -> Any:
        """A copy."""
        return copy.deepcopy(self._row)


def _rows_of(array: mx.array | None, like: mx.array, count: int) -> mx.array:
    """`array` (S, ...) with at least `count` rows, zeros where there were none."""
    if array is None:
        return mx.zeros((count, *like.shape[1:]), like.dtype)
    missing = count - array.shape[0]
    return mx.concatenate([array, mx.zeros((missing, *like.shape[1:]), like.dtype)]) if missing > 0 else array
