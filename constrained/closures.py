"""What may stand in front of a rest: nodes are replaced by their sequences until terminals do.

    [ObjectRest, End]   ->   "}"  then [End]
                             ","  then [Key, Colon, Value, ObjectRest, End]

Configurations that differ in their rest alone are merged, their rests becoming one fork, so a thousand
alternatives that begin alike are read once (the graph-structured stack of M. Tomita, *An efficient
augmented-context-free parsing algorithm*, 1987).

There are two readings of the symbols whose text decides what follows. `Closer` reads a text that is
known: the bytes since the oldest open text began (`tape`) are there. `Sketcher` (sketches.py) computes
masks, for many texts at once, and the part of them that lies before the token is not known.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from constrained.automata.dfa import REFUSES, START
from constrained.deadline import look
from constrained.errors import LimitExceeded
from constrained.grammar import Captured, Control, Fresh, Memory, Node, Seen, Switch, Terminal, Unknown
from constrained.rests import Forks, Recall, Rest

_START = int(START)
CLOSURE_LIMIT = 200_000  # alternatives in front of one rest

Reading = Terminal | Switch
Config = tuple[Reading, int, Rest]  # symbol, row, what follows it


_NO_CONTROLS: Mapping[Control, Rest] = {}


class Closure:
    """What may stand in front of a rest: terminals, control tokens, the end of the text.

    What is `gathered` is merged into `configs` and `controls` once (`Closing.settle`).
    `steady`: it depends on the rest alone. `begins`: a text begins here on which something depends.
    Where texts are not known: `begun` are those that begin here, `recalls` the ends of others, each with the
    rest below; `unsure` is set where a `Fresh` begins that may have to differ from a text that is not known,
    `unknown` where a sketch ends.
    """

    __slots__ = (
        "accepting",
        "begins",
        "begun",
        "configs",
        "controls",
        "gathered",
        "gathered_controls",
        "recalls",
        "steady",
        "unknown",
        "unsure",
    )

    def __init__(self) -> None:
        self.gathered: dict[tuple[Reading, int], dict[Rest, None]] | None = None
        self.gathered_controls: dict[Control, dict[Rest, None]] | None = None
        self.configs: dict[tuple[Reading, int], Rest] = {}
        self.controls: Mapping[Control, Rest] = _NO_CONTROLS
        self.accepting = False
        self.steady = True
        self.begins = False
        self.begun: tuple[tuple[Captured | Fresh, Rest], ...] = ()
        self.recalls: tuple[tuple[Captured | Fresh, Rest], ...] = ()
        self.unsure = False
        self.unknown = False

    def add(self, key: tuple[Reading, int], rest: Rest) -> None:
        """One more configuration."""
        if self.gathered is None:
            self.gathered = {}
        self.gathered.setdefault(key, {})[rest] = None

    def add_control(self, control: Control, rest: Rest) -> None:
        """One more control token that may come."""
        if self.gathered_controls is None:
            self.gathered_controls = {}
        self.gathered_controls.setdefault(control, {})[rest] = None

    def merge(self, other: "Closure") -> None:
        """All that `other`, which is settled, holds."""
        for key, rest in other.configs.items():
            self.add(key, rest)
        for control, rest in other.controls.items():
            self.add_control(control, rest)
        self.accepting |= other.accepting

    @property
    def is_empty(self) -> bool:
        """Is nothing possible any more?"""
        return not (self.gathered or self.gathered_controls or self.accepting)


class Closing(ABC):
    """Closes rests; what a text means that decides what follows is said by those who inherit."""

    def __init__(self, forks: Forks) -> None:
        self.forks = forks
        self.memories: dict[Memory, None] = {}  # of the nodes that were opened

    def closed(self, rest: Rest, tape: bytes | None) -> Closure:
        """What may stand in front of `rest`, settled."""
        closure = Closure()
        todo = list(rest.forks())
        seen = set(todo)
        while todo:
            look()
            for one in self._unfold(closure, todo.pop(), tape):
                for choice in one.forks():
                    if choice not in seen:
                        seen.add(choice)
                        todo.append(choice)
            if len(seen) > CLOSURE_LIMIT:
                raise LimitExceeded(f"more than {CLOSURE_LIMIT} alternatives at one place", hint="left recursion?")
        return self.settle(closure)

    def _unfold(self, closure: Closure, rest: Rest, tape: bytes | None) -> list[Rest]:
        """Enter the first symbol of `rest` into `closure`; the rests that may stand in its place."""
        symbol, below = rest.symbol, rest.below
        if symbol is None or below is None:
            closure.accepting = True
            return []
        match symbol:
            case Terminal() | Switch():
                return self._begin_reading(closure, symbol, below)
            case Node():
                if (memory := symbol.memory()) is not None:
                    self.memories[memory] = None
                found: list[Rest] = []
                for sequence in symbol.expand():
                    first = sequence[0] if sequence else None
                    if isinstance(first, Terminal | Switch):  # no list is made of what is taken apart at once
                        found += self._begin_reading(closure, first, below.push_all(sequence[1:]))
                    else:
                        found.append(below.push_all(sequence))
                return found
            case Seen():
                return [below]
            case Control():
                closure.add_control(symbol, below)
                return []
            case Unknown():
                closure.unknown = True
                return []
            case Fresh() | Captured():
                closure.begins = True
                return [begun for one in below.forks() for begun in self.begin(closure, symbol, one, tape)]
            case Recall():
                return [ended for one in below.forks() for ended in self.end(closure, symbol, one, tape)]

    def _begin_reading(self, closure: Closure, symbol: Reading, below: Rest) -> list[Rest]:
        automaton = symbol.automaton
        if automaton.begins:
            closure.add((symbol, _START), below)
        label = automaton.label(_START)
        return [] if label == REFUSES else [leave(symbol, label, below)]

    @abstractmethod
    def begin(self, closure: Closure, symbol: Fresh | Captured, below: Rest, tape: bytes | None) -> list[Rest]:
        """What stands in the place of `symbol`."""

    @abstractmethod
    def end(self, closure: Closure, recall: Recall, below: Rest, tape: bytes | None) -> list[Rest]:
        """What follows the text that ends."""

    def settle(self, closure: Closure) -> Closure:
        """Merge what was gathered: one rest per configuration."""
        for key, rests in (closure.gathered or {}).items():
            closure.configs[key] = next(iter(rests)) if len(rests) == 1 else self.forks.any_of(rests)
        if closure.gathered_controls is not None:
            closure.controls = {
                control: self.forks.any_of(rests) for control, rests in closure.gathered_controls.items()
            }
        closure.gathered = closure.gathered_controls = None
        return closure


def leave(symbol: Reading, label: int, rest: Rest) -> Rest:
    """What follows once `symbol` matched with `label`."""
    return rest.push_all(symbol.targets[label]) if isinstance(symbol, Switch) else rest


class Closer(Closing):
    """Closes rests where the text that was read is known."""

    def begin(self, closure: Closure, symbol: Fresh | Captured, below: Rest, tape: bytes | None) -> list[Rest]:
        """A mark into the tape, and the body."""
        opened = below.recall(symbol, len(tape or b""))
        return [opened.push(symbol.body) if isinstance(symbol, Fresh) else opened.push_all(symbol.body)]

    def end(self, closure: Closure, recall: Recall, below: Rest, tape: bytes | None) -> list[Rest]:
        """What the text calls for, if it is not refused. Nothing without a tape, for who asks what is steady."""
        closure.steady = False
        if tape is None:
            return []
        text = tape[recall.mark :]
        captured = recall.captured
        if isinstance(captured, Captured):
            sequence = captured.then(text)
            return [] if sequence is None else [below.push_all(sequence)]
        seen = below.seen.texts
        if text in captured.refused or text in seen or below.below is None:
            return []
        return [below.below.push(Seen(seen | {text})).push_all(captured.then)]
