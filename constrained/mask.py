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

from constrained.automata import walk
from constrained.beyond import Beyond
from constrained.closures import Config, leave
from constrained.grammar import Captured, Fresh
from constrained.inner import Nodes, Piece, Walker, Words
from constrained.passages import MOST, Gathered, Passage, Passages, TooMuch
from constrained.refusals import Refusals, flatten
from constrained.rests import Rest
from constrained.sketches import Sketcher
from constrained.states import State, States

_ROOT = np.array([-1], np.int32)


class Masks:
    """The masks of one grammar over one vocabulary; see passages.py for `most`."""

    def __init__(self, states: States, walker: Walker, most: int = MOST) -> None:
        self.walker = walker
        self.states = states
        sketcher = Sketcher(states.forks, walker.is_inside)
        self._passages = Passages(states, walker, sketcher, most)
        self._beyond = Beyond(states, walker, sketcher)
        self._parts: dict[Config, Passage] = {}
        self._refused: dict[frozenset[bytes], Refusals] = {}
        self._made: dict[tuple[frozenset[Piece], bool], Words] = {}
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of all that was found."""
        return self._size + self._passages.size + self._beyond.size

    def mask(self, state: State) -> Words:
        """(W,) the tokens that `state` allows; read-only."""
        words = state.mask
        if words is None:
            words = self.make(state).view()
            words.flags.writeable = False
            state.mask = words
        return words

    def make(self, state: State) -> Words:
        """The same, not kept with the state; do not write to it."""
        gathered = Gathered()
        for config in state.configs:
            part = self._part(config)
            gathered.add(part if state.tape is None else self._corrected(state.tape, config[2], part))
        words = self._words(frozenset(gathered.pieces), state.accepting)
        if state.controls or gathered.doubtful is not None:
            words = words.copy()
            self._size += words.nbytes
        for control, _ in state.controls:
            walk.set_bits(words, self.walker.tokens_of(control))
        if gathered.doubtful is not None:
            self._try(state, gathered.doubtful, words)
        return words

    def _words(self, pieces: frozenset[Piece], accepting: bool) -> Words:
        """(W,) the tokens of pieces, and the end tokens if the text may end."""
        key = pieces, accepting
        words = self._made.get(key)
        if words is None:
            words = self.walker.no_tokens()
            self._size += words.nbytes
            self.walker.fill(words, pieces)
            if accepting:
                walk.set_bits(words, self.walker.ends)
            self.walker.equate(words)
            self._made[key] = words
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

    def _corrected(self, tape: bytes, rest: Rest, part: Passage) -> Passage:
        """`part` without the tokens that make a refused text of the one that is open in `rest`."""
        walker, alone = self.walker, not rest.forks()[1:]
        pieces, doubtful = part.pieces, part.doubtful
        for recall, below in rest.recalls():
            captured, read = recall.captured, tape[recall.mark :]
            if isinstance(captured, Captured):
                doubtful = self._doubts(doubtful)
                walker.set_around(_ROOT, flatten(self.states.refusals(captured).beyond(read)), doubtful)
                continue
            nodes = self._refused_nodes(captured, below, read)
            if not len(nodes):
                continue
            if alone and not below.forks()[1:]:
                words = walker.no_tokens()
                walker.fill(words, pieces)
                walker.clear_from(nodes, words)
                pieces = frozenset((Piece(words),))
            else:  # refused in one way to read it, perhaps not in another
                doubtful = self._doubts(doubtful)
                walker.set_at(nodes, doubtful)
                walker.set_below(nodes, doubtful)
        return Passage(pieces, doubtful, None)

    def _doubts(self, doubtful: Words | None) -> Words:
        """The caller's own."""
        return self.walker.no_tokens() if doubtful is None else doubtful.copy()

    def _refused_nodes(self, fresh: Fresh, below: Rest, read: bytes) -> Nodes:
        """The nodes at which a text is complete that has begun with `read` and is refused."""
        refused = self._refused.get(fresh.refused)
        if refused is None:
            refused = self._refused[fresh.refused] = Refusals(fresh.refused)
        left = refused.beyond(read)
        for one in below.forks():
            left += [text[len(read) :] for text in one.seen.texts if text.startswith(read) and len(text) > len(read)]
        return self.walker.find_below(_ROOT, flatten(left)) if left else _ROOT[:0]

    # ------------------------------------------------------------------ parts

    def _part(self, config: Config) -> Passage:
        found = self._parts.get(config)
        if found is None:
            found = self._parts[config] = self._make_part(config)
            self._size += found.size
        return found

    def _make_part(self, config: Config) -> Passage:
        symbol, row, rest = config
        inner = self.walker.inner(symbol.automaton, row)
        gathered = Gathered()
        gathered.pieces |= inner.pieces
        try:
            for label, nodes in inner.exits:
                self._passages.down(leave(symbol, label, rest), nodes, gathered)
        except TooMuch:
            return self._beyond.part(symbol, row, rest, inner)
        return gathered.passage(None)
