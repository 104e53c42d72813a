"""The texts that a capture refuses, in the forms that are asked for.

{"a", "ab"}     after reading "a": the next byte "b" would lead on towards a refused text
[`"a"`, `"ab"`] as flat arrays, for the walk over the trie
"""

from bisect import bisect_left
from collections.abc import Collection
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

# Shapes: R texts, L bytes in all of them together.


class Refusals:
    """A set of texts."""

    def __init__(self, texts: Collection[bytes]) -> None:
        self._texts = sorted(texts)

    def beyond(self, read: bytes) -> list[bytes]:
        """What is left of the texts that begin with `read` and are longer."""
        found: list[bytes] = []
        for index in range(bisect_left(self._texts, read), len(self._texts)):
            text = self._texts[index]
            if not text.startswith(read):
                break
            if len(text) > len(read):
                found.append(text[len(read) :])
        return found

    def next_bytes(self, read: bytes) -> set[int]:
        """The bytes that lead on from `read` towards a text."""
        return {rest[0] for rest in self.beyond(read)} if self._texts else set()

    @cached_property
    def flat(self) -> "FlatTexts":
        """All texts."""
        return flatten(self._texts)


FlatTexts = tuple[NDArray[np.uint8], NDArray[np.int32]]  # (L,) bytes; (R + 1,) where each text begins, then L


def flatten(texts: list[bytes]) -> FlatTexts:
    """The texts in a row."""
    first = np.array([0, *accumulate(map(len, texts))], np.int32)
    text = bytearray(b"".join(texts))
    return np.ndarray(len(text), np.uint8, text), first  # kept: of a view into it, Python's collector would look at two
