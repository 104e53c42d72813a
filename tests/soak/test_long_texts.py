"""A megabyte of text through recursive grammars: states and memory do not grow with it, and Lark parses it."""

import random

import pytest
from lark import Lark

from benchmarks.long_text import blocks, grammars
from constrained import Vocabulary
from grammars import compile_lark
from tests.support.tokenizers import tokenizer_path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
COUNT, SIZE = 10, 100_000
MOST_STATES = 30_000  # no more fit into `memo_bytes`, of any of these grammars


@pytest.mark.parametrize("name", grammars())
def test_states_and_memory_stay_bounded(name):
    text = grammars()[name]
    grammar = compile_lark(text, Vocabulary.from_tokenizer_file(tokenizer_path("llama3_1")))
    found = list(blocks(grammar, random.Random(2), COUNT, SIZE))
    for block in found:
        memory = f"{block.held / 1e6:.0f} of {block.megabytes:.0f} MB"
        print(f"{name}: {len(block.times)} tokens, {block.states} states, {memory}")  # noqa: T201
    written = b"".join(block.text for block in found).decode()
    assert len(written) > 900_000
    assert all(block.held < grammar.memo_bytes * 1.05 for block in found)
    assert all(block.states < MOST_STATES for block in found)
    assert found[-1].megabytes < found[COUNT // 2].megabytes + 64
    if name != "ambiguous":  # Earley would take hours
        Lark(text, parser="lalr").parse(written)
