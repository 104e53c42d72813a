"""What symbols let pass below trie nodes, and where they end: a mask is look-ups down the stack.

    {"a": {"b": "x|        string, in the middle    `y`, ` z"`, ...       it may end at the nodes N of `"`
                           Members     below N      `",`, `"}`, ...       it may end at the nodes N' of `"}`
                           Members'    below N'     `"},`, `"}}`, ...     ... and at no nodes: the token is over

What a symbol lets pass does not depend on what is below it on the stack, but for the nodes at which it
ends. So it is remembered by symbol and nodes, and the few answers that masks are made of are found again
under ever new stacks. A node's answer is made of those of its sequences, these of those of their symbols;
at the bottom an automaton walks the trie (inner.py).

Invariant: `Passages.of` says of a symbol what `net_walk.follow` (mask.py) says of a rest with that symbol in
front. It is the faster of the two where answers are found again. Where too many must be made for one mask,
or too many one within another, it raises `TooMuch`.
"""

from collections.abc import Iterable

import numpy as np

from constrained.automata.chosen import Chosen, Texts
from constrained.automata.dfa import REFUSES, START, Dfa
from constrained.closures import Reading
from constrained.deadline import look
from constrained.grammar import (
    Automaton,
    Captured,
    Control,
    Fresh,
    Node,
    Outline,
    Seen,
    Sequence,
    Switch,
    Symbol,
    Terminal,
    Unknown,
)  # fmt: skip
from constrained.inner import Walker
from constrained.pieces import NO_PIECES, NOTHING, PASSED, REFUSED, Gathered, Passage
from constrained.reaching import NodeSet, Reaching
from constrained.rests import Recall, Rest
from constrained.sketches import Sketcher, sketched
from constrained.states import States

MOST = 400  # answers that are made for one mask
DEEPEST = 40  # symbols that are entered one within another
MOST_OUTLINED = 1 << 14  # passages of outlines that are kept for a vocabulary, before all are dropped

_Key = tuple[Symbol, Seen | None, NodeSet]


_NONE_SEEN, _UNSURE = Seen(), Seen(unsure=True)  # by far the most of those that matter


class TooMuch(Exception):
    """More answers than `MOST`, or deeper ones than `DEEPEST`; never leaves the masks."""


class Passages:
    """The passages of one grammar; what is found is kept."""

    def __init__(self, states: States, walker: Walker, sketcher: Sketcher, most: int = MOST) -> None:
        self.walker = walker
        self.sketcher = sketcher
        self.refusals = states.refused.texts
        self.most = most
        self.outlined: dict[tuple[Node, NodeSet], Passage] = walker.outlined  # for all grammars over a vocabulary
        self.found: dict[_Key, Passage] = {}
        self.size = 0  # bytes of what was found, roughly

    def keep(self, key: "_Key", passage: Passage) -> None:
        """Remember a passage."""
        self.found[key] = passage
        self.size += passage.size

    def down(self, rest: Rest, nodes: NodeSet, gathered: Gathered) -> None:
        """Gather what may be read below `nodes`, where `rest` begins."""
        asking = _Asking(self)
        todo, seen = [(rest, nodes)], {(rest, nodes)}
        while todo:
            look()
            for after in self._behind(*todo.pop(), gathered, asking):
                if after not in seen:
                    seen.add(after)
                    todo.append(after)

    def _behind(self, rest: Rest, nodes: NodeSet, gathered: Gathered, asking: "_Asking") -> list[tuple[Rest, NodeSet]]:
        """Gather what the first symbols let pass; what may follow, and where."""
        found: list[tuple[Rest, NodeSet]] = []
        for choice in rest.forks():
            symbol = choice.symbol
            if symbol is None or choice.below is None:
                continue  # the text is over, and tokens with it
            if isinstance(symbol, Seen):
                found.append((choice.below, nodes))
                continue
            if isinstance(symbol, Recall):
                found += [(sketched(symbol.captured, below), nodes) for below in choice.below.forks()]
                continue
            for below in choice.below.forks():
                ends = gathered.add(asking.of(symbol, self._remembered(symbol, below), nodes))
                if ends is not None:
                    found.append((below, ends))
        return found

    def _remembered(self, symbol: Symbol, below: Rest) -> Seen | None:
        """The `Seen` that matters to `symbol`, with those of its texts that may come within a token."""
        seen = _remembered(symbol, None if isinstance(below.symbol, Recall) else below.symbol)
        if seen is None or not seen.texts:
            return seen
        texts = self.sketcher.mattering(seen.texts)
        return Seen(texts, seen.unsure) if texts else _UNSURE if seen.unsure else _NONE_SEEN


class _Asking:
    """Finds passages for one mask."""

    def __init__(self, passages: Passages) -> None:
        self._all = passages
        self._walker = passages.walker
        self._left = passages.most
        self._depth = 0
        self._outlined = False  # was the last passage that of an outline?

    def of(self, symbol: Symbol, seen: Seen | None, nodes: NodeSet) -> Passage:
        """The passage of a symbol below nodes; `seen` stands below it, if anything is remembered there."""
        key = symbol, seen, nodes
        found = self._all.found.get(key)
        if found is None:
            if self._left == 0 or self._depth == DEEPEST:
                raise TooMuch
            self._left -= 1
            self._depth += 1
            found = self._find(symbol, seen, nodes)
            self._depth -= 1
            if self._outlined or isinstance(symbol, Reaching):
                self._outlined = False  # remembered elsewhere
            elif not isinstance(symbol, Terminal) or not isinstance(symbol.automaton, Dfa):
                self._all.keep(key, found)
        return found

    def _find(self, symbol: Symbol, seen: Seen | None, nodes: NodeSet) -> Passage:
        match symbol:
            case Terminal() | Switch():
                return self._of_automaton(symbol, seen, nodes)
            case Fresh():
                assert seen is not None, "a Seen stands below a Fresh"
                return self._of_fresh(symbol, seen, nodes)
            case Seen():
                return Passage(NO_PIECES, None, nodes)
            case Control():
                return NOTHING
            case Unknown(begins):
                return self._of_unknown(begins, nodes)
            case Reaching():
                return self._of_reaching(symbol, nodes)
            case Node():
                return self._of_node(symbol, seen, nodes)
            case Captured():
                return self._of_captured(symbol, seen, nodes)

    def _through(self, sequence: Sequence, seen: Seen | None, nodes: NodeSet, gathered: Gathered) -> NodeSet | None:
        """Gather what a sequence lets pass below nodes; where it ends."""
        ends: NodeSet | None = nodes
        last = len(sequence) - 1
        for place, symbol in enumerate(sequence):
            if ends is None:
                break
            below = seen if place == last else sequence[place + 1]
            ends = gathered.add(self.of(symbol, _remembered(symbol, below), ends))
        return ends

    def _of_unknown(self, begins: Automaton | None, nodes: NodeSet) -> Passage:
        """The tokens below nodes that go on as what follows begins: in doubt where nothing else lets them pass."""
        walker = self._walker
        doubtful = walker.no_doubts()
        if begins is None:
            walker.set_below(nodes.nodes, doubtful[REFUSED])
            return Passage(NO_PIECES, doubtful, None)
        inner = walker.below(begins, nodes)
        if not inner.pieces and not inner.exits:
            return NOTHING
        walker.fill(doubtful[REFUSED], inner.pieces)
        for _, ends in inner.exits:
            walker.set_below(ends.nodes, doubtful[REFUSED])
        return Passage(NO_PIECES, doubtful, None)

    def _of_node(self, node: Node, seen: Seen | None, nodes: NodeSet) -> Passage:
        outlined = self._of_outline(node.outline(), seen, nodes)
        if outlined is not None:
            self._outlined = True
            return outlined
        gathered = Gathered()
        ends = [self._through(sequence, seen, nodes, gathered) for sequence in node.expand()]
        return self._passage(gathered, ends)

    def _of_outline(self, outline: Outline | None, seen: Seen | None, nodes: NodeSet) -> Passage | None:
        """The passage of a node by what it has in common with others, if no token reaches beyond that."""
        if outline is None:
            return None
        remembers = seen is not None and (seen.texts or seen.unsure)
        if outline.further is None or remembers or self._all.sketcher.mattering(outline.refused):
            node = outline.node
        else:
            node = outline.further
        known = self._all.outlined
        found = known.get((node, nodes))
        if found is None:
            if len(known) >= MOST_OUTLINED:
                known.clear()
            found = known[node, nodes] = self.of(node, None, nodes)
        return None if found.doubtful is not None else found

    def _begins(self, automaton: Automaton, nodes: NodeSet) -> bool:
        """Does any token go on below `nodes` with the beginning of a text?"""
        inner = self._walker.below(automaton, nodes)
        return bool(inner.pieces or inner.exits)

    def _of_first_byte(self, texts: Texts, nodes: NodeSet) -> Passage | None:
        """What some of `texts` let pass, if no token reaches beyond the first byte, in which they are alike."""
        if texts.beginning is None:
            return None
        first, second = texts.beginning
        inner = self._walker.below(first, nodes)
        if any(self._begins(second, ends) for _, ends in inner.exits):
            return None
        return Passage(inner.pieces, None, None)

    def _of_automaton(self, symbol: Reading, seen: Seen | None, nodes: NodeSet) -> Passage:
        if isinstance(symbol.automaton, Chosen):
            begun = self._of_first_byte(symbol.automaton.among, nodes)
            if begun is not None:
                return begun
        inner = self._walker.below(symbol.automaton, nodes)
        label = symbol.automaton.label(START)
        if label == REFUSES and isinstance(symbol, Terminal):
            return inner
        exits = inner.exits if label == REFUSES else (*inner.exits, (label, nodes))
        gathered = Gathered(inner.pieces)
        if isinstance(symbol, Terminal):
            return self._passage(gathered, [ends for _, ends in exits])
        return self._passage(gathered, [self._through(symbol.targets[k], seen, ends, gathered) for k, ends in exits])

    def _of_reaching(self, symbol: Reaching, nodes: NodeSet) -> Passage:
        words, doubtful = self._walker.no_tokens(), self._walker.no_doubts()
        ends = symbol.fill_reached(self._walker.by_kind, nodes.nodes, words, doubtful[PASSED])
        doubtful[REFUSED] = doubtful[PASSED]
        found = None if ends is None else self._walker.node_set(np.unique(ends))
        return Passage(self._walker.piece_of(words), doubtful if doubtful.any() else None, found)

    def _of_fresh(self, fresh: Fresh, seen: Seen, nodes: NodeSet) -> Passage:
        """The body refuses what it must at once; if not all of that is known, texts that are complete are in doubt."""
        gathered, walker = Gathered(), self._walker
        body = self._all.sketcher.body(fresh, seen.texts)
        ends = gathered.add(self.of(body, None, nodes))
        if seen.unsure and isinstance(body.automaton, Dfa):
            complete = walker.ends_below(body.automaton, nodes.nodes)
            if len(complete):
                gathered.doubtful = walker.no_doubts()
                walker.set_at(complete, gathered.doubtful[PASSED])
                walker.set_below(complete, gathered.doubtful[PASSED])
        if ends is not None:
            ends = self._through(fresh.then, Seen(seen.texts, unsure=True), ends, gathered)
        return self._passage(gathered, [ends])

    def _of_captured(self, captured: Captured, seen: Seen | None, nodes: NodeSet) -> Passage:
        """The tokens that begin or complete a refused text are in doubt; what follows is the same for all others."""
        gathered, doubtful = Gathered(), self._walker.no_doubts()
        self._walker.set_around(nodes.nodes, self._all.refusals(captured).flat, doubtful[PASSED])
        if doubtful.any():
            gathered.doubtful = doubtful
        ends = self._through(captured.body, None, nodes, gathered)
        if ends is not None:
            ends = self._through(captured.sketch(), seen, ends, gathered)
        return self._passage(gathered, [ends])

    def _passage(self, gathered: Gathered, ends: Iterable[NodeSet | None]) -> Passage:
        """What was gathered, ending at all of `ends`."""
        where = [one for one in ends if one is not None]
        pieces = self._walker.packed(gathered.pieces)
        return Passage(pieces, gathered.doubtful, self._walker.union(where) if where else None)


def _remembered(symbol: Symbol, below: Symbol | None) -> Seen | None:
    """The `Seen` that matters to `symbol`, if one is right below it."""
    return below if isinstance(below, Seen) and not isinstance(symbol, Terminal | Control) else None
