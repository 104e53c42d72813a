"""What all grammars share stays within its bounds, and nothing but time depends on them."""

import itertools
import random

import pytest
from lark import Lark

from benchmarks.long_text import blocks
from benchmarks.long_text import grammars as long_grammars
from constrained import CompiledGrammar, Vocabulary, limit_memory
from constrained.automata.remembered import MEMORY_BYTES, memory
from constrained.inner import INNER_BYTES, walker_for
from grammars import compile_json_schema, compile_lark
from grammars.lark.machine import Place
from tests.support.walks import BYTES, walk, with_pieces

LETTERS = [*(bytes([byte]) for byte in range(256)), *(f"a{n}".encode() for n in range(1000)), None]


@pytest.fixture(autouse=True)
def default_bounds():
    yield
    limit_memory(automata=MEMORY_BYTES, masks=INNER_BYTES)


def tool(number: int) -> dict:
    properties = {f"a{number}": {"type": "string", "pattern": f"^[a-c]{{{number % 7},9}}$"}, "b": {"minimum": number}}
    return {"type": "object", "properties": properties, "required": [*properties]}


def masks(grammar: CompiledGrammar) -> list[bytes]:
    """Along a shortest text."""
    matcher = grammar.matcher()
    seen = []
    for token in matcher.shortest_tokens():
        seen.append(matcher.bitmask().tobytes())
        matcher.advance(token)
    return seen


def vocabulary() -> Vocabulary:
    return Vocabulary.from_spellings(LETTERS, eos_token_ids=[len(LETTERS) - 1])


def test_many_schemas_leave_no_more_behind_than_was_said_and_have_the_same_masks():
    tools = [tool(number) for number in range(60)]
    wide, narrow = vocabulary(), vocabulary()
    limit_memory(automata=1 << 30, masks=1 << 30)
    expected = [masks(compile_json_schema(one, wide)) for one in tools]
    needed = walker_for(wide).size
    bounds = {"automata": 20_000, "masks": 30_000}
    assert needed > 2 * bounds["masks"]
    limit_memory(**bounds)
    for one, seen in zip(tools, expected, strict=True):
        assert masks(compile_json_schema(one, narrow)) == seen
        assert memory.size <= bounds["automata"]
        assert walker_for(narrow).size <= bounds["masks"]


def test_a_bound_below_nothing_is_refused():
    with pytest.raises(ValueError, match="negative"):
        limit_memory(masks=-1)


def test_a_long_text_forgets_states_at_the_bound_and_goes_on():
    texts = ["x = f(a, b[1:2], *c) if not y else lambda z: {1: 2, **d}\n"]
    vocabulary = with_pieces(texts, random.Random(6), 150)
    made = compile_lark(long_grammars()["python_expressions"], vocabulary)
    grammar = CompiledGrammar(made.start, vocabulary, memo_bytes=1_000_000)
    found = list(blocks(grammar, random.Random(1), 8, 800))
    assert all(block.held < grammar.memo_bytes * 1.05 for block in found)
    states = [block.states for block in found]
    assert any(after < before for before, after in itertools.pairwise(states)), states
    Lark(long_grammars()["python_expressions"], parser="lalr").parse(b"".join(block.text for block in found).decode())


def test_lists_that_are_joined_are_counted():
    grammar = compile_lark(long_grammars()["ambiguous"], BYTES)
    states = grammar.states
    before = states.size, states.forks.size
    walk(grammar, random.Random(3), 30)
    assert states.forks.size > before[1]
    assert states.size - before[0] > states.forks.size - before[1]
    states.forget()
    assert states.forks.size == 0


def test_what_a_parser_and_completions_remember_is_counted_and_dropped():
    grammar = compile_lark(long_grammars()["python_expressions"], BYTES)
    before = grammar.memo_size
    walk(grammar, random.Random(3), 60)
    matcher = grammar.matcher()
    for byte in b"x = [(":
        matcher.advance(byte)
    assert matcher.shortest_completion()
    assert isinstance(grammar.start, Place)
    machine = grammar.start.memory()
    parser, finishing = machine.size, grammar.finishing.size
    assert min(parser, finishing) > 0
    assert grammar.memo_size == grammar.states.size + grammar.masks.size + finishing
    without = CompiledGrammar(grammar.start, BYTES)  # nothing of its own
    assert parser <= without.states.size < parser + before
    assert without.memo_size > 0
    tight = CompiledGrammar(grammar.start, BYTES, memo_bytes=0)
    tight.matcher().advance(ord("x"))
    assert machine.size < parser
    assert matcher.shortest_completion()
