"""What a generation yields: one `GeneratedToken` after the other, or a finished `Generation`."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from constrained.observation import Observation, Origin
from constrained.runtime.constraint import Constraint, Guide
from constrained.vocabulary.vocabulary import Vocabulary

Finish = Literal["stop", "length", "budget"]


@dataclass(frozen=True, slots=True)
class GeneratedToken:
    """One generated token.

    text     the bytes it adds; b"" for a control or end token
    forced   the grammar left no choice about what this token says (at most about how it is cut into tokens)
    removed  the fraction of the vocabulary that the mask removed, 0 to 1; 0.0 without a grammar
    logprob  natural logarithm of its probability among the allowed tokens; None for a token that was not
             asked of the model, and whose log-probability nobody asked for
    steered  the budget forbade tokens here that the grammar allows
    top_logprobs   as many of the likeliest allowed tokens as were asked for, with their log-probabilities
    finish_reason  None before the last token, then "stop" (an end token or a stop string), "length"
             (max_tokens reached) or "budget" (an end token, and on the way there the budget steered)
    observation    what the model wanted before the mask, where that was asked for
    """

    id: int
    text: bytes
    forced: bool
    removed: float
    logprob: float | None
    steered: bool = False
    top_logprobs: tuple[tuple[int, float], ...] = ()
    finish_reason: Finish | None = None
    observation: Observation | None = None

    @property
    def origin(self) -> Origin:
        """Where it came from; that a mask changed the choice is known only with an observation."""
        if self.steered:
            return Origin.STEERED
        if self.forced:
            return Origin.FORCED
        changed = self.observation is not None and self.observation.wanted != self.id
        return Origin.CHANGED if changed else Origin.SAMPLED


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished sequence, over a vocabulary if it is to show more than its own tokens."""

    tokens: tuple[GeneratedToken, ...]
    vocabulary: Vocabulary | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """All bytes as text; bytes that are not UTF-8 (a free sequence cut by `max_tokens`) become U+FFFD."""
        return b"".join(token.text for token in self.tokens).decode("utf-8", "replace")

    @property
    def finish_reason(self) -> Finish:
        """Why it ended; see `GeneratedToken`."""
        return self.tokens[-1].finish_reason or "length"


def finish_of(constraint: Constraint | None, *, over: bool, full: bool, steered: bool) -> Finish | None:
    """Why a sequence ends, if it does: it is `over`, or `full`; a budget has `steered` it.

    A text that is complete when it is full has not been cut: its end token would have been the next.
    """
    complete = over or (full and constraint is not None and constraint.may_end(len(constraint.tokens), b""))
    if complete:
        return "budget" if steered else "stop"
    return "length" if full else None


def token_event(
    token: int, logprob: float, guide: Guide | None, vocabulary: Vocabulary, why: Finish | None
) -> GeneratedToken:
    """What is said about a token that was chosen under `guide`."""
    text = vocabulary.spellings[token] or b""
    if guide is None:
        return GeneratedToken(token, text, forced=False, removed=0.0, logprob=logprob, finish_reason=why)
    allowed = int(np.bitwise_count(guide.mask).sum())
    forced = allowed == 1 or (text != b"" and guide.forced.startswith(text))
    removed = 1 - allowed / vocabulary.size
    return GeneratedToken(token, text, forced=forced, removed=removed, logprob=logprob, finish_reason=why)


def forced_event(token: int, vocabulary: Vocabulary, why: Finish | None) -> GeneratedToken:
    """What is said about a token that had to follow, and that the model was not asked for."""
    text = vocabulary.spellings[token] or b""
    return GeneratedToken(token, text, forced=True, removed=1 - 1 / vocabulary.size, logprob=None, finish_reason=why)
