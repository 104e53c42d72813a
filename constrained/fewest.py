"""The fewest tokens that finish a text.

    {"city": "Par        `"}`, end                                2 tokens
    {"ci                 `ty`, `":`, ` ""`, `}`, end              5 tokens

The shortest text need not be the one of fewest tokens, and a token may end several symbols at once. So this is a
shortest path over the places of the grammar (leaps.py), every leap costing one token. The graph is infinite
where the grammar is recursive. Two bounds keep the search (A*) to the few places that matter:

    enough   of each symbol that follows, the shortest text, cut into tokens
    needed   the tokens that take part in the text of `rest`, for the cheapest of its texts and whatever token
             may reach into it from before. That never falls when symbols are put in front of `rest`: a detour
             is given up as soon as it costs more than it can save

Exact, but for two things, which err on the side of more tokens, never of fewer. Texts that decide what follows
(`Captured`) are taken at their shortest. And a search that has looked at `WORK` places is given up.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from threading import RLock

from constrained.automata.dfa import REFUSES
from constrained.errors import Unsatisfiable, VocabularyError
from constrained.finishing import Finishing
from constrained.grammar import Completion, Control, Symbol
from constrained.leaps import Leaper, Place
from constrained.rests import Fork, Recall, Rest
from constrained.segments import fewest_tokens
from constrained.states import State, States
from constrained.vocabulary.vocabulary import Vocabulary

WORK = 3_000  # places looked at in one search
DETOUR = 3  # tokens after which it pays to find a place's own bound
NESTED = 40  # searches inside of searches for such bounds
NEVER = 1 << 30  # tokens: there is no way, or none that is known

Edge = tuple[int, int | None, Place]  # 0 or 1 token, which one, where it leads


class Fewest:
    """The fewest tokens for the places of one grammar; what is found is kept. Threads wait for one another."""

    def __init__(self, states: States, vocabulary: Vocabulary, finishing: Finishing) -> None:
        self.leaper = Leaper(states, vocabulary)
        self._states = states
        self._vocabulary = vocabulary
        self._ends = frozenset(vocabulary.eos_token_ids)
        self._finishing = finishing
        self._end: Place = (None, 0, states.end)
        self._over: Place = (None, 1, states.end)  # behind an end token
        self._lock = RLock()
        self._known: dict[Place, tuple[int, int | None, Place]] = {}  # enough: by this token, to there
        self._proven: dict[Place, int] = {}  # needed
        self._edges: dict[Place, tuple[Edge, ...]] = {}
        self._touching: dict[Rest, int] = {states.end: 1}  # needed for what follows, see above
        self._cuts: dict[Symbol, tuple[int, ...] | None] = {}
        self._sums: dict[Rest, int] = {states.end: 1}

    # ------------------------------------------------------------------ answers

    def of_state(self, state: State, also: Iterable[Place] = ()) -> int:
        """The fewest tokens that finish from `state`, or from one of the places `also`; the end token included."""
        with self._lock:
            best = NEVER
            for place in (*self.places(state), *also):
                best = min(best, self._of_place(place, best - 1))
            if any(rest.captures for _, _, rest in (*state.configs, *_controls(state))):
                best = min(best, len(self._written_for(state) or range(NEVER)))
            return best

    def is_enough(self, place: Place, most: int) -> bool:
        """Is it known, without a search, that `most` tokens finish from `place`?"""
        return self._enough(place) <= most

    def fits(self, place: Place, most: int) -> bool:
        """Are `most` tokens enough from `place`?"""
        with self._lock:
            return self._enough(place) <= most or self._of_place(place, most) <= most

    def way(self, state: State, most: int, also: Iterable[Place] = ()) -> list[int] | None:
        """At most `most` tokens that finish from `state`, or from one of the places `also`; None if there are none."""
        with self._lock:
            for place in (*self.places(state), *also):
                if self.fits(place, most):
                    return self._way_from(place)
            written = self._written_for(state)
            return None if written is None or len(written) > most else written

    def places(self, state: State) -> Iterator[Place]:
        """The places of a state, but for those inside of a captured text."""
        if state.accepting:
            yield self._end
        for symbol, row, rest in (*state.configs, *_controls(state)):
            if not rest.captures:
                yield symbol, row, rest

    def ends_with(self, token: int, rest: Rest) -> bool:
        """Does the text end with control token `token` in front of `rest`?"""
        return token in self._ends and self._states.close(rest, b"").accepting

    def prepare(self, state: State) -> None:
        """Find what is needed along a shortest completion of `state`, from its end; that guides all searches."""
        with self._lock:
            rests: dict[Rest, None] = {}
            here: State | None = state
            for step, item in _steps(self._states, self._finishing.of_state(state)):
                if here is not None:
                    rests.update(dict.fromkeys(rest for _, _, rest in (*here.configs, *_controls(here))))
                    here = step(here, item)
            for rest in reversed(rests):
                if not rest.captures:
                    self._prepare(rest, 0)

    def _of_place(self, place: Place, most: int) -> int:
        enough = self._enough(place)
        if self._proven.get(place, 0) >= enough:
            return enough
        if (needed := self._needed(place)) > most:
            return needed
        self._prepare(place[2], 0)
        return self._search([(0, place)], most, 0)[0]

    # ------------------------------------------------------------------ enough

    def _enough(self, place: Place) -> int:
        """So many tokens finish, as far as is known."""
        known = self._known.get(place)
        return self._written(place) if known is None else known[0]

    def _written(self, place: Place) -> int:
        """The tokens of the shortest texts of all that follows."""
        symbol, _, rest = place
        if symbol is None:
            return 0 if place == self._over else self.written_rest(rest)
        cut = self._cut_place(place)
        if cut is None:
            return NEVER
        return len(cut) if self._ends_in(cut, rest) else len(cut) + self.written_rest(rest)

    def written_rest(self, rest: Rest) -> int:
        """The tokens of the shortest texts of the symbols of `rest` (outside of captures), and the end token."""
        todo = [rest]
        while todo:
            one = todo[-1]
            if one in self._sums:
                todo.pop()
                continue
            below = _below(one)
            unknown = [part for part in below if part not in self._sums]
            if unknown:
                todo += unknown
                continue
            todo.pop()
            best = min(self._sums[part] for part in below)
            cut = () if one.symbol is None else self._cut_symbol(one)
            if cut is None:
                best = NEVER
            elif not (one.below and self._ends_in(cut, one.below)):
                best += len(cut)
            else:
                best = len(cut)
            self._sums[one] = min(best, NEVER)
        return self._sums[rest]

    def _ends_in(self, cut: Sequence[int], rest: Rest) -> bool:
        return bool(cut) and self.ends_with(cut[-1], rest)

    def _cut_symbol(self, rest: Rest) -> tuple[int, ...] | None:
        symbol = rest.symbol
        assert symbol is not None
        assert not isinstance(symbol, Recall)
        if symbol not in self._cuts:
            self._cuts[symbol] = self._cut(lambda: self._finishing.of_symbol(symbol))
        return self._cuts[symbol]

    def _cut_place(self, place: Place) -> tuple[int, ...] | None:
        symbol, row, _ = place
        if isinstance(symbol, Control):
            tokens = self._tokens_of(symbol)
            return (tokens[0],) if tokens else None
        assert symbol is not None
        return self._cut(lambda: self._finishing.of_row(symbol, row))

    def _cut(self, complete: Callable[[], Completion]) -> tuple[int, ...] | None:
        """A completion as tokens; None where there is none, or the vocabulary cannot write it."""
        try:
            pieces = complete()
            cuts = [fewest_tokens(self._vocabulary, one) if isinstance(one, bytes) else [one] for one in pieces]
        except (Unsatisfiable, VocabularyError):
            return None
        return tuple(token for cut in cuts for token in cut)

    def _written_for(self, state: State) -> list[int] | None:
        """The tokens of the shortest text that finishes."""
        cut = self._cut(lambda: self._finishing.of_state(state))
        if cut is None:
            return None
        return list(cut) if cut and cut[-1] in self._ends else [*cut, self._vocabulary.eos_token_ids[0]]

    def _way_from(self, place: Place) -> list[int]:
        tokens: list[int] = []
        while (known := self._known.get(place)) is not None:
            _, token, place = known
            tokens += [] if token is None else [token]
        if place == self._over:
            return tokens
        symbol, _, rest = place
        cut: Sequence[int] | None = ()
        if symbol is not None:
            cut = self._cut_place(place)
            assert cut is not None
            tokens += cut
        while below := _below(rest):
            if cut and self._ends_in(cut, rest):
                return tokens
            if rest.symbol is not None:
                cut = self._cut_symbol(rest)
                assert cut is not None
                tokens += cut
            rest = min(below, key=self.written_rest)
        return tokens if self._ends_in(cut, rest) else [*tokens, self._vocabulary.eos_token_ids[0]]

    # ------------------------------------------------------------------ needed

    def _needed(self, place: Place) -> int:
        """So many tokens are needed in any case."""
        symbol, row, rest = place
        proven = self._proven.get(place, 0)
        if symbol is None:
            return 0 if place == self._over else max(proven, self._floor(rest))
        if isinstance(symbol, Control):
            ends = any(self.ends_with(token, rest) for token in self._tokens_of(symbol))
            return max(proven, 1 if ends else 1 + self._floor(rest))
        return max(proven, self._floor(rest), 2 if symbol.automaton.label(row) == REFUSES else 1)

    def _floor(self, rest: Rest) -> int:
        """The tokens that take part in the text of `rest` or come behind it, at least."""
        while (found := self._touching.get(rest)) is None:
            below = _below(rest)
            if len(below) != 1:
                return min(map(self._floor, below), default=1)
            rest = below[0]
        return found

    def _prepare(self, rest: Rest, depth: int) -> None:
        """Find `_floor` for `rest` and what is below it."""
        todo = [rest]
        while todo:
            one = todo[-1]
            unknown = [part for part in _below(one) if part not in self._touching]
            if unknown:
                todo += unknown
                continue
            todo.pop()
            if one in self._touching:
                continue
            self._touching[one] = base = min((self._touching[part] for part in _below(one)), default=1)
            into = self.leaper.into(one)
            if into is not None:
                needed, complete = self._search(
                    [(0, (None, 0, one)), *((1, place) for place in into)], NEVER, depth + 1
                )
                self._touching[one] = max(base, needed) if complete else base

    # ------------------------------------------------------------------ searching

    def _search(self, sources: Iterable[tuple[int, Place]], most: int, depth: int) -> tuple[int, bool]:
        """The fewest tokens from the best of the sources, some number above `most` if they are more; is that proven?"""
        best, goal = NEVER, None
        came: dict[Place, tuple[int, int | None, Place | None]] = {}
        todo: list[tuple[int, int, int, Place]] = []
        order = count()
        start: list[tuple[int, int | None, Place, Place | None]] = [
            (cost, None, place, None) for cost, place in sources
        ]
        fresh, work = start, 0
        while True:
            for cost, token, place, before in fresh:
                if place in came and came[place][0] <= cost:
                    continue
                came[place] = cost, token, before
                if cost + self._enough(place) < best:
                    best, goal = cost + self._enough(place), place
                if (bound := cost + self._needed(place)) < best and bound <= most:
                    heapq.heappush(todo, (bound, -cost, next(order), place))
            if not todo or todo[0][0] >= best or work >= WORK:
                break
            bound, negative, _, place = heapq.heappop(todo)
            cost, fresh = -negative, []
            if came[place][0] < cost:
                continue
            work += 1
            if cost >= DETOUR and depth < NESTED and place[2] not in self._touching:
                self._prepare(place[2], depth)
                if (closer := cost + self._needed(place)) > bound:
                    if closer < best and closer <= most:
                        heapq.heappush(todo, (closer, negative, next(order), place))
                    continue
            fresh = [(cost + more, token, after, place) for more, token, after in self._edges_of(place)]
        complete = not todo or todo[0][0] >= best
        if goal is not None:
            self._keep(came, goal, best, proven=complete and best <= most)
        if complete and len(start) == 1:
            self._proven[start[0][2]] = max(self._proven.get(start[0][2], 0), min(best, most + 1))
        return best if best <= most else max(best, most + 1), complete

    def _keep(
        self, came: dict[Place, tuple[int, int | None, Place | None]], goal: Place, best: int, *, proven: bool
    ) -> None:
        """Note what was found out about the places on the way to `goal`."""
        place = goal
        while (before := came[place][2]) is not None:
            needs = best - came[before][0]
            if needs < self._enough(before):
                self._known[before] = needs, came[place][1], place
            if proven:
                self._proven[before] = max(self._proven.get(before, 0), needs)
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
            for config, below in closure.configs.items():
                if not below.captures:
                    yield 0, None, (*config, below)
            for control, below in closure.controls.items():
                if not below.captures:
                    yield 0, None, (control, 0, below)
        elif isinstance(symbol, Control):
            for token in self._tokens_of(symbol):
                yield 1, token, self._over if self.ends_with(token, rest) else (None, 0, rest)
        else:
            label = symbol.automaton.label(row)
            if label != REFUSES:
                yield 0, None, (None, 0, self._states.leave(symbol, label, rest))
            for leg in self.leaper.of(symbol, row, rest).legs:
                yield from ((1, token, (leg.symbol, after, leg.rest)) for after, token in leg.landings)

    def _tokens_of(self, control: Control) -> list[int]:
        """The tokens of `control` that this vocabulary has."""
        spellings = self._vocabulary.spellings
        return sorted(token for token in control.tokens if 0 <= token < len(spellings) and spellings[token] is None)


def _controls(state: State) -> Iterator[tuple[Control, int, Rest]]:
    """The control tokens that may come, in the form of configurations."""
    return ((control, 0, rest) for control, rest in state.controls)


def _below(rest: Rest) -> tuple[Rest, ...]:
    """What may stand below the first symbol of `rest`, or what it stands for."""
    if isinstance(rest, Fork):
        return rest.choices
    return () if rest.below is None else (rest.below,)


def _steps(states: States, completion: Completion) -> Iterator[tuple[Callable[[State, int], State | None], int]]:
    """A completion, item by item, each with the transition that it takes."""
    for piece in completion:
        if isinstance(piece, bytes):
            yield from ((states.step, byte) for byte in piece)
        else:
            yield states.pass_control, piece
