"""A grammar as a logits processor: `(tokens, logits) -> logits`, the plug of mlx-lm and of what builds on it.

Hosts differ in what they put into `tokens` (the whole prompt, its last token, what a cache held before)
and in when they call (one step ahead, past the end token, several times for one position while they
speculate). Two things hold everywhere: the first call comes before the first generated token, and
`tokens` only ever grows or loses its end. So nothing is counted; the state is read off the tokens:

    first call        [prompt ...]                      its length is the start
    later calls       [prompt ... a b c]                advance over what is new
    draft rejected    [prompt ... a x]                  roll back to `a`, advance over `x`
    past the end      [prompt ... a b END ?]            the end token again, until the host stops

The forward pass is started before the mask is computed, so on a GPU the mask costs nothing: the
generated tokens are enqueued first, since reading them must not wait for the pass behind them.
"""

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from constrained.runtime.apply import LANES, apply_mask
from constrained.runtime.constraint import Constraint, Grammar, constraint_of
from constrained.runtime.evaluation import start


class GrammarProcessor:
    """Masks the logits of one sequence; give every sequence its own.

    Works in mlx-lm's `generate`, `stream_generate`, `generate_step`, `speculative_generate_step` and
    `BatchGenerator` (as `logits_processors=[processor]`, one list per row). A matcher that has consumed tokens
    continues from there. Calls raise TokenRefused if the host picked a token that was masked.
    """

    def __init__(self, grammar: Grammar | Constraint) -> None:
        self._matcher = constraint_of(grammar)
        self._prompt: int | None = None  # how many of the host's tokens came before generation
        self._consumed = np.empty(0, np.int64)  # the generated tokens that the matcher has consumed

    def __call__(self, tokens: mx.array, logits: mx.array) -> mx.array:
        """Return `logits` (1, V) or (V,) with -inf where the grammar forbids; `tokens` (N,) is the history."""
        if self._prompt is None or tokens.size < self._prompt:
            self._prompt = tokens.size
        generated = tokens[self._prompt :]
        start(generated)
        start(logits)
        self._follow(np.array(generated, dtype=np.int64))
        return apply_mask(logits, self._bits())

    def _follow(self, generated: NDArray[np.int64]) -> None:
        """Move the matcher to the place after `generated` (N,), or to its end if that comes earlier."""
        shared = min(len(generated), len(self._consumed))
        different = np.flatnonzero(generated[:shared] != self._consumed[:shared])
        common = int(different[0]) if different.size else shared
        if common < len(self._consumed):
            self._matcher.rollback(len(self._consumed) - common)
            self._consumed = self._consumed[:common]
        for token in generated[common:].tolist():
            if self._matcher.is_finished:
                break
            self._matcher.advance(token)
            self._consumed = generated[: len(self._consumed) + 1]

    def _bits(self) -> NDArray[np.uint32]:
        """The mask (W,): the matcher's, or its end token alone once it has finished."""
        if not self._matcher.is_finished:
            return self._matcher.bitmask()
        end = self._matcher.tokens[-1]
        bits = np.zeros(end // LANES + 1, np.uint32)
        bits[end // LANES] = 1 << end % LANES
        return bits
