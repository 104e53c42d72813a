"""Drawing tokens: never a masked one, in proportion, and reproducibly."""

import mlx.core as mx
import numpy as np
import pytest

from constrained.runtime.sampling import Sampler, log_probabilities

LOGITS = mx.array([[1.0, -mx.inf, 3.0, 2.0, -mx.inf, 0.0]])


def drawn(sampler: Sampler, logits: mx.array = LOGITS, times: int = 300) -> list[int]:
    logprobs = log_probabilities(logits)
    return [int(sampler.choose(logprobs, position).item()) for position in range(times)]


def test_log_probabilities_add_up_to_one_and_keep_the_mask():
    logprobs = np.array(log_probabilities(LOGITS.astype(mx.float16)))
    assert logprobs.dtype == np.float32
    assert np.isclose(np.exp(logprobs).sum(), 1.0)
    assert np.isneginf(logprobs[0, [1, 4]]).all()


def test_without_temperature_the_likeliest_token_is_taken():
    assert set(drawn(Sampler(), times=3)) == {2}


@pytest.mark.parametrize(
    ("sampler", "possible"),
    [
        (Sampler(temperature=1.0, seed=0), {0, 2, 3, 5}),
        (Sampler(temperature=100.0, seed=0), {0, 2, 3, 5}),
        (Sampler(temperature=1e-6, seed=0), {2}),
        (Sampler(temperature=1.0, top_k=2, seed=0), {2, 3}),
        (Sampler(temperature=1.0, top_k=6, seed=0), {0, 2, 3, 5}),
        (Sampler(temperature=1.0, top_p=0.6, seed=0), {2}),
        (Sampler(temperature=1.0, top_p=0.7, seed=0), {2, 3}),
        (Sampler(temperature=1.0, min_p=0.3, seed=0), {2, 3}),
    ],
    ids=repr,
)
def test_exactly_the_tokens_that_pass_the_filters_are_drawn(sampler, possible):
    assert set(drawn(sampler)) == possible


def test_tokens_are_drawn_in_proportion():
    counts = np.bincount(drawn(Sampler(temperature=1.0, seed=3), times=2000), minlength=6) / 2000
    np.testing.assert_allclose(counts, np.exp(np.array(log_probabilities(LOGITS))[0]), atol=0.04)


def test_the_only_allowed_token_is_drawn_whatever_the_noise(monkeypatch):
    """The uniform behind the noise can be 0, and the noise then -inf."""
    monkeypatch.setattr(mx.random, "gumbel", lambda shape, key: mx.full(shape, -mx.inf))
    assert drawn(Sampler(temperature=1.0), mx.array([[-mx.inf, -mx.inf, 0.0]]), times=1) == [2]


def test_a_draw_depends_on_seed_and_position_alone():
    logprobs = log_probabilities(mx.zeros((1, 1000)))
    one, other = Sampler(temperature=1.0, seed=1), Sampler(temperature=1.0, seed=2)
    at = [int(one.choose(logprobs, p).item()) for p in (0, 1, 2)]
    mx.random.seed(99)
    assert [int(one.choose(logprobs, p).item()) for p in (2, 1, 0)] == at[::-1]
    assert [int(other.choose(logprobs, p).item()) for p in (0, 1, 2)] != at


def test_an_unnamed_seed_is_drawn_once():
    sampler = Sampler(temperature=1.0)
    assert sampler.seed is not None
    assert drawn(sampler, times=5) == drawn(sampler, times=5)
