"""What a reply is to the server: pieces of a stream as events come, one object at the end.

Clock and ids are given, so a reply is a pure fold: the same events make the same bytes.
"""

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from server.errors import Problem
from server.events import Event


@dataclass(frozen=True, slots=True)
class Piece:
    """One server-sent event. `name` is its `event:` line; `comment` pieces are for people and for exo's clients."""

    data: object = None
    name: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What a reply is told about its request's place in the world."""

    model: str
    created: int = field(default_factory=lambda: int(time.time()))
    id: str = field(default_factory=lambda: secrets.token_hex(12))


class Reply(Protocol):
    """The fold of one request's events into one wire format."""

    def begin(self, prompt: int) -> Iterable[Piece]:
        """What a stream starts with; `prompt`: its length in tokens."""
        ...

    def feed(self, choice: int, event: Event) -> Iterable[Piece]:
        """Take an event in; what a stream says about it."""
        ...

    def end(self) -> Iterable[Piece]:
        """What a stream ends with, when every choice is complete."""
        ...

    def fail(self, problem: Problem) -> Iterable[Piece]:
        """What a stream ends with, when it cannot be completed."""
        ...

    def refusal(self, problem: Problem) -> dict[str, Any]:
        """The body that takes the place of an answer."""
        ...

    def result(self) -> dict[str, Any]:
        """The whole answer as one object."""
        ...
