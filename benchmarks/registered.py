"""Which benchmarks there are, in the order in which they run.

A module of this folder registers by its name here. It has a docstring (question, claim, method) and
`rows(size)`, and imports at its top whatever it needs: it is loaded only when it is asked for.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType

from benchmarks.harness import Row, Size

BENCHMARKS = (
    "maskbench",
    "start",
    "vocabularies",
    "many_tools",
    "threads",
    "footprint",
    "lark_masks",
    "long_text",
    "mask_kernels",
    "mask_overhead",
    "large_models",
    "batch_caches",
    "batching",
    "tool_calls",
    "memory",
    "serving",
    "sharding_latency",
)


def load(name: str) -> ModuleType:
    """The module of a benchmark."""
    return import_module(f"benchmarks.{name}")


def run(name: str, size: Size) -> list[Row]:
    """Measure."""
    rows: Callable[[Size], Iterable[Row]] = load(name).rows
    return list(rows(size))
