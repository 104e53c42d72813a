"""Do masks of several sequences take less time with several threads, and does the model go on meanwhile?

Claim: cold masks are kernels without the interpreter's lock for most of their time, so that a second thread helps,
and a model's pass on the CPU is not slowed by more than the work that masks add. Warm masks are look-ups; for them a
thread is not worth its start.

`cold`: the tools of the soak test, each with a new grammar over a new vocabulary, all their masks along their shortest
calls, on one thread and on two in turn. `beside a matrix product`: the same on one thread while another multiplies
matrices, which holds no lock: what each of them takes longer is what they take from each other.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np

from benchmarks.harness import Row, Size, row
from benchmarks.walking import follow
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
    yield from beside_a_product(count, rounds)


def beside_a_product(count: int, rounds: int) -> Iterator[Row]:
    """Masks on one thread, products on another; each alone, and both."""
    matrix = np.random.default_rng(0).random((700, 700), np.float32)

    def products() -> None:
        for _ in range(12):
            np.dot(matrix, matrix)

    found: dict[str, list[float]] = {"masks alone": [], "products alone": [], "masks beside": [], "products beside": []}
    for _ in range(rounds):
        task = work(count)
        found["masks alone"].append(on_threads(task, 1) * 1e6)
        found["products alone"].append(seconds(products) * 1e6)
        task = work(count)
        with ThreadPoolExecutor(1) as pool:
            product = pool.submit(lambda: seconds(products))
            found["masks beside"].append(on_threads(task, 1) * 1e6)
            found["products beside"].append(product.result() * 1e6)
    for what, times in found.items():
        alone = found[f"{what.split()[0]} alone"]
        note = f"{median(times) / median(alone):.2f} times as long as alone" if times is not alone else ""
        yield row(f"{what}" + (" a matrix product" if note else ""), times, note=note)
