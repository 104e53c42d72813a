"""What a batch engine is asked for and what it answers, and the state of one sequence in between.

    add(SequenceRequest) -> uid
    step() -> PrefillProgress(uid, 512, 2048) ... TokenEvent(uid, token) ... TokenEvent(uid, last token)
                                                                     or SequenceFailed(uid, error)

A sequence ends with the `TokenEvent` whose token has a `finish_reason`, or with `SequenceFailed`; after a
`cancel` nothing is said about it any more.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from constrained.runtime.constraint import Constraint, Guide, budgeted, guide_of
from constrained.runtime.generated import Finish, GeneratedToken, finish_of
from constrained.runtime.sampling import Sampler
from constrained.runtime.selection import UNADJUSTED, Adjustments, Row
from constrained.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SequenceRequest:
    """One sequence to generate.

    prompt       token ids, at least one
    constraint   a matcher of its own (it is advanced), None leaves the model free
    max_tokens   how many tokens may be generated, forced ones and the end token included; a text with a
                 constraint is complete by then, or a budget of its own decides
    adjustments  bias and penalties; see `Adjustments`
    top_logprobs of how many of the likeliest tokens every chosen token reports the log-probability
    logprobs_of_forced reports them, and its own, for tokens that must follow, too, once the model has read them
    observe      notes what the model wanted before the mask, with so many alternatives (see `Observation`)
    fast_forward takes tokens that must follow without asking the model

    Raises ValueError for values out of range, BudgetTooSmall if no text of the constraint is that short.
    """

    prompt: Sequence[int]
    constraint: Constraint | None = None
    sampler: Sampler = field(default_factory=Sampler)
    max_tokens: int = 256
    adjustments: Adjustments = UNADJUSTED
    top_logprobs: int = 0
    logprobs_of_forced: bool = False
    observe: int = 0
    fast_forward: bool = True

    def __post_init__(self) -> None:
        if not self.prompt:
            raise ValueError("the prompt is empty: a model needs at least one token to start from")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, not {self.max_tokens}")
        if self.top_logprobs < 0:
            raise ValueError(f"top_logprobs must not be negative, not {self.top_logprobs}")
        if self.constraint is not None:
            object.__setattr__(self, "constraint", budgeted(self.constraint, self.max_tokens))


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """A sequence has one more token; the last one has a `finish_reason`."""

    uid: int
    token: GeneratedToken


@dataclass(frozen=True, slots=True)
class PrefillProgress:
    """`done` of the prompt's `total` tokens are read, `known` of them for an earlier request."""

    uid: int
    done: int
    total: int
    known: int = 0


@dataclass(frozen=True, slots=True)
class SequenceFailed:
    """A sequence ended without a valid ending; the others go on."""

    uid: int
    error: Exception


SequenceEvent = TokenEvent | PrefillProgress | SequenceFailed


@dataclass(frozen=True, slots=True, eq=False)
class Unscored:
    """A token that had to follow, and is not yet said: its log-probability is asked for, and the pass still to come."""

    guide: Guide
    row: Row
    why: Finish | None


@dataclass(slots=True, eq=False)
class Running:
    """One sequence on its way.

    tokens of the prompt, and then what was generated
    known  tokens that were read for an earlier request
    done   tokens that are in its cache
    feed   tokens known but not read: once it is a row, its next passes read them
    answer how often every generated token was generated
    fork   where an earlier prompt parts from its own: what holds so far is worth keeping; 0: nowhere
    unscored  the last generated tokens, as far as they wait for their log-probabilities
    steered   a budget has changed a choice
    """

    uid: int
    request: SequenceRequest
    known: int = 0
    done: int = 0
    feed: list[int] = field(default_factory=list[int])
    answer: Counter[int] = field(default_factory=Counter[int])
    fork: int = 0
    unscored: deque[Unscored] = field(default_factory=deque[Unscored])
    steered: bool = False
    tokens: list[int] = field(init=False)
    _beginning: NDArray[np.int64] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.tokens = list(self.request.prompt)

    @property
    def beginning(self) -> NDArray[np.int64]:
        """(N,) `tokens` as they are when this is first asked: to be compared with those of others."""
        if self._beginning is None:
            self._beginning = np.array(self.tokens, np.int64)
        return self._beginning

    @property
    def position(self) -> int:
        """How many tokens were generated: where in the answer the next one stands."""
        return len(self.tokens) - len(self.request.prompt)

    @property
    def prefix(self) -> NDArray[np.int64]:
        """(N,) what is read before it is a row, and the token that its row reads first."""
        return self.beginning[: len(self.tokens) - len(self.unscored)]

    @property
    def unread(self) -> int:
        """Tokens to read before it can be a row."""
        return len(self.prefix) - 1 - self.done

    def join(self) -> None:
        """Become a row."""
        self.feed = self.tokens[self.done : self.done + 1] + (self.feed if self.unscored else [])

    @property
    def progress(self) -> tuple[int, int, int]:
        """How many tokens of its prompt are read, how many there are, how many were known."""
        total = len(self.request.prompt)
        return min(self.done, total), total, min(self.known, total)

    @property
    def chooses(self) -> bool:
        """Has it read all that is known, so that a token must be chosen?"""
        return not self.feed and not (self.unscored and self.unscored[-1].why)

    def selection(self, guide: Guide | None, given: int | None = None) -> Row:
        """How its next token is picked, or, if it is given, what is asked about it."""
        asked = self.request
        return Row(
            asked.sampler,
            self.position,
            None if guide is None else guide.mask,
            asked.top_logprobs,
            asked.adjustments,
            asked.prompt,
            self.answer if given is None else dict(self.answer),
            asked.observe,
            given,
            None if guide is None else guide.whole,
        )

    def forced(self) -> list[int]:
        """The tokens that must follow, whatever the model thinks."""
        constraint = self.request.constraint
        return constraint.forced_tokens() if constraint is not None and self.request.fast_forward else []

    def accept(self, token: int, vocabulary: Vocabulary, *, steered: bool = False) -> Finish | None:
        """Take a token; return why the sequence ends with it, if it does."""
        constraint = self.request.constraint
        if constraint is not None:
            constraint.advance(token)
        self.tokens.append(token)
        self.answer[token] += 1
        self.steered |= steered
        over = token in vocabulary.eos_token_ids if constraint is None else constraint.is_finished
        why = finish_of(constraint, over=over, full=self.position == self.request.max_tokens, steered=self.steered)
        if why is None:
            self.feed.append(token)
        return why

    def accept_forced(self, token: int, vocabulary: Vocabulary) -> Finish | None:
        """Take a token that must follow, noting what is asked about it; return why the sequence ends, if it does."""
        if not self.request.logprobs_of_forced:
            return self.accept(token, vocabulary)
        assert self.request.constraint is not None
        guide = guide_of(self.request.constraint)
        row = self.selection(guide, token)
        why = self.accept(token, vocabulary)
        self.unscored.append(Unscored(guide, row, why))
        return why
