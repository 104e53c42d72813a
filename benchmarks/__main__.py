"""`python -m benchmarks [NAME ...] [--small]`: measure, print the tables, keep what was found.

Each benchmark has a process of its own, so that none inherits another's caches or memory. One that
cannot run here (a tokenizer or data that is missing) is skipped with its reason; the exit code is 1 if one failed.
"""

import argparse
import subprocess
import sys

import pytest

from benchmarks.harness import Size, keep, show
from benchmarks.registered import BENCHMARKS, run


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--small", action="store_true", help="seconds, only to see that they run; nothing is kept")
    options = parser.parse_args()
    names = options.names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    if len(names) > 1:
        flags = ["--small"] if options.small else []
        codes = [subprocess.run([sys.executable, "-m", "benchmarks", name, *flags]).returncode for name in names]
        return int(any(codes))
    size = Size.SMALL if options.small else Size.FULL
    try:
        rows = run(names[0], size)
    except pytest.skip.Exception as missing:
        print(f"\n{names[0]}\n  skipped: {missing}")
        return 0
    show(names[0], rows)
    if size is Size.FULL:
        keep(names[0], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
