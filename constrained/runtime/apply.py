"""A packed mask meets the logits, on the device.

Idea.  A mask travels packed, 32 tokens to a word: 24 KB for 200,000 tokens where a float bias would
be 800 KB. The device unpacks it with one shift per token:

    bits    (B, W)       0b...0101                      bit t % 32 of word t // 32 is token t
    lanes   (B, W, 32)   bits >> [0, 1, 2, ... 31] & 1  -> 1 0 1 0 ...
    allowed (B, 32 W)    flattened, cut to the width of the logits
    logits  (B, V)       where allowed, the model's; elsewhere exactly -inf

Nothing but shift, and, where: the same function on Metal and on CUDA, in one kernel. The CPU backend does the same
where it has to; mostly one side of a mask is short, and is written as a list there (listed.py).

Shapes: B rows, V logits, W mask words.
"""

from collections.abc import Callable
from functools import lru_cache

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from constrained.runtime.listed import KEPT, LANES, masked_by_lists


def is_on_gpu() -> bool:
    """Does MLX compute on a GPU?"""
    return mx.default_device() == mx.gpu


def apply_mask(logits: mx.array, bits: mx.array | NDArray[np.uint32]) -> mx.array:
    """Return `logits` with exactly -inf wherever the mask forbids the token.

    logits (V,) or (B, V) float16, bfloat16 or float32; bits (W,) for every row or (B, W) uint32.
    The widths need not agree: a logit beyond the mask is forbidden (models pad their vocabulary), a
    bit beyond the logits says nothing.
    """
    on_gpu = is_on_gpu()
    if isinstance(bits, np.ndarray) and not on_gpu:
        rows = bits.reshape(-1, bits.shape[-1])
        found = masked_by_lists(logits, rows) if len(rows) * logits.shape[-1] == logits.size else None
        if found is not None:
            return found
    words = uploaded(bits) if isinstance(bits, np.ndarray) else bits
    missing = -(-logits.shape[-1] // LANES) - words.shape[-1]
    if missing > 0:
        words = mx.pad(words, [(0, 0)] * (words.ndim - 1) + [(0, missing)])
    return _masked_on_gpu(logits, words) if on_gpu else masked(logits, words)


def uploaded(bits: NDArray[np.uint32]) -> mx.array:
    """`bits` on the device. Rows of a batch have the same masks step after step, and those of the last are kept there:
    an upload of eight takes longer than all that is done with them (0.47 ms on an H100, under 0.1 ms)."""
    if bits.ndim == 1 or len(bits) == 1:
        return mx.array(bits)
    return mx.stack([_uploaded(row.tobytes()) for row in bits])


@lru_cache(KEPT)
def _uploaded(words: bytes) -> mx.array:
    return mx.array(np.frombuffer(words, np.uint32))


def masked(logits: mx.array, words: mx.array) -> mx.array:
    """The picture above, line by line; `words` must cover the logits."""
    lanes = mx.arange(LANES, dtype=mx.uint32)
    allowed = (words[..., None] >> lanes) & 1  # (..., W, 32)
    allowed = mx.flatten(allowed, -2)[..., : logits.shape[-1]]  # (..., V)
    return mx.where(allowed, logits, mx.array(-mx.inf, logits.dtype))


# Compiled, a GPU fuses shift and mask into one kernel. The CPU backend would call a C++ compiler at
# run time (2 s) to save 50 us a token, so there it stays as written.
_masked_on_gpu: Callable[[mx.array, mx.array], mx.array] = mx.compile(masked)
