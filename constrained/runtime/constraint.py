"""What the runtime asks of a matcher, and nothing more.

`Matcher` is the one in the engine. A sequence that is free at first and constrained later, or a matcher
with a budget, fits the same plug.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@runtime_checkable
class Constraint(Protocol):
    """The state of one sequence: which tokens may follow those it has consumed."""

    @property
    def tokens(self) -> Sequence[int]:
        """The tokens consumed so far."""
        ...

    @property
    def is_finished(self) -> bool:
        """An end token was consumed."""
        ...

    def bitmask(self) -> NDArray[np.uint32]:
        """The allowed tokens, (W,): bit t % 32 of word t // 32. Never empty before the end."""
        ...

    def forced_bytes(self) -> bytes:
        """The bytes that follow whatever the model thinks; b"" where there is a choice."""
        ...

    def forced_tokens(self) -> list[int]:
        """The tokens that follow whatever the model thinks, cut as its tokenizer cuts them; often none."""
        ...

    def advance(self, token: int) -> None:
        """Consume an allowed token; TokenRefused, and no change, for any other."""
        ...

    def rollback(self, count: int) -> None:
        """Forget the last `count` tokens."""
        ...


@runtime_checkable
class Grammar(Protocol):
    """Whatever starts sequences: a compiled grammar."""

    def matcher(self) -> Constraint:
        """A constraint that has consumed nothing."""
        ...


def constraint_of(grammar: Grammar | Constraint) -> Constraint:
    """A new sequence of a grammar; a constraint is one already."""
    return grammar.matcher() if isinstance(grammar, Grammar) else grammar
