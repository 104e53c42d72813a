"""Several threads open the same Lark grammar at once, and see the same masks as one alone."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from grammars import compile_lark
from tests.conformance.test_lark_grammars import FOLDER, texts
from tests.support.walks import with_pieces

THREADS = 4


def masks(grammar, tokens):
    matcher = grammar.matcher()
    found = []
    for token in tokens:
        found.append(matcher.bitmask().tobytes())
        matcher.advance(token)
    return [*found, matcher.bitmask().tobytes(), matcher.shortest_completion()]


@pytest.mark.parametrize("name", ["lua", "json", "csv"])
def test_threads_see_the_masks_that_one_alone_sees(name):
    chance = random.Random(4)
    vocabulary = with_pieces(texts(name, 20), chance)
    source = (FOLDER / f"{name}.lark").read_text()
    written = [list(text.encode()) for text in texts(name, 20)[:6]]
    alone = compile_lark(source, vocabulary)
    expected = [masks(alone, tokens) for tokens in written]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(2):
            shared, barrier = compile_lark(source, vocabulary), Barrier(THREADS)

            def run(shift, shared=shared, barrier=barrier):
                barrier.wait()
                order = [*range(shift, len(written)), *range(shift)]
                return {at: masks(shared, written[at]) for at in order}

            with ThreadPoolExecutor(THREADS) as pool:
                for found in pool.map(run, range(THREADS)):
                    assert [found[at] for at in range(len(written))] == expected
    finally:
        sys.setswitchinterval(interval)
