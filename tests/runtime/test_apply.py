"""The mask on the device equals its numpy twin, bit for bit."""

import mlx.core as mx
import numpy as np
import pytest
from numpy.typing import NDArray

from constrained.runtime.apply import apply_mask, masked, uploaded

SIZES = [1, 31, 32, 33, 1000]


def twin(logits: NDArray[np.float32], bits: NDArray[np.uint32]) -> NDArray[np.float32]:
    """The definition: token t keeps its logit when bit t % 32 of word t // 32 is set."""
    result = np.full_like(logits, -np.inf)
    for row in np.ndindex(logits.shape[:-1]):
        words = bits[row] if bits.ndim == logits.ndim else bits
        for token in range(logits.shape[-1]):
            if token // 32 < len(words) and words[token // 32] >> np.uint32(token % 32) & np.uint32(1):
                result[(*row, token)] = logits[(*row, token)]
    return result


def random_bits(*shape: int) -> NDArray[np.uint32]:
    return np.random.default_rng(sum(shape)).integers(0, 2**32, size=shape, dtype=np.uint32)


def random_logits(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_matches_the_numpy_twin(size: int):
    logits, bits = random_logits(size), random_bits(-(-size // 32))
    np.testing.assert_array_equal(np.array(apply_mask(mx.array(logits), bits)), twin(logits, bits))


@pytest.mark.parametrize("size", SIZES)
def test_a_batch_has_a_mask_per_row(size: int):
    logits, bits = random_logits(3, size), random_bits(3, -(-size // 32))
    np.testing.assert_array_equal(np.array(apply_mask(mx.array(logits), bits)), twin(logits, bits))


def test_one_mask_may_serve_every_row():
    logits, bits = random_logits(3, 100), random_bits(4)
    np.testing.assert_array_equal(np.array(apply_mask(mx.array(logits), mx.array(bits))), twin(logits, bits))


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16, mx.float32])
@pytest.mark.parametrize("forbidden", [0, 1, 60, 124, 125, 500, 900, 940, 999, 1000])
def test_short_lists_and_long_ones_come_to_the_same(dtype: mx.Dtype, forbidden: int):
    """Few forbidden tokens, few allowed ones, neither; among the forbidden logits are infinities and no numbers."""
    rng = np.random.default_rng(forbidden)
    rows, bits = random_logits(3, 1000), np.full((3, 32), 2**32 - 1, np.uint32)
    for values, words in zip(rows, bits, strict=True):
        chosen = rng.choice(1000, forbidden, replace=False)
        values[chosen[::2]] = rng.choice([np.inf, -np.inf, np.nan], len(chosen[::2]))
        for token in chosen:
            words[token // 32] &= ~np.uint32(1 << token % 32)
    values = mx.array(rows).astype(dtype)
    expected = twin(np.array(values.astype(mx.float32)), bits)
    for found in (apply_mask(values, bits), mx.stack([apply_mask(values[i], bits[i]) for i in range(3)])):
        assert found.dtype == dtype
        np.testing.assert_array_equal(np.array(found.astype(mx.float32)), expected)
    np.testing.assert_array_equal(np.array(apply_mask(values[:1], bits[0]).astype(mx.float32)), expected[:1])
    assert (
        np.array_equal(np.array(values.astype(mx.float32)), rows.astype(np.float32), equal_nan=True)
        or dtype != mx.float32
    )


@pytest.mark.parametrize(("logits_size", "words"), [(100, 1), (64, 1), (65, 2), (31, 4), (1, 4), (1000, 1)])
def test_widths_may_differ(logits_size: int, words: int):
    logits, bits = random_logits(2, logits_size), random_bits(2, words)
    np.testing.assert_array_equal(np.array(apply_mask(mx.array(logits), bits)), twin(logits, bits))


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16, mx.float32])
def test_the_dtype_is_kept_and_values_are_untouched(dtype: mx.Dtype):
    logits = mx.array(random_logits(2, 70)).astype(dtype)
    bits = random_bits(2, 3)
    result = apply_mask(logits, bits)
    assert result.dtype == dtype
    expected = twin(np.array(logits.astype(mx.float32)), bits)
    np.testing.assert_array_equal(np.array(result.astype(mx.float32)), expected)


def test_a_forbidden_logit_is_minus_infinity_whatever_it_was():
    logits = mx.array([mx.inf, mx.nan, -mx.inf, 3.0])
    assert apply_mask(logits, np.array([0b1000], np.uint32)).tolist() == [-mx.inf, -mx.inf, -mx.inf, 3.0]


def test_the_highest_bit_of_a_word_is_a_token_like_any_other():
    assert apply_mask(mx.zeros(32), np.array([1 << 31], np.uint32)).tolist() == [-mx.inf] * 31 + [0.0]


def test_the_compiled_form_for_gpus_is_the_same_function():
    logits, bits = random_logits(3, 1000), random_bits(3, 32)
    compiled = mx.compile(masked)(mx.array(logits), mx.array(bits))
    np.testing.assert_array_equal(np.array(compiled), twin(logits, bits))


@pytest.mark.parametrize("shape", [(4,), (1, 4), (3, 4)])
def test_what_is_uploaded_are_the_masks_and_those_of_a_batch_are_kept(shape: tuple[int, ...]):
    for bits in (random_bits(*shape), ~random_bits(*shape)):
        for _ in range(2):
            np.testing.assert_array_equal(np.array(uploaded(bits)), bits)
