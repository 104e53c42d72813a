"""Nodes that know which tokens lead through them, and the walks that they need to find out.

A mask opens what stands in front of a rest, and walks on (mask.py). That is right where equal things are
equal symbols. A machine with a stack of its own (grammars/lark) is a new node in every place, and most
of what it does on top of its stack it did before. So it is asked, with the trie nodes where it begins:

    reach(trie nodes)  ->  tokens that lead on, tokens to be tried one by one, trie nodes where it ends

The walks here differ from those of masks in that they tell tokens apart by the *kind* of row that they
end in. Sets of trie nodes are one object for one content, so that what is found can be remembered by them.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from constrained.automata import kinds as kernels
from constrained.automata import walk
from constrained.automata.dfa import Dfa
from constrained.automata.walk import Nodes, Words
from constrained.grammar import Node
from constrained.vocabulary.trie import Trie

Ids = NDArray[np.int32]  # (T,) of tokens
Tokens = Ids | Words  # or as bits, (W,), where they are many
Grouped = tuple[tuple[int, NDArray[np.int32]], ...]  # label, values


class Reaching(Node):
    """A node that knows which tokens lead through it, better than by being opened."""

    __slots__ = ()

    def fill_reached(self, trie: "KindWalker", nodes: Nodes, words: Words, doubtful: Words) -> Nodes | None:
        """What may be read below `nodes`, where this node begins. To be overridden.

        Sets the bits of tokens that lead on, and those of tokens that must be tried; returns the nodes
        where this node may end, if there are any.
        """
        raise NotImplementedError


@dataclass(frozen=True, eq=False, slots=True)
class NodeSet:
    """Trie nodes. One object for one content as long as its walker knows it."""

    nodes: Nodes


@dataclass(frozen=True, eq=False, slots=True)
class Walked:
    """Tokens by the kind of row that they end in, and nodes by the label with which the automaton may end there."""

    tokens: tuple[tuple[int, Ids], ...]
    exits: tuple[tuple[int, Nodes], ...]


class _Scratch(threading.local):
    def __init__(self, depth: int, marks: int) -> None:
        self.path = np.zeros(depth + 2, np.int32)
        self.marks = np.zeros(marks, np.int64)  # when a node or token was last met
        self.epoch = 1
        self.make_room(1 << 14)

    def make_room(self, size: int) -> None:
        self.tokens, self.kinds, self.exits, self.labels = (np.zeros(size, np.int32) for _ in range(4))


_ARRAYS = 1 << 12  # that are known by their identity, before all are dropped


class KindWalker:
    """Walks over one trie."""

    def __init__(self, trie: Trie, words: int) -> None:
        self.words = words
        self._trie = (trie.byte, trie.depth, trie.skip, trie.token)
        self._depth = trie.max_depth
        self._sets: dict[bytes, NodeSet] = {}
        self._by_array: dict[int, tuple[Nodes, NodeSet]] = {}  # arrays that are asked for again and again

    @cached_property
    def _scratch(self) -> _Scratch:
        return _Scratch(self._depth, max(len(self._trie[0]), 32 * self.words))

    @cached_property
    def _first(self) -> NDArray[np.uint64]:
        return kernels.first_bytes(self._trie[0], self._trie[2])

    def set_of(self, nodes: Nodes) -> NodeSet:
        """The set with these nodes."""
        known = self._by_array.get(id(nodes))
        if known is None:
            key = nodes.tobytes()
            found = self._sets.get(key) or self._sets.setdefault(key, NodeSet(nodes))
            if len(self._by_array) >= _ARRAYS:
                self._by_array.clear()
            known = self._by_array[id(nodes)] = (nodes, found)
        return known[1]

    def forget(self) -> None:
        """Drop the sets; those in use stay valid, they are just not shared any more."""
        self._sets.clear()
        self._by_array.clear()

    def walk(self, dfa: Dfa, kinds: NDArray[np.int32], behind: NDArray[np.uint64], below: NodeSet) -> Walked:
        """Walk below nodes from START. `kinds` (S,) of rows; tokens that end in a row of a negative one are left out.

        Exits with label k are those where a byte of `behind[k]` can follow (`bits_of`), each once per label.
        """
        scratch = self._scratch
        while True:
            passed, found = kernels.walk_by_kind(
                *self._trie, below.nodes, self._first, dfa.classes, dfa.step, dfa.labels, kinds, behind,
                scratch.path, scratch.tokens, scratch.kinds, scratch.exits, scratch.labels,
            )  # fmt: skip
            if passed != walk.FULL:
                break
            scratch.make_room(4 * len(scratch.exits))
        tokens = self._grouped(scratch.tokens[:passed], scratch.kinds[:passed])
        return Walked(tokens, self._grouped(scratch.exits[:found], scratch.labels[:found]))

    def union(self, sets: Sequence[NodeSet]) -> NodeSet:
        """The nodes of all sets."""
        if len(sets) == 1:
            return sets[0]
        values = np.concatenate([one.nodes for one in sets])
        ((_, found),) = self._grouped(values, np.zeros(len(values), np.int32))
        return self.set_of(found)

    def packed(self, some: Sequence[Tokens]) -> list[Tokens]:
        """Tokens as one array: ids where they are few, else bits."""
        some = [tokens for tokens in some if len(tokens)]
        if len(some) < 2:
            return some
        if sum(map(len, some)) <= self.words:  # none are bits, which are as many as that alone
            return [np.concatenate(cast("Sequence[Ids]", some))]
        words = np.zeros(self.words, np.uint32)
        self.fill(words, some)
        return [words]

    def _grouped(
        self, values: NDArray[np.int32], labels: NDArray[np.int32]
    ) -> tuple[tuple[int, NDArray[np.int32]], ...]:
        """Values by label, each once for a label."""
        if not len(values):
            return ()
        scratch, count = self._scratch, int(labels.max()) + 1
        grouped, begins, sizes = kernels.group(values, labels, count, scratch.marks, scratch.epoch)
        scratch.epoch += count
        return tuple(
            (label, grouped[begin : begin + size].copy())
            for label, begin, size in zip(range(count), begins.tolist(), sizes.tolist(), strict=False)
            if size
        )

    def fill(self, words: Words, tokens: Sequence[Tokens], below: Sequence[NodeSet] = ()) -> None:
        """Set the bits of `tokens`, and of all tokens below some nodes."""
        for some in tokens:
            if some.dtype == np.uint32:
                np.bitwise_or(words, some, out=words)
            else:
                walk.set_bits(words, cast("Ids", some))
        for one in below:
            walk.set_below(self._trie[2], self._trie[3], one.nodes, words)
