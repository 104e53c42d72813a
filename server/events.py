"""Everything that can happen to one answer: the framer's events, and what only a server knows.

    Prefilled*  (TextDelta | ReasoningDelta | Scored | CallStarted ArgumentsDelta* CallFinished)*  Finished  Measured
                                                                        or, at any point, Failed and nothing more
    Watched, for each token, before what it says

Every wire format is written from this union and from nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from constrained.observation import Observation, Origin
from grammars.tools.events import Event as TurnEvent
from server.errors import Problem


@dataclass(frozen=True, slots=True)
class Candidate:
    """A token that could have been chosen, and the logarithm of its probability."""

    text: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class Score:
    """A token of the answer, and the likeliest that could have stood there."""

    chosen: Candidate
    likeliest: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The tokens behind the text that comes next."""

    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """One token as the model wrote it, for a client that watches: where it came from, and what else was wanted.

    name     its text, or what a control token is called; `text` are the bytes it adds
    allowed  how many tokens could have come
    seen     what the model wanted before the mask, where it was asked; `names` of the tokens in there
    """

    name: str
    text: bytes
    origin: Origin
    allowed: int
    seen: Observation | None = None
    names: Mapping[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True, slots=True)
class Prefilled:
    """So much of the prompt has been read."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing has happened for a while, and the answer is still being worked on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The last event of a complete answer: what it took.

    cached         tokens of the prompt that were known from an earlier request
    forced         generated tokens about which the grammar left no choice
    steered        the token budget shaped the ending: the answer is valid, and shorter than it might be
    stop_sequence  the stop string that ended the answer
    """

    prompt: int
    cached: int = 0
    completion: int = 0
    reasoning: int = 0
    forced: int = 0
    steered: bool = False
    stop_sequence: str | None = None
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer ends here, incomplete."""

    problem: Problem


Event = TurnEvent | Scored | Watched | Prefilled | Silent | Measured | Failed
