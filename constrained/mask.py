"""From a state to the set of tokens that it allows.

A mask is the union, over the configurations of a state, of *parts*; a part is

    inner    tokens that stay inside the terminal (inner.py): one walk, shared by all grammars
    beyond   tokens that leave it half way: `",` or `"}}`. Below the nodes where that happens, the walk
             goes on with what follows, through as many terminals as fit in a token

A part depends on the *base* of what follows (sketches.py), so states share parts though they differ in
what has been read. What the base leaves out is put right here:

* where the text that is open may become a refused one, by completing it in one token, that token and
  those that go on from there are taken out;
* what depends on a text in a less simple way (`Captured`) leaves tokens in doubt: those that reach beyond
  the sketch, or begin or complete a refused text. They are tried one by one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constrained.automata import net_walk, walk
from constrained.closures import Closure, Reading
from constrained.grammar import Captured, Fresh, Switch
from constrained.inner import Nodes, Walker, Words
from constrained.net import Net
from constrained.reaching import Reaching
from constrained.refusals import FlatTexts, flatten
from constrained.rests import Recall, Rest
from constrained.sketches import Sketcher, sketched
from constrained.states import State, States

_ROOT = np.array([-1], np.int32)


_FEW = 2048  # cells to remember pairs in, at first

_Begun = tuple[int, Nodes]  # a rest, by its number, and the nodes below which it begins


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """What one configuration allows, its base considered. Do not write to `words`."""

    words: Words  # (W,)
    doubtful: Words | None  # (W,) tokens that must be tried


class Masks:
    """The masks of one grammar over one vocabulary."""

    def __init__(self, states: States, walker: Walker) -> None:
        self.walker = walker
        self.states = states
        self._sketcher = Sketcher(states.forks, walker.is_inside)
        self.net = Net(self._fronts)
        self.special: dict[Rest, Closure] = {}  # where more is to be done than a kernel can
        self._parts: dict[tuple[int, int], Part] = {}
        self.size = 0  # bytes of the masks that were made
        self._inside: dict[Reading, list[bytes]] = {}

    def mask(self, state: State) -> Words:
        """(W,) the tokens that `state` allows; read-only."""
        words = state.mask
        if words is None:
            words = self._mask(state).view()
            words.flags.writeable = False
            state.mask = words
        return words

    def _mask(self, state: State) -> Words:
        configs = state.configs
        if len(configs) == 1 and state.tape is None and not state.accepting and not state.controls:
            symbol, row, rest = configs[0]
            part = self._part(symbol, row, rest)
            if part.doubtful is None:
                return part.words
        words = np.zeros(self.walker.words, np.uint32)
        self.size += words.nbytes
        doubtful = np.zeros(self.walker.words, np.uint32)
        for symbol, row, rest in configs:
            part = self._part(symbol, row, rest)
            allowed = part.words
            if part.doubtful is not None:
                doubtful |= part.doubtful
            if state.tape is not None:
                allowed = self._corrected(state.tape, rest, allowed, doubtful)
            np.bitwise_or(words, allowed, out=words)
        for control, _ in state.controls:
            walk.set_bits(words, self.walker.tokens_of(control))
        if state.accepting:
            walk.set_bits(words, self.walker.ends)
        if doubtful.any():
            self._try(state, doubtful, words)
        return words

    def _try(self, state: State, doubtful: Words, words: Words) -> None:
        """Decide tokens one by one, by reading them."""
        for token in map(int, np.flatnonzero(np.unpackbits(doubtful.view(np.uint8), bitorder="little"))):
            spelling = self.walker.spellings[token]
            bit = np.uint32(1 << (token & 31))
            if spelling is not None and self.states.read(state, spelling) is not None:
                words[token >> 5] |= bit
            else:
                words[token >> 5] &= ~bit
        self.walker.equate(words)

    # ------------------------------------------------------------------ the texts that are open

    def _corrected(self, tape: bytes, rest: Rest, allowed: Words, doubtful: Words) -> Words:
        """`allowed` without the tokens that make a refused text of the one that is open in `rest`."""
        walker, alone = self.walker, not rest.forks()[1:]
        for recall, below in rest.recalls():
            captured, read = recall.captured, tape[recall.mark :]
            if isinstance(captured, Captured):
                left = flatten(self.states.refusals(captured).beyond(read))
                walker.set_around(_ROOT, left, doubtful)
                continue
            nodes = self._refused_nodes(captured, below, read)
            if len(nodes) and alone and not below.forks()[1:]:
                allowed = allowed.copy()
                walker.clear_from(nodes, allowed)
                walker.equate(allowed)
            elif len(nodes):  # refused in one way to read it, perhaps not in another
                walker.set_at(nodes, doubtful)
                walker.set_below(nodes, doubtful)
        return allowed

    def _refused_nodes(self, fresh: Fresh, below: Rest, read: bytes) -> Nodes:
        """The nodes at which a text is complete that has begun with `read` and is refused."""
        texts = [*fresh.refused, *(text for one in below.forks() for text in one.seen.texts)]
        left = [text[len(read) :] for text in texts if text.startswith(read) and len(text) > len(read)]
        return self.walker.find_below(_ROOT, flatten(left)) if left else _ROOT[:0]

    # ------------------------------------------------------------------ parts

    def _part(self, symbol: Reading, row: int, rest: Rest) -> Part:
        key = self.net.edge(symbol, self._sketcher.base(rest)), row
        found = self._parts.get(key)
        if found is None:
            found = self._parts[key] = self._make_part(symbol, *key)
        return found

    def _make_part(self, symbol: Reading, edge: int, row: int) -> Part:
        inner = self.walker.inner(symbol.automaton, row)
        if not inner.exits:
            return Part(inner.words, None)
        beyond = _Beyond(self, inner.words.copy())
        self.size += inner.words.nbytes
        beyond.follow([one for label, nodes in inner.exits for one in self._behind(beyond, edge, label, nodes)])
        self.walker.equate(beyond.words)
        return Part(beyond.words, beyond.doubtful)

    def _behind(self, beyond: "_Beyond", edge: int, label: int, nodes: Nodes) -> Iterator[_Begun]:
        """What follows `label` of an edge. A single symbol that knows what it leads to is not made a list of."""
        symbol, rest = self.net.edges[edge]
        target = symbol.targets[label] if isinstance(symbol, Switch) else ()
        if len(target) == 1 and isinstance(target[0], Reaching):
            yield from beyond.reach(target[0], rest, nodes)
        else:
            yield self.net.behind(edge, label), nodes

    def _fronts(self, rest: Rest) -> tuple[Closure, int]:
        """For the net: what stands in front of a rest inside of a token, with its flags."""
        if reaches(rest):
            return Closure(), net_walk.SPECIAL
        closure = self._sketcher.closed(rest, None)
        if not (closure.begun or closure.recalls or closure.unknown or closure.unsure):
            return closure, 0
        self.special[rest] = closure
        return closure, net_walk.SPECIAL

    def texts_inside(self, closure: Closure) -> FlatTexts:
        """The texts inside of tokens that a `Fresh` which begins in `closure` may read."""
        bodies = {symbol for (symbol, _), rest in closure.configs.items() if _is_fresh(rest)}
        texts = {text for body in bodies for text in self._texts_inside(body)}
        return flatten(sorted(texts))

    def _texts_inside(self, body: Reading) -> list[bytes]:
        found = self._inside.get(body)
        if found is None:
            found = self._inside[body] = self.walker.inside(body.automaton)
        return found


class _Beyond:
    """The walk of one part below the exits of its terminal."""

    def __init__(self, masks: "Masks", words: Words) -> None:
        self.words = words  # (W,) what is allowed
        self.doubtful: Words | None = None  # (W,) what must be tried
        self._masks = masks
        self._walker = masks.walker

    def follow(self, begun: list[_Begun]) -> None:
        """Allow what rests let pass below nodes."""
        size, status = _FEW, net_walk.FULL
        while status != net_walk.DONE:
            status = self._followed(begun, self._walker.scratch.met(size))
            if status == net_walk.FULL:
                size *= 8
            elif status == net_walk.CROWDED:
                self._walker.scratch.make_room()

    def _followed(self, begun: list[_Begun], met: NDArray[np.int64]) -> int:
        """The same; what became of it: DONE, or what there was not enough room for."""
        net, trie, scratch = self._masks.net, self._walker.trie, self._walker.scratch
        top = entered = 0
        while begun:
            for rest, nodes in self._opened(begun):
                top, entered = net_walk.enter(nodes, rest, scratch.stack, top, met, entered, len(trie[0]))
                if top < 0:
                    return -top
            special, status = 0, net_walk.MISSING
            while status == net_walk.MISSING:
                status, top, entered, special, missing, label = net_walk.follow(
                    *trie, *net.tables, scratch.stack, top, met, entered, scratch.special, special,
                    self.words, scratch.path, scratch.counts,
                )  # fmt: skip
                if status == net_walk.MISSING:
                    net.fill(missing, label)
            if status != net_walk.DONE:
                return status
            begun = list(self._special(*scratch.special[:, :special])) if special else []
        return net_walk.DONE

    def _opened(self, begun: Iterable[_Begun]) -> Iterator[_Begun]:
        """`begun`, without first symbols that know better what they lead to than by being opened."""
        for rest, nodes in begun:
            if reaches(self._masks.net.rests[rest]):
                yield from self._opened(self._special_rest(rest, nodes))
            else:
                yield rest, nodes

    def _special(self, nodes: Nodes, rests: Nodes) -> Iterator[_Begun]:
        """What a kernel cannot do at `nodes` (M,) where `rests` (M,) begin; what is to be followed next."""
        for rest in np.unique(rests):
            yield from self._special_rest(int(rest), np.unique(nodes[rests == rest]))

    def _special_rest(self, rest: int, nodes: Nodes) -> Iterator[_Begun]:
        masks = self._masks
        symbols = masks.net.rests[rest]
        if not reaches(symbols):
            doubtful = self._doubts()
            yield from self._unknown(masks.special[symbols], nodes, doubtful)
            self._note(doubtful)
            return
        for choice in symbols.forks():
            if isinstance(choice.symbol, Reaching) and choice.below is not None:
                yield from self.reach(choice.symbol, choice.below, nodes)
            else:
                yield masks.net.rest(choice), nodes

    def reach(self, symbol: Reaching, below: Rest, nodes: Nodes) -> Iterator[_Begun]:
        """Ask a symbol that knows what it leads to; what is below it begins where it may end."""
        doubtful = self._doubts()
        ends = symbol.fill_reached(self._walker.by_kind, nodes, self.words, doubtful)
        self._note(doubtful)
        if ends is not None:
            yield self._masks.net.rest(below), ends

    def _doubts(self) -> Words:
        return np.zeros_like(self.words) if self.doubtful is None else self.doubtful

    def _note(self, doubtful: Words) -> None:
        if self.doubtful is None and doubtful.any():
            self.doubtful = doubtful

    def _unknown(self, closure: Closure, nodes: Nodes, doubtful: Words) -> Iterator[_Begun]:
        """Texts that are not known, and on which something depends."""
        masks, walker = self._masks, self._walker
        for captured, _ in closure.begun:
            assert isinstance(captured, Captured)
            walker.set_around(nodes, masks.states.refusals(captured).flat, doubtful)
        if closure.unknown:
            walker.set_below(nodes, doubtful)
        if closure.unsure:
            found = walker.find_below(nodes, masks.texts_inside(closure))
            walker.set_at(found, doubtful)
            walker.set_below(found, doubtful)
        for captured, below in closure.recalls:
            yield masks.net.rest(sketched(captured, below)), nodes


def reaches(rest: Rest) -> bool:
    """Does the first symbol know what it leads to?"""
    return any(isinstance(choice.symbol, Reaching) for choice in rest.forks())


def _is_fresh(rest: Rest) -> bool:
    return any(isinstance(one.symbol, Recall) and isinstance(one.symbol.captured, Fresh) for one in rest.forks())
