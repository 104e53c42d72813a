"""The model's side of a batch: caches and passes. It executes plans and decides nothing.

    a prompt   has a cache of its own (1, ...), and is read piece by piece
    join       the cache is copied into the batch, layer by layer: see layers.py
    a pass     some rows, or all, read their next tokens (b, T), shorter ones padded
    an entry   is a prompt's or a row's cache, kept for later prompts that begin alike

Shapes: b rows of a pass, T tokens, V logits.
"""

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from constrained.runtime.evaluation import finish, start
from constrained.runtime.layers import LayerCache, batched, can_be_cut, first_tokens
from constrained.runtime.models import LanguageModel
from constrained.runtime.plan import Begin, Join, Leave, Piece, Plan
from constrained.runtime.reading import Reading

Cache = list[Any]  # one of mlx-lm's caches for every layer


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry that was kept: its size, and whether its beginnings can be used as well."""

    entry: int
    nbytes: int
    trimmable: bool


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What the model computed for some tokens. The cache is never written to."""

    cache: Cache
    length: int


@dataclass(frozen=True, slots=True)
class Spent:
    """A pass over so many tokens of one prompt took so long."""

    tokens: int
    seconds: float


@dataclass(slots=True, eq=False)
class Outcome:
    """What came of a plan.

    logits  (R, V) after the last tokens that rows have read, as many as were wanted; they may still be computed
    uids    whose they are, R of them: those of one row follow each other
    failed  prompts that could not be read
    started when the first pass was started, as `time.perf_counter` says
    """

    uids: list[int] = field(default_factory=list[int])
    logits: mx.array | None = None
    kept: list[Kept] = field(default_factory=list[Kept])
    failed: dict[int, Exception] = field(default_factory=dict[int, Exception])
    spent: list[Spent] = field(default_factory=list[Spent])
    started: float = 0.0


class Rows:
    """The caches of a batch: of its prompts, its rows, and the entries kept for later prompts."""

    def __init__(self, model: LanguageModel, *, solo: bool = False) -> None:
        """For one row at a time (`solo`), or several; ModelError if the model's caches allow only one."""
        self._model = model
        self._solo = solo
        self._lengths: dict[int, int] = {}  # uid -> tokens in its cache
        self._prompts: dict[int, Cache] = {}
        self._uids: list[int] = []  # of the rows
        self._entries: dict[int, Entry] = {}
        self._layers = self._new_layers()

    def execute(self, plan: Plan) -> Outcome:
        """Do what `plan` says. A prompt that cannot be read fails alone; a pass that fails raises."""
        outcome = Outcome()
        self._leave(plan.leave, outcome)
        for entry in plan.forget:
            del self._entries[entry]
        for begin in plan.begin:
            self._begin(begin)
        for piece in plan.read:
            try:
                outcome.spent.append(self._read(piece))
            except Exception as error:  # noqa: BLE001  whatever goes wrong with one prompt is the end of that one
                outcome.failed[piece.uid] = error
        for keep in plan.keep:
            if keep.uid not in outcome.failed:
                self._keep(keep.entry, copy.deepcopy(self._prompts[keep.uid]), self._lengths[keep.uid], outcome)
        for join in plan.join:
            if join.uid not in outcome.failed:
                self._join(join, outcome)
        logits: list[mx.array] = []
        outcome.started = time.perf_counter()
        for one in plan.passes:
            pieces = {self._uids.index(piece.uid): piece for piece in one if piece.uid not in outcome.failed}
            if pieces:
                outcome.uids += [pieces[row].uid for row in sorted(pieces) for _ in range(pieces[row].wanted)]
                logits.append(self._pass(pieces))
        outcome.logits = mx.concatenate(logits) if logits else None
        return outcome

    @property
    def held(self) -> tuple[list[int], list[int], list[int]]:
        """Whose caches there are: of prompts, of rows (in their order), and entries."""
        return list(self._prompts), list(self._uids), list(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        for place in (self._lengths, self._prompts, self._uids, self._entries):
            place.clear()
        self._layers = self._new_layers()

    # ------------------------------------------------------------------ prompts

    def _new_cache(self) -> Cache:
        return make_prompt_cache(cast("Any", self._model))

    def _new_layers(self) -> list[LayerCache]:
        return [batched(layer, solo=self._solo) for layer in self._new_cache()]

    def _begin(self, begin: Begin) -> None:
        self._lengths[begin.uid] = begin.length
        if begin.entry is None:
            self._prompts[begin.uid] = self._new_cache()
        else:
            entry = self._entries[begin.entry]
            self._prompts[begin.uid] = [first_tokens(layer, entry.length, begin.length) for layer in entry.cache]

    def _read(self, piece: Piece) -> Spent:
        cache, before = self._prompts[piece.uid], time.perf_counter()
        self._model(mx.array([list(piece.tokens)]), cache=cache)
        finish([layer.state for layer in cache])  # the cache alone: nobody needs these logits
        self._lengths[piece.uid] += len(piece.tokens)
        return Spent(len(piece.tokens), time.perf_counter() - before)

    # ------------------------------------------------------------------ rows

    def _join(self, join: Join, outcome: Outcome) -> None:
        cache = self._prompts.pop(join.uid)
        if join.entry is not None:
            self._keep(join.entry, cache, self._lengths[join.uid], outcome)
        for layer, prompt in zip(self._layers, cache, strict=True):
            layer.join(len(self._uids), prompt, self._lengths[join.uid])
        self._uids.append(join.uid)

    def _leave(self, leaving: Sequence[Leave], outcome: Outcome) -> None:
        gone = {one.uid for one in leaving}
        for one in leaving:
            length = self._lengths.pop(one.uid)
            cache = self._prompts.pop(one.uid, None)
            if one.entry is not None:
                self._keep(one.entry, cache or self._extract(self._uids.index(one.uid), length), length, outcome)
        if gone.isdisjoint(self._uids):
            return
        order = [row for row, uid in enumerate(self._uids) if uid not in gone]
        for target in range(len(order)):  # the last rows fill the gaps
            if order[target] != target:
                order.insert(target, order.pop())
        self._uids = [self._uids[row] for row in order]
        longest = max((self._lengths[uid] for uid in self._uids), default=0)
        for layer in self._layers:
            layer.keep(order)
            layer.shrink(len(order), longest)

    def _extract(self, row: int, length: int) -> Cache:
        """A copy of one row's cache, computed, so that it does not hold on to the batch."""
        cache: Cache = [layer.extract(row, length) for layer in self._layers]
        finish([layer.state for layer in cache])
        return cache

    def _keep(self, entry: int, cache: Cache, length: int, outcome: Outcome) -> None:
        self._entries[entry] = Entry(cache, length)
        trimmable = all(map(can_be_cut, cache))
        outcome.kept.append(Kept(entry, sum(layer.nbytes for layer in cache), trimmable))

    def _pass(self, pieces: Mapping[int, Piece]) -> mx.array:
        """Start a pass over some rows; return the logits (R, V) that are wanted of each, in the order of rows."""
        rows = sorted(pieces)
        if all(len(piece.tokens) == 1 for piece in pieces.values()):
            rows = list(range(rows[0], rows[-1] + 1))  # a token of padding costs less than a gap in the cache
        fed = [pieces[row].tokens if row in pieces else () for row in rows]
        before = [self._lengths[self._uids[row]] for row in rows]
        reading = Reading(rows, len(self._uids), before, [len(tokens) for tokens in fed])
        inputs = mx.array([[*tokens, *[0] * (reading.width - len(tokens))] for tokens in fed])  # (b, T)
        cache = [layer.begin(reading) for layer in self._layers]
        logits = self._model(inputs, cache=cache)  # (b, T, V)
        for layer in self._layers:
            layer.end(reading)
        for piece in pieces.values():
            self._lengths[piece.uid] += len(piece.tokens)
        at = [
            (place, column)
            for place, row in enumerate(rows)
            if row in pieces
            for column in range(len(fed[place]) - pieces[row].wanted, len(fed[place]))
        ]
        if reading.width == 1 and len(at) == len(rows):
            logits = logits[:, 0]
        else:
            logits = logits[mx.array([place for place, _ in at]), mx.array([column for _, column in at])]
        start(logits)
        return logits
