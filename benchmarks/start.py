"""How long does a program wait before it can ask for its first mask?

Claim: import and kernels take less than 0.5 s where the engine is compiled, and its kernels with it; less than 1.5 s
where its sources run (kernels come from numba's cache, which the first run on a machine fills). A vocabulary is ready
in less than 0.3 s from the disk cache, and in less than 2 s without it at 200,000 tokens.

Each start is a process of its own. `nothing` is Python with numpy imported: the part that is not ours. Facts of the
start are what it leaves: objects that Python's collector looks at whenever it runs in full, and megabytes at most.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Row, Size, row
from tests.support.tokenizers import tokenizer_path

MODELS = {"Llama 3.1": "llama3_1", "Qwen 3": "qwen3", "GPT-OSS": "gptoss", "Gemma 3": "gemma3"}

_START = """
import sys, time, json
begin = time.perf_counter()
import numpy
libraries = time.perf_counter()
from constrained import Vocabulary, warm_up
imported = time.perf_counter()
warm_up()
warmed = time.perf_counter()
times = [libraries - begin, imported - begin, warmed - begin]
import gc, resource, grammars
gc.collect()
largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
left = [len(gc.get_objects()), round(largest, 1)]
for path in sys.argv[1:]:
    before = time.perf_counter()
    vocabulary = Vocabulary.from_tokenizer_file(path)
    times.append(time.perf_counter() - before)
print(json.dumps([[time * 1e6 for time in times], vocabulary.size if sys.argv[1:] else 0, left]))
"""


def started(*paths: Path, cache: str | None = None) -> tuple[list[float], int, list[float]]:
    """Microseconds of a new process until: libraries, import, kernels; then of each vocabulary. The last's size.

    And what the start has left: objects, megabytes.
    """
    variables = {**os.environ, **({"XDG_CACHE_HOME": cache} if cache else {})}
    command = [sys.executable, "-c", _START, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
    times, size, left = json.loads(done.stdout)
    return times, size, left


def rows(size: Size) -> Iterator[Row]:
    """The process, then each tokenizer without the disk cache and with it. Small: one start, one tokenizer."""
    starts = size.of(small=1, full=5)
    if size is Size.FULL:
        started()  # where the sources run, compiles what is not in numba's cache yet
    libraries, imported, warmed = zip(*(started()[0] for _ in range(starts)), strict=True)
    objects, megabytes = started()[2]
    yield row("import of numpy: nothing", libraries, note="not ours")
    yield row("import of constrained", imported)
    yield row("process start: import and kernels", warmed, objects=objects, megabytes=megabytes)
    for name, key in list(MODELS.items())[: size.of(small=1, full=None)]:
        path = tokenizer_path(key)
        cold: list[float] = []
        cached: list[float] = []
        tokens = 0
        for _ in range(size.of(small=1, full=3)):
            with tempfile.TemporaryDirectory() as cache:
                times, tokens, _ = started(path, path, cache=cache)
                cold.append(times[-2])
                cached.append(times[-1])
        yield row(f"vocabulary of {name}, cold", cold, tokens=tokens)
        yield row(f"vocabulary of {name}, cached", cached, tokens=tokens)
