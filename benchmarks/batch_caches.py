"""What does it cost a batch when its rows read different numbers of tokens?

Claim: with a slot for each row it costs nothing; where rows are aligned, all of them are copied.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness import Row, Size, measure, row
from constrained.runtime.evaluation import finish
from constrained.runtime.reading import Reading
from constrained.runtime.slots import SlotCache

import mlx.core as mx  # isort: skip  # after constrained.runtime, which loads a BLAS first
from mlx_lm.models import cache as theirs  # isort: skip

ROWS = 8
BatchKVCache: Any = theirs.BatchKVCache  # its types are left open


def rows(size: Size) -> Iterator[Row]:
    """One layer's keys and values, eight rows of 900 tokens, of which one reads eight tokens and seven one."""
    runs = size.of(small=2, full=15)
    shape, lengths = (ROWS, 3, 900, 64), [1] * (ROWS - 1) + [ROWS]
    held, fresh = mx.zeros(shape), mx.zeros((ROWS, 3, max(lengths), 64))
    finish(held, fresh)

    def made() -> Any:
        cache = BatchKVCache([0] * ROWS)
        cache.update_and_fetch(held, held)
        finish(cache.keys, cache.values)
        return cache

    def padded(cache: Any) -> None:
        cache.prepare(lengths=lengths, right_padding=[max(lengths) - one for one in lengths])
        fetched = cache.update_and_fetch(fresh, fresh)
        cache.finalize()
        finish(fetched, cache.keys, cache.values)

    def apart(cache: Any) -> None:
        leaving = BatchKVCache.merge([cache.extract(ROWS - 1)])
        cache.filter(list(range(ROWS - 1)))
        fetched = [
            leaving.update_and_fetch(fresh[:1], fresh[:1]),
            cache.update_and_fetch(fresh[1:, :, :1], fresh[1:, :, :1]),
        ]
        finish(fetched)
        cache.extend(leaving)
        finish(cache.keys, cache.values)

    ours = SlotCache()
    ours.begin(Reading(range(ROWS), ROWS, [0] * ROWS, [900] * ROWS)).update_and_fetch(held, held)

    def slots() -> None:
        finish(ours.begin(Reading(range(ROWS), ROWS, [900] * ROWS, lengths)).update_and_fetch(fresh, fresh))

    yield row("mlx-lm's batch cache, rows padded and moved up", [timed(padded, made()) for _ in range(runs)])
    yield row("mlx-lm's batch cache, a row leaves and comes back", [timed(apart, made()) for _ in range(runs)])
    yield measure("slots", slots, runs=runs)


def timed(run: Callable[[Any], None], cache: Any) -> float:
    """Microseconds."""
    before = time.perf_counter_ns()
    run(cache)
    return (time.perf_counter_ns() - before) / 1000
