"""Where walks over the trie leave what they find: buffers that are made once for each thread.

Invariant: `words` is all zero between walks; whoever takes what a walk has left there clears it.
"""

import threading
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

FEW = 512  # tokens at most that are listed one by one


class Scratch(threading.local):
    """Buffers of one thread, large enough for nearly any walk over the trie."""

    def __init__(self, nodes: int, depth: int, words: int = 0) -> None:
        self.words = np.zeros(words, np.uint32)  # (W,) all zero between walks
        self.few = np.zeros(FEW, np.int32)
        self.path = np.zeros(depth + 2, np.int32)
        self.counts = np.zeros(depth + 2, np.int32)
        self._room = nodes + 64
        self.exits = self.labels = self.costs = np.zeros(0, np.int32)
        self.make_room_for_exits(nodes)
        self._met = np.zeros(0, np.int64)

    def make_room_for_exits(self, size: int = 0) -> None:
        """Have room for so many exits, or else for twice as many as there is."""
        size = size or 2 * len(self.exits)
        self.exits, self.labels, self.costs = (np.zeros(size, np.int32) for _ in range(3))

    @cached_property
    def stack(self) -> NDArray[np.int32]:
        """(2, H) of `net_walk.follow`: nodes, rests."""
        return np.zeros((2, self._room), np.int32)

    @cached_property
    def special(self) -> NDArray[np.int32]:
        """(2, H) of `net_walk.follow`: nodes, rests."""
        return np.zeros((2, self._room), np.int32)

    def met(self, size: int) -> NDArray[np.int64]:
        """(size,) zeros, a power of two."""
        if size > len(self._met):
            self._met = np.zeros(size, np.int64)
        self._met[:size] = 0
        return self._met[:size]

    def make_room(self) -> None:
        """Have room for twice as many pairs."""
        self._room *= 2
        del self.stack, self.special
