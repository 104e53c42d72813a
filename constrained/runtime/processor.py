"""A grammar as a logits processor: `(tokens, logits) -> logits`, the plug of mlx-lm and of what builds on it.

Hosts differ in what they put into `tokens` (the whole prompt, its last token, what a cache held before)
and in when they call (one step ahead, past the end token, several times for one position while they
speculate, in turns for the rows of a batch). Two things hold everywhere: the first call comes before the
first generated token, and from then on a row's `tokens` begin as they did. So nothing is counted; rows and
their states are read off the tokens:

    first call        [prompt ...]                      its length is the start
    later calls       [prompt ... a b c]                advance over what is new
    draft rejected    [prompt ... a x]                  roll back to `a`, advance over `x`
    past the end      [prompt ... a b END ?]            the end token again, until the host stops
    another row       [other prompt ...]                a sequence of its own

The forward pass is started before the mask is computed, so on a GPU the mask costs nothing: the
tokens are enqueued first, since reading them must not wait for the pass behind them.
"""

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from constrained.runtime.apply import apply_mask
from constrained.runtime.constraint import Constraint, Grammar, budgeted, constraint_of
from constrained.runtime.evaluation import start
from constrained.runtime.listed import LANES

ROWS = 64  # sequences that are remembered

Tokens = NDArray[np.int64]  # (N,)


class GrammarProcessor:
    """Masks logits, in mlx-lm's `generate`, `stream_generate`, `generate_step`, `batch_generate`, `BatchGenerator`
    and `speculative_generate_step`, as `logits_processors=[processor]`.

    With a grammar it may serve several sequences, one after the other or as rows of a batch, as long as no prompt
    is the beginning of another; those need processors of their own. A matcher (or another constraint) is one
    sequence, and continues where it is. `max_tokens`: the text is complete within so many tokens; give the host the
    same number. Calls raise TokenRefused if the host picked a token that was masked.
    """

    def __init__(self, grammar: Grammar | Constraint, *, max_tokens: int | None = None) -> None:
        self._grammar = grammar
        self._max_tokens = max_tokens
        self._next = self._begin()  # raises what is wrong now
        self._rows: list[_Row] = []  # the one that was asked last comes last

    def _begin(self) -> Constraint:
        constraint = constraint_of(self._grammar)
        return constraint if self._max_tokens is None else budgeted(constraint, self._max_tokens)

    def __call__(self, tokens: mx.array, logits: mx.array) -> mx.array:
        """Return `logits` (1, V) or (V,) with -inf where the grammar forbids; `tokens` (N,) is the history."""
        start(tokens)
        start(logits)
        row = self._row_of(np.array(tokens, dtype=np.int64))
        return apply_mask(logits, row.bits())

    def _row_of(self, history: Tokens) -> "_Row":
        """The sequence that has this history, moved to its end."""
        known = max((row for row in self._rows if row.begins(history)), key=lambda row: len(row.prompt), default=None)
        if known is None:
            known = self._new_row(history)
        else:
            self._rows.remove(known)
        self._rows.append(known)
        del self._rows[:-ROWS]
        known.follow(history[len(known.prompt) :])
        return known

    def _new_row(self, prompt: Tokens) -> "_Row":
        if self._rows and isinstance(self._grammar, Constraint):
            (row,) = self._rows  # one sequence, begun anew
            self._rows.clear()
            row.follow(prompt[:0])
            return _Row(prompt, row.constraint)
        constraint = self._next if not self._rows else self._begin()
        return _Row(prompt, constraint)


class _Row:
    """One sequence: its prompt, and what it has consumed since."""

    def __init__(self, prompt: Tokens, constraint: Constraint) -> None:
        self.prompt = prompt
        self.constraint = constraint
        self._consumed = prompt[:0]

    def begins(self, history: Tokens) -> bool:
        """Does `history` begin with this prompt?"""
        return len(history) >= len(self.prompt) and bool((history[: len(self.prompt)] == self.prompt).all())

    def follow(self, generated: Tokens) -> None:
        """Move to the place after `generated`, or to the end of the text if that comes earlier."""
        shared = min(len(generated), len(self._consumed))
        different = np.flatnonzero(generated[:shared] != self._consumed[:shared])
        common = int(different[0]) if different.size else shared
        if common < len(self._consumed):
            self.constraint.rollback(len(self._consumed) - common)
            self._consumed = self._consumed[:common]
        for token in generated[common:].tolist():
            if self.constraint.is_finished:
                break
            self.constraint.advance(token)
            self._consumed = generated[: len(self._consumed) + 1]

    def bits(self) -> NDArray[np.uint32]:
        """The mask (W,): the constraint's, or its end token alone once it has finished."""
        if not self.constraint.is_finished:
            return self.constraint.bitmask()
        end = self.constraint.tokens[-1]
        bits = np.zeros(end // LANES + 1, np.uint32)
        bits[end // LANES] = 1 << end % LANES
        return bits
