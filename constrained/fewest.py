"""The fewest tokens that finish a text.

    {"city": "Par        `"}`, end                                2 tokens
    {"ci                 `ty`, `":`, ` ""`, `}`, end              5 tokens

The shortest text need not be the one of fewest tokens, and a token may end several symbols at once. So this is a
shortest path over the places of the grammar (leaps.py), every leap costing one token. The graph is infinite
where the grammar is recursive. Two bounds keep the search (A*) to the few places that matter:

    enough   the shortest texts, cut into tokens (written.py), or what a search has found since
    needed   the tokens that take part in the text of `rest`, for the cheapest of its texts and whatever token
             may reach into it from before. That never falls when symbols are put in front of `rest`: a detour
             is given up as soon as it costs more than it can save

Exact, but for two things, which err on the side of more tokens, never of fewer. Texts that decide what follows
(`Captured`) are taken at their shortest. And whoever asks says how many places may be looked at for the answer
(`Work`): then what is enough is taken for what is needed. Near the end of a long text that is a few for each mask.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from threading import RLock

from constrained.automata.counted import Counted, Meter
from constrained.automata.dfa import REFUSES
from constrained.closures import leave
from constrained.deadline import look
from constrained.finishing import Finishing, length
from constrained.grammar import Completion, Control, Node, Switch, Terminal
from constrained.leaps import Leaper, Place, Widths
from constrained.rests import Rest, below
from constrained.states import State, States
from constrained.vocabulary.vocabulary import Vocabulary
from constrained.written import NEVER, Written

WORK = 3_000  # places that may be looked at for the fewest tokens of a whole text; see FAR
STEP = 200  # the same, for a token or for a mask
FAR = 512  # tokens: a place that is so far from the end counts twice, one twice as far three times, ...
FARTHEST = 32 * FAR
ALONG = 1_200  # bytes of a shortest text, above which nothing is found along it
DETOUR = 3  # tokens after which it pays to find a place's own bound
OWED = 8  # of the same that is owed, above which what is needed for one is what was needed for those below
NESTED = 40  # searches inside of searches for such bounds
KEPT = 50_000  # places remembered

Edge = tuple[int, int | None, Place]  # 0 or 1 token, which one, where it leads
Step = tuple[int, int | None, Place | None]  # tokens so far, the last one, from where


@dataclass(eq=False, slots=True)
class Work:
    """How many places may still be looked at, in searches inside of searches too."""

    left: int = STEP

    def spend(self, enough: int) -> None:
        """Look at one from which so many tokens are enough: the more there are, the longer it takes to find them."""
        self.left = max(0, self.left - 1 - min(enough, FARTHEST) // FAR)


class Fewest:
    """The fewest tokens for the places of one grammar; what is found is kept. Threads wait for one another."""

    def __init__(self, states: States, vocabulary: Vocabulary, finishing: Finishing) -> None:
        self.written = Written(states, vocabulary, finishing)
        self.leaper = Leaper(states, vocabulary)
        self._states = states
        self._finishing = finishing
        self._end: Place = (None, 0, states.end)
        self._over: Place = (None, 1, states.end)  # behind an end token
        self._lock = RLock()
        self._known: dict[Place, Edge] = {}  # enough: so many tokens, by this one, to there
        self._proven: dict[Place, int] = {}  # needed
        self._edges: dict[Place, tuple[Edge, ...]] = {}
        self._touching: dict[Rest, int] = {states.end: 1}  # needed for what follows, see above
        self._widths: dict[Meter, Widths] = {}

    # ------------------------------------------------------------------ answers

    def of_state(self, state: State, also: Iterable[Place] = ()) -> int:
        """The fewest tokens that finish from `state`, or from one of the places `also`; the end token included."""
        work = Work(WORK)
        with self._lock:
            self._prepare_along(state, work)
            best = NEVER
            for place in (*self.places(state), *also):
                best = min(best, self._of_place(place, best - 1, work))
            if any(rest.captures for _, _, rest in (*state.configs, *_controls(state))):
                best = min(best, len(self.written.state(state) or range(NEVER)))
            return best

    def fits(self, place: Place, most: int, work: Work) -> bool:
        """Are `most` tokens enough from `place`?"""
        with self._lock:
            return self._enough(place) <= most or self._of_place(place, most, work) <= most

    def way(self, state: State, most: int, also: Iterable[Place] = (), work: Work | None = None) -> list[int] | None:
        """At most `most` tokens that finish from `state`, or from one of the places `also`; None if there are none."""
        places, work = [*self.places(state), *also], work or Work()
        with self._lock:
            for place in places:
                if self._enough(place) <= most:
                    return self._way_from(place)
            if work.left >= WORK:
                self._prepare_along(state, work)
            for place in places:
                if self.fits(place, most, work):
                    return self._way_from(place)
            written = self.written.state(state)
            return None if written is None or len(written) > most else written

    def places(self, state: State) -> Iterator[Place]:
        """The places of a state, but for those inside of a captured text."""
        if state.accepting:
            yield self._end
        for symbol, row, rest in (*state.configs, *_controls(state)):
            if not rest.captures:
                yield symbol, row, rest

    def bytes_out(self, symbol: Terminal | Switch) -> frozenset[int]:
        """The bytes of the shortest ways out of all places in a symbol."""
        return self._finishing.bytes_out(symbol)

    def forget_if_full(self) -> None:
        """Drop what was found if it is too much."""
        with self._lock:
            if len(self._edges) + len(self._known) > KEPT or self.leaper.is_full:
                for memo in (self._known, self._proven, self._edges, self._touching):
                    memo.clear()
                self._touching[self._states.end] = 1
                self.leaper.forget()

    def _of_place(self, place: Place, most: int, work: Work) -> int:
        """The fewest tokens from a place; some number above `most` if they are more."""
        enough = self._enough(place)
        if self._proven.get(place, 0) >= enough:
            return enough
        if (needed := self._needed(place)) > most:
            return needed
        self._prepare(place[2], 0, work)
        return min(enough, self._search([(0, place)], most, 0, work)[0])

    # ------------------------------------------------------------------ enough

    def _enough(self, place: Place) -> int:
        if place == self._over:
            return 0
        known = self._known.get(place)
        return self.written.place(place) if known is None else known[0]

    def _way_from(self, place: Place) -> list[int]:
        """As many tokens as are enough, or fewer."""
        tokens: list[int] = []
        while (known := self._known.get(place)) is not None:
            _, token, place = known
            tokens += [] if token is None else [token]
        return tokens if place == self._over else [*tokens, *self.written.tokens(place)]

    # ------------------------------------------------------------------ needed

    def _needed(self, place: Place) -> int:
        """So many tokens are needed in any case."""
        symbol, row, rest = place
        proven = self._proven.get(place, 0)
        if symbol is None:
            return 0 if place == self._over else max(proven, self._floor(rest))
        if isinstance(symbol, Control):
            ends = any(self.written.ends_with(token, rest) for token in self.written.tokens_of(symbol))
            return max(proven, 1 if ends else 1 + self._floor(rest))
        least = max(proven, self._floor(rest), 2 if symbol.automaton.label(row) == REFUSES else 1)
        if isinstance(symbol.automaton, Counted) and symbol.automaton.label(row) == REFUSES:
            _, count = symbol.automaton.split(row)
            missing = max(0, symbol.automaton.low - count)
            least = max(least, self._widths_of(symbol.automaton.meter).needed(missing, self._floor(rest)))
        return least

    def _widths_of(self, meter: Meter) -> Widths:
        if meter not in self._widths:
            self._widths[meter] = self.leaper.widths(meter)
        return self._widths[meter]

    def _floor(self, rest: Rest) -> int:
        """The tokens that take part in the text of `rest` or come behind it, at least."""
        while (found := self._touching.get(rest)) is None:
            if (like := _like(rest)) and all(one in self._touching for one in like):
                return self._touch_owed(rest, *like)
            parts = below(rest)
            if len(parts) != 1:
                return min(map(self._floor, parts), default=1)
            rest = parts[0]
        return found

    def _prepare_along(self, state: State, work: Work) -> None:
        """Find what is needed along a shortest completion of `state`, from its end; that guides all searches."""
        completion = self._finishing.of_state(state)
        if length(completion) > ALONG:
            return
        rests: dict[Rest, None] = {}
        here: State | None = state
        for step, item in _steps(self._states, completion):
            if here is not None:
                rests.update(dict.fromkeys(rest for _, _, rest in (*here.configs, *_controls(here))))
                here = step(here, item)
        for rest in reversed(rests):
            if not rest.captures:
                self._prepare(rest, 0, work)

    def _prepare(self, rest: Rest, depth: int, work: Work) -> None:
        """Find what is needed for `rest`, and for what is below it first."""
        todo = [rest]
        while todo and work.left:
            look()
            one = todo[-1]
            like = _like(one)
            unknown = [part for part in like or below(one) if part not in self._touching]
            if unknown:
                todo += unknown
                continue
            todo.pop()
            if one not in self._touching:
                if like:
                    self._touch_owed(one, *like)
                else:
                    self._touch(one, depth, work)

    def _touch_owed(self, rest: Rest, some: Rest, fewer: Rest) -> int:
        """Of what is owed a thousand times, each adds as much as it did where less of it was owed.

        Too much, where that is not so, errs on the side of more tokens; too little costs time.
        """
        assert isinstance(rest.symbol, Node)
        assert isinstance(some.symbol, Node)
        assert isinstance(fewer.symbol, Node)
        owed, other, least = rest.symbol.owed(), some.symbol.owed(), fewer.symbol.owed()
        needed = self._touching[some]
        each = needed - self._touching[fewer]
        self._touching[rest] = found = needed + (owed - other) * each // (other - least)
        return found

    def _touch(self, rest: Rest, depth: int, work: Work) -> None:
        """Find what is needed for `rest`, where that is known of what is below it."""
        self._touching[rest] = base = min((self._touching[part] for part in below(rest)), default=1)
        into = self.leaper.into(rest)
        if into is not None:
            sources = [(0, (None, 0, rest)), *((1, place) for place in into)]
            needed, complete = self._search(sources, NEVER, depth + 1, work)
            if complete:
                self._touching[rest] = max(base, needed)
            elif not work.left:
                del self._touching[rest]  # somebody with more time may find it

    # ------------------------------------------------------------------ searching

    def _search(self, sources: list[tuple[int, Place]], most: int, depth: int, work: Work) -> tuple[int, bool]:
        """The fewest tokens from the best of the sources, some number above `most` if they are more; is it proven?"""
        best, goal = NEVER, None
        came: dict[Place, Step] = {}
        todo: list[tuple[int, int, int, Place]] = []  # tokens at least, tokens so far (the most first), order, place
        order = count()
        fresh: list[tuple[Step, Place]] = [((cost, None, None), place) for cost, place in sources]
        while True:
            look()
            for step, place in fresh:
                cost = step[0]
                if place in came and came[place][0] <= cost:
                    continue
                came[place] = step
                if (bound := cost + self._needed(place)) < best and bound <= most:
                    heapq.heappush(todo, (bound, -cost, next(order), place))
            if not todo or todo[0][0] >= best or not work.left:
                break
            _, negative, _, place = heapq.heappop(todo)
            cost, fresh = -negative, []
            if came[place][0] == cost:
                enough = self._enough(place)
                work.spend(enough)
                if cost + enough < best:
                    best, goal = cost + enough, place
                if self._proven.get(place, 0) < enough:
                    fresh = self._onward(place, cost, min(best - 1, most), depth, work)
        complete = not todo or todo[0][0] >= best
        if goal is not None:
            self._keep(came, goal, best, proven=complete and best <= most)
        if complete and len(sources) == 1:
            self._prove(sources[0][1], min(best, most + 1))
        return best if best <= most else max(best, most + 1), complete

    def _onward(self, place: Place, cost: int, most: int, depth: int, work: Work) -> list[tuple[Step, Place]]:
        """Where to go from a place that `cost` tokens have led to; nowhere, if that cannot take `most` in all."""
        if cost >= DETOUR and depth < NESTED and place[2] not in self._touching:
            self._prepare(place[2], depth, work)
            if cost + self._needed(place) > most:
                return []
        return [((cost + more, token, place), after) for more, token, after in self._edges_of(place)]

    def _prove(self, place: Place, needed: int) -> None:
        self._proven[place] = max(self._proven.get(place, 0), needed)

    def _keep(self, came: dict[Place, Step], goal: Place, best: int, *, proven: bool) -> None:
        """Note what was found out about the places on the way to `goal`."""
        place = goal
        while (before := came[place][2]) is not None:
            needs = best - came[before][0]
            if needs < self._enough(before):
                self._known[before] = needs, came[place][1], place
            if proven:
                self._prove(before, needs)
            place = before

    def _edges_of(self, place: Place) -> tuple[Edge, ...]:
        found = self._edges.get(place)
        if found is None:
            found = self._edges[place] = tuple(edge for edge in self._find_edges(place) if edge[2] != place)
        return found

    def _find_edges(self, place: Place) -> Iterator[Edge]:
        symbol, row, rest = place
        if symbol is None:
            closure = self._states.close(rest, b"")
            if closure.accepting:
                yield 0, None, self._end
            for (reading, first), after in closure.configs.items():
                if not after.captures:
                    yield 0, None, (reading, first, after)
            for control, after in closure.controls.items():
                if not after.captures:
                    yield 0, None, (control, 0, after)
        elif isinstance(symbol, Control):
            for token in self.written.tokens_of(symbol):
                yield 1, token, self._over if self.written.ends_with(token, rest) else (None, 0, rest)
        else:
            label = symbol.automaton.label(row)
            if label != REFUSES:
                yield 0, None, (None, 0, leave(symbol, label, rest))
            for leg in self.leaper.of(symbol, row, rest).legs:
                yield from ((1, token, (leg.symbol, after, leg.rest)) for after, token in leg.landings)


def _like(rest: Rest) -> tuple[Rest, Rest] | None:
    """Rests that owe less of the same, but as much as makes no difference; None if `rest` does not owe much."""
    symbol, rest_below = rest.symbol, rest.below
    if rest_below is None or not isinstance(symbol, Node) or (owed := symbol.owed()) <= OWED:
        return None
    some, fewer = (rest_below.push(symbol.behind(owed - count)) for count in (OWED, OWED // 2))
    return some, fewer


def _controls(state: State) -> Iterator[tuple[Control, int, Rest]]:
    """The control tokens that may come, in the form of configurations."""
    return ((control, 0, rest) for control, rest in state.controls)


def _steps(states: States, completion: Completion) -> Iterator[tuple[Callable[[State, int], State | None], int]]:
    """A completion, item by item, each with the transition that it takes."""
    for piece in completion:
        if isinstance(piece, bytes):
            yield from ((states.step, byte) for byte in piece)
        else:
            yield states.pass_control, piece
