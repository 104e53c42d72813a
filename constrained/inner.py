"""The tokens that stay inside one terminal, and where others leave it half way.

             "  ,  ...        inside: the bytes up to and including the closing quote
             |  `-- beyond: what follows decides
             `-- an exit: a node of the trie at which the terminal ends

That depends on an automaton and a row alone. It is found by one walk over the trie, and shared by
every grammar over the vocabulary that uses the automaton.
"""

import threading
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk
from constrained.automata.chosen import Chosen
from constrained.automata.counted import Counted, Meter
from constrained.automata.dfa import START, Dfa
from constrained.grammar import Automaton, Control
from constrained.reaching import KindWalker
from constrained.refusals import FlatTexts
from constrained.vocabulary.trie import ROOT
from constrained.vocabulary.vocabulary import Vocabulary

Words = NDArray[np.uint32]  # (W,) bit t % 32 of word t // 32 is token t
Nodes = NDArray[np.int32]  # (M,) trie nodes
Exits = tuple[tuple[int, Nodes], ...]  # label, nodes at which the automaton ends with that label

INNER_BYTES = 256 << 20  # of inner pieces kept per vocabulary, before all are dropped


@dataclass(frozen=True, eq=False, slots=True)
class Inner:
    """The tokens that stay inside an automaton, and where others leave it. Do not write to `words`."""

    words: Words  # (W,)
    exits: Exits


@dataclass(frozen=True, eq=False, slots=True)
class Profile:
    """`Inner` of a meter's row for every count at once; tokens in order of `cheapest`.

    tokens (P,) pass without bounds; through each, texts cost `cheapest..dearest` (P,) from here.
    """

    words: Words  # (W,) all of `tokens`
    tokens: NDArray[np.int32]
    cheapest: NDArray[np.int32]
    dearest: NDArray[np.int32]
    shortest_reach: int  # the least of `dearest`
    exits: tuple[tuple[int, Nodes, NDArray[np.int32]], ...]  # label, nodes, their costs


class Scratch(threading.local):
    """Buffers of one thread, large enough for nearly any walk over the trie."""

    def __init__(self, nodes: int, depth: int) -> None:
        self.path = np.zeros(depth + 2, np.int32)
        self.counts = np.zeros(depth + 2, np.int32)
        self._room = nodes + 64
        self.make_room_for_exits(nodes)
        self._met = np.zeros(0, np.int64)

    def make_room_for_exits(self, size: int = 0) -> None:
        """Have room for so many exits, or else for twice as many as there is."""
        size = size or 2 * len(self.exits)
        self.exits, self.labels, self.costs = (np.zeros(size, np.int32) for _ in range(3))

    @cached_property
    def stack(self) -> NDArray[np.int32]:
        """(2, H) of `net_walk.follow`: nodes, rests."""
        return np.zeros((2, self._room), np.int32)

    @cached_property
    def special(self) -> NDArray[np.int32]:
        """(2, H) of `net_walk.follow`: nodes, rests."""
        return np.zeros((2, self._room), np.int32)

    def met(self, size: int) -> NDArray[np.int64]:
        """(size,) zeros, a power of two."""
        if size > len(self._met):
            self._met = np.zeros(size, np.int64)
        self._met[:size] = 0
        return self._met[:size]

    def make_room(self) -> None:
        """Have room for twice as many pairs."""
        self._room *= 2
        del self.stack, self.special


class Walker:
    """Walks one vocabulary, and holds the inner pieces of masks over it. Shared by all its grammars."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.words = vocabulary.words
        trie = vocabulary.trie
        self.trie = (trie.byte, trie.depth, trie.skip, trie.token)
        self.scratch = Scratch(len(trie.byte), trie.max_depth)
        self.spellings = vocabulary.spellings
        self.ends = np.array(vocabulary.eos_token_ids, np.int32)
        self.by_kind = KindWalker(trie, vocabulary.words)
        self._duplicates = trie.duplicates
        self._inner: dict[tuple[Dfa, int], Inner] = {}
        self._profiles: dict[tuple[Meter, int], Profile] = {}
        self._bytes = 0
        self._parts: dict[int, frozenset[bytes]] = {}

    # ------------------------------------------------------------------ tokens

    def tokens_of(self, control: Control) -> NDArray[np.int32]:
        """The tokens of `control` that this vocabulary has, and that spell nothing."""
        known = self.spellings
        tokens = [token for token in control.tokens if 0 <= token < len(known) and known[token] is None]
        return np.array(tokens, np.int32)

    def parts_from(self, first: int) -> frozenset[bytes]:
        """The texts inside of tokens, from a byte `first` on: of the token `a":"b`, `":"b`, `":"`, ..., `"b`, `"`."""
        found = self._parts.get(first)
        if found is None:
            parts = set[bytes]()
            for text in self.spellings:
                place = text.find(first) if text else -1
                while text and place >= 0:
                    parts.update(text[place:end] for end in range(place + 1, len(text) + 1))
                    place = text.find(first, place + 1)
            found = self._parts[first] = frozenset(parts)
        return found

    def is_inside(self, text: bytes) -> bool:
        """Is `text` a part of some token?"""
        return not text or text in self.parts_from(text[0])

    def inside(self, automaton: Automaton) -> list[bytes]:
        """The texts of `automaton` that are a part of some token."""
        return [
            part
            for first in automaton.reads(int(START))
            for part in self.parts_from(first)
            if isinstance(automaton, Dfa) and automaton.accepts(part)
        ]

    def equate(self, words: Words) -> None:
        """Allow of several ids with the same bytes all or none, as the lowest of them."""
        if len(self._duplicates):
            walk.copy_bits(words, self._duplicates)

    # ------------------------------------------------------------------ below nodes

    def set_below(self, nodes: Nodes, words: Words) -> None:
        """Set the bits of all tokens below `nodes`."""
        _, _, skip, token = self.trie
        walk.set_below(skip, token, nodes, words)

    def set_at(self, nodes: Nodes, words: Words) -> None:
        """Set the bits of the tokens that end at `nodes`."""
        tokens = self.trie[3][nodes]
        walk.set_bits(words, tokens[tokens >= 0])

    def clear_from(self, nodes: Nodes, words: Words) -> None:
        """Clear the bits of the tokens that end at `nodes` or below."""
        _, _, skip, token = self.trie
        walk.clear_from(skip, token, nodes, words)

    def set_around(self, nodes: Nodes, texts: FlatTexts, words: Words) -> None:
        """Set the bits of all tokens that, below `nodes`, begin or complete one of `texts`."""
        walk.set_around(*self.trie, nodes, *texts, words)

    def find_below(self, nodes: Nodes, texts: FlatTexts) -> Nodes:
        """The nodes below `nodes` at which one of `texts` is complete."""
        byte, _, skip, _ = self.trie
        found = np.empty(len(nodes) * (len(texts[1]) - 1), np.int32)
        return found[: walk.find_below(byte, skip, nodes, *texts, found)]

    # ------------------------------------------------------------------ inner pieces

    def inner(self, automaton: Automaton, row: int) -> Inner:
        """The tokens that stay inside `automaton` from `row`."""
        match automaton:
            case Counted():
                return self._counted(automaton, *automaton.split(row))
            case Chosen():
                return self._chosen(automaton, row)
            case Dfa():
                found = self._inner.get((automaton, row))
                if found is None:
                    found = self._plain(automaton, row)
                    self._keep(found.words.nbytes)
                    self._inner[automaton, row] = found
                return found

    def _plain(self, dfa: Dfa, row: int) -> Inner:
        words, scratch = np.zeros(self.words, np.uint32), self.scratch
        found = walk.below(
            *self.trie, ROOT, dfa.classes, dfa.step, dfa.labels, row,
            words, scratch.path, scratch.exits, scratch.labels, 0,
        )  # fmt: skip
        return self._inner_of(words, found)

    def _chosen(self, chosen: Chosen, row: int) -> Inner:
        """Not kept: it is quickly found, and hardly ever asked for again."""
        words, scratch, among = np.zeros(self.words, np.uint32), self.scratch, chosen.among
        found = walk.below_chosen(
            *self.trie, ROOT, among.dfa.classes, among.dfa.step, among.dfa.labels,
            among.first, among.last, chosen.before, row,
            words, scratch.path, scratch.exits, scratch.labels, 0,
        )  # fmt: skip
        return self._inner_of(words, found)

    def _inner_of(self, words: Words, found: int) -> Inner:
        self.equate(words)
        scratch = self.scratch
        return Inner(words, _by_label(scratch.exits[:found], scratch.labels[:found]))

    def _keep(self, size: int) -> None:
        self._bytes += size
        if self._bytes > INNER_BYTES:
            self._inner.clear()
            self._profiles.clear()
            self._bytes = size

    # ------------------------------------------------------------------ counters

    def _counted(self, automaton: Counted, row: int, count: int) -> Inner:
        """The inner piece of one count, out of the profile of all counts."""
        profile = self._profile(automaton.meter, row)
        low, high = automaton.low - count, automaton.high - count  # what the rest may cost
        fits = int(np.searchsorted(profile.cheapest, high, side="right"))
        if fits == len(profile.tokens) and profile.shortest_reach >= low:
            words = profile.words
        elif fits > len(profile.tokens) // 2:
            words = profile.words.copy()
            walk.clear_bits(words, profile.tokens[fits:])
        else:
            words = np.zeros_like(profile.words)
            walk.set_bits(words, profile.tokens[:fits])
        if profile.shortest_reach < low:
            walk.clear_bits(words, profile.tokens[profile.dearest < low])
        if words is not profile.words:
            self.equate(words)
        exits: list[tuple[int, Nodes]] = []
        for label, nodes, costs in profile.exits:
            inside = nodes[(costs >= low) & (costs <= high)]
            if len(inside):
                exits.append((label, inside))
        return Inner(words, tuple(exits))

    def _profile(self, meter: Meter, row: int) -> Profile:
        found = self._profiles.get((meter, row))
        if found is None:
            found = self._profiles[(meter, row)] = self._measure(meter, row)
            self._keep(found.words.nbytes + 3 * found.tokens.nbytes)
        return found

    def _measure(self, meter: Meter, row: int) -> Profile:
        scratch, dfa, size = self.scratch, meter.dfa, len(self.trie[0])
        tokens, cheapest, dearest = (np.empty(size, np.int32) for _ in range(3))
        passed, found = walk.profile(
            *self.trie, dfa.classes, dfa.step, dfa.labels, meter.cost, meter.least, meter.most, row,
            scratch.path, scratch.counts, tokens, cheapest, dearest,
            scratch.exits, scratch.labels, scratch.costs,
        )  # fmt: skip
        costs = cheapest[:passed]  # small numbers: as 16 bits they are sorted by radix, ten times as fast
        order = np.argsort(costs.astype(np.uint16) if costs.max(initial=0) < 1 << 16 else costs, kind="stable")
        tokens, cheapest, dearest = tokens[order], cheapest[order], dearest[order]
        words = np.zeros(self.words, np.uint32)
        walk.set_bits(words, tokens)
        self.equate(words)
        labels, nodes, costs = (array[:found].copy() for array in (scratch.labels, scratch.exits, scratch.costs))
        exits = tuple((int(label), nodes[labels == label], costs[labels == label]) for label in np.unique(labels))
        return Profile(words, tokens, cheapest, dearest, int(dearest.min(initial=0)), exits)


def _by_label(nodes: Nodes, labels: NDArray[np.int32]) -> Exits:
    """The exits of each label, as copies."""
    if not len(nodes):
        return ()
    first = int(labels[0])
    if (labels == first).all():
        return ((first, nodes.copy()),)
    return tuple((int(label), nodes[labels == label]) for label in np.unique(labels))


_walkers: WeakKeyDictionary[Vocabulary, Walker] = WeakKeyDictionary()
_walkers_lock = threading.Lock()


def walker_for(vocabulary: Vocabulary) -> Walker:
    """The walker of a vocabulary; one for its whole life."""
    with _walkers_lock:
        found = _walkers.get(vocabulary)
        if found is None:
            found = _walkers[vocabulary] = Walker(vocabulary)
        return found
