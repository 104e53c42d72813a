"""Is a tool call written faster with the grammar than without?

Claims: with forced tokens not asked of the model, a call takes at most 0.7 times as long as its tokens take when they
are decoded freely; every forced run is cut as the model's tokenizer cuts the finished text.

Each call is made three ways in turn: free decoding of as many tokens by mlx-lm, masks only, masks and fast-forward. The
time of reading the prompt, measured alone, is left out. Both with an OpenBLAS and with the BLAS of MLX's wheel: they
differ most in what a pass over many tokens costs.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import mlx.core as mx
from mlx_lm.generate import generate_step

from benchmarks.harness import Row, Size, row
from benchmarks.model_folder import model_folder
from constrained.errors import GrammarError
from constrained.runtime import Generation, LoadedModel, chat_ids, generate, load_model, vocabulary_of
from grammars.tools.compile import ToolGrammar, compile_tools
from tests.soak.schemas import TOOLS
from tests.support.shared_data import shared

MOST_TOKENS = 70
REAL_TOOLS = 12  # every so many of the tools of real clients
REFERENCE = "reference BLAS"


@dataclass(frozen=True)
class Task:
    """A call to make."""

    prompt: list[int]
    grammar: ToolGrammar


class Counting:
    """A model that counts its passes."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.passes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, inputs: mx.array, **options: Any) -> mx.array:
        self.passes += 1
        return self._model(inputs, **options)


def tasks(loaded: LoadedModel, step: int) -> Iterator[Task]:
    """The twenty tools, and some of real clients'."""
    cases = json.loads(shared("data/tool_schemas.json").read_text(encoding="utf-8"))
    schemas = [*TOOLS.items(), *((case["name"], case["schema"]) for case in cases[::REAL_TOOLS])]
    for name, schema in schemas[::step]:
        tool = {"type": "function", "function": {"name": name, "parameters": schema}}
        prompt = chat_ids(loaded.tokenizer, [{"role": "user", "content": f"Call the tool {name}."}])
        try:
            grammar = compile_tools([tool], vocabulary_of(*loaded), tool_choice="required", parallel_tool_calls=False)
        except GrammarError:
            continue
        if len(grammar.matcher().shortest_tokens()) <= MOST_TOKENS:
            yield Task(prompt, grammar)


def seconds(run: Any) -> tuple[float, Any]:
    """How long `run` takes, and what it returns."""
    before = time.perf_counter()
    made = run()
    return time.perf_counter() - before, made


def free(loaded: LoadedModel, prompt: list[int], tokens: int) -> float:
    """Decode as many tokens, whatever they are."""
    spent, _ = seconds(lambda: list(generate_step(mx.array(prompt), loaded.model, max_tokens=tokens)))
    return spent


def constrained(loaded: LoadedModel, task: Task, **options: Any) -> tuple[float, Generation]:
    """Make the call."""
    return seconds(lambda: generate(*loaded, task.prompt, task.grammar, max_tokens=MOST_TOKENS, **options))


def canonical_runs(made: Generation) -> tuple[int, int]:
    """Of the runs of tokens that the model was not asked for: (as the tokenizer cuts the whole text, all)."""
    vocabulary = made.vocabulary
    assert vocabulary is not None
    assert vocabulary.encode is not None
    starts: dict[int, int] = {}  # byte -> the tokenizer's own token there
    place = 0
    for token in vocabulary.encode(made.text):
        starts[place] = token
        place += len(vocabulary.spellings[token] or b"")
    runs: list[bool] = []
    place, inside = 0, False
    for token in made.tokens:
        if token.logprob is None and token.text:
            if not inside:
                runs.append(True)
            runs[-1] &= starts.get(place) == token.id
        inside = token.logprob is None and bool(token.text)
        place += len(token.text)
    return sum(runs), len(runs)


def workload(blas: str, size: Size, rounds: int, step: int) -> Iterator[Row]:
    """All calls, each way, `rounds` times in turn."""
    model, tokenizer = load_model(str(model_folder(size)))
    loaded = LoadedModel(Counting(model), tokenizer)
    free_s: list[float] = []
    ways: dict[str, list[float]] = {"masks only": [], "masks and fast-forward": []}
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    passes, tokens, forced, runs = dict.fromkeys(ways, 0), dict.fromkeys(ways, 0), 0, [0, 0]
    free(loaded, [1, 2, 3], 4)
    for task in tasks(loaded, step):
        constrained(loaded, task)  # compiles the masks: a server has them
        for _ in range(rounds):
            read = median(free(loaded, task.prompt, 1) for _ in range(3))
            for name, options in zip(ways, ({"fast_forward": False}, {}), strict=True):
                loaded.model.passes = 0
                spent, made = constrained(loaded, task, **options)
                passes[name] += loaded.model.passes - 1
                tokens[name] += len(made.tokens)
                alone = max(free(loaded, task.prompt, len(made.tokens)) - read, 1e-9)
                ways[name].append((spent - read) * 1e6)
                ratios[name].append((spent - read) / alone)
                free_s.append(alone * 1e6 / len(made.tokens))
            forced += sum(token.logprob is None for token in made.tokens)
            good, all_runs = canonical_runs(made)
            runs = [runs[0] + good, runs[1] + all_runs]
    yield row(f"free decoding, a token, {blas}", free_s)
    shares = (
        f"; {forced / tokens['masks and fast-forward']:.1%} of the tokens forced, {runs[0]} of {runs[1]} runs canonical"
    )
    for name, times in ways.items():
        whole = sum(times) / sum(spent / ratio for spent, ratio in zip(times, ratios[name], strict=True))
        note = f"{median(ratios[name]):.3f} times the free decoding of as many tokens (median; "
        note += f"all together {whole:.3f}); {passes[name] / tokens[name]:.3f} passes a token"
        yield row(f"a call, {name}, {blas}", times, note=note + (shares if forced and name != "masks only" else ""))


def rows(size: Size) -> Iterator[Row]:
    """The reference BLAS in a process of its own, with fewer tools. Small: OpenBLAS, two tools, random weights."""
    yield from workload("OpenBLAS", size, size.of(small=1, full=2), size.of(small=30, full=1))
    if size is Size.SMALL:
        return
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.tool_calls"],
        env={**os.environ, "CONSTRAINED_BLAS": "off"},
        capture_output=True,
        text=True,
        check=True,
    )
    yield from (Row(**one) for one in json.loads(child.stdout.splitlines()[-1]))


if __name__ == "__main__":  # the process with the reference BLAS
    print(json.dumps([asdict(one) for one in workload(REFERENCE, Size.FULL, 1, 4)]))
