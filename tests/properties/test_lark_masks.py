"""Masks of greedy grammars, by their definition: a token is allowed if its bytes can be read one by one.

The masks are summaries of parser states (grammars/lark/reach.py); reading goes from place to place.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrained import CompiledGrammar, Vocabulary
from constrained.errors import GrammarError
from grammars.enclosed import Enclosure
from grammars.lark.compiler import compile_lark, lark_node
from grammars.lark.machine import Place
from tests.conformance.test_lark_grammars import DYNAMIC, FOLDER, NAMES, mutated, texts
from tests.support.walks import allowed_tokens, with_pieces


def check_masks(grammar, chance, steps):
    """Walk at random; at every place the mask is what can be read."""
    matcher = grammar.matcher()
    for _ in range(steps):
        allowed = allowed_tokens(matcher)
        assert allowed == [token for token in range(grammar.vocabulary.size) if matcher.allows(token)], matcher.tokens
        going_on = [token for token in allowed if token not in grammar.vocabulary.eos_token_ids]
        if not going_on:
            break
        longer = [token for token in going_on if token >= 256]
        matcher.advance(chance.choice(longer if longer and chance.random() < 0.6 else going_on))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DYNAMIC])
@pytest.mark.parametrize(
    "around",
    [None, Enclosure(), Enclosure(quote=b'"'), Enclosure(marks=(b"e ", b"(x", b'"'))],
    ids=["alone", "inside", "quoted", "without marks"],
)
def test_of_real_grammars(name, around):
    chance = random.Random(11)
    vocabulary = with_pieces([*texts(name, 25), *(mutated(text, chance) for text in texts(name, 25))], chance)
    source = (FOLDER / f"{name}.lark").read_text()
    try:
        node = lark_node(source, vocabulary, enclosure=around)
    except GrammarError:
        assert around is not None
        assert around.marks  # nothing is left of it
        return
    assert isinstance(node, Place)
    grammar = CompiledGrammar(node, vocabulary)
    for _ in range(2):
        check_masks(grammar, chance, 10)


TERMINALS = ['"a"', '"ab"', '"("', '")"', "/[ab]+/", "/a*b/", "/b[ab]?/", '"b"i']
RULES = ["x", "y", "z"]
bodies = st.lists(st.sampled_from([*TERMINALS, *RULES, *RULES]), min_size=0, max_size=3).map(" ".join)
rules = st.tuples(*(st.lists(bodies, min_size=1, max_size=3).map(" | ".join) for _ in RULES))
LONGER = [*b"aa ab ba bb a( () (a a) (( )) aab abab (b)".split(), b"ab ", b" a", b"  "]
PIECES = Vocabulary.from_spellings([*(bytes([byte]) for byte in range(256)), *LONGER, None], [256 + len(LONGER)])


@settings(max_examples=250, deadline=None, derandomize=True)
@given(rules, st.sampled_from(["", '%ignore " "', "%ignore /[ a]b?/"]), st.randoms(use_true_random=False))
def test_of_random_grammars(written, ignored, chance):
    lines = [f"{name}: {body}" for name, body in zip(RULES, written, strict=True)]
    try:
        grammar = compile_lark("\n".join(["start: x", *lines, ignored]), PIECES, lexer="greedy")
    except GrammarError:
        return
    check_masks(grammar, chance, 12)
