"""Random walks through a grammar, and questions about texts, without a tokenizer's vocabulary."""

import random

from constrained import Vocabulary
from constrained.matcher import CompiledGrammar

BYTES = Vocabulary.from_spellings([bytes([byte]) for byte in range(256)] + [None], [256])


def accepts(grammar: CompiledGrammar, text: str | bytes) -> bool:
    """Is `text` one of the grammar's?"""
    states = grammar.states
    state = states.read(states.start, text.encode() if isinstance(text, str) else text)
    return state is not None and state.accepting


def walk(grammar: CompiledGrammar, chance: random.Random, length: int) -> bytes:
    """A random text: ends where it may after about `length` bytes, and is finished the shortest way."""
    matcher = grammar.matcher()
    for _ in range(length):
        if matcher.is_accepting and chance.random() < 0.1:
            break
        allowed = allowed_bytes(matcher)
        if not allowed:
            break
        plain = [byte for byte in allowed if byte < 127]
        matcher.advance(chance.choice(plain if plain and chance.random() < 0.95 else allowed))
    return bytes(matcher.tokens) + matcher.shortest_completion()


def allowed_bytes(matcher) -> list[int]:
    """The bytes that the mask of a matcher over BYTES allows."""
    words = matcher.bitmask()
    return [byte for byte in range(256) if words[byte >> 5] >> (byte & 31) & 1]
