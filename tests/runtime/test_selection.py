"""From logits to tokens: masked tokens stay out, rows do not see one another, numbers are those of the distribution."""

import dataclasses
import math

import mlx.core as mx
import numpy as np
import pytest

from constrained.errors import ModelError
from constrained.runtime import selection
from constrained.runtime.few import few_tokens
from constrained.runtime.sampling import Sampler
from constrained.runtime.selection import Adjustments, Row, pack, select

V = 70
GREEDY = Sampler()


def logits(rows: int = 1) -> mx.array:
    return mx.array(np.random.default_rng(5).normal(size=(rows, V), scale=3).astype(np.float32))


def mask(*tokens: int) -> np.ndarray:
    words = np.zeros(3, np.uint32)
    for token in tokens:
        words[token // 32] |= np.uint32(1 << token % 32)
    return words


def by_definition(values, allowed=None, adjustments=None, prompt=(), answer=None) -> np.ndarray:
    """(V,) log-probabilities, one token at a time."""
    adjustments, answer = adjustments or Adjustments(), answer or {}
    result = np.full(V, -np.inf)
    for token in range(V) if allowed is None else allowed:
        value = float(values[token])
        if token in prompt or token in answer:
            value = value * adjustments.repetition_penalty if value < 0 else value / adjustments.repetition_penalty
        if token in answer:
            value -= adjustments.presence_penalty + adjustments.frequency_penalty * answer[token]
        result[token] = value + adjustments.logit_bias.get(token, 0.0)
    return result - np.log(np.exp(result).sum())


HEAVY = Adjustments({3: 50.0, 9: -2.0, 40: 5.0}, repetition_penalty=1.7, presence_penalty=0.9, frequency_penalty=0.4)


@pytest.mark.parametrize("allowed", [None, (9,), (5, 9, 33, 40, 69)])
@pytest.mark.parametrize("adjustments", [Adjustments(), HEAVY], ids=["plain", "adjusted"])
def test_the_distribution_is_that_of_the_allowed_tokens_after_adjustments(allowed, adjustments):
    prompt, answer = [1, 5, 5, 40], {9: 2, 40: 1}
    row = Row(GREEDY, 0, None if allowed is None else mask(*allowed), 4, adjustments, prompt, answer)
    (picked,) = select(logits(), [row]).read()
    expected = by_definition(np.array(logits())[0], allowed, adjustments, prompt, answer)
    assert picked.token == expected.argmax()
    assert math.isclose(picked.logprob, expected.max(), abs_tol=1e-4)
    order = [token for token in np.argsort(-expected, kind="stable")[:4].tolist() if expected[token] > -np.inf]
    assert [token for token, _ in picked.top] == order
    np.testing.assert_allclose([value for _, value in picked.top], expected[order], atol=1e-4)


def test_no_bias_and_no_penalty_brings_a_masked_token_back():
    adjustments = Adjustments({3: 1e30, 9: -1e30}, repetition_penalty=1e-6, presence_penalty=-1e30)
    row = Row(Sampler(temperature=5.0, seed=1), 0, mask(9, 10), 70, adjustments, [3, 4], {3: 9, 4: 9})
    (picked,) = select(logits(), [row]).read()
    assert {token for token, _ in picked.top} <= {9, 10}
    assert picked.token in {9, 10}


def test_rows_do_not_see_one_another():
    values = logits(5)
    rows = [
        Row(GREEDY, 0),
        Row(Sampler(temperature=2.0, seed=1), 3, mask(1, 2, 3, 60)),
        Row(Sampler(temperature=2.0, seed=1), 4, None, 3, HEAVY, [5, 6], {7: 2}),
        Row(Sampler(temperature=0.7, top_k=5, seed=2), 9, mask(*range(50)), 1),
        Row(Sampler(temperature=1.0, top_p=0.5, min_p=0.1, seed=8), 1),
    ]
    together = select(values, rows).read()
    alone = [select(values[i : i + 1], [row]).read()[0] for i, row in enumerate(rows)]
    assert [one.token for one in together] == [one.token for one in alone]
    assert [one.top for one in together] == [one.top for one in alone]
    assert [len(one.top) for one in together] == [0, 0, 3, 1, 0]


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16, mx.float32])
def test_any_float_type_gives_the_same_numbers_up_to_its_precision(dtype):
    (picked,) = select(logits().astype(dtype), [Row(GREEDY, 0, mask(5, 9, 33), 2)]).read()
    expected = by_definition(np.array(logits().astype(dtype).astype(mx.float32))[0], (5, 9, 33))
    assert picked.token == expected.argmax()
    assert math.isclose(picked.logprob, expected.max(), abs_tol=1e-5)


def test_masks_of_a_batch_are_packed_to_the_width_of_the_logits():
    assert pack([None, None], V) is None
    packed = pack([None, mask(69), np.ones(9, np.uint32)], V)
    assert packed is not None
    assert packed.shape == (3, 3)
    assert packed.tolist() == [[0xFFFFFFFF] * 3, [0, 0, 1 << 5], [1, 1, 1]]


def test_logits_that_are_not_numbers_are_the_models_fault():
    with pytest.raises(ModelError, match="not numbers"):
        select(mx.full((1, V), mx.nan), [Row(GREEDY, 0, mask(5))]).read()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"presence_penalty": math.nan}, "presence_penalty"),
        ({"frequency_penalty": math.inf}, "frequency_penalty"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
        ({"logit_bias": {3: math.inf}}, "logit_bias"),
        ({"logit_bias": {-1: 1.0}}, "logit_bias"),
    ],
)
def test_adjustments_out_of_range_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        Adjustments(**options)


def test_a_bias_for_a_token_that_there_is_not_is_refused():
    Adjustments({69: 1.0}).check(V)
    with pytest.raises(ValueError, match="70 tokens"):
        Adjustments({70: 1.0}).check(V)


@pytest.mark.parametrize("sampler", [GREEDY, Sampler(temperature=1.3, top_p=0.9, seed=7)], ids=["greedy", "drawn"])
@pytest.mark.parametrize("adjustments", [Adjustments(), HEAVY], ids=["plain", "adjusted"])
def test_an_observation_is_of_the_same_step_without_the_mask(sampler, adjustments):
    allowed, prompt, answer = (5, 9, 33, 69), [1, 5, 40], {9: 2}
    values = logits()
    free = select(values, [Row(sampler, 3, None, 0, adjustments, prompt, answer)]).read()[0]
    (picked,) = select(values, [Row(sampler, 3, mask(*allowed), 0, adjustments, prompt, answer, observe=3)]).read()
    before = np.exp(by_definition(np.array(values)[0], None, adjustments, prompt, answer))
    after = np.exp(by_definition(np.array(values)[0], allowed, adjustments, prompt, answer))
    seen = picked.observation
    assert seen.wanted == free.token
    assert math.isclose(seen.kept, before[list(allowed)].sum(), rel_tol=1e-3)
    likely = {*np.argsort(-before)[:3].tolist(), *np.argsort(-after)[:3].tolist()}
    assert [one.token for one in seen.alternatives] == sorted(likely, key=lambda token: -before[token])
    for one in seen.alternatives:
        assert math.isclose(one.before, before[one.token], rel_tol=1e-3)
        assert math.isclose(one.after, after[one.token], rel_tol=1e-3)


def test_only_rows_that_ask_are_observed_and_observing_changes_no_choice():
    rows = [Row(Sampler(temperature=2.0, seed=n), 3, mask(1, 2, 3, 60)) for n in range(3)]
    watched = [dataclasses.replace(row, observe=n) for n, row in enumerate(rows)]
    plain, seen = select(logits(3), rows).read(), select(logits(3), watched).read()
    assert [one.token for one in plain] == [one.token for one in seen]
    assert [one.observation is None for one in plain] == [True] * 3
    assert [one.observation is None for one in seen] == [True, False, False]


def test_without_a_mask_everything_is_kept_and_what_was_wanted_is_taken():
    (picked,) = select(logits(), [Row(Sampler(temperature=1.0, seed=5), 0, observe=4)]).read()
    assert picked.observation.wanted == picked.token
    assert math.isclose(picked.observation.kept, 1.0, rel_tol=1e-5)
    assert all(math.isclose(one.before, one.after, rel_tol=1e-4) for one in picked.observation.alternatives)


def test_among_few_tokens_the_choice_is_that_of_the_whole_vocabulary():
    """A row that asks for the likeliest tokens too is chosen from the whole vocabulary, and must say the same."""
    rng = np.random.default_rng(8)
    for number in range(40):
        allowed = [sorted(rng.choice(V, size=int(rng.integers(1, 30)), replace=False).tolist()) for _ in range(4)]
        samplers = [
            GREEDY,
            *(Sampler(temperature=1.3, top_p=0.9, min_p=0.02, top_k=20, seed=number + i) for i in range(3)),
        ]
        plain = [Row(one, number, mask(*some)) for one, some in zip(samplers, allowed, strict=True)]
        asking = [dataclasses.replace(row, top=1) for row in plain]
        values = mx.array(rng.normal(size=(4, V), scale=3).astype(np.float32))
        found, expected = select(values, plain).read(), select(values, asking).read()
        assert [one.token for one in found] == [one.token for one in expected]
        assert np.allclose([one.logprob for one in found], [one.logprob for one in expected], atol=1e-5)
        mixed = [asking[0], plain[1], asking[2], plain[3]]
        assert [one.token for one in select(values, mixed).read()] == [one.token for one in expected]
        assert select(values, mixed).tokens.tolist() == [one.token for one in expected]


def test_on_a_gpu_a_batch_is_chosen_from_in_one_part(monkeypatch):
    values = mx.array(np.random.default_rng(9).normal(size=(2, V)).astype(np.float32))
    rows = [Row(GREEDY, 0, mask(3, 5)), Row(GREEDY, 0)]
    expected = [one.token for one in select(values, rows).read()]
    monkeypatch.setattr(selection, "is_on_gpu", lambda: True)
    assert len(select(values, rows).parts) == 1
    assert [one.token for one in select(values, rows).read()] == expected
    assert len(select(values[:1], rows[:1]).parts[0].places) == 1


def test_few_tokens_are_those_of_the_mask_that_have_a_logit():
    assert few_tokens(mask(0, 31, 32, 69), V).tolist() == [0, 31, 32, 69]
    assert few_tokens(mask(3, 69), 40).tolist() == [3]
    assert few_tokens(mask(69), 40) is None
    assert few_tokens(mask(), V) is None
    assert few_tokens(np.full(20, 0xFFFFFFFF, np.uint32), 640) is None


def test_a_forbidden_logit_that_is_no_number_does_not_matter():
    values = np.zeros((1, V), np.float32)
    values[0, 5] = np.nan
    assert select(mx.array(values), [Row(GREEDY, 0, mask(3, 4))]).read()[0].token == 3
    with pytest.raises(ModelError):
        select(mx.array(values), [Row(GREEDY, 0, mask(4, 5))]).read()
