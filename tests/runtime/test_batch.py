"""The batch engine: what a sequence says does not depend on who is with it."""

import re

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.cache import ChunkedKVCache

from constrained.errors import BudgetTooSmall, ModelError
from constrained.runtime.answer import SequenceRequest
from constrained.runtime.apply import apply_mask
from constrained.runtime.batch import BatchEngine
from constrained.runtime.decode import generate
from constrained.runtime.sampling import Sampler, log_probabilities
from constrained.runtime.selection import Adjustments
from tests.runtime import tiny
from tests.runtime.batches import PATTERNS, assert_as_alone, request, run, said, tokens_of
from tests.runtime.families import FAMILIES, family

pytestmark = pytest.mark.usefixtures("tiny_vocabulary")


def test_every_sequence_says_what_it_says_alone(model):
    engine = BatchEngine(model, None, max_batch=4)
    uids = [engine.add(request(number)) for number in range(12)]
    events = run(engine)
    assert_as_alone(events, dict(enumerate(uids)))


@pytest.mark.parametrize("name", FAMILIES)
def test_in_every_kind_of_cache_a_sequence_says_what_it_says_alone(name):
    model = family(name)
    numbers = (0, 2, 4, 5, 6, 9)
    expected = []
    for number in numbers:
        engine = BatchEngine(model, None, max_batch=1, prefix_cache_bytes=0)
        uid = engine.add(request(number))
        expected.append(tokens_of(run(engine), uid))
    engine = BatchEngine(model, None, max_batch=4, prefill_step=16)
    uids, events = [], []
    for number in numbers:
        uids.append(engine.add(request(number)))
        events += [*engine.step(), *engine.step()]
    cancelled = engine.add(request(1))
    events += engine.step()
    engine.cancel(cancelled)
    events += run(engine)
    assert [tokens_of(events, uid) for uid in uids] == expected


class Chunked:
    """A model whose caches cannot be batched."""

    def __init__(self, model) -> None:
        self._model, self.layers = model, model.layers

    def make_cache(self):
        return [ChunkedKVCache(1000) for _ in self.layers]

    def __call__(self, inputs, cache=None):
        return self._model(inputs, cache=cache)


def test_one_at_a_time_any_kind_of_cache_will_do(model):
    with pytest.raises(ModelError, match="max_batch=1"):
        BatchEngine(Chunked(model), None)
    engine = BatchEngine(Chunked(model), None, max_batch=1)
    events, uids = [], {}
    for number in (0, 1, 2, 1, 5, 2, 0):
        uids[engine.add(request(number))] = number
        events += [*engine.step(), *engine.step()]
    events += run(engine)
    for uid, number in uids.items():
        assert_as_alone(events, {number: uid})


@pytest.mark.parametrize("number", [1, 2, 4])
def test_one_at_a_time_it_is_the_single_loop(model, number):
    asked = request(number, fast_forward=False, adjustments=Adjustments(), top_logprobs=0)
    engine = BatchEngine(model, None, max_batch=1)
    uid = engine.add(asked)
    events = run(engine)
    made = generate(
        model, None, list(asked.prompt), request(number).constraint, max_tokens=asked.max_tokens,
        temperature=asked.sampler.temperature, top_p=asked.sampler.top_p, seed=asked.sampler.seed,
    )  # fmt: skip
    assert tokens_of(events, uid) == [token.id for token in made.tokens]


@pytest.mark.parametrize("number", [0, 3, 6, 7])
def test_forced_tokens_are_scored_if_that_is_asked_for(model, number):
    """Each token's log-probability is that among the allowed ones, behind the text so far."""
    engine = BatchEngine(model, None)
    asked = {"temperature": 1.0, "seed": number}
    settings = {"sampler": Sampler(**asked), "adjustments": Adjustments(), "top_logprobs": 3, "max_tokens": 60}
    others = [engine.add(request(other)) for other in (1, 2)]
    uid = engine.add(request(number, logprobs_of_forced=True, **settings))
    again = engine.add(request(number, logprobs_of_forced=True, **settings))
    unscored = engine.add(request(number, logprobs_of_forced=False, **settings))
    events = run(engine)
    assert tokens_of(events, uid) == tokens_of(events, again) == tokens_of(events, unscored)
    assert any(token.logprob is None for token in said(events, unscored))
    matcher, text = tiny.grammar(PATTERNS[number]).matcher(), list(request(number).prompt)
    for token in said(events, uid):
        logits = model(mx.array([text]))[:, -1]
        expected = np.array(log_probabilities(apply_mask(logits, matcher.bitmask())))[0]
        assert token.logprob == pytest.approx(expected[token.id], abs=1e-4)
        likeliest = np.argsort(-expected)[:3]
        assert [one for one, _ in token.top_logprobs] == [one for one in likeliest if expected[one] > -np.inf]
        matcher.advance(token.id)
        text.append(token.id)
    assert matcher.is_finished
    assert_as_alone(events, dict(zip((1, 2), others, strict=True)))


def test_sequences_join_at_any_time(model):
    engine = BatchEngine(model, None, max_batch=3)
    events, uids = [], []
    for number in range(10):
        uids.append(engine.add(request(number)))
        for _ in range(number % 4):
            events += engine.step()
    events += run(engine)
    assert_as_alone(events, dict(enumerate(uids)))


def test_the_last_token_says_why(model):
    engine = BatchEngine(model, None)
    uid = engine.add(request(2, max_tokens=30))
    cut = engine.add(request(2, constraint=None, max_tokens=5))
    eager = Adjustments({tiny.SPELLINGS.index(b"x"): 99.0})
    short = engine.add(
        request(2, constraint=tiny.grammar("x*(yes|no)").matcher(), max_tokens=9, adjustments=eager, sampler=Sampler())
    )
    events = run(engine)
    *before, last = said(events, uid)
    assert {token.finish_reason for token in before} == {None}
    assert last.finish_reason == "stop"
    assert re.fullmatch("[a-z]{20}", b"".join(token.text for token in before).decode())
    assert said(events, cut)[-1].finish_reason == "length"
    assert len(tokens_of(events, cut)) == 5
    assert said(events, short)[-1].finish_reason == "budget"
    assert [token.steered for token in said(events, short)].count(True) == 1
    assert re.fullmatch("xxxxx+(yes|no)", b"".join(token.text for token in said(events, short)).decode())


def test_an_answer_ends_before_a_stop_string_where_it_may(model):
    engine = BatchEngine(model, None)
    whole = engine.add(request(1, max_tokens=30))
    text = b"".join(token.text for token in said(run(engine), whole)).decode()
    stop = text[5:8]
    uids = [
        engine.add(request(1, max_tokens=30, stop=["never said", stop])),
        engine.add(request(2, max_tokens=30, stop=["a", "e", "i"])),  # 20 letters, or nothing
        engine.add(request(4)),
    ]
    events = run(engine)
    assert b"".join(token.text for token in said(events, uids[0])).decode() == text[: text.index(stop)]
    assert said(events, uids[0])[-1].finish_reason == "stop"
    assert re.fullmatch("[a-z]{20}", b"".join(token.text for token in said(events, uids[1])).decode())
    assert_as_alone(events, {4: uids[2]})


def test_what_cannot_be_asked_is_refused_when_it_is_added(model):
    engine = BatchEngine(model, None)
    with pytest.raises(ValueError, match="token 1000000"):
        engine.add(request(1, adjustments=Adjustments({1_000_000: 1.0})))
    with pytest.raises(ValueError, match="stop"):
        request(1, stop="END")
    assert engine.idle


def test_a_budget_that_holds_no_text_is_refused_with_the_request():
    with pytest.raises(BudgetTooSmall):
        request(2, max_tokens=3)


def test_wrong_arguments_are_refused_by_name(model):
    with pytest.raises(ValueError, match="max_batch"):
        BatchEngine(model, None, max_batch=0)
    with pytest.raises(ValueError, match="prompt"):
        SequenceRequest(prompt=[])
    with pytest.raises(ValueError, match="max_tokens"):
        SequenceRequest(prompt=[1], max_tokens=0)
