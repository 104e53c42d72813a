"""Random walks through masks: every step on the way is checked, every walk ends in a text.

A *mood* chooses among the tokens a mask allows:

    uniform   any of them
    clinging  one that closes as little as possible: no quote, no bracket, no end
"""

from random import Random
from typing import Literal

import numpy as np

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


def allowed(matcher: Matcher) -> list[int]:
    """The tokens that the mask allows."""
    size = matcher.grammar.vocabulary.size
    return np.flatnonzero(np.unpackbits(matcher.bitmask().view(np.uint8), bitorder="little")[:size]).tolist()


def walk(grammar: CompiledGrammar, random: Random, mood: Mood, most: int) -> str:
    """A text of the grammar: up to `most` tokens by the mood, then the shortest completion."""
    matcher = grammar.matcher()
    end = next(iter(grammar.vocabulary.eos_token_ids))
    for _ in range(most):
        tokens = allowed(matcher)
        if not tokens:
            raise DeadEnd(text_of(matcher))
        _check_mask(matcher, tokens, random)
        token = _choose(grammar.vocabulary, tokens, random, mood, end)
        matcher.advance(token)
        if token == end:
            return text_of(matcher)
    return _finish(matcher)


def _check_mask(matcher: Matcher, tokens: list[int], random: Random) -> None:
    chosen = set(tokens)
    for token in random.sample(range(matcher.grammar.vocabulary.size), 8):
        if matcher.allows(token) != (token in chosen):
            raise Disagreement(f"token {token} after {text_of(matcher)!r}: mask says {token in chosen}")


def _choose(vocabulary: Vocabulary, tokens: list[int], random: Random, mood: Mood, end: int) -> int:
    if mood == "clinging":
        spellings = vocabulary.spellings
        clings = [one for one in tokens if one != end and not any(mark in (spellings[one] or b"") for mark in b'"]}')]
        tokens = clings or [one for one in tokens if one != end] or tokens
    return random.choice(tokens)


def _finish(matcher: Matcher) -> str:
    """Complete the text as shortly as possible; the completion's every byte must be allowed."""
    rest = matcher.shortest_completion()
    for index, byte in enumerate(rest):
        if not matcher.allows(byte):
            raise Disagreement(f"completion {rest!r} of {text_of(matcher)!r} is refused at byte {index}")
        if index < 3 and byte not in allowed(matcher):
            raise Disagreement(f"completion {rest!r} is not in the mask after {text_of(matcher)!r}")
        matcher.advance(byte)
    if not matcher.is_accepting:
        raise Disagreement(f"completion {rest!r} does not complete: {text_of(matcher)!r}")
    return text_of(matcher)


def text_of(matcher: Matcher) -> str:
    """What was read so far; half characters escaped."""
    spellings = matcher.grammar.vocabulary.spellings
    return b"".join(spellings[token] or b"" for token in matcher.tokens).decode(errors="backslashreplace")
