"""From a state to the set of tokens that it allows.

A mask is the union, over the configurations of a state, of two pieces:

    inner    tokens that stay inside the terminal; depends on (automaton, row) alone, so it is
             computed once and shared by every grammar that uses the terminal
    beyond   tokens that leave it half way: `",` or `"}}`. The walk of the inner piece has left
             the trie nodes where that happens (exits); what follows is walked below those only

             "  ,  ...        inner: the bytes up to and including the closing quote
             |  `-- beyond: the walk goes on here, from the start of what follows
             `-- an exit

Masks for texts that decide what follows (`Captured`) use the sketch of what follows, and try the
few tokens that reach beyond the sketch, or could spell a refused text, one by one.
"""

import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk
from constrained.automata.counted import Counted, Meter
from constrained.automata.dfa import Dfa
from constrained.grammar import Automaton
from constrained.states import Closure, Recall, Rest, State, States, Words
from constrained.vocabulary.vocabulary import Vocabulary

Nodes = NDArray[np.int32]  # (M,) trie nodes
Exits = tuple[tuple[int, Nodes], ...]  # label, nodes at which the automaton ends with that label

INNER_BYTES = 256 << 20  # of inner pieces kept per vocabulary, before all are dropped


@dataclass(frozen=True, eq=False, slots=True)
class Inner:
    """The tokens that stay inside an automaton, and where others leave it."""

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


@dataclass(frozen=True, eq=False, slots=True)
class InToken:
    """A mark inside the token being walked: the capture began at one of these nodes."""

    nodes: Nodes


class Scratch(threading.local):
    """Buffers of one thread, large enough for any walk over the trie."""

    def __init__(self, nodes: int, depth: int) -> None:
        self.path = np.zeros(depth + 2, np.int32)
        self.counts = np.zeros(depth + 2, np.int32)
        self.exits = np.zeros(nodes, np.int32)
        self.labels = np.zeros(nodes, np.int32)
        self.costs = np.zeros(nodes, np.int32)


ROOT = np.array([-1], np.int32)


class Walker:
    """Computes masks over one vocabulary; holds the inner pieces. Shared by all its grammars."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.words = vocabulary.words
        self.trie = trie = vocabulary.trie
        self._spellings = vocabulary.spellings
        self._trie = (trie.byte, trie.depth, trie.skip, trie.token)
        self._scratch = Scratch(len(trie.byte), trie.max_depth)
        self._inner: dict[tuple[Dfa, int], Inner] = {}
        self._profiles: dict[tuple[Meter, int], Profile] = {}
        self._bytes = 0
        self._ends = np.array(vocabulary.eos_token_ids, np.int32)

    # ------------------------------------------------------------------ a whole mask

    def mask(self, states: States, state: State) -> Words:
        """(W,) the tokens that `state` allows. Shared: do not write to it."""
        if state.mask is None:
            state.mask = self._mask(states, state)
        return state.mask

    def _mask(self, states: States, state: State) -> Words:
        words = np.zeros(self.words, np.uint32)
        doubtful: list[NDArray[np.int32]] = []
        for symbol, row, rest in state.configs:
            inner = self._inner_of(symbol.automaton, row)
            np.bitwise_or(words, inner.words, out=words)
            for label, nodes in inner.exits:
                self._beyond(states, state, states.leave(symbol, label, rest), nodes, words, doubtful)
        for control, _ in state.controls:
            walk.set_bits(words, np.array(sorted(control.tokens), np.int32))
        if state.accepting:
            walk.set_bits(words, self._ends)
        if doubtful:
            self._try(states, state, doubtful, words)
        if len(self.trie.duplicates):
            first, other = self.trie.duplicates.T
            walk.set_bits(words, other[(words[first >> 5] >> (first & 31).astype(np.uint32)) & 1 == 1].copy())
        return words

    def _try(self, states: States, state: State, doubtful: list[NDArray[np.int32]], words: Words) -> None:
        """Decide tokens one by one, by reading them."""
        for token in {token for tokens in doubtful for token in tokens.tolist()}:
            spelling = self._spellings[token]
            bit = np.uint32(1 << (token & 31))
            if spelling is not None and states.read(state, spelling) is not None:
                words[token >> 5] |= bit
            else:
                words[token >> 5] &= ~bit

    # ------------------------------------------------------------------ beyond a terminal

    def _beyond(
        self,
        states: States,
        state: State,
        rest: Rest,
        nodes: Nodes,
        words: Words,
        doubtful: list[NDArray[np.int32]],
    ) -> None:
        """Allow what `rest` lets pass below `nodes`."""
        closure = states.close(rest, InToken(nodes), None)
        if closure.recalls:
            self._sketch(states, state, closure, nodes, words, doubtful)
        if closure.unknown:
            doubtful.append(self._tokens_below(nodes))
        for (symbol, row), below in closure.configs.items():
            for label, exits in self._walk(symbol.automaton, row, nodes, words):
                self._beyond(states, state, states.leave(symbol, label, below), exits, words, doubtful)

    def _sketch(
        self,
        states: States,
        state: State,
        closure: Closure,
        nodes: Nodes,
        words: Words,
        doubtful: list[NDArray[np.int32]],
    ) -> None:
        """A captured text ends at `nodes`, each with a text of its own."""
        for rest in closure.recalls:
            recall, below = rest.symbol, rest.below
            assert isinstance(recall, Recall) and below is not None
            refused = self._refused(state, recall)
            if refused:
                tokens = [token for node in refused for token in self._tokens_at(node)]
                doubtful.append(np.array(tokens, np.int32))
                nodes = nodes[~np.isin(nodes, refused)]
            if len(nodes):
                self._beyond(states, state, below.push_all(recall.captured.sketch()), nodes, words, doubtful)

    def _refused(self, state: State, recall: Recall) -> list[int]:
        """The trie nodes at which a text that `recall` refuses is complete."""
        find = self.trie.find
        found: list[int] = []
        for text in recall.captured.refused():
            if isinstance(recall.mark, InToken):
                found.extend(find(text, int(start)) for start in recall.mark.nodes)
            elif isinstance(recall.mark, int):
                read = (state.tape or b"")[recall.mark :]
                if text.startswith(read) and len(text) > len(read):
                    found.append(find(text[len(read) :]))
        return [node for node in found if node >= 0]

    def _tokens_below(self, nodes: Nodes) -> NDArray[np.int32]:
        _, _, skip, token = self._trie
        scratch = self._scratch
        return scratch.exits[: walk.tokens_below(skip, token, nodes, scratch.exits)].copy()

    def _tokens_at(self, node: int) -> list[int]:
        token = int(self._trie[3][node])
        return [*([token] if token >= 0 else []), *self._tokens_below(np.array([node], np.int32)).tolist()]

    # ------------------------------------------------------------------ walks

    def _walk(self, automaton: Automaton, row: int, nodes: Nodes, words: Words) -> Exits:
        """Walk below `nodes` from `row`; allow what passes, return where it ends."""
        scratch = self._scratch
        if isinstance(automaton, Counted):
            meter, (row, count) = automaton.meter, automaton.split(row)
            dfa = meter.dfa
            found = walk.walk_counted(
                *self._trie, nodes, dfa.classes, dfa.step, dfa.labels, meter.cost, meter.least, meter.most,
                automaton.low, automaton.high, row, count, walk.DEEP_EXITS, words,
                scratch.path, scratch.counts, scratch.exits, scratch.labels,
            )  # fmt: skip
        else:
            found = walk.walk(
                *self._trie, nodes, automaton.classes, automaton.step, automaton.labels, row,
                walk.DEEP_EXITS, words, scratch.path, scratch.exits, scratch.labels,
            )  # fmt: skip
        return _by_label(scratch.exits[:found], scratch.labels[:found])

    def _inner_of(self, automaton: Automaton, row: int) -> Inner:
        if isinstance(automaton, Counted):
            return self._counted(automaton, *automaton.split(row))
        key = (automaton, row)
        found = self._inner.get(key)
        if found is None:
            words = np.zeros(self.words, np.uint32)
            found = Inner(words, self._walk(automaton, row, ROOT, words))
            self._keep(words.nbytes)
            self._inner[key] = found
        return found

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
        if fits > len(profile.tokens) // 2:
            words = profile.words.copy()
            walk.clear_bits(words, profile.tokens[fits:])
        else:
            words = np.zeros_like(profile.words)
            walk.set_bits(words, profile.tokens[:fits])
        if profile.shortest_reach < low:
            walk.clear_bits(words, profile.tokens[profile.dearest < low])
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
        scratch, dfa, size = self._scratch, meter.dfa, len(self._trie[0])
        tokens, cheapest, dearest = (np.empty(size, np.int32) for _ in range(3))
        passed, found = walk.profile(
            *self._trie, dfa.classes, dfa.step, dfa.labels, meter.cost, meter.least, meter.most, row,
            scratch.path, scratch.counts, tokens, cheapest, dearest,
            scratch.exits, scratch.labels, scratch.costs,
        )  # fmt: skip
        order = np.argsort(cheapest[:passed], kind="stable")
        tokens, cheapest, dearest = tokens[order], cheapest[order], dearest[order]
        words = np.zeros(self.words, np.uint32)
        walk.set_bits(words, tokens)
        labels, nodes, costs = (array[:found].copy() for array in (scratch.labels, scratch.exits, scratch.costs))
        exits = tuple((int(label), nodes[labels == label], costs[labels == label]) for label in np.unique(labels))
        return Profile(words, tokens, cheapest, dearest, int(dearest.min(initial=0)), exits)


def _by_label(nodes: Nodes, labels: NDArray[np.int32]) -> Exits:
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
