"""What must follow: immutable linked lists of symbols, built on one another.

    end <--- ObjectRest <--- Value <--- Colon      end.push(ObjectRest).push(Value).push(Colon)
                 ^---------- Comma                  shares all below ObjectRest

There is one object for one list, so lists are compared by identity, and whatever is found out about
a list is kept on it. A `Fork` stands for any of several lists, and is itself something to build on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from sys import getsizeof
from threading import Lock

from constrained.grammar import Captured, Fresh, Seen, Sequence, Symbol
from constrained.remains import Ending


@dataclass(frozen=True, eq=False, slots=True)
class Recall:
    """The end of a text that began at `mark`, and that decides what follows."""

    captured: Captured | Fresh
    mark: int | None  # an offset into the tape; None if it began inside the token of a mask (mask.py)
    watched: bool  # may it run into a dead end?


class Tally:
    """How many lists stand on one end, and how many steps of their states are remembered: for what they take."""

    __slots__ = ("lists", "steps")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """All were dropped."""
        self.lists = 0
        self.steps = 0


_keeping = Lock()  # held for a moment
_ENTRY = 100  # bytes of an entry of a dict, roughly


class Rest:
    """What must follow: `symbol`, then `below`. The empty list has no symbol.

    Interned by `push` alone: there is one object for one list, and it lives as long as it is used.
    """

    __slots__ = ("_first", "_more", "below", "captures", "opaque", "remembers", "symbol", "tally", "watched")

    def __init__(self, symbol: Symbol | Recall | None, below: "Rest | None", tally: Tally) -> None:
        self.symbol = symbol
        self.below = below
        self.tally = tally
        tally.lists += 1
        self.captures: bool = False  # is a text open, on which something depends?
        self.opaque: bool = False  # and that decides what follows?
        self.watched: bool = False  # and that may run into a dead end?
        self.remembers: bool = False  # must texts not come again that have come?
        if below is not None:
            self.captures = below.captures or isinstance(symbol, Recall)
            self.opaque = below.opaque or (isinstance(symbol, Recall) and isinstance(symbol.captured, Captured))
            self.watched = below.watched or (isinstance(symbol, Recall) and symbol.watched)
            self.remembers = below.remembers or isinstance(symbol, Seen)
        # The lists that are built on this one. Most have one, or none.
        self._first: Rest | None = None
        self._more: dict[object, Rest] | None = None

    def push(self, symbol: Symbol | Recall) -> "Rest":
        """This list with `symbol` in front."""
        first = self._first
        if first is not None and first.symbol == symbol:
            return first
        return (self._more or {}).get(symbol) or self._keep(symbol, Rest(symbol, self, self.tally))

    def _keep(self, key: object, longer: "Rest") -> "Rest":
        """Remember a list that is built on this one; the one that is remembered, if there is one by now."""
        with _keeping:
            if self._first is None:
                self._first = longer
            if self._first.head == longer.head:
                return self._first
            if self._more is None:
                self._more = {}
            return self._more.setdefault(key, longer)

    def push_all(self, symbols: Sequence) -> "Rest":
        """This list with `symbols` in front, in order."""
        rest = self
        for symbol in reversed(symbols):
            rest = rest.push(symbol)
        return rest

    def recall(self, captured: Captured | Fresh, mark: int | None) -> "Rest":
        """This list with the end of `captured` in front."""
        key = (captured, mark)
        first = self._first
        if first is not None and first.head == key:
            return first
        found = (self._more or {}).get(key)
        if found is None:
            watched = isinstance(captured, Captured) and bool(captured.refused())
            found = self._keep(key, Rest(Recall(captured, mark, watched), self, self.tally))
        return found

    @property
    def seen(self) -> Seen:
        """What is remembered here, below a `Fresh`."""
        assert isinstance(self.symbol, Seen)
        return self.symbol

    @property
    def beside(self) -> frozenset[bytes]:
        """The texts that a `Seen` right below remembers."""
        if self.below is None:
            return frozenset()
        seen = [one.symbol.texts for one in self.below.forks() if isinstance(one.symbol, Seen)]
        return seen[0] if len(seen) == 1 else frozenset[bytes]().union(*seen)

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
        """Drop the lists that are built on this one and those below."""
        for rest in self._stack(captures=False):
            rest._first = rest._more = None

    def end(self) -> "list[Rest]":
        """Let go of the lists that are built on this one: nobody builds on them any more. These lists."""
        found = [] if self._more is None else [*self._more.values()]
        if self._first is not None:
            found.append(self._first)
        self._first = self._more = None
        return found

    def recalls(self) -> "Iterator[tuple[Recall, Rest]]":
        """The texts that are open here, each with what is below it."""
        for rest in self._stack(captures=True):
            if isinstance(rest.symbol, Recall):
                assert rest.below is not None
                yield rest.symbol, rest.below

    def _stack(self, captures: bool) -> "Iterator[Rest]":
        """This list and those below, each once; only as deep as texts are open, if asked so."""
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
        super().__init__(None, None, choices[0].tally)
        self.choices = choices
        self.captures = any(choice.captures for choice in choices)
        self.opaque = any(choice.opaque for choice in choices)
        self.watched = any(choice.watched for choice in choices)
        self.remembers = any(choice.remembers for choice in choices)

    def forks(self) -> tuple[Rest, ...]:
        """The lists that this stands for."""
        return self.choices


def below(rest: Rest) -> tuple[Rest, ...]:
    """What may stand below the first symbol of `rest`, or what it stands for."""
    if isinstance(rest, Fork):
        return rest.choices
    return () if rest.below is None else (rest.below,)


class Forks:
    """The forks that there are: one object for one set of lists.

    Lists that are shared below many others are joined once: without that, ambiguous grammars take time that doubles
    with every byte.
    """

    def __init__(self) -> None:
        self._known: dict[frozenset[Rest], Rest] = {}  # lists -> any of them
        self.size = 0  # bytes of that, without the lists

    def any_of(self, rests: Iterable[Rest]) -> Rest:
        """Any of `rests`, as one. Lists that begin alike share their beginning:

        [a, b, c] or [a, b, d] or [e]   ->   [a, b, (c or d)] or [e]
        """
        choices = dict.fromkeys(choice for rest in rests for choice in rest.forks())
        if len(choices) == 1:
            return next(iter(choices))
        key = frozenset(choices)
        found = self._known.get(key)
        return self._joined(choices, key) if found is None else found

    def _joined(self, choices: Iterable[Rest], key: frozenset[Rest]) -> Rest:
        alike: dict[object, list[Rest]] = {}
        for choice in choices:
            alike.setdefault(choice.head, []).append(choice)
        merged = tuple(
            group[0] if len(group) == 1 else self.any_of(one.below for one in group if one.below).with_head(group[0])
            for group in alike.values()
        )
        if len(merged) == 1:
            return self._keep(key, merged[0])
        shorter = frozenset(merged)
        found = self._known.get(shorter) or self._keep(shorter, Fork(merged))
        return found if shorter == key else self._keep(key, found)

    def _keep(self, key: frozenset[Rest], found: Rest) -> Rest:
        """Remember what some lists are together; what is remembered, if that is known by now."""
        self.size += getsizeof(key) + _ENTRY
        return self._known.setdefault(key, found)

    def forget(self) -> None:
        """Drop all."""
        self._known.clear()
        self.size = 0

    def end(self) -> list[Rest]:
        """Let go of all of them: these."""
        found = [*self._known.values()]
        self.forget()
        return found


def ended(rests: list[Rest]) -> Ending:
    """Let lists let go of all that is built on them, and on that, one list at a time."""
    while rests:
        rests += rests.pop().end()
        yield
