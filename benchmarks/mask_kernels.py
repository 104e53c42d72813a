"""Which way of putting a mask on the logits is the cheapest on this device?

Claim: unpacking the bits on the device (constrained/runtime/apply.py) is not slower than any of the others, and next
to a pass of a real model it is nothing.

    nothing   the likeliest token of all logits
    shift     ours: 32 shifts of each word, then where
    gather    bit t % 32 of word t // 32, fetched by a table of places
    bytes     the host unpacks: one byte a token is uploaded, then where
    bias      the host unpacks: one number a token is uploaded, and added

All are compiled, as a step is on a GPU; each begins with the packed mask in host memory and ends with the tokens there.
"""

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Row, Size, row
from constrained.runtime.apply import LANES, masked
from constrained.runtime.evaluation import finish

WIDTHS = (128_256, 262_144)  # logits
BATCHES = (1, 8, 32)  # rows
REPEATS = 5  # timed together

Words = NDArray[np.uint32]  # (B, W) packed masks
Upload = Callable[[Words, int], Any]
Step = Callable[[mx.array, mx.array], mx.array]


def as_words(words: Words, width: int) -> Words:
    """(B, W) uint32, as it is."""
    return words


def as_bytes(words: Words, width: int) -> NDArray[np.bool_]:
    """(B, V) bool."""
    return np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")[:, :width].astype(np.bool_)


def as_bias(words: Words, width: int) -> NDArray[np.float32]:
    """(B, V) float32: 0 or -inf."""
    return np.where(as_bytes(words, width), np.float32(0), np.float32(-np.inf))


def likeliest(logits: mx.array) -> mx.array:
    """(B,)"""
    return mx.argmax(logits, axis=-1)


def gathered(logits: mx.array, words: mx.array) -> mx.array:
    """Fetch each token's word, then its bit."""
    tokens = mx.arange(logits.shape[-1], dtype=mx.uint32)
    allowed = (mx.take(words, tokens // LANES, axis=-1) >> (tokens % LANES)) & 1
    return mx.where(allowed, logits, mx.array(-mx.inf, logits.dtype))


def chosen(logits: mx.array, allowed: mx.array) -> mx.array:
    """Where the bytes allow."""
    return mx.where(allowed, logits, mx.array(-mx.inf, logits.dtype))


WAYS: dict[str, tuple[Upload, Step]] = {
    "nothing": (as_words, lambda logits, words: likeliest(logits)),
    "shift": (as_words, lambda logits, words: likeliest(masked(logits, words))),
    "gather": (as_words, lambda logits, words: likeliest(gathered(logits, words))),
    "bytes": (as_bytes, lambda logits, allowed: likeliest(chosen(logits, allowed))),
    "bias": (as_bias, lambda logits, bias: likeliest(logits + bias.astype(logits.dtype))),
}


def measured(rows: int, width: int, rounds: int) -> list[Row]:
    """Every way for one size, in turn; the first quarter of the rounds is left out."""
    random = np.random.default_rng(rows + width)
    logits = mx.random.normal((rows, width)).astype(mx.bfloat16)
    words = random.integers(0, 2**32, size=(rows, -(-width // LANES)), dtype=np.uint32)
    steps = {name: (upload, mx.compile(step)) for name, (upload, step) in WAYS.items()}
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    answers: dict[str, object] = {}
    finish(logits)
    for number in range(rounds):
        for name, (upload, step) in steps.items():
            before = time.perf_counter()
            for _ in range(REPEATS):
                answers[name] = step(logits, mx.array(upload(words, width))).tolist()
            if number >= rounds // 4:
                times[name].append((time.perf_counter() - before) * 1e6 / REPEATS)
    assert all(answers[name] == answers["shift"] for name in WAYS if name != "nothing")
    bare = median(times["nothing"])
    return [
        row(f"{rows} x {width:,}: {name}", spent, note="" if name == "nothing" else f"{median(spent) - bare:+,.1f} us")
        for name, spent in times.items()
    ]


def rows(size: Size) -> Iterator[Row]:
    """Every number of rows and of logits. Small: one."""
    sizes = [(batch, width) for width in WIDTHS for batch in BATCHES]
    for batch, width in size.of(small=sizes[:1], full=sizes):
        yield from measured(batch, width, size.of(small=4, full=40))
