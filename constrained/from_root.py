"""Walks over a whole trie, from a row of an automaton to the tokens that stay inside.

    narrow   few tokens pass                       the walk is short
    wide     most of them stay in the row          those of its bytes alone are known, the others are walked
    beside   as from another row of the same       those that pass there are known, and walked is what differs
             automaton, or inside of any string,
             but for a few, or for long ones

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

MANY_TOKENS = 1 << 12  # that pass: what is found is kept for other rows
_MOST_KEPT = 4  # of an automaton
_MANY_BYTES = 16  # of 95, that may follow in a row from which many tokens may pass
_ALIKE = 48  # of 95, that leave two rows alike, or nearly
_ENOUGH = 80  # of 95: others are not asked

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
        self.groups_below = walk_each.groups_below(trie.byte, trie.skip, walk_each.GROUPS)
        self.heights = walk_beside.heights(trie.skip)
        self._within: dict[int, Words] = {}
        self._kept: dict[Dfa, list[_Known]] = {}  # the last ones come last

    def walk(self, dfa: Dfa, row: int) -> int:
        """The number of exits, or FULL."""
        tables = dfa.classes, dfa.step, dfa.labels
        kept = self._kept.get(dfa, [])
        if kept and walk_beside.printable(dfa.classes, dfa.step, row) < _MANY_BYTES:
            return self._alone(dfa, row)
        likest: tuple[int, _Known, NDArray[np.int32], NDArray[np.int32]] | None = None
        for known in reversed(kept):
            like, far = np.empty(dfa.rows, np.int32), np.empty(dfa.rows, np.int32)
            alike = walk_beside.agreement(*tables, row, known.row, like, far)
            if likest is None or alike > likest[0]:
                likest = alike, known, like, far
            if alike >= _ENOUGH:
                break
        if likest is not None and likest[0] >= _ALIKE:
            _, known, like, far = likest
            return self._beside(dfa, row, known, like, far)
        return self._otherwise(dfa, row, kept)

    def _otherwise(self, dfa: Dfa, row: int, kept: list[_Known]) -> int:
        """The same, beside the inside of any string or the row that most bytes lead to, or alone."""
        inside, most = self._inside_strings, walk_beside.majority(dfa.classes, dfa.step, row)
        tables = dfa.classes, dfa.step, dfa.labels
        like, far = np.empty(dfa.rows, np.int32), np.full(dfa.rows, walk_beside.FOREVER, np.int32)
        for one in dict.fromkeys((row, most)):
            if one != DEAD and walk_beside.likeness(
                *tables, one, inside.dfa.classes, inside.dfa.step, inside.dfa.labels, inside.row, like
            ):
                return self._beside(dfa, row, inside, like, far)
        if most in (DEAD, row) or self._loops(dfa, most).bit_count() < WIDE:
            found = self._alone(dfa, row)
            if found != walk.FULL and np.bitwise_count(self._scratch.words).sum() >= MANY_TOKENS:
                self._keep_for_others(self._found(dfa, row, found))
            return found
        known = next((one for one in kept if one.row == most), None)
        if known is None:
            known = self._walked(dfa, most)
            self._keep_for_others(known)
        walk_beside.agreement(*tables, row, most, like, far)
        return self._beside(dfa, row, known, like, far)

    def _beside(self, dfa: Dfa, row: int, known: _Known, like: NDArray[np.int32], far: NDArray[np.int32]) -> int:
        scratch = self._scratch
        np.copyto(scratch.words, known.words)
        return walk_beside.beside(
            *self._trie, dfa.classes, dfa.step, dfa.labels, row, known.dfa.classes, known.dfa.step, known.row,
            like, far, known.dfa is dfa, self.heights,
            known.exits, known.labels, scratch.words, scratch.path, scratch.counts, scratch.exits, scratch.labels,
        )  # fmt: skip

    def _keep_for_others(self, known: _Known) -> None:
        """Remember what passes from a row, for rows of the same automaton."""
        self._keep(known.words.nbytes + 2 * known.exits.nbytes)
        self._kept[known.dfa] = [*self._kept.get(known.dfa, [])[1 - _MOST_KEPT :], known]

    def forget(self) -> None:
        """Drop what was kept, as far as it grows."""
        self._within.clear()
        self._kept.clear()

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
        known = self._found(dfa, row, found)
        scratch.words[:] = 0
        return known

    def _found(self, dfa: Dfa, row: int, found: int) -> _Known:
        """What a walk has left."""
        scratch = self._scratch
        return _Known(dfa, row, scratch.words.copy(), scratch.exits[:found].copy(), scratch.labels[:found].copy())

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
        return walk_each.wide(*self._trie, *tables, *left, walk_each.GROUPS, self.groups_below, within)

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
