"""Walks over a whole trie, from a row of an automaton to the tokens that stay inside.

    narrow   few tokens pass                       the walk is short
    wide     most of them stay in the row          those of its bytes alone are known, the others are walked
    beside   as from a wide row, or inside of      those that pass there are known, and walked is what differs
             any string, but for a few

What a walk finds is left in the scratch arrays of the thread; exits that find no room there are reported as
`walk.FULL`, and the walk must be made again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk, walk_beside, walk_each
from constrained.automata.dfa import DEAD, START, Dfa
from constrained.automata.lift import any_string
from constrained.pieces import Words
from constrained.scratch import Scratch
from constrained.vocabulary.trie import ROOT, Trie

WIDE = 3  # groups of bytes that lead back to a row from which many tokens pass

_Nodes = NDArray[np.int32]


@dataclass(frozen=True, eq=False, slots=True)
class _Known:
    """What passes from a row: tokens (W,), exits (E,), labels (E,)."""

    dfa: Dfa
    row: int
    words: Words
    exits: _Nodes
    labels: NDArray[np.int32]


class RootWalks:
    """Walks of plain automata over one trie. `keep` is told how many bytes are kept for later walks."""

    def __init__(self, trie: Trie, scratch: Scratch, keep: Callable[[int], None]) -> None:
        self._trie = (trie.byte, trie.depth, trie.skip, trie.token)
        self._scratch = scratch
        self._keep = keep
        self._root = np.array([ROOT], np.int32)
        self._groups_below = walk_each.groups_below(trie.byte, trie.skip, walk_each.GROUPS)
        self._within: dict[int, Words] = {}
        self._wide: dict[tuple[Dfa, int], _Known] = {}

    def walk(self, dfa: Dfa, row: int) -> int:
        """The number of exits, or FULL."""
        scratch, (known, like) = self._scratch, self._known(dfa, row)
        if known is None:
            return self._alone(dfa, row)
        np.copyto(scratch.words, known.words)
        return walk_beside.beside(
            *self._trie, dfa.classes, dfa.step, dfa.labels, row, known.dfa.classes, known.dfa.step, known.row, like,
            known.exits, known.labels, scratch.words, scratch.path, scratch.counts, scratch.exits, scratch.labels,
        )  # fmt: skip

    def forget(self) -> None:
        """Drop what was kept, as far as it grows."""
        self._within.clear()
        self._wide.clear()

    def _known(self, dfa: Dfa, row: int) -> tuple[_Known | None, NDArray[np.int32]]:
        """A row from which nearly the same passes as from `row`; (S,) the row there that each row is alike."""
        known, most = self._inside_strings, walk_beside.majority(dfa.classes, dfa.step, row)
        tables = known.dfa.classes, known.dfa.step, known.dfa.labels, known.row
        like = np.arange(dfa.rows, dtype=np.int32)
        for one in (row, most):
            if one != DEAD and (dfa, one) in self._wide:
                return self._wide[dfa, one], like
        found = np.empty(dfa.rows, np.int32)
        for one in dict.fromkeys((row, most)):
            if one != DEAD and walk_beside.likeness(dfa.classes, dfa.step, dfa.labels, one, *tables, found):
                return known, found
        if most in (DEAD, row) or self._loops(dfa, most).bit_count() < WIDE:
            return None, like
        self._wide[dfa, most] = wide = self._walked(dfa, most)
        self._keep(wide.words.nbytes + 2 * wide.exits.nbytes)
        return wide, like

    @cached_property
    def _inside_strings(self) -> _Known:
        """Behind the quote of any string."""
        dfa = any_string()
        return self._walked(dfa, dfa.after(START, ord('"')))

    def _walked(self, dfa: Dfa, row: int) -> _Known:
        """What passes from a row, to be kept."""
        scratch = self._scratch
        while (found := self._alone(dfa, row)) == walk.FULL:
            scratch.make_room_for_exits()
        known = _Known(dfa, row, scratch.words.copy(), scratch.exits[:found].copy(), scratch.labels[:found].copy())
        scratch.words[:] = 0
        return known

    def _loops(self, dfa: Dfa, row: int) -> int:
        return walk_each.loops(dfa.classes, dfa.step, dfa.labels, row, walk_each.GROUPS)

    def _alone(self, dfa: Dfa, row: int) -> int:
        """A narrow or a wide walk."""
        scratch, tables = self._scratch, (dfa.classes, dfa.step, dfa.labels, row)
        left = scratch.words, scratch.path, scratch.exits, scratch.labels
        within = self._loops(dfa, row)
        if within.bit_count() < WIDE:
            return walk_each.plain(*self._trie, self._root, *tables, *left)
        np.copyto(scratch.words, self._tokens_within(within))
        return walk_each.wide(*self._trie, *tables, *left, walk_each.GROUPS, self._groups_below, within)

    def _tokens_within(self, within: int) -> Words:
        """(W,) the tokens of bytes of some groups (`walk_each.GROUPS`), a bit each."""
        found = self._within.get(within)
        if found is None:
            byte, _, skip, token = self._trie
            found = np.zeros_like(self._scratch.words)
            walk_each.set_within(byte, skip, token, walk_each.GROUPS, within, found)
            self._keep(found.nbytes)
            self._within[within] = found
        return found
