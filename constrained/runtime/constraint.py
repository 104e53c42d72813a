"""What the runtime asks of a matcher, and nothing more.

`Matcher` is the one in the engine. `Budgeted` and `Limited` (sections.py) fit the same plug.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from constrained.budget import Budgeted
from constrained.matcher import Matcher
from constrained.sections import Limited


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

    def may_end(self, kept: int, text: bytes) -> bool:
        """Could the text end after its first `kept` tokens and `text`? What stop strings ask."""
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
    return grammar if isinstance(grammar, Constraint) else grammar.matcher()


def budgeted(constraint: Constraint, max_tokens: int) -> Constraint:
    """The same, within a budget: complete after `max_tokens` more tokens, the end token included.

    What has a budget keeps it, and a constraint of somebody else's stays as it is. Raises BudgetTooSmall.
    """
    match constraint:
        case Matcher():
            return Budgeted(constraint, max_tokens)
        case Limited():
            return constraint.with_budget(max_tokens)
        case _:
            return constraint


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """What the grammar says about one position.

    mask    (W,) the allowed tokens
    forced  the bytes that must follow, b"" if there is a choice
    whole   (W,) what the grammar allows, where a budget allows less; None elsewhere
    """

    mask: NDArray[np.uint32]
    forced: bytes = b""
    whole: NDArray[np.uint32] | None = None


def guide_of(constraint: Constraint) -> Guide:
    """Ask a constraint about the next token."""
    whole = constraint.unsteered() if isinstance(constraint, Budgeted | Limited) else None
    return Guide(constraint.bitmask(), constraint.forced_bytes(), whole)
