"""The tokens that stay inside one terminal, and where others leave it half way.

             "  ,  ...        inside: the bytes up to and including the closing quote
             |  `-- beyond: what follows decides
             `-- an exit: a node of the trie at which the terminal ends

That depends on an automaton, a row, and the trie nodes below which it is read (the root, but for a symbol
that is reached in the middle of a token). It is found by one walk over the trie, and shared by every
grammar over the vocabulary that uses the automaton.

Tokens come as *pieces*, and there is one object for a content that is small. So masks made of the same
pieces are known to be the same without being made.
"""

import threading
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar
from weakref import WeakKeyDictionary, ref

import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk, walk_beside, walk_each
from constrained.automata.chosen import Chosen
from constrained.automata.counted import UNBOUNDED, Counted, Meter
from constrained.automata.dfa import START, Dfa
from constrained.from_root import RootWalks
from constrained.grammar import Automaton, Control
from constrained.pieces import NO_PIECES, Doubts, Exits, Inner, Made, Pieces, Words
from constrained.reaching import KindWalker, NodeSet, Tokens
from constrained.refusals import FlatTexts
from constrained.scratch import Scratch
from constrained.vocabulary.trie import ROOT
from constrained.vocabulary.vocabulary import Vocabulary

Nodes = NDArray[np.int32]  # (M,) trie nodes

MOST_PIECES = 6  # that are kept apart

SHORT = 6  # what a text may still cost at most where few tokens are short enough

INNER_BYTES = 256 << 20
_ENTRY_BYTES = 500  # of a piece without its tokens, roughly


class Walker:
    """Walks one vocabulary, and holds the inner pieces of masks over it. Shared by all its grammars.

    most_bytes  of pieces kept for each vocabulary, before all are dropped
    """

    most_bytes: ClassVar[int] = INNER_BYTES

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.words = vocabulary.words
        trie = vocabulary.trie
        self.trie = (trie.byte, trie.depth, trie.skip, trie.token)
        self.scratch = Scratch(len(trie.byte), trie.max_depth, vocabulary.words)
        self.spellings = vocabulary.spellings
        self.ends = np.array(vocabulary.eos_token_ids, np.int32)
        self.by_kind = KindWalker(trie, vocabulary.words)
        self._duplicates = trie.duplicates
        self._inner: dict[Dfa, dict[int | NodeSet, Inner]] = {}  # by row from the root, by nodes from the start
        self._node_sets: dict[bytes, NodeSet] = {}
        self._pieces: dict[bytes, Pieces] = {}
        # By row, and what the rest of a text may cost. (Of keys that are numbers alone Python's collector keeps off.)
        self._bounded: dict[Meter, dict[tuple[int, int, int], Inner]] = {}
        self.made = Made()
        self.root = NodeSet(np.array([ROOT], np.int32))
        self._bytes = 0
        self._from_root = RootWalks(trie, self.scratch, self._keep)
        self._parts: dict[int, frozenset[bytes]] = {}
        self._longest = trie.max_depth  # bytes of a token
        self.outlined: dict[Any, Any] = {}  # for passages.py

    @property
    def size(self) -> int:
        """Bytes of the pieces that are kept."""
        return self._bytes

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
            for text in self._spelled_with(first):
                place = text.find(first)
                while place >= 0:
                    parts.update(text[place:end] for end in range(place + 1, len(text) + 1))
                    place = text.find(first, place + 1)
            found = self._parts[first] = frozenset(parts)
        return found

    def _spelled_with(self, byte: int) -> Iterator[bytes]:
        """The texts of the tokens in which a byte comes."""
        nodes, words = np.flatnonzero(self.trie[0] == byte).astype(np.int32), self.no_tokens()
        self.set_at(nodes, words)
        self.set_below(nodes, words)
        for token in map(int, np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little"))):
            text = self.spellings[token]
            assert text is not None, "it is in the trie"
            yield text

    def is_inside(self, text: bytes) -> bool:
        """Is `text` a part of some token?"""
        return not text or text in self.parts_from(text[0])

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

    def ends_below(self, automaton: Dfa, nodes: Nodes) -> Nodes:
        """The nodes below `nodes` at which a text of `automaton` is complete that begins there."""
        byte, depth, skip, _ = self.trie
        dfa, scratch = automaton, self.scratch
        while (
            found := walk_each.ends_below(
                byte, depth, skip, nodes, dfa.classes, dfa.step, dfa.labels, scratch.path, scratch.exits
            )
        ) == walk.FULL:
            scratch.make_room_for_exits()
        return scratch.exits[:found].copy()

    # ------------------------------------------------------------------ one object for one content

    def node_set(self, nodes: Nodes) -> NodeSet:
        """The set of `nodes`, which are ascending."""
        key = nodes.tobytes()
        found = self._node_sets.get(key)
        if found is None:
            self._keep(2 * len(key))
            found = self._node_sets.setdefault(key, NodeSet(nodes))
        return found

    def union(self, sets: Iterable[NodeSet]) -> NodeSet:
        """The nodes of all of `sets`, at least one."""
        one, *others = dict.fromkeys(sets)
        return self.node_set(np.unique(np.concatenate([part.nodes for part in (one, *others)]))) if others else one

    def piece_of(self, words: Words) -> Pieces:
        """The piece of the tokens in `words`, (W,), which are cleared if they are few."""
        few = self._if_few(words)
        return self._interned(b"w" + words.tobytes(), words) if few is None else few  # longer by a byte than any list

    def _if_few(self, words: Words) -> Pieces | None:
        """The piece of the tokens in `words`, which are cleared; None, and they stay, if it would be a long list."""
        tokens = self.scratch.few
        count = walk_each.take_bits(words, tokens)
        return None if count == walk.FULL else self._interned(tokens[:count].tobytes(), tokens[:count])

    def _interned(self, key: bytes, tokens: Tokens) -> Pieces:
        found = self._pieces.get(key)
        if found is None:
            self._keep(2 * len(key))
            found = self._pieces.setdefault(key, (tokens.copy(),) if key else NO_PIECES)
        return found

    # ------------------------------------------------------------------ inner pieces

    def inner(self, automaton: Automaton, row: int) -> Inner:
        """The tokens that stay inside `automaton` from `row`."""
        if isinstance(automaton, Counted):
            return self._counted(automaton, *automaton.split(row))
        return self._below(automaton, row, self.root)

    def below(self, automaton: Automaton, nodes: NodeSet) -> Inner:
        """The tokens that, below nodes, stay inside `automaton` from its start."""
        return self._below(automaton, int(START), nodes)

    def _below(self, automaton: Automaton, row: int, nodes: NodeSet) -> Inner:
        if not isinstance(automaton, Dfa):  # not kept: hardly ever asked for again
            return self._taken(self._walk(automaton, row, nodes.nodes), nodes)
        known = self._inner.get(automaton)
        if known is None:
            known = self._inner[automaton] = {}
        key = row if nodes is self.root else nodes
        found = known.get(key)
        if found is None:
            found = self._taken(self._walk(automaton, row, nodes.nodes), nodes)
            self._keep(_ENTRY_BYTES + sum(piece.nbytes for piece in found.pieces))
            known[key] = found
        return found

    def _walk(self, automaton: Automaton, row: int, nodes: Nodes) -> int:
        """Walk below nodes, into the scratch arrays; the number of exits. A counted automaton is begun."""
        scratch, found = self.scratch, walk.FULL
        while True:
            match automaton:
                case Dfa() if nodes is self.root.nodes:
                    found = self._from_root.walk(automaton, row)
                case Dfa():
                    found = walk_each.plain(
                        *self.trie, nodes, automaton.classes, automaton.step, automaton.labels, row,
                        scratch.words, scratch.path, scratch.exits, scratch.labels,
                    )  # fmt: skip
                case Chosen(among):
                    found = walk_each.chosen(
                        *self.trie, nodes, among.dfa.classes, among.dfa.step, among.dfa.labels,
                        among.first, among.last, automaton.before, row,
                        scratch.words, scratch.path, scratch.exits, scratch.labels,
                    )  # fmt: skip
                case Counted(meter, low, high):
                    return self._walk_counted(meter, row, low, high, nodes)
            if found != walk.FULL:
                return found
            scratch.make_room_for_exits()

    def _walk_counted(self, meter: Meter, row: int, low: int, high: int, nodes: Nodes) -> int:
        """The same for what costs `low..high` from `row`."""
        scratch = self.scratch
        while (
            found := walk_each.counted(
                *self.trie, nodes, meter.dfa.classes, meter.dfa.step, meter.dfa.labels,
                meter.cost, meter.least, meter.most, low, high, row,
                scratch.words, scratch.path, scratch.counts, scratch.exits, scratch.labels,
            )
        ) == walk.FULL:  # fmt: skip
            scratch.make_room_for_exits()
        return found

    def _taken(self, found: int, below: NodeSet) -> Inner:
        """What a walk below some nodes has left in the scratch arrays, `found` exits among it."""
        scratch = self.scratch
        exits = self._by_label(scratch.exits[:found], scratch.labels[:found], below) if found else ()
        return self._inner_of(self._take(), exits)

    def _inner_of(self, pieces: Pieces, exits: Exits) -> Inner:
        if len(exits) < 2:
            return Inner(pieces, exits, exits[0][1] if exits else None)
        return Inner(pieces, exits, self.union([nodes for _, nodes in exits]))

    def _take(self) -> Pieces:
        """The tokens in the scratch words, which are cleared."""
        few = self._if_few(self.scratch.words)
        if few is not None:
            return few
        words = self.scratch.words.copy()
        self.scratch.words[:] = 0
        self.equate(words)
        return (words,)

    def packed(self, pieces: Pieces) -> Pieces:
        """The tokens of `pieces`, in few of them."""
        if len(pieces) <= MOST_PIECES:
            return pieces
        self.fill(self.scratch.words, pieces)
        return self._take()

    def fill(self, words: Words, pieces: Pieces) -> None:
        """Set the bits of all tokens of `pieces`."""
        self.by_kind.fill(words, pieces)

    def no_tokens(self) -> Words:
        """(W,) zeros."""
        return np.zeros(self.words, np.uint32)

    def no_doubts(self) -> Doubts:
        """(2, W) zeros."""
        return np.zeros((2, self.words), np.uint32)

    def _by_label(self, nodes: Nodes, labels: NDArray[np.int32], below: NodeSet) -> Exits:
        """The exits of each label, of a walk `below` some nodes."""
        different = sorted(set[int](labels.tolist()))
        if len(different) == 1:
            return ((different[0], self._exits(nodes.copy(), below)),)
        return tuple((label, self._exits(nodes[labels == label], below)) for label in different)

    def _exits(self, nodes: Nodes, below: NodeSet) -> NodeSet:
        """As a set of their own; those of a walk below nodes of which one lies below another come twice."""
        ascending = len(below.nodes) == 1 or len(nodes) < 2 or bool((nodes[1:] > nodes[:-1]).all())
        return self.node_set(nodes if ascending else np.unique(nodes))

    def _keep(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self.most_bytes:
            self._inner.clear()
            self._bounded.clear()
            self._node_sets.clear()
            self._pieces.clear()
            self._from_root.forget()
            self._bytes = size

    # ------------------------------------------------------------------ counters

    def _counted(self, automaton: Counted, row: int, count: int) -> Inner:
        """The inner piece of one count: as without bounds, but for tokens that are too long or too short."""
        meter = automaton.meter
        low, high = max(automaton.low - count, 0), min(automaton.high - count, UNBOUNDED)  # what the rest may cost
        if low == 0 and meter.reach(self._longest) <= high:
            return self._below(meter.dfa, row, self.root)
        key = row, low, high
        known = self._bounded.get(meter)
        found = None if known is None else known.get(key)
        if found is None:
            found = self._find_bounded(meter, row, low, high)
            self._keep(_ENTRY_BYTES + sum(piece.nbytes for piece in found.pieces))
            self._bounded.setdefault(meter, {})[key] = found
        return found

    def _find_bounded(self, meter: Meter, row: int, low: int, high: int) -> Inner:
        if high >= SHORT:
            free = self._below(meter.dfa, row, self.root)
            if len(free.exits) < 2:
                return self._within(meter, row, low, high, free)
        return self._taken(self._walk_counted(meter, row, low, high, self.root.nodes), self.root)

    def _within(self, meter: Meter, row: int, low: int, high: int, free: Inner) -> Inner:
        """What costs `low..high` from `row`; `free` is what passes without bounds, with one label at most."""
        scratch, dfa = self.scratch, meter.dfa
        self.fill(scratch.words, free.pieces)
        found, refused = walk_beside.counted(
            *self.trie, dfa.classes, dfa.step, dfa.labels, meter.cost, meter.least, meter.most, row, low, high,
            meter.reach(0), self._from_root.heights, self._from_root.groups_below, meter.ending,
            free.exits[0][1].nodes if free.exits else self.root.nodes[:0],
            scratch.words, scratch.path, scratch.counts, scratch.exits,
        )  # fmt: skip
        exits: Exits = ()
        if found:
            label, ends = free.exits[0]
            if found < len(ends.nodes):
                ends = self.node_set(scratch.exits[:found].copy())
            exits = ((label, ends),)
        if refused:
            return self._inner_of(self._take(), exits)
        scratch.words[:] = 0
        return self._inner_of(free.pieces, exits)


_walkers: WeakKeyDictionary[Vocabulary, Walker] = WeakKeyDictionary()
_walkers_lock = threading.Lock()


class _Last:
    """Who asked last: mostly who asks now."""

    def __init__(self) -> None:
        self.found: tuple[ref[Vocabulary], ref[Walker]] | None = None


_last = _Last()


def walker_for(vocabulary: Vocabulary) -> Walker:
    """The walker of a vocabulary; one for its whole life."""
    last = _last.found
    if last is not None and last[0]() is vocabulary and (walker := last[1]()) is not None:
        return walker
    found = _walker_for(vocabulary)
    _last.found = ref(vocabulary), ref(found)
    return found


def _walker_for(vocabulary: Vocabulary) -> Walker:
    with _walkers_lock:
        found = _walkers.get(vocabulary)
        if found is None:
            found = _walkers[vocabulary] = Walker(vocabulary)
        return found
