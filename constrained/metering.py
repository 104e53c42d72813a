"""Token limits inside of a grammar: `rule[max_tokens=3]: /.*/`.

    tokens       sa  y:  H  ello  ,      the rule's text is `Hello,`
    left of 3    3   3   2  1     0      then it is over: what follows it comes next

A token counts if it holds a byte of the text, whatever else it holds. So the count belongs to a configuration, and is
part of its symbol: a `Metered` terminal with so many tokens left. Bytes do not change it. At the end of a token, the
symbols that have read some of it are exchanged for those with one token less; whoever has no way to end the text
within the tokens that are left is dropped. All else, masks, budgets, completions, knows symbols alone.

Invariant.  A configuration with k tokens left can be ended by at most k tokens that end with it. So there are no dead
ends. A last token that would have to reach beyond the end of the text does not count as such a way, though it may come.

Masks depend on the count only where some token lands in a row from which the tokens left may not suffice; everywhere
else the mask is that of the terminal at its beginning.
"""

import numpy as np

from constrained.automata.dfa import REFUSES, START, Dfa
from constrained.closures import Config
from constrained.errors import LimitExceeded, UnsupportedFeature
from constrained.grammar import Metered
from constrained.inner import walker_for
from constrained.leaps import Leaper
from constrained.rests import Rest
from constrained.states import State, States, Words
from constrained.vocabulary.vocabulary import Vocabulary
from constrained.ways_out import NEVER, ways_out

MOST_ROWS = 300  # of an automaton, in which its text may not end


def metered(automaton: Dfa, name: str, most: int, vocabulary: Vocabulary) -> Metered:
    """The terminal of the texts of `automaton` (none of them empty) that are written in at most `most` tokens.

    Raises UnsupportedFeature if behind the first token that many less one may be too few to end the text; wherever a
    token may get into it, it is alive. LimitExceeded if there is too much to look at.
    """
    ways, automaton = ways_out(vocabulary), _without_way_back(automaton)
    unfinished: list[int] = np.flatnonzero(automaton.labels == REFUSES)[1:].tolist()  # without DEAD
    if len(unfinished) > MOST_ROWS:
        raise LimitExceeded(f"max_tokens of a text with {len(unfinished)} places in which it may not end")
    needed = max([ways.fewest(automaton, row) + (row != START) for row in unfinished], default=1)
    if most < needed:
        hint = f"it takes at least max_tokens={needed}" if needed < NEVER else "the vocabulary cannot write it"
        raise UnsupportedFeature(f"max_tokens={most} may be too few to end a text that has begun", hint=hint)
    ways.are_wanted = True
    return Metered(automaton, name, most)


def _without_way_back(automaton: Dfa) -> Dfa:
    """The same language, with a START to which no text leads."""
    back = automaton.step == START
    if not back.any():
        return automaton
    step, labels = np.where(back, np.int32(automaton.rows), automaton.step), automaton.labels
    first = slice(START, START + 1)
    return Dfa(automaton.classes, np.concatenate([step, step[first]]), np.concatenate([labels, labels[first]]))


class Metering:
    """What becomes of the states of one grammar when a token is over."""

    def __init__(self, states: States, vocabulary: Vocabulary) -> None:
        self._states = states
        self._ways = ways_out(vocabulary)
        self._walker = walker_for(vocabulary)
        self._leaper = Leaper(states, vocabulary)

    def after_token(self, state: State) -> State | None:
        """`state`, in which a token has ended; None if there is no way on."""
        configs: list[Config] = []
        best: dict[tuple[Dfa, int, Rest], Metered] = {}
        for symbol, row, rest in state.configs:
            if not isinstance(symbol, Metered):
                configs.append((symbol, row, rest))
                continue
            left = symbol if row == START else symbol.spent
            if not left.left or self._ways.fewest(left.dfa, row) > left.left:
                continue
            key = left.dfa, row, rest
            if key not in best or best[key].left < left.left:  # whoever has more left can do all that the others can
                best[key] = left
        configs += [(symbol, row, rest) for (_, row, rest), symbol in best.items()]
        return self._states.with_configs(state, configs)

    def is_tight(self, symbol: Metered, row: int) -> bool:
        """May a token from `row` leave too few?"""
        landings = self._ways.landings(symbol.dfa, row)
        return any(self._ways.fewest(symbol.dfa, after) > symbol.left - 1 for after, _ in landings)

    def tokens(self, symbol: Metered, row: int, rest: Rest) -> tuple[Words, bool]:
        """(W,) tokens that may come; are there others, behind which stand texts that decide what follows?"""
        if self._leaper.is_full:
            self.forget()
        leaps = self._leaper.of(symbol, row, rest)
        words = self._walker.no_tokens()
        for leg in (*leaps.legs, *leaps.inside) if not leaps.captured else leaps.legs:
            self._leaper.mark(leg, [after for after, _ in leg.landings], words)
        return words, bool(leaps.captured)

    def forget(self) -> None:
        """Drop what was found."""
        self._leaper.forget()
