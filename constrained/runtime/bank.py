"""Rows that share arrays: a row's keys and values, and the passes over them.

    bank 0   a . . . .        every row has room for as many tokens as the longest of its bank, so a
             b b . . .        long conversation has a bank of its own, or shares one with others that are
             c c c . .        long: who goes where is the schedule's decision
    bank 1   d d d d d d d d d d d d d d

A pass reads some rows of one bank, or all. Shapes: b rows of a pass, T tokens, V logits.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import mlx.core as mx

from constrained.runtime.evaluation import finish, start
from constrained.runtime.layers import LayerCache
from constrained.runtime.plan import Piece
from constrained.runtime.reading import Reading

Cache = list[Any]  # one of mlx-lm's caches for every layer


class Bank:
    """Some rows of a batch."""

    def __init__(self, layers: list[LayerCache]) -> None:
        self._layers = layers
        self._lengths: dict[int, int] = {}  # uid -> tokens in its row; in the order of the rows

    @property
    def uids(self) -> list[int]:
        """Whose the rows are, in their order."""
        return list(self._lengths)

    def join(self, prompts: Sequence[tuple[int, Cache, int]]) -> None:
        """Copy the caches of prompts (uid, cache, how many tokens it holds) into new last rows."""
        for number, layer in enumerate(self._layers):
            layer.join(len(self._lengths), [(cache[number], length) for _, cache, length in prompts])
        self._lengths.update({uid: length for uid, _, length in prompts})

    def leave(self, gone: Iterable[int]) -> None:
        """Drop rows; the last ones fill the gaps."""
        gone = set(gone)
        rows = list(self._lengths.items())
        order = [row for row, (uid, _) in enumerate(rows) if uid not in gone]
        for target in range(len(order)):
            if order[target] != target:
                order.insert(target, order.pop())
        self._lengths = dict(rows[row] for row in order)
        for layer in self._layers:
            layer.keep(order)
            layer.shrink(len(order), max(self._lengths.values(), default=0))

    def extract(self, uid: int) -> tuple[Cache, int]:
        """A copy of a row as a prompt's cache, computed, so that it does not hold on to the bank; and its length."""
        row, length = self.uids.index(uid), self._lengths[uid]
        cache: Cache = [layer.extract(row, length) for layer in self._layers]
        finish([layer.state for layer in cache])
        return cache, length

    def read(self, model: Callable[..., mx.array], pieces: Mapping[int, Piece]) -> tuple[list[int], mx.array | None]:
        """Start a pass over the rows of `pieces` (uid -> piece); return whose logits are wanted, and them (R, V).

        Where none are, None, and the pass is computed with the next one.
        """
        uids = self.uids
        rows = sorted(map(uids.index, pieces))
        if all(len(piece.tokens) == 1 for piece in pieces.values()):
            rows = list(range(rows[0], rows[-1] + 1))  # a token of padding costs less than a gap in the cache
        fed = [pieces[uids[row]].tokens if uids[row] in pieces else () for row in rows]
        before = [self._lengths[uids[row]] for row in rows]
        reading = Reading(rows, len(uids), before, [len(tokens) for tokens in fed])
        inputs = mx.array([[*tokens, *[0] * (reading.width - len(tokens))] for tokens in fed])  # (b, T)
        logits = self._pass(model, inputs, reading)
        for uid, piece in pieces.items():
            self._lengths[uid] += len(piece.tokens)
        wanted = [
            (uids[row], place, column)
            for place, row in enumerate(rows)
            if uids[row] in pieces
            for column in range(len(fed[place]) - pieces[uids[row]].wanted, len(fed[place]))
        ]
        if not wanted:
            return [], None
        if reading.width == 1 and len(wanted) == len(rows):
            logits = logits[:, 0]
        else:
            _, places, columns = zip(*wanted, strict=True)
            logits = logits[mx.array(places), mx.array(columns)]
        start(logits)
        return [uid for uid, *_ in wanted], logits

    def read_chosen(
        self, model: Callable[..., mx.array], chosen: Sequence[int], tokens: mx.array
    ) -> tuple[list[int], mx.array]:
        """Start a pass in which every row reads a token that only the device knows: (R,), of the rows `chosen`, which
        are all. Returns whose the logits (R, V) are, and them."""
        uids = self.uids
        order = list(map(list(chosen).index, uids))
        if order != list(range(len(order))):
            tokens = tokens[mx.array(order)]
        reading = Reading(range(len(uids)), len(uids), list(self._lengths.values()), [1] * len(uids))
        logits = self._pass(model, tokens[:, None], reading)[:, 0]
        self._lengths = {uid: length + 1 for uid, length in self._lengths.items()}
        start(logits)
        return uids, logits

    def _pass(self, model: Callable[..., mx.array], inputs: mx.array, reading: Reading) -> mx.array:
        """(b, T, V) logits, lazily."""
        logits = model(inputs, cache=[layer.begin(reading) for layer in self._layers])
        for layer in self._layers:
            layer.end(reading)
        return logits
