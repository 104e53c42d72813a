"""Undeclared keys that cannot be endlessly long: when those that are refused may stay in the automaton."""

from itertools import product
from random import Random

import pytest

from constrained.automata.algebra import literals
from grammars.json_schema.extra_keys import leaves_ways

SHORT = [f'"{"".join(letters)}"'.encode() for size in range(3) for letters in product("ab", repeat=size)]


@pytest.mark.parametrize(
    ("refused", "leaves"),
    [
        ((), True),
        (('""', '"a"', '"b"'), True),
        (('"aa"',), False),  # after `"aa` nothing else could come
        (('"aaa"',), True),  # is no such key
        (('"a"', '"aa"'), False),
    ],
)
def test_a_refused_key_stays_where_another_is_always_left(refused, leaves):
    assert leaves_ways(literals(SHORT), {text.encode() for text in refused}) is leaves


def test_where_ways_are_left_no_beginning_is_a_dead_end():
    chance, told = Random(5), [0, 0]
    words = [f'"{"".join(letters)}"'.encode() for size in range(4) for letters in product("abc", repeat=size)]
    for _ in range(300):
        texts = frozenset(chance.sample(words, chance.randrange(1, len(words))))
        refused = frozenset(chance.sample(words, chance.choice((1, 2, 5))))
        left = {text[:end] for text in texts - refused for end in range(len(text))}
        is_dead = any(text[:end] not in left for text in refused & texts for end in range(len(text)))
        leaves = leaves_ways(literals(texts), refused)
        assert not (leaves and is_dead), (texts, refused)
        told[leaves] += 1
    assert min(told) > 20
