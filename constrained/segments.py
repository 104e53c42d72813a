"""Cutting a text into a vocabulary's tokens.

"false}"     fewest     "false" "}"          or "false}" if that is a token
"fals"       longest    "f" "als"?           the longest token at each place, as far as it is certain
"""

import numpy as np

from constrained.automata import walk
from constrained.errors import VocabularyError
from constrained.vocabulary.trie import NO_TOKEN, ROOT
from constrained.vocabulary.vocabulary import Vocabulary


def fewest_tokens(vocabulary: Vocabulary, text: bytes) -> list[int]:
    """As few tokens as possible that spell `text` (the longest first among equals).

    Raises VocabularyError if none do.
    """
    trie = vocabulary.trie
    chosen = walk.fewest_tokens(trie.byte, trie.skip, trie.token, np.frombuffer(bytearray(text), np.uint8))
    tokens: list[int] = []
    place = 0
    while place < len(text):
        token = int(chosen[place])
        spelling = vocabulary.spellings[token] if token != NO_TOKEN else None
        if spelling is None:
            raise VocabularyError(f"the vocabulary has no tokens for {text[place : place + 20]!r}")
        tokens.append(token)
        place += len(spelling)
    return tokens


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
