"""Random walks through masks: every step on the way is checked, every walk ends in a text.

A *mood* chooses among the tokens a mask allows:

    uniform   any of them
    clinging  one that closes as little as possible: no quote, no bracket, no end
"""

from functools import lru_cache
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from constrained.matcher import CompiledGrammar, Matcher
from constrained.vocabulary.vocabulary import Vocabulary

Mood = Literal["uniform", "clinging"]

_PIECES = (
    '{"', '{"a', '"a"', '"a": ', '": ', '", ', ', "', '"b": ', "{}", "[]", "[[", "]]", "}}", "]}", "}]", ", ", ": ",
    '"}', '"]', '["', "true", "false", "null", "nul", "00", "12", "0.", ".5", "-1", "1.0", "e1", "ab", "aa", "ba",
    "é", "aé", '""', '\\"', "\\u00", "1, 1", "0, ", '": "', "20", "-0", "€", "😀", "2024-", ":00",
)  # fmt: skip


def vocabulary() -> Vocabulary:
    """All bytes, pieces that cross the grammar's borders, halves of characters, and an end token."""
    pieces = [piece.encode() for piece in _PIECES] + ["€".encode()[:2], "é".encode()[1:] + b'"', "😀".encode()[1:]]
    spellings: list[bytes | None] = [bytes((byte,)) for byte in range(256)]
    return Vocabulary.from_spellings([*spellings, *pieces, None], [256 + len(pieces)])


class DeadEnd(AssertionError):
    """A walk came to a place where nothing is allowed."""


class Disagreement(AssertionError):
    """A mask and `allows` differ, or a completion is refused."""


def allowed(matcher: Matcher) -> NDArray[np.bool_]:
    """(V,) which tokens the mask allows."""
    size = matcher.grammar.vocabulary.size
    return np.unpackbits(matcher.bitmask().view(np.uint8), bitorder="little")[:size].astype(np.bool_)


def walk(grammar: CompiledGrammar, random: Random, mood: Mood, most: int) -> str:
    """A text of the grammar: up to `most` tokens by the mood, then the shortest completion."""
    matcher = grammar.matcher()
    vocabulary = grammar.vocabulary
    for _ in range(most):
        tokens = allowed(matcher)
        if not tokens.any():
            raise DeadEnd(text_of(matcher))
        for token in random.sample(range(vocabulary.size), 8):
            if matcher.allows(token) != tokens[token]:
                raise Disagreement(f"token {token} after {text_of(matcher)!r}: mask says {tokens[token]}")
        if mood == "clinging" and (tokens & clinging(vocabulary)).any():
            tokens &= clinging(vocabulary)
        token = int(random.choice(np.flatnonzero(tokens)))
        matcher.advance(token)
        if matcher.is_finished:
            return text_of(matcher)
    return _finish(matcher)


@lru_cache(maxsize=4)
def clinging(vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """(V,) the tokens that close nothing."""
    return np.array([bool(one) and not any(mark in one for mark in b'"]}') for one in vocabulary.spellings])


def _finish(matcher: Matcher) -> str:
    """Complete the text as shortly as possible; every token of the completion must be allowed."""
    rest, before = matcher.shortest_completion(), text_of(matcher)
    *tokens, end = matcher.shortest_tokens()
    for index, token in enumerate(tokens):
        if not matcher.allows(token):
            raise Disagreement(f"completion {rest!r} of {before!r} is refused at {text_of(matcher)!r}")
        if index < 3 and not allowed(matcher)[token]:
            raise Disagreement(f"completion {rest!r} is not in the mask after {text_of(matcher)!r}")
        matcher.advance(token)
    if not allowed(matcher)[end]:
        raise Disagreement(f"completion {rest!r} of {before!r} does not complete it")
    return text_of(matcher)


def text_of(matcher: Matcher) -> str:
    """What was read so far; half characters escaped."""
    spellings = matcher.grammar.vocabulary.spellings
    return b"".join(spellings[token] or b"" for token in matcher.tokens).decode(errors="backslashreplace")
