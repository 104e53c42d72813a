"""Is a tool call written faster with the grammar than without?

Claims: with forced tokens not asked of the model, a call takes at most 0.7 times as long as its tokens take when they
are decoded freely; every forced run is cut as the model's tokenizer cuts the finished text.

Each call is made three ways in turn: mlx-lm decoding freely, masks only, masks and fast-forward. The free text is as
long as the longer of the calls, and the time of every token is noted: so there is a free time for any length. The time
until its first token, reading the prompt, is taken off all three.

    python -m benchmarks.tool_calls                         the packaged model with an OpenBLAS, if one is found
    CONSTRAINED_BLAS=off python -m benchmarks.tool_calls --every 5          with the BLAS of MLX's wheel
    python -m benchmarks.tool_calls --model llama3_1        random weights, 128,256 tokens
    python -m benchmarks.tool_calls --model gptoss --layers 16 --hidden 2048 --dtype float16      as heavy as a 1B model

The last is meant for a GPU: nothing here but MLX knows of one, and `--model` takes a tokenizer's file where npm's are
not. Every call made is a line in results/tool_calls.calls.jsonl and is not made again: after `--seconds` the program
stops, and goes on when it is started again (`--fresh` forgets them). The summary, results/tool_calls.jsonl, is of all.
"""

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import RESULTS, Row, Size, keep, row, show
from benchmarks.models import PACKAGED, Subject, add_options, chosen, small
from constrained import Vocabulary
from constrained.errors import GrammarError
from constrained.runtime import OPENBLAS, Generation, generate
from grammars.tools.compile import ToolGrammar, compile_tools
from tests.soak.schemas import TOOLS
from tests.support.shared_data import find_shared

import mlx.core as mx  # isort: skip  # after constrained.runtime, which loads a BLAS first
from mlx_lm.generate import generate_step  # isort: skip

CALLS = RESULTS / "tool_calls.calls.jsonl"
REAL_TOOLS = "data/tool_schemas.json"  # those of real clients, where they lie beside the checkout
WAYS = {"masks only": False, "masks and fast-forward": True}  # is the model asked for tokens that must follow?


@dataclass(frozen=True)
class Call:
    """One call, made one way, beside free decoding. Seconds without those of reading the prompt.

    forced     tokens that the model was not asked for
    runs       runs of such tokens, and how many of them are cut as the tokenizer cuts the whole text
    """

    setting: str
    task: str
    way: str
    seconds: float
    free_seconds: float
    tokens: int
    passes: int
    forced: int
    runs: int
    canonical: int


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


# ---------------------------------------------------------------------- the calls


def schemas(every: int) -> dict[str, Any]:
    """The twenty tools of the tests, and every so many-th of real clients'."""
    path = find_shared(REAL_TOOLS)
    cases: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path else []
    real = {f"{case['client']}: {case['name']} {number}": case["schema"] for number, case in enumerate(cases)}
    chosen_real = dict(list(real.items())[:: max(1, every)]) if every else {}
    return {**TOOLS, **chosen_real}


def grammar_of(name: str, schema: Any, vocabulary: Vocabulary, most: int) -> ToolGrammar | None:
    """The grammar of one call; None where the schema is refused or no call is that short."""
    tool = {"type": "function", "function": {"name": "".join(filter(str.isalnum, name)), "parameters": schema}}
    try:
        grammar = compile_tools([tool], vocabulary, tool_choice="required", parallel_tool_calls=False)
    except GrammarError:
        return None
    return grammar if len(grammar.matcher().shortest_tokens()) <= most else None


def free_times(model: Any, prompt: list[int], tokens: int) -> list[float]:
    """Seconds after which mlx-lm has decoded each of so many tokens, whatever they are."""
    before = time.perf_counter()
    return [time.perf_counter() - before for _ in generate_step(mx.array(prompt), model, max_tokens=tokens)]


def calls(subject: Subject, setting: str, name: str, grammar: ToolGrammar, most: int) -> Iterator[Call]:
    """Make a call each way, beside free decoding."""
    model: Any = Counting(subject.model)
    prompt = subject.prompt(f"Call the tool {name}.")
    generate(model, subject.tokenizer, prompt, grammar, max_tokens=most)  # computes the masks: a server has them
    made: dict[str, tuple[float, int, Generation]] = {}
    for way, fast_forward in WAYS.items():
        before, model.passes = time.perf_counter(), 0
        generation = generate(model, subject.tokenizer, prompt, grammar, max_tokens=most, fast_forward=fast_forward)
        made[way] = time.perf_counter() - before, model.passes, generation
    free = free_times(subject.model, prompt, max(len(generation.tokens) for *_, generation in made.values()))
    reading = 2 if len(prompt) > 1 else 1  # all but its last token, and that one with what must follow it
    for way, (seconds, passes, generation) in made.items():
        tokens, forced = len(generation.tokens), sum(token.logprob is None for token in generation.tokens)
        canonical, runs = canonical_runs(generation)
        spent = (seconds - free[0], free[tokens - 1] - free[0], tokens, passes - reading + 1)
        yield Call(setting, name, way, *spent, forced, runs, canonical)


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


# ---------------------------------------------------------------------- what is known


def known(path: Path) -> list[Call]:
    """The calls made so far."""
    return [Call(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def setting_of(options: Namespace, subject: Subject) -> str:
    """What was measured on."""
    device = "GPU" if mx.default_device() == mx.gpu else "OpenBLAS" if OPENBLAS else "reference BLAS"
    made = "" if subject.name == PACKAGED else f", {options.layers} layers of {options.hidden}, {options.dtype}"
    return f"{subject.name}{made}, {device}"


def summary(done: Sequence[Call]) -> Iterator[Row]:
    """For each setting the free token, and each way beside it."""
    for setting in dict.fromkeys(call.setting for call in done):
        here = [call for call in done if call.setting == setting]
        yield row(f"{setting}: a free token", [call.free_seconds / (call.tokens - 1) * 1e6 for call in here])
        for way in WAYS:
            some = [call for call in here if call.way == way]
            ratios = [call.seconds / call.free_seconds for call in some]
            whole = sum(call.seconds for call in some) / sum(call.free_seconds for call in some)
            tokens, forced = sum(call.tokens for call in some), sum(call.forced for call in some)
            facts: dict[str, Any] = {"ratio": round(median(ratios), 4), "ratio_of_all": round(whole, 4)}
            facts |= {"passes_per_token": round(sum(call.passes for call in some) / tokens, 4), "forced": forced}
            facts |= {"tokens": tokens, "runs": sum(c.runs for c in some), "canonical": sum(c.canonical for c in some)}
            note = f"{median(ratios):.3f} times free decoding of as many tokens (median; all together {whole:.3f}); "
            note += f"{facts['passes_per_token']:.3f} passes a token"
            if forced:
                note += f"; {forced / tokens:.1%} of the tokens forced, "
                note += f"{facts['canonical']} of {facts['runs']} forced runs canonical"
            yield row(f"{setting}: a call, {way}", [call.seconds * 1e6 for call in some], note=note, **facts)


def measure(options: Namespace) -> list[Call]:
    """Make calls for a while; all that were made, earlier ones too."""
    subject = chosen(options)
    setting, until = setting_of(options, subject), time.perf_counter() + options.seconds
    done = [] if options.fresh else known(options.calls)
    made = {call.task for call in done if call.setting == setting}
    free_times(subject.model, [1, 2, 3], 4)  # whatever is done once
    for name, schema in list(schemas(options.every).items())[: options.tools]:
        if time.perf_counter() > until:
            print(f"stopped after {options.seconds:.0f} s: there are more", file=sys.stderr)
            break
        grammar = None if name in made else grammar_of(name, schema, subject.vocabulary, options.most)
        if grammar is not None:
            done += calls(subject, setting, name, grammar, options.most)
            options.calls.write_text("".join(json.dumps(asdict(call)) + "\n" for call in done))
    return done


SETTINGS: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({}, ["--fresh"]),
    ({"CONSTRAINED_BLAS": "off"}, ["--every", "0", "--tools", "6"]),
    ({}, ["--model", "llama3_1"]),
    ({}, ["--model", "gptoss"]),
)


def rows(size: Size) -> Iterator[Row]:
    """Every setting of this machine, each in a process of its own. Small: one short call."""
    if size is Size.SMALL:
        subject, most = small(), 40
        some = (
            (name, grammar)
            for name, schema in TOOLS.items()
            if (grammar := grammar_of(name, schema, subject.vocabulary, most))
        )
        yield from summary(list(calls(subject, "small", *next(some), most)))
        return
    for variables, flags in SETTINGS:
        command = [sys.executable, "-m", "benchmarks.tool_calls", *flags]
        subprocess.run(command, env={**os.environ, **variables}, check=True)
    yield from summary(known(CALLS))


def main(arguments: Sequence[str]) -> None:
    """One setting."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--seconds", type=float, default=200, help="begin no call after so long")
    parser.add_argument("--every", type=int, default=12, help="take every so many-th tool of real clients; 0: none")
    parser.add_argument("--tools", type=int, default=1000, help="at most so many tools")
    parser.add_argument("--most", type=int, default=70, help="tokens of a call")
    parser.add_argument("--calls", type=Path, default=CALLS, help="where the calls made are kept")
    parser.add_argument("--fresh", action="store_true", help="forget the calls made")
    found = list(summary(measure(parser.parse_args(arguments))))
    show("tool_calls", found)
    keep("tool_calls", found)


if __name__ == "__main__":
    main(sys.argv[1:])
