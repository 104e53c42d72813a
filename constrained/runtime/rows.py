"""The model's side of a batch: caches and passes. It executes plans and decides nothing.

    a prompt   has a cache of its own (1, ...), and is read piece by piece
    join       the cache is copied into a row of a bank: see bank.py
    a pass     some rows of a bank, or all, read their next tokens
    an entry   is a prompt's or a row's cache, kept for later prompts that begin alike

Shapes: R places of which logits are wanted, V logits.
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from constrained.runtime.bank import Bank, Cache
from constrained.runtime.evaluation import finish
from constrained.runtime.layers import batched, can_be_cut, first_tokens
from constrained.runtime.models import LanguageModel
from constrained.runtime.plan import Begin, Join, Leave, Piece, Plan


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry that was kept: its size, and whether its beginnings can be used as well."""

    entry: int
    nbytes: int
    trimmable: bool


@dataclass(slots=True, eq=False)
class Prompt:
    """A prompt that is being read, so many tokens so far."""

    cache: Cache
    length: int


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

    def at(self, places: list[int]) -> mx.array:
        """(P, V): the logits of some places, in their order."""
        assert self.logits is not None
        return self.logits if len(places) == len(self.uids) else self.logits[mx.array(places)]


class Rows:
    """The caches of a batch: of its prompts, its rows, and the entries kept for later prompts.

    runs_ahead  can it read what only the device knows? Not where others have to be told what is read
    """

    runs_ahead: ClassVar[bool] = True

    def __init__(self, model: LanguageModel, *, solo: bool = False) -> None:
        """For one row at a time (`solo`), or several; ModelError if the model's caches allow only one."""
        self._model = model
        self._solo = solo
        self._prompts: dict[int, Prompt] = {}
        self._banks: dict[int, Bank] = {}
        self._entries: dict[int, Entry] = {}
        self._new_bank()

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
                prompt = self._prompts[keep.uid]
                self._keep(keep.entry, copy.deepcopy(prompt.cache), prompt.length, outcome)
        self._join([join for join in plan.join if join.uid not in outcome.failed], outcome)
        self._pass(plan, outcome)
        return outcome

    def run_ahead(self, uids: Sequence[int], tokens: mx.array) -> Outcome:
        """Start a pass over tokens (R,) that were chosen and not told yet, one for each row `uids` of the only bank."""
        (bank,) = self._banks.values()
        outcome = Outcome()
        outcome.uids, outcome.logits = bank.read_chosen(self._model, uids, tokens)
        return outcome

    @property
    def held(self) -> tuple[list[int], list[list[int]], list[int]]:
        """Whose caches there are: of prompts, of the rows of each bank (in their order), and entries."""
        return list(self._prompts), [bank.uids for bank in self._banks.values()], list(self._entries)

    def clear(self) -> None:
        """Forget everything."""
        for place in (self._prompts, self._banks, self._entries):
            place.clear()

    # ------------------------------------------------------------------ prompts

    def _new_cache(self) -> Cache:
        return make_prompt_cache(cast("Any", self._model))

    def _begin(self, begin: Begin) -> None:
        if begin.entry is None:
            cache = self._new_cache()
        else:
            entry = self._entries[begin.entry]
            cache = [first_tokens(layer, entry.length, begin.length) for layer in entry.cache]
        self._prompts[begin.uid] = Prompt(cache, begin.length)

    def _read(self, piece: Piece) -> Spent:
        prompt, before = self._prompts[piece.uid], time.perf_counter()
        self._model(mx.array([list(piece.tokens)]), cache=prompt.cache)
        finish([layer.state for layer in prompt.cache])  # the cache alone: nobody needs these logits
        prompt.length += len(piece.tokens)
        return Spent(len(piece.tokens), time.perf_counter() - before)

    def _keep(self, number: int, cache: Cache, length: int, outcome: Outcome) -> None:
        self._entries[number] = Entry(cache, length)
        trimmable = all(map(can_be_cut, cache))
        outcome.kept.append(Kept(number, sum(layer.nbytes for layer in cache), trimmable))

    # ------------------------------------------------------------------ rows

    def _new_bank(self) -> Bank:
        return Bank([batched(layer, solo=self._solo) for layer in self._new_cache()])

    def _join(self, joins: Sequence[Join], outcome: Outcome) -> None:
        joining: dict[int, list[tuple[int, Cache, int]]] = {}
        for join in joins:
            prompt = self._prompts.pop(join.uid)
            if join.entry is not None:
                self._keep(join.entry, prompt.cache, prompt.length, outcome)
            joining.setdefault(join.bank, []).append((join.uid, prompt.cache, prompt.length))
        for number, prompts in joining.items():
            if number not in self._banks:
                self._banks[number] = self._new_bank()
            self._banks[number].join(prompts)

    def _leave(self, leaving: Sequence[Leave], outcome: Outcome) -> None:
        for one in leaving:
            prompt = self._prompts.pop(one.uid, None)
            if one.entry is not None:
                kept = (prompt.cache, prompt.length) if prompt else self._bank_of(one.uid).extract(one.uid)
                self._keep(one.entry, *kept, outcome)
        for number, bank in list(self._banks.items()):
            gone = {one.uid for one in leaving}.intersection(bank.uids)
            if len(gone) == len(bank.uids):
                del self._banks[number]
            elif gone:
                bank.leave(gone)

    def _bank_of(self, uid: int) -> Bank:
        return next(bank for bank in self._banks.values() if uid in bank.uids)

    def _pass(self, plan: Plan, outcome: Outcome) -> None:
        outcome.started = time.perf_counter()
        logits: list[mx.array] = []
        for one in plan.passes:
            pieces = {piece.uid: piece for piece in one if piece.uid not in outcome.failed}
            if pieces:
                uids, wanted = self._bank_of(next(iter(pieces))).read(self._model, pieces)
                outcome.uids += uids
                logits += [] if wanted is None else [wanted]
        outcome.logits = mx.concatenate(logits) if logits else None
