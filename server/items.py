"""The items of an answer: the one fold over its events.

    ReasoningDelta "Hm"   TextDelta "Let"   TextDelta " me"   CallStarted get_weather   ArgumentsDelta "{}"
    [ Reasoning "Hm" ]    [ Text "Let me"                 ]   [ Call get_weather {}                        ]
      opened                opened, the one before closed      opened, the one before closed

The formats differ in what they write when an item opens, grows and closes, and in nothing else: a
stream writes it as it happens, a plain response reads `items` at the end.
"""

from dataclasses import dataclass, field
from typing import Literal, assert_never

from grammars.tools.events import (
    ArgumentsDelta,
    CallFinished,
    CallStarted,
    Finished,
    InputDelta,
    ReasoningDelta,
    TextDelta,
)
from server.events import Event, Failed, Measured, Prefilled, Score, Scored, Silent, Watched


@dataclass(slots=True)
class Text:
    """A piece of the answer in words (or in JSON)."""

    pieces: list[str] = field(default_factory=list[str])
    scores: list[Score] = field(default_factory=list[Score])

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self.pieces)


@dataclass(slots=True)
class Reasoning:
    """A section of reasoning."""

    pieces: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self.pieces)


@dataclass(slots=True)
class Call:
    """A call of a tool: `text` is its arguments; of a custom tool, its input."""

    index: int
    id: str
    name: str
    kind: Literal["function", "custom"] = "function"
    pieces: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """The arguments, or the input, so far."""
        return "".join(self.pieces)


Item = Text | Reasoning | Call


@dataclass(frozen=True, slots=True)
class Step:
    """What one event did: an item that it ended, one that it began, and the text that it added to the last."""

    closed: Item | None = None
    opened: Item | None = None
    added: str = ""
    scores: tuple[Score, ...] = ()


class Items:
    """The items so far. Feed it every event of one answer, in order."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.finished: Finished | None = None
        self.measured: Measured | None = None
        self._open: Item | None = None
        self._scores: tuple[Score, ...] = ()

    @property
    def calls(self) -> list[Call]:
        """The calls among the items."""
        return [item for item in self.items if isinstance(item, Call)]

    def text(self, kind: type[Text] | type[Reasoning]) -> str:
        """The text of all items of a kind."""
        return "".join(item.text for item in self.items if isinstance(item, kind))

    @property
    def scores(self) -> list[Score]:
        """The scores of all text."""
        return [score for item in self.items if isinstance(item, Text) for score in item.scores]

    def feed(self, event: Event) -> Step:
        """Take one event in."""
        match event:
            case TextDelta(text):
                return self._text(text)
            case ReasoningDelta(text):
                return self._grow(text, None if isinstance(self._open, Reasoning) else Reasoning())
            case Scored(scores):
                self._scores += scores
                return Step()
            case CallStarted(index, id, name, kind):
                return self._grow("", Call(index, id, name, kind))
            case ArgumentsDelta(_, text) | InputDelta(_, text):
                return self._grow(text, None)
            case CallFinished():
                return self._close()
            case Finished():
                self.finished = event
                return self._close()
            case Measured():
                self.measured = event
                return Step()
            case Watched() | Prefilled() | Silent() | Failed():
                return Step()
            case _:
                assert_never(event)

    def _text(self, text: str) -> Step:
        scores, self._scores = self._scores, ()
        step = self._grow(text, None if isinstance(self._open, Text) else Text(), scores)
        assert isinstance(self._open, Text)
        self._open.scores.extend(scores)
        return step

    def _grow(self, text: str, opened: Item | None, scores: tuple[Score, ...] = ()) -> Step:
        closed = None
        if opened is not None:
            closed, self._open = self._open, opened
            self.items.append(opened)
        assert self._open is not None
        if text:
            self._open.pieces.append(text)
        return Step(closed, opened, text, scores)

    def _close(self) -> Step:
        closed, self._open = self._open, None
        return Step(closed)
