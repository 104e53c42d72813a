"""How fast are compiling and masks beside llguidance and xgrammar, on schemas that people wrote?

Claim: the first mask takes at most half as long as llguidance's (median) and no longer at the 99th percentile; a mask
that was never computed costs at most 0.8 times as much on average; one that was, a tenth. No mask takes above 10 ms.

The public sample of MaskBench (1,000 schemas of real tools, with valid and invalid texts) and Llama 3.1's tokenizer.
Every schema goes to each engine before the next one does, each in a process of its own: compiled from its text to the
first mask, its texts followed token by token (mask and advance), and then all of them once more (warm). Each engine
with its defaults, ours read as MaskBench means schemas (any order of keys, any whitespace). An engine that says
nothing for SECONDS is started again, and the schema counts as refused. xgrammar needs torch: it is measured if
XGRAMMAR_PYTHON names a Python that has it.
"""

import contextlib
import gzip
import json
import os
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from benchmarks.harness import Row, Size, row
from tests.support.shared_data import CHECKOUT, shared
from tests.support.tokenizers import tokenizer_path

SAMPLE = "data/maskbench_public.jsonl.gz"
EOS = "<|eot_id|>"
SECONDS = 30
PERCENTILES = (25, 50, 75, 90, 99, 99.9)
QUIET = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}


class Engine:
    """A process that is asked one schema after the other."""

    def __init__(self, name: str, python: str, eos: int) -> None:
        self.name = name
        self._command = [python, str(Path(__file__).with_name("maskbench_engine.py")), name]
        self._command += [str(tokenizer_path("llama3_1")), str(eos)]
        self._start()

    def _start(self) -> None:
        variables = {**os.environ, **QUIET, "PYTHONPATH": str(CHECKOUT), "PYTHONHASHSEED": "0"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._command, env=variables, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )
        if self._answer(300) != "ready\n":
            raise RuntimeError(f"{self.name} did not start: {' '.join(self._command)}")

    def ask(self, request: str) -> dict[str, Any]:
        """What it measured; or an error, if it died or took too long."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
        line = self._answer(SECONDS)
        if line.endswith("\n"):
            return json.loads(line)
        self.close()
        self._start()
        return {"error": "no answer"}

    def _answer(self, seconds: float) -> str:
        """A line, or "": one answers one request, so nothing is left behind in the pipe's buffer."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        return self._process.stdout.readline() if ready else ""

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def schemas(step: int) -> Iterator[str]:
    """Requests for the engines: each `step`-th schema of the sample."""
    tokenizer = Tokenizer.from_file(str(tokenizer_path("llama3_1")))
    with gzip.open(shared(SAMPLE), "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % step == 0:
                case = json.loads(line)
                texts = [
                    {
                        "tokens": tokenizer.encode(
                            json.dumps(one["data"], ensure_ascii=False), add_special_tokens=False
                        ).ids,
                        "valid": one["valid"],
                    }
                    for one in case["tests"]
                ]
                yield json.dumps({"schema": case["schema"], "texts": texts})


def pythons() -> dict[str, str]:
    """Engine -> the Python that has it."""
    found = {"constrained": sys.executable, "llguidance": sys.executable}
    if other := os.environ.get("XGRAMMAR_PYTHON"):
        found["xgrammar"] = other
    return found


def rows(size: Size) -> Iterator[Row]:
    """The whole sample: which sixth of it one takes decides about a third of what is compared. Small: two schemas."""
    requests = list(schemas(size.of(small=500, full=1)))
    tokenizer = Tokenizer.from_file(str(tokenizer_path("llama3_1")))
    outcomes: dict[str, Counter[str]] = {}
    times: dict[tuple[str, str], list[float]] = {}
    with contextlib.ExitStack() as stack:
        eos = tokenizer.token_to_id(EOS)
        assert eos is not None
        engines = [Engine(name, python, eos) for name, python in pythons().items()]
        for engine in engines:
            stack.callback(engine.close)
        for request in requests:
            for engine in engines:
                found = engine.ask(request)
                outcome = "refused" if "error" in found else "right" if found["passes"] else "wrong"
                outcomes.setdefault(engine.name, Counter())[outcome] += 1
                for kind in () if "error" in found else ("first_us", "cold_us", "warm_us"):
                    values = found[kind] if isinstance(found[kind], list) else [found[kind]]
                    times.setdefault((kind, engine.name), []).extend(values)
    titles = {"first_us": "first mask", "cold_us": "between masks, cold", "warm_us": "between masks, warm"}
    for kind, title in titles.items():
        for engine, counted in outcomes.items():
            yield summary(f"{title}: {engine}", times[kind, engine], counted)


def summary(what: str, times: list[float], outcomes: Counter[str]) -> Row:
    """A row with average and percentiles."""
    of = {f"p{percent:g}": round(float(np.percentile(times, percent)), 1) for percent in PERCENTILES}
    facts = {"average": round(float(np.mean(times)), 2), **of, "above_10_ms": sum(time > 10_000 for time in times)}
    note = f"average {facts['average']:,}, p99 {of['p99']:,}; {', '.join(f'{n} {how}' for how, n in outcomes.items())}"
    return row(what, times, note=note, **facts, **outcomes)
