"""What does it cost to get ready, to compile, and to compute a mask?

Claim: a vocabulary is ready in a fraction of a second from the disk cache; a tool's schema is compiled and
its first mask computed in milliseconds; a mask that was met before is a look-up.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.harness import Row, Size, measure, row
from constrained import CompiledGrammar, Vocabulary
from grammars import compile_json_schema
from tests.soak.schemas import TOOLS
from tests.support.tokenizers import tokenizer_path

MODELS = {"Llama 3.1": "llama3_1", "Qwen 3": "qwen3", "GPT-OSS": "gptoss"}

_START = """
import sys, time
begin = time.perf_counter()
from constrained import warm_up
warm_up()
print((time.perf_counter() - begin) * 1e6)
"""


def vocabularies(models: dict[str, str]) -> Iterator[Row]:
    """Cold: read the tokenizer and build the trie. Cached: both from disk."""
    for name, key in models.items():
        path = tokenizer_path(key)
        with tempfile.TemporaryDirectory() as cache:
            before = os.environ.get("XDG_CACHE_HOME")
            os.environ["XDG_CACHE_HOME"] = cache
            try:
                yield measure(f"vocabulary of {name}, cold", lambda p=path: Vocabulary.from_tokenizer_file(p), runs=1)
                yield measure(f"vocabulary of {name}, cached", lambda p=path: Vocabulary.from_tokenizer_file(p))
            finally:
                os.environ.pop("XDG_CACHE_HOME")
                if before is not None:
                    os.environ["XDG_CACHE_HOME"] = before


def warm_up(starts: int) -> Row:
    """A new process: imports, kernels from numba's cache."""
    times = [
        float(subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True).stdout)
        for _ in range(starts)
    ]
    return row("process start: import and kernels", times[-3:], note="the first run may compile them")


def walk(grammar: CompiledGrammar, tokens: list[int]) -> tuple[list[float], list[float]]:
    """(microseconds of each mask, of each advance) along `tokens`."""
    matcher = grammar.matcher()
    masks: list[float] = []
    moves: list[float] = []
    for token in tokens:
        begin = time.perf_counter_ns()
        matcher.bitmask()
        middle = time.perf_counter_ns()
        matcher.advance(token)
        masks.append((middle - begin) / 1000)
        moves.append((time.perf_counter_ns() - middle) / 1000)
    return masks, moves


def masks(vocabulary: Vocabulary, tools: list[Any]) -> Iterator[Row]:
    """The tools of the soak test: compile to first mask, then a shortest call, cold and again."""
    assert vocabulary.encode is not None
    compile_json_schema({"type": "object", "properties": {"a": {"type": ["string", "number"]}}}, vocabulary)
    first: list[float] = []
    cold: list[float] = []
    warm: list[float] = []
    for schema in tools:
        text = json.dumps(schema)
        begin = time.perf_counter_ns()
        grammar = compile_json_schema(json.loads(text), vocabulary)
        grammar.matcher().bitmask()
        first.append((time.perf_counter_ns() - begin) / 1000)
        call = grammar.matcher().shortest_completion()
        tokens = vocabulary.encode(call.decode())
        for times in (cold, warm):
            masked, moved = walk(grammar, tokens)
            times.extend(a + b for a, b in zip(masked, moved, strict=True))
    yield row("schema text to first mask", first, note=f"{len(tools)} tool schemas, Llama 3.1")
    yield row("mask and advance, cold", cold, note="tokens of each tool's shortest call")
    yield row("mask and advance, warm", warm)


def rows(size: Size) -> Iterator[Row]:
    """All of them; small: one tokenizer, one start, two tools."""
    yield from vocabularies(dict(list(MODELS.items())[: size.of(small=1, full=3)]))
    yield warm_up(size.of(small=1, full=4))
    llama = Vocabulary.from_tokenizer_file(tokenizer_path("llama3_1"))
    yield from masks(llama, list(TOOLS.values())[: size.of(small=2, full=None)])
