"""From a state to the set of tokens that it allows.

A mask is the union, over the configurations of a state, of two pieces:

    inner    tokens that stay inside the terminal; depends on (automaton, row) alone, so it is
             computed once and shared by every grammar that uses the terminal
    beyond   tokens that leave it half way: `",` or `"}}`. The walk of the inner piece has left
             the trie nodes where that happens (exits); what follows is walked below those only

             "  ,  ...        inner: the bytes up to and including the closing quote
             |  `-- beyond: the walk goes on here, from the start of what follows
             `-- an exit

Masks for texts that decide what follows (`Captured`) use the sketch of what follows. The few tokens
that reach beyond the sketch, or begin or complete a refused text, are tried one by one.
"""

import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk
from constrained.automata.counted import Counted, Meter
from constrained.automata.dfa import Dfa
from constrained.grammar import Automaton, Captured, Control, Switch
from constrained.reaching import KindWalker, Reaching
from constrained.refusals import FlatTexts, flatten
from constrained.rests import Recall, Rest
from constrained.states import Reading, State, States, Words
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


class Scratch(threading.local):
    """Buffers of one thread, large enough for any walk over the trie."""

    def __init__(self, nodes: int, depth: int) -> None:
        self.path = np.zeros(depth + 2, np.int32)
        self.counts = np.zeros(depth + 2, np.int32)
        self.make_room(nodes)

    def make_room(self, exits: int) -> None:
        """Have room for so many exits."""
        self.exits = np.zeros(exits, np.int32)
        self.labels = np.zeros(exits, np.int32)
        self.costs = np.zeros(exits, np.int32)


ROOT = np.array([-1], np.int32)


class Walker:
    """Computes masks over one vocabulary; holds the inner pieces. Shared by all its grammars."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.words = vocabulary.words
        self.trie = trie = vocabulary.trie
        self.by_kind = KindWalker(trie, vocabulary.words)
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
        words = state.mask
        if words is None:
            words = state.mask = self._mask(states, state)
        return words

    def _mask(self, states: States, state: State) -> Words:
        beyond = _Beyond(self, states)
        words = beyond.words
        for captured, read in _open_captures(state):
            beyond.refuse(captured, ROOT, flatten(states.refusals(captured).beyond(read)))
        for symbol, row, rest in state.configs:
            inner = self._inner_of(symbol.automaton, row)
            np.bitwise_or(words, inner.words, out=words)
            for label, nodes in inner.exits:
                beyond.leave(symbol, label, rest, nodes)
        for control, _ in state.controls:
            walk.set_bits(words, self.tokens_of(control))
        if state.accepting:
            walk.set_bits(words, self._ends)
        if beyond.doubtful.any():
            self._try(states, state, beyond.doubtful, words)
        if len(self.trie.duplicates):
            first, other = self.trie.duplicates.T
            walk.set_bits(words, other[(words[first >> 5] >> (first & 31).astype(np.uint32)) & 1 == 1].copy())
        return words

    def _try(self, states: States, state: State, doubtful: Words, words: Words) -> None:
        """Decide tokens one by one, by reading them."""
        for token in map(int, np.flatnonzero(np.unpackbits(doubtful.view(np.uint8), bitorder="little"))):
            spelling = self._spellings[token]
            bit = np.uint32(1 << (token & 31))
            if spelling is not None and states.read(state, spelling) is not None:
                words[token >> 5] |= bit
            else:
                words[token >> 5] &= ~bit

    def tokens_of(self, control: Control) -> NDArray[np.int32]:
        """The tokens of `control` that this vocabulary has, and that spell nothing."""
        known = self._spellings
        tokens = [token for token in control.tokens if 0 <= token < len(known) and known[token] is None]
        return np.array(tokens, np.int32)

    # ------------------------------------------------------------------ walks

    def walk(self, automaton: Automaton, row: int, nodes: Nodes, words: Words) -> Exits:
        """Walk below `nodes` from `row`; allow what passes, return where it ends."""
        scratch = self._scratch
        while (found := self._walk_once(scratch, automaton, row, nodes, words)) == walk.FULL:
            scratch.make_room(2 * len(scratch.exits) + 1)
        return _by_label(scratch.exits[:found], scratch.labels[:found], len(nodes) > 1)

    def _walk_once(self, scratch: Scratch, automaton: Automaton, row: int, nodes: Nodes, words: Words) -> int:
        if isinstance(automaton, Counted):
            meter, (row, count) = automaton.meter, automaton.split(row)
            dfa = meter.dfa
            return walk.walk_counted(
                *self._trie, nodes, dfa.classes, dfa.step, dfa.labels, meter.cost, meter.least, meter.most,
                automaton.low, automaton.high, row, count, walk.DEEP_EXITS, words,
                scratch.path, scratch.counts, scratch.exits, scratch.labels,
            )  # fmt: skip
        return walk.walk(
            *self._trie, nodes, automaton.classes, automaton.step, automaton.labels, row,
            walk.DEEP_EXITS, words, scratch.path, scratch.exits, scratch.labels,
        )  # fmt: skip

    def set_below(self, nodes: Nodes, words: Words) -> None:
        """Set the bits of all tokens below `nodes`."""
        _, _, skip, token = self._trie
        walk.set_below(skip, token, nodes, words)

    def set_around(self, nodes: Nodes, texts: FlatTexts, words: Words) -> None:
        """Set the bits of all tokens that, below `nodes`, begin or complete one of `texts`."""
        walk.set_around(*self._trie, nodes, *texts, words)

    def find_below(self, nodes: Nodes, texts: FlatTexts) -> Nodes:
        """The nodes below `nodes` at which one of `texts` is complete."""
        byte, _, skip, _ = self._trie
        found = np.empty(len(nodes) * (len(texts[1]) - 1), np.int32)
        return found[: walk.find_below(byte, skip, nodes, *texts, found)]

    def set_at(self, nodes: Nodes, words: Words) -> None:
        """Set the bits of the tokens that end at `nodes`."""
        tokens = self._trie[3][nodes]
        walk.set_bits(words, tokens[tokens >= 0])

    def _inner_of(self, automaton: Automaton, row: int) -> Inner:
        if isinstance(automaton, Counted):
            return self._counted(automaton, *automaton.split(row))
        key = (automaton, row)
        found = self._inner.get(key)
        if found is None:
            words = np.zeros(self.words, np.uint32)
            found = Inner(words, self.walk(automaton, row, ROOT, words))
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
        costs = cheapest[:passed]  # small numbers: as 16 bits they are sorted by radix, ten times as fast
        order = np.argsort(costs.astype(np.uint16) if costs.max(initial=0) < 1 << 16 else costs, kind="stable")
        tokens, cheapest, dearest = tokens[order], cheapest[order], dearest[order]
        words = np.zeros(self.words, np.uint32)
        walk.set_bits(words, tokens)
        labels, nodes, costs = (array[:found].copy() for array in (scratch.labels, scratch.exits, scratch.costs))
        exits = tuple((int(label), nodes[labels == label], costs[labels == label]) for label in np.unique(labels))
        return Profile(words, tokens, cheapest, dearest, int(dearest.min(initial=0)), exits)


class _Beyond:
    """The walks of one mask below the exits of its first terminals."""

    def __init__(self, walker: Walker, states: States) -> None:
        self.words = np.zeros(walker.words, np.uint32)  # (W,) what is allowed
        self.doubtful = np.zeros(walker.words, np.uint32)  # (W,) what must be tried
        self._walker = walker
        self._states = states
        self._followed: dict[Rest, Nodes] = {}
        self._refused: dict[Captured, Nodes] = {}

    def refuse(self, captured: Captured, nodes: Nodes, texts: FlatTexts) -> None:
        """A capture that refuses `texts` reads on below `nodes`.

        Where it is endless, no beginning of a refused text is a dead end, and only the tokens that
        complete one are in doubt. Otherwise every token on the way may lead to a dead end.
        """
        if not captured.endless:
            self._walker.set_around(nodes, texts, self.doubtful)
        elif len(texts[0]):
            found = self._walker.find_below(nodes, texts)
            if len(found):
                self._walker.set_at(found, self.doubtful)
                self._walker.set_below(found, self.doubtful)
                before = self._refused.get(captured)
                self._refused[captured] = found if before is None else np.concatenate([before, found])

    def follow(self, rest: Rest, nodes: Nodes) -> None:
        """Allow what `rest` lets pass below `nodes`, but do no part of it twice."""
        if rest is self._states.end:
            return
        before = self._followed.get(rest)
        if before is not None:
            nodes = np.setdiff1d(nodes, before, assume_unique=True)
            if not len(nodes):
                return
        self._followed[rest] = nodes if before is None else np.concatenate([before, nodes])
        if any(isinstance(choice.symbol, Reaching) for choice in rest.forks()):
            for choice in rest.forks():
                if isinstance(choice.symbol, Reaching) and choice.below is not None:
                    self._reach(choice.symbol, choice.below, nodes)
                else:
                    self.follow(choice, nodes)
        else:
            self._open(rest, nodes)

    def _open(self, rest: Rest, nodes: Nodes) -> None:
        """Walk what stands in front of `rest`."""
        states, walker = self._states, self._walker
        closure = states.close(rest, None)
        for captured in closure.begun:
            self.refuse(captured, nodes, states.refusals(captured).flat)
        for ended in closure.recalls:
            recall, below = ended.symbol, ended.below
            assert isinstance(recall, Recall)
            assert below is not None
            refused = self._refused.get(recall.captured)
            left = nodes if refused is None else np.setdiff1d(nodes, refused)
            if len(left):
                self.follow(below.push_all(recall.captured.sketch()), left)
        if closure.unknown:
            walker.set_below(nodes, self.doubtful)
        for (symbol, row), below in closure.configs.items():
            for label, exits in walker.walk(symbol.automaton, row, nodes, self.words):
                self.leave(symbol, label, below, exits)

    def leave(self, symbol: Reading, label: int, rest: Rest, nodes: Nodes) -> None:
        """`follow` what comes after `symbol`, which matched with `label`."""
        target = symbol.targets[label] if isinstance(symbol, Switch) else ()
        if len(target) == 1 and isinstance(target[0], Reaching):
            self._reach(target[0], rest, nodes)  # without making a list of it
        else:
            self.follow(rest.push_all(target), nodes)

    def _reach(self, symbol: Reaching, below: Rest, nodes: Nodes) -> None:
        """As `follow`, for a symbol that knows better what it leads to."""
        ends = symbol.fill_reached(self._walker.by_kind, nodes, self.words, self.doubtful)
        if ends is not None:
            self.follow(below, ends)


def _open_captures(state: State) -> set[tuple[Captured, bytes]]:
    """The captures that are open in `state`, and what they have read."""
    tape = state.tape
    if tape is None:
        return set()
    return {(recall.captured, tape[recall.mark :]) for _, _, rest in state.configs for recall in rest.recalls()}


def _by_label(nodes: Nodes, labels: NDArray[np.int32], repeated: bool) -> Exits:
    """The exits of each label, as copies; each once, though they may be `repeated`."""
    if not len(nodes):
        return ()
    first = int(labels[0])
    if (labels == first).all():
        return ((first, np.unique(nodes) if repeated else nodes.copy()),)
    pieces = ((int(label), nodes[labels == label]) for label in np.unique(labels))
    return tuple((label, np.unique(piece) if repeated else piece) for label, piece in pieces)


_walkers: WeakKeyDictionary[Vocabulary, Walker] = WeakKeyDictionary()
_walkers_lock = threading.Lock()


def walker_for(vocabulary: Vocabulary) -> Walker:
    """The walker of a vocabulary; one for its whole life."""
    with _walkers_lock:
        found = _walkers.get(vocabulary)
        if found is None:
            found = _walkers[vocabulary] = Walker(vocabulary)
        return found
