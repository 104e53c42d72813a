"""Grammars and vocabularies that nobody uses any more leave nothing behind."""

import gc
import sys
from random import Random

import pytest

from constrained import Vocabulary, limit_memory, remains
from constrained.automata.remembered import MEMORY_BYTES
from constrained.errors import GrammarError, LimitExceeded
from constrained.matcher import CompiledGrammar
from grammars import compile_json_schema, compile_lark
from tests.fuzz.schemas import document
from tests.support.walks import BYTES, walk

_ROUNDS = 4
_LARK = 'start: "(" (start ",")* NAME ")"\nNAME: /[a-z]{1,9}/\n'


def _compiled(vocabulary: Vocabulary) -> list[CompiledGrammar]:
    """Thirty varied grammars or so, anew each time."""
    found = [compile_lark(_LARK, vocabulary)]
    for seed in range(40):
        try:
            found.append(compile_json_schema(document(Random(seed)), vocabulary))
        except GrammarError:
            continue
    return found


def _used_and_dropped(seed: int) -> None:
    """With a vocabulary of its own: what is kept for one is bounded by bytes, and goes with it."""
    vocabulary = Vocabulary.from_spellings([*(bytes([byte]) for byte in range(256)), b'":', b'",', None], [258])
    for grammar in _compiled(vocabulary):
        chance = Random(seed)
        for _ in range(2):
            walk(grammar, chance, 20)
        grammar.matcher().shortest_tokens()
    del grammar
    remains.take_apart()


def test_what_is_put_off_is_bounded_and_done_in_a_step_of_another_grammar():
    remains.take_apart()
    for _ in range(20):
        compile_json_schema({"type": "integer"}, BYTES).matcher().bitmask()
        assert len(remains.put_off) <= 12
    assert remains.put_off
    matcher = compile_json_schema({"type": "boolean"}, BYTES).matcher()
    matcher.bitmask()
    assert remains.put_off
    matcher.advance(ord("t"))
    assert not remains.put_off


def test_a_large_grammar_is_taken_apart_over_many_steps():
    remains.take_apart()
    large = {"type": "object", "properties": {f"key {number}": {"type": "integer"} for number in range(400)}}
    matcher = compile_json_schema(large, BYTES).matcher()
    for byte in ("{" + ", ".join(f'"key {number}": {number}' for number in range(100)) + "}").encode():
        matcher.advance(byte)
    del matcher
    text = b'"' + 1000 * b"x" + b'"'  # each of its steps is a new one
    other = compile_json_schema({"const": text[1:-1].decode()}, BYTES).matcher()
    for step, byte in enumerate(text):
        other.advance(byte)
        if not remains.put_off:
            assert step > 10
            return
    raise AssertionError("it is never taken apart")


def test_little_is_left_for_pythons_collector():
    _used_and_dropped(3)  # what is found out once a process
    gc.collect()
    gc.disable()
    try:
        _used_and_dropped(3)
        assert gc.collect() < 400 * len(_compiled(BYTES))  # twice as many, if they had to be found
    finally:
        gc.enable()


def test_a_refused_schema_leaves_little_for_pythons_collector():
    ways = [{"anyOf": [{"items": {"const": [n, m]}} for m in range(20)]} for n in range(5)]
    remains.take_apart()
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(LimitExceeded, match="combinations"):
            compile_json_schema({"type": "array", "items": {"allOf": ways}}, BYTES)
        remains.take_apart()
        assert gc.collect() < 1000  # thirty times as many, if they had to be found
    finally:
        gc.enable()


def test_the_same_grammars_again_and_again_take_no_more_memory():
    taken: list[int] = []
    for _ in range(2 + _ROUNDS):  # what is found out once a process is there after two
        _used_and_dropped(7)
        limit_memory(automata=0)  # drop what is remembered of automata, which is bounded by bytes as well
        limit_memory(automata=MEMORY_BYTES)
        gc.collect()  # which ends the states of Lark grammars, that are put off, too
        remains.take_apart()
        gc.collect()
        taken.append(sys.getallocatedblocks())
    # Python and numpy keep some for later; a round of grammars has 20,000.
    assert max(taken[2:]) - taken[1] < 2000, taken
