"""What masks are made of: sets of tokens, found once and put together again and again.

    piece     tokens; one object for one content that is small
    inner     the tokens that stay inside one automaton, and where others leave it
    passage   what may be read below trie nodes: tokens that lead on, tokens in doubt, and where a token may go on

Sets of pieces are shared where they are equal or nothing is added to them: there are many passages, and few
different sets.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from constrained.reaching import NodeSet, Tokens

Words = NDArray[np.uint32]  # (W,) bit t % 32 of word t // 32 is token t
Doubts = NDArray[np.uint32]  # (2, W) tokens that must be tried: even if they seem to pass, and only if they do not
ALL, REFUSED = 0, 1  # its rows

MADE_BYTES = 64 << 20  # of masks that are kept for a vocabulary, before all are dropped
_PASSAGE_BYTES = 600  # of a passage without the tokens in it, which are shared


@dataclass(frozen=True, eq=False, slots=True)
class Piece:
    """Tokens, as a list where they are at most `scratch.FEW`, else as bits. Do not write to them."""

    tokens: Tokens


class Passage(NamedTuple):
    """What may be read below nodes."""

    pieces: frozenset[Piece]  # of tokens that lead on
    doubtful: Doubts | None
    ends: NodeSet | None  # where a token may go on with what follows

    @property
    def size(self) -> int:
        """Bytes, roughly, without the pieces, which are shared."""
        return _PASSAGE_BYTES + (0 if self.doubtful is None else self.doubtful.nbytes)


NO_PIECES: frozenset[Piece] = frozenset()
NOTHING = Passage(NO_PIECES, None, None)

Exits = tuple[tuple[int, NodeSet], ...]  # label, nodes at which the automaton ends with that label


class Inner(NamedTuple):
    """The tokens that stay inside an automaton, and where others leave it."""

    passage: Passage  # ends where the automaton does, with whatever label
    exits: Exits

    @property
    def pieces(self) -> frozenset[Piece]:
        """The tokens: no piece, or one."""
        return self.passage.pieces


class Gathered:
    """What becomes one passage."""

    __slots__ = ("doubtful", "pieces")

    def __init__(self, pieces: frozenset[Piece] = NO_PIECES) -> None:
        self.pieces = pieces
        self.doubtful: Doubts | None = None

    def add(self, passage: Passage) -> NodeSet | None:
        """All that `passage` holds, but for its ends, which are returned."""
        pieces, doubtful, ends = passage
        if not self.pieces:
            self.pieces = pieces
        elif not pieces <= self.pieces:
            self.pieces |= pieces
        if doubtful is not None:
            self.doubtful = doubtful if self.doubtful is None else self.doubtful | doubtful
        return ends


class Made:
    """Masks by what they were made of, which for many states of many grammars is the same."""

    def __init__(self) -> None:
        self._masks: dict[object, Words] = {}
        self._bytes = 0

    def get(self, key: object) -> Words | None:
        """The mask, if it is known."""
        return self._masks.get(key)

    def keep(self, key: object, mask: Words) -> Words:
        """Remember a mask, which is returned. Too many are dropped; states hold on to theirs."""
        if self._bytes > MADE_BYTES:
            self._masks.clear()
            self._bytes = 0
        self._masks[key] = mask
        self._bytes += mask.nbytes
        return mask
