"""What masks are made of: sets of tokens, found once and put together again and again.

    piece     tokens, as a list where they are at most `scratch.FEW`, else as bits
    inner     the tokens that stay inside one automaton, and where others leave it
    passage   what may be read below trie nodes: tokens that lead on, tokens in doubt, and where a token may go on

Sets of pieces are shared where they are equal or nothing is added to them: there are many passages, and few
different sets.

Much of this is kept for a vocabulary, and Python's collector looks at all that can be part of a circle. Tuples of
arrays cannot, and it soon leaves them alone: so a piece is an array and nothing else, and is told from others by which
one it is.
"""

import numpy as np
from numpy.typing import NDArray

from constrained.reaching import NodeSet, Tokens

Words = NDArray[np.uint32]  # (W,) bit t % 32 of word t // 32 is token t
Doubts = NDArray[np.uint32]  # (2, W) tokens that must be tried: if they seem to pass, and if they do not
PASSED, REFUSED = 0, 1  # its rows

MADE_BYTES = 64 << 20  # of masks that are kept for a vocabulary, before all are dropped
_PASSAGE_BYTES = 600  # of a passage without the tokens in it, which are shared


Pieces = tuple[Tokens, ...]  # arrays that nobody writes to: one object for one content that is small


class Passage:
    """What may be read below nodes. Do not change it."""

    __slots__ = ("doubtful", "ends", "pieces")

    def __init__(self, pieces: Pieces, doubtful: Doubts | None, ends: NodeSet | None) -> None:
        self.pieces = pieces  # of tokens that lead on
        self.doubtful = doubtful
        self.ends = ends  # where a token may go on with what follows

    @property
    def size(self) -> int:
        """Bytes, roughly, without the pieces, which are shared."""
        return _PASSAGE_BYTES + (0 if self.doubtful is None else self.doubtful.nbytes)


NO_PIECES: Pieces = ()
NOTHING = Passage(NO_PIECES, None, None)

Exits = tuple[tuple[int, NodeSet], ...]  # label, nodes at which the automaton ends with that label


class Inner(Passage):
    """The tokens that stay inside an automaton, no piece or one, and where others leave it, with which label."""

    __slots__ = ("exits",)

    def __init__(self, pieces: Pieces, exits: Exits, ends: NodeSet | None) -> None:
        self.pieces = pieces
        self.doubtful = None
        self.ends = ends
        self.exits = exits


class Gathered:
    """What becomes one passage."""

    __slots__ = ("doubtful", "pieces")

    def __init__(self, pieces: Pieces = NO_PIECES) -> None:
        self.pieces = pieces
        self.doubtful: Doubts | None = None

    def add(self, passage: Passage) -> NodeSet | None:
        """All that `passage` holds, but for its ends, which are returned."""
        pieces, doubtful = passage.pieces, passage.doubtful
        if not self.pieces:
            self.pieces = pieces
        elif pieces is not self.pieces:
            for piece in pieces:
                if not any(piece is one for one in self.pieces):
                    self.pieces = (*self.pieces, piece)
        if doubtful is not None:
            self.doubtful = doubtful if self.doubtful is None else self.doubtful | doubtful
        return passage.ends


def names_of(pieces: Pieces, more: object) -> tuple[object, ...]:
    """Says which pieces these are, in whatever order; as long as somebody holds them."""
    return (more, id(pieces[0])) if len(pieces) == 1 else (more, *sorted(map(id, pieces)))


class Made:
    """Masks by what they were made of, which for many states of many grammars is the same."""

    def __init__(self) -> None:
        self._masks: dict[object, tuple[Words, object]] = {}
        self._bytes = 0

    def get(self, key: object) -> Words | None:
        """The mask, if it is known."""
        found = self._masks.get(key)
        return None if found is None else found[0]

    def keep(self, key: object, held: object, mask: Words) -> Words:
        """Remember a mask, which is returned; `held` are the pieces that `key` names.

        Too many masks are dropped; states hold on to theirs.
        """
        if self._bytes > MADE_BYTES:
            self._masks.clear()
            self._bytes = 0
        self._masks[key] = mask, held
        self._bytes += mask.nbytes
        return mask
