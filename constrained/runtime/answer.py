"""One sequence: what is asked of it, and the answer as it grows.

    take(token)       the model's choice
    take_forced()     the tokens that must follow it, whatever the model thinks
    row(guide)        how the next one is to be picked

The same for a sequence alone (decode.py) and for one in a batch (batch.py).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from constrained.runtime.constraint import Constraint, Guide, budgeted, guide_of
from constrained.runtime.generated import Finish, GeneratedToken, finish_of, forced_event, token_event
from constrained.runtime.sampling import Sampler
from constrained.runtime.selection import UNADJUSTED, Adjustments, Picked, Row
from constrained.runtime.stopping import Stops
from constrained.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SequenceRequest:
    """One sequence to generate.

    prompt       token ids, at least one
    constraint   a matcher of its own (it is advanced), None leaves the model free
    max_tokens   how many tokens may be generated, forced ones and the end token included; a text with a
                 constraint is complete by then, or a budget of its own decides
    stop         texts before which the answer ends, where the constraint lets it end
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
    stop: Sequence[str] = ()
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
        if isinstance(self.stop, str) or "" in self.stop:
            raise ValueError(f"stop must be a list of texts, and no stop string empty, not {self.stop!r}")
        if self.top_logprobs < 0:
            raise ValueError(f"top_logprobs must not be negative, not {self.top_logprobs}")
        if self.constraint is not None:
            object.__setattr__(self, "constraint", budgeted(self.constraint, self.max_tokens))


@dataclass(frozen=True, slots=True, eq=False)
class Forced:
    """A token that has to follow; guide and row if the model is asked about it all the same."""

    token: int
    guide: Guide | None
    row: Row | None
    why: Finish | None


class Answer:
    """What was said so far, and what may be said next. Raises ValueError if a bias names an unknown token."""

    def __init__(self, request: SequenceRequest, vocabulary: Vocabulary) -> None:
        request.adjustments.check(vocabulary.size)
        self.request = request
        self.constraint = request.constraint
        self.stops = Stops(request.stop, request.constraint)  # what was said passes through them
        self.position = 0  # how many tokens were said
        self.why: Finish | None = None  # it is over
        self._vocabulary = vocabulary
        self._counts: Counter[int] = Counter()  # how often each token was said
        self._steered = False  # a budget has changed a choice

    def row(self, guide: Guide | None, given: int | None = None) -> Row:
        """How the next token is picked, or what is asked about the one that is given."""
        asked = self.request
        return Row(
            asked.sampler,
            self.position,
            None if guide is None else guide.mask,
            asked.top_logprobs,
            asked.adjustments,
            asked.prompt,
            self._counts if given is None else dict(self._counts),
            asked.observe,
            given,
            None if guide is None else guide.whole,
        )

    def take(self, token: int, *, steered: bool = False) -> Finish | None:
        """Say a token; return why it is the last one, if it is."""
        if self.constraint is not None:
            self.constraint.advance(token)
        self._steered |= steered
        self._counts[token] += 1
        self.position += 1
        over = token in self._vocabulary.eos_token_ids if self.constraint is None else self.constraint.is_finished
        full = self.position == self.request.max_tokens
        self.why = finish_of(self.constraint, over=over, full=full, steered=self._steered)
        return self.why

    def take_forced(self) -> list[Forced]:
        """Say the tokens that must follow."""
        tokens = self.constraint.forced_tokens() if self.constraint and self.request.fast_forward else []
        looks = self.request.logprobs_of_forced or self.request.observe > 0
        found: list[Forced] = []
        for token in tokens:
            guide = guide_of(self.constraint) if self.constraint and looks else None
            row = self.row(guide, token) if guide else None
            found.append(Forced(token, guide, row, self.take(token)))
            if self.why:
                break
        return found

    def event(self, picked: Picked, guide: Guide | None, why: Finish | None) -> GeneratedToken:
        """What is said about a token that the model was asked for."""
        event = token_event(picked.token, picked.logprob, guide, self._vocabulary, why)
        return replace(event, steered=picked.steered, top_logprobs=picked.top, observation=picked.observation)

    def forced_event(self, one: Forced) -> GeneratedToken:
        """What is said about a token that the model was not asked for."""
        return forced_event(one.token, self._vocabulary, one.why)
