"""What must follow: immutable linked lists of symbols, built on one another.

    end <--- ObjectRest <--- Value <--- Colon      end.push(ObjectRest).push(Value).push(Colon)
                 ^---------- Comma                  shares all below ObjectRest

There is one object for one list, so lists are compared by identity, and whatever is found out about
a list is kept on it. A `Fork` stands for any of several lists, and is itself something to build on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from constrained.grammar import Captured, Sequence, Symbol

if TYPE_CHECKING:
    from constrained.states import Closure


@dataclass(frozen=True, eq=False, slots=True)
class Recall:
    """The end of a captured body that began at `mark`."""

    captured: Captured
    mark: int | None  # an offset into the tape; None if it began inside the token of a mask (mask.py)


class Rest:
    """What must follow: `symbol`, then `below`. `END` is the empty list.

    Interned by `push` alone: there is one object for one list, and it lives as long as it is used.
    """

    __slots__ = ("_pushed", "below", "captures", "closure", "symbol")

    def __init__(self, symbol: Symbol | Recall | None, below: "Rest | None") -> None:
        self.symbol = symbol
        self.below = below
        self.captures: bool = isinstance(symbol, Recall) or (below is not None and below.captures)
        self.closure: Closure | None = None
        self._pushed: dict[object, Rest] = {}

    def push(self, symbol: Symbol | Recall) -> "Rest":
        """This list with `symbol` in front."""
        found = self._pushed.get(symbol)
        if found is None:
            found = self._pushed.setdefault(symbol, Rest(symbol, self))
        return found

    def push_all(self, symbols: Sequence) -> "Rest":
        """This list with `symbols` in front, in order."""
        rest = self
        for symbol in reversed(symbols):
            rest = rest.push(symbol)
        return rest

    def recall(self, captured: Captured, mark: int | None) -> "Rest":
        """This list with the end of `captured` in front."""
        key = (captured, mark)
        found = self._pushed.get(key)
        if found is None:
            found = self._pushed.setdefault(key, Rest(Recall(captured, mark), self))
        return found

    @property
    def head(self) -> object:
        """What stands in front, as a key: equal heads mean the same."""
        return (self.symbol.captured, self.symbol.mark) if isinstance(self.symbol, Recall) else self.symbol

    def with_head(self, other: "Rest") -> "Rest":
        """This list with the head of `other` in front."""
        symbol = other.symbol
        if isinstance(symbol, Recall):
            return self.recall(symbol.captured, symbol.mark)
        return self if symbol is None else self.push(symbol)

    def forget(self) -> None:
        """Drop what is memoised on this list and those below: the lists built on them, above all."""
        for rest in self._stack(captures=False):
            rest._pushed.clear()
            rest.closure = None

    def recalls(self) -> "Iterator[Recall]":
        """The captures that are open here."""
        for rest in self._stack(captures=True):
            if isinstance(rest.symbol, Recall):
                yield rest.symbol

    def _stack(self, captures: bool) -> "Iterator[Rest]":
        """This list and those below, each once; only as deep as captures are open, if asked so."""
        todo: list[Rest] = [self]
        seen: set[Rest] = {self}
        while todo:
            rest = todo.pop()
            if captures and not rest.captures:
                continue
            yield rest
            fresh = {*rest.forks(), *([rest.below] if rest.below else [])} - seen
            seen |= fresh
            todo.extend(fresh)

    def forks(self) -> "tuple[Rest, ...]":
        """The lists that this stands for: itself."""
        return (self,)


class Fork(Rest):
    """Any of several rests."""

    __slots__ = ("choices",)

    def __init__(self, choices: tuple[Rest, ...]) -> None:
        super().__init__(None, None)
        self.choices = choices
        self.captures = any(choice.captures for choice in choices)

    def forks(self) -> tuple[Rest, ...]:
        """The lists that this stands for."""
        return self.choices
