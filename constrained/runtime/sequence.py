"""What a batch engine is asked for and what it answers, and the state of one sequence in between.

    add(SequenceRequest) -> uid
    step() -> PrefillProgress(uid, 512, 2048) ... TokenEvent(uid, token) ... TokenEvent(uid, last token)
                                                                     or SequenceFailed(uid, error)

A sequence ends with the `TokenEvent` whose token has a `finish_reason`, or with `SequenceFailed`; after a
`cancel` nothing is said about it any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from constrained.runtime.constraint import Constraint
from constrained.runtime.generated import Finish, GeneratedToken
from constrained.runtime.sampling import Sampler
from constrained.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SequenceRequest:
    """One sequence to generate.

    prompt       token ids, at least one
    constraint   a matcher of its own (it is advanced), None leaves the model free
    max_tokens   how many tokens may be generated, forced ones and the end token included

    Raises ValueError for values out of range.
    """

    prompt: Sequence[int]
    constraint: Constraint | None = None
    sampler: Sampler = field(default_factory=Sampler)
    max_tokens: int = 256

    def __post_init__(self) -> None:
        if not self.prompt:
            raise ValueError("the prompt is empty: a model needs at least one token to start from")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, not {self.max_tokens}")


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


@dataclass(slots=True, eq=False)
class Running:
    """One sequence on its way; once it is a row, `feed` is what its next pass reads."""

    uid: int
    request: SequenceRequest
    known: int = 0  # tokens of the prompt that were read for an earlier request
    done: int = 0  # tokens, of the prompt and then of what was generated, that are in its cache
    feed: list[int] = field(default_factory=list[int])
    generated: list[int] = field(default_factory=list[int])

    @property
    def tokens(self) -> list[int]:
        """Prompt and generated tokens."""
        return [*self.request.prompt, *self.generated]

    @property
    def unread(self) -> int:
        """Prompt tokens to read before it can join: all but the last, which goes through with the batch."""
        return len(self.request.prompt) - 1 - self.done

    def accept(self, token: int, vocabulary: Vocabulary) -> Finish | None:
        """Take a token; return why the sequence ends with it, if it does."""
        constraint = self.request.constraint
        if constraint is not None:
            constraint.advance(token)
        self.generated.append(token)
        ended = constraint.is_finished if constraint else token in vocabulary.eos_token_ids
        return "stop" if ended else "length" if len(self.generated) == self.request.max_tokens else None
