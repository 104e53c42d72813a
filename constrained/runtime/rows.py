"""The model's side of a batch: caches and passes. It executes plans and decides nothing.

    a prompt      its own cache (1, ...), read piece by piece
    join          caches become rows of one batch cache, each padded on its left to the longest
    a pass        every row reads its next tokens (B, T); shorter ones are padded on the right, and the
                  cache then moves those rows up, so that all rows end at the same column again:

                  . a b c         . a b c | d           . . a b c d
                  x y z w    ->   x y z w | u v    ->   x y z w u v

The batch caches are mlx-lm's, one class for every kind of layer.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import mlx.core as mx
from mlx_lm.models.cache import KVCache, make_prompt_cache

from constrained.errors import ModelError
from constrained.runtime.evaluation import finish, start
from constrained.runtime.models import LanguageModel
from constrained.runtime.plan import Begin, Join, Leave, Plan

Cache = list[Any]  # one of mlx-lm's caches for every layer


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry that was kept: its size, and whether its beginnings can be used as well."""

    entry: int
    nbytes: int
    trimmable: bool


@dataclass(slots=True, eq=False)
class Outcome:
    """What came of a plan. `logits` (B, V) follow the last token of every row; they may still be computed."""

    logits: mx.array | None = None
    kept: list[Kept] = field(default_factory=list[Kept])
    failed: dict[int, Exception] = field(default_factory=dict[int, Exception])  # prompts that could not be read


class Rows:
    """The caches of a batch: of its prompts, its rows, and the entries kept for later prompts."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._prompts: dict[int, Cache] = {}
        self._uids: list[int] = []  # of the rows
        self._batch: Cache = []
        self._entries: dict[int, Cache] = {}
        for layer in self._new_cache():
            if not hasattr(layer, "merge"):
                raise ModelError(f"this model cannot run in batches: mlx-lm's {type(layer).__name__} has no rows")

    def execute(self, plan: Plan) -> Outcome:
        """Do what `plan` says. A prompt that cannot be read fails alone; a pass that fails raises."""
        outcome = Outcome()
        self._leave(plan.leave, outcome)
        for entry in plan.forget:
            del self._entries[entry]
        for begin in plan.begin:
            self._prompts[begin.uid] = self._beginning(begin)
        for piece in plan.read:
            try:
                self._read(self._prompts[piece.uid], piece.tokens)
            except Exception as error:  # noqa: BLE001  whatever goes wrong with one prompt is the end of that one
                outcome.failed[piece.uid] = error
        for join in plan.join:
            if join.uid not in outcome.failed:
                self._join(join, outcome)
        fed = {piece.uid: piece.tokens for piece in plan.feed}
        if self._uids:
            outcome.logits = self._feed([fed[uid] for uid in self._uids])
        return outcome

    @property
    def held(self) -> tuple[list[int], list[int], list[int]]:
        """Whose caches there are: of prompts, of rows (in their order), and entries."""
        return list(self._prompts), list(self._uids), list(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        self._prompts.clear()
        self._uids.clear()
        self._batch.clear()
        self._entries.clear()

    # ------------------------------------------------------------------ prompts

    def _new_cache(self) -> Cache:
        return make_prompt_cache(cast("Any", self._model))

    def _beginning(self, begin: Begin) -> Cache:
        if begin.entry is None:
            return self._new_cache()
        return [_first_tokens(layer, begin.length) for layer in self._entries[begin.entry]]

    def _read(self, cache: Cache, tokens: Sequence[int]) -> None:
        self._model(mx.array([list(tokens)]), cache=cache)
        finish([layer.state for layer in cache])  # the cache alone: nobody needs these logits

    # ------------------------------------------------------------------ rows

    def _join(self, join: Join, outcome: Outcome) -> None:
        cache = self._prompts.pop(join.uid)
        if join.entry is not None:
            self._keep(join.entry, cache, outcome)
        joining = [layer.merge([layer]) for layer in cache]
        if self._uids:
            for layer, other in zip(self._batch, joining, strict=True):
                layer.extend(other)
        else:
            self._batch = joining
        self._uids.append(join.uid)

    def _leave(self, leaving: Sequence[Leave], outcome: Outcome) -> None:
        for one in leaving:
            cache = self._prompts.pop(one.uid, None)
            if one.entry is not None:
                self._keep(one.entry, cache or self._extract(self._uids.index(one.uid)), outcome)
        gone = {one.uid for one in leaving}
        rows = [row for row, uid in enumerate(self._uids) if uid not in gone]
        if len(rows) == len(self._uids):
            return
        self._uids = [self._uids[row] for row in rows]
        if not rows:
            self._batch = []
        for layer in self._batch:
            layer.filter(rows)

    def _extract(self, row: int) -> Cache:
        """A copy of one row's cache, computed, so that it does not hold on to the batch."""
        cache = [layer.extract(row) for layer in self._batch]
        finish([layer.state for layer in cache])
        return cache

    def _keep(self, entry: int, cache: Cache, outcome: Outcome) -> None:
        self._entries[entry] = cache
        trimmable = all(layer.is_trimmable() for layer in cache)
        outcome.kept.append(Kept(entry, sum(layer.nbytes for layer in cache), trimmable))

    def _feed(self, tokens: Sequence[Sequence[int]]) -> mx.array:
        """Start a pass over the next tokens of every row; return the logits (B, V) after the last of each."""
        lengths = [len(one) for one in tokens]
        width = max(lengths)
        inputs = mx.array([[*one, *[0] * (width - len(one))] for one in tokens])  # (B, T)
        padding = [width - length for length in lengths]
        for layer in self._batch if max(padding) else ():
            layer.prepare(lengths=lengths, right_padding=padding)
        logits = self._model(inputs, cache=self._batch)  # (B, T, V)
        for layer in self._batch if max(padding) else ():
            layer.finalize()
        last = mx.array(lengths)[:, None, None] - 1
        logits = mx.take_along_axis(logits, last, axis=1)[:, 0] if max(padding) else logits[:, -1]
        start(logits)
        return logits


def _first_tokens(layer: Any, length: int) -> Any:
    """A copy of a layer's cache for its first `length` tokens; `layer` is never written to."""
    if type(layer) is KVCache:  # a view: the first write to it copies what it shows, and nothing is copied twice
        keys, values, _ = cast("tuple[mx.array, mx.array, int]", layer.state)
        view = KVCache()
        view.state = keys[..., :length, :], values[..., :length, :], length
        return view
    copied = copy.deepcopy(layer)
    if copied.is_trimmable() and copied.size() > length:
        copied.trim(copied.size() - length)
    return copied
