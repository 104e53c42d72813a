"""Where do tokens lead from one place of a grammar? A token is one leap, over many bytes and perhaps many symbols.

    place    (symbol, row, rest)        in a terminal, or before a control token; (None, 0, rest): before `rest`
    leap     {"city": "Par|      `is`    lands in the same string
                                 `"}`    lands behind the object: it left the string at the trie's node `"`
    leg      a walk in one symbol, below some nodes, with the rows in which tokens end

A hundred thousand tokens lead to a handful of places. So whoever wants to know how good a token is thinks about
places, and then sets the bits of all tokens that lead to good ones (`Leaper.mark`).

Inside of texts that decide what follows (`Captured`) a place is not all there is to know: what was read matters
too. Tokens that go there are not among the legs; `Leaps` says where they go, as far as that is the same for all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk
from constrained.automata.chosen import Chosen
from constrained.automata.counted import UNBOUNDED, Counted, Meter
from constrained.automata.dfa import DEAD, REFUSES, START, Dfa
from constrained.automata.landing import land, land_counted
from constrained.closures import leave
from constrained.counted_leaps import CountedLeaps, Exits, Landings, landings_in, place_in
from constrained.grammar import Automaton, Captured, Control, Fresh, Metered, Switch, Terminal
from constrained.inner import Nodes, walker_for
from constrained.rests import Rest
from constrained.sketches import Noter, sketched
from constrained.states import States, Words
from constrained.vocabulary.vocabulary import Vocabulary
from constrained.ways_out import ways_out

Place = tuple[Terminal | Switch | Control | None, int, Rest]

ROOT = np.array([-1], np.int32)

KEPT_BYTES = 64 << 20  # of nodes that legs start from
WIDE = 64  # bytes that an automaton may begin with, above which its tails are not looked for


@dataclass(frozen=True, eq=False, slots=True)
class Leg:
    """The tokens that, below `nodes`, end inside `symbol`, which was entered at `row`."""

    symbol: Terminal | Switch
    row: int
    rest: Rest
    nodes: Nodes
    landings: Landings


@dataclass(frozen=True, eq=False, slots=True)
class Leaps:
    """Everywhere that the tokens from one place lead.

    captured  the texts that some of them enter or leave, with what is below
    inside    the legs of tokens that end inside of one, or behind its sketch
    """

    legs: tuple[Leg, ...]
    captured: tuple[tuple[Captured | Fresh, Rest], ...] = ()
    inside: tuple[Leg, ...] = ()


class Widths(NamedTuple):
    """The most that tokens count: any; those that end a counter's text; those that go on behind it. -1 of none."""

    inside: int
    last: int
    beyond: int

    def needed(self, missing: int, behind: int) -> int:
        """The tokens needed to count so many and leave, at least, if `behind` take part in what follows."""
        ways: list[int] = []
        if self.last >= 0:
            ways.append(1 + max(0, -(-(missing - self.last) // self.inside)) + behind)
        if self.beyond >= 0:
            ways.append(max(0, -(-(missing - self.beyond) // self.inside)) + behind)
        return min(ways, default=1)


class Leaper:
    """Finds the leaps of one grammar; shared, and what it finds is kept."""

    def __init__(self, states: States, vocabulary: Vocabulary) -> None:
        self._noter = Noter(states.forks)
        self._trie = trie = vocabulary.trie
        self._arrays = (trie.byte, trie.depth, trie.skip, trie.token)
        self._scratch = walker_for(vocabulary).scratch  # of the thread, whatever the grammar
        self._words = vocabulary.words
        self.ways = ways_out(vocabulary)
        self._leaps: dict[Place, Leaps] = {}
        self._uncounted: dict[Place, Leaps] = {}  # of `Metered` symbols
        self._bytes = 0
        self._first: dict[tuple[Dfa | Chosen, int], tuple[Landings, Exits]] = {}
        self._metered: dict[tuple[Meter, int], CountedLeaps] = {}
        self._tails: dict[Automaton, tuple[Landings, Exits] | None] = {}

    @property
    def is_full(self) -> bool:
        """Is more kept than should be?"""
        return self._bytes > KEPT_BYTES

    def forget(self) -> None:
        """Drop what was found."""
        for memo in (self._leaps, self._uncounted, self._first, self._metered, self._tails):
            memo.clear()
        self._bytes = 0

    def of(self, symbol: Terminal | Switch, row: int, rest: Rest) -> Leaps:
        """The leaps from a place inside a symbol."""
        place = (symbol, row, rest)
        found = self._leaps.get(place)
        if found is None:
            found = self._leaps[place] = self._counted(symbol, self._find(*place))
            self._bytes += sum(leg.nodes.nbytes for leg in found.legs)
        return found

    def _find(self, symbol: Terminal | Switch, row: int, rest: Rest) -> Leaps:
        """The same, tokens not counted."""
        if isinstance(symbol, Metered) and symbol is not symbol.begun:
            place = (symbol.begun, row, rest)
            found = self._uncounted.get(place)
            if found is None:
                found = self._uncounted[place] = self._find(*place)
            return found
        first = self._from_root(symbol.automaton, row)
        path = _Path(self)
        path.add(Leg(symbol, row, rest, ROOT, first[0]))
        path.leave(symbol, rest, first[1])
        return path.leaps()

    def _counted(self, symbol: Terminal | Switch, leaps: Leaps) -> Leaps:
        """Without those that leave too few tokens; `symbol` is where all begin."""
        if isinstance(symbol, Metered) and not symbol.left:
            return Leaps(())
        if not any(isinstance(leg.symbol, Metered) for leg in (*leaps.legs, *leaps.inside)):
            return leaps
        legs, inside = ([self._leg(symbol, leg) for leg in legs] for legs in (leaps.legs, leaps.inside))
        return Leaps(tuple(filter(None, legs)), leaps.captured, tuple(filter(None, inside)))

    def _leg(self, symbol: Terminal | Switch, leg: Leg) -> Leg | None:
        here = symbol if leg.nodes is ROOT else leg.symbol
        if not isinstance(here, Metered):
            return leg
        landings = tuple(one for one in leg.landings if self.ways.fewest(here.dfa, one[0]) < here.left)
        return replace(leg, symbol=here.spent, landings=landings) if landings else None

    def into(self, rest: Rest) -> Iterator[Place] | None:
        """The places inside `rest` that tokens from before it lead to, whatever came before.

        None where they would be too many to look for.
        """
        path = _Path(self)
        closure = self._noter.closed(rest, None)
        for (symbol, row), below in closure.configs.items():
            tails = self._tails_of(symbol.automaton, row)
            if tails is None:
                return None
            path.add(Leg(symbol, row, below, ROOT, tails[0]))
            path.leave(symbol, below, tails[1])
        return places_of(path.legs)

    def after(self, places: Iterable[Place], text: bytes) -> set[Place]:
        """Where `text` leads from `places`, outside of captures: the symbols that it ends in."""
        here = {place for place in places if isinstance(place[0], Terminal | Switch)}
        for index, byte in enumerate(text):
            landed: set[Place] = set()
            for symbol, row, rest in here if index == 0 else self._opened(here):
                assert isinstance(symbol, Terminal | Switch)
                target = symbol.automaton.after(row, byte)
                if target != DEAD:
                    landed.add((symbol, target, rest))
            here = landed
        return {spent for place in here if (spent := self._spent(place))}

    def _spent(self, place: Place) -> Place | None:
        """A place when a token has ended there; None if the tokens left do not lead out of it."""
        symbol, row, rest = place
        if not isinstance(symbol, Metered):
            return place
        return (symbol.spent, row, rest) if self.ways.fewest(symbol.dfa, row) < symbol.left else None

    def _opened(self, places: set[Place]) -> set[Place]:
        """`places`, and the symbols that may begin where one of them may end."""
        found = set(places)
        todo = list(places)
        while todo:
            symbol, row, rest = todo.pop()
            assert isinstance(symbol, Terminal | Switch)
            label = symbol.automaton.label(row)
            if label != REFUSES:
                configs = self._noter.closed(leave(symbol, label, rest), None).configs
                found.update((*config, below) for config, below in configs.items() if not below.captures)
        return found

    def mark(self, leg: Leg, good: Iterable[int], words: Words) -> None:
        """Set the bits of the tokens of `leg` that end in one of the rows `good`."""
        self._land(leg.symbol.automaton, leg.row, leg.nodes, frozenset(good), words)

    def _tails_of(self, automaton: Automaton, row: int) -> tuple[Landings, Exits] | None:
        """As a walk from `row` below all nodes at once."""
        if automaton not in self._tails:
            first = automaton.reads(row)
            self._tails[automaton] = None if len(first) > WIDE else self._find_tails(automaton, row, first)
        return self._tails[automaton]

    def _find_tails(self, automaton: Automaton, row: int, first: bytes) -> tuple[Landings, Exits]:
        landings: dict[int, int] = {}
        exits: dict[int, list[Nodes]] = {}
        for byte in first:
            nodes, after = self._nodes_by_byte[byte], automaton.after(row, byte)
            tokens = self._trie.token[nodes]
            if (tokens >= 0).any():
                landings[after] = int(tokens.max())
            if automaton.label(after) != REFUSES:
                exits.setdefault(automaton.label(after), []).append(nodes)
            landed, left = self._walk(automaton, after, nodes)
            landings.update(landed)
            for label, more in left.items():
                exits.setdefault(label, []).append(more)
        return tuple(landings.items()), {label: np.unique(np.concatenate(parts)) for label, parts in exits.items()}

    @cached_property
    def _nodes_by_byte(self) -> list[Nodes]:
        """Byte -> the nodes behind it."""
        order = np.argsort(self._trie.byte, kind="stable").astype(np.int32)
        return np.split(order, np.searchsorted(self._trie.byte[order], np.arange(1, 256)))

    def widths(self, meter: Meter) -> "Widths":
        """The most that its tokens count."""
        inside, last, beyond = 1, -1, -1
        ends = meter.dfa.labels != REFUSES  # (S,)
        for row in range(START, meter.dfa.rows):
            found = self._metered_from(meter, row)
            inside = max(inside, found.widest)
            last = max(last, int(found.counts[ends[found.rows]].max(initial=-1)))
            beyond = max(beyond, int(found.costs.max(initial=-1)))
        return Widths(inside, last, beyond)

    # ------------------------------------------------------------------ walks

    def _from_root(self, automaton: Automaton, row: int) -> tuple[Landings, Exits]:
        """A walk over the whole trie. What it finds is kept, for a counter without regard to the count."""
        if isinstance(automaton, Counted):
            plain, count = automaton.split(row)
            return self._metered_from(automaton.meter, plain).within(automaton, count)
        found = self._first.get((automaton, row))
        if found is None:
            found = self._first[automaton, row] = self._walk(automaton, row, ROOT)
            self._bytes += sum(nodes.nbytes for nodes in found[1].values())
        return found

    def _metered_from(self, meter: Meter, row: int) -> "CountedLeaps":
        found = self._metered.get((meter, row))
        if found is None:
            found = self._metered[meter, row] = self._walk_meter(meter, row)
            self._bytes += 3 * found.exits.nbytes
        return found

    def _walk_meter(self, meter: Meter, row: int) -> "CountedLeaps":
        scratch, free = self._scratch, Counted(meter, 0, UNBOUNDED)
        landed = np.full((self._trie.max_depth + 1, meter.dfa.rows), -1, np.int32)
        wanted, words = np.zeros(landed.shape, np.bool_), np.zeros(self._words, np.uint32)
        while (found := self._run(free, row, ROOT, wanted, landed, words)) == walk.FULL:
            scratch.make_room_for_exits()
        counts, rows = np.nonzero(landed >= 0)
        exits = (scratch.exits[:found].copy(), scratch.labels[:found].copy(), scratch.costs[:found].copy())
        return CountedLeaps(counts, rows, landed[counts, rows], *exits)

    def _walk(self, automaton: Automaton, row: int, nodes: Nodes) -> tuple[Landings, Exits]:
        """Walk below `nodes`; where the tokens end, and where they leave the automaton."""
        landings, found = self._land(automaton, row, nodes, frozenset(), np.zeros(self._words, np.uint32))
        exits, labels = self._scratch.exits[:found], self._scratch.labels[:found]
        left: Exits = {int(label): np.unique(exits[labels == label]) for label in np.unique(labels)}
        return landings, left

    def _land(
        self, automaton: Automaton, row: int, nodes: Nodes, good: frozenset[int], words: Words
    ) -> tuple[Landings, int]:
        """Walk below `nodes`, and set the bits of the tokens that end in `good`; how many exits are in `_scratch`."""
        automaton = automaton.table if isinstance(automaton, Chosen) else automaton
        counts = self._trie.max_depth + 1
        shape = (automaton.rows,) if isinstance(automaton, Dfa) else (counts, automaton.meter.dfa.rows)
        landed = np.full(shape, -1, np.int32)
        wanted = np.zeros(shape, np.bool_)
        for one in good:
            wanted[place_in(automaton, row, one)] = True
        while (found := self._run(automaton, row, nodes, wanted, landed, words)) == walk.FULL:
            self._scratch.make_room_for_exits()
        return tuple(landings_in(automaton, row, landed)), found

    def _run(
        self,
        automaton: Dfa | Counted,
        row: int,
        nodes: Nodes,
        good: NDArray[np.bool_],
        landed: NDArray[np.int32],
        words: Words,
    ) -> int:
        scratch = self._scratch
        if isinstance(automaton, Counted):
            meter, (row, count) = automaton.meter, automaton.split(row)
            dfa = meter.dfa
            return land_counted(
                *self._arrays, nodes, dfa.classes, dfa.step, dfa.labels, meter.cost, meter.least, meter.most,
                automaton.low, automaton.high, row, count, good, landed, words,
                scratch.path, scratch.counts, scratch.exits, scratch.labels, scratch.costs,
            )  # fmt: skip
        return land(
            *self._arrays, nodes, automaton.classes, automaton.step, automaton.labels, row, good, landed, words,
            scratch.path, scratch.exits, scratch.labels,
        )  # fmt: skip

    def follow(self, path: "_Path", rest: Rest, nodes: Nodes) -> None:
        """The tokens that go on with `rest` below `nodes`; no part of it twice."""
        before = path.followed.get(rest)
        if before is not None:
            nodes = np.setdiff1d(nodes, before, assume_unique=True)
            if not len(nodes):
                return
        path.followed[rest] = nodes if before is None else np.concatenate([before, nodes])
        closure = self._noter.closed(rest, None)
        path.captured.update(dict.fromkeys([*closure.begun, *closure.recalls]))
        for captured, below in closure.recalls:
            path.sketched += 1
            self.follow(path, sketched(captured, below), nodes)
            path.sketched -= 1
        for (symbol, row), below in closure.configs.items():
            landings, exits = self._walk(symbol.automaton, row, nodes)
            if landings:
                path.add(Leg(symbol, row, below, nodes, landings))
            path.leave(symbol, below, exits)


class _Path:
    """The legs of the tokens from one place, as they are found."""

    def __init__(self, leaper: Leaper) -> None:
        self.legs: list[Leg] = []
        self.followed: dict[Rest, Nodes] = {}
        self.captured: dict[tuple[Captured | Fresh, Rest], None] = {}
        self.inside: list[Leg] = []
        self.sketched = 0  # ends of captures that lie behind us
        self._leaper = leaper

    def add(self, leg: Leg) -> None:
        """One more leg."""
        if self.sketched or leg.rest.captures:
            self.inside.append(leg)
        else:
            self.legs.append(leg)

    def leave(self, symbol: Terminal | Switch, rest: Rest, exits: Exits) -> None:
        """The tokens that left `symbol` go on."""
        for label, nodes in exits.items():
            self._leaper.follow(self, leave(symbol, label, rest), nodes)

    def leaps(self) -> Leaps:
        """What was found."""
        return Leaps(tuple(self.legs), tuple(self.captured), tuple(self.inside))


def places_of(legs: Iterable[Leg]) -> Iterator[Place]:
    """Where the legs end."""
    return ((leg.symbol, row, leg.rest) for leg in legs for row, _ in leg.landings)
