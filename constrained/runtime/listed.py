"""The smaller side of a mask as a list: on a CPU, what is listed is quicker written than everything is looked through.

    logits       0.3  2.1 -1.0  0.7  ...     128,256 of them
    forbidden              2                 6,000 in the middle of a text: those become -inf, the others stay
    allowed           1         3            few where the grammar has nearly decided: all becomes -inf but those

`where` reads a condition, two values and a branch for every logit; writing a list copies the logits, at the speed of
memory, and then writes a few of them. Half of the tokens allowed and half forbidden is no list: that is for `where`.
Making the list takes longer than writing it, but texts have the same mask again and again: the last lists are kept.

Shapes: B rows, V logits, W mask words.
"""

from functools import lru_cache

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk
from constrained.automata.walk_each import take_bits

LANES = 32  # tokens in one word of a mask
SHORT = 8  # a list is short if it names at most one in so many tokens
KEPT = 64  # lists, each at most four bytes for every eighth token, and an eighth of a byte a token for its mask

Words = NDArray[np.uint32]
Ids = NDArray[np.int32]  # (n,) ascending


def listed(words: Words, width: int, most: int) -> Ids | None:
    """Those of the first `width` tokens whose bits are set in `words` (W,); None if they are more than `most`."""
    words = words[: -(-width // LANES)].copy()
    if len(words) * LANES > width:
        words[-1] &= np.uint32((1 << width % LANES) - 1)
    ids = np.empty(most, np.int32)
    count = take_bits(words, ids)
    return None if count == walk.FULL else ids[:count]


def masked_by_lists(logits: mx.array, words: Words) -> mx.array | None:
    """`logits` (V,) or (B, V) under a mask for each row (B, W); None if some mask has no short list."""
    width = logits.shape[-1]
    most = width // SHORT
    missing = max(0, -(-width // LANES) - words.shape[1])
    inverse = ~np.pad(words, ((0, 0), (0, missing))) if missing else ~words
    forbidden = _places(inverse, width, most)
    if forbidden is not None:
        return _put(logits, forbidden, mx.array(-mx.inf, logits.dtype))
    allowed = _places(words, width, most)
    if allowed is not None:
        nothing = mx.full(logits.shape, -mx.inf, logits.dtype)
        return _put(nothing, allowed, mx.flatten(logits)[mx.array(allowed)])
    return None


def _places(masks: Words, width: int, most: int) -> Ids | None:
    """The tokens of all masks (B, W), as places in logits (B V,); None if some have more than `most`."""
    found: list[Ids] = []
    for number, words in enumerate(masks):
        ids = _kept(words.tobytes(), width, most)
        if ids is None:
            return None
        found.append(ids + np.int32(number * width))
    return np.concatenate(found)


@lru_cache(KEPT)
def _kept(words: bytes, width: int, most: int) -> Ids | None:
    return listed(np.frombuffer(words, np.uint32), width, most)


def _put(logits: mx.array, places: Ids, values: mx.array) -> mx.array:
    """`logits` with `values` written at `places` of the flattened array."""
    flat = mx.put_along_axis(mx.flatten(logits), mx.array(places), values, axis=0)
    return mx.unflatten(flat, 0, logits.shape)
