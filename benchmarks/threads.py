"""Do masks wait for each other, or for the model, when they are computed on several threads?

Claim: a model's pass goes on while masks are computed: neither takes longer beside the other than alone. Two threads
with masks are no faster than one: most of a cold mask is Python, and a warm one is a look-up, so there is little that
could run without the interpreter's lock. A batch uses its second thread to keep a slow mask from holding up the others.

The tools of the soak test, each with a new grammar over a new vocabulary, all their masks along their shortest calls
(cold), and once more (warm), on one thread and on two in turn. Then on one thread while another hashes bytes, which
like a model's pass takes one core and no lock; hashes beside hashes show what the cores take from each other. Last, all
masks once more with a clock around each kernel that gives up the lock: their share is what threads could gain. (With
the interpreted engine: compiled code does not see the clocks.)
"""

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from benchmarks.harness import Row, Size, row
from benchmarks.walking import follow, settle, timed
from constrained import CompiledGrammar, Vocabulary, warm_up
from constrained.native.finder import engine
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
        list(pool.map(int, range(threads)))  # the threads are there
        grammars, texts = zip(*work, strict=True)
        return seconds(lambda: list(pool.map(follow, grammars, texts)))


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
    if not engine().is_compiled:
        yield from without_the_lock(count)


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


class Clocks:
    """Around each kernel that gives up the lock, where Python calls it."""

    def __init__(self) -> None:
        self.times_us: list[float] = []
        self._clocked: dict[object, Callable[..., Any]] = {}

    def around(self, kernel: Any) -> Callable[..., Any]:
        """The same kernel, timed; one clock for each."""

        def run(*arguments: Any) -> Any:
            spent, result = timed(lambda: kernel(*arguments))
            self.times_us.append(spent)
            return result

        return self._clocked.setdefault(kernel, run)

    @contextlib.contextmanager
    def running(self) -> Generator[None]:
        """Put them into the modules that name a kernel, for as long as this lasts."""
        modules = [module for name, module in sys.modules.items() if name.startswith("constrained")]
        found = [(module, name, held) for module in modules for name, held in vars(module).items() if _is_free(held)]
        for module, name, kernel in found:
            setattr(module, name, self.around(kernel))
        try:
            yield
        finally:
            for module, name, kernel in found:
                setattr(module, name, kernel)


def _is_free(held: object) -> bool:
    options: dict[str, Any] = getattr(held, "targetoptions", {})
    return bool(options.get("nogil"))


def without_the_lock(count: int) -> Iterator[Row]:
    """How much of all masks is in kernels that give up the lock."""
    task = work(count)
    for kind in ("cold", "warm"):
        clocks = Clocks()
        with clocks.running():
            whole = sum(sum(follow(*one)) for one in task)
        share = sum(clocks.times_us) / whole
        note = f"{share:.0%} in {len(clocks.times_us):,} calls of kernels that give up the lock"
        yield row(f"all masks of {count} sequences, {kind}, with clocks", [whole], note=note, share=round(share, 3))
