"""Greedy lexing and LALR(1) parsing as nodes: a place in a text, and what may be read there.

    Place   a parser stack and a guard      a = 1|      stack [.. expr], guard [0-9]
            opens to one `Switch`: all lexemes that the scanner finds here, by outcome
    After   a place and one outcome         reduces and shifts when a matcher gets there

So a state of the matcher is one configuration: the rows of the scanner, and which place they began
at. Places with equal stacks and guards are one object as long as somebody holds it; a list that
goes on for ever comes back to the same place, and costs nothing.

No dead ends.  Terminals always have a next one (lalr.py), but guards may forbid every text of it: with
NAME next to NAME and nothing ignored, the second can never be read. Most pairs of a parser state and a
guard are *free* of that (free.py). Other places are searched for a way to the end or to a free pair;
where none is found within `_SEARCH` places, they are left out.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import overload
from weakref import WeakValueDictionary

from constrained.automata.dfa import Dfa
from constrained.automata.walk import Nodes, Words
from constrained.completion import text_by_label
from constrained.deadline import look
from constrained.errors import Unsatisfiable
from constrained.finishing import joined, length, text_of
from constrained.grammar import Completion, Control, Switch
from constrained.grammar import Sequence as Symbols
from constrained.reaching import KindWalker, Reaching
from grammars.enclosed import Enclosure
from grammars.lark.endings import Ahead
from grammars.lark.free import free_pairs
from grammars.lark.lalr import Stack, Tables
from grammars.lark.lookahead import END
from grammars.lark.reach import Reach
from grammars.lark.scanner import Guard, Lexing, Outcome, Scanner

_KNOWN = 50_000  # places remembered to be alive or not
_SPOT_BYTES = 250  # of what is known about one
_SEARCH = 3_000  # places looked at for a way to the end

Spot = tuple[Stack, Guard]


class Machine:
    """The places of one grammar."""

    def __init__(
        self,
        tables: Tables,
        scanner: Scanner,
        ahead: Ahead,
        ignored: frozenset[str],
        controls: dict[str, Control],
        around: Enclosure | None,
        where: str = "",
    ) -> None:
        """`around` is None for a grammar that stands alone. Raises Unsatisfiable if no text can be read to its end."""
        self.tables = tables
        self.ignored = ignored
        self.controls = controls
        self._scanner = scanner
        self.is_alone = around is None
        self._around = around or Enclosure()
        self._reach: dict[KindWalker, Reach] = {}  # one for each vocabulary
        self._first = scanner.guard_against(self._around.marks)
        self._places: WeakValueDictionary[Spot, Place] = WeakValueDictionary()
        self._ahead = ahead
        self._completions: dict[Spot, Completion] = {}
        self._wanted: dict[
            tuple[int, Lexing, frozenset[str]], tuple[frozenset[int], tuple[tuple[int, Outcome], ...]]
        ] = {}
        self._known: dict[Spot, bool] = {}
        self._texts: dict[Lexing, Mapping[int, bytes]] = {}
        self._free = free_pairs(tables, (tables.start.state, self._first), ignored, controls.keys(), self.lexing)
        self._free_after = {
            (name, left)
            for name, states in tables.shifts.items()
            for left in {guard for _, guard in self._free}
            if name not in ignored and all((state, left) in self._free for state in states)
        }
        self.start = self.place(tables.start, self._first)
        if not self.alive(tables.start, self._first):
            raise Unsatisfiable("no text can be cut into the terminals of the start rule", where=where)

    def place(self, stack: Stack, guard: Guard) -> "Place":
        """The place with this stack and guard."""
        key = (stack, guard)
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = Place(self, stack, guard)
        return found

    def lexing(self, state: int, guard: Guard) -> Lexing:
        """The lexemes in a parser state."""
        wanted = self.tables.accepts[state].difference(self.controls, [END])
        return self._scanner.lexing(wanted | self.ignored, guard)

    def lexemes(self, lexing: Lexing, wanted: frozenset[int]) -> Dfa:
        """The lexemes of some outcomes, as they are written; labels count those, in ascending order."""
        return self._around.spelled(lexing.keep(wanted))

    def reach(self, trie: KindWalker) -> Reach:
        """What can be reached over a vocabulary."""
        found = self._reach.get(trie)
        if found is None:
            found = self._reach.setdefault(trie, Reach(self, trie))
        return found

    # ------------------------------------------------------------ memory

    @property
    def size(self) -> int:
        """Bytes of what was found out about stacks, roughly."""
        reached = sum(one.size for one in tuple(self._reach.values()))
        return reached + self.tables.size + _SPOT_BYTES * (len(self._known) + len(self._completions))

    def forget(self) -> None:
        """Drop it. What threads are about to use they have taken before."""
        self._known, self._completions = {}, {}
        self.tables.forget()
        for one in tuple(self._reach.values()):
            one.forget()

    # ------------------------------------------------------------ liveness

    def is_free(self, state: int, guard: Guard) -> bool:
        """Is this pair a free one?"""
        return (state, guard) in self._free

    def after(self, stack: Stack, terminal: str) -> Stack:
        """The stack after a lexeme."""
        return stack if terminal in self.ignored else self.tables.shift(stack, terminal)

    def alive(self, stack: Stack, guard: Guard) -> bool:
        """Can a text go on from here to its end?"""
        if (stack.state, guard) in self._free:
            return True
        key, known = (stack, guard), self._known
        found = known.get(key)
        if found is None:
            if len(known) > _KNOWN:  # a search from a place found alive is never longer than the one that found it
                known = self._known = {}
            found = self._search(key, known)
        return found

    def leads_on(self, stack: Stack, name: str, guard: Guard) -> bool:
        """Can a text go on after lexeme `name`, a viable one, left `guard`?"""
        if (name, guard) in self._free_after:
            return True
        return self.alive(self.after(stack, name), guard)

    def wanted(self, stack: Stack, lexing: Lexing, viable: frozenset[str]) -> frozenset[int]:
        """The outcomes of a lexing that the parser can make use of, and that lead on."""
        key = (stack.state, lexing, viable)
        known = self._wanted.get(key)
        if known is None:
            useful = [
                (index, outcome)
                for index, outcome in enumerate(lexing.outcomes)
                if outcome[0] in viable or outcome[0] in self.ignored
            ]
            sure = frozenset(
                index
                for index, outcome in useful
                if outcome in self._free_after
                or (outcome[0] in self.ignored and (stack.state, outcome[1]) in self._free)
            )
            known = self._wanted[key] = (sure, tuple(one for one in useful if one[0] not in sure))
        sure, others = known
        if not others:
            return sure
        return sure.union(index for index, outcome in others if self.leads_on(stack, *outcome))

    def _search(self, start: Spot, known: dict[Spot, bool]) -> bool:
        """Is there a way to the end? Breadth first; all places on it are alive."""
        came_from: dict[Spot, Spot | None] = {start: None}
        todo = [start]
        for here in todo:
            look()
            stack, guard = here
            if END in self.tables.viable(stack) or (stack.state, guard) in self._free or known.get(here):
                proven: Spot | None = here
                while proven is not None:
                    known[proven] = True
                    proven = came_from[proven]
                return True
            if len(came_from) > _SEARCH:
                break
            for name, left in self.outcomes(stack, guard):
                there = (self.after(stack, name), left)
                if there not in came_from and known.get(there) is not False:
                    came_from[there] = here
                    todo.append(there)
        known[start] = False
        return False

    # ------------------------------------------------------------ shortest completions

    def completion(self, stack: Stack, guard: Guard) -> Completion:
        """A shortest text, with its control tokens, from here to the end: best first, led by `Ahead`."""
        start, known = (stack, guard), self._completions
        if start not in known:
            if len(known) > _KNOWN:
                known = self._completions = {}
            self._complete(start, known)
        return known[start]

    def _complete(self, start: Spot, known: dict[Spot, Completion]) -> None:
        order = count()
        # Among equals the longest text goes first: where `Ahead` is right, straight to the end.
        todo = [(self._at_least(start, known), 0, next(order), start)]
        came_from: dict[Spot, tuple[Spot, bytes | int]] = {}
        least = {start: 0}
        while todo:
            look()
            _, behind, _, here = heapq.heappop(todo)
            if here in known or END in self.tables.viable(here[0]):
                _remember(known, start, here, came_from)
                return
            if -behind > least[here]:
                continue
            for piece, there in self._steps(*here):
                total = (len(piece) if isinstance(piece, bytes) else 1) - behind
                if total < least.get(there, total + 1):
                    least[there] = total
                    came_from[there] = (here, piece)
                    heapq.heappush(todo, (total + self._at_least(there, known), -total, next(order), there))
        raise Unsatisfiable("no text ends from here")

    def _at_least(self, spot: Spot, known: Mapping[Spot, Completion]) -> int:
        """No text from here to the end is shorter."""
        found = known.get(spot)
        return self._ahead.of(spot[0]) if found is None else length(found)

    def _steps(self, stack: Stack, guard: Guard) -> Iterator[tuple[bytes | int, Spot]]:
        """One lexeme or control token, and the place after it."""
        viable = self.tables.viable(stack)
        lexing = self.lexing(stack.state, guard)
        texts = self._texts_of(lexing)
        for index, (name, left) in enumerate(lexing.outcomes):
            if (name in viable or name in self.ignored) and self.leads_on(stack, name, left):
                yield texts[index], (self.after(stack, name), left)
        for name in viable.intersection(self.controls):
            if self.leads_on(stack, name, None):
                yield min(self.controls[name].tokens), (self.after(stack, name), None)

    def _texts_of(self, lexing: Lexing) -> Mapping[int, bytes]:
        """A shortest lexeme of each outcome."""
        found = self._texts.get(lexing)
        if found is None:
            every = frozenset(range(len(lexing.outcomes)))
            found = self._texts[lexing] = text_by_label(self.lexemes(lexing, every))
        return found

    def outcomes(self, stack: Stack, guard: Guard) -> Iterable[tuple[str, Guard]]:
        """What the parser can make use of next, whether it leads on or not."""
        viable = self.tables.viable(stack)
        for name, left in self.lexing(stack.state, guard).outcomes:
            if name in viable or name in self.ignored:
                yield name, left
        for name in viable.intersection(self.controls):
            yield name, None


def _remember(
    known: dict[Spot, Completion], start: Spot, end: Spot, came_from: dict[Spot, tuple[Spot, bytes | int]]
) -> None:
    """The completions of all places on the way from `start` to `end`."""
    written = known.setdefault(end, ())
    while end != start:
        end, piece = came_from[end]
        written = known[end] = joined([(piece,), written])


class Place(Reaching):
    """A parser stack and a guard."""

    __slots__ = ("__weakref__", "_alternatives", "guard", "machine", "stack")

    def __init__(self, machine: Machine, stack: Stack, guard: Guard) -> None:
        self.machine = machine
        self.stack = stack
        self.guard = guard
        self._alternatives: tuple[Symbols, ...] | None = None

    def expand(self) -> Iterable[Symbols]:
        """All lexemes that lead on, control tokens, and the end."""
        if self._alternatives is None:
            self._alternatives = tuple(self._open())
        return self._alternatives

    def _open(self) -> Iterable[Symbols]:
        machine, stack = self.machine, self.stack
        viable = machine.tables.viable(stack)
        lexing = machine.lexing(stack.state, self.guard)
        if wanted := machine.wanted(stack, lexing, viable):
            yield (Switch(machine.lexemes(lexing, wanted), Outcomes(self, lexing, wanted), "lexemes"),)
        for name in sorted(viable.intersection(machine.controls)):
            if machine.leads_on(stack, name, None):
                yield (machine.controls[name], After(self, (name, None)))
        if END in viable:
            yield ()

    def memory(self) -> Machine:
        """What is known about all places."""
        return self.machine

    def fill_reached(self, trie: KindWalker, nodes: Nodes, words: Words, doubtful: Words) -> Nodes | None:
        """See reach.py."""
        return self.machine.reach(trie).fill_at(self.stack, self.guard, nodes, words, doubtful)

    def shortest(self) -> bytes:
        """A shortest text from here to the end."""
        return text_of(self.completion())

    def completion(self) -> Completion:
        """As `shortest`, with control tokens."""
        return self.machine.completion(self.stack, self.guard)


class Outcomes(Sequence[Symbols]):
    """What follows a place after each of some outcomes; made when asked for: there are many, and few are needed."""

    __slots__ = ("_lexing", "_wanted", "place")

    def __init__(self, place: Place, lexing: Lexing, wanted: frozenset[int]) -> None:
        self.place = place
        self._lexing = lexing
        self._wanted = wanted

    def __len__(self) -> int:
        return len(self._wanted)

    @overload
    def __getitem__(self, label: int) -> Symbols: ...
    @overload
    def __getitem__(self, label: slice) -> tuple[Symbols, ...]: ...
    def __getitem__(self, label: int | slice) -> Symbols | tuple[Symbols, ...]:
        """The sequences of the outcomes in ascending order."""
        if isinstance(label, slice):
            return tuple(self[one] for one in range(len(self))[label])
        return (After(self.place, self._lexing.outcomes[self._lexing.in_order(self._wanted)[label]]),)


class After(Reaching):
    """What follows a place after one lexeme. Made anew each time it is asked for, so compared by value."""

    __slots__ = ("_outcome", "_place")

    def __init__(self, place: Place, outcome: Outcome) -> None:
        self._place = place
        self._outcome = outcome

    def __eq__(self, other: object) -> bool:
        return isinstance(other, After) and self._place is other._place and self._outcome == other._outcome

    def __hash__(self) -> int:
        return hash((id(self._place), self._outcome))

    def _target(self) -> Place:
        machine, (name, left) = self._place.machine, self._outcome
        return machine.place(machine.after(self._place.stack, name), left)

    def expand(self) -> Iterable[Symbols]:
        """The place after it."""
        return self._target().expand()

    def memory(self) -> Machine:
        """What is known about all places."""
        return self._place.machine

    def fill_reached(self, trie: KindWalker, nodes: Nodes, words: Words, doubtful: Words) -> Nodes | None:
        """See reach.py."""
        place = self._place
        return place.machine.reach(trie).fill_after(place.stack, self._outcome, nodes, words, doubtful)

    def shortest(self) -> bytes:
        """A shortest text from there to the end."""
        return text_of(self.completion())

    def completion(self) -> Completion:
        """As `shortest`, with control tokens."""
        return self._target().completion()
