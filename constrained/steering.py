"""Which tokens leave room to finish? Far from the end all of them, and that is seen at a glance.

    left > reserve     whatever token comes, its text can be finished with what is left     the grammar's mask
    left <= reserve    for each place that tokens lead to: are the tokens left enough?      some of its bits

The *reserve* of a state is an upper bound on the tokens needed after any token: the longest way out of a symbol in
which tokens end, in bytes, and what follows it, cut into tokens. It is found once for each state.

Inside of texts that decide what follows there are as many places as texts. Near the end, only the shortest tokens
that lead there are tried; none is allowed without having been tried.
"""

import numpy as np

from constrained.automata import walk
from constrained.automata.chosen import Chosen
from constrained.automata.counted import Counted
from constrained.automata.dfa import Row
from constrained.fewest import Fewest, Work
from constrained.finishing import Finishing
from constrained.grammar import Captured, Control, Fresh, Metered, Seen, Switch, Terminal
from constrained.mask import Masks
from constrained.rests import Fork, Recall, Rest
from constrained.states import State, States, Words
from constrained.vocabulary.vocabulary import Vocabulary
from constrained.written import NEVER

TRIED = 300  # tokens that are tried one by one


class Steering:
    """What a budget asks about the states of one grammar; what is found is kept."""

    def __init__(self, states: States, vocabulary: Vocabulary, finishing: Finishing, masks: Masks) -> None:
        self.fewest = Fewest(states, vocabulary, finishing)
        self._written = self.fewest.written
        self._states = states
        self._vocabulary = vocabulary
        self._masks = masks
        self._ends = np.array(vocabulary.eos_token_ids, np.int32)
        self._reserves: dict[State, int] = {}
        self._outs: dict[tuple[Switch, int], int] = {}
        self._writable: dict[Terminal | Switch, bool] = {}

    # ------------------------------------------------------------------ far from the end

    def reserve(self, state: State) -> int:
        """At most so many tokens, the end token included, are needed after any token that `state` allows."""
        found = self._reserves.get(state)
        if found is None:
            found = self._reserves[state] = self._find_reserve(state)
        return found

    def is_far(self, state: State, left: int) -> bool:
        """Is it known already that `left` is more than the reserve of `state`?"""
        return left > self._reserves.get(state, NEVER)

    def _find_reserve(self, state: State) -> int:
        worst = max((self._behind(rest) for _, rest in state.controls), default=1)
        for symbol, row, rest in state.configs:
            leaps = self.fewest.leaper.of(symbol, row, rest)
            unknown = sum(self._captured(*one) for one in leaps.captured)
            for leg in (*leaps.legs, *leaps.inside):
                out = max((self._out(leg.symbol, end) for end, _ in leg.landings), default=0)
                worst = max(worst, out + self._behind(leg.rest) + unknown)
                if worst >= NEVER:
                    return worst
        return worst

    def _out(self, symbol: Terminal | Switch, row: int) -> int:
        """So many tokens lead out of a symbol, by its nearest end, and through what that calls for: a byte each."""
        automaton = symbol.automaton
        if isinstance(symbol, Metered):
            return self.fewest.leaper.ways.fewest(symbol.dfa, row)
        if isinstance(automaton, Counted) or isinstance(symbol, Terminal):
            if symbol not in self._writable:
                self._writable[symbol] = self._vocabulary.alphabet >= self.fewest.bytes_out(symbol)
            if not self._writable[symbol]:
                return NEVER
        if isinstance(automaton, Counted):
            return int(automaton.longest.max())
        if isinstance(symbol, Terminal):
            return len(automaton.completion(row)) if isinstance(automaton, Chosen) else int(automaton.distance[row])
        found = self._outs.get((symbol, row))
        if found is None:
            if isinstance(automaton, Chosen):
                label, text = min(automaton.ahead(row), key=lambda way: len(way[1]))
            else:
                text = automaton.completion(row)
                label = automaton.label(automaton.run(text, Row(row)))
            behind = self._states.end.push_all(symbol.targets[label])
            spelled = self._vocabulary.alphabet.issuperset(text)
            found = self._outs[symbol, row] = len(text) + self._written.rest(behind) if spelled else NEVER
        return found

    def _behind(self, rest: Rest) -> int:
        """The tokens of what follows, and the end token."""
        if not rest.captures:
            return self._written.rest(rest)
        if isinstance(rest, Fork):
            return max(map(self._behind, rest.choices))
        assert rest.below is not None
        if isinstance(rest.symbol, Recall):
            return self._captured(rest.symbol.captured, rest.below) + self._behind(rest.below)
        assert rest.symbol is not None
        return self._written.rest(self._states.end.push(rest.symbol)) + self._behind(rest.below)

    def _captured(self, captured: Captured | Fresh, below: Rest) -> int:
        """To go on until a text is not refused, and what any such text calls for."""
        if isinstance(captured, Fresh):
            seen = [text for one in below.forks() for text in one.seen.texts]
            detour = max(map(len, (*captured.refused, *seen)), default=-1) + 1
            return detour + self._written.rest(self._states.end.push(Seen()).push(captured))
        if captured.slack is None or captured.refused():
            return NEVER
        return captured.slack + self._written.rest(self._states.end.push(captured))

    # ------------------------------------------------------------------ near the end

    def way_after(self, before: State, token: int, after: State, most: int, work: Work) -> list[int] | None:
        """At most `most` tokens that finish after `token` has led from `before` to `after`."""
        spelling, fewest = self._vocabulary.spellings[token], self.fewest
        if spelling:
            return fewest.way(after, most, fewest.leaper.after(fewest.places(before), spelling), work)
        passed = [rest for control, rest in before.controls if token in control.tokens and not rest.captures]
        return fewest.way(after, most, [(None, 0, rest) for rest in passed], work)

    def allowed(self, state: State, left: int) -> Words:
        """(W,) the tokens of `state` after which at most `left - 1` more are needed. The caller's own."""
        self.fewest.forget_if_full()
        words = np.zeros(self._vocabulary.words, np.uint32)
        if left < 1:
            return words
        if state.accepting:
            walk.set_bits(words, self._ends)
        tried, work = False, Work()
        for control, rest in state.controls:
            tried |= self._allow_controls(control, rest, left, words, work)
        for symbol, row, rest in state.configs:
            tried |= self._allow_text((symbol, row, rest), left, words, work)
        if tried:
            self._try(state, left, words, work)
        if len(self._vocabulary.trie.duplicates):
            first, other = self._vocabulary.trie.duplicates.T
            walk.set_bits(words, other[(words[first >> 5] >> (first & 31).astype(np.uint32)) & 1 == 1].copy())
        return words

    def _allow_controls(self, control: Control, rest: Rest, left: int, words: Words, work: Work) -> bool:
        """Allow the tokens of `control` that leave enough; True if they must be tried."""
        if rest.captures:
            return True
        tokens = self._masks.walker.tokens_of(control)
        fit = self.fewest.fits((None, 0, rest), left - 1, work)
        kept = [token for token in tokens.tolist() if fit or self._written.ends_with(token, rest)]
        walk.set_bits(words, np.array(kept, np.int32))
        return False

    def _allow_text(self, place: tuple[Terminal | Switch, int, Rest], left: int, words: Words, work: Work) -> bool:
        """Allow the tokens that leave enough; True if there are some that must be tried."""
        leaper = self.fewest.leaper
        leaps = leaper.of(*place)
        for leg in leaps.legs:
            rows = [row for row, _ in leg.landings]
            good = [row for row in rows if self.fewest.fits((leg.symbol, row, leg.rest), left - 1, work)]
            if good:
                leaper.mark(leg, good, words)
        return place[2].captures or bool(leaps.captured)

    def _after(self, state: State, token: int) -> State | None:
        spelling = self._vocabulary.spellings[token]
        return self._states.read_token(state, spelling) if spelling else self._states.pass_control(state, token)

    def _try(self, state: State, left: int, words: Words, work: Work) -> None:
        """Allow, of the shortest tokens that are left in the grammar's mask, those that leave enough."""
        spellings = self._vocabulary.spellings
        bits: Words = self._masks.mask(state) & ~words
        tokens: list[int] = np.flatnonzero(np.unpackbits(bits.view(np.uint8), bitorder="little")).tolist()
        for token in sorted(tokens, key=lambda token: len(spellings[token] or b""))[:TRIED]:
            if not work.left:
                break
            work.left -= 1
            after = self._after(state, token)
            if after is not None and self.way_after(state, token, after, left - 1, work) is not None:
                walk.set_bits(words, np.array([token], np.int32))
