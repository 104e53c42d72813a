"""Random walks through a grammar, and questions about texts, without a tokenizer's vocabulary."""

import random
from collections.abc import Iterable

import numpy as np

from constrained import Vocabulary
from constrained.matcher import CompiledGrammar, Matcher

BYTES = Vocabulary.from_spellings([bytes([byte]) for byte in range(256)] + [None], [256])


def accepts(grammar: CompiledGrammar, text: str | bytes) -> bool:
    """Is `text` one of the grammar's?"""
    states = grammar.states
    state = states.read(states.start, text.encode() if isinstance(text, str) else text)
    return state is not None and state.accepting


def with_pieces(texts: Iterable[str], chance: random.Random, pieces: int = 300) -> Vocabulary:
    """All single bytes, and pieces of `texts`, of 2 to 7 bytes: tokens that are cut anywhere."""
    known = [text.encode() for text in texts]
    longer = [text for text in known if len(text) > 1]
    found: dict[bytes, None] = {bytes([byte]): None for byte in range(256)}
    for _ in range(pieces if longer else 0):
        text = chance.choice(longer)
        at = chance.randrange(len(text) - 1)
        found[text[at : at + chance.randint(2, 7)]] = None
    return Vocabulary.from_spellings([*found, None], [len(found)])


def walk(grammar: CompiledGrammar, chance: random.Random, length: int) -> bytes:
    """A random text: ends where it may after about `length` tokens, and is finished the shortest way."""
    matcher, spellings = grammar.matcher(), grammar.vocabulary.spellings
    for _ in range(length):
        if matcher.is_accepting and chance.random() < 0.1:
            break
        allowed = [token for token in allowed_tokens(matcher) if spellings[token] is not None]
        if not allowed:
            break
        plain = [token for token in allowed if (spellings[token] or b"").isascii()]
        matcher.advance(chance.choice(plain if plain and chance.random() < 0.95 else allowed))
    return b"".join(spellings[token] or b"" for token in matcher.tokens) + matcher.shortest_completion()


def allowed_tokens(matcher: Matcher) -> list[int]:
    """The tokens that the mask of a matcher allows."""
    return np.flatnonzero(np.unpackbits(matcher.bitmask().view(np.uint8), bitorder="little")).tolist()
