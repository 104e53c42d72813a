"""From the log-probabilities of a step to one token.

Log-probabilities are those of the *masked* distribution, in float32 whatever the model computes in.
Randomness is a function of (seed, position): a sequence says the same however it is batched, and a
position that is visited twice (a rejected draft) draws the same.
"""

import hashlib
import math
import secrets
from dataclasses import dataclass
from typing import TypedDict

import mlx.core as mx
from mlx_lm.sample_utils import apply_min_p, apply_top_k, apply_top_p

# Gumbel noise is -log(-log(u)); u = 0 gives -inf, and -inf for an allowed token would tie it with the
# masked ones. exp(-100) is far below what float32 can tell from zero.
LEAST_NOISE = -100.0


def log_probabilities(logits: mx.array) -> mx.array:
    """Normalise (B, V) logits of any float type to float32 log-probabilities; -inf stays -inf."""
    logits = logits.astype(mx.float32)
    return logits - mx.logsumexp(logits, axis=-1, keepdims=True)


class Sampling(TypedDict, total=False):
    """The arguments of `Sampler`, for functions that pass them on."""

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    seed: int | None


@dataclass(frozen=True, slots=True)
class Sampler:
    """How one sequence picks its tokens. Defaults: the likeliest token.

    temperature  0 for the likeliest token; otherwise the logits are divided by it
    top_p        keep the likeliest tokens that hold this much probability (1: all)
    top_k        keep this many of the likeliest tokens (0: all)
    min_p        keep tokens at least this likely relative to the likeliest (0: all)
    seed         equal seeds draw equal tokens; None draws the seed

    The filters apply in this order, as in mlx-lm, to the distribution before the temperature.
    Raises ValueError for a value out of range.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.seed is None:
            object.__setattr__(self, "seed", secrets.randbits(63))
        if not 0.0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be a number from 0 up, not {self.temperature}")
        if not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p}")
        if self.top_k < 0:
            raise ValueError(f"top_k must not be negative, not {self.top_k}")
        if not 0.0 <= self.min_p <= 1.0:
            raise ValueError(f"min_p must be from 0 to 1, not {self.min_p}")

    def choose(self, logprobs: mx.array, position: int, among: tuple[mx.array, int] | None = None) -> mx.array:
        """Pick a token for every row: (B, V) float32 -> (B,) uint32. Never one at -inf.

        With `among`, (K,) ids of a vocabulary so large, the logprobs (1, K) are those of these tokens alone, and the
        place of one of them is picked, the one that would be picked if the others were there with -inf.
        """
        if self.temperature == 0.0 or logprobs.shape[-1] == 1:
            return mx.argmax(logprobs, axis=-1)
        kept = self._filtered(logprobs)
        if among is None:
            noise = mx.random.gumbel(kept.shape, key=self._key(position))
        else:
            ids, size = among
            noise = mx.random.gumbel((1, size), key=self._key(position))[:, ids]
        return mx.argmax(kept / self.temperature + mx.maximum(noise, LEAST_NOISE), axis=-1)

    def _filtered(self, logprobs: mx.array) -> mx.array:
        if self.top_p < 1.0:
            logprobs = apply_top_p(logprobs, self.top_p)
        if self.min_p > 0.0:
            logprobs = apply_min_p(logprobs, self.min_p)
        if 0 < self.top_k < logprobs.shape[-1]:
            logprobs = apply_top_k(logprobs, self.top_k)
        return logprobs

    def _key(self, position: int) -> mx.array:
        digest = hashlib.blake2b(f"{self.seed} {position}".encode(), digest_size=8).digest()
        return mx.random.key(int.from_bytes(digest, "little"))
