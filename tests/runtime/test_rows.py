"""The model's side of a batch, against the definition: every sequence alone, with a cache of its own."""

import random

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.cache import ChunkedKVCache, make_prompt_cache

from constrained.errors import ModelError
from constrained.runtime.plan import Begin, Join, Leave, Piece, Plan
from constrained.runtime.rows import Rows
from tests.runtime import tiny
from tests.runtime.families import FAMILIES, family

CLOSE = 2e-4  # logits of one sequence in different company differ by rounding only


class Alone:
    """One sequence with a cache of its own: what it should be."""

    def __init__(self, model) -> None:
        self._model = model
        self._cache = make_prompt_cache(model)

    def read(self, tokens) -> np.ndarray:
        return np.array(self._model(mx.array([list(tokens)]), cache=self._cache)[0, -1])


class Company:
    """Random sequences in a batch, each with its twin that is alone."""

    def __init__(self, model, seed: int) -> None:
        self.model, self.rows, self.random = model, Rows(model), random.Random(seed)
        self.twins: dict[int, Alone] = {}
        self.last: dict[int, int] = {}  # the last token of prompts: their row reads it first
        self.bank: dict[int, int] = {}
        self.count = 0

    def tokens(self, most: int) -> tuple[int, ...]:
        return tuple(self.random.choices(range(2, 150), k=self.random.randint(1, most)))

    def step(self) -> None:
        leave = [uid for uid in self.twins if self.random.random() < 0.1]
        for uid in leave:
            del self.twins[uid]
        new = [self.begin() for _ in range(self.random.choice([0, 0, 1, 2])) if len(self.twins) < 6]
        reading = list(self.twins)
        reading = [uid for uid in reading if self.random.random() < 0.7 or uid in self.last]
        widest = self.random.choice([1, 1, 5])
        pieces = [Piece(uid, self.next(uid, widest)) for uid in reading]
        late = [(uid, prompt) for uid, prompt in new if self.random.random() < 0.5]  # read as rows, with others
        rests: dict[int, list[Piece]] = {}
        for uid, prompt in late:
            if prompt:
                rests.setdefault(self.bank[uid], []).append(Piece(uid, prompt, wanted=0))
        passes = {}
        for piece in pieces:
            passes.setdefault((self.bank[piece.uid], self.random.random() < 0.5), []).append(piece)
        plan = Plan(
            leave=tuple(Leave(uid) for uid in leave),
            begin=tuple(Begin(uid) for uid, _ in new),
            read=tuple(Piece(uid, prompt) for uid, prompt in new if prompt and (uid, prompt) not in late),
            join=tuple(Join(uid, bank=self.bank[uid]) for uid, _ in new),
            passes=tuple(map(tuple, (*rests.values(), *passes.values()))),
        )
        outcome = self.rows.execute(plan)
        assert sorted(outcome.uids) == sorted(reading)
        for place, uid in enumerate(outcome.uids):
            expected = self.twins[uid].read(next(piece.tokens for piece in pieces if piece.uid == uid))
            np.testing.assert_allclose(np.array(outcome.logits[place]), expected, atol=CLOSE)

    def begin(self) -> tuple[int, tuple[int, ...]]:
        uid, self.count = self.count, self.count + 1
        *prompt, last = self.tokens(20)
        self.bank[uid] = self.random.choice([0, 0, 1])
        self.twins[uid] = Alone(self.model)
        if prompt:
            self.twins[uid].read(prompt)
        self.last[uid] = last
        return uid, tuple(prompt)

    def next(self, uid: int, most: int) -> tuple[int, ...]:
        last = self.last.pop(uid, None)
        return self.tokens(most) if last is None else (last, *self.tokens(most))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_does_not_notice_who_is_with_it(name, seed):
    company = Company(family(name), seed)
    for _ in range(30):
        company.step()


@pytest.mark.parametrize("name", FAMILIES)
def test_an_entry_gives_back_what_was_read(name):
    model = family(name)
    rows = Rows(model)
    prompt = tuple(range(10, 17))
    rows.execute(Plan(begin=(Begin(0),), read=(Piece(0, prompt),), join=(Join(0, entry=1),)))
    outcome = rows.execute(Plan(passes=((Piece(0, (20, 21)),),)))
    kept = rows.execute(Plan(leave=(Leave(0, entry=2),))).kept
    expected = Alone(model).read((*prompt, 20, 21))
    np.testing.assert_allclose(np.array(outcome.logits[0]), expected, atol=CLOSE)
    (longer,) = kept
    used = [(1, len(prompt)), (2, len(prompt) + 2)]
    used += [(1, 4), (2, 4)] if longer.trimmable else []
    for uid, (entry, length) in enumerate(used * 2, start=1):
        rows.execute(Plan(begin=(Begin(uid, entry, length),), join=(Join(uid),)))
        outcome = rows.execute(
            Plan(
                passes=((Piece(uid, (30, 31, 32)),),),
            )
        )
        expected = Alone(model).read((*(*prompt, 20, 21)[:length], 30, 31, 32))
        np.testing.assert_allclose(np.array(outcome.logits[0]), expected, atol=CLOSE)
        rows.execute(Plan(leave=(Leave(uid),)))


def test_what_is_not_a_number_stays_in_its_row():
    model = tiny.model()
    rows = Rows(model)
    rows.execute(
        Plan(begin=(Begin(0), Begin(1)), read=(Piece(0, (5, 6)), Piece(1, (7,) * 30)), join=(Join(0), Join(1)))
    )
    for layer in rows._banks[0]._layers:  # as if the model had overflowed
        layer.keys[1], layer.values[1] = mx.nan, mx.nan
    rows.execute(Plan(leave=(Leave(1),)))
    rows.execute(Plan(begin=(Begin(2),), read=(Piece(2, (8, 9)),), join=(Join(2),)))
    outcome = rows.execute(Plan(passes=((Piece(0, (1,)), Piece(2, (2,))),)))
    np.testing.assert_allclose(np.array(outcome.logits[0]), Alone(model).read((5, 6, 1)), atol=CLOSE)
    np.testing.assert_allclose(np.array(outcome.logits[1]), Alone(model).read((8, 9, 2)), atol=CLOSE)


def test_a_model_whose_caches_have_no_rows_is_refused():
    class Chunked:
        layers = ()

        def make_cache(self):
            return [ChunkedKVCache(8)]

    with pytest.raises(ModelError, match="ChunkedKVCache"):
        Rows(Chunked())
    Rows(Chunked(), solo=True)
