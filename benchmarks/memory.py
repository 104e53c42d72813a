"""Does memory stay bounded when every request brings another schema?

Claim: bounded as configured. Automata and masks of terminals are kept up to a bound for each (`limit_memory`), states
and masks of a grammar go with the grammar. So the process grows by what a new schema leaves behind until the
bounds are reached, and no more after that.

Ten thousand different tools, at 128,256 tokens: each is compiled, written to its end by a random choice among the
allowed tokens within a budget, and dropped. A server keeps some; here the last fifty are kept. Once with bounds that a
third of them fill, once with the default ones, which they do not; each in a process of its own.
"""

import resource
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.harness import Row, Size, row
from constrained import Budgeted, CompiledGrammar, Vocabulary, limit_memory, warm_up
from grammars import compile_json_schema
from tests.soak.schemas import TOOLS
from tests.support.tokenizers import tokenizer_path

KEPT = 50
BOUNDS = {"automata": 24 << 20, "masks": 64 << 20}
LIKES = [tool for tool in TOOLS.values() if "properties" in tool and "$defs" not in tool]
PATTERNS = ["^[a-z]{%d,9}$", "^[A-Z]{%d}-[0-9]+$", "^(a|b|cd){%d,}$"]


def schema(number: int, random: Random) -> Any:
    """A tool like the twenty, with keys, bounds and patterns of its own."""
    likes = random.choice([list(tool["properties"].items()) for tool in LIKES])
    chosen = random.sample(likes, min(3, len(likes)))
    properties: dict[str, Any] = {f"{name}_{number}": one for name, one in chosen}
    properties[f"id{number}"] = {"type": "string", "pattern": random.choice(PATTERNS) % random.randint(1, 5)}
    low, high = random.randint(0, 99), random.randint(100, 9999)
    properties[f"size{number}"] = {"type": "integer", "minimum": low, "maximum": high}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def write(grammar: CompiledGrammar, random: Random) -> int:
    """Write a random text within a budget; how many tokens."""
    budgeted = Budgeted(grammar.matcher(), random.choice((100, 400, 400, 400)))
    while not budgeted.is_finished:
        words = budgeted.bitmask()
        allowed = np.flatnonzero(np.unpackbits(words.view(np.uint8), bitorder="little"))
        budgeted.advance(int(random.choice(allowed)))
    return len(budgeted.tokens)


def resident() -> float:
    """Megabytes in memory now."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def visit(schemas: int, bounds: dict[str, int]) -> tuple[list[float], list[float]]:
    """Megabytes at the start and after every tenth of the schemas; microseconds for each."""
    limit_memory(**bounds)
    vocabulary = Vocabulary.from_tokenizer_file(tokenizer_path("llama3_1"))
    warm_up(vocabulary)
    random = Random(4)
    kept: deque[CompiledGrammar] = deque(maxlen=KEPT)
    memory = [resident()]
    times: list[float] = []
    for number in range(1, schemas + 1):
        before = time.perf_counter()
        kept.append(compile_json_schema(schema(number, random), vocabulary))
        write(kept[-1], random)
        times.append((time.perf_counter() - before) * 1e6)
        if number % (schemas // 10) == 0:
            memory.append(resident())
    return memory, times


def rows(size: Size) -> Iterator[Row]:
    """Ten thousand schemas; memory after every thousand. Small: twenty."""
    schemas = size.of(small=20, full=10_000)
    configured = {f"bounds of {', '.join(f'{value >> 20} MB ({name})' for name, value in BOUNDS.items())}": BOUNDS}
    if size is Size.FULL:
        configured["default bounds"] = {}
    for name, bounds in configured.items():
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            memory, times = process.submit(visit, schemas, bounds).result()
        note = "MB resident at the start and after every tenth: " + ", ".join(f"{one:.0f}" for one in memory)
        facts = {"megabytes": [round(one) for one in memory]}
        yield row(f"a new schema: compiled, a text written within a budget; {name}", times, note=note, **facts)
