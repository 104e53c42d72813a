"""How long is a mask of a Lark grammar, next to llguidance's?

Claim: the second time a place in a grammar is met, a mask is a look-up, hundreds of times faster than
llguidance's. The first time it is made of summaries of parser states (grammars/lark/reach.py), and of the
same order as llguidance's. Both read the same tokens of the same texts (Llama 3.1), in turns, each time
with a new grammar over a new vocabulary, so that nothing is left of the time before. `compile` is from
the text of the grammar to the first mask. Times are processor time of the thread.
"""

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import llguidance
import llguidance.numpy
import numpy as np

from benchmarks.harness import Row, Size, row
from constrained import Vocabulary, warm_up
from grammars.lark.compiler import compile_lark
from tests.support.tokenizers import tokenizer_path

FOLDER = Path(__file__).parent.parent / "tests" / "conformance" / "lark"
TEXTS = {
    "json": '{"name": "Ada", "born": 1815, "tags": ["x", "y", {"deep": [true, null, -1.5e3]}], "note": "a\\nb"}',
    "calculator": "total = (price + 3.50) * quantity ** 2 - discount / 100 * -rate",
    "sql": "SELECT u.name, count(id) AS n FROM users AS u LEFT JOIN orders ON id = u.id WHERE age >= 18 AND name "
    "LIKE 'A%' GROUP BY name ORDER BY n DESC LIMIT 10;",
    "patch": "*** Begin Patch\n*** Update File: src/app.py\n"
    "@@ def main():\n-    return 1\n+    return 2\n*** End Patch\n",
    "lua": "local function f(a, b) if a > b then return a .. 'x' else return #b + 1 end end set t = {1, 2, .x = 3}",
    "verilog": "module top(input clk, output reg [7:0] q); always @(posedge clk) begin q <= q + 8'h01; end endmodule",
}


def ours(grammar: str, vocabulary: Vocabulary, tokens: list[int]) -> Iterator[tuple[str, list[float]]]:
    """Times in microseconds: compile, and masks with advance, cold and again."""
    begin = time.thread_time_ns()
    compiled = compile_lark(grammar, vocabulary)
    compiled.matcher().bitmask()
    yield "compile to first mask", [(time.thread_time_ns() - begin) / 1000]
    for name in ("mask and advance, cold", "mask and advance, warm"):
        matcher = compiled.matcher()
        yield name, list(_each(tokens, matcher.bitmask, matcher.advance))
        assert matcher.is_accepting


def theirs(grammar: str, tokenizer: llguidance.LLTokenizer, tokens: list[int]) -> Iterator[tuple[str, list[float]]]:
    """As `ours`."""
    bits = llguidance.numpy.allocate_token_bitmask(1, tokenizer.vocab_size)
    begin = time.thread_time_ns()
    matcher = llguidance.LLMatcher(tokenizer, llguidance.LLMatcher.grammar_from_lark(grammar))
    llguidance.numpy.fill_next_token_bitmask(matcher, bits)
    yield "compile to first mask", [(time.thread_time_ns() - begin) / 1000]
    for name in ("mask and advance, cold", "mask and advance, warm"):
        matcher.reset()
        run = list(
            _each(tokens, lambda: llguidance.numpy.fill_next_token_bitmask(matcher, bits), matcher.consume_token)
        )
        assert matcher.is_accepting(), matcher.get_error()
        yield name, run


def _each(tokens: list[int], mask: Callable[[], object], advance: Callable[[int], object]) -> Iterator[float]:
    for token in tokens:
        begin = time.thread_time_ns()
        mask()
        advance(token)
        yield (time.thread_time_ns() - begin) / 1000


def rows(size: Size) -> Iterator[Row]:
    """Every grammar in turns; small: one of them once."""
    path = tokenizer_path("llama3_1")
    tokenizer = llguidance.LLTokenizer(path.read_text())
    warm_up()
    for name, text in list(TEXTS.items())[: size.of(small=1, full=None)]:
        grammar = (FOLDER / f"{name}.lark").read_text()
        found: dict[str, list[float]] = {}
        for _ in range(size.of(small=1, full=3)):
            vocabulary = Vocabulary.from_tokenizer_file(path)
            assert vocabulary.encode is not None
            tokens = list(vocabulary.encode(text))
            gc.collect()
            for who, times in (
                ("ours", ours(grammar, vocabulary, tokens)),
                ("llguidance", theirs(grammar, tokenizer, tokens)),
            ):
                for what, each in times:
                    found.setdefault(f"{name}: {what}, {who}", []).extend(each)
        for what, each in found.items():
            yield row(what, each, note=f"mean {np.mean(each):.1f} of {len(each)}")
