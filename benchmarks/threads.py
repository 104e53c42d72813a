"""Do masks wait for each other, or for the model, when they are computed on several threads?

Claim: a model's pass goes on while masks are computed: neither takes longer beside the other than alone. Two threads
with masks are no faster than one: most of a mask is short kernels over tables that other threads may be adding to,
which keep the interpreter's lock. So a batch uses its second thread to keep a slow mask from holding up the others.

The tools of the soak test, each with a new grammar over a new vocabulary, all their masks along their shortest calls
(cold), and once more (warm), on one thread and on two in turn. Then on one thread while another hashes bytes, which
like a model's pass takes one core and no lock; hashes beside hashes show what the cores take from each other.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from benchmarks.harness import Row, Size, row
from benchmarks.walking import follow, settle
from constrained import CompiledGrammar, Vocabulary, warm_up
from grammars import compile_json_schema
from tests.soak.schemas import TOOLS
from tests.support.tokenizers import tokenizer_path

THREADS = 2


def work(count: int) -> list[tuple[CompiledGrammar, list[int]]]:
    """New grammars, and a text for each."""
    vocabulary = Vocabulary.from_tokenizer_file(tokenizer_path("llama3_1"))
    assert vocabulary.encode is not None
    warm_up(vocabulary)
    settle()
    found: list[tuple[CompiledGrammar, list[int]]] = []
    for schema in list(TOOLS.values())[:count]:
        text = compile_json_schema(schema, vocabulary).matcher().shortest_completion().decode()
        found.append((compile_json_schema(schema, vocabulary), list(vocabulary.encode(text))))
    return found


def seconds(run: Callable[[], object]) -> float:
    """How long."""
    before = time.perf_counter()
    run()
    return time.perf_counter() - before


def on_threads(work: list[tuple[CompiledGrammar, list[int]]], threads: int) -> float:
    """Seconds for all of them."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: None, range(threads)))  # the threads are there
        return seconds(lambda: list(pool.map(lambda one: follow(*one), work)))


def rows(size: Size) -> Iterator[Row]:
    """Small: three tools, one round."""
    count, rounds = size.of(small=3, full=len(TOOLS)), size.of(small=1, full=7)
    found: dict[str, dict[int, list[float]]] = {"cold": {1: [], THREADS: []}, "warm": {1: [], THREADS: []}}
    for _ in range(rounds):
        for threads in (1, THREADS):
            task = work(count)
            for kind in found:
                found[kind][threads].append(on_threads(task, threads) * 1e6)
    for kind, by_threads in found.items():
        gain = median(by_threads[1]) / median(by_threads[THREADS])
        for threads, times in by_threads.items():
            note = f"{gain:.2f} times as fast as one" if threads > 1 else f"{os.cpu_count()} cores"
            yield row(f"all masks of {count} sequences, {kind}, {threads} thread(s)", times, note=note, threads=threads)
    yield from beside_hashing(count, rounds)


def beside_hashing(count: int, rounds: int) -> Iterator[Row]:
    """Masks on one thread, hashes on another; each alone, and both."""
    content = bytes(32 << 20)

    def hashes() -> None:
        hashlib.sha256(content).digest()

    found: dict[str, list[float]] = {
        "masks alone": [],
        "hashes alone": [],
        "masks beside hashes": [],
        "hashes beside masks": [],
    }
    found["hashes beside hashes"] = []
    for _ in range(rounds):
        task = work(count)
        found["masks alone"].append(on_threads(task, 1) * 1e6)
        found["hashes alone"].append(seconds(hashes) * 1e6)
        task = work(count)
        with ThreadPoolExecutor(1) as pool:
            hashed = pool.submit(lambda: seconds(hashes))
            found["masks beside hashes"].append(on_threads(task, 1) * 1e6)
            found["hashes beside masks"].append(hashed.result() * 1e6)
        with ThreadPoolExecutor(1) as pool:
            hashed = pool.submit(lambda: seconds(hashes))
            found["hashes beside hashes"].append(seconds(hashes) * 1e6)
            hashed.result()
    for what, times in found.items():
        subject, how = what.split()[:2]
        ratio = median(times) / median(found[f"{subject} alone"])
        note = f"{ratio:.2f} times as long as alone" if how == "beside" else ""
        yield row(what, times, note=note, ratio=round(ratio, 3))
