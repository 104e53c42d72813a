"""From the logits of a batch to one token a row, with one upload and one reading.

Shapes: B rows, V logits, W mask words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from constrained.runtime.apply import LANES, apply_mask
from constrained.runtime.decode import Guide
from constrained.runtime.evaluation import finish
from constrained.runtime.sampling import Sampler, log_probabilities

EVERYTHING = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Choice:
    """A row's token and its log-probability among the allowed ones; NaN if the logits are not numbers."""

    token: int
    logprob: float

    @property
    def is_number(self) -> bool:
        """Was there anything to choose from?"""
        return not math.isnan(self.logprob)


def choose(
    logits: mx.array, guides: Sequence[Guide | None], samplers: Sequence[Sampler], positions: Sequence[int]
) -> list[Choice]:
    """Pick one of the allowed tokens for every row of `logits` (B, V)."""
    if any(guides):
        logits = apply_mask(logits, mx.array(packed(guides, -(-logits.shape[-1] // LANES))))
    logprobs = log_probabilities(logits)  # (B, V)
    if all(sampler.temperature == 0 for sampler in samplers):
        tokens = mx.argmax(logprobs, axis=-1)  # (B,)
    else:
        rows = zip(samplers, positions, strict=True)
        tokens = mx.concatenate([s.choose(logprobs[i : i + 1], position) for i, (s, position) in enumerate(rows)])
    chosen = mx.take_along_axis(logprobs, tokens[:, None], axis=1)[:, 0]  # (B,)
    finish(tokens, chosen)
    return list(map(Choice, cast("list[int]", tokens.tolist()), cast("list[float]", chosen.tolist())))


def packed(guides: Sequence[Guide | None], words: int) -> NDArray[np.uint32]:
    """The masks of all rows, (B, W); a free row allows everything."""
    bits = np.zeros((len(guides), words), np.uint32)
    for row, guide in zip(bits, guides, strict=True):
        if guide is None:
            row[:] = EVERYTHING
        else:
            mask = guide.mask[:words]
            row[: len(mask)] = mask
    return bits
