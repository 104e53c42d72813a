"""Several threads expand one grammar at the same time, and all see the same language."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from constrained.matcher import CompiledGrammar
from constrained.vocabulary.vocabulary import Vocabulary
from grammars import compile_json_schema

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


def walk(grammar: CompiledGrammar, text: bytes) -> list[tuple[bytes, bytes]]:
    """The mask and the shortest completion after every byte."""
    matcher = grammar.matcher()
    seen: list[tuple[bytes, bytes]] = []
    for byte in text:
        seen.append((matcher.bitmask().tobytes(), matcher.shortest_completion()))
        matcher.advance(byte)
    return seen


def test_a_grammar_means_the_same_to_threads_that_meet_in_it() -> None:
    expected = walk(compile_json_schema(TREE, LETTERS), TEXT)
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(6):
            grammar, barrier = compile_json_schema(TREE, LETTERS), Barrier(THREADS)

            def run(grammar: CompiledGrammar = grammar, barrier: Barrier = barrier) -> list[tuple[bytes, bytes]]:
                barrier.wait()
                return walk(grammar, TEXT)

            assert all(found.result() == expected for found in [pool.submit(run) for _ in range(THREADS)])
