"""What a benchmark is, the only timing code, and one JSON line for each thing measured.

    benchmarks/NAME.py          a docstring with question, claim and method, and  rows(size) -> Iterable[Row]
    benchmarks/registered.py    names it
    benchmarks/results/NAME.jsonl  what it found: a first line about the machine, then one line a row

Machines are noisy, so medians are quoted, and what is compared is measured alternately (A B A B) in one
run. `cpu` is processor time: other load on the machine disturbs it less than wall time.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from constrained.native.finder import engine

RESULTS = Path(__file__).parent / "results"

T = TypeVar("T")


class Size(Enum):
    """How much is measured."""

    SMALL = "small"  # seconds: does it still run? Its numbers mean nothing and are not kept.
    FULL = "full"  # at most some minutes: what is published

    def of(self, *, small: T, full: T) -> T:
        """The one of the two that is meant."""
        return small if self is Size.SMALL else full


@dataclass(frozen=True)
class Row:
    """One measured thing; times in microseconds. `facts` are further numbers, by name, for tables and plots."""

    what: str
    runs: int
    median_us: float
    least_us: float
    most_us: float
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def measure(what: str, run: Callable[[], object], *, runs: int = 5, cpu: bool = False, note: str = "") -> Row:
    """Time `run` several times."""
    clock = time.process_time_ns if cpu else time.perf_counter_ns
    times: list[float] = []
    for _ in range(runs):
        before = clock()
        run()
        times.append((clock() - before) / 1000)
    return row(what, times, note=note)


def row(what: str, times_us: Iterable[float], *, note: str = "", **facts: Any) -> Row:
    """Summarise times taken elsewhere."""
    times = sorted(times_us)
    return Row(what, len(times), round(median(times), 1), round(times[0], 1), round(times[-1], 1), note, facts)


# ---------------------------------------------------------------- results


def machine() -> dict[str, Any]:
    """Where and of what this was measured. New results beside the code do not make its commit a dirty one."""
    commit, changed = (
        subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout.strip()
        for words in (("describe", "--always"), ("status", "--porcelain", "-uno", "--", ".", ":!benchmarks/results"))
    )
    return {
        "commit": f"{commit}-dirty" if changed else commit,
        "engine": engine().kind,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        **_gpu(),
    }


def _gpu() -> dict[str, str]:
    """The GPU that MLX used, if it used one."""
    mlx = sys.modules.get("mlx.core")
    if mlx is None or mlx.default_device() != mlx.gpu:
        return {}
    return {"gpu": str(mlx.device_info().get("device_name"))}


def _processor() -> str:
    """The kind of processor, as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        except OSError:
            return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def show(name: str, rows: list[Row]) -> None:
    """Print a table."""
    width = max(len(one.what) for one in rows)
    print(f"\n{name}")
    for one in rows:
        spread = f"({one.least_us:,.1f} .. {one.most_us:,.1f})"
        print(f"  {one.what:{width}}  {one.median_us:12,.1f} us  {spread}  {one.note}", flush=True)


def keep(name: str, rows: list[Row]) -> None:
    """Write rows as JSON lines into results/, after a line about the machine."""
    RESULTS.mkdir(exist_ok=True)
    lines = [json.dumps({"machine": machine()}), *(json.dumps(asdict(one)) for one in rows)]
    (RESULTS / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
