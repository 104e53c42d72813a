"""Several threads expand one grammar at the same time, and all see the same language."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier
from typing import Any

import pytest

from constrained.errors import GrammarError
from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars import compile_json_schema
from tests.fuzz import walks
from tests.fuzz.schemas import document

THREADS = 8
LETTERS = Vocabulary.from_spellings([*(bytes((byte,)) for byte in range(256)), None], eos_token_ids=[256])

TREE: dict[str, Any] = {
    "$defs": {
        "node": {
            "anyOf": [
                {"$ref": "#/$defs/leaf"},
                {
                    "type": "object",
                    "properties": {
                        "left": {"$ref": "#/$defs/node"},
                        "right": {"$ref": "#/$defs/node"},
                        "tags": {"type": "array", "items": {"$ref": "#/$defs/leaf"}, "uniqueItems": True},
                        "never": {"allOf": [{"$ref": "#/$defs/node"}, {"type": "string", "minLength": 9}]},
                    },
                    "required": ["left", "right", "tags"],
                },
            ]
        },
        "leaf": {"type": "object", "properties": {"v": {"type": "integer"}}, "required": ["v"]},
    },
    "$ref": "#/$defs/node",
}
TEXT = b'{"left": {"v": 1}, "right": {"left": {"v": 2}, "right": {"v": 3}, "tags": [{"v": 1}, {"v": 2}]}, "tags": []}'


@pytest.fixture(autouse=True)
def threads_take_turns_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


Seen = list[tuple[bytes, bytes]]


def walk(grammar: CompiledGrammar, text: bytes) -> Seen:
    """The mask and the shortest completion after every byte."""
    matcher = grammar.matcher()
    seen: Seen = []
    for byte in text:
        seen.append((matcher.bitmask().tobytes(), matcher.shortest_completion()))
        matcher.advance(byte)
    return seen


def test_a_grammar_means_the_same_to_threads_that_meet_in_it() -> None:
    expected = walk(compile_json_schema(TREE, LETTERS), TEXT)
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(6):
            grammar, barrier = compile_json_schema(TREE, LETTERS), Barrier(THREADS)

            def run(grammar: CompiledGrammar = grammar, barrier: Barrier = barrier) -> Seen:
                barrier.wait()
                return walk(grammar, TEXT)

            assert all(found.result() == expected for found in [pool.submit(run) for _ in range(THREADS)])


def texts_of(schema: dict[str, Any]) -> list[bytes]:
    """Some texts of a schema; none where it does not compile."""
    try:
        grammar = compile_json_schema(schema, LETTERS)
    except GrammarError:
        return []
    return [walks.walk(grammar, Random(seed), "uniform", 15).encode() for seed in range(3)]


def test_threads_that_go_different_ways_do_not_disturb_each_other() -> None:
    """Schemas at random: negations, recursion, unique items, conditions."""
    walked = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for number in range(60):
            schema = document(Random(number))
            if not (texts := texts_of(schema)):
                continue
            expected = [walk(compile_json_schema(schema, LETTERS), text) for text in texts]
            grammar, barrier = compile_json_schema(schema, LETTERS), Barrier(2 * len(texts))

            def run(text: bytes, grammar: CompiledGrammar = grammar, barrier: Barrier = barrier) -> Seen:
                barrier.wait()
                return walk(grammar, text)

            assert list(pool.map(run, [*texts, *texts])) == [*expected, *expected], schema
            walked += 1
    assert walked > 40
