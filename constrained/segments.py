"""Cutting a text into a vocabulary's tokens.

"false}"     fewest     "false" "}"          or "false}" if that is a token
"fals"       longest    "f" "als"?           the longest token at each place, as far as it is certain
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constrained.automata import walk
from constrained.errors import VocabularyError
from constrained.vocabulary.trie import NO_TOKEN, ROOT
from constrained.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False, slots=True)
class Ends:
    """The ends of a text, all cut at once: from each place as few tokens as possible (the longest first among equals).

    chosen (L,)    the token to take at each place, NO_TOKEN where none spell the rest
    counts (L+1,)  how many tokens there are from there; -1 where none spell the rest
    behind (L,)    the place behind the token
    """

    text: bytes
    chosen: NDArray[np.int32]
    counts: NDArray[np.int32]
    behind: NDArray[np.int32]

    def count(self, place: int = 0) -> int | None:
        """How many tokens spell the text from `place` on; None if none do."""
        found = int(self.counts[place])
        return None if found < 0 else found

    def tokens(self, place: int = 0) -> list[int]:
        """The tokens from `place` on. Raises VocabularyError if none spell them."""
        if self.count(place) is None:
            raise VocabularyError(f"the vocabulary has no tokens for {self.text[place : place + 20]!r}")
        tokens: list[int] = []
        while place < len(self.text):
            tokens.append(int(self.chosen[place]))
            place = int(self.behind[place])
        return tokens


def ends_of(vocabulary: Vocabulary, text: bytes) -> Ends:
    """Cut `text` from every place on."""
    trie = vocabulary.trie
    found = walk.fewest_tokens(trie.byte, trie.skip, trie.token, np.frombuffer(bytearray(text), np.uint8))
    return Ends(text, found[0, :-1], found[1], found[2, :-1])


def fewest_tokens(vocabulary: Vocabulary, text: bytes) -> list[int]:
    """As few tokens as possible that spell `text` (the longest first among equals).

    Raises VocabularyError if none do.
    """
    return ends_of(vocabulary, text).tokens()


def longest_tokens(vocabulary: Vocabulary, text: bytes, *, last: bool = False) -> list[int]:
    """The longest token at each place of `text`, up to where a longer text could make it another one.

    With `last` there is no longer text, and all of it is cut.
    """
    trie = vocabulary.trie
    tokens: list[int] = []
    place = 0
    while place < len(text):
        node, longest, after = ROOT, NO_TOKEN, place
        for end in range(place + 1, len(text) + 1):
            node = trie.find(text[end - 1 : end], node)
            if node < 0:
                break
            if trie.token[node] != NO_TOKEN:
                longest, after = int(trie.token[node]), end
        if longest == NO_TOKEN or (not last and node >= 0 and int(trie.skip[node]) > node + 1):
            break
        tokens.append(longest)
        place = after
    return tokens
