"""What does a mask cost one sequence, beside the same tokens without?

Claim: a constrained step takes at most 2% longer than a free one (median), with the packaged model and with models of
128,000 and 200,000 tokens.

Two sequences take turns, token by token: one inside of a text that nothing ends, one free. Masks were computed before,
as for every agent's second request. The large models have random weights, two layers, and the tokenizers of real ones.
"""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from benchmarks.harness import Row, Size, row
from benchmarks.model_folder import model_folder, random_model
from constrained import Vocabulary
from constrained.runtime import GeneratedToken, chat_ids, load_model, stream, vocabulary_of
from grammars import compile_json_schema
from tests.support.tokenizers import tokenizer_path

COLOURS = {"type": "array", "minItems": 300, "items": {"enum": ["red", "green", "blue", "greenish"]}}
CHOICES = {"type": "object", "properties": {"colours": COLOURS}, "required": ["colours"]}
TEXT = {"type": "object", "properties": {"text": {"type": "string", "minLength": 900}}, "required": ["text"]}


def steps(streams: list[Iterator[GeneratedToken]], count: int) -> tuple[list[float], list[float]]:
    """Microseconds of the steps of two sequences that take turns, the first ten left out."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(count):
        for one, spent in zip(streams, times, strict=True):
            before = time.perf_counter()
            next(one)
            if number >= 10:
                spent.append((time.perf_counter() - before) * 1e6)
    return times


def overhead(
    name: str, model: Any, tokenizer: Any, prompt: list[int], vocabulary: Vocabulary, size: Size
) -> Iterator[Row]:
    """In a list of choices, then in a text."""
    for kind, schema in (("a list of choices", CHOICES), ("a text", TEXT)):
        grammar = compile_json_schema(schema, vocabulary)
        ratios: list[float] = []
        spent: tuple[list[float], list[float]] = ([], [])
        for turn in range(size.of(small=2, full=4)):
            streams = [
                stream(model, tokenizer, prompt, one, max_tokens=4000, fast_forward=False) for one in (grammar, None)
            ]
            times = steps(streams, size.of(small=12, full=60))
            if turn:  # the first computes the masks
                ratios += [ours / free for ours, free in zip(*times, strict=True)]
                for all_times, some in zip(spent, times, strict=True):
                    all_times.extend(some)
        yield row(f"{name}, a free step beside {kind}", spent[1])
        note = f"{median(ratios):.4f} times the free step next to it (median)"
        yield row(f"{name}, a step in {kind}", spent[0], note=note)


def rows(size: Size) -> Iterator[Row]:
    """The packaged model, then the large vocabularies; small: random weights, few steps."""
    model, tokenizer = load_model(str(model_folder(size)))
    prompt = chat_ids(tokenizer, [{"role": "user", "content": "Tell me a very long story about a fox and a crow."}])
    yield from overhead("SmolLM2", model, tokenizer, prompt, vocabulary_of(model, tokenizer), size)
    large_ones = (("128,256 tokens", "llama3_1"), ("200,019 tokens", "gptoss"))
    for name, key in size.of(small=(), full=large_ones):
        vocabulary = Vocabulary.from_tokenizer_file(tokenizer_path(key))
        large = random_model(vocabulary.size)
        yield from overhead(name, large, tokenizer, [1, 2, 3], vocabulary, size)
