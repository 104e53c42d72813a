"""A number of tokens that is never exceeded, and always enough.

    12 tokens    {"city": "Par                  9 left, 2 needed (`"}` and the end): any token will do
                 {"city": "Paris, where the     3 left: nothing after which 3 would be needed
                 {"city": "Paris, where the sea"}

Invariant.  The tokens left are enough to finish. So there are no dead ends, and the text is complete when the
budget is used up, never cut. Near the end a *way* is known, tokens that finish: its first one is allowed whatever
else is. Far from it, what the grammar allows is allowed, and nothing is computed but a bound for each new state.

A budget that cannot hold any text is refused before the first token, with the number that can.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from constrained.errors import BudgetTooSmall, TokenRefused
from constrained.fewest import STEP, WORK, Work
from constrained.leaps import Place
from constrained.matcher import Matcher
from constrained.states import State


class Budgeted:
    """A matcher that ends within `max_tokens` more tokens, the end token included.

    Takes the matcher over. Raises BudgetTooSmall if no text of the grammar fits.
    """

    def __init__(self, matcher: Matcher, max_tokens: int) -> None:
        self._matcher = matcher
        self._steering = matcher.grammar.steering
        self._start = matcher.state
        self._begun = len(matcher.tokens)
        self._max_tokens = max_tokens
        self._ways: list[Sequence[int] | None] = [None]  # behind each token, where it is known
        self._removed: dict[int, NDArray[np.uint32]] = {}  # tokens left -> the grammar's mask, where some was removed
        self._mask: tuple[int, NDArray[np.uint32]] | None = None  # tokens left, what is allowed
        if not matcher.is_finished:
            self._ways = [self._steering.fewest.way(matcher.state, max_tokens, self._start_of_grammar(), Work(WORK))]
            if self._ways[0] is None:
                raise BudgetTooSmall(max_tokens, self.minimum)

    # ------------------------------------------------------------------ asking

    @property
    def minimum(self) -> int:
        """The fewest tokens that any text takes from where the budget began, the end token included."""
        return self._steering.fewest.of_state(self._start, self._start_of_grammar())

    def _start_of_grammar(self) -> list[Place]:
        """The place before the whole grammar, if the budget began there."""
        grammar = self._matcher.grammar
        at_start = self._begun == 0
        return [(None, 0, grammar.states.end.push(grammar.start))] if at_start else []

    @property
    def left(self) -> int:
        """The tokens that are left."""
        return self._max_tokens - (len(self._ways) - 1)

    @property
    def matcher(self) -> Matcher:
        """The matcher within; to be asked, not moved."""
        return self._matcher

    @property
    def tokens(self) -> list[int]:
        """The tokens consumed so far (a copy), those before the budget began included."""
        return self._matcher.tokens

    @property
    def is_accepting(self) -> bool:
        """May the text end here?"""
        return self._matcher.is_accepting

    @property
    def is_finished(self) -> bool:
        """Has an end token been consumed?"""
        return self._matcher.is_finished

    @property
    def steered(self) -> bool:
        """Has a token been removed that the grammar allows, here or before?"""
        return bool(self._removed)

    def unsteered(self) -> NDArray[np.uint32] | None:
        """The grammar's mask (W,), if `bitmask` holds less; None where it does not."""
        self.bitmask()
        return self._removed.get(self.left)

    def bitmask(self) -> NDArray[np.uint32]:
        """(W,) the tokens that the grammar allows, and after which the text can be finished in time. Read-only."""
        whole, left = self._matcher.bitmask(), self.left
        if self._matcher.is_finished or left > self._steering.reserve(self._matcher.state):
            return whole
        if self._mask is None or self._mask[0] != left:
            self._mask = left, self._near_the_end(left)
        words = self._mask[1]
        if (whole != words).any():
            self._removed[left] = whole
        return words

    def _near_the_end(self, left: int) -> NDArray[np.uint32]:
        words = self._steering.allowed(self._matcher.state, left)
        first = self._way()[0]
        words[first >> 5] |= np.uint32(1 << (first & 31))
        words.flags.writeable = False
        return words

    def _way(self) -> Sequence[int]:
        """Tokens that finish in time."""
        way = self._ways[-1]
        if way is None:
            way = self._ways[-1] = self._steering.fewest.way(self._matcher.state, self.left)
        assert way is not None  # the invariant
        return way

    def allows(self, token: int) -> bool:
        """Is `token` allowed here?"""
        try:
            self.advance(token)
        except TokenRefused:
            return False
        self.rollback(1)
        return True

    def may_end(self, kept: int, text: bytes) -> bool:
        """Could the text end after its first `kept` tokens and `text`?"""
        return self._matcher.may_end(kept, text)

    # ------------------------------------------------------------------ moving

    def advance(self, token: int) -> None:
        """Consume `token`. Raises TokenRefused, and stays where it is, if it is not allowed."""
        before, left = self._matcher.state, self.left
        self._matcher.advance(token)
        if self._matcher.is_finished:
            self._ways.append(())
        elif (way := self._ways[-1]) and way[0] == token:
            self._ways.append(way[1:])
        elif self._steering.is_far(before, left) or self._is_enough(self._matcher.state, left - 1):
            self._ways.append(None)
        else:
            work = Work(WORK if self._has_allowed(token, left) else STEP)
            found = self._steering.way_after(before, token, self._matcher.state, left - 1, work)
            if found is None:
                self._matcher.rollback(1)
                reason = f"the {left - 1} tokens left after it would not be enough to finish"
                raise TokenRefused(token, len(self._matcher.tokens), reason)
            self._ways.append(found)
        self._mask = None

    def _has_allowed(self, token: int, left: int) -> bool:
        """Does the mask say so, if it was asked for? Then there is a way, even where it has been forgotten."""
        return self._mask is not None and self._mask[0] == left and bool(self._mask[1][token >> 5] >> (token & 31) & 1)

    def _is_enough(self, state: State, left: int) -> bool:
        """Do the shortest texts of what follows fit into `left` tokens?"""
        fewest = self._steering.fewest
        return any(fewest.written.place(place) <= left for place in fewest.places(state))

    def rollback(self, count: int) -> None:
        """Take back the last `count` tokens. Raises ValueError if fewer were consumed since the budget began."""
        if not 0 <= count < len(self._ways):
            raise ValueError(f"cannot take back {count} of {len(self._ways) - 1} tokens")
        self._matcher.rollback(count)
        del self._ways[len(self._ways) - count :]
        self._removed = {left: mask for left, mask in self._removed.items() if left > self.left}
        self._mask = None

    def fork(self) -> "Budgeted":
        """An independent one at the same place."""
        other = Budgeted.__new__(Budgeted)
        other._matcher = self._matcher.fork()
        other._steering, other._max_tokens = self._steering, self._max_tokens
        other._start, other._begun = self._start, self._begun
        other._ways = self._ways.copy()
        other._removed = self._removed.copy()
        other._mask = self._mask
        return other

    # ------------------------------------------------------------------ looking ahead

    def forced_bytes(self) -> bytes:
        """The bytes that follow whatever the model thinks; b"" where there is a choice."""
        return self._matcher.forced_bytes()

    def forced_tokens(self) -> list[int]:
        """The tokens that follow whatever the model thinks, cut as its tokenizer cuts them; often none.

        None where that cut takes more tokens than are left: then there is a choice, of how to cut.
        """
        tokens = self._matcher.forced_tokens()
        other = self.fork()
        try:
            for token in tokens:
                other.advance(token)
        except TokenRefused:
            return []
        return tokens
