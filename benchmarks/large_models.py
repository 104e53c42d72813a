"""On a GPU, beside models as heavy as real ones: what do masks cost, and what does fast-forward save?

Claims: a constrained token takes at most 2% longer than a free one, since the mask is made while the model runs; a tool
call takes at most 0.7 times as long as free decoding of as many tokens; a step of eight constrained rows takes at most
3% longer than one of eight free rows, and not less if the next pass is started before its tokens are read (run_ahead).

Random weights in bfloat16: about 1B behind 128,256 and 200,019 logits, and about 7B. Their text is nonsense, but a pass
costs what it costs. Sequences are generated one after the other, in turn, so that none works while another is timed.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

import pytest

from benchmarks.harness import Row, Size, row
from benchmarks.models import Subject, random_weights, small
from constrained import CompiledGrammar
from constrained.runtime import BatchEngine, GeneratedToken, SequenceRequest, TokenEvent, stream
from grammars import compile_json_schema
from grammars.tools.compile import compile_tools
from tests.soak.schemas import TOOLS

import mlx.core as mx  # isort: skip  # after constrained.runtime, which loads a BLAS first
from mlx_lm.generate import BatchGenerator, generate_step  # isort: skip

_1B, _7B = {"layers": 16, "hidden": 2048}, {"layers": 32, "hidden": 4096}
HEAVY = (("llama3_1", _1B), ("gptoss", _1B), ("llama3_1", _7B))
LEFT_OUT = 4  # steps at the start of a sequence
MOST = 70  # tokens of a call
ROWS = 8
STEPS = 8  # of a batch, timed together
QUOTES = 0.5  # added to the logits of tokens that begin with a quote, or strings would hardly ever end

COLOURS = {"type": "array", "minItems": 300, "items": {"enum": ["red", "green", "blue", "greenish"]}}
ENDLESS: dict[str, Any] = {
    "in a list of choices": {"type": "object", "properties": {"colours": COLOURS}, "required": ["colours"]},
    "in a text": {"type": "object", "properties": {"a": {"type": "string", "minLength": 900}}, "required": ["a"]},
}
FREE, THEIRS = "free", "free, mlx-lm's loop"


class Quoting:
    """A model that likes quotes a little."""

    def __init__(self, subject: Subject) -> None:
        self._model = subject.model
        likes = [QUOTES if text and text[:1] == b'"' else 0.0 for text in subject.vocabulary.spellings]
        self._taste = mx.array(likes, subject.model.model.norm.weight.dtype)  # (V,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, inputs: mx.array, **options: Any) -> mx.array:
        """(B, N) -> (B, N, V)"""
        return self._model(inputs, **options) + self._taste


def times_of(tokens: Iterator[object], most: int) -> list[float]:
    """Microseconds after which each token came, counted from the start; at most so many."""
    before = time.perf_counter()
    found: list[float] = []
    for _ in tokens:
        found.append((time.perf_counter() - before) * 1e6)
        if len(found) == most:
            break
    return found


def ours(subject: Subject, prompt: list[int], grammar: CompiledGrammar | None, *, forward: bool) -> Iterator[object]:
    """Our loop."""
    return stream(subject.model, subject.vocabulary, prompt, grammar, max_tokens=4000, fast_forward=forward)


def theirs(subject: Subject, prompt: list[int]) -> Iterator[object]:
    """mlx-lm's loop."""
    return generate_step(mx.array(prompt), subject.model, max_tokens=4000)


# ---------------------------------------------------------------------- a token, a call


def tokens(subject: Subject, turns: int, steps: int) -> Iterator[Row]:
    """One sequence: a token with a mask, and a free one."""
    prompt = subject.prompt("Tell me a very long story about a fox and a crow.")
    ways: dict[str, Callable[[], Iterator[object]]] = {
        THEIRS: lambda: theirs(subject, prompt),
        FREE: lambda: ours(subject, prompt, None, forward=False),
    }
    for kind, schema in ENDLESS.items():
        grammar = compile_json_schema(schema, subject.vocabulary)
        ways[kind] = lambda grammar=grammar: ours(subject, prompt, grammar, forward=False)
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(1 + turns):  # the first computes the masks
        for name, way in ways.items():
            times = times_of(way(), LEFT_OUT + steps)
            assert len(times) == LEFT_OUT + steps, f"{name}: ended after {len(times)} tokens"
            if turn:
                spent[name] += [after - before for before, after in pairwise(times[LEFT_OUT:])]
    middle = {name: median(times) for name, times in spent.items()}
    for name, times in spent.items():
        compared = {base: round(middle[name] / middle[base], 4) for base in (FREE, THEIRS)}
        note = f"{compared[FREE]:.3f} times our free one, {compared[THEIRS]:.3f} times mlx-lm's"
        yield row(f"{subject.name}: a token {name}", times, note=note, free=compared[FREE], theirs=compared[THEIRS])


WAYS: dict[str, dict[str, Any]] = {"masks only": {"fast_forward": False}, "masks and fast-forward": {}}


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was made, without the time until the first free token: microseconds, and those of as many free tokens
    in mlx-lm's loop and in ours.
    """

    spent: float
    theirs: float
    ours: float
    tokens: int
    forced: int


def called(subject: Subject, prompt: list[int], grammar: CompiledGrammar) -> dict[str, Call]:
    """A call made each way, and beside it the longest of them decoded freely."""
    made: dict[str, tuple[float, list[GeneratedToken]]] = {}
    for way, options in WAYS.items():
        before = time.perf_counter()
        said = list(stream(subject.model, subject.vocabulary, prompt, grammar, max_tokens=MOST, **options))
        made[way] = (time.perf_counter() - before) * 1e6, said
    longest = max(len(said) for _, said in made.values())
    free = times_of(theirs(subject, prompt), longest)
    free_ours = times_of(ours(subject, prompt, None, forward=False), longest)
    return {
        way: Call(
            spent - free[0],
            free[len(said) - 1] - free[0],
            free_ours[len(said) - 1] - free_ours[0],
            len(said),
            sum(token.logprob is None for token in said),
        )
        for way, (spent, said) in made.items()
    }


def calls(subject: Subject, rounds: int, tools: int) -> Iterator[Row]:
    """Calls of all tools, some times each; the first time computes the masks."""
    made: dict[str, list[Call]] = {way: [] for way in WAYS}
    for name, schema in list(TOOLS.items())[:tools]:
        tool = {"name": name, "parameters": schema}
        grammar = compile_tools([tool], subject.vocabulary, tool_choice="required", parallel_tool_calls=False)
        prompt = subject.prompt(f"Call the tool {name}.")
        called(subject, prompt, grammar)
        for _ in range(rounds):
            for way, call in called(subject, prompt, grammar).items():
                made[way].append(call)
    for way, some in made.items():
        by_theirs = round(median(call.spent / call.theirs for call in some), 4)
        by_ours = round(median(call.spent / call.ours for call in some), 4)
        forced, tokens_said = sum(call.forced for call in some), sum(call.tokens for call in some)
        note = f"{by_theirs:.3f} times mlx-lm's free decoding of as many tokens (median), {by_ours:.3f} times ours"
        note += f"; {forced} of {tokens_said} tokens not asked for"
        times = [call.spent for call in some]
        yield row(f"{subject.name}: a call, {way}", times, note=note, theirs=by_theirs, free=by_ours)


# ---------------------------------------------------------------------- eight rows

Step = Callable[[], int]  # makes a step of a batch; how many tokens were said


def batches(subject: Subject, blocks: int) -> Iterator[Row]:
    """Eight rows in lists of choices and in texts, and eight free ones, passes run ahead or not; mlx-lm's batch of free
    rows. Blocks of some steps, in turn.
    """
    grammars = [compile_json_schema(schema, subject.vocabulary) for schema in ENDLESS.values()]
    in_a_batch(subject, grammars, 1 + blocks)  # computes the masks
    times = in_a_batch(subject, grammars, 1 + blocks)
    for name, spent in times.items():
        compared = {base: times_as_long(spent, times[other]) for base, other in BASES.items()}
        note = f"{compared['free']:.3f} times our free ones, {compared['theirs']:.3f} times mlx-lm's (medians)"
        yield row(f"{subject.name}: {ROWS} {name}, a token each", spent, note=note, **compared)


BASES = {"free": "free rows, ahead", "theirs": "free rows in mlx-lm's batch"}


def in_a_batch(subject: Subject, grammars: list[CompiledGrammar], blocks: int) -> dict[str, list[float]]:
    """Of every kind of batch, microseconds a step in each block but the first, which reads the prompts."""
    prompts = [subject.prompt(f"Tell me a very long story about {number + 2} travellers.") for number in range(ROWS)]
    engines: dict[str, BatchEngine] = {}
    for ahead in (True, False):
        for name in ("free", "constrained"):
            engine = BatchEngine(subject.model, subject.vocabulary, max_batch=ROWS, run_ahead=ahead)
            engines[f"{name} rows, {'ahead' if ahead else 'not ahead'}"] = engine
            for number, prompt in enumerate(prompts):
                matcher = None if name == "free" else grammars[number % len(grammars)].matcher()
                engine.add(SequenceRequest(prompt=prompt, constraint=matcher, max_tokens=4000, fast_forward=False))
    theirs = BatchGenerator(subject.model, max_tokens=4000)
    theirs.insert(prompts)
    ways: dict[str, Step] = {name: partial(said_in_a_step, engine) for name, engine in engines.items()}
    ways["free rows in mlx-lm's batch"] = lambda: len(theirs.next()[1])
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(blocks):
        for name, step in ways.items():
            times[name].append(step_of(step, STEPS))
    for engine in engines.values():
        assert engine.active == ROWS, "a sequence ended"
        engine.close()
    theirs.close()
    return {name: spent[1:] for name, spent in times.items()}


def times_as_long(spent: list[float], base: list[float]) -> float:
    """The median of blocks that stood next to each other."""
    return round(median(one / other for one, other in zip(spent, base, strict=True)), 4)


def said_in_a_step(engine: BatchEngine) -> int:
    """Our step."""
    return sum(isinstance(event, TokenEvent) for event in engine.step())


def step_of(step: Step, steps: int) -> float:
    """Microseconds in which every row has said one token, on average over so many; slow masks hold up nobody."""
    before, said = time.perf_counter(), 0
    while said < steps * ROWS:
        said += step()
    return (time.perf_counter() - before) * 1e6 * ROWS / said


def rows(size: Size) -> Iterator[Row]:
    """Small: a light model, anywhere. Full: on a GPU only."""
    if size is Size.FULL and mx.default_device() != mx.gpu:
        pytest.skip("a CPU would take hours")
    for subject in size.of(small=small_subjects, full=subjects)():
        yield from tokens(subject, size.of(small=1, full=3), size.of(small=3, full=60))
        yield from batches(subject, size.of(small=1, full=12))
        yield from calls(subject, 1, size.of(small=1, full=10))


def small_subjects() -> Iterator[Subject]:
    """One that any machine can run."""
    yield quoting("small", small())


def subjects() -> Iterator[Subject]:
    """One after the other, since each fills some gigabytes."""
    for tokenizer, weight in HEAVY:
        made = random_weights(tokenizer, **weight, dtype="bfloat16")
        yield quoting(f"{tokenizer}, {weight['layers']} layers of {weight['hidden']}", made)


def quoting(name: str, made: Subject) -> Subject:
    """The same, liking quotes."""
    return Subject(name, Quoting(made), made.tokenizer, made.vocabulary)
