"""What a turn says, piece by piece: the union that wire formats are written from.

Concatenated, the `ArgumentsDelta` of a call are its arguments as a JSON object.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of the reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStarted:
    """Call number `index` of this turn begins."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class ArgumentsDelta:
    """More of a call's arguments: always the continuation of one JSON text."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CallFinished:
    """The arguments of a call are complete."""

    index: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The turn is over. `length`: it was cut off."""

    reason: Literal["stop", "tool_calls", "length"]


Event = TextDelta | ReasoningDelta | CallStarted | ArgumentsDelta | CallFinished | Finished
