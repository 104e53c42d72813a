"""Fuzz the JSON Schema compiler: `python -m tests.fuzz.run [count] [first]`.

Schemas are numbered, so a failure is found again by its number. Every failure is printed small, one
per kind and smallest schema; the exit status is 1 if there was any.
"""

import json
import resource
import signal
import sys
import time
from collections import Counter
from random import Random
from types import FrameType
from typing import Any

from constrained.warming import warm_up
from tests.fuzz.check import Failure, Refused, check
from tests.fuzz.schemas import document
from tests.fuzz.shrink import shrink

SECONDS = 60  # of processor time; a schema that takes longer hangs
MEMORY = 6 << 30  # bytes; one that takes more is a MemoryError


class Hangs(Exception):
    """The time for one schema is over."""


def examine(schema: Any, seed: int) -> Failure | None:
    """As `check`, with crashes and hangs as failures. Raises Refused."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS, 1)  # again every second: a callback may swallow the first
    try:
        return check(schema, seed)
    except Refused:
        raise
    except Hangs:
        return Failure("hangs", "")
    except RecursionError as error:
        return Failure("RecursionError", str(error))
    except Exception as error:  # noqa: BLE001  whatever it is, it is a failure, and the next schema is tried
        return Failure(f"crash {type(error).__name__}", str(error)[:300])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def small(schema: Any, seed: int, kind: str) -> Any:
    """A small schema that fails likewise, for this seed or one of a few others."""

    def fails(smaller: Any) -> bool:
        try:
            return any((found := examine(smaller, each)) is not None and found.kind == kind for each in (seed, 1, 2, 3))
        except Refused:
            return False

    return schema if kind == "hangs" else shrink(schema, fails)


def _alarm(_: int, frame: FrameType | None) -> None:
    raise Hangs


def main(count: int, first: int) -> int:
    warm_up()  # the kernels' own compiling is not the first schema's
    signal.signal(signal.SIGPROF, _alarm)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    refusals: Counter[str] = Counter()
    failures: dict[str, Failure] = {}
    started = time.monotonic()
    for number in range(first, first + count):
        schema = document(Random(number))
        if number % 500 == 0:
            print(f"... {number}", file=sys.stderr, flush=True)  # noqa: T201
        try:
            failure = examine(schema, number)
        except Refused as refused:
            refusals[str(refused)] += 1
            continue
        if failure is not None:
            tiny = small(schema, number, failure.kind)
            text = json.dumps(tiny)
            if text not in failures:
                failures[text] = failure
                print(f"{number}: {failure.kind}: {text}\n    {failure.details}", flush=True)  # noqa: T201
    print(f"{count} schemas from {first}: {len(failures)} failures, {refusals.total()} refused, "  # noqa: T201
          f"{time.monotonic() - started:.0f} s")  # fmt: skip
    for reason, times in refusals.most_common(12):
        print(f"    {times:5} {reason[:140]}")  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*(int(one) for one in (*sys.argv[1:], *("1000", "0")[len(sys.argv) - 1 :]))))
