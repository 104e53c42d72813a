"""What follows a terminal, found by one walk over tables: masks of grammars with many ways on.

Passages (passages.py) are found again under new stacks; where so many of them would have to be made that this
does not pay, a kernel follows all that may come at once (automata/net_walk.py), from the base of what follows
(sketches.py). The net that it walks is filled as far as somebody has come.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from constrained.automata import net_walk
from constrained.automata.dfa import Dfa
from constrained.closures import Closure, Reading
from constrained.grammar import Captured, Fresh, Switch
from constrained.inner import Nodes, Walker
from constrained.net import Fronts, Net
from constrained.pieces import Inner, Passage, Words
from constrained.reaching import Reaching
from constrained.remains import Ending, emptied
from constrained.rests import Recall, Rest
from constrained.sketches import Sketcher, sketched
from constrained.states import States

_FEW = 2048  # cells to remember pairs in, at first

_Begun = tuple[int, Nodes]  # a rest, by its number, and the nodes below which it begins


class _Opening:
    """What stands in front of rests inside of tokens, for the net; it does not know who knows the net."""

    def __init__(self, sketcher: Sketcher, special: dict[Rest, Closure]) -> None:
        self._sketcher = sketcher
        self._special = special

    def fronts(self, rest: Rest) -> tuple[Fronts, int]:
        """What stands in front of a rest, with its flags."""
        if reaches(rest):
            return (), net_walk.SPECIAL
        closure = self._sketcher.closed(rest, None)
        if not (closure.begun or closure.recalls or closure.unknown or closure.unsure):
            return closure.configs.items(), 0
        self._special[rest] = closure
        return closure.configs.items(), net_walk.SPECIAL


class Beyond:
    """The net of one grammar, and what is found by walking it."""

    def __init__(self, states: States, walker: Walker, sketcher: Sketcher) -> None:
        self.walker = walker
        self.refusals = states.refused.texts
        self._sketcher = sketcher
        self.special: dict[Rest, Closure] = {}  # where more is to be done than a kernel can
        self._parts: dict[tuple[int, int], Passage] = {}
        self.size = 0  # bytes of what was found

    def end(self) -> Ending:
        """Let go of all that was found."""
        yield from emptied(self._parts)
        yield from emptied(self.special)

    @cached_property
    def net(self) -> Net:
        """The tables; most grammars never need them."""
        return Net(_Opening(self._sketcher, self.special).fronts)

    def part(self, symbol: Reading, row: int, rest: Rest, inner: Inner) -> Passage:
        """The tokens that `inner` and what follows it let pass."""
        edge = self.net.edge(symbol, self._sketcher.base(rest))
        found = self._parts.get((edge, row))
        if found is None:
            found = self._parts[edge, row] = self._make_part(symbol, edge, inner)
        return found

    def _make_part(self, symbol: Reading, edge: int, inner: Inner) -> Passage:
        words = self.walker.no_tokens()
        self.size += words.nbytes
        self.walker.fill(words, inner.pieces)
        beyond = _Walk(self, words)
        exits = [(label, nodes.nodes) for label, nodes in inner.exits]
        beyond.follow([one for label, nodes in exits for one in self._behind(beyond, edge, label, nodes)])
        self.walker.equate(words)
        doubts = None if beyond.doubtful is None else np.stack([beyond.doubtful, beyond.doubtful])
        return Passage((words,), doubts, None)

    def _behind(self, beyond: "_Walk", edge: int, label: int, nodes: Nodes) -> Iterator[_Begun]:
        """What follows `label` of an edge. A single symbol that knows what it leads to is not made a list of."""
        symbol, rest = self.net.edges[edge]
        target = symbol.targets[label] if isinstance(symbol, Switch) else ()
        if len(target) == 1 and isinstance(target[0], Reaching):
            yield from beyond.reach(target[0], rest, nodes)
        else:
            yield self.net.behind(edge, label), nodes


class _Walk:
    """The walk of one part below the exits of its terminal."""

    def __init__(self, all_: Beyond, words: Words) -> None:
        self.words = words  # (W,) what is allowed
        self.doubtful: Words | None = None  # (W,) what must be tried
        self._all = all_
        self._walker = all_.walker

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
        net, trie, scratch = self._all.net, self._walker.trie, self._walker.scratch
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
            if reaches(self._all.net.rests[rest]):
                yield from self._opened(self._special_rest(rest, nodes))
            else:
                yield rest, nodes

    def _special(self, nodes: Nodes, rests: Nodes) -> Iterator[_Begun]:
        """What a kernel cannot do at `nodes` (M,) where `rests` (M,) begin; what is to be followed next."""
        for rest in np.unique(rests):
            yield from self._special_rest(int(rest), np.unique(nodes[rests == rest]))

    def _special_rest(self, rest: int, nodes: Nodes) -> Iterator[_Begun]:
        masks = self._all
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
            yield self._all.net.rest(below), ends

    def _doubts(self) -> Words:
        return np.zeros_like(self.words) if self.doubtful is None else self.doubtful

    def _note(self, doubtful: Words) -> None:
        if self.doubtful is None and doubtful.any():
            self.doubtful = doubtful

    def _unknown(self, closure: Closure, nodes: Nodes, doubtful: Words) -> Iterator[_Begun]:
        """Texts that are not known, and on which something depends."""
        walker = self._walker
        for captured, _ in closure.begun:
            assert isinstance(captured, Captured)
            walker.set_around(nodes, self._all.refusals(captured).flat, doubtful)
        if closure.unknown:
            walker.set_below(nodes, doubtful)
        if closure.unsure:
            for symbol in {symbol for (symbol, _), rest in closure.configs.items() if _is_fresh(rest)}:
                assert isinstance(symbol.automaton, Dfa)
                found = walker.ends_below(symbol.automaton, nodes)
                walker.set_at(found, doubtful)
                walker.set_below(found, doubtful)
        for captured, below in closure.recalls:
            yield self._all.net.rest(sketched(captured, below)), nodes


def reaches(rest: Rest) -> bool:
    """Does the first symbol know what it leads to?"""
    return any(isinstance(choice.symbol, Reaching) for choice in rest.forks())


def _is_fresh(rest: Rest) -> bool:
    return any(isinstance(one.symbol, Recall) and isinstance(one.symbol.captured, Fresh) for one in rest.forks())
