"""What does a mask cost one sequence, beside the same tokens without?

Claim: a constrained step takes at most 2% longer than a free one (median), with the packaged model and with models of
128,000 and 200,000 tokens.

Sequences take turns, eight tokens at a time: inside of texts that nothing ends, in our loop and in mlx-lm's with our
processor, and without a grammar in both. (All let the device run ahead of what they yield, so each waits for it when
its turn is over.) Masks were computed before, as for every agent's second request; no token is taken without asking
the model. The large models have two layers of random weights and the tokenizers of real ones.
"""

import time
from collections.abc import Iterator
from statistics import median

from benchmarks.harness import Row, Size, row
from benchmarks.models import Subject, packaged, random_weights, small
from constrained import CompiledGrammar
from constrained.runtime import GrammarProcessor, stream
from grammars import compile_json_schema

import mlx.core as mx  # isort: skip  # after constrained.runtime, which loads a BLAS first
from mlx_lm.generate import generate_step, generation_stream  # isort: skip

BLOCK = 8  # steps in a row
COLOURS = {"type": "array", "minItems": 300, "items": {"enum": ["red", "green", "blue", "greenish"]}}
CHOICES = {"type": "object", "properties": {"colours": COLOURS}, "required": ["colours"]}
TEXT = {"type": "object", "properties": {"text": {"type": "string", "minLength": 900}}, "required": ["text"]}
FREE, THEIRS = "a free step", "a free step of mlx-lm"
PROCESSED = "mlx-lm with our processor, "
KINDS = {"a step in a list of choices": CHOICES, "a step in a text": TEXT}


def streams(subject: Subject, prompt: list[int], grammars: dict[str, CompiledGrammar]) -> dict[str, Iterator[object]]:
    """One sequence of each kind."""
    ours = {
        name: stream(subject.model, subject.tokenizer, prompt, grammar, max_tokens=4000, fast_forward=False)
        for name, grammar in {**grammars, FREE: None}.items()
    }
    processors = {PROCESSED + name: [GrammarProcessor(grammar)] for name, grammar in grammars.items()}
    theirs = {
        name: generate_step(mx.array(prompt), subject.model, max_tokens=4000, logits_processors=some)
        for name, some in {**processors, THEIRS: None}.items()
    }
    return {**ours, **theirs}


def overhead(subject: Subject, rounds: int) -> Iterator[Row]:
    """All kinds, a block of steps in turn."""
    prompt = subject.prompt("Tell me a very long story about a fox and a crow.")
    grammars = {name: compile_json_schema(schema, subject.vocabulary) for name, schema in KINDS.items()}
    times: dict[str, list[float]] = {name: [] for name in (*KINDS, *(PROCESSED + name for name in KINDS), FREE, THEIRS)}
    for turn in range(2):  # the first computes the masks
        running = streams(subject, prompt, grammars)
        for number in range(1 + rounds):
            for name, one in running.items():
                before = time.perf_counter()
                for _ in range(BLOCK):
                    next(one)
                mx.synchronize()
                mx.synchronize(generation_stream)
                if turn and number:
                    times[name].append((time.perf_counter() - before) / BLOCK * 1e6)
    for name in (THEIRS, FREE):
        yield row(f"{subject.name}: {name}", times[name])
    for name in [name for name in times if name not in (FREE, THEIRS)]:
        ratios = {base: [a / b for a, b in zip(times[name], times[base], strict=True)] for base in (FREE, THEIRS)}
        free, theirs = (median(some) for some in ratios.values())
        note = f"{free:.4f} times the free step next to it (median), {theirs:.4f} times mlx-lm's"
        yield row(f"{subject.name}: {name}", times[name], note=note, free=round(free, 4), theirs=round(theirs, 4))


def rows(size: Size) -> Iterator[Row]:
    """Small: a few steps of a small model."""
    if size is Size.SMALL:
        yield from overhead(small(), 1)
        return
    yield from overhead(packaged(), 8)
    for tokenizer in ("llama3_1", "gptoss"):
        yield from overhead(random_weights(tokenizer), 30)
