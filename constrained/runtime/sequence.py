"""What a batch engine tells, and the state of one sequence in it.

    add(SequenceRequest) -> uid
    step() -> PrefillProgress(uid, 512, 2048) ... TokenEvent(uid, token) ... TokenEvent(uid, last token)
                                                                     or SequenceFailed(uid, error)

A sequence ends with the `TokenEvent` whose token has a `finish_reason`, or with `SequenceFailed`; after a
`cancel` nothing is said about it any more.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constrained.runtime.answer import Answer, Forced
from constrained.runtime.generated import Finish, GeneratedToken


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
class Said:
    """A token that was chosen (None at the beginning), whether it is the last, and those that must follow it."""

    token: int | None
    why: Finish | None
    forced: Sequence[Forced]


def said_by(answer: Answer, token: int | None = None, *, steered: bool = False) -> Said:
    """Say `token`, and what must follow. A grammar may think about that for long, so a worker does it."""
    why = None if token is None else answer.take(token, steered=steered)
    return Said(token, why, answer.take_forced() if why is None else [])


class Running:
    """One sequence on its way.

    tokens of the prompt, and then what was generated
    known  tokens that were read for an earlier request
    done   tokens that are in its cache
    feed   tokens known but not read: once it is a row, its next passes read them
    fork   where an earlier prompt parts from its own: what holds so far is worth keeping; 0: nowhere
    bank   where its row is
    unsaid the last tokens, as far as they had to follow and wait for the pass that tells their log-probabilities
    """

    __slots__ = ("_beginning", "answer", "bank", "done", "feed", "fork", "known", "tokens", "uid", "unsaid")

    def __init__(self, uid: int, answer: Answer) -> None:
        self.uid = uid
        self.answer = answer
        self.tokens = list(answer.request.prompt)
        self.known = self.done = self.fork = self.bank = 0
        self.feed: list[int] = []
        self.unsaid: deque[Forced] = deque()
        self._beginning: NDArray[np.int64] | None = None

    # ------------------------------------------------------------------ reading

    @property
    def beginning(self) -> NDArray[np.int64]:
        """(N,) `tokens` as they are when this is first asked: to be compared with those of others."""
        if self._beginning is None:
            self._beginning = np.array(self.tokens, np.int64)
        return self._beginning

    @property
    def prefix(self) -> NDArray[np.int64]:
        """(N,) what is read before it is a row, and the token that its row reads first."""
        return self.beginning[: len(self.tokens) - len(self.unsaid)]

    @property
    def unread(self) -> int:
        """Tokens to read before it can be a row."""
        return len(self.prefix) - 1 - self.done

    @property
    def progress(self) -> tuple[int, int, int]:
        """How many tokens of its prompt are read, how many there are, how many were known."""
        total = len(self.answer.request.prompt)
        return min(self.done, total), total, min(self.known, total)

    def join(self) -> None:
        """Become a row."""
        self.feed = self.tokens[self.done : self.done + 1] + (self.feed if self.unsaid else [])

    # ------------------------------------------------------------------ saying

    @property
    def chooses(self) -> bool:
        """Has it read all that is known, so that a token must be chosen?"""
        return not self.feed and not self.answer.why

    def say(self, said: "Said", *, was_read: bool = False) -> list[GeneratedToken]:
        """Note what the grammar has made of a token; return the forced ones of which there is no more to know.

        was_read  the model has read it already, before it was known
        """
        if said.token is not None:
            self._note(said.token, said.why)
        if was_read:
            self.done += 1
            self.feed.clear()
        told: list[GeneratedToken] = []
        for one in said.forced:
            self._note(one.token, one.why)
            if one.row is None:
                told.append(self.answer.forced_event(one))
            else:
                self.unsaid.append(one)
        return told

    def _note(self, token: int, why: Finish | None) -> None:
        self.tokens.append(token)
        if why is None:
            self.feed.append(token)
