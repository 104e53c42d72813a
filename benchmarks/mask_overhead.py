"""What does a mask cost one sequence, beside the same tokens without?

Claim: a constrained step takes at most 2% longer than a free one (median), with the packaged model and with models of
128,000 and 200,000 tokens.

Sequences take turns, token by token: two inside of texts that nothing ends, one of our loop without a grammar, and one
of mlx-lm's own loop. Masks were computed before, as for every agent's second request; no token is taken without asking
the model. The large models have two layers of random weights and the tokenizers of real ones.
"""

import time
from collections.abc import Iterator
from statistics import median

from benchmarks.harness import Row, Size, row
from benchmarks.models import Subject, packaged, random_weights, small
from constrained import CompiledGrammar
from constrained.runtime import stream
from grammars import compile_json_schema

import mlx.core as mx  # isort: skip  # after constrained.runtime, which loads a BLAS first
from mlx_lm.generate import generate_step  # isort: skip

LEFT_OUT = 4  # steps at the start of a turn
COLOURS = {"type": "array", "minItems": 300, "items": {"enum": ["red", "green", "blue", "greenish"]}}
CHOICES = {"type": "object", "properties": {"colours": COLOURS}, "required": ["colours"]}
TEXT = {"type": "object", "properties": {"text": {"type": "string", "minLength": 900}}, "required": ["text"]}
FREE, THEIRS = "a free step", "a free step of mlx-lm"
KINDS = {"a step in a list of choices": CHOICES, "a step in a text": TEXT}


def streams(subject: Subject, prompt: list[int], grammars: dict[str, CompiledGrammar]) -> dict[str, Iterator[object]]:
    """One sequence of each kind."""
    ours = {
        name: stream(subject.model, subject.tokenizer, prompt, grammar, max_tokens=4000, fast_forward=False)
        for name, grammar in {**grammars, FREE: None}.items()
    }
    return {**ours, THEIRS: generate_step(mx.array(prompt), subject.model, max_tokens=4000)}


def overhead(subject: Subject, turns: int, steps: int) -> Iterator[Row]:
    """All kinds, step by step in turn."""
    prompt = subject.prompt("Tell me a very long story about a fox and a crow.")
    grammars = {name: compile_json_schema(schema, subject.vocabulary) for name, schema in KINDS.items()}
    times: dict[str, list[float]] = {name: [] for name in (*KINDS, FREE, THEIRS)}
    for turn in range(1 + turns):  # the first computes the masks
        running = streams(subject, prompt, grammars)
        for number in range(LEFT_OUT + steps):
            for name, one in running.items():
                before = time.perf_counter()
                next(one)
                if turn and number >= LEFT_OUT:
                    times[name].append((time.perf_counter() - before) * 1e6)
    for name in (THEIRS, FREE):
        yield row(f"{subject.name}: {name}", times[name])
    for name in KINDS:
        ratios = {base: [a / b for a, b in zip(times[name], times[base], strict=True)] for base in (FREE, THEIRS)}
        free, theirs = (median(some) for some in ratios.values())
        note = f"{free:.4f} times the free step next to it (median), {theirs:.4f} times mlx-lm's"
        yield row(f"{subject.name}: {name}", times[name], note=note, free=round(free, 4), theirs=round(theirs, 4))


def rows(size: Size) -> Iterator[Row]:
    """Small: a few steps of a small model."""
    if size is Size.SMALL:
        yield from overhead(small(), 1, 2)
        return
    yield from overhead(packaged(), 2, 40)
    for tokenizer in ("llama3_1", "gptoss"):
        yield from overhead(random_weights(tokenizer), 3, 60)
