"""The fewest tokens that lead from a row of an automaton to its end, and end there.

[a-z]{5,9}     row 0    `hello`           1 token
               row 2    `low`             1
               row 5    nothing           0: it may end here
"""

import threading
from collections import deque
from weakref import WeakKeyDictionary

import numpy as np

from constrained.automata import walk
from constrained.automata.dfa import REFUSES, Dfa
from constrained.automata.landing import land
from constrained.deadline import look
from constrained.inner import walker_for
from constrained.vocabulary.vocabulary import Vocabulary

NEVER = 1 << 30  # tokens: there is no way

Landings = tuple[tuple[int, int], ...]  # row, one of the tokens that end there

_ROOT = np.array([-1], np.int32)


class WaysOut:
    """The ways out of automata, over one vocabulary; what is found is kept as long as the automaton.

    are_wanted  is there a `Metered` terminal over this vocabulary? If not, nobody has to count tokens
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        trie = vocabulary.trie
        self.are_wanted = False
        self._trie = (trie.byte, trie.depth, trie.skip, trie.token)
        self._words = vocabulary.words
        self._scratch = walker_for(vocabulary).scratch
        self._landings: WeakKeyDictionary[Dfa, dict[int, Landings]] = WeakKeyDictionary()
        self._ways: WeakKeyDictionary[Dfa, dict[int, tuple[int, ...] | None]] = WeakKeyDictionary()

    def fewest(self, automaton: Dfa, row: int) -> int:
        """So many tokens end the text, at least; NEVER if none do."""
        way = self.way(automaton, row)
        return NEVER if way is None else len(way)

    def way(self, automaton: Dfa, row: int) -> tuple[int, ...] | None:
        """As few tokens as possible from `row` to the end of a text; None if there are none."""
        known = self._ways.setdefault(automaton, {})
        if row not in known:
            known[row] = self._find(automaton, row)
        return known[row]

    def landings(self, automaton: Dfa, row: int) -> Landings:
        """The rows in which tokens from `row` end, without leaving the automaton."""
        known = self._landings.setdefault(automaton, {})
        if row not in known:
            known[row] = self._land(automaton, row)
        return known[row]

    def _find(self, automaton: Dfa, first: int) -> tuple[int, ...] | None:
        came: dict[int, tuple[int, ...]] = {first: ()}
        todo = deque([first])
        while todo:
            look()
            row = todo.popleft()
            if automaton.label(row) != REFUSES:
                return came[row]
            for after, token in self.landings(automaton, row):
                if after not in came:
                    came[after] = (*came[row], token)
                    todo.append(after)
        return None

    def _land(self, automaton: Dfa, row: int) -> Landings:
        scratch = self._scratch
        landed, good = np.full(automaton.rows, -1, np.int32), np.zeros(automaton.rows, np.bool_)
        words = np.zeros(self._words, np.uint32)
        while (
            land(
                *self._trie, _ROOT, automaton.classes, automaton.step, automaton.labels, row, good, landed, words,
                scratch.path, scratch.exits, scratch.labels,
            ) == walk.FULL
        ):  # fmt: skip
            scratch.make_room_for_exits()
        return tuple((int(after), int(landed[after])) for after in np.flatnonzero(landed >= 0))


_known: WeakKeyDictionary[Vocabulary, WaysOut] = WeakKeyDictionary()
_lock = threading.Lock()


def ways_out(vocabulary: Vocabulary) -> WaysOut:
    """Those of a vocabulary; one for its whole life."""
    with _lock:
        found = _known.get(vocabulary)
        if found is None:
            found = _known[vocabulary] = WaysOut(vocabulary)
        return found
