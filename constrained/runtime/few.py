"""A choice among few tokens: their logits are gathered, and nobody looks at the rest of the vocabulary.

    mask     0b..10..01 0b..1..    (W,)       allowed  3  60  64         of 128,256
    logits   (B, V)  --gather-->   (R, K)     -1.2  0.3  -7.0            normalised, and chosen from, as they are
                                                    `--- id 60

Where a grammar leaves a handful of tokens, which is usual in a tool call, this takes microseconds where masking and
normalising the whole vocabulary takes milliseconds on a CPU; a constrained step is then cheaper than a free one.
The result is the same, up to the order in which numbers are added: a forbidden token has no probability, so leaving
it out changes none.

Shapes: R rows, V logits, W mask words, K tokens of the row that has most.
"""

from collections.abc import Sequence

import mlx.core as mx
import numpy as np

from constrained.runtime.listed import Ids, Words, listed
from constrained.runtime.sampling import Sampler, log_probabilities

MOST = 256  # tokens that are few


def few_tokens(mask: Words, width: int) -> Ids | None:
    """The tokens of a mask (W,) that have one of `width` logits, if there are any and they are few; None if not."""
    ids = listed(mask, width, MOST)
    return None if ids is None or not len(ids) else ids


def choose_among(
    logits: mx.array, places: Sequence[int], allowed: Sequence[Ids], samplers: Sequence[tuple[Sampler, int]]
) -> tuple[mx.array, mx.array]:
    """For the rows `places` of `logits` (B, V): (R,) tokens and (R,) float32 log-probabilities among the allowed ones.

    samplers   of each row, with the position of its token
    """
    sizes = [len(ids) for ids in allowed]
    table = np.zeros((len(sizes), max(sizes)), np.int32)
    for row, ids in zip(table, allowed, strict=True):
        row[: len(ids)] = ids
    ids = mx.array(table)
    gathered = logits[mx.array(list(places))[:, None], ids]  # (R, K)
    if min(sizes) < max(sizes):
        is_real = mx.arange(max(sizes))[None] < mx.array(sizes)[:, None]
        gathered = mx.where(is_real, gathered, mx.array(-mx.inf, gathered.dtype))
    logprobs = log_probabilities(gathered)
    if all(sampler.temperature == 0.0 for sampler, _ in samplers):
        chosen = mx.argmax(logprobs, axis=-1)
    else:
        chosen = mx.concatenate(
            [
                sampler.choose(logprobs[i : i + 1, :size], position, (ids[i, :size], logits.shape[-1]))
                for i, ((sampler, position), size) in enumerate(zip(samplers, sizes, strict=True))
            ]
        )
    at = chosen[:, None]
    tokens = mx.take_along_axis(ids, at, axis=-1).astype(mx.uint32)
    return tokens[:, 0], mx.take_along_axis(logprobs, at, axis=-1)[:, 0]
