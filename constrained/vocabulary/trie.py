"""All tokens in one flat tree of bytes, so that one tight loop can ask about all of them.

Idea.  Nodes lie in depth-first order, children by byte, so a node's subtree is a contiguous run:

    spellings  0:"a"  1:"abc"  2:"b"  3:"a"     node  byte  depth  skip  token
        a -- b -- c                                0    a      0      3     0
        b                                          1    b      1      3    -1
                                                   2    c      2      3     1
    duplicates  [(0, 3)]                           3    b      0      4     2

`skip[i]` is the node after i's subtree: where to go on when byte i is refused, and i + 1 when it is
not. The root is implicit: it is not a node, and stands for "nothing read yet" (`ROOT`).

Invariants (checked by `Trie.check`, relied on by whoever walks).
    1. depth[0] == 0, and depth grows by at most one from a node to the next.
    2. skip[i] is the first node after i that is no deeper than i, or N.
    3. Siblings ascend by byte; every node without children spells a token.
    4. token[i] is the lowest id of its spelling; the others are in `duplicates`, ascending.

The arrays belong to this module: they are writeable only because kernels are compiled for
writeable arrays, and nobody writes into them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from constrained.errors import VocabularyError

ROOT = -1  # as a node: nothing read yet
ABSENT = -1  # as the result of a search: no such node
NO_TOKEN = -1  # no token ends at this node

Ints = NDArray[np.int64]

# Shapes: N nodes, D duplicates, T tokens that spell something, L bytes in all of them together.


@dataclass(frozen=True, eq=False)
class Trie:
    """The spellings of a vocabulary as a tree in depth-first order; immutable, share it freely."""

    byte: NDArray[np.uint8]  # (N,) the byte on the edge into the node
    depth: NDArray[np.int16]  # (N,) bytes before that one: 0 for a token's first byte
    skip: NDArray[np.int32]  # (N,) node after the subtree, N after the last
    token: NDArray[np.int32]  # (N,) lowest id spelled by the path to the node, or NO_TOKEN
    duplicates: NDArray[np.int32]  # (D, 2) id in `token`, another id with the same bytes
    max_depth: int  # bytes of the longest token

    @property
    def nodes(self) -> int:
        """N, the root not counted."""
        return len(self.byte)

    def find(self, text: bytes, node: int = ROOT) -> int:
        """The node reached by reading `text` below `node`, or ABSENT where no token goes on like that."""
        for byte in text:
            node = self._child(node, byte)
            if node == ABSENT:
                return ABSENT
        return node

    def path(self, node: int) -> bytes:
        """The bytes from the root to `node`; b"" for ROOT."""
        spelled = bytearray()
        wanted = int(self.depth[node]) if node != ROOT else -1
        while wanted >= 0:
            if self.depth[node] == wanted:  # going backwards, the first node of a depth is the ancestor
                spelled.append(self.byte[node])
                wanted -= 1
            node -= 1
        spelled.reverse()
        return bytes(spelled)

    @cached_property
    def _first(self) -> dict[int, int]:
        """First byte of a token -> its node. The root has up to 256 children, too many to go through."""
        top = np.flatnonzero(self.depth == 0)
        return dict(zip(self.byte[top].tolist(), top.tolist(), strict=True))

    def _child(self, node: int, byte: int) -> int:
        if node == ROOT:
            return self._first.get(byte, ABSENT)
        child, end = node + 1, int(self.skip[node])
        while child < end:
            if self.byte[child] >= byte:
                return child if self.byte[child] == byte else ABSENT
            child = int(self.skip[child])
        return ABSENT

    def check(self) -> None:
        """Raise ValueError where an invariant of the module does not hold. Slow: one Python step a node."""
        depth, skip, byte = self.depth.tolist(), self.skip.tolist(), self.byte.tolist()
        for node in range(self.nodes):
            if depth[node] > (depth[node - 1] + 1 if node else 0):
                raise ValueError(f"node {node} hangs in the air")
            end = next((j for j in range(node + 1, self.nodes) if depth[j] <= depth[node]), self.nodes)
            if skip[node] != end:
                raise ValueError(f"skip[{node}] is {skip[node]}, not {end}")
            if end < self.nodes and depth[end] == depth[node] and byte[end] <= byte[node]:
                raise ValueError(f"sibling {end} does not come after {node}")
            if end == node + 1 and self.token[node] == NO_TOKEN:
                raise ValueError(f"node {node} leads to no token")
        if self.nodes and self.max_depth != max(depth) + 1:
            raise ValueError(f"max_depth is {self.max_depth}, not {max(depth) + 1}")

    def dump(self) -> str:
        """The tree as text: one line a node, indented by depth, with the token. Stable."""
        return "\n".join(
            f"{node:3}: {'  ' * depth}{bytes([byte])!r}{'' if token == NO_TOKEN else f' = {token}'}"
            for node, (depth, byte, token) in enumerate(
                zip(self.depth.tolist(), self.byte.tolist(), self.token.tolist(), strict=True)
            )
        )


def build(spellings: Sequence[bytes | None]) -> Trie:
    """The trie of `spellings` (indexed by token id); None and b"" are left out.

    Sorted spellings are the tree read depth first: each adds the nodes after the prefix that it
    shares with the one before it. Raises VocabularyError for a token of more than 32,767 bytes.
    """
    by_id = [text or b"" for text in spellings]
    ids = sorted((token for token, text in enumerate(by_id) if text), key=by_id.__getitem__)  # (T,)
    texts = [by_id[token] for token in ids]  # (T,)
    length = np.fromiter(map(len, texts), np.int64, len(texts))  # (T,)
    longest = int(length.max(initial=0))
    if longest > np.iinfo(np.int16).max:
        raise VocabularyError(f"a token of {longest} bytes is too long for the trie")
    text = np.frombuffer(b"".join(texts), np.uint8)  # (L,)
    start = np.cumsum(length) - length  # (T,) where in `text` each begins
    shared = _shared_prefixes(text, start, length)  # (T,)

    fresh = length - shared  # (T,) nodes that each spelling adds; 0 for a duplicate
    last = np.cumsum(fresh) - 1  # (T,) its last node
    owner = np.repeat(np.arange(len(texts)), fresh)  # (N,) the spelling that added the node
    depth = np.arange(len(owner)) - (last - length + 1)[owner]  # (N,)
    token = np.full(len(owner), NO_TOKEN, np.int32)
    tokens = np.array(ids, np.int32)  # (T,)
    token[last[fresh > 0]] = tokens[fresh > 0]
    again = tokens[fresh == 0]
    return Trie(
        byte=np.ascontiguousarray(text[start[owner] + depth]),
        depth=depth.astype(np.int16),
        skip=_skips(depth, longest),
        token=token,
        duplicates=np.ascontiguousarray(np.stack([token[last[fresh == 0]], again], axis=1)),
        max_depth=longest,
    )


def _shared_prefixes(text: NDArray[np.uint8], start: Ints, length: Ints) -> Ints:
    """(T,) bytes that each spelling has in common with the one before it, 0 for the first."""
    shared = np.minimum(length[1:], length[:-1])  # (T-1,) unless a byte differs earlier
    pair = np.repeat(np.arange(len(shared)), shared)  # one entry a byte to compare
    offset = np.arange(len(pair)) - (np.cumsum(shared) - shared)[pair]
    differs = np.flatnonzero(text[start[1:][pair] + offset] != text[start[:-1][pair] + offset])
    where, first = np.unique(pair[differs], return_index=True)
    shared[where] = offset[differs[first]]
    return np.concatenate([np.zeros(min(1, len(length)), np.int64), shared])


def _skips(depth: Ints, longest: int) -> NDArray[np.int32]:
    """(N,) int32: a subtree ends at the next node of the same depth, or where its parent's ends."""
    nodes = len(depth)
    skip = np.full(nodes, nodes, np.int32)
    by_depth = np.split(np.argsort(depth, kind="stable"), np.cumsum(np.bincount(depth, minlength=longest))[:-1])
    above: Ints = np.empty(0, np.int64)
    for level in by_depth if nodes else []:
        skip[level[:-1]] = level[1:]
        if len(above):
            parent = above[np.searchsorted(above, level) - 1]
            skip[level] = np.minimum(skip[level], skip[parent])
        above = level
    return skip
