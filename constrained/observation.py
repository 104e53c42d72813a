"""What there is to see about one generated token: where it came from, and what the model wanted before the mask.

    before   Paris .41   I .22   {"  .09   ...       the model's own probabilities
    mask                          {"
    after                         {"  1.0            0.09 was kept, and the choice changed from `Paris` to `{"`

Kept apart from the runtime, which records it, so that whoever shows it needs no MLX.
"""

from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """Where a token came from.

    SAMPLED  the model's own choice: without the grammar it would have been the same, as far as anybody looked
    CHANGED  the model would have taken another token, which the grammar forbids; seen only by an observer
    FORCED   the grammar left no choice about what it says
    STEERED  the budget forbade tokens that the grammar allows, so that the text can still end in time
    """

    SAMPLED = "sampled"
    CHANGED = "changed"
    FORCED = "forced"
    STEERED = "steered"


@dataclass(frozen=True, slots=True)
class Alternative:
    """A token that could have been taken, with its probability before and after the mask: 0.0 where it is forbidden."""

    token: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Observation:
    """What the model wanted at one position, had there been no grammar.

    wanted        the token that the same sampler would have taken, with the same randomness
    kept          the probability of all allowed tokens together, before the mask
    alternatives  the likeliest tokens before and after the mask, the likeliest before first
    """

    wanted: int
    kept: float
    alternatives: tuple[Alternative, ...]
