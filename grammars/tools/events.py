"""What a turn says, piece by piece: the union that wire formats are written from.

Concatenated, the `ArgumentsDelta` of a call are its arguments as a JSON object; the `InputDelta` of a
call of a custom tool are its input, the text itself.
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
    """Call number `index` of this turn begins; of a function, or of a custom tool."""

    index: int
    id: str
    name: str
    kind: Literal["function", "custom"] = "function"


@dataclass(frozen=True, slots=True)
class ArgumentsDelta:
    """More of a call's arguments: always the continuation of one JSON text."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class InputDelta:
    """More of the text that a custom tool is called with."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CallFinished:
    """The arguments, or the input, of a call are complete."""

    index: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The turn is over. `length`: it was cut off."""

    reason: Literal["stop", "tool_calls", "length"]


Event = TextDelta | ReasoningDelta | CallStarted | ArgumentsDelta | InputDelta | CallFinished | Finished
