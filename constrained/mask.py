"""From a state to the set of tokens that it allows.

A mask is the union, over the configurations of a state, of *parts*; a part is

    inner    tokens that stay inside the terminal (inner.py): one walk, shared by all grammars
    beyond   tokens that leave it half way: `",` or `"}}`. What follows is asked, down the stack, what it lets
             pass below the nodes where that happens (passages.py; beyond.py where too much would have to be asked)

Parts are sets of pieces, and most pieces are the same again and again: states whose parts are of the same
pieces share one mask.

Parts do not depend on what has been read of a text, so that states share them. What they leave out is put
right here:

* where the text that is open may become a refused one, by completing it in one token, that token and
  those that go on from there are taken out;
* what depends on a text in a less simple way (`Captured`) leaves tokens in doubt: those that reach beyond
  the sketch, or begin or complete a refused text. They are tried one by one.
"""

import numpy as np

from constrained import remains
from constrained.automata import walk
from constrained.beyond import Beyond
from constrained.closures import Reading, leave
from constrained.grammar import Captured, Fresh, Metered
from constrained.inner import Nodes, Walker
from constrained.passages import MOST, Passages, TooMuch
from constrained.pieces import NO_PIECES, PASSED, REFUSED, Doubts, Gathered, Passage, Pieces, Words, names_of
from constrained.refusals import Refusals, flatten
from constrained.rests import Recall, Rest
from constrained.sketches import Sketcher
from constrained.states import State, States

_ROOT = np.array([-1], np.int32)

_NO_NODES = _ROOT[:0]

_Without = tuple[Pieces, Nodes]  # tokens, and nodes from which on they are left out


class Masks:
    """The masks of one grammar over one vocabulary; see passages.py for `most`."""

    def __init__(self, states: States, walker: Walker, most: int = MOST) -> None:
        self.walker = walker
        self.states = states
        sketcher = Sketcher(states.forks, walker.is_inside)
        self._passages = Passages(states, walker, sketcher, most)
        self._beyond = Beyond(states, walker, sketcher)
        self._net = states.net  # whose numbers are used below
        self._parts: dict[int, Passage] = {}  # by edge and row
        self._refused: dict[frozenset[bytes], Refusals] = {}
        self._size = 0

    def __del__(self) -> None:
        remains.keep(_ended(self._parts, self._passages, self._beyond))

    @property
    def size(self) -> int:
        """Bytes of all that was found."""
        return self._size + self._passages.size + self._beyond.size

    def mask(self, state: State) -> Words:
        """(W,) the tokens that `state` allows; read-only."""
        words = state.mask
        if words is None:
            words = state.mask = self.make(state)
            words.setflags(write=False)
        return words

    def make(self, state: State) -> Words:
        """The same, not kept with the state; do not write to it."""
        gathered = Gathered()
        without: list[_Without] = []
        net, places = self.states.numbered(state)
        numbers: list[list[int]] = places.tolist()
        for edge, row in numbers:
            symbol, rest = net.edges[edge]
            if state.tape is not None and rest.captures:
                gathered.add(self._corrected(state.tape, symbol, row, rest, without))
            else:
                gathered.add(self._part(symbol, row, rest) if net is not self._net else self._part_at(edge, row))
        if without:
            words = self._words_without(without, gathered.pieces, state.accepting)
        else:
            words = self._words(gathered.pieces, state.accepting)
        if state.controls or gathered.doubtful is not None:
            words = words.copy()
            self._size += words.nbytes
        for control, _ in state.controls:
            walk.set_bits(words, self.walker.tokens_of(control))
        if gathered.doubtful is not None:
            self._try(state, gathered.doubtful, words)
        return words

    def _words(self, pieces: Pieces, accepting: bool) -> Words:
        """(W,) the tokens of pieces, and the end tokens if the text may end."""
        made = self.walker.made
        key = names_of(pieces, accepting)
        words = made.get(key)
        if words is None:
            words = made.keep(key, pieces, self._completed(self.walker.no_tokens(), pieces, accepting))
        return words

    def _words_without(self, without: "list[_Without]", pieces: Pieces, accepting: bool) -> Words:
        """The same, with tokens of which some are taken out."""
        made = self.walker.made
        key = names_of(pieces, accepting), *(names_of(some, nodes.tobytes()) for some, nodes in without)
        found = made.get(key)
        if found is not None:
            return found
        words = self.walker.no_tokens()
        for some, nodes in without:
            kept = words if nodes is without[0][1] else self.walker.no_tokens()
            self.walker.fill(kept, some)
            self.walker.clear_from(nodes, kept)
            words |= kept
        held = pieces, *(some for some, _ in without)
        return made.keep(key, held, self._completed(words, pieces, accepting))

    def _completed(self, words: Words, pieces: Pieces, accepting: bool) -> Words:
        """`words`, with the tokens of pieces, and the end tokens if the text may end."""
        self._size += words.nbytes
        self.walker.fill(words, pieces)
        if accepting:
            walk.set_bits(words, self.walker.ends)
        self.walker.equate(words)
        return words

    def _try(self, state: State, doubts: Doubts, words: Words) -> None:
        """Decide tokens one by one, by reading them."""
        doubtful = doubts[PASSED] & words | doubts[REFUSED] & ~words
        for token in map(int, np.flatnonzero(np.unpackbits(doubtful.view(np.uint8), bitorder="little"))):
            spelling = self.walker.spellings[token]
            bit = np.uint32(1 << (token & 31))
            if spelling is not None and self.states.read_token(state, spelling) is not None:
                words[token >> 5] |= bit
            else:
                words[token >> 5] &= ~bit
        self.walker.equate(words)

    # ------------------------------------------------------------------ the texts that are open

    def _corrected(self, tape: bytes, symbol: Reading, row: int, rest: Rest, without: "list[_Without]") -> Passage:
        """The part of a place in a text that is open, but for the tokens that make a refused text of it.

        What is certain to be refused is left to be taken out: `without` gets tokens, and nodes from which on they go.
        """
        ways = _ways(rest)
        if ways is None:
            return self._doubted(tape, rest, self._part(symbol, row, rest))
        alike: dict[bytes, tuple[Nodes, list[Rest]]] = {}  # ways to read the text, by what they refuse
        for way in ways:
            nodes = self._refused_nodes(way, tape)
            alike.setdefault(nodes.tobytes(), (nodes, []))[1].append(way)
        gathered = Gathered()
        for nodes, some in alike.values():
            part = self._part(symbol, row, rest if len(alike) == 1 else self.states.forks.any_of(some))
            if len(nodes):
                without.append((part.pieces, nodes))
                part = Passage(NO_PIECES, part.doubtful, None)
            gathered.add(part)
        return Passage(gathered.pieces, gathered.doubtful, None)

    def _doubted(self, tape: bytes, rest: Rest, part: Passage) -> Passage:
        """`part`, with tokens in doubt that might make a refused text of one that is open."""
        walker, doubtful = self.walker, part.doubtful
        for recall, below in rest.recalls():
            if isinstance(recall.captured, Captured):
                doubtful = self._doubts(doubtful)
                left = self.states.refused.texts(recall.captured).beyond(tape[recall.mark :])
                walker.set_around(_ROOT, flatten(left), doubtful[PASSED])
                continue
            for one in below.forks():
                nodes = self._refused_nodes(one.recall(recall.captured, recall.mark), tape)
                if len(nodes):
                    doubtful = self._doubts(doubtful)
                    walker.set_at(nodes, doubtful[PASSED])
                    walker.set_below(nodes, doubtful[PASSED])
        return Passage(part.pieces, doubtful, None)

    def _doubts(self, doubtful: Doubts | None) -> Doubts:
        """The caller's own."""
        return self.walker.no_doubts() if doubtful is None else doubtful.copy()

    def _refused_nodes(self, way: Rest, tape: bytes) -> Nodes:
        """The nodes at which the text of a `Fresh` is complete that is open, and refused."""
        recall, below = way.symbol, way.below
        assert isinstance(recall, Recall)
        assert isinstance(recall.captured, Fresh)
        assert below is not None
        read, refused = tape[recall.mark :], recall.captured.refused
        known = self._refused.get(refused)
        if known is None:
            known = self._refused[refused] = Refusals(refused)
        left = known.beyond(read)
        left += [text[len(read) :] for text in below.seen.texts if text.startswith(read) and len(text) > len(read)]
        return self.walker.find_below(_ROOT, flatten(left)) if left else _NO_NODES

    # ------------------------------------------------------------------ parts

    def _part(self, symbol: Reading, row: int, rest: Rest) -> Passage:
        return self._part_at(self._net.edge(symbol, rest), row)

    def _part_at(self, edge: int, row: int) -> Passage:
        key = row << 32 | edge  # one number, not a tuple: it costs the collector nothing
        found = self._parts.get(key)
        if found is None:
            symbol, rest = self._net.edges[edge]
            found = self._parts[key] = self._make_part(symbol, row, rest)
            self._size += found.size
        return found

    def _make_part(self, symbol: Reading, row: int, rest: Rest) -> Passage:
        if isinstance(symbol, Metered) and symbol is not symbol.begun:
            return self._metered_part(symbol, row, rest)
        inner = self.walker.inner(symbol.automaton, row)
        gathered = Gathered(inner.pieces)
        try:
            for label, nodes in inner.exits:
                self._passages.down(leave(symbol, label, rest), nodes, gathered)
        except TooMuch:
            return self._beyond.part(symbol, row, rest, inner)
        return Passage(self.walker.packed(gathered.pieces), gathered.doubtful, None)

    def _metered_part(self, symbol: Metered, row: int, rest: Rest) -> Passage:
        """The part of a terminal of which some tokens have been read; mostly that of its beginning."""
        metering, plain = self.states.metering, self._part(symbol.begun, row, rest)
        assert metering is not None
        if not metering.is_tight(symbol, row):
            return plain
        words, unsure = metering.tokens(symbol, row, rest)
        doubts = None
        if unsure:
            doubts = self._doubts(plain.doubtful)
            self.walker.fill(doubts[PASSED], plain.pieces)
            doubts[PASSED] &= ~words
            doubts[REFUSED] |= doubts[PASSED]
        return Passage(self.walker.piece_of(words), doubts, None)


def _ended(parts: dict[int, Passage], passages: Passages, beyond: Beyond) -> remains.Ending:
    """Let go of what masks are made of, when nobody asks for them any more."""
    yield from remains.emptied(parts)
    yield from remains.emptied(passages.found)
    yield from beyond.end()


def _ways(rest: Rest) -> list[Rest] | None:
    """The ways to read the text of a `Fresh` that is open, each one list; None where others are open, or none."""
    found: list[Rest] = []
    for choice in rest.forks():
        recall, below = choice.symbol, choice.below
        if not isinstance(recall, Recall) or not isinstance(recall.captured, Fresh) or below is None or below.captures:
            return None
        found += [one.recall(recall.captured, recall.mark) for one in below.forks()]
    return found
